"""Static shapes of the tensors of a GraphDef."""

import re
from typing import Any, Dict, List, Optional

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.cut_assignments import cut_assignments
from legacy_gbp.graph.drop_attributes import drop_unknown_attributes
from legacy_gbp.graph.nodes import output_number, producer
from legacy_gbp.graph.trust import not_run_by_an_import

Shape = Optional[List[Optional[int]]]
EMPTY_SHAPE_IS_SCALAR = 24  # since this version of GraphDef; before, it is unknown


class StaticShapes:
    """Static shapes and types, by an import into a scratch graph on first use.

    Parameters
    ----------
    graph_def : GraphDef
        Not changed. Where this TensorFlow cannot import it, the shapes that the nodes record
        are all that is known.
    recorded : GraphDef, optional
        Its nodes record shapes where an import of `graph_def` leaves the rank open; pruning
        drops them. By default `graph_def` itself.
    """

    def __init__(self, graph_def: Any, recorded: Optional[Any] = None) -> None:
        self._graph_def = graph_def
        self._recorder = graph_def if recorded is None else recorded
        self._graph: Any = None
        self._recorded: Dict[str, Any] = {}

    def shape(self, name: str) -> Shape:
        """Return the static shape of a tensor.

        Parameters
        ----------
        name : str

        Returns
        -------
        list of int or None, or None
            None for an open size, and in place of the list for an unknown rank.
        """
        tensor_t = self._tensor(name)
        if tensor_t is not None and tensor_t.shape.rank is not None:
            shape: Shape = tensor_t.shape.as_list()
            return shape
        return _recorded_shape(self._recorded.get(producer(name)), output_number(name))

    def dtype(self, name: str) -> Optional[Any]:
        """Return the type of a tensor.

        Parameters
        ----------
        name : str

        Returns
        -------
        tf.DType or None
            None where it is not known.
        """
        tensor_t = self._tensor(name)
        if tensor_t is not None:
            return tensor_t.dtype.base_dtype
        return _recorded_dtype(self._recorded.get(producer(name)), output_number(name))

    def has(self, name: str) -> bool:
        """Return whether the graph has a tensor, as far as is known.

        Parameters
        ----------
        name : str

        Returns
        -------
        bool
        """
        return self._tensor(name) is not None or not self._graph.get_operations()

    def _tensor(self, name: str) -> Optional[Any]:
        if self._graph is None:
            self._import()
        try:
            tensor_t = self._graph.get_tensor_by_name(name if ":" in name else name + ":0")
        except (KeyError, ValueError):
            return None
        return tensor_t

    def _import(self) -> None:
        self._recorded = {node.name: node for node in self._recorder.node}
        copied = tf.compat.v1.GraphDef()
        copied.CopyFrom(self._graph_def)
        not_run_by_an_import(copied)  # shapes are asked for before the graph is checked
        self._graph = _imported(copied)
        if self._graph is None:
            _mend_references(copied)
            self._graph = _imported(copied)
        if self._graph is None:  # an operation that this TensorFlow does not know
            self._graph = tf.Graph()


def _imported(graph_def: Any) -> Optional[Any]:
    graph = tf.Graph()
    try:
        drop_unknown_attributes(graph_def, "")
        with graph.as_default():
            tf.import_graph_def(graph_def, name="")
    except (ModelError, ValueError, KeyError, TypeError, tf.errors.OpError):
        return None
    return graph


def _mend_references(graph_def: Any) -> None:
    """Let what refers to variables take the constants that a frozen graph has of them."""
    cut_assignments(graph_def)
    for node in graph_def.node:
        node.op = re.sub(r"^Ref(?=Switch|Merge|Enter|Exit|Identity|NextIteration)", "", node.op)


def _recorded_dtype(node: Optional[Any], number: int) -> Optional[Any]:
    if node is None:
        return None
    for attribute in ("output_types", "component_types"):
        types = node.attr[attribute].list.type if attribute in node.attr else ()
        if number < len(types):
            return tf.as_dtype(types[number]).base_dtype
    for attribute in ("dtype", "T", "DstT"):
        if attribute in node.attr and node.attr[attribute].type:
            return tf.as_dtype(node.attr[attribute].type).base_dtype
    return None


def _recorded_shape(node: Optional[Any], number: int) -> Shape:
    if node is None:
        return None
    shape = _shape_attribute(node, number)
    if shape is None or shape.unknown_rank:
        return None
    return [None if dim.size < 0 else int(dim.size) for dim in shape.dim]


def _shape_attribute(node: Any, number: int) -> Optional[Any]:
    for attribute in ("_output_shapes", "output_shapes"):
        shapes = node.attr[attribute].list.shape if attribute in node.attr else ()
        if number < len(shapes):
            return shapes[number]
    return node.attr["shape"].shape if "shape" in node.attr else None
