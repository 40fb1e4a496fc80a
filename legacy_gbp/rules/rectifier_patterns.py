"""Rectifiers made of several operations, recognised: the one matcher of audit and rewriting.

====================================  =============================================
pattern                               found in
====================================  =============================================
maximum(x, 0)                         hand-written ReLUs
maximum(x, a x), 0 < a < 1            leaky ReLUs before the operation existed
relu(x) - a relu(-x)                  PReLU of Keras (also with + and -a)
relu(x) + a (x - |x|) 0.5             PReLU of the tutorials
maximum(0, x) + a minimum(0, x)       PReLU
minimum(relu(x), c)                   clipped ReLU, Keras' max_value; also in a
                                      maximum with 0
where(x > c, x, f(x)), f often 0      hand-written ReLUs and ELUs
x cast(x > c)                         Keras' ThresholdedReLU
a x + b |x|, a + b = 1                leaky ReLU of pix2pix
====================================  =============================================

:func:`match_rectifiers` finds those that can go backwards as one operation.
:func:`suspected_rectifiers` finds, with looser patterns, whatever switches between two
functions of x by its sign. The audit lists as missed what is suspected and did not match.
"""

from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.graph.nodes import data_inputs, producer

SUMS = ("Add", "AddV2", "AddN", "Sub")
PRODUCTS = ("Mul", "RealDiv", "Neg")
ABOVE, BELOW = ("Greater", "GreaterEqual"), ("Less", "LessEqual")
CONSTANT_PASSES = ("Identity", "Cast", "Fill", "ReadVariableOp")
DEPTH = 3  # of exp(x) - 1 times a slope


class CompositeRectifier(NamedTuple):
    """A rectifier made of several operations.

    Attributes
    ----------
    last : str
        Name of its last operation.
    kind : str
        A row of :data:`PATTERNS`.
    x : str
        The tensor that it rectifies.
    inside : frozenset of str
        Names of its operations.
    """

    last: str
    kind: str
    x: str
    inside: "frozenset[str]"


class PatternGraph:
    """What the patterns ask of the nodes of a graph, or of a function's body.

    Parameters
    ----------
    nodes : iterable of NodeDef
    """

    def __init__(self, nodes: Iterable[Any]) -> None:
        self.nodes: Dict[str, Any] = {node.name: node for node in nodes}
        self.users: Dict[str, List[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for name in node.input:
                if producer(name) in self.users:
                    self.users[producer(name)].append(node.name)

    def node(self, name: str) -> Optional[Any]:
        """Return the node that makes a tensor, or None."""
        return self.nodes.get(producer(name))

    def inputs(self, name: str, *ops: str) -> List[str]:
        """Return the inputs of a node of one of some operation types; none for another."""
        node = self.node(name)
        return data_inputs(node) if node is not None and node.op in ops else []

    def constant(self, name: str) -> Optional[np.ndarray]:
        """Return the value of a constant, also through identities, casts and fills, or None."""
        node = self.node(name)
        while node is not None and node.op in CONSTANT_PASSES:
            node = self.node(node.input[1 if node.op == "Fill" else 0])
        if node is None or node.op not in ("Const", "ZerosLike"):
            return None
        if node.op == "ZerosLike":
            return np.zeros(1)
        value: np.ndarray = tf.make_ndarray(node.attr["value"].tensor)
        return value

    def is_all(self, name: str, value: float) -> bool:
        """Return whether a tensor is a constant of one value."""
        constant = self.constant(name)
        return constant is not None and constant.size > 0 and bool(np.all(constant == value))

    def beside_constant(self, name: str, op: str, value: float) -> Optional[str]:
        """Return the other input of an operation type with a constant, or None."""
        for one, other in both_orders(self.inputs(name, op)):
            if self.is_all(other, value):
                return one
        return None

    def rectified(self, name: str) -> Optional[str]:
        """Return x of relu(x) or maximum(x, 0), or None."""
        inputs = self.inputs(name, "Relu")
        return inputs[0] if inputs else self.beside_constant(name, "Maximum", 0)

    def absolute(self, name: str) -> Optional[str]:
        """Return x of |x|, or None."""
        return next(iter(self.inputs(name, "Abs")), None)

    def negated(self, name: str) -> Optional[str]:
        """Return x of -x, or None."""
        return next(iter(self.inputs(name, "Neg")), None)

    def times_constant(self, name: str) -> Iterator[Tuple[str, np.ndarray]]:
        """Yield (rest, factor) for every reading of a product with a constant."""
        for one, other in both_orders(self.inputs(name, "Mul")):
            negated = self.negated(other)
            factor = self.constant(negated or other)
            if factor is not None:
                yield one, -factor if negated else factor

    def compared(self, name: str, ops: Tuple[str, ...], swapped: Tuple[str, ...]) -> Optional[str]:
        """Return x of x > c, also as c < x, with a constant c; or None."""
        for place, kinds in ((0, ops), (1, swapped)):
            inputs = self.inputs(name, *kinds)
            if inputs and self.constant(inputs[1 - place]) is not None:
                return inputs[place]
        return None


def both_orders(pair: List[str]) -> List[Tuple[str, str]]:
    """Return a pair in both orders; nothing for what is no pair.

    Parameters
    ----------
    pair : list of str

    Returns
    -------
    list of (str, str)
    """
    return [(pair[0], pair[1]), (pair[1], pair[0])] if len(pair) == 2 else []


def match_rectifiers(nodes: Iterable[Any]) -> List[CompositeRectifier]:
    """Find the composite rectifiers that can go backwards as one operation.

    Parameters
    ----------
    nodes : iterable of NodeDef
        Frozen: only constants tell 0 and slopes.

    Returns
    -------
    list of CompositeRectifier
        The outermost ones. Nobody else reads what is inside of one.
    """
    graph = PatternGraph(nodes)
    found = []
    for node in graph.nodes.values():
        kind, x = _first_match(graph, node)
        if x:
            inside = _inside(graph, node.name, x)
            if inside and _is_closed(graph, inside, node.name):
                found.append(CompositeRectifier(node.name, kind, x, frozenset(inside)))
    nested = {name for each in found for name in each.inside - {each.last}}
    return [each for each in found if each.last not in nested]


def suspected_rectifiers(nodes: Iterable[Any]) -> Set[str]:
    """Find the operations that switch between two functions of the same x by its sign.

    Parameters
    ----------
    nodes : iterable of NodeDef

    Returns
    -------
    set of str
        Names of the last operation of each.
    """
    graph = PatternGraph(nodes)
    return {
        name
        for name, node in graph.nodes.items()
        if node.op in _SUSPECTED and _SUSPECTED[node.op](graph, data_inputs(node))
    }


def _first_match(graph: PatternGraph, node: Any) -> Tuple[str, Optional[str]]:
    for kind, pattern in PATTERNS.items():
        x = pattern(graph, node)
        if x:
            return kind, x
    return "", None


def _maximum(graph: PatternGraph, node: Any) -> Optional[str]:
    """X of maximum(x, 0), or of maximum(x, a x)."""
    if node.op != "Maximum":
        return None
    x = graph.beside_constant(node.name, "Maximum", 0)
    if x:
        return x
    for one, other in both_orders(data_inputs(node)):
        for rest, factor in graph.times_constant(other):
            if rest == one and factor.size and np.all((factor > 0) & (factor < 1)):
                return one
    return None


def _clipped(graph: PatternGraph, node: Any) -> Optional[str]:
    """X of minimum(relu(x), c), with or without a maximum with 0 behind."""
    if node.op == "Maximum":
        inner = graph.beside_constant(node.name, "Maximum", 0)
        below = graph.node(inner) if inner else None
        return _clipped(graph, below) if below is not None and below.op == "Minimum" else None
    if node.op != "Minimum":
        return None
    for one, other in both_orders(data_inputs(node)):
        if graph.constant(other) is not None and graph.rectified(one):
            return graph.rectified(one)
    return None


def _prelu(graph: PatternGraph, node: Any) -> Optional[str]:
    """X of a rectified x plus or minus something that is 0 for positive x."""
    if node.op not in SUMS:
        return None
    for positive, negative in both_orders(data_inputs(node)):
        x = graph.rectified(positive)
        if x and _is_negative_part(graph, negative, x):
            return x
    return None


def _is_negative_part(graph: PatternGraph, name: str, x: str) -> bool:
    """Whether a tensor is a constant times relu(-x), minimum(x, 0), or x - |x|."""
    if graph.beside_constant(name, "Minimum", 0) == x:
        return True
    difference = graph.inputs(name, "Sub")
    if difference and difference[0] == x:
        return graph.absolute(difference[1]) == x
    rectified = graph.rectified(name)
    if rectified:
        return graph.negated(rectified) == x
    outer = graph.inputs(name, "Neg", "RealDiv")
    if outer and (len(outer) == 1 or graph.constant(outer[1]) is not None):
        return _is_negative_part(graph, outer[0], x)
    return any(_is_negative_part(graph, rest, x) for rest, _ in graph.times_constant(name))


def _select(graph: PatternGraph, node: Any) -> Optional[str]:
    """X of where(x > c, x, f(x)), or of where(x < c, f(x), x)."""
    if node.op not in ("Select", "SelectV2"):
        return None
    condition, if_true, if_false = data_inputs(node)
    if graph.compared(condition, ABOVE, BELOW) == if_true:
        return if_true
    if graph.compared(condition, BELOW, ABOVE) == if_false:
        return if_false
    return None


def _gated(graph: PatternGraph, node: Any) -> Optional[str]:
    """X of x cast(x > c)."""
    if node.op != "Mul":
        return None
    for one, other in both_orders(data_inputs(node)):
        cast = graph.inputs(other, "Cast")
        if cast and graph.compared(cast[0], ABOVE, BELOW) == one:
            return one
    return None


def _absolute(graph: PatternGraph, node: Any) -> Optional[str]:
    """X of a x + b |x|, a >= b > 0 and a + b = 1, or of a multiple of it that is x for x > 0."""
    one_ = np.float32(1)
    for name, scale in [(node.name, one_), *graph.times_constant(node.name)]:
        for one, other in both_orders(graph.inputs(name, "Add", "AddV2", "AddN")):
            for linear, a in [(one, one_), *graph.times_constant(one)]:
                for bent, b in [(other, one_), *graph.times_constant(other)]:
                    fits = graph.absolute(bent) == linear and np.all(b > 0) and np.all(a >= b)
                    if fits and np.allclose(scale * (a + b), 1):
                        return linear
    return None


# The first that fits is taken: a clipped ReLU ends in a maximum too.
PATTERNS: Dict[str, Callable[[PatternGraph, Any], Optional[str]]] = {
    "ClippedRelu": _clipped,
    "PRelu": _prelu,
    "MaximumRelu": _maximum,
    "SelectRelu": _select,
    "GatedRelu": _gated,
    "AbsRelu": _absolute,
}


def _inside(graph: PatternGraph, name: str, x: str) -> Optional[Set[str]]:
    """Names of the nodes from x to the last one; None where it depends on more than x."""
    inside: Set[str] = set()
    todo = [name]
    while todo:
        current = todo.pop()
        if current == x or producer(current) in inside or graph.constant(current) is not None:
            continue
        node = graph.node(current)
        if node is None or not data_inputs(node):
            return None
        inside.add(node.name)
        todo += data_inputs(node)
    return inside


def _is_closed(graph: PatternGraph, inside: Set[str], last: str) -> bool:
    """Whether nobody else reads what is inside: it would go backwards without a rule."""
    users = [user for name in inside - {last} for user in graph.users[name]]
    return all(user in inside for user in users)


def _suspected_extreme(graph: PatternGraph, inputs: List[str]) -> bool:
    if any(graph.is_all(name, 0) for name in inputs):
        return True
    return any(one in _factors(graph, other) for one, other in both_orders(inputs))


def _suspected_clip(graph: PatternGraph, inputs: List[str]) -> bool:
    return graph.is_all(inputs[1], 0)


def _suspected_select(graph: PatternGraph, inputs: List[str]) -> bool:
    compared = _compared(graph, inputs[0])
    return any(
        one in compared and (graph.is_all(other, 0) or _depends(graph, other, one, DEPTH))
        for one, other in both_orders(inputs[1:])
    )


def _suspected_gate(graph: PatternGraph, inputs: List[str]) -> bool:
    return any(
        one in _compared(graph, cast)
        for one, other in both_orders(inputs)
        for cast in graph.inputs(other, "Cast")
    )


def _suspected_sum(graph: PatternGraph, inputs: List[str]) -> bool:
    return any(
        graph.absolute(factor) in _factors(graph, one)
        for one, other in both_orders(inputs)
        for factor in _factors(graph, other)
    )


_SUSPECTED: Dict[str, Callable[[PatternGraph, List[str]], bool]] = {
    "Maximum": _suspected_extreme,
    "Minimum": _suspected_extreme,
    "ClipByValue": _suspected_clip,
    "Select": _suspected_select,
    "SelectV2": _suspected_select,
    "Mul": _suspected_gate,
    **dict.fromkeys(SUMS, _suspected_sum),
}


def _factors(graph: PatternGraph, name: str) -> List[str]:
    """Return a tensor and what it is a product of."""
    return [name, *graph.inputs(name, *PRODUCTS)]


def _compared(graph: PatternGraph, name: str) -> List[str]:
    """Return the operands of a comparison with a constant."""
    operands = graph.inputs(name, *ABOVE, *BELOW)
    return operands if any(graph.constant(one) is not None for one in operands) else []


def _depends(graph: PatternGraph, name: str, x: str, depth: int) -> bool:
    if name == x:
        return True
    node = graph.node(name)
    return (
        depth > 0
        and node is not None
        and any(_depends(graph, read, x, depth - 1) for read in node.input)
    )
