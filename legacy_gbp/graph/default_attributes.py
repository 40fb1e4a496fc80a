"""Attributes that a file leaves out get their defaults, as TensorFlow's import sets them.

SavedModels drop attributes with default values, so that an older TensorFlow reads them.
"""

from typing import Any, Dict

from legacy_gbp.graph.nodes import all_nodes
from legacy_gbp.graph.registry import op_def_of


def fill_defaults(graph_def: Any, producer_ops: Any = ()) -> None:
    """Set the attributes that the nodes of a graph lack, in place.

    Parameters
    ----------
    graph_def : GraphDef
    producer_ops : sequence of OpDef
        The operations of the TensorFlow that wrote the graph. Its attributes that this
        TensorFlow does not know go, where they have their default.
    """
    written_by = {op.name: op for op in producer_ops}
    known: Dict[str, Any] = {}
    for node in all_nodes(graph_def):
        if node.op not in known:
            known[node.op] = op_def_of(node.op)
        if known[node.op] is None:
            continue
        for attribute in known[node.op].attr:
            if attribute.name not in node.attr and attribute.HasField("default_value"):
                node.attr[attribute.name].CopyFrom(attribute.default_value)
        if node.op in written_by:
            _drop_new_defaults(node, known[node.op], written_by[node.op])


def _drop_new_defaults(node: Any, op_def: Any, written_by: Any) -> None:
    names = {attribute.name for attribute in op_def.attr}
    for attribute in written_by.attr:
        if attribute.name in names or attribute.name not in node.attr:
            continue
        if node.attr[attribute.name] == attribute.default_value:
            del node.attr[attribute.name]
