"""The mark of a rule on the nodes of a GraphDef.

``gradient_override_map`` writes an attribute on operations that are created
under it, and that attribute stays in an exported graph: a graph that was once
exported for guided backpropagation is secretly guided for ever. So marks are
stripped, and those of the rule set, node by node and inside functions, where
the map does not reach.
"""

from legacy_gbp.graph.nodes import all_nodes
from legacy_gbp.rules.audit import MARK
from legacy_gbp.rules.relu import MARKS, RECTIFIERS


def strip_marks(graph_def):
    """Remove all gradient marks, in place.

    Returns
    -------
    list of str
        Names of the nodes that bore one.
    """
    marked = [node for node in all_nodes(graph_def) if MARK in node.attr]
    for node in marked:
        del node.attr[MARK]
    return [node.name for node in marked]


def set_marks(graph_def, rule, but_not=()):
    """Mark all ReLUs and their relatives with a rule, in place.

    Parameters
    ----------
    graph_def : GraphDef
    rule : str
        ``"gradient"`` marks nothing.
    but_not : collection of str
        Nodes inside an idiom, which goes backwards as a whole.
    """
    if rule not in MARKS:
        return
    for node in all_nodes(graph_def):
        if node.op in RECTIFIERS and node.name not in but_not:
            mark(node, rule)


def mark(node, rule):
    """Mark one node."""
    node.attr[MARK].s = MARKS[rule].encode()
