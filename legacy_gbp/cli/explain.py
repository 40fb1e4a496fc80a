"""``legacy-gbp explain``: maps of any model for any images."""

import contextlib
import json
import os

import numpy as np

from legacy_gbp.attribution import bound
from legacy_gbp.attribution.target import Layer
from legacy_gbp.cli.open_model import open_model, sha256_of_model
from legacy_gbp.errors import InputError
from legacy_gbp.io.atomic import check_destination
from legacy_gbp.io.console import progress

IMAGES_ON_A_PAGE = 12
PLAIN = "gradient"


def run(_, options):
    """Make maps with the options of :mod:`legacy_gbp.cli`."""
    for path in (options.output, options.figure):
        if path:
            check_destination(path)
    source, _ = open_model(options)
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.data.images import image_set
    from legacy_gbp.rules.relu import OVERRIDES

    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Network(source, allow_partial=options.allow_partial))
        rule = options.method if options.method in OVERRIDES else "gradient"
        ends = net.under(rule).ends
        if len(ends.input_ts) != 1:
            raise InputError(
                f"{options.model}: has {len(ends.input_ts)} inputs; explain such a model from "
                "Python, with a tuple of arrays"
            )
        images = image_set(options.images, _shape_of_one(ends.input_ts[0]))
        methods = [PLAIN] if options.compare and options.method != PLAIN else []
        methods.append(options.method)  # last: what is asked for
        explain = {name: bound(name, net, options.layer) for name in methods}
        append = lambda **columns: None  # noqa: E731
        if options.output:
            append = stack.enter_context(_record(options, source))
        shown: list = []
        zeros: list = []
        count = min(len(images), options.limit or len(images))
        size = options.batch_size
        for start in progress(range(0, count, size), -(-count // size), "explain"):
            raw = images.read(start, min(start + size, count))
            fed = SCALES[options.scale](raw)
            logits = net.logits(fed)
            found = {name: explain[name](fed, options.target) for name in methods}
            for maps in found.values():
                _check(maps, logits, images, start)
            maps = found[options.method]
            zeros += [start + k for k in range(len(maps)) if not maps[k].any()]
            others = {f"maps_{name}": found[name] for name in methods[:-1]}
            append(maps=maps, **others, logits=logits, name=_names(images, start, len(raw)))
            for k in range(min(IMAGES_ON_A_PAGE - len(shown), len(raw))):
                caption = f"{images.name(start + k)[-18:]}: class {int(np.argmax(logits[k]))}"
                shown.append((caption, raw[k], [(name, found[name][k]) for name in methods]))
        missed = [finding for finding in _audits(net) if not finding.took]
    _draw(options, shown)
    _report(options, count, zeros, missed, images)


def _as_vgg19_takes_them(images):
    from legacy_gbp.networks.vgg19 import preprocess

    return preprocess(images)


def _as_float(images):
    return images if images.dtype.kind == "f" else images.astype(np.float32)


SCALES = {
    "none": _as_float,
    "caffe": _as_vgg19_takes_them,
    "tf": lambda images: _as_float(images) / np.float32(127.5) - np.float32(1),
    "unit": lambda images: _as_float(images) / np.float32(255),
}


def _shape_of_one(tensor_t):
    return None if tensor_t.shape.rank is None else tensor_t.shape.as_list()[1:]


def _audits(net):
    return {finding for model in net.models() for finding in model.audit}


def _check(maps, logits, images, start):
    """NaN is an error that names its image."""
    for what, values in (("map", maps), ("logits", logits)):
        finite = np.isfinite(np.asarray(values, np.float64).reshape(len(values), -1)).all(axis=1)
        if not finite.all():
            raise InputError(
                f"{images.name(start + int(np.argmin(finite)))}: NaN or Inf in the {what}; look "
                "for huge pixels, another --scale, or NaN in the weights"
            )


def _names(images, start, number):
    return np.array([images.name(start + k) for k in range(number)], dtype=object)


def _record(options, source):
    from legacy_gbp.results import result_file, versions

    facts = {
        "model": options.model,
        "model_sha256": sha256_of_model(options.model),
        "method": options.method,
        "target": _words(options.target),
        "output_tensor": str(getattr(source, "output", "logits")),
        "options": json.dumps(options.given(), sort_keys=True, default=str),
        **versions(),
    }
    return result_file(options.output, facts, options.compress)


def _draw(options, shown):
    if not options.figure:
        return
    from legacy_gbp import figures

    title = f"{os.path.basename(options.model)}: {options.method} of {_words(options.target)}"
    figures.save(figures.explained_page(title, shown), options.figure)


def _words(target):
    """A target as the command line takes it."""
    if isinstance(target, Layer):
        place = ",".join(map(str, target.index))
        return f"layer:{target.name}" + (f":{place}" if place else "")
    return str(target)


def _report(options, count, zeros, missed, images):
    print(f"-- {count} maps by {options.method} of {_words(options.target)}", flush=True)
    if missed:
        print(
            f"-- partial: {len(missed)} nonlinearities went backwards by the chain rule, such as "
            f"{sorted(missed)[0].name}",
            flush=True,
        )
    if zeros:
        print(
            f"-- {len(zeros)} maps are all zero, such as that of {images.name(zeros[0])}: nothing "
            "that speaks for the target gets through",
            flush=True,
        )
    for path in (options.output, options.figure):
        if path:
            print(f"-- in {path}", flush=True)
