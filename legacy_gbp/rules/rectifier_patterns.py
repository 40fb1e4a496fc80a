"""Rectifiers that are written out in several operations: found, so that none goes unnoticed.

What :mod:`legacy_gbp.rules.composite_rectifiers` knows gets a rule. What is found here
and has none, such as one inside a function, is listed as missed.
"""

import numpy as np
import tensorflow as tf

COMPARISONS = ("Greater", "GreaterEqual", "Less", "LessEqual")
PRODUCTS = ("Mul", "RealDiv", "Neg")
DEPTH = 3  # of exp(x) - 1 times a slope


def written_out(nodes):
    """Names of the operations that end a rectifier.

    Parameters
    ----------
    nodes : iterable of NodeDef
        Of a graph, or of the body of a function.

    Returns
    -------
    set of str
    """
    by_name = {node.name: node for node in nodes}
    return {name for name, node in by_name.items() if _ends_one(by_name, node)}


def constant_value(by_name, name):
    """Value of a constant, also through identities, casts and fills; else None.

    Parameters
    ----------
    by_name : dict of str to NodeDef
    name : str
        A tensor.

    Returns
    -------
    array or None
        One value for what is filled with it.
    """
    node = by_name.get(_producer(name))
    while node is not None and node.op in ("Identity", "Cast", "Fill", "ReadVariableOp"):
        node = by_name.get(_producer(node.input[1 if node.op == "Fill" else 0]))
    if node is None or node.op not in ("Const", "ZerosLike"):
        return None
    return np.zeros(1) if node.op == "ZerosLike" else tf.make_ndarray(node.attr["value"].tensor)


def _ends_one(by_name, node):
    """Whether a node takes one of two functions of the same x, by its sign."""
    inputs = [name for name in node.input if not name.startswith("^")]
    if node.op in ("Maximum", "Minimum"):
        if any(_is_zero(by_name, name) for name in inputs):
            return True
        return any(one in _factors(by_name, other) for one, other in _pairs(inputs))
    if node.op == "ClipByValue":
        return _is_zero(by_name, inputs[1])
    if node.op in ("Select", "SelectV2"):
        compared = _compared(by_name, inputs[0])
        return any(
            one in compared and (_is_zero(by_name, other) or _depends(by_name, other, one, DEPTH))
            for one, other in _pairs(inputs[1:])
        )
    if node.op == "Mul":
        return any(one in _gate(by_name, other) for one, other in _pairs(inputs))
    if node.op in ("Add", "AddV2", "Sub", "AddN"):
        return any(
            set(_factors(by_name, one)) & _absolutes(by_name, other)
            for one, other in _pairs(inputs)
        )
    return False


def _pairs(inputs):
    return [(inputs[0], inputs[1]), (inputs[1], inputs[0])] if len(inputs) == 2 else []


def _inputs(by_name, name, ops):
    node = by_name.get(_producer(name))
    found = node.input if node is not None and node.op in ops else ()
    return [read for read in found if not read.startswith("^")]


def _is_zero(by_name, name):
    value = constant_value(by_name, name)
    return value is not None and value.size > 0 and not np.any(value)


def _factors(by_name, name):
    """The tensor and what it is a product of."""
    return [name, *_inputs(by_name, name, PRODUCTS)]


def _absolutes(by_name, name):
    """X of |x| and of its products."""
    return {x for factor in _factors(by_name, name) for x in _inputs(by_name, factor, ("Abs",))}


def _compared(by_name, name):
    """The operands of a comparison with a constant."""
    operands = _inputs(by_name, name, COMPARISONS)
    fixed = [operand for operand in operands if constant_value(by_name, operand) is not None]
    return operands if fixed else []


def _gate(by_name, name):
    cast = _inputs(by_name, name, ("Cast",))
    return _compared(by_name, cast[0]) if cast else []


def _depends(by_name, name, x, depth):
    if name == x:
        return True
    node = by_name.get(_producer(name))
    return (
        depth > 0
        and node is not None
        and any(_depends(by_name, read, x, depth - 1) for read in node.input)
    )


def _producer(name):
    return name.lstrip("^").split(":")[0]
