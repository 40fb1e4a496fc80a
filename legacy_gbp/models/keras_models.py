"""Whole Keras models, ``.h5`` and ``.keras``, through the Keras that is installed.

Keras builds the model anew from the file and traces it into a graph; from
there on it is a frozen graph like any other. The caller's Keras session and
TensorFlow's global switches do not change.
"""

import contextlib
import os
import zipfile
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

import tensorflow as tf

from legacy_gbp.errors import InputError, ModelError
from legacy_gbp.graph.freeze import variables_of
from legacy_gbp.graph.infer_endpoints import find_inputs, find_output
from legacy_gbp.graph.nodes import producer
from legacy_gbp.graph.prune import prune
from legacy_gbp.io.hdf5 import open_hdf5
from legacy_gbp.io.stored_rows import check_stored
from legacy_gbp.models.imported_graph import ImportedGraph
from legacy_gbp.models.live_sessions import variable_values


def keras_model(
    path: str,
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    feeds: Optional[Mapping[str, Any]] = None,
    trusted: bool = False,
) -> ImportedGraph:
    """Open a whole Keras model.

    Parameters
    ----------
    path : str
        ``.h5`` or ``.keras``.
    input : str or sequence of str, optional
        Input tensors; those of the model by default.
    output : str, optional
        The tensor to explain; the model's by default, before a softmax.
    feeds : dict of str to value, optional
        Fixed values of other placeholders.
    trusted : bool
        Accept Lambda layers, which are Python code, and operations that reach outside of
        the graph.

    Returns
    -------
    ImportedGraph

    Raises
    ------
    InputError
        For a missing file.
    ModelError
        When the installed Keras cannot load the model, or it has several outputs.

    Examples
    --------
    >>> source = keras_model("model.h5")  # doctest: +SKIP
    """
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file; check the name")
    if not trusted and '"Lambda"' in _configuration(path):
        raise ModelError(
            f"{path}: holds a Lambda layer, which is Python code; if you trust its author, set "
            "`trusted`"
        )
    if not zipfile.is_zipfile(path) and _is_hdf5(path):
        check_stored(path)  # Keras would read zeros
    values: Dict[str, Any] = {}
    if tf.executing_eagerly():
        graph_def, inputs, result = _traced(path, trusted)
    else:
        graph_def, inputs, result, values = _built(path)
    result = find_output(graph_def, output or result, inputs, path)
    named = [input] if isinstance(input, str) else list(input or inputs)
    inputs = find_inputs(graph_def, named, path)
    return ImportedGraph(graph_def, inputs, result, path, feeds, trusted, values)


def _is_hdf5(path: str) -> bool:
    """Return whether a file can be opened; Keras says what is wrong with another one."""
    try:
        with open_hdf5(path):
            return True
    except InputError:
        return False


def _configuration(path: str) -> str:
    """Return the layers of a model as text, without Keras; empty where none can be read."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            named = "config.json" in archive.namelist()
            return archive.read("config.json").decode() if named else ""
    try:
        with open_hdf5(path) as file:
            text = file.attrs.get("model_config", "")
            return text.decode() if isinstance(text, bytes) else str(text)
    except InputError:
        return ""


def _traced(path: str, trusted: bool) -> Tuple[Any, List[str], str]:
    """TensorFlow 2: trace the call, its variables as constants and its functions inlined."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    options = {"safe_mode": not trusted} if path.endswith(".keras") else {}
    with _keras_errors(path):
        model = tf.keras.models.load_model(path, compile=False, **options)
    specs = [
        tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=f"input_{number}")
        for number, tensor in enumerate(model.inputs)
    ]
    if len(model.outputs) != 1:
        raise ModelError(
            f"{path}: the model has {len(model.outputs)} outputs; name one by `output`"
        )
    several = len(specs) > 1

    def call(*inputs: Any) -> Any:
        return model(list(inputs) if several else inputs[0], training=False)

    concrete = tf.function(call).get_concrete_function(*specs)
    # Lowered to the control flow of TensorFlow 1, a loop could not be differentiated.
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    graph_def = frozen.graph.as_graph_def()
    _name_scopes_like_layers(graph_def, _layer_names(model))
    return graph_def, [tensor.name for tensor in frozen.inputs], frozen.outputs[0].name


def _layer_names(model: Any) -> Set[str]:
    """Return the names of all layers, those of nested models included."""
    names: Set[str] = set()
    for layer in model.layers:
        names |= {layer.name, *(_layer_names(layer) if hasattr(layer, "layers") else ())}
    return names


def _name_scopes_like_layers(graph_def: Any, names: Set[str]) -> None:
    """Keras 3 traces layer ``conv`` in scope ``conv_1``; rename the scopes like the layers.

    Only where it did so for every layer: then ``conv_1`` is ``conv``, and the
    layer of that name is ``conv_1_1``.
    """
    parts = {part for node in graph_def.node for part in node.name.split("/")}
    scopes = {name + "_1": name for name in names if name + "_1" in parts}
    if any(name in parts and name not in scopes for name in names):
        return

    def renamed(name: str) -> str:
        lead = "^" if name.startswith("^") else ""
        stem, colon, number = name[len(lead) :].partition(":")
        stem = "/".join(scopes.get(part, part) for part in stem.split("/"))
        return lead + stem + colon + number

    for node in graph_def.node:
        node.name = renamed(node.name)
        node.input[:] = [renamed(name) for name in node.input]


def _built(path: str) -> Tuple[Any, List[str], str, Dict[str, Any]]:
    """TensorFlow 1: Keras builds into a graph and session of ours."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph).as_default() as session:
        with _keras_errors(path):
            model = tf.keras.models.load_model(path, compile=False)
        if len(model.outputs) != 1:
            names = ", ".join(output.name for output in model.outputs)
            raise ModelError(
                f"{path}: the model has {len(model.outputs)} outputs ({names}); save a model that "
                "ends in one"
            )
        graph_def = graph.as_graph_def()
        result = model.outputs[0].name
        needed = prune(graph_def, [producer(result)])
        values = variable_values(session, variables_of(needed))
        inputs = [tensor.name for tensor in model.inputs]
    return needed, inputs, result, values


@contextlib.contextmanager
def _keras_errors(path: str) -> Iterator[None]:
    """Turn any error of Keras into one line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{path}: Keras cannot load it ({reason}); give a whole model, saved by a version like "
            "the installed one"
        ) from error
