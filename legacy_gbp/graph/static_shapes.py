"""Static shapes of the tensors of a GraphDef."""

from typing import Any, Dict, List, Optional

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.drop_attributes import drop_unknown_attributes
from legacy_gbp.graph.nodes import output_number, producer

Shape = Optional[List[Optional[int]]]
EMPTY_SHAPE_IS_SCALAR = 24  # since this version of GraphDef; before, it is unknown


class StaticShapes:
    """Static shapes and types, by an import into a scratch graph on first use.

    Parameters
    ----------
    graph_def : GraphDef
        Not changed. Where this TensorFlow cannot import it, the shapes that the nodes record
        are all that is known.
    """

    def __init__(self, graph_def: Any) -> None:
        self._graph_def = graph_def
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
        if tensor_t is not None:
            shape: Shape = tensor_t.shape.as_list() if tensor_t.shape.rank is not None else None
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
        node = self._recorded.get(producer(name))
        for attribute in ("dtype", "T", "DstT"):
            if node is not None and node.attr[attribute].type:
                return tf.as_dtype(node.attr[attribute].type).base_dtype
        return None

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
        self._graph = tf.Graph()
        copied = tf.compat.v1.GraphDef()
        copied.CopyFrom(self._graph_def)
        self._recorded = {node.name: node for node in self._graph_def.node}
        try:
            drop_unknown_attributes(copied, "")
            with self._graph.as_default():
                tf.import_graph_def(copied, name="")
        except (ModelError, ValueError, KeyError, TypeError, tf.errors.OpError):
            self._graph = tf.Graph()  # an operation that this TensorFlow does not know


def _recorded_shape(node: Optional[Any], number: int) -> Shape:
    if node is None:
        return None
    shapes = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else []
    if number < len(shapes):
        shape = shapes[number]
    elif "shape" in node.attr:
        shape = node.attr["shape"].shape
    else:
        return None
    if shape.unknown_rank:
        return None
    return [None if dim.size < 0 else int(dim.size) for dim in shape.dim]
