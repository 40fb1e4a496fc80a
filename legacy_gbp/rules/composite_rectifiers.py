"""Rectifiers that are written out in several operations get one that carries the rule.

====================================  =============================================
idiom                                 found in
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

The operations inside keep the chain rule: together they are the derivative of
the whole. An identity behind them carries the rule, as a relative of ReLU:
guided is the chain rule applied to max(R, 0). For deconvnet, which passes
max(R, 0) whatever the input was, the derivative inside is replaced by 1.
"""

import numpy as np

from legacy_gbp.graph.nodes import add, by_name, consumers, data_inputs, producer
from legacy_gbp.rules.audit import IDIOM, INSIDE
from legacy_gbp.rules.gradient_attribute import mark
from legacy_gbp.rules.rectifier_patterns import constant_value

SUMS = ("Add", "AddV2", "AddN", "Sub")
ABOVE, BELOW = ("Greater", "GreaterEqual"), ("Less", "LessEqual")


class _Reader:
    """What the patterns ask of a graph."""

    def __init__(self, graph_def):
        self.nodes = by_name(graph_def)
        self.consumers = consumers(graph_def)

    def inputs(self, name, *ops):
        """Names of the inputs of a node of one of some operations, else None."""
        node = self.nodes.get(producer(name))
        if node is None or node.op not in ops:
            return None
        return data_inputs(node)

    def constant(self, name):
        """Value of a constant, seen through identities, casts and fills, else None."""
        return constant_value(self.nodes, name)

    def is_all(self, name, value):
        constant = self.constant(name)
        return constant is not None and constant.size and np.all(constant == value)

    def with_constant(self, name, op, value):
        """The other input of a commutative operation with a constant, else None."""
        for one, other in _both_ways(self.inputs(name, op)):
            if self.is_all(other, value):
                return one
        return None

    def rectified(self, name):
        """X of relu(x) or maximum(x, 0), else None."""
        inputs = self.inputs(name, "Relu")
        return inputs[0] if inputs else self.with_constant(name, "Maximum", 0)

    def times_constant(self, name):
        """(rest, factor) for every reading of a product with a constant."""
        for one, other in _both_ways(self.inputs(name, "Mul")):
            factor = self._factor(other)
            if factor is not None:
                yield one, factor

    def _factor(self, name):
        negated = self.inputs(name, "Neg")
        if negated:
            factor = self.constant(negated[0])
            return None if factor is None else -factor
        return self.constant(name)


def _both_ways(pair):
    return [(pair[0], pair[1]), (pair[1], pair[0])] if pair and len(pair) == 2 else []


def _of_maximum(read, node):
    """X of maximum(x, 0), or of maximum(x, a x)."""
    if node.op != "Maximum":
        return None
    x = read.with_constant(node.name, "Maximum", 0)
    if x:
        return x
    for one, other in _both_ways(data_inputs(node)):
        for rest, factor in read.times_constant(other):
            if rest == one and factor.size and np.all((factor > 0) & (factor < 1)):
                return one
    return None


def _of_clipped(read, node):
    """X of minimum(relu(x), c), with or without a maximum with 0 behind."""
    if node.op == "Maximum":
        inner = read.with_constant(node.name, "Maximum", 0)
        below = read.nodes.get(producer(inner)) if inner else None
        return _of_clipped(read, below) if below is not None and below.op == "Minimum" else None
    if node.op != "Minimum":
        return None
    for one, other in _both_ways(data_inputs(node)):
        if read.constant(other) is not None and read.rectified(one):
            return read.rectified(one)
    return None


def _of_prelu(read, node):
    """X of a rectified x plus or minus something that is 0 for positive x."""
    if node.op not in SUMS:
        return None
    for positive, negative in _both_ways(data_inputs(node)):
        x = read.rectified(positive)
        if x and _is_negative_part(read, negative, x):
            return x
    return None


def _is_negative_part(read, name, x):
    """A constant times relu(-x), times minimum(x, 0), or times x - |x|."""
    if _same(read.with_constant(name, "Minimum", 0), x):
        return True
    difference = read.inputs(name, "Sub")
    if difference and difference[0] == x:
        return _same((read.inputs(difference[1], "Abs") or [None])[0], x)
    rectified = read.rectified(name)
    if rectified:
        return _same((read.inputs(rectified, "Neg") or [None])[0], x)
    outer = read.inputs(name, "Neg", "RealDiv")
    if outer and (len(outer) == 1 or read.constant(outer[1]) is not None):
        return _is_negative_part(read, outer[0], x)
    return any(_is_negative_part(read, rest, x) for rest, _ in read.times_constant(name))


def _same(name, x):
    return name is not None and name == x


def _of_select(read, node):
    """X of where(x > c, x, f(x)), or of where(x < c, f(x), x)."""
    if node.op not in ("Select", "SelectV2"):
        return None
    condition, if_true, if_false = data_inputs(node)
    if _same(_kept_above(read, condition, ABOVE, BELOW), if_true):
        return if_true
    if _same(_kept_above(read, condition, BELOW, ABOVE), if_false):
        return if_false
    return None


def _of_gate(read, node):
    """X of x cast(x > c)."""
    if node.op != "Mul":
        return None
    for one, other in _both_ways(data_inputs(node)):
        cast = read.inputs(other, "Cast")
        if cast and _same(_kept_above(read, cast[0], ABOVE, BELOW), one):
            return one
    return None


def _kept_above(read, name, ops, reversed_ops):
    """X of x > c or of c < x, else None."""
    for place, kinds in ((0, ops), (1, reversed_ops)):
        compared = read.inputs(name, *kinds)
        if compared and read.constant(compared[1 - place]) is not None:
            return compared[place]
    return None


def _of_absolute(read, node):
    """X of a x + b |x|, a >= b > 0 and a + b = 1, or of a multiple of it that is x for x > 0."""
    scaled = [(node.name, np.float32(1)), *read.times_constant(node.name)]
    for name, scale in scaled:
        for one, other in _both_ways(read.inputs(name, "Add", "AddV2", "AddN")):
            for linear, a in [(one, np.float32(1)), *read.times_constant(one)]:
                for bent, b in [(other, np.float32(1)), *read.times_constant(other)]:
                    x = (read.inputs(bent, "Abs") or [None])[0]
                    fits = x == linear and np.all(b > 0) and np.all(a >= b)
                    if fits and np.allclose(scale * (a + b), 1):
                        return x
    return None


# The first that fits is taken: a clipped ReLU ends in a maximum too.
PATTERNS = {
    "ClippedRelu": _of_clipped,
    "PRelu": _of_prelu,
    "MaximumRelu": _of_maximum,
    "SelectRelu": _of_select,
    "GatedRelu": _of_gate,
    "AbsRelu": _of_absolute,
}


def rewrite_idioms(graph_def, rule):
    """Give every idiom an operation that carries the rule, in place.

    Parameters
    ----------
    graph_def : GraphDef
        Frozen: only constants tell 0 and slopes.
    rule : str
        ``"gradient"`` changes nothing.

    Returns
    -------
    set of str
        Nodes inside idioms, which keep the chain rule.
    """
    if rule == "gradient":
        return set()
    read = _Reader(graph_def)
    found = []
    for node in list(graph_def.node):
        for kind, pattern in PATTERNS.items():
            x = pattern(read, node)
            if x:
                inside = _inside(read, node.name, x)
                if inside and _is_closed(read, inside, node.name):
                    found.append((node, kind, x, inside))
                break
    # An idiom within an idiom goes backwards with it.
    within = {name for node, _, _, inside in found for name in inside - {node.name}}
    outermost = [each for each in found if each[0].name not in within]
    kept = set()
    for node, kind, x, inside in outermost:
        for name in inside:
            read.nodes[name].attr[IDIOM].s = INSIDE
        kept |= inside - {node.name}
        kept.add(_close(graph_def, node, kind, x, rule))
    return kept


def _inside(read, name, x):
    """Names of the nodes from x to the end of an idiom; None where it depends on more than x."""
    inside, todo = set(), [name]
    while todo:
        current = todo.pop()
        if current == x or producer(current) in inside or read.constant(current) is not None:
            continue
        node = read.nodes.get(producer(current))
        if node is None or not data_inputs(node):
            return None
        inside.add(node.name)
        todo += data_inputs(node)
    return inside


def _is_closed(read, inside, last):
    """Nobody else uses what is inside: it would go backwards without a rule."""
    users = [user.name for name in inside - {last} for user in read.consumers[name]]
    return all(user in inside for user in users)


def _close(graph_def, node, kind, x, rule):
    """Move the last operation aside and put an identity with the rule in its place.

    Returns its new name.
    """
    end = node.name
    node.name = f"{end}/{kind}"
    inner = node.name
    if rule == "deconvnet":  # the value of the idiom, the derivative of x
        closing = add(graph_def, "IdentityN", end, [inner, x])
        closing.attr["T"].list.type.extend([node.attr["T"].type] * 2)
    else:
        closing = add(graph_def, "Identity", end, [inner], T=node.attr["T"])
    closing.attr[IDIOM].s = kind.encode()
    mark(closing, rule)
    return node.name
