"""Which tensors of a graph could be its logits, by what reads them.

===============  =========================================================================
evidence         tensors
===============  =========================================================================
loss             what a cross-entropy or the loss of a transcription reads as logits
parts            what is cut into the parts that the next row would be
activation       what a final softmax, sigmoid, ArgMax or top-k reads
unread           what depends on the input, and nothing reads
last layer       the last layers with weights, where only a loss reads them: a second head
===============  =========================================================================

Gradients, optimisers, assignments, summaries and savers neither are candidates nor count as
readers. A single number, such as a loss, is no candidate either.
"""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Set

from legacy_gbp.graph.final_operations import FINAL, logits_before_in
from legacy_gbp.graph.input_candidates import (
    PIPELINES,
    PLACEHOLDER,
    VALUELESS,
    WEIGHTED,
    WITH_DEFAULT,
)
from legacy_gbp.graph.joint_heads import joint_head
from legacy_gbp.graph.loop_outputs import is_unread_history
from legacy_gbp.graph.nodes import by_name, consumers, data_inputs, producer, tensor_name
from legacy_gbp.graph.prune import prune
from legacy_gbp.graph.static_shapes import StaticShapes
from legacy_gbp.graph.traverse import reached

LOSSES = ("SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits", "CTCLoss")
SIGMOID_LOSS = "logistic_loss"  # the scope of sigmoid_cross_entropy_with_logits
SCALING = ("Mul", "RealDiv")
REDUCTIONS = ("Mean", "Sum", "Max", "Min", "Prod")
EXTENDING = (
    "BiasAdd", "Add", "AddV2", "Identity", "Reshape", "Squeeze", "Relu", "Softmax", "Sigmoid",
    "LogSoftmax", "Tanh", "ResizeBilinear", "ResizeNearestNeighbor", "Atan", "Mul", "RealDiv",
    "Softplus", "Print", "DepthToSpace", "Minimum", "Maximum", "LeakyRelu", "Elu", "Relu6",
)  # fmt: skip
NO_CANDIDATE = re.compile(
    r"""
    NoOp | Assert | Const | Placeholder.* | Variable(V2)? | VarHandleOp | ReadVariableOp
    | VarIsInitializedOp | IsVariableInitialized | Assign.* | .*Summary.* | Save.* | Restore.*
    | StringJoin | ShardedFilename | MergeV2Checkpoints | (Ref)?Exit | (Ref)?NextIteration
    | LoopCond | Queue.* | .*Queue(V2)? | Stack.* | .*Iterator.* | .*Dataset.*
    | TensorArray(Size|Write|Scatter|Split|Close)?(V\d)? | PrintV2 | Shape(N)?
    | Size | Rank | AsString | (Ref)?Switch | Enter
    | (Resource)?(Sparse)?Apply.* | Scatter.* | .*Grad(V\d)? | .*BackpropFilter.*
    | Conv2DBackpropInputGrad | BroadcastGradientArgs | InvertPermutation | ReduceJoin
    """,
    re.VERBOSE,
)
GRADIENT_SCOPE = re.compile(r"(^|/)gradients(_\d+)?(/|$)")


class LogitCandidate(NamedTuple):
    """A tensor that could be the logits.

    Attributes
    ----------
    name : str
        Of the tensor.
    evidence : str
        A row of the table above.
    reader : str
        The operation that says so; empty where nothing reads the tensor.
    """

    name: str
    evidence: str
    reader: str


def logit_candidates(graph_def: Any, inputs: "List[str]") -> List[LogitCandidate]:
    """Return the tensors that could be the logits, the best evidence first.

    Parameters
    ----------
    graph_def : GraphDef
    inputs : list of str
        What the logits depend on; empty for any placeholder, iterator or queue.

    Returns
    -------
    list of LogitCandidate
        Each tensor once.
    """
    search = _Search(graph_def, inputs)
    found: Dict[str, LogitCandidate] = {}
    for find in (search.read_by_losses, search.read_by_activations, search.unread):
        for candidate in find():
            found.setdefault(candidate.name, candidate)
    candidates = search.without_features(search.without_labels(list(found.values())))
    candidates = search.with_joint_head(search.without_integers(candidates))
    return candidates + search.last_layers(candidates)


class _Search:
    """The nodes that depend on the inputs, without what only training needs."""

    def __init__(self, graph_def: Any, inputs: List[str]) -> None:
        self._graph_def, self._nodes = graph_def, by_name(graph_def)
        self._readers = consumers(graph_def)
        self._reads = {
            name: frozenset(producer(read) for read in data_inputs(node))
            for name, node in self._nodes.items()
        }
        sources = [producer(name) for name in inputs] or [
            node.name
            for node in graph_def.node
            if node.op in (PLACEHOLDER, WITH_DEFAULT, *PIPELINES)
        ]
        self._sources, self._forward = set(sources), reached(sources, self._reading)
        self._shapes = StaticShapes(prune(graph_def, sorted(self._forward)), graph_def)
        self._weighted = {name for name in self._forward if self._nodes[name].op in WEIGHTED}
        self._in_front = reached(
            [read for name in self._weighted for read in self._forward_inputs(name)],
            self._forward_inputs,
        )

    def read_by_losses(self) -> List[LogitCandidate]:
        found = []
        for node in self._graph_def.node:
            if node.op in LOSSES and node.name in self._forward:
                name = tensor_name(data_inputs(node)[0])
                found.append(self._candidate(self._before_reshape(name), "loss", node))
            elif SIGMOID_LOSS in node.name and node.op == "GreaterEqual":
                name = tensor_name(data_inputs(node)[0])
                if producer(name) in self._forward:
                    found.append(self._candidate(name, "loss", node))
        return found

    def read_by_activations(self) -> List[LogitCandidate]:
        found, behind = [], self._forward - self._in_front
        for node in self._graph_def.node:
            if node.op in FINAL and node.name in behind:
                name, over = logits_before_in(self._nodes, node.name)
                if over and self._can_be(name) and self._is_last(node.name, name):
                    found.append(self._candidate(name, "activation", node))
        return found

    def _is_last(self, activation: str, logits: str) -> bool:
        """Whether what depends on an activation are losses, or the same logits again."""
        known = self._sources_of([activation])
        for name in reached([activation], self._reading):
            if self._is_unread(self._nodes[name]) and self._sources_of([name]) <= known:
                last, _ = logits_before_in(self._nodes, name)
                if last != logits:
                    return False
        return True

    def unread(self) -> List[LogitCandidate]:
        found = []
        for node in self._graph_def.node:
            if node.name in self._forward and self._is_unread(node):
                name, over = logits_before_in(self._nodes, node.name)
                if self._can_be(name) and not self._is_scalar(name) and self._has_weights(name):
                    reader = self._nodes[over[-1].name] if over else None
                    found.append(self._candidate(name, "unread", reader))
        return found

    def _is_unread(self, node: Any) -> bool:
        """Whether nothing reads a node or waits for it, and no assignment keeps its value."""
        if NO_CANDIDATE.fullmatch(node.op) or self._reading(node.name):
            return False
        readers = self._readers.get(node.name, ())
        awaited = any(
            re.fullmatch(r"Assign.*|Scatter.*|QueueEnqueue.*", reader.op)
            or (f"^{node.name}" in reader.input and not _is_of_training(reader))
            for reader in readers
        )
        if awaited or self._is_scalar(node.name) or not self._is_of_numbers(node.name):
            return False
        return not is_unread_history(self._nodes, self._readers, node.name)

    def _can_be(self, name: str) -> bool:
        """Whether a tensor is computed from the inputs: what is fed is no candidate."""
        node = self._nodes[producer(name)]
        return node.name in self._forward and not NO_CANDIDATE.fullmatch(node.op)

    def without_labels(self, candidates: List[LogitCandidate]) -> List[LogitCandidate]:
        """Drop what depends on more inputs than the logits of a loss or an activation do."""
        sure = [candidate for candidate in candidates if candidate.evidence != "unread"]
        if not sure:
            return candidates
        known = self._sources_of([producer(candidate.name) for candidate in sure])
        return [
            candidate
            for candidate in candidates
            if candidate in sure or self._sources_of([producer(candidate.name)]) <= known
        ]

    def without_features(self, candidates: List[LogitCandidate]) -> List[LogitCandidate]:
        """Drop what nothing reads and another candidate has more layers than."""
        layers = {
            candidate.name: {
                name
                for name in reached([producer(candidate.name)], self._forward_inputs)
                if self._nodes[name].op in WEIGHTED
            }
            for candidate in candidates
        }
        return [
            candidate
            for candidate in candidates
            if candidate.evidence != "unread"
            or not any(layers[candidate.name] < others for others in layers.values())
        ]

    def without_integers(self, candidates: List[LogitCandidate]) -> List[LogitCandidate]:
        """Drop integers, which are counts and distances, where there is another candidate."""
        kept = []
        for candidate in candidates:
            dtype = self._shapes.dtype(candidate.name)
            if candidate.evidence != "unread" or dtype is None or dtype.is_floating:
                kept.append(candidate)
        return kept or candidates

    def with_joint_head(self, candidates: List[LogitCandidate]) -> List[LogitCandidate]:
        """Put what all candidates are parts of in front of them."""
        joint = joint_head(self._nodes, [candidate.name for candidate in candidates])
        if joint is None or producer(joint) not in self._forward:
            return candidates
        return [LogitCandidate(joint, "parts", ""), *candidates]

    def _sources_of(self, names: List[str]) -> Set[str]:
        return reached(names, self._forward_inputs) & self._sources

    def last_layers(self, known: List[LogitCandidate]) -> List[LogitCandidate]:
        """Return the last layers that no known candidate needs, such as a second head."""
        names = [producer(candidate.name) for candidate in known]
        needed = reached(names, self._forward_inputs)
        sources = self._sources_of(names) if known else self._sources
        found: Dict[str, LogitCandidate] = {}
        last = self._forward - self._in_front - needed
        for node in self._graph_def.node:
            if node.op in WEIGHTED and node.name in last:
                name = self._extended(node.name)
                logits, _ = logits_before_in(self._nodes, name)
                if self._sources_of([producer(logits)]) <= sources:
                    candidate = self._candidate(logits, "last layer", None)
                    found.setdefault(candidate.name, candidate)
        return [found[name] for name in found if producer(name) not in names]

    def _candidate(self, name: str, evidence: str, reader: Optional[Any]) -> LogitCandidate:
        text = f"{reader.op} {reader.name}" if reader is not None else ""
        return LogitCandidate(tensor_name(name), evidence, text)

    def _before_reshape(self, name: str) -> str:
        """Step over what brings logits of several axes to the two that a loss takes."""
        node = self._nodes[producer(name)]
        while node.op in ("Reshape", "Cast", "StopGradient") and data_inputs(node):
            name = tensor_name(data_inputs(node)[0])
            node = self._nodes[producer(name)]
        return name

    def _extended(self, name: str) -> str:
        """Follow a layer to its bias, its activation, its norm and the name given to it."""
        while True:
            readers = self._reading(name)
            normalised = [reader for reader in readers if self._is_normalised(reader, name)]
            if len(normalised) == 1:
                return normalised[0]
            if len(readers) == 1 and self._is_extending(readers[0], name):
                name = readers[0]
            else:
                return name

    def _is_extending(self, reader: str, name: str) -> bool:
        """Whether a node goes on with one tensor alone, which is no square of it."""
        node = self._nodes[reader]
        reads = [producer(read) for read in data_inputs(node)]
        alone = len(self._forward_inputs(reader)) == 1 and reads.count(name) == 1
        return node.op in EXTENDING and alone

    def _is_normalised(self, reader: str, name: str) -> bool:
        """Whether a node scales a tensor by what is computed from it, such as its norm."""
        reads = self._forward_inputs(reader)
        if self._nodes[reader].op not in SCALING or len(reads) != 2 or name not in reads:
            return False
        other = reads[1 - reads.index(name)]
        computed = reached([other], lambda one: self._inputs_after(one, name))
        return name in computed and not computed & self._sources

    def _inputs_after(self, node: str, name: str) -> List[str]:
        return [] if node == name else self._forward_inputs(node)

    def _has_weights(self, name: str) -> bool:
        """Whether a layer computes a tensor; true in a graph without layers."""
        ancestors = reached([producer(name)], self._forward_inputs)
        return not self._weighted or not self._weighted.isdisjoint(ancestors)

    def _is_scalar(self, name: str) -> bool:
        shape = self._shapes.shape(name)
        return _reduces_all_axes(self._nodes, producer(name)) if shape is None else not shape

    def _is_of_numbers(self, name: str) -> bool:
        dtype = self._shapes.dtype(name)
        return dtype is None or dtype.is_floating or dtype.is_integer or dtype.is_bool

    def _reading(self, name: str) -> List[str]:
        """Return the nodes that read the values of a node; training does not count."""
        found = []
        for reader in self._readers.get(name, ()):
            if name not in self._reads[reader.name]:
                continue
            if _is_of_training(reader) or reader.op in VALUELESS:
                continue
            found.append(reader.name)
        return list(dict.fromkeys(found))

    def _forward_inputs(self, name: str) -> List[str]:
        reads = [producer(read) for read in data_inputs(self._nodes[name])]
        return [read for read in dict.fromkeys(reads) if read in self._forward]


def _reduces_all_axes(nodes: Dict[str, Any], name: str) -> bool:
    """Whether a node reduces a tensor of unknown rank over all of its axes, as a loss does."""
    node = nodes[name]
    while node.op == "Identity" and data_inputs(node):
        node = nodes[producer(data_inputs(node)[0])]
    if node.op not in REDUCTIONS or node.attr["keep_dims"].b:
        return False
    return bool(nodes[producer(data_inputs(node)[1])].op == "Range")


def _is_of_training(node: Any) -> bool:
    return bool(
        GRADIENT_SCOPE.search(node.name)
        or re.fullmatch(r"(Resource)?(Sparse)?Apply.*|Assign.*|.*Summary.*|Save.*", node.op)
        or re.fullmatch(r"NoOp|Assert|PrintV2|QueueEnqueue.*", node.op)
    )
