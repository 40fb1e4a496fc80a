"""Variables become constants, so that a graph carries its weights and nothing must be restored."""

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.layers import near_names
from legacy_gbp.graph.nodes import by_name, data_inputs, producer

VARIABLES = ("Variable", "VariableV2", "VarHandleOp")
BODIES = ("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase")
PASSING = ("Identity", "Enter", "Switch", "RefSwitch", "RefEnter", "RefIdentity")


def variables_of(graph_def):
    """Names of the variables of a graph."""
    return [node.name for node in graph_def.node if node.op in VARIABLES]


def freeze(graph_def, values, where):
    """Replace the variables of a graph.

    Parameters
    ----------
    graph_def : GraphDef
        Pruned, its functions inlined; changed in place.
    values : mapping of str to array
        By the names of the variables.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        For a variable that `values` does not hold.
    """
    nodes = by_name(graph_def)
    held = {}  # every node that passes a variable on, and the type of its value
    for node in graph_def.node:
        if node.op in VARIABLES:
            if node.name not in values:
                raise InputError(
                    f"{where}: holds no variable {node.name!r}, which the graph needs; "
                    f"{near_names(node.name, values)}"
                )
            held[node.name] = _to_constant(node, values[node.name])
    for node in graph_def.node:
        _check_not_in_a_body(node, nodes, held, where)
        source = _variable_behind(data_inputs(node), nodes, held)
        if source is None:
            continue
        if node.op == "ReadVariableOp":
            _to_identity(node, held[source])
        elif node.op == "ResourceGather":
            _to_gather(graph_def, node, held[source])
        elif node.op in PASSING:
            node.op = node.op.replace("Ref", "")
            node.attr["T"].type = held[source]


def _check_not_in_a_body(node, nodes, held, where):
    if node.op not in BODIES:
        return
    for name in data_inputs(node):
        source = _variable_behind([name], nodes, held)
        if source is not None:
            raise InputError(
                f"{where}: {node.name} ({node.op}) reads variable {source!r} inside of its body, "
                "which cannot be frozen here; export the model with its variables frozen"
            )


def _variable_behind(inputs, nodes, held):
    """The variable that the first of some inputs passes on, through identities and loops."""
    while inputs:
        name = producer(inputs[0])
        if name in held:
            return name
        if name not in nodes or nodes[name].op not in PASSING:
            return None
        inputs = data_inputs(nodes[name])
    return None


def _to_constant(node, value):
    dtype = tf.as_dtype(node.attr["dtype"].type).base_dtype.as_datatype_enum
    tensor = tf.make_tensor_proto(value, dtype)
    name = node.name
    node.Clear()
    node.op, node.name = "Const", name
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.CopyFrom(tensor)
    return dtype


def _to_identity(node, dtype):
    node.op = "Identity"
    node.attr.clear()
    node.attr["T"].type = dtype


def _to_gather(graph_def, node, dtype):
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
