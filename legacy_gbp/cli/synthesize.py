"""``legacy-gbp synthesize``: write a folder of synthetic shots."""

from legacy_gbp.data.synthetic.files import Recipe, file_list, write_set


def run(_, options):
    """Write the files that are not there yet; the options are those of :mod:`legacy_gbp.cli`."""
    recipe = Recipe(
        seed=options.seed,
        systematics=options.systematics == "on",
        independent=options.independent,
        unusable=options.unusable,
        flip=options.flip,
        amplitude_error=options.amplitude_error,
        camera_noise=options.camera_noise == "on",
        off=options.off,
    )
    listed = file_list(options.runs, options.files)
    write_set(options.folder, listed, options.shots, recipe)
    print(f"-- {len(listed)} files in {options.folder}", flush=True)
