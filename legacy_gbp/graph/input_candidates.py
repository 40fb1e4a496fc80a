"""Which tensors of a graph could be its input, and which of them an output depends on.

==============  ==========================================================================
source          tensors
==============  ==========================================================================
placeholder     arrays of numbers; no switch such as ``keep_prob``, no single number
with a default  the same, where the graph has no placeholder
pipeline        what an iterator or a queue yields, where the graph has neither
text            the picture that is decoded from a placeholder of text, in floating point
==============  ==========================================================================
"""

from typing import Any, List, Optional, Sequence, Set

import tensorflow as tf

from legacy_gbp.graph.flag_values import Switches, dtype_of
from legacy_gbp.graph.float_input import is_cast_to_float
from legacy_gbp.graph.nodes import by_name, consumers, data_inputs, producer, tensor_name
from legacy_gbp.graph.static_shapes import EMPTY_SHAPE_IS_SCALAR, StaticShapes

PLACEHOLDER = "Placeholder"
WITH_DEFAULT = "PlaceholderWithDefault"
PIPELINES = (
    "IteratorGetNext", "IteratorGetNextSync", "QueueDequeue", "QueueDequeueV2",
    "QueueDequeueMany", "QueueDequeueManyV2", "QueueDequeueUpTo", "QueueDequeueUpToV2",
)  # fmt: skip
MOST_ON_A_PATH = 300  # from a text to the first weights
VALUELESS = ("Shape", "ShapeN", "Size", "Rank")
WEIGHTED = (
    "Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMul",
    "BatchMatMulV2", "Einsum", "Conv3DBackpropInputV2", "QuantizedConv2D",
)  # fmt: skip
PICTURE_RANK = 4
ENTERING, LEAVING = ("Enter", "RefEnter"), ("Exit", "RefExit")
HANDLES = (
    "TensorArrayV2", "TensorArrayV3", "TensorArrayScatterV2", "TensorArrayScatterV3",
    "TensorArrayWriteV2", "TensorArrayWriteV3", "TensorArraySizeV2", "TensorArraySizeV3",
)  # fmt: skip


def input_candidates(graph_def: Any, output: Optional[str] = None) -> List[str]:
    """Return the tensors that could be the input.

    Parameters
    ----------
    graph_def : GraphDef
    output : str, optional
        A tensor; only what its values depend on is a candidate.

    Returns
    -------
    list of str
        Tensors, in the order of the graph.
    """
    search = _Search(graph_def, output)
    for find in (search.placeholders, search.with_default, search.decoded, search.pipelines):
        found = find()
        if found:
            return found
    return []


def required_placeholders(
    graph_def: Any, inputs: Sequence[str], output: str, kind: str = PLACEHOLDER
) -> List[str]:
    """Return the placeholders that an output needs a value of, besides the inputs.

    Parameters
    ----------
    graph_def : GraphDef
    inputs : sequence of str
        What lies in front of them is not needed.
    output : str
    kind : str
        Of placeholder: also ``PlaceholderWithDefault``.

    Returns
    -------
    list of str
        Names of nodes.
    """
    nodes, known = by_name(graph_def), {producer(name) for name in inputs}
    needed, todo = set(), [producer(output)]
    while todo:
        name = todo.pop()
        if name not in needed and name in nodes:
            needed.add(name)
            todo += [] if name in known else [producer(read) for read in nodes[name].input]
    return [node.name for node in graph_def.node if node.op == kind and node.name in needed - known]


def picture_behind_text(graph_def: Any, placeholder: str, output: str) -> Optional[str]:
    """Return the picture in floating point that a graph decodes from text.

    Every path from the text to the output passes it. One with a batch and a known size is
    preferred: it is what a picture of any size was brought to.

    Parameters
    ----------
    graph_def : GraphDef
    placeholder : str
        Name of the node that holds text.
    output : str

    Returns
    -------
    str or None
        A tensor; None where no such tensor is found.
    """
    return _Search(graph_def, output).picture_behind(placeholder)


def other_pictures(graph_def: Any, inputs: Sequence[str], output: str) -> List[str]:
    """Return the other tensors behind texts that could be fed in the place of an input.

    Parameters
    ----------
    graph_def : GraphDef
    inputs : sequence of str
        One of them is a picture that the graph decodes.
    output : str

    Returns
    -------
    list of str
        Tensors, such as the picture before it is resized and after it is scaled.
    """
    search = _Search(graph_def, output)
    behind = [search.pictures_behind(text) for text in search.texts()]
    found = [name for names in behind if set(names) & set(inputs) for name in names]
    return [name for name in found if name not in inputs]


class _Search:
    """The sources of a graph; with an output, those that its values depend on."""

    def __init__(self, graph_def: Any, output: Optional[str]) -> None:
        self._graph_def, self._output = graph_def, output
        self._nodes, self._shapes = by_name(graph_def), StaticShapes(graph_def)
        self._switches, self._readers = Switches(graph_def), consumers(graph_def)
        self._needed = set(self._nodes) if output is None else self._ancestors(producer(output))

    def placeholders(self) -> List[str]:
        found = self._arrays((PLACEHOLDER,))
        for fits in (self._is_picture, self._has_axes, self._is_differentiable):
            found = [name for name in found if fits(name)] or found
        return [self._batched(name) for name in found]

    def with_default(self) -> List[str]:
        found = self._arrays((WITH_DEFAULT,))
        return [name for name in found if not self._sources_in_front(name)]

    def decoded(self) -> List[str]:
        if self._output is None:
            return []
        return [picture for picture in map(self.picture_behind, self.texts()) if picture]

    def pipelines(self) -> List[str]:
        """Return what pipelines yield, under the name that an identity gave to it."""
        read = {
            name
            for node in self._graph_def.node
            if node.name in self._needed and node.op not in VALUELESS
            for name in data_inputs(node)
        }
        pipelines = set(self._of(PIPELINES))
        tensors = sorted(
            name if ":" in name else name + ":0" for name in read if producer(name) in pipelines
        )
        arrays = [name for name in tensors if self._is_array(name)]
        pictures = [name for name in arrays if self._is_picture(name)]
        return [self._batched(self._renamed(name)) for name in pictures or arrays]

    def picture_behind(self, placeholder: str) -> Optional[str]:
        return next(iter(self.pictures_behind(placeholder)), None)

    def pictures_behind(self, placeholder: str) -> List[str]:
        """Return what every path from a text passes in floating point, the likeliest first."""
        path = self._path(placeholder)[:MOST_ON_A_PATH]
        between = [name for name in path if self._is_cut(placeholder, name)]
        floats = [name for name in between if self._is_float(name)]
        shapes = {name: self._shapes.shape(name + ":0") for name in floats}
        pictures = [name for name in floats if len(shapes[name] or ()) == PICTURE_RANK]
        sized = [name for name in pictures if all((shapes[name] or [])[1:])]
        return [name + ":0" for name in dict.fromkeys([*sized, *pictures, *floats])]

    def texts(self) -> List[str]:
        """Return the placeholders of text."""
        return [
            name
            for name in self._of((PLACEHOLDER, WITH_DEFAULT))
            if dtype_of(self._nodes[name]) == tf.string
        ]

    def _of(self, kinds: Sequence[str]) -> List[str]:
        return [
            node.name
            for node in self._graph_def.node
            if node.op in kinds and node.name in self._needed
        ]

    def _arrays(self, kinds: Sequence[str]) -> List[str]:
        found = [name for name in self._of(kinds) if self._is_array_of_numbers(self._nodes[name])]
        return [name + ":0" for name in found]

    def _is_array_of_numbers(self, node: Any) -> bool:
        dtype = dtype_of(node)
        if dtype is None or not (dtype.is_floating or dtype.is_integer):
            return False
        old = self._graph_def.versions.producer < EMPTY_SHAPE_IS_SCALAR
        # Asking for an attribute that is not there would create it.
        if "shape" not in node.attr or node.attr["shape"].shape.unknown_rank:
            is_open = True
        else:
            is_open = old and not node.attr["shape"].shape.dim
        if is_open:
            return self._switches.advice(node.name) is None
        return len(node.attr["shape"].shape.dim) != 0

    def _is_array(self, name: str) -> bool:
        dtype, shape = self._shapes.dtype(name), self._shapes.shape(name)
        numbers = dtype is not None and (dtype.is_floating or dtype.is_integer)
        return numbers and (shape is None or len(shape) > 0)

    def _is_picture(self, name: str) -> bool:
        """Whether a tensor is no list of integers: these are labels or lengths."""
        dtype, shape = self._shapes.dtype(name), self._shapes.shape(name)
        return dtype is None or dtype.is_floating or shape is None or len(shape) > 1

    def _has_axes(self, name: str) -> bool:
        """Whether a shape has axes: before version 24, and where it is lost, empty is open."""
        return bool(self._shapes.shape(name))

    def _is_differentiable(self, name: str) -> bool:
        """Whether a tensor is, or is cast to, floating point; indices of an embedding are not."""
        dtype = self._shapes.dtype(name)
        real = dtype is not None and bool(dtype.is_floating)
        return real or is_cast_to_float(self._graph_def, producer(name))

    def _is_float(self, name: str) -> bool:
        dtype = self._shapes.dtype(name + ":0")
        return dtype is not None and bool(dtype.is_floating)

    def _sources_in_front(self, name: str) -> bool:
        """Whether layers compute a default from another source, which is the input then."""
        kinds = (PLACEHOLDER, WITH_DEFAULT, *PIPELINES)
        ancestors = self._ancestors(producer(name)) - {producer(name)}
        if not any(self._nodes[one].op in WEIGHTED for one in ancestors):
            return False
        return any(
            self._nodes[one].op in kinds and dtype_of(self._nodes[one]) != tf.bool
            for one in ancestors
        )

    def _ancestors(self, name: str, without: str = "") -> Set[str]:
        """Return the nodes whose values a node needs, itself included."""
        found: Set[str] = set()
        todo = [name]
        while todo:
            at = todo.pop()
            if at in found or at not in self._nodes or at == without:
                continue
            found.add(at)
            if self._nodes[at].op not in (*VALUELESS, *PIPELINES):  # how many to take is no value
                todo += [producer(read) for read in data_inputs(self._nodes[at])]
        return found

    def _path(self, start: str) -> List[str]:
        """Return the nodes of a shortest path to the output, up to the first weights.

        A node that all paths pass is on the shortest. Nodes within a while loop are left out.
        """
        names = self._shortest_path(start, producer(str(self._output)))
        path: List[str] = []
        depth = 0
        for name in names[1:]:
            op = self._nodes[name].op
            if op in WEIGHTED:
                break
            depth += (op in ENTERING) - (op in LEAVING)
            if depth == 0 and op not in (*LEAVING, *HANDLES):
                path.append(name)
        return path

    def _shortest_path(self, start: str, end: str) -> List[str]:
        came_from, todo = {start: ""}, [start]
        reads = {
            name: frozenset(producer(read) for read in data_inputs(node))
            for name, node in self._nodes.items()
        }
        for at in todo:  # grows
            for reader in self._readers.get(at, ()):
                fits = (
                    reader.name in self._needed
                    and reader.op not in VALUELESS
                    and at in reads[reader.name]
                )
                if fits and reader.name not in came_from:
                    came_from[reader.name] = at
                    todo.append(reader.name)
        names = [end] if end in came_from else [start]
        while came_from[names[-1]]:
            names.append(came_from[names[-1]])
        return names[::-1]

    def _is_cut(self, start: str, name: str) -> bool:
        """Whether every path from a node to the output passes another one."""
        output = producer(str(self._output))
        return name == output or start not in self._ancestors(output, without=name)

    def _renamed(self, name: str) -> str:
        """Follow the identities that alone read what a pipeline yields."""
        while True:
            reader = self._only_reader(name)
            if reader is None or reader.op != "Identity":
                return name
            name = reader.name + ":0"

    def _batched(self, name: str) -> str:
        """Return what makes a batch of one picture, where only that is read."""
        at = self._only_reader(name)
        while at is not None and at.op in ("Identity", "Cast"):
            at = self._only_reader(at.name + ":0")
        return at.name + ":0" if at is not None and self._adds_batch(at) else name

    def _only_reader(self, name: str) -> Optional[Any]:
        reading = {
            reader.name: reader
            for reader in self._readers.get(producer(name), ())
            if reader.name in self._needed
            and reader.op not in VALUELESS
            and name in [tensor_name(read) for read in data_inputs(reader)]
        }
        return next(iter(reading.values())) if len(reading) == 1 else None

    def _adds_batch(self, node: Any) -> bool:
        if node.op != "ExpandDims":
            return False
        axis = self._nodes[producer(data_inputs(node)[1])]
        if axis.op != "Const":
            return False
        return int(tf.make_ndarray(axis.attr["value"].tensor).ravel()[0]) == 0
