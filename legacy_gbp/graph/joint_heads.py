"""Several results that are parts of one tensor: the layer of a detector, cut into its columns.

A detector takes the sigmoid of some columns of its last layer, and the exponential of others.
Neither part is the result; the layer is.
"""

from typing import Any, Dict, Optional, Sequence

from legacy_gbp.graph.nodes import data_inputs, producer, tensor_name

MOVING = ("Identity", "Reshape", "Squeeze")
# Operation that takes a part of a tensor, to the place of the tensor among its inputs.
PARTS = {"StridedSlice": 0, "Slice": 0, "Split": 1, "SplitV": 0, "Unpack": 0}


def joint_head(nodes: Dict[str, Any], names: Sequence[str]) -> Optional[str]:
    """Return the tensor that all of several tensors are parts of.

    Parameters
    ----------
    nodes : dict of str to NodeDef
    names : sequence of str
        Tensors.

    Returns
    -------
    str or None
        A tensor; None where there is none, or a single name.
    """
    sources = {_cut_from(nodes, name) for name in names}
    return sources.pop() if len(sources) == 1 and len(names) > 1 else None


def _cut_from(nodes: Dict[str, Any], name: str) -> Optional[str]:
    node = nodes[producer(name)]
    while node.op in MOVING and data_inputs(node):
        node = nodes[producer(data_inputs(node)[0])]
    if node.op not in PARTS:
        return None
    return tensor_name(data_inputs(node)[PARTS[node.op]])
