"""What inspect, explain and selftest share: a model file, opened as a source."""

import hashlib
import os

from legacy_gbp.cli.quiet_tensorflow import load_quietly
from legacy_gbp.errors import InputError


def open_model(options):
    """The source that the options of :mod:`legacy_gbp.cli` name.

    Parameters
    ----------
    options : argparse.Namespace
        ``model``, ``net``, ``input``, ``output_tensor``, ``signature``,
        ``feed``, ``trust_graph``.

    Returns
    -------
    source : object
        See :class:`legacy_gbp.attribution.network.Network`.
    kind : str
        What it is, in words.
    """
    if options.net is None and not _exists(options.model):
        raise InputError(
            f"{options.model}: no such file or folder, and no checkpoint of that prefix"
        )
    load_quietly()
    if options.net is not None:
        return _ours(options)
    from legacy_gbp.models.formats import format_of, model_file
    from legacy_gbp.models.imported_graph import parse_value

    ends = {
        "input": options.input,
        "output": options.output_tensor,
        "feeds": {name: parse_value(value) for name, value in options.feed},
        "trusted": options.trust_graph,
        "signature": options.signature,
    }
    return model_file(options.model, **ends), format_of(options.model).name


def sha256_of_model(path):
    """SHA-256 of a model's files, in the order of their names.

    Parameters
    ----------
    path : str
        A file, a folder, or the prefix of a checkpoint.

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    for name in sorted(_files(path)):
        with open(name, "rb") as file:
            while True:
                block = file.read(1 << 20)
                if not block:
                    break
                digest.update(block)
    return digest.hexdigest()


def _files(path):
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    folder, prefix = os.path.split(path)
    return [
        os.path.join(folder, name)
        for name in os.listdir(folder or ".")
        if name.startswith((prefix + ".index", prefix + ".data-", prefix + ".meta"))
    ]


def _exists(path):
    return os.path.exists(path) or os.path.exists(path + ".index")


def _ours(options):
    """A network that this project builds, with weights from a file."""
    if options.input or options.output_tensor or options.signature or options.feed:
        raise InputError(f"--net {options.net} has its own ends; leave --input and the like out")
    if options.net == "vgg19":
        from legacy_gbp.models.keras_weights import KerasWeights
        from legacy_gbp.networks.vgg19 import vgg19

        return KerasWeights(vgg19, options.model), "VGG19 with Keras weights"
    from legacy_gbp.exercises.checkpoint import XtcavCheckpoint, check_exists
    from legacy_gbp.exercises.definitions import EXERCISES

    exercise = EXERCISES[options.net]
    prefix = check_exists(options.model, f"run_{exercise.name}.py train")
    return XtcavCheckpoint(exercise, prefix), f"checkpoint of {exercise.name}"
