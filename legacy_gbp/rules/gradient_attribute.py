"""The attribute that carries a rule on the nodes of a GraphDef.

``gradient_override_map`` writes ``_gradient_op_type`` on operations that are created
under it, and the attribute stays in an exported graph: a graph that was once exported
for guided backpropagation is secretly guided for ever. So foreign attributes are
removed, and those of the rule set, node by node and inside functions, where the map
does not reach. A custom gradient of an operation that is no rectifier stays where this
process knows it (``tf.custom_gradient`` in a live session): it is a part of the model.
"""

from typing import Any, Collection, List

from legacy_gbp.graph.nodes import all_nodes
from legacy_gbp.rules.relu import RECTIFIERS, REGISTERED

GRADIENT_ATTRIBUTE = "_gradient_op_type"
# Carried by the operation that closes a composite rectifier (its kind), and by those inside.
COMPOSITE_ATTRIBUTE, INSIDE = "_legacy_gbp_composite", b"inside"


def remove_gradient_attributes(graph_def: Any) -> List[str]:
    """Remove foreign gradient attributes, in place, except known ones of other operations.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    list of str
        Names of the nodes that had one.
    """
    removed = [
        node
        for node in all_nodes(graph_def)
        if GRADIENT_ATTRIBUTE in node.attr
        and (node.op in RECTIFIERS or not _is_registered(gradient_attribute(node)))
    ]
    for node in removed:
        del node.attr[GRADIENT_ATTRIBUTE]
    return [node.name for node in removed]


def _is_registered(name: str) -> bool:
    """Whether this process has a gradient of that name; one of ours was exported by us."""
    from tensorflow.python.framework import ops

    registry = getattr(ops, "gradient_registry", None) or ops._gradient_registry
    return name in registry.list() and name not in REGISTERED.values()


def set_gradient_attributes(graph_def: Any, rule: str, excluded: Collection[str] = ()) -> None:
    """Give all ReLUs and their relatives a rule, in place.

    Parameters
    ----------
    graph_def : GraphDef
    rule : str
        ``"gradient"`` sets nothing.
    excluded : collection of str
        Nodes inside a composite rectifier, which goes backwards as one.
    """
    if rule not in REGISTERED:
        return
    for node in all_nodes(graph_def):
        if node.op in RECTIFIERS and node.name not in excluded:
            set_gradient_attribute(node, rule)


def set_gradient_attribute(node: Any, rule: str) -> None:
    """Give one node a rule.

    Parameters
    ----------
    node : NodeDef
    rule : str
        A row of :data:`legacy_gbp.rules.relu.REGISTERED`.
    """
    node.attr[GRADIENT_ATTRIBUTE].s = REGISTERED[rule].encode()


def gradient_attribute(node: Any) -> str:
    """Return the registered gradient that a node names.

    Parameters
    ----------
    node : NodeDef

    Returns
    -------
    str
        Empty for the chain rule.
    """
    if GRADIENT_ATTRIBUTE not in node.attr:
        return ""
    name: str = node.attr[GRADIENT_ATTRIBUTE].s.decode("utf-8", "replace")
    return name
