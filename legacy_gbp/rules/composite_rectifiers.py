"""Composite rectifiers, made of several operations, get one operation that carries the rule.

The operations inside keep the chain rule: together they are the derivative of
the rectifier. An identity behind them carries the rule, as a relative of ReLU:
guided is the chain rule applied to max(R, 0). For deconvnet, which passes
max(R, 0) whatever the input was, the derivative inside is replaced by 1.

A unit that is no rectifier, or that others read from within, keeps the chain rule in all
its operations, its ReLUs included: each half of |x| = relu(x) + relu(-x) alone would pass
another gradient. The audit lists it as missed.
"""

from typing import Any, List, Sequence, Set

from legacy_gbp.graph.nodes import add_node, by_name, producer
from legacy_gbp.rules.dependence import DependentNodes
from legacy_gbp.rules.elementwise_units import Unit, find_units, with_scaling
from legacy_gbp.rules.gradient_attribute import (
    COMPOSITE_ATTRIBUTE,
    INSIDE,
    set_gradient_attribute,
)
from legacy_gbp.rules.unit_proof import is_rectifier


def close_composite_rectifiers(
    graph_def: Any, rule: str, inputs: Sequence[str], output: str
) -> Set[str]:
    """Give every composite rectifier an operation that carries the rule, in place.

    Parameters
    ----------
    graph_def : GraphDef
        Frozen: constants tell slopes and thresholds.
    rule : str
        ``"gradient"`` changes nothing.
    inputs : sequence of str
        Tensors that hold the image.
    output : str
        Tensor.

    Returns
    -------
    set of str
        Nodes that must keep the chain rule.
    """
    if rule == "gradient":
        return set()
    graph = DependentNodes(graph_def.node, map(producer, inputs), [producer(output)])
    units = find_units(graph)
    kept: Set[str] = {name for unit in units for name in unit.inside}
    nodes = by_name(graph_def)
    for proved in _rectifiers(graph_def, graph, units):
        for name in proved.inside:
            nodes[name].attr[COMPOSITE_ATTRIBUTE].s = INSIDE
        kept.add(_close(graph_def, nodes[proved.last], proved, rule))
        kept.discard(proved.last)
    return kept


def _rectifiers(graph_def: Any, graph: DependentNodes, units: Sequence[Unit]) -> List[Unit]:
    """Return the units that are rectifiers, with a factor behind that makes their slope 1."""
    found = []
    for unit in units:
        if "T" in graph.nodes[unit.last].attr and is_rectifier(graph_def, unit):
            scaled = None if is_rectifier(graph_def, unit, True) else with_scaling(graph, unit)
            if scaled is not None and is_rectifier(graph_def, scaled, True):
                unit = scaled
            found.append(unit)
    return found


def _close(graph_def: Any, node: Any, unit: Unit, rule: str) -> str:
    """Rename the last operation and put an identity with the rule in its place.

    Returns
    -------
    str
        The new name.
    """
    node.name = f"{unit.last}/{node.op}"
    if rule == "deconvnet":  # the value of the rectifier, the derivative of x
        closing = add_node(graph_def, "IdentityN", unit.last, [node.name, unit.x])
        closing.attr["T"].list.type.extend([node.attr["T"].type] * 2)
    else:
        closing = add_node(graph_def, "Identity", unit.last, [node.name], T=node.attr["T"])
    closing.attr[COMPOSITE_ATTRIBUTE].s = unit.kind.encode()
    set_gradient_attribute(closing, rule)
    renamed: str = node.name
    return renamed
