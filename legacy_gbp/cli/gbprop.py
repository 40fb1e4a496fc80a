"""``gbprop``: where does the network look? Maps of the predicted class's logit."""

import contextlib
import os
import re
from collections import namedtuple

import numpy as np

from legacy_gbp.attribution import METHODS, bound
from legacy_gbp.batch.stop import stoppable
from legacy_gbp.cli.restore import check_finite, recorded, restore
from legacy_gbp.data.batches import count_file_by_file, file_by_file
from legacy_gbp.data.xtcav import NO_LABEL
from legacy_gbp.errors import InputError
from legacy_gbp.exercises import preprocess
from legacy_gbp.io.atomic import check_destination
from legacy_gbp.io.console import progress
from legacy_gbp.io.prefetch import ahead, behind, side_by_side

PLAIN, GUIDED = "gradient", "guided"

_Explained = namedtuple("_Explained", "indices images logits predicted maps")


def run(exercise, options):
    """Make maps with the options of :mod:`legacy_gbp.cli`."""
    if options.historical and options.method not in (PLAIN, GUIDED):
        raise InputError(
            f"--historical knows no {options.method}; the original had guided and gradient alone"
        )
    if options.pages:
        check_destination(f"{options.figure}-001.png")
    with contextlib.ExitStack() as stack:
        window = stack.enter_context(_figures().Window()) if options.show else None
        outputs, source = restore(exercise, options)
        if not outputs:
            return

        from legacy_gbp.attribution.network import Network, Overridden
        from legacy_gbp.exercises.layer_by_layer import LayerByLayer
        from legacy_gbp.rules.relu import OVERRIDES

        net = stack.enter_context(
            Network(source, LayerByLayer if options.historical else Overridden)
        )
        rule = options.method if options.method in OVERRIDES else None
        if rule:
            net.under(rule)  # opened first, this graph also gives the logits
        methods = [options.method]
        if options.compare:
            methods = sorted({PLAIN, GUIDED, options.method}, key=list(METHODS).index)
        explain = {name: bound(name, net, options.layer) for name in methods}
        stop = stack.enter_context(stoppable(options))
        for output in stop.between(outputs, len(outputs)):
            _run_one(exercise, options, output, source, net, explain, rule, window, stop)
            stop.finished += 1


def _run_one(exercise, options, output, source, net, explain, rule, window, stop):
    """Make one result and its pages, and say so."""
    shots, shown = output.shots, 0
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(recorded(exercise, options, output, source))
        title = _title(exercise, options)
        pages = stack.enter_context(_figures().Pages(output.figure, title, options.pages))
        # Innermost: where a row cannot be written, no page appears either.
        record = stack.enter_context(behind(record))
        batches = count_file_by_file(shots, options.batch_size or exercise.predict_batch_size)
        explained = _explained(exercise, options, shots, source, net, explain, rule)
        for found in stop.between(explained, batches):
            shown += len(found.indices)
            record(found.indices, **_columns(found, options))
            if not _draw(exercise, options, shots, found, pages, window):
                break
    _report(exercise, output, shown, len(shots), pages.paths)


def _figures():
    try:
        from legacy_gbp import figures
    except ValueError as error:  # matplotlib reads its settings when imported
        raise InputError(f"matplotlib does not start ({error}); unset MPLBACKEND") from error
    return figures


def _explained(exercise, options, shots, source, net, explain, rule):
    """Yield the shots of the wanted class of every batch with their maps, up to the limit."""
    size = options.batch_size or exercise.predict_batch_size
    wanted = exercise.shown_class if options.only_class is None else options.only_class
    wanted = None if wanted == "all" else wanted
    left = options.limit or len(shots)
    batches = ahead(
        (indices, images, preprocess.apply_or_leave(source.preprocess, images))
        for indices, images in file_by_file(shots, size)
    )
    count = count_file_by_file(shots, size)
    one_run = rule if wanted is None and left >= len(shots) else None
    if one_run and not options.historical:  # the walk of 2016 adds to its graph
        for name in explain:
            net.under(name)  # opened before two threads ask for it
        found = side_by_side(lambda batch: _batch(batch, shots, net, explain, one_run), batches)
        yield from progress(found, count, "gbprop")
        return
    for batch in progress(batches, count, "gbprop"):
        explained = _batch(batch, shots, net, explain, one_run, wanted, left)
        yield explained
        left -= len(explained.indices)
        if not left:
            return


def _batch(batch, shots, net, explain, one_run, wanted=None, left=None):
    """Explain the shots of the wanted class, `left` of them at most."""
    indices, images, inputs = batch
    maps = {}
    if one_run:  # gives the logits and this rule's maps
        logits, maps[one_run] = net.under(one_run).predicted(inputs)
    else:
        logits = net.logits(inputs)
    check_finite(logits, "logits", shots, indices)
    predicted = logits.argmax(axis=1)
    keep = np.arange(len(indices))
    if wanted is not None:
        keep = keep[predicted == wanted]
    keep = keep[:left]
    for name in explain if len(keep) else ():
        if name not in maps:
            maps[name] = explain[name](inputs[keep], predicted[keep])
    none = np.empty((0, *inputs.shape[1:]), np.float32)
    maps = {name: maps.get(name, none) for name in explain}
    for name, values in maps.items():
        check_finite(values, f"{name} map", shots, indices[keep])
    return _Explained(indices[keep], images[keep], logits[keep], predicted[keep], maps)


def _columns(found, options):
    columns = {"logits": found.logits, "target": found.predicted}
    for name, maps in found.maps.items():
        own = name == options.method
        columns["maps" if own else "maps_" + _said(name, options)] = maps
    return columns


def _said(name, options):
    """What a map is called: layer by layer the plain walk of 2016 is not the gradient."""
    return "unguided" if options.historical and name == PLAIN else name


def _draw(exercise, options, shots, found, pages, window):
    """Put shots on pages and into the window; False when the reader quits."""
    for k, index in enumerate(found.indices):
        caption = _caption(exercise, shots, index, found.predicted[k])
        panels = [("image", found.images[k, :, :, 0])]
        panels += [(_said(name, options), maps[k, :, :, 0]) for name, maps in found.maps.items()]
        pages.add(caption, panels)
        if window and not window.show(caption, panels):
            return False
    return True


def _caption(exercise, shots, index, predicted):
    """Run, chunk and row, the predicted class, and the label where it differs."""
    name = os.path.basename(shots.paths[shots.files[index]])
    known = re.search(r"r\d+-c\d+", name)
    where = known.group() if known else name[:16]
    text = f"{where}/{shots.rows[index]}: {exercise.classes[predicted]}"
    label = shots.labels[index]
    return text if label in (NO_LABEL, predicted) else f"{text} (label {label})"


def _title(exercise, options):
    way = ", as in 2016" if options.historical else ""
    said = _said(options.method, options)
    return f"{exercise.name}, {exercise.title}: {said} map of the predicted class{way}"


def _report(exercise, output, shown, total, pages):
    print(f"-- {shown} maps of {total} samples", flush=True)
    if not shown:
        classes = ", ".join(f"{k} {name}" for k, name in enumerate(exercise.classes))
        print(
            f"-- no shot is predicted as the shown class; see --only-class ({classes})", flush=True
        )
    if output.path:
        print(f"-- maps in {output.path}", flush=True)
    for path in pages:
        print(f"-- page {path}", flush=True)
