"""``gbprop``: where does the network look? Maps of the predicted class's logit."""

import contextlib
import functools
from collections import namedtuple

import numpy as np

from legacy_gbp.commands.restored import check_finite, recorded, restore
from legacy_gbp.data import preprocess
from legacy_gbp.data.batches import in_order
from legacy_gbp.errors import InputError
from legacy_gbp.progress import progress

PLAIN = "gradient"

_Explained = namedtuple("_Explained", "indices images logits predicted maps")


def run(exercise, options):
    """Make maps with the options of :mod:`legacy_gbp.cli`."""
    if options.historical and options.method == "deconvnet":
        raise InputError(
            "--historical knows no deconvnet; the original had guided and gradient alone"
        )
    shots, source = restore(exercise, options)

    from legacy_gbp.attribution import METHODS
    from legacy_gbp.attribution.layer_by_layer import LayerByLayer
    from legacy_gbp.figures import Pages, Window
    from legacy_gbp.network import Network, Overridden

    backward = LayerByLayer if options.historical else Overridden
    methods = [options.method]
    if options.compare and options.method != PLAIN:
        methods.insert(0, PLAIN)
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Network(source, backward))
        net.under(options.method)  # opened first, this graph also gives the logits
        explain = {name: functools.partial(METHODS[name], net) for name in methods}
        record = stack.enter_context(recorded(exercise, options, shots, source))
        pages = Pages(options.figure, _title(exercise, options), options.pages)
        window = stack.enter_context(contextlib.closing(Window())) if options.show else None
        shown = 0
        for found in _explained(exercise, options, shots, source, net, explain):
            shown += len(found.indices)
            record(found.indices, **_columns(found, options.method))
            if not _draw(exercise, shots, found, pages, window):
                break
        pages.close()
    _report(exercise, options, shown, len(shots), pages.paths)


def _explained(exercise, options, shots, source, net, explain):
    """Yield the shots of the wanted class of every batch with their maps, up to the limit."""
    size = options.batch_size or exercise.predict_batch_size
    wanted = exercise.shown_class if options.only_class is None else options.only_class
    left = options.limit or len(shots)
    batches = in_order(shots, size)
    for indices, images in progress(batches, -(-len(shots) // size), "gbprop"):
        inputs = preprocess.apply(source.preprocess, images)
        logits = net.logits(inputs)
        check_finite(logits, "logits", shots, indices)
        predicted = logits.argmax(axis=1)
        keep = np.arange(len(indices))
        if wanted not in (None, "all"):
            keep = keep[predicted == wanted]
        keep = keep[:left]
        maps = {name: np.empty_like(inputs[:0]) for name in explain}
        if len(keep):
            maps = {name: method(inputs[keep], predicted[keep]) for name, method in explain.items()}
        for name, values in maps.items():
            check_finite(values, f"{name} map", shots, indices[keep])
        yield _Explained(indices[keep], images[keep], logits[keep], predicted[keep], maps)
        left -= len(keep)
        if not left:
            return


def _columns(found, method):
    columns = {"maps": found.maps[method], "logits": found.logits, "target": found.predicted}
    if PLAIN in found.maps and method != PLAIN:
        columns["maps_" + PLAIN] = found.maps[PLAIN]
    return columns


def _draw(exercise, shots, found, pages, window):
    """Put shots on pages and into the window; False when the reader quits."""
    for k, index in enumerate(found.indices):
        caption = _caption(exercise, shots, index, found.predicted[k])
        panels = [("image", found.images[k, :, :, 0])]
        panels += [(name, maps[k, :, :, 0]) for name, maps in found.maps.items()]
        pages.add(caption, panels)
        if window and not window.show(caption, panels):
            return False
    return True


def _caption(exercise, shots, index, predicted):
    text = f"row {shots.rows[index]}: {exercise.classes[predicted]}"
    label = shots.labels[index]
    return text if label < 0 or label == predicted else text + f" (label {label})"


def _title(exercise, options):
    way = ", as in 2016" if options.historical else ""
    return f"{exercise.name}, {exercise.title}: {options.method} map of the predicted class{way}"


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
