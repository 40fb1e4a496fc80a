"""Read and write NodeDefs: names, inputs, consumers, called functions."""

from typing import Any, Dict, Iterator, List, Sequence

CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def producer(name: str) -> str:
    """Return the name of the node that an input string refers to.

    Parameters
    ----------
    name : str
        Such as ``a``, ``a:1`` or ``^a``.

    Returns
    -------
    str
        ``a`` in all three cases.
    """
    return name.lstrip("^").split(":")[0]


def output_number(name: str) -> int:
    """Return which output of its node a tensor is.

    Parameters
    ----------
    name : str
        Of a tensor.

    Returns
    -------
    int
        0 for ``a``, 1 for ``a:1``.
    """
    return int(name.partition(":")[2] or 0)


def tensor_name(name: str) -> str:
    """Return the full name of a tensor; the name of a node means its first output.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        ``a:0`` for ``a``.
    """
    return name if ":" in name else name + ":0"


def data_inputs(node: Any) -> List[str]:
    """Return the inputs of a node without its control inputs.

    Parameters
    ----------
    node : NodeDef

    Returns
    -------
    list of str
    """
    return [name for name in node.input if not name.startswith("^")]


def by_name(graph_def: Any) -> Dict[str, Any]:
    """Return the nodes of a graph by name.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    dict of str to NodeDef
    """
    return {node.name: node for node in graph_def.node}


def consumers(graph_def: Any) -> Dict[str, List[Any]]:
    """Return the nodes that read each node, by control inputs too.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    dict of str to list of NodeDef
    """
    found: Dict[str, List[Any]] = {node.name: [] for node in graph_def.node}
    for node in graph_def.node:
        for name in node.input:
            if producer(name) in found:
                found[producer(name)].append(node)
    return found


def all_nodes(graph_def: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of the functions in its library.

    Parameters
    ----------
    graph_def : GraphDef

    Yields
    ------
    NodeDef
    """
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def


def called(node: Any) -> List[str]:
    """Return the names that may be functions which a node calls.

    Parameters
    ----------
    node : NodeDef

    Returns
    -------
    list of str
        Functions in attributes, and the node's own operation type.
    """
    names = [value.func.name for value in node.attr.values() if value.HasField("func")]
    names += [func.name for value in node.attr.values() for func in value.list.func]
    return [*names, node.op]


def add_node(graph_def: Any, op: str, name: str, inputs: Sequence[str], **attributes: Any) -> Any:
    """Append a node.

    Parameters
    ----------
    graph_def : GraphDef
    op, name : str
    inputs : sequence of str
    **attributes : AttrValue
        Copied.

    Returns
    -------
    NodeDef
    """
    node = graph_def.node.add(op=op, name=name, input=inputs)
    for key, value in attributes.items():
        node.attr[key].CopyFrom(value)
    return node
