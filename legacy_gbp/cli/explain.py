"""``legacy-gbp explain``: maps of any model for any images."""

import contextlib
import json
import os
from typing import Any, Callable, Dict, List, Optional, Sequence

from legacy_gbp.attribution import METHODS, bound_method
from legacy_gbp.cli import option_types
from legacy_gbp.cli.explain_outcome import Outcome, coverage_of
from legacy_gbp.cli.open_model import OpenedModel, add_model_arguments, open_model
from legacy_gbp.cli.outputs import add_overwrite, recipe_for
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.cli.target_option import add_target_arguments, read_target
from legacy_gbp.cli.target_words import Target
from legacy_gbp.errors import InputError
from legacy_gbp.io.console import print_line
from legacy_gbp.io.destinations import HDF5, PNG, Output, check_outputs, made_by
from legacy_gbp.io.recipes import ATTRIBUTE, KEYWORD, as_text
from legacy_gbp.io.sources import files_read

NAME = "explain"
HELP = "maps of any model for any images"
EXAMPLE = "explain frozen.pb --images cat.png --figure cat-guided.png"
MOST_NAMED = 100  # operations in an attribute, which HDF5 limits to 64 kB
PLAIN = "gradient"
SCALES = ("none", "caffe", "tf", "unit")


def add_arguments(parser: Parser) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    """
    add_model_arguments(parser)
    parser.add_argument(
        "--images",
        nargs="+",
        required=True,
        metavar="X",
        help="X.npy (N, H, W, C), X.h5:DATASET, or picture files",
    )
    add_target_arguments(parser)
    parser.add_argument(
        "--method", choices=tuple(METHODS), default="guided", help="how to explain it (guided)"
    )
    parser.add_argument("--layer", metavar="NAME", help="the layer that Grad-CAM looks at")
    parser.add_argument(
        "--wrt",
        metavar="NAME",
        help="a hidden layer or a kernel to differentiate with respect to, in place of the images",
    )
    parser.add_argument(
        "--scale",
        choices=SCALES,
        help="of 0..255 pictures: caffe as VGG19, tf -1..1, unit 0..1, none (caffe for --net "
        "vgg19, else none; --net ex07 and ex08 prepare images as in training)",
    )
    parser.add_argument(
        "--compress",
        action="store_true",
        help="maps through gzip: less room, several times the time",
    )
    parser.add_argument(
        "--compare", action="store_true", help="put the plain gradient beside the map"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=option_types.path, help="write the maps to HDF5"
    )
    parser.add_argument(
        "--figure",
        metavar="PNG",
        type=option_types.path,
        help="draw the first twelve, map and overlay",
    )
    parser.add_argument(
        "--batch-size",
        type=option_types.positive,
        default=16,
        metavar="N",
        help="images at a time (16)",
    )
    parser.add_argument(
        "--limit", type=option_types.positive, metavar="N", help="stop after N images"
    )
    parser.add_argument(
        "--allow-partial",
        action="store_true",
        help="accept a rule that misses nonlinearities; they go by the chain rule",
    )
    add_overwrite(parser)


def run(options: Options) -> None:
    """Make maps, a result file and a page.

    Parameters
    ----------
    options : Options
    """
    recipe = _check_outputs(options)
    target = read_target(options)  # refused before anything is loaded
    opened = open_model(options)
    source = _with_scale(opened.source, options.scale)
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.rules.relu import OVERRIDES

    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Network(source, allow_partial=options.allow_partial))
        rule = options.method if options.method in OVERRIDES else PLAIN
        graph = net.under(rule, wrt=options.wrt)
        endpoints = graph.endpoints
        if len(endpoints.input_ts) != 1:
            raise InputError(
                f"{options.model}: has {len(endpoints.input_ts)} inputs; explain such a model from "
                "Python, with a tuple of arrays"
            )
        target.check_classes(options.target, graph.known_classes)
        images = _images(options.images, endpoints)
        append: Callable[..., None] = _ignore
        if options.output:
            facts = _facts(options, opened, source.preparation, endpoints.logits_t.name)
            facts[ATTRIBUTE] = recipe
            append = _recorder(stack, options, facts, net)
        outcome = _explain_all(options, net, images, append)
    if not (options.output_tensor or options.net or options.target.startswith("layer:")):
        outcome.notices.insert(0, f"the output is {outcome.output}; --output-tensor names another")
    if options.figure:
        outcome.draw(options.figure, os.path.basename(options.model), {KEYWORD: recipe})
    outcome.report(source.preparation)
    for path in (options.output, options.figure):
        if path:
            print_line(f"-- in {path}")


def _check_outputs(options: Options) -> str:
    """Refuse outputs that would destroy something; return the recipe that they carry."""
    named = [options.model, *options.images, options.target, options.labels]
    inputs = files_read([path for path in named if path])
    recipe = recipe_for(options, inputs)
    places = ((options.output, "--output", HDF5), (options.figure, "--figure", PNG))
    outputs = [Output(path, option, kind, made_by(recipe)) for path, option, kind in places if path]
    check_outputs(outputs, inputs, options.overwrite)
    return as_text(recipe)


def _ignore(**columns: Any) -> None:
    """Record nothing."""


def _recorder(
    stack: contextlib.ExitStack, options: Options, facts: Dict[str, Any], net: Any
) -> Callable[..., None]:
    """Return what appends to the result file, which the first images open.

    All graphs are built by then, so that the file knows what a rule missed.
    """
    from legacy_gbp.results.writer import result_file

    opened: List[Callable[..., None]] = []

    def append(**columns: Any) -> None:
        if not opened:
            coverage = coverage_of(net)
            known = {**facts, "method": coverage.method(options.method)}
            if coverage.missed:
                names = [finding.name for finding in coverage.missed[:MOST_NAMED]]
                partial = {
                    "missed": len(coverage.missed), "of": coverage.total, "operations": names,
                }  # fmt: skip
                known["partial"] = json.dumps(partial)
            file = result_file(options.output, known, options.compress)
            opened.append(stack.enter_context(file))
        opened[0](**columns)

    return append


def _with_scale(source: Any, scale: Optional[str]) -> Any:
    """Return the source with the scale that was asked for."""
    from legacy_gbp.models.pixel_scale import PixelScaled

    if scale is None or scale == source.preparation:
        return source
    if not isinstance(source, PixelScaled):
        raise InputError(
            f"--scale {scale}: this checkpoint prepares images as in training "
            f"({source.preparation}); leave --scale out"
        )
    return source.with_scale(scale)


def _images(names: Sequence[str], endpoints: Any) -> Any:
    """Open the images; integers for an embedded input are what it embeds."""
    from legacy_gbp.attribution.image_runs import shape_of_image
    from legacy_gbp.data.images import image_set

    input_t = endpoints.input_ts[0]
    token_t = endpoints.token_ts.get(input_t)
    if token_t is not None and image_set(names, None).read(0, 1).dtype.kind in "iu":
        input_t = token_t
    return image_set(names, shape_of_image(input_t, endpoints.logits_t))


def _explain_all(options: Options, net: Any, images: Any, append: Callable[..., None]) -> Outcome:
    from legacy_gbp.attribution.pipeline import Explanation, explain_batches
    from legacy_gbp.rules.relu import OVERRIDES

    count = min(len(images), options.limit or len(images))
    target = read_target(options, len(images), count)
    methods = _methods(options, net, target)
    logits_from = options.method if options.method in OVERRIDES and not options.wrt else None
    form = target.forms[0]
    asked = Explanation(
        methods, form, images.name, logits_from=logits_from, per_image=target.per_image
    )
    outcome = Outcome(options.method, options.target, target, images, count, wrt=options.wrt)

    def write(found: Any) -> None:
        others = {
            f"maps_{name}": maps for name, maps in found.maps.items() if name != options.method
        }
        append(
            maps=found.maps[options.method],
            **others,
            logits=found.logits,
            name=_texts([images.name(k) for k in found.indices]),
        )

    batches = _batches(images, count, options.batch_size)
    number = -(-count // options.batch_size)
    explained = explain_batches(net, batches, number, asked, write, "explain")
    with contextlib.closing(explained):  # writes what is explained, also where this fails
        for found in explained:
            outcome.add(found, net)
    outcome.close(net)
    return outcome


def _methods(options: Options, net: Any, target: Target) -> Dict[str, Callable[..., Any]]:
    """Return what makes each kind of maps; what is asked for comes last."""
    asked = bound_method(options.method, net, options.layer, options.wrt)
    methods: Dict[str, Callable[..., Any]] = {}
    if options.compare and options.method != PLAIN:
        methods[PLAIN] = bound_method(PLAIN, net, None, options.wrt)
    for form in target.forms[:0:-1]:
        methods[f"{options.method}_top{form.rank}"] = _with_target(asked, form)
    methods[options.method] = asked
    return methods


def _with_target(method: Callable[..., Any], form: Any) -> Callable[..., Any]:
    """Return a method that explains a target of its own."""
    return lambda images, target: method(images, form)


def _batches(images: Any, count: int, size: int) -> Any:
    import numpy as np

    from legacy_gbp.data.batches import Batch

    for start in range(0, count, size):
        stop = min(start + size, count)
        yield Batch(np.arange(start, stop), images.read(start, stop))


def _texts(names: List[str]) -> Any:
    import numpy as np

    return np.array(names, dtype=object)


def _facts(
    options: Options, opened: OpenedModel, preparation: str, output_tensor: str
) -> Dict[str, Any]:
    from legacy_gbp.io.digest import sha256_of_model
    from legacy_gbp.results.provenance import versions

    return {
        "model": options.model,
        "model_sha256": sha256_of_model(options.model),
        "target": str(options.target),
        "preprocess": preparation,
        "output_tensor": output_tensor,
        "options": json.dumps(options.given(), sort_keys=True, default=str),
        **versions(opened.tensorflow_version),
    }
