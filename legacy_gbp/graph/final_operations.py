"""What a network ends in after its logits: softmax, sigmoid, the largest class, a threshold.

The gradient of a softmax or a sigmoid vanishes where it is sure, and an ArgMax has none. So
such an operation at the end is stepped over, and the scores that it reads are explained.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from legacy_gbp.graph.nodes import by_name, data_inputs, output_number, producer, tensor_name

# Operation type to the place of the scores among its inputs.
FINAL = {
    "Softmax": 0, "LogSoftmax": 0, "Sigmoid": 0, "ArgMax": 0, "TopK": 0, "TopKV2": 0,
    "InTopK": 0, "InTopKV2": 0, "Round": 0, "Rint": 0, "Multinomial": 0, "CTCGreedyDecoder": 0,
    "CTCBeamSearchDecoder": 0,
}  # fmt: skip
COMPARISONS = ("Greater", "GreaterEqual", "Less", "LessEqual")
PASSING = ("Identity", "IdentityN", "Cast", "Reshape", "Squeeze", "ExpandDims", "Transpose")
# TensorFlow 1 puts these around a softmax of several axes: one in front and one after it.
PAIRED = ("Reshape", "Squeeze", "ExpandDims", "Transpose")


class SteppedOver(NamedTuple):
    """An operation at the end of a network that is not explained, but what it reads.

    Attributes
    ----------
    name : str
        Of the operation.
    kind : str
        Its type.
    """

    name: str
    kind: str


def logits_before(graph_def: Any, name: str) -> Tuple[str, List[SteppedOver]]:
    """Return the tensor that the final operations in front of a tensor read.

    Parameters
    ----------
    graph_def : GraphDef
    name : str
        A tensor.

    Returns
    -------
    logits : str
        The tensor itself when no final operation ends there.
    over : list of SteppedOver
        The last first.
    """
    return logits_before_in(by_name(graph_def), name)


def logits_before_in(nodes: Dict[str, Any], name: str) -> Tuple[str, List[SteppedOver]]:
    """Return the same for nodes by name, where many tensors of one graph are asked for.

    Parameters
    ----------
    nodes : dict of str to NodeDef
    name : str
        A tensor.

    Returns
    -------
    logits : str
    over : list of SteppedOver
    """
    logits = tensor_name(name)
    over: List[SteppedOver] = []
    while True:
        final, passed = _final_operation(nodes, logits)
        if final is None:
            return logits, over
        logits = _before_pair(nodes, tensor_name(_scores(nodes, final)), passed)
        over.append(SteppedOver(final.name, final.op))


def _final_operation(nodes: Dict[str, Any], name: str) -> Tuple[Optional[Any], List[str]]:
    """Return the final operation that makes a tensor, through what passes it, and its kinds."""
    passed: List[str] = []
    node = nodes.get(producer(name))
    while node is not None and node.op in PASSING and data_inputs(node):
        passed.append(node.op)
        name = data_inputs(node)[output_number(name) if node.op == "IdentityN" else 0]
        node = nodes.get(producer(name))
    if node is not None and _is_final(nodes, node):
        return node, passed
    return None, passed


def _is_final(nodes: Dict[str, Any], node: Any) -> bool:
    if node.op in COMPARISONS:
        return any(_is_constant(nodes, name) for name in data_inputs(node))
    return node.op in FINAL


def _scores(nodes: Dict[str, Any], final: Any) -> str:
    """Return the input of a final operation that holds the scores."""
    inputs = data_inputs(final)
    if final.op in COMPARISONS:
        return inputs[1 if _is_constant(nodes, inputs[0]) else 0]
    return inputs[FINAL[final.op]]


def _before_pair(nodes: Dict[str, Any], name: str, passed: List[str]) -> str:
    """Step over the first half of a pair whose second half was passed after the operation."""
    node = nodes.get(producer(name))
    if node is not None and node.op in PAIRED and node.op in passed:
        return tensor_name(data_inputs(node)[0])
    return name


def _is_constant(nodes: Dict[str, Any], name: str) -> bool:
    node = nodes.get(producer(name))
    while node is not None and node.op in ("Identity", "Cast") and data_inputs(node):
        node = nodes.get(producer(data_inputs(node)[0]))
    return node is not None and node.op == "Const"
