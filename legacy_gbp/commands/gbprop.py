"""``gbprop``: where does the network look? Maps of the predicted class's logit."""

import contextlib
import functools

import numpy as np

from legacy_gbp.commands.restored import restore
from legacy_gbp.data import preprocess
from legacy_gbp.data.batches import in_order
from legacy_gbp.errors import InputError
from legacy_gbp.progress import progress
from legacy_gbp.results import provenance, result_file

PLAIN = "gradient"


def run(exercise, options):
    """Make maps with the command line's options.

    Parameters
    ----------
    exercise : Exercise
    options : argparse.Namespace
        See :mod:`legacy_gbp.cli`.
    """
    if options.historical and options.method == "deconvnet":
        raise InputError(
            "--historical knows no deconvnet; the original had guided and gradient alone"
        )
    shots, source = restore(exercise, options)

    from legacy_gbp.attribution import METHODS
    from legacy_gbp.figures import Pages, Window
    from legacy_gbp.network import Network

    backward = None
    if options.historical:
        from legacy_gbp.attribution.layer_by_layer import LayerByLayer as backward  # noqa: N813

    methods = [options.method]
    if options.compare and options.method != PLAIN:
        methods.insert(0, PLAIN)
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Network(source, backward))
        explain = {name: functools.partial(METHODS[name], net) for name in methods}
        append = None
        if options.output:
            facts = provenance(
                exercise.name, options.given(), source.path, shots.paths, source.preprocess.kind
            )
            append = stack.enter_context(result_file(options.output, facts))
        pages = Pages(options.figure, _title(exercise, options), options.pages)
        window = stack.enter_context(contextlib.closing(Window())) if options.show else None
        shown = 0
        for indices, images, logits, predicted, maps in _explained(
            exercise, options, shots, source, net, explain
        ):
            shown += len(indices)
            if append:
                append(**_columns(shots, indices, logits, predicted, maps, options.method))
            for k, index in enumerate(indices):
                caption = _caption(exercise, shots, index, predicted[k])
                panels = [("image", images[k, :, :, 0])]
                panels += [(name, maps[name][k, :, :, 0]) for name in methods]
                pages.add(caption, panels)
                if window and not window.show(caption, panels):
                    window = None
                    break
            if options.show and window is None:
                break
        pages.close()
    _report(exercise, options, shown, len(shots), pages.paths)


def _explained(exercise, options, shots, source, net, explain):
    """Yield batches of shots of the wanted class with their maps, up to the limit."""
    size = options.batch_size or exercise.predict_batch_size
    wanted = exercise.shown_class if options.only_class is None else options.only_class
    left = options.limit or len(shots)
    batches = in_order(shots, size)
    for indices, images in progress(batches, -(-len(shots) // size), "gbprop"):
        inputs = preprocess.apply(source.preprocess, images)
        logits = net.logits(inputs)
        predicted = logits.argmax(axis=1)
        keep = np.arange(len(indices)) if wanted in (None, "all") else predicted == wanted
        keep = np.arange(len(indices))[keep][:left]
        if len(keep):
            maps = {name: method(inputs[keep], predicted[keep]) for name, method in explain.items()}
            _check_finite(maps, shots, indices[keep])
            yield indices[keep], images[keep], logits[keep], predicted[keep], maps
        left -= len(keep)
        if not left:
            return


def _columns(shots, indices, logits, predicted, maps, method):
    columns = {
        "maps": maps[method],
        "logits": logits,
        "target": predicted,
        "label": shots.labels[indices],
        "file": [shots.paths[k] for k in shots.files[indices]],
        "row": shots.rows[indices],
    }
    if PLAIN in maps and method != PLAIN:
        columns["maps_" + PLAIN] = maps[PLAIN]
    return columns


def _check_finite(maps, shots, indices):
    for name, values in maps.items():
        bad = np.nonzero(~np.isfinite(values).all(axis=(1, 2, 3)))[0]
        if len(bad):
            index = indices[bad[0]]
            raise InputError(
                f"{shots.paths[shots.files[index]]} row {shots.rows[index]}: the {name} map holds "
                "NaN or Inf; look for Inf or NaN in the checkpoint's variables"
            )


def _caption(exercise, shots, index, predicted):
    text = f"row {shots.rows[index]}: {exercise.classes[predicted]}"
    label = shots.labels[index]
    return text if label < 0 or label == predicted else text + f" (label {label})"


def _title(exercise, options):
    way = ", as in 2016" if options.historical else ""
    return (
        f"{exercise.name}, {exercise.title}: {options.method} of the predicted class's logit{way}"
    )


def _report(exercise, options, shown, total, pages):
    print(f"-- {shown} maps of {total} samples", flush=True)
    if not shown:
        print(
            "-- no shot is predicted as the shown class; see --only-class (classes: {})".format(
                ", ".join(f"{k} {name}" for k, name in enumerate(exercise.classes))
            ),
            flush=True,
        )
    if options.output:
        print(f"-- maps in {options.output}", flush=True)
    for path in pages:
        print(f"-- page {path}", flush=True)
