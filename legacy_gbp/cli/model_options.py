"""``inspect``, ``explain`` and ``selftest``: any model."""

from legacy_gbp.attribution import METHODS
from legacy_gbp.cli import option_types as values


def add_models(commands):
    """Add the three to the parser of ``legacy-gbp``."""
    _add_inspect(commands)
    _add_explain(commands)
    _add_selftest(commands)


def _add_inspect(commands):
    parser = commands.add_parser(
        "inspect",
        help="what a model file holds, and whether a rule reaches its ReLUs",
        description="Show the ends and layers of a model, and the audit of a rule.",
        epilog="example: legacy-gbp inspect frozen.pb",
    )
    _add_model(parser)
    parser.add_argument(
        "--rule",
        choices=("guided", "deconvnet", "gradient"),
        default="guided",
        help="the rule to audit (guided)",
    )
    parser.set_defaults(module="legacy_gbp.cli.inspect", exercise=None)


def _add_explain(commands):
    parser = commands.add_parser(
        "explain",
        help="maps of any model for any images",
        description="Explain the outputs of a model for images.",
        epilog="example: legacy-gbp explain frozen.pb --images cat.png --figure cat-guided.png",
    )
    _add_model(parser)
    parser.add_argument(
        "--images",
        nargs="+",
        required=True,
        metavar="X",
        help="X.npy (N, H, W, C), X.h5:DATASET, or picture files",
    )
    parser.add_argument(
        "--target",
        type=values.target,
        default="predicted",
        metavar="T",
        help="a class, predicted, layer:NAME, layer:NAME:CHANNEL or layer:NAME:ROW,COLUMN,CHANNEL "
        "(predicted)",
    )
    parser.add_argument(
        "--method", choices=tuple(METHODS), default="guided", help="how to explain it (guided)"
    )
    parser.add_argument("--layer", metavar="NAME", help="the layer that Grad-CAM looks at")
    parser.add_argument(
        "--scale",
        choices=("none", "caffe", "tf", "unit"),
        default="none",
        help="of 0..255 pictures: caffe as VGG19, tf -1..1, unit 0..1 (none)",
    )
    parser.add_argument(
        "--compress",
        action="store_true",
        help="maps through gzip: less room, several times the time",
    )
    parser.add_argument(
        "--compare", action="store_true", help="put the plain gradient beside the map"
    )
    parser.add_argument("--output", metavar="FILE", type=values.path, help="write the maps to HDF5")
    parser.add_argument(
        "--figure", metavar="PNG", type=values.path, help="draw the first twelve, map and overlay"
    )
    parser.add_argument(
        "--batch-size", type=values.positive, default=16, metavar="N", help="images at a time (16)"
    )
    parser.add_argument("--limit", type=values.positive, metavar="N", help="stop after N images")
    parser.add_argument(
        "--allow-partial",
        action="store_true",
        help="accept a rule that misses nonlinearities; they go by the chain rule",
    )
    parser.set_defaults(module="legacy_gbp.cli.explain", exercise=None)


def _add_selftest(commands):
    parser = commands.add_parser(
        "selftest",
        help="check the published numbers, and a model of yours",
        description="Check that maps are right: on graphs with published numbers, and on a model.",
        epilog="example: legacy-gbp selftest frozen.pb",
    )
    _add_model(parser, optional=True)
    parser.set_defaults(module="legacy_gbp.cli.selftest", exercise=None)


def _add_model(parser, optional=False):
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?" if optional else None,
        type=values.path,
        help=".pb, .pbtxt, .h5, .keras, the folder of a SavedModel, or the prefix of a checkpoint",
    )
    parser.add_argument(
        "--net",
        choices=("ex07", "ex08", "vgg19"),
        help="MODEL holds weights of this network of ours",
    )
    parser.add_argument(
        "--input", action="append", metavar="TENSOR", help="where images go in; may be repeated"
    )
    parser.add_argument("--output-tensor", metavar="TENSOR", help="what is explained")
    parser.add_argument("--signature", metavar="NAME", help="of a SavedModel")
    parser.add_argument(
        "--feed",
        action="append",
        default=[],
        type=values.feed,
        metavar="NAME=VALUE",
        help="fixed value of another placeholder, such as keep_prob=1",
    )
    parser.add_argument(
        "--trust-graph",
        action="store_true",
        help="let the graph read and write files, run Python, use the network",
    )
