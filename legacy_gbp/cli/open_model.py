"""The model that inspect, explain and selftest work on: its options, and opening it."""

import os
from typing import Any, NamedTuple

from legacy_gbp.cli import option_types
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.errors import InputError

NETS = ("ex07", "ex08", "vgg19")


class OpenedModel(NamedTuple):
    """A model.

    Attributes
    ----------
    source : Source
    kind : str
        What it is, in words.
    tensorflow_version : str
    """

    source: Any
    kind: str
    tensorflow_version: str


def add_model_arguments(parser: Parser, optional: bool = False) -> None:
    """Add the options that name a model.

    Parameters
    ----------
    parser : Parser
    optional : bool
        Whether the model may be left out.
    """
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?" if optional else None,
        type=option_types.path,
        help=".pb, .pbtxt, .h5, .keras, the folder of a SavedModel, or the prefix of a checkpoint",
    )
    parser.add_argument("--net", choices=NETS, help="MODEL holds weights of this network of ours")
    parser.add_argument(
        "--input", action="append", metavar="TENSOR", help="where images go in; may be repeated"
    )
    parser.add_argument("--output-tensor", metavar="TENSOR", help="what is explained")
    parser.add_argument("--signature", metavar="NAME", help="of a SavedModel")
    parser.add_argument(
        "--feed",
        action="append",
        default=[],
        type=option_types.feed,
        metavar="NAME=VALUE",
        help="fixed value of another placeholder, such as keep_prob=1",
    )
    parser.add_argument(
        "--trust-graph",
        action="store_true",
        help="let the graph read and write files, run Python, use the network",
    )


def open_model(options: Options) -> OpenedModel:
    """Open the model that the options of :func:`add_model_arguments` name.

    Parameters
    ----------
    options : Options

    Returns
    -------
    OpenedModel

    Raises
    ------
    InputError
        For a missing or unreadable model.
    """
    from legacy_gbp.cli.quiet_tensorflow import load_quietly

    path: str = options.model
    if options.net is None and not (os.path.exists(path) or os.path.exists(path + ".index")):
        raise InputError(
            f"{path}: no such file or folder, and no checkpoint of that prefix; check the name"
        )
    version = load_quietly()
    if options.net is not None:
        endpoints = (options.input, options.output_tensor, options.signature, options.feed)
        if any(endpoints):
            raise InputError(
                f"--net {options.net} has its own endpoints; leave --input and the like out"
            )
        return _network_of_ours(options.net, path, version)
    from legacy_gbp.models.formats import format_of, model_file

    source = model_file(
        path,
        input=options.input,
        output=options.output_tensor,
        feeds={name: option_types.feed_value(value) for name, value in options.feed},
        trusted=options.trust_graph,
        signature=options.signature,
    )
    return OpenedModel(source, format_of(path).name, version)


def _network_of_ours(net: str, path: str, version: str) -> OpenedModel:
    if net == "vgg19":
        from legacy_gbp.models.keras_weights import KerasWeights
        from legacy_gbp.networks.vgg19 import vgg19

        return OpenedModel(KerasWeights(vgg19, path), "VGG19 with Keras weights", version)
    from legacy_gbp.exercises.checkpoint import XtcavCheckpoint
    from legacy_gbp.exercises.definitions import EXERCISES
    from legacy_gbp.io.checkpoint_files import (
        check_checkpoint,
        finish_interrupted_save,
        prefix_of,
    )

    finish_interrupted_save(prefix_of(path))
    prefix = check_checkpoint(path, f"make one by 'run_{net}.py train'")
    source = XtcavCheckpoint(EXERCISES[net], prefix)
    return OpenedModel(source, f"checkpoint of {net}", version)
