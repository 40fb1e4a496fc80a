"""A graph is a program: refuse operations that may reach outside of it.

Allowed are the operations of :mod:`legacy_gbp.graph.operation_table` that read and write nothing
except their inputs and the memory of the session. Every other operation is refused by name, known
or not: those that read or write files, print, start Python or other processes, load code, talk
over the network, or belong to a library of somebody. The check is applied to what would run: to
the part of the graph that the output needs, with all functions.

TensorFlow runs operations of constants already while it imports a graph, to infer shapes.
:func:`not_run_by_an_import` keeps an unchecked graph from that.
"""

from typing import Any, Dict, Iterator, List, Set

import tensorflow as tf

from legacy_gbp.errors import ModelError, shortened
from legacy_gbp.graph.nodes import all_nodes, data_inputs
from legacy_gbp.graph.operation_kinds import Reach
from legacy_gbp.graph.operation_table import classify
from legacy_gbp.graph.registry import op_def_of

# Handles of resources and tensors of other kinds are made by operations, never stored.
NOT_STORED = (tf.resource.as_datatype_enum, tf.variant.as_datatype_enum)
GUARD = "GuaranteeConst"  # passes its input on, and is never run to infer a shape


def check_harmless(graph_def: Any, where: str, trusted: bool = False) -> None:
    """Refuse dangerous operations.

    Parameters
    ----------
    graph_def : GraphDef
    where : str
        The file, for the message.
    trusted : bool
        The user trusts the graph: nothing is refused.

    Raises
    ------
    ModelError
        That names the operations.
    """
    if trusted:
        return
    library = {function.signature.name for function in graph_def.library.function}
    found = {
        f"{_shown(node.op)} ({_shown(node.name)})"
        for node in all_nodes(graph_def)
        if node.op not in library and reaches_outside(node.op)
    }
    if found:
        raise ModelError(
            f"{where}: the graph holds operations that may reach outside of it: "
            f"{shortened(sorted(found))}; if you trust its author, set `trusted`"
        )
    odd = next(_oddities(graph_def, library), None)
    if odd:
        raise ModelError(f"{where}: {odd}; if you trust its author, set `trusted`")


def reaches_outside(op_type: str) -> bool:
    """Return whether an operation may read or write more than its inputs and the session.

    Parameters
    ----------
    op_type : str

    Returns
    -------
    bool
        True for an operation that is not in the table.
    """
    return classify(op_type).reach is Reach.OUTSIDE


def not_run_by_an_import(graph_def: Any) -> None:
    """Keep an import from running an operation that may reach outside, in place.

    Where the shape of a tensor depends on values, an import runs the operations that compute
    them, if all of them depend on constants alone and none has state. So an operation with
    state comes before each that may reach outside; shapes and values stay what they are.

    Parameters
    ----------
    graph_def : GraphDef
    """
    library = {function.signature.name for function in graph_def.library.function}
    graph_def.node.extend(_guards(graph_def.node, library, ""))
    for function in graph_def.library.function:
        function.node_def.extend(_guards(function.node_def, library, ":output:0"))


def _guards(nodes: Any, library: Set[str], output: str) -> List[Any]:
    """Return the operations to add; the operations that they guard read them."""
    guards = []
    for node in nodes:
        if node.op in library or not reaches_outside(node.op):
            continue
        op_def, read = op_def_of(node.op), data_inputs(node)
        if op_def is None or op_def.is_stateful or not read:
            continue
        dtype = _first_input_type(op_def, node)
        if dtype:
            name = f"{node.name}/guard"
            guard = tf.compat.v1.NodeDef(op=GUARD, name=name, input=[read[0]])
            guard.attr["T"].type = dtype
            guards.append(guard)
            node.input[list(node.input).index(read[0])] = name + output
    return guards


def _first_input_type(op_def: Any, node: Any) -> int:
    """Return the type of the first data input of a node; 0 where that is a reference."""
    defaults = {attribute.name: attribute.default_value for attribute in op_def.attr}

    def value(name: str) -> Any:
        return node.attr[name] if name in node.attr else defaults.get(name)

    for argument in op_def.input_arg:
        if argument.number_attr and not value(argument.number_attr).i:
            continue
        types = [argument.type]
        if argument.type_attr:
            types = [value(argument.type_attr).type]
        elif argument.type_list_attr:
            types = list(value(argument.type_list_attr).list.type)
        if types:
            return 0 if argument.is_ref else int(types[0])
    return 0


def _oddities(graph_def: Any, library: Set[str]) -> Iterator[str]:
    """Yield what no exporter writes: names and constants that could stand for something else."""
    seen: Dict[str, Any] = {}
    for function in graph_def.library.function:
        name = function.signature.name
        if op_def_of(name) is not None or not reaches_outside(name):
            yield f"its function {_shown(name)} has the name of an operation"
        if name in seen and seen[name] != function:
            yield f"it has two functions {_shown(name)}"
        seen[name] = function
    for node in all_nodes(graph_def):
        for value in node.attr.values():
            if value.tensor.dtype in NOT_STORED or any(
                tensor.dtype in NOT_STORED for tensor in value.list.tensor
            ):
                yield f"its constant {_shown(node.name)} refers to something outside of the graph"
        functions = [value.func.name for value in node.attr.values() if value.HasField("func")]
        functions += [func.name for value in node.attr.values() for func in value.list.func]
        for function in functions:
            if function not in library:
                yield f"{_shown(node.name)} calls {_shown(function)}, which is no function of it"


def _shown(name: str) -> str:
    """Return a name as it may be printed, cut after 100 characters."""
    name = name if len(name) <= 100 else name[:100] + "..."
    return name if name.isprintable() else ascii(name)
