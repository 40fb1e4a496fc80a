"""Composite rectifiers get one operation that carries the rule.

The operations inside keep the chain rule: together they are the derivative of
the rectifier. An identity behind them carries the rule, as a relative of ReLU:
guided is the chain rule applied to max(R, 0). For deconvnet, which passes
max(R, 0) whatever the input was, the derivative inside is replaced by 1.
"""

from typing import Any, Set

from legacy_gbp.graph.nodes import add_node, by_name
from legacy_gbp.rules.gradient_attribute import (
    COMPOSITE_ATTRIBUTE,
    INSIDE,
    set_gradient_attribute,
)
from legacy_gbp.rules.rectifier_patterns import CompositeRectifier, match_rectifiers


def close_composite_rectifiers(graph_def: Any, rule: str) -> Set[str]:
    """Give every composite rectifier an operation that carries the rule, in place.

    Parameters
    ----------
    graph_def : GraphDef
        Frozen: only constants tell 0 and slopes.
    rule : str
        ``"gradient"`` changes nothing.

    Returns
    -------
    set of str
        Nodes inside composite rectifiers, which keep the chain rule.
    """
    if rule == "gradient":
        return set()
    found = match_rectifiers(graph_def.node)
    nodes = by_name(graph_def)
    kept: Set[str] = set()
    for rectifier in found:
        for name in rectifier.inside:
            nodes[name].attr[COMPOSITE_ATTRIBUTE].s = INSIDE
        kept |= rectifier.inside - {rectifier.last}
        kept.add(_close(graph_def, nodes[rectifier.last], rectifier, rule))
    return kept


def _close(graph_def: Any, node: Any, rectifier: CompositeRectifier, rule: str) -> str:
    """Rename the last operation and put an identity with the rule in its place.

    Returns
    -------
    str
        The new name.
    """
    node.name = f"{rectifier.last}/{rectifier.kind}"
    if rule == "deconvnet":  # the value of the rectifier, the derivative of x
        inputs = [node.name, rectifier.x]
        closing = add_node(graph_def, "IdentityN", rectifier.last, inputs)
        closing.attr["T"].list.type.extend([node.attr["T"].type] * 2)
    else:
        closing = add_node(graph_def, "Identity", rectifier.last, [node.name], T=node.attr["T"])
    closing.attr[COMPOSITE_ATTRIBUTE].s = rectifier.kind.encode()
    set_gradient_attribute(closing, rule)
    renamed: str = node.name
    return renamed
