"""Variables become constants, so that a graph carries its weights and nothing is restored."""

from typing import Any, Dict, List, Mapping, Optional

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import ModelError, first_line, near_names
from legacy_gbp.graph.nodes import by_name, data_inputs, producer

VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
BODIES = ("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase")
PASSING = ("Identity", "Enter", "Switch", "RefSwitch", "RefEnter", "RefIdentity")


def variables_of(graph_def: Any) -> List[str]:
    """Return the names of the variables of a graph.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    list of str
    """
    return [node.name for node in graph_def.node if node.op in VARIABLES]


def freeze(graph_def: Any, values: Mapping[str, Any], where: str) -> None:
    """Replace the variables of a graph by constants, in place.

    Parameters
    ----------
    graph_def : GraphDef
        Pruned, its functions inlined.
    values : mapping of str to array
        By the names of the variables.
    where : str
        The file, for messages.

    Raises
    ------
    ModelError
        For a variable that `values` does not hold, or holds with another type or shape, and
        one that a functional loop reads.
    """
    nodes = by_name(graph_def)
    dtypes: Dict[str, int] = {}  # of every variable
    for node in graph_def.node:
        if node.op in VARIABLES:
            if node.name not in values:
                raise ModelError(
                    f"{where}: holds no variable {node.name!r}, which the graph needs; "
                    f"{near_names(node.name, list(values))}"
                )
            value = np.asarray(values[node.name])
            _check_fits(node, value, where)
            dtypes[node.name] = _to_constant(node, value)
    for node in graph_def.node:
        _check_not_in_a_body(node, nodes, dtypes, where)
        variable = _variable_of(data_inputs(node), nodes, dtypes)
        if variable is None:
            continue
        if node.op == "ReadVariableOp":
            _to_identity(node, dtypes[variable])
        elif node.op == "ResourceGather":
            _to_gather(graph_def, node, dtypes[variable])
        elif node.op in PASSING:
            node.op = node.op.replace("Ref", "")
            node.attr["T"].type = dtypes[variable]


def _check_fits(node: Any, value: np.ndarray, where: str) -> None:
    """Refuse a value of another type or shape than the graph declares."""
    try:
        dtype = tf.as_dtype(node.attr["dtype"].type).base_dtype
        shape = tf.TensorShape(node.attr["shape"].shape if "shape" in node.attr else None)
        stored = tf.as_dtype(value.dtype)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError(
            f"{where}: variable {node.name!r} has no type or shape that TensorFlow knows "
            f"({first_line(error)}); export the model again"
        ) from error
    if node.op == "Variable" and not shape.rank:  # an empty shape is unknown there
        shape = tf.TensorShape(None)
    if dtype != stored or not shape.is_compatible_with(value.shape):
        raise ModelError(
            f"{where}: variable {node.name!r} is {dtype.name} {shape} in the graph, and "
            f"{stored.name} {value.shape} among the weights; take graph and weights of one model"
        )


def _check_not_in_a_body(
    node: Any, nodes: Dict[str, Any], dtypes: Dict[str, int], where: str
) -> None:
    if node.op not in BODIES:
        return
    for name in data_inputs(node):
        variable = _variable_of([name], nodes, dtypes)
        if variable is not None:
            raise ModelError(
                f"{where}: {node.name} ({node.op}) reads variable {variable!r} inside of its body, "
                "which cannot be frozen here; export the model with its variables frozen"
            )


def _variable_of(inputs: List[str], nodes: Dict[str, Any], dtypes: Dict[str, int]) -> Optional[str]:
    """Return the variable that the first of some inputs carries, through identities and loops."""
    while inputs:
        name = producer(inputs[0])
        if name in dtypes:
            return name
        if name not in nodes or nodes[name].op not in PASSING:
            return None
        inputs = data_inputs(nodes[name])
    return None


def _to_constant(node: Any, value: Any) -> int:
    dtype: int = tf.as_dtype(node.attr["dtype"].type).base_dtype.as_datatype_enum
    tensor = tf.make_tensor_proto(value, dtype)
    name = node.name
    node.Clear()
    node.op, node.name = "Const", name
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.CopyFrom(tensor)
    return dtype


def _to_identity(node: Any, dtype: int) -> None:
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = dtype


def _to_gather(graph_def: Any, node: Any, dtype: int) -> None:
    indices = node.attr["Tindices"].type
    node.op = "GatherV2"
    node.attr.clear()
    node.attr["Tparams"].type = dtype
    node.attr["Tindices"].type = indices
    node.attr["Taxis"].type = tf.int32.as_datatype_enum
    axis = graph_def.node.add(op="Const", name=node.name + "/axis")
    axis.attr["dtype"].type = tf.int32.as_datatype_enum
    axis.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(0, tf.int32))
    node.input.insert(2, axis.name)
