"""A Keras model as a graph: traced where TensorFlow is eager, copied where it is in a graph."""

import contextlib
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
)

import tensorflow as tf

from legacy_gbp.errors import LegacyGbpError, ModelError
from legacy_gbp.graph.while_loops import COLLECTION
from legacy_gbp.models.keras_errors import cause_of
from legacy_gbp.models.keras_library import library_of


class Traced(NamedTuple):
    """A Keras model as a graph.

    Attributes
    ----------
    graph_def : GraphDef
    inputs : dict of str to str
        Name of the input layer to tensor.
    outputs : dict of str to str
        Name of the output layer to tensor.
    values : dict of str to array
        Of the variables that are not constants already.
    contexts : list of WhileContextDef
        Of loops of TensorFlow 1.
    """

    graph_def: Any
    inputs: Dict[str, str]
    outputs: Dict[str, str]
    values: Dict[str, Any]
    contexts: List[Any]


def trace(model: Any, where: str, wanted: Optional[str] = None) -> Traced:
    """Trace the call of a Keras model; its variables become constants of their present values.

    Parameters
    ----------
    model : keras.Model
        Of TensorFlow 2 or an eager TensorFlow 1; called before, so that it has inputs.
    where : str
        What to name in messages.
    wanted : str, optional
        A hidden layer that is to be an output, too.

    Returns
    -------
    Traced

    Raises
    ------
    ModelError
        For a model that Keras cannot call.
    """
    with keras_errors(where):
        inputs, outputs = list(model.inputs), list(model.outputs)
        names = _unique([tensor._keras_history[0].name for tensor in outputs])
        called = model
        hidden = _hidden_output(model, wanted) if wanted and wanted not in names else None
        if hidden is not None:
            called = library_of(model).Model(inputs, [*outputs, hidden])
            names = [*names, str(wanted)]
        specs = [
            tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=f"input_{number}")
            for number, tensor in enumerate(inputs)
        ]

        def call(*tensors: Any) -> Any:
            given = _structured(called, list(tensors))
            return tf.nest.flatten(called(given, training=False))

        # Without what no output needs: Keras 3 draws the masks of a dropout that is off.
        traced = tf.compat.v1.wrap_function(call, specs)
        concrete = traced.prune(traced.inputs[: len(specs)], traced.outputs)
    graph_def, placeholders, results = frozen(concrete, where)
    renamed = _name_scopes_like_layers(graph_def, _layer_names(model))
    layers = _unique([tensor._keras_history[0].name for tensor in inputs])
    return Traced(
        graph_def,
        dict(zip(layers, map(renamed, placeholders))),
        dict(zip(names, map(renamed, results))),
        {},
        [],
    )


def frozen(concrete: Any, where: str) -> Any:
    """Return a function as a graph with its variables as constants, its functions inlined.

    Parameters
    ----------
    concrete : ConcreteFunction
    where : str
        What to name in messages.

    Returns
    -------
    graph_def : GraphDef
    inputs, outputs : list of str
        Tensors.

    Raises
    ------
    ModelError
        When TensorFlow cannot make constants of its variables.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    # Lowered to the control flow of TensorFlow 1, a loop could not be differentiated.
    try:
        found = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    except (ValueError, TypeError, KeyError, NotImplementedError, tf.errors.OpError) as error:
        raise ModelError(
            f"{where}: TensorFlow cannot freeze its variables ({cause_of(error)}); give a function "
            "that assigns to none"
        ) from error
    inputs = [tensor.name for tensor in found.inputs]
    return found.graph.as_graph_def(), inputs, [tensor.name for tensor in found.outputs]


def is_eager() -> bool:
    """Return whether TensorFlow runs operations at once, outside of any graph of the caller.

    Returns
    -------
    bool
    """
    from tensorflow.python.eager import context

    return bool(context.default_execution_mode == context.EAGER_MODE)


def eager_scope() -> Any:
    """Return a context that is outside of any graph of the caller.

    Returns
    -------
    context manager
    """
    from tensorflow.python.eager import context

    return context.eager_mode()


def traced_in_graph(
    model: Any, graph: Any, values: Mapping[str, Any], wanted: Optional[str] = None
) -> Traced:
    """Return a Keras model of TensorFlow 1 with the graph in which it was built.

    Parameters
    ----------
    model : keras.Model
    graph : tf.Graph
        Nothing is added to it.
    values : mapping of str to array
        Of its variables.
    wanted : str, optional
        A hidden layer that is to be an output, too.

    Returns
    -------
    Traced
    """
    outputs, inputs = list(model.outputs), list(model.inputs)
    names = _unique([tensor._keras_history[0].name for tensor in outputs])
    hidden = _hidden_output(model, wanted) if wanted and wanted not in names else None
    if hidden is not None:
        outputs, names = [*outputs, hidden], [*names, str(wanted)]
    layers = _unique([tensor._keras_history[0].name for tensor in inputs])
    contexts = [loop.to_proto() for loop in graph.get_collection(COLLECTION)]
    return Traced(
        graph.as_graph_def(),
        {name: tensor.name for name, tensor in zip(layers, inputs)},
        {name: tensor.name for name, tensor in zip(names, outputs)},
        dict(values),
        contexts,
    )


def _hidden_output(model: Any, name: Optional[str]) -> Optional[Any]:
    """Return the output of a hidden layer; None where there is no such layer, or several calls."""
    layer = next((one for one in model.layers if one.name == name), None)
    try:
        return None if layer is None else layer.output
    except (AttributeError, ValueError, RuntimeError):
        return None


def _structured(model: Any, tensors: List[Any]) -> Any:
    """Return the inputs of a call as the model has them: one, a list, or a dictionary."""
    declared = getattr(model, "input", None)
    if isinstance(declared, dict):
        return dict(zip(declared, tensors))
    return tensors if len(tensors) > 1 else tensors[0]


def _unique(names: Sequence[str]) -> List[str]:
    """Number the names that come more than once."""
    return [
        name if names.count(name) == 1 else f"{name}:{names[:number].count(name)}"
        for number, name in enumerate(names)
    ]


def _layer_names(model: Any) -> Set[str]:
    """Return the names of all layers, those of nested models included."""
    names: Set[str] = set()
    for layer in model.layers:
        names |= {layer.name, *(_layer_names(layer) if hasattr(layer, "layers") else ())}
    return names


def _name_scopes_like_layers(graph_def: Any, names: Set[str]) -> Callable[[str], str]:
    """Keras 3 traces layer ``conv`` in scope ``conv_1``; rename the scopes like the layers.

    Only where it did so for every layer: then ``conv_1`` is ``conv``, and the
    layer of that name is ``conv_1_1``. Returns what renames a tensor.
    """
    rooms = {room for node in graph_def.node for room in _rooms_of_layers(node.name, names)}
    scopes = {name + "_1": name for name in names if name + "_1" in rooms}
    if any(name in rooms and name not in scopes for name in names):
        return str

    def renamed(name: str) -> str:
        lead = "^" if name.startswith("^") else ""
        stem, colon, number = name[len(lead) :].partition(":")
        count = len(_rooms_of_layers(stem, names)) + 1
        parts = stem.split("/")
        shown = [scopes.get(part, part) if 0 < k < count else part for k, part in enumerate(parts)]
        return lead + "/".join(shown) + colon + number

    if len({renamed(node.name) for node in graph_def.node}) != len(graph_def.node):
        return str
    for node in graph_def.node:
        node.name = renamed(node.name)
        node.input[:] = [renamed(name) for name in node.input]
    return renamed


def _rooms_of_layers(name: str, names: Set[str]) -> List[str]:
    """Return the scopes of layers in a name: below that of the model, one in the other.

    What follows them is of operations, such as ``batchnorm/add``.
    """
    rooms = name.split("/")[1:-1]
    known = [room in names or (room[-2:] == "_1" and room[:-2] in names) for room in rooms]
    return rooms[: known.index(False)] if False in known else rooms


@contextlib.contextmanager
def keras_errors(where: str) -> Iterator[None]:
    """Turn any error of Keras into one line that says its cause."""
    try:
        yield
    except LegacyGbpError:
        raise
    except MemoryError as error:
        raise ModelError(
            f"{where}: needs more memory than there is; open it on a larger machine"
        ) from error
    except RecursionError as error:
        raise ModelError(
            f"{where}: nests too many layers for Keras; save the model as a frozen graph"
        ) from error
    except Exception as error:
        raise ModelError(
            f"{where}: Keras cannot load it ({cause_of(error)}); give a complete model, saved by a "
            "version like the installed one"
        ) from error
