"""``legacy-gbp synthesize``: write a folder of synthetic shots."""

from legacy_gbp.data.synthetic_files import file_list, write_set


def run(_, options):
    """Write the files that are not there yet; the options are those of :mod:`legacy_gbp.cli`."""
    write_set(
        options.folder,
        options.shots,
        options.files,
        options.seed,
        unusable=options.unusable,
        flip=options.flip,
        systematics=options.systematics == "on",
    )
    print(f"-- {len(file_list(options.files))} files in {options.folder}", flush=True)
