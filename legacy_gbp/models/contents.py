"""What a model file holds, whether or not it can be explained: for ``inspect``."""

import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.structure import check_structure
from legacy_gbp.io.checkpoint_files import INDEX, META
from legacy_gbp.io.hdf5 import open_hdf5
from legacy_gbp.io.protobuf import parse_message
from legacy_gbp.io.tf_checkpoint import checkpoint_reader
from legacy_gbp.models.formats import format_of
from legacy_gbp.models.frozen_graphs import read_graph_def
from legacy_gbp.models.keras_files import begins_as_zip
from legacy_gbp.models.keras_hdf5 import check_tree, hdf5_errors
from legacy_gbp.models.keras_weights import places_of_weights
from legacy_gbp.models.meta_graphs import checkpoint_prefix, meta_file
from legacy_gbp.models.saved_models import is_for_serving, meta_graphs_in, serving_meta


class Signature(NamedTuple):
    """A signature of a SavedModel.

    Attributes
    ----------
    name : str
    arguments, results : dict of str to str
        Tensors.
    """

    name: str
    arguments: Dict[str, str]
    results: Dict[str, str]


class Contents(NamedTuple):
    """What a model file holds.

    Attributes
    ----------
    kind : str
        The format, in words.
    graph_def : GraphDef or None
        None for a file of weights, or a Keras model, whose graph Keras builds.
    signatures : sequence of Signature
    weights : sequence of str
        Names and shapes, where there is no graph.
    opens : bool
        Whether it can be opened: not where the weights are missing.
    """

    kind: str
    graph_def: Optional[Any] = None
    signatures: Sequence[Signature] = ()
    weights: Sequence[str] = ()
    opens: bool = True


def contents_of(path: str) -> Contents:
    """Read what a model file holds; nothing of it runs.

    Parameters
    ----------
    path : str
        Of a row of :data:`legacy_gbp.models.formats.FORMATS`.

    Returns
    -------
    Contents

    Raises
    ------
    InputError
        For a file that is missing, truncated, or of no known format.
    """
    contents = _READERS[format_of(path).name](path)
    if contents.graph_def is not None:
        check_structure(contents.graph_def, path)
    return contents


def _frozen_graph(path: str) -> Contents:
    return Contents("frozen graph", read_graph_def(path))


def _checkpoint(path: str) -> Contents:
    alone = path if path.endswith(META) else path + META
    prefix = alone[: -len(META)]
    if os.path.isfile(alone) and not (os.path.isfile(prefix) or os.path.exists(prefix + INDEX)):
        meta = _meta_graph(alone)
        return Contents(
            "meta graph without weights", meta.graph_def, _signatures(meta), opens=False
        )
    prefix = checkpoint_prefix(path)
    try:
        file = meta_file(prefix)
    except InputError:
        shapes = checkpoint_reader(prefix).get_variable_to_shape_map()
        weights = [f"{name} {_shape(shapes[name])}" for name in sorted(shapes)]
        return Contents("checkpoint without a graph", weights=weights)
    meta = _meta_graph(file)
    return Contents("checkpoint", meta.graph_def, _signatures(meta))


def _meta_graph(path: str) -> Any:
    meta = parse_message(tf.compat.v1.MetaGraphDef(), path, "meta graph")
    if not meta.graph_def.node:
        raise InputError(f"{path}: holds no operation; copy it again")
    return meta


def _saved_model(path: str) -> Contents:
    metas = meta_graphs_in(path)
    if not metas:
        raise InputError(f"{path}: holds no graph; copy it again")
    if any(map(is_for_serving, metas)):
        meta = serving_meta(path)
        return Contents("SavedModel", meta.graph_def, _signatures(meta))
    meta = metas[0]
    tags = ", ".join(meta.meta_info_def.tags) or "nothing"
    kind = f"SavedModel for {tags}, not for serving"
    return Contents(kind, meta.graph_def, _signatures(meta), opens=False)


def _keras_model(path: str) -> Contents:
    if begins_as_zip(path):  # of Keras 3
        return Contents("Keras model")
    with hdf5_errors(path), open_hdf5(path) as opened:
        check_tree(opened, path)
        weights = []
        for layer, places in places_of_weights(opened).items():
            shapes = [_shape(opened[place].shape) for place in places if place in opened]
            weights.append(f"{layer} {', '.join(shapes)}")
    return Contents("Keras model", weights=weights)


def _signatures(meta: Any) -> List[Signature]:
    return [
        Signature(
            name,
            {key: info.name for key, info in sorted(signature.inputs.items())},
            {key: info.name for key, info in sorted(signature.outputs.items())},
        )
        for name, signature in sorted(meta.signature_def.items())
        if not name.startswith("__")
    ]


def _shape(shape: Any) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


_READERS = {
    "frozen graph": _frozen_graph,
    "checkpoint": _checkpoint,
    "SavedModel": _saved_model,
    "Keras model": _keras_model,
}
