"""Integers that an embedding reads: the map is that of the embedding's output.

The gradient with respect to an index does not exist. The rows that the indices choose take
its place; the integers may still be fed, and choose them.
"""

from typing import Any, Dict, List, Sequence, Set

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.float_input import FLOATS, RESIZING
from legacy_gbp.graph.nodes import by_name, consumers, data_inputs, producer, tensor_name

GATHERS = ("Gather", "GatherV2", "ResourceGather")
ENCODINGS = ("OneHot",)
BOOLEANS = ("NotEqual", "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "Shape")


def embedded_inputs(graph_def: Any, inputs: Sequence[str], where: str) -> Dict[str, str]:
    """Return where inputs of integers are embedded.

    Parameters
    ----------
    graph_def : GraphDef
    inputs : sequence of str
        Tensors.
    where : str
        The file, for messages.

    Returns
    -------
    dict of str to str
        Input to the embedding's output; inputs that are not embedded are left out.

    Raises
    ------
    ModelError
        For an input that several embeddings read.
    """
    found: Dict[str, str] = {}
    for name in inputs:
        embedded = sorted(_lookups(graph_def, producer(name)))
        if len(embedded) > 1:
            raise ModelError(
                f"{where}: {len(embedded)} embeddings read input {name} ({', '.join(embedded)}); "
                "name those that you mean by `input`"
            )
        if embedded:
            found[name] = tensor_name(embedded[0])
    return found


def _lookups(graph_def: Any, start: str) -> Set[str]:
    """Return the lookups whose indices are a function of a placeholder, and of it alone."""
    nodes, users = by_name(graph_def), consumers(graph_def)
    if start not in nodes or nodes[start].op != "Placeholder":
        return set()
    real = nodes[start].attr["dtype"].type in FLOATS
    found: Set[str] = set()
    todo: List[str] = [start]
    seen: Set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for user in users[name]:
            if _chooses_rows(user, name):
                found |= {user.name} if _yields_floats(user) else set()
            elif _passes_integers(user) and not (real and name == start and user.op != "Cast"):
                todo.append(user.name)
    return found


def _chooses_rows(user: Any, name: str) -> bool:
    """Whether a node chooses rows by the numbers of another one."""
    reads = [producer(one) for one in data_inputs(user)]
    if user.op in GATHERS:
        return len(reads) > 1 and reads[1] == name
    return user.op in ENCODINGS and reads[:1] == [name]


def _yields_floats(user: Any) -> bool:
    return user.op in ENCODINGS or _kind(user, ("Tparams", "dtype")) in FLOATS


def _passes_integers(user: Any) -> bool:
    if user.op == "Cast":
        return user.attr["DstT"].type not in FLOATS
    return user.op not in (*BOOLEANS, *RESIZING)


def _kind(node: Any, names: Sequence[str]) -> int:
    return next((int(node.attr[name].type) for name in names if name in node.attr), 0)
