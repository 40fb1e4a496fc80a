"""Assignments in the forward path become values, or nothing.

Updates of moving averages, step counters and observers of a quantisation hang on the forward
path of graphs that were saved while training, as control inputs or as data. A frozen graph has
no variable to assign to. What is assigned takes the place of an assignment that is read; an
assignment that is only waited for goes. What prints a tensor passes it on, and prints nothing.
"""

from typing import Any, Set

from legacy_gbp.graph.nodes import all_nodes, data_inputs, producer

# Operation on a reference, and what its output is.
VALUES = {"Assign": "Identity", "AssignAdd": "Add", "AssignSub": "Sub"}
UPDATES = (
    "AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp", "ScatterUpdate", "ScatterAdd",
    "ScatterSub", "ResourceScatterUpdate", "ResourceScatterAdd", "ResourceScatterSub", "CountUpTo",
)  # fmt: skip


def cut_assignments(graph_def: Any) -> None:
    """Replace the assignments of a graph, in place.

    Parameters
    ----------
    graph_def : GraphDef
        Its variables are constants already.
    """
    read: Set[str] = {producer(name) for node in graph_def.node for name in data_inputs(node)}
    for node in graph_def.node:
        if node.op in VALUES and node.name in read:
            _to_value(node)
        elif node.op in VALUES or node.op in UPDATES:
            _to_nothing(node)


def cut_prints(graph_def: Any) -> None:
    """Make what prints a tensor pass it on, or do nothing, in place; in functions too.

    Parameters
    ----------
    graph_def : GraphDef
    """
    for node in all_nodes(graph_def):
        if node.op == "Print" and data_inputs(node):
            _to_identity(node, data_inputs(node)[0])
        elif node.op == "PrintV2":
            _to_nothing(node)


def _to_value(node: Any) -> None:
    """Compute what an assignment leaves in its variable."""
    variable, value = data_inputs(node)[:2]
    dtype = node.attr["T"].type
    inputs = [value] if node.op == "Assign" else [variable, value]
    node.op = VALUES[node.op]
    del node.input[:]
    node.input.extend(inputs)
    node.attr.clear()
    node.attr["T"].type = dtype


def _to_identity(node: Any, read: str) -> None:
    waited = [name for name in node.input if name.startswith("^")]
    dtype = node.attr["T"].type
    node.op = "Identity"
    node.input[:] = [read, *waited]
    node.attr.clear()
    node.attr["T"].type = dtype


def _to_nothing(node: Any) -> None:
    name = node.name
    node.Clear()
    node.op, node.name = "NoOp", name
