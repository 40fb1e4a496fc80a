"""The results of while loops of TensorFlow 1 that a network does not go on with.

A recurrent network yields its outputs of every step, and its last state. A classifier that
reads the state alone leaves the outputs unread; they are no result of its own.
"""

from typing import Any, Dict, List

from legacy_gbp.graph.nodes import data_inputs, producer

MOVING = ("Identity", "Transpose", "Reshape", "Squeeze", "ExpandDims", "ReverseV2")
MOVING_IN_TIME = ("ReverseSequence", "ConcatV2")
GATHERED = ("TensorArrayGatherV3", "TensorArrayGatherV2", "TensorArrayConcatV3")
EXITS = ("Exit", "RefExit")


def is_unread_history(nodes: Dict[str, Any], readers: Dict[str, List[Any]], name: str) -> bool:
    """Return whether a tensor is the history of a loop whose last state is read.

    Parameters
    ----------
    nodes : dict of str to NodeDef
    readers : dict of str to list of NodeDef
        What reads each node.
    name : str
        Of a node that nothing reads.

    Returns
    -------
    bool
    """
    node = nodes[name]
    while node.op in (*MOVING, *MOVING_IN_TIME) and data_inputs(node):
        node = nodes[producer(data_inputs(node)[0])]
    if node.op not in GATHERED:
        return False
    flow = nodes[producer(data_inputs(node)[-1])]
    scope = flow.name.rpartition("/")[0] + "/"
    return flow.op in EXITS and any(
        other.op in EXITS and other.name.startswith(scope) and _is_used(readers, other.name)
        for other in nodes.values()
        if other.name != flow.name
    )


def _is_used(readers: Dict[str, List[Any]], name: str) -> bool:
    return any(not reader.op.startswith("TensorArray") for reader in readers.get(name, ()))
