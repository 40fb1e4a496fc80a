"""The operations between two tensors of a finished graph."""

from typing import Any, Callable, Iterable, List, Sequence, Set, TypeVar

Node = TypeVar("Node")


def operations_between(wrt_ts: Sequence[Any], output_t: Any) -> List[Any]:
    """Return the operations that an output needs and that depend on some tensors.

    Parameters
    ----------
    wrt_ts : sequence of tf.Tensor
    output_t : tf.Tensor

    Returns
    -------
    list of tf.Operation
        In the order in which the graph was built, without those that make `wrt_ts`.
    """
    starts = {t.op for t in wrt_ts}
    users = reached(starts, lambda op: (user for t in op.outputs for user in t.consumers()))
    needed = reached({output_t.op}, lambda op: (t.op for t in op.inputs))
    between = (users & needed) - starts
    return [op for op in output_t.graph.get_operations() if op in between]


def reached(starts: Iterable[Node], neighbours: Callable[[Node], Iterable[Node]]) -> Set[Node]:
    """Return the nodes that can be reached from some nodes, these included.

    Parameters
    ----------
    starts : iterable
        Operations, or names.
    neighbours : callable
        Returns the nodes next to one.

    Returns
    -------
    set
    """
    found, todo = set(starts), list(starts)
    while todo:
        for node in neighbours(todo.pop()):
            if node not in found:
                found.add(node)
                todo.append(node)
    return found
