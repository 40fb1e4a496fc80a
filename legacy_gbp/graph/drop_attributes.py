"""Attributes that this TensorFlow does not know go, where they say nothing.

A newer TensorFlow writes attributes that an older one refuses ("attr 'explicit_paddings' not
in Op MaxPool"). An attribute that is empty, false, zero or a hint changes no value.
"""

from typing import Any, Optional, Set

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import all_nodes
from legacy_gbp.graph.registry import op_def_of

# Say how an operation may be computed, or matter in training alone.
HINTS = (
    "debug_name", "exponential_avg_factor", "metadata", "use_cudnn_on_gpu",
    "use_inter_op_parallelism",
)  # fmt: skip


def drop_unknown_attributes(graph_def: Any, where: str) -> None:
    """Drop attributes that the registered operations lack, in place.

    Parameters
    ----------
    graph_def : GraphDef
    where : str
        The file, for messages.

    Raises
    ------
    ModelError
        For an unknown attribute with a value that may matter.
    """
    known = {}
    for node in all_nodes(graph_def):
        if node.op not in known:
            known[node.op] = _attributes_of(node.op)
        names = known[node.op]
        if names is None:  # a function, or an operation that the import will refuse
            continue
        for name in list(node.attr):
            if name.startswith("_") or name in names:
                continue
            if name not in HINTS and not _is_empty(node.attr[name]):
                raise ModelError(
                    f"{where}: {node.name} ({node.op}) has the attribute {name!r}, which this "
                    "TensorFlow does not know; use the version that made it, or a newer one"
                )
            del node.attr[name]


def _attributes_of(op_type: str) -> Optional[Set[str]]:
    """Return the names of the attributes of a registered operation; None for an unknown one."""
    op_def = op_def_of(op_type)
    return None if op_def is None else {attribute.name for attribute in op_def.attr}


def _is_empty(value: Any) -> bool:
    kind = value.WhichOneof("value")
    if kind is None:
        return True
    if kind == "list":
        return not any(len(numbers) for _, numbers in value.list.ListFields())
    return kind in ("b", "i", "f", "s") and not getattr(value, kind)
