"""Did the rule take? Every operation between two tensors of a graph, classified.

A rule that missed a ReLU passes the plain gradient there, and no error: the
mistake that made most guided maps of TF1 graphs wrong. The audit reads the
finished graph, whoever built it, bodies of functions and loops included. It looks each
operation up in :mod:`legacy_gbp.graph.operation_table`. What is not linear, does not select
and is no rectifier is nonlinear, and has no guided rule: sigmoid, an inner softmax, |x|,
a product of two parts of the image, any operation that the table does not know. Such a
nonlinearity is listed as missed, so that a map through it is not called guided unasked.

An operation goes backwards by a rule if it carries the rule's attribute.
"""

from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Set

import tensorflow as tf

from legacy_gbp.errors import Finding, MissedRuleError
from legacy_gbp.graph.nodes import CALLS, data_inputs, producer
from legacy_gbp.graph.operation_kinds import Kind, may_depend
from legacy_gbp.graph.operation_table import BATCH_NORMS, RANDOM, classify
from legacy_gbp.rules.dependence import DependentNodes
from legacy_gbp.rules.elementwise_units import find_units
from legacy_gbp.rules.gradient_attribute import COMPOSITE_ATTRIBUTE, INSIDE, gradient_attribute
from legacy_gbp.rules.relu import RECTIFIERS, REGISTERED

SUMS_OVER_AXES = ("Mean", "Sum", "Max", "Min")
LARGE = 64  # numbers of a constant
PASSING = ("Identity", "Reshape", "Transpose", "ExpandDims", "Squeeze")


class Notice(NamedTuple):
    """Something else that a reader of the map must know.

    Attributes
    ----------
    name : str
        Of the operation.
    text : str
        What it does to the map.
    """

    name: str
    text: str


class AuditReport(NamedTuple):
    """What the audit found.

    Attributes
    ----------
    findings : list of Finding
        Every nonlinearity, and whether the rule reached it, in the order of the graph.
    counts : dict of str to int
        Operations by class.
    notices : list of Notice
        Random operations, batch statistics, gradients that are not the chain rule.
    types : dict of str to str
        Every operation type that occurs, and its class.
    """

    findings: List[Finding]
    counts: Dict[str, int]
    notices: List[Notice]
    types: Dict[str, str]


NOTHING = AuditReport([], {}, [], {})


def audit(wrt_ts: Sequence[Any], output_t: Any, rule: str) -> AuditReport:
    """Classify the operations between an output and what it is differentiated by.

    Parameters
    ----------
    wrt_ts : sequence of tf.Tensor
    output_t : tf.Tensor
    rule : str
        Everything takes ``"gradient"``, the chain rule, unless it carries another rule.

    Returns
    -------
    AuditReport
    """
    auditor = _Auditor(rule, _functions_of(output_t.graph))
    nodes = [_node_of(op) for op in output_t.graph.get_operations()]
    auditor.examine(nodes, {t.op.name for t in wrt_ts}, {output_t.op.name})
    types = {name: ", ".join(sorted(kinds)) for name, kinds in sorted(auditor.types.items())}
    return AuditReport(auditor.findings, dict(auditor.counts), auditor.notices, types)


def check_complete(findings: Sequence[Finding], rule: str) -> None:
    """Refuse a rule that missed a nonlinearity.

    Parameters
    ----------
    findings : sequence of Finding
    rule : str

    Raises
    ------
    MissedRuleError
        That lists what was missed.
    """
    if not all(finding.took for finding in findings):
        raise MissedRuleError(rule, findings)


def _functions_of(graph: Any) -> Dict[str, Any]:
    """Return the functions of a graph; a graph without any is not copied for it."""
    if not getattr(graph, "_functions", True):
        return {}
    return {function.signature.name: function for function in graph.as_graph_def().library.function}


def _node_of(op: Any) -> Any:
    """Return the NodeDef of an operation; of a large constant its name alone, for it is weights."""
    if op.type == "Const" and (op.outputs[0].shape.num_elements() or 0) > LARGE:
        return tf.compat.v1.NodeDef(name=op.name, op=op.type)
    return op.node_def


class _Auditor:
    """Examines a graph, and the bodies of the functions that it calls."""

    def __init__(self, rule: str, library: Dict[str, Any]) -> None:
        self._rule, self._library = rule, library
        self.findings: List[Finding] = []
        self.notices: List[Notice] = []
        self.counts: Any = Counter()
        self.types: Dict[str, Set[str]] = {}

    def examine(
        self,
        nodes: Sequence[Any],
        inputs: Set[str],
        outputs: Set[str],
        prefix: str = "",
        reachable: bool = True,
    ) -> None:
        """Classify the nodes of a graph or a body; nothing in an unreachable call takes a rule."""
        graph = DependentNodes(nodes, inputs, outputs)
        in_units: Set[str] = set()
        last_of_unit: Dict[str, str] = {}
        for unit in find_units(graph):
            if not any(COMPOSITE_ATTRIBUTE in graph.nodes[name].attr for name in unit.inside):
                in_units |= unit.inside
                last_of_unit[unit.last] = unit.kind
        for name in graph.in_order():
            node = graph.nodes[name]
            if name in last_of_unit:
                self._add(Kind.NONLINEAR, node.op, prefix + name, last_of_unit[name])
            elif name not in in_units:
                self._judge(graph, node, prefix, reachable)
            self._notice_gradient(node, prefix + name)
        needed = graph.sources_of(outputs)
        for name in graph.nodes:
            if name in needed and graph.nodes[name].op in RANDOM:
                self.notices.append(
                    Notice(prefix + name, f"{graph.nodes[name].op}: two runs of one image differ")
                )

    def _judge(self, graph: DependentNodes, node: Any, prefix: str, reachable: bool) -> None:
        name = prefix + node.name
        composite = node.attr[COMPOSITE_ATTRIBUTE].s if COMPOSITE_ATTRIBUTE in node.attr else b""
        if composite == INSIDE:
            return
        if composite:
            self.counts["composite rectifier"] += 1
            self.findings.append(Finding(name, composite.decode(), self._carries_rule(node)))
        elif node.op in RECTIFIERS:
            took = reachable and self._carries_rule(node)
            self._add(Kind.RECTIFIER, node.op, name, node.op, took)
        elif node.op in self._library or classify(node.op).kind is Kind.CALL:
            self._add(Kind.CALL, node.op, name, "")
            reachable = reachable and (node.op not in CALLS or self._rule not in REGISTERED)
            self._enter(graph, node, name, reachable)
        else:
            self._add(self._kind(graph, node), node.op, name, node.op)
            self._notice_batch(graph, node, name)

    def _kind(self, graph: DependentNodes, node: Any) -> Kind:
        """Return the class of an operation, with regard to which of its inputs depend."""
        operation, places = classify(node.op), graph.dependent_places(node.name)
        if not may_depend(operation, places, graph.count_inputs(node.name)):
            return Kind.NONLINEAR
        if node.op in BATCH_NORMS and _is_training(node):
            return Kind.NONLINEAR
        if node.op == "Cast" and not tf.as_dtype(node.attr["DstT"].type).is_floating:
            return Kind.NONLINEAR
        if operation.kind is Kind.PRODUCT:
            return Kind.LINEAR if len(places) == 1 else Kind.NONLINEAR
        if node.op in ("Maximum", "Minimum"):  # no unit: of different linear functions
            return Kind.SELECTING
        if node.op in ("Select", "SelectV2"):
            return Kind.NONLINEAR if 0 in places else Kind.LINEAR
        if node.op in ("Max", "Min") and self._is_stacked(graph, node):
            return Kind.NONLINEAR
        return Kind.NONLINEAR if operation.kind is Kind.KINKED else operation.kind

    def _is_stacked(self, graph: DependentNodes, node: Any) -> bool:
        """Whether the largest is taken of x and a constant, or of two functions of the same x."""
        behind = graph.nodes.get(producer(node.input[0]))
        while behind is not None and behind.op in PASSING:
            behind = graph.nodes.get(producer(behind.input[0]))
        if behind is None or behind.op not in ("Pack", "ConcatV2", "Concat"):
            return False
        places = graph.dependent_places(behind.name)
        values = graph.count_inputs(behind.name) - (behind.op != "Pack")
        reads = [producer(read) for read in data_inputs(behind)]
        roots = [_elementwise_root(graph, reads[place]) for place in places]
        return len(places) < values or len(set(roots)) < len(roots)

    def _enter(self, graph: DependentNodes, node: Any, name: str, reachable: bool) -> None:
        """Examine the bodies of the functions that a node calls."""
        places = set(graph.dependent_places(node.name))
        shift = 1 if node.op in ("If", "StatelessIf", "Case", "StatelessCase") else 0
        if shift and 0 in places:
            self._add(Kind.NONLINEAR, node.op, name, f"{node.op} by the image")
        places = {place - shift for place in places if place >= shift}
        if node.op in ("While", "StatelessWhile"):
            places = self._loop_places(node, places)
        for attribute, function in self._bodies(node):
            arguments = [argument.name for argument in function.signature.input_arg]
            inputs = {arguments[place] for place in places if place < len(arguments)}
            outputs = {producer(read) for read in function.ret.values()}
            if attribute == "cond" and DependentNodes(function.node_def, inputs, outputs).dependent:
                self._add(Kind.NONLINEAR, node.op, name, f"{node.op} for a time set by the image")
            else:
                self.examine(function.node_def, inputs, outputs, f"{name}/", reachable)

    def _loop_places(self, node: Any, places: Set[int]) -> Set[int]:
        """Return the loop variables that depend on the image, at first or after some turns."""
        body = self._library.get(node.attr["body"].func.name)
        if body is None:
            return places
        arguments = [argument.name for argument in body.signature.input_arg]
        results = [producer(body.ret[result.name]) for result in body.signature.output_arg]
        while True:
            inputs = {arguments[place] for place in places}
            graph = DependentNodes(body.node_def, inputs, results)
            reached = places | {k for k, result in enumerate(results) if graph.carries(result)}
            if reached == places:
                return places
            places = reached

    def _bodies(self, node: Any) -> Iterator[Any]:
        """Yield (attribute, function) of the functions that a node calls."""
        if node.op in self._library:
            yield "", self._library[node.op]
        for attribute in sorted(node.attr):
            value = node.attr[attribute]
            names = [value.func.name] if value.HasField("func") else []
            names += [func.name for func in value.list.func]
            for function in names:
                if function in self._library:
                    yield attribute, self._library[function]

    def _add(self, kind: Kind, op_type: str, name: str, shown: str, took: bool = False) -> None:
        self.counts[kind.value] += 1
        self.types.setdefault(op_type, set()).add(kind.value)
        if kind is Kind.RECTIFIER:
            self.findings.append(Finding(name, shown, took))
        elif kind is Kind.NONLINEAR:
            self.findings.append(Finding(name, shown, self._rule not in REGISTERED))

    def _notice_gradient(self, node: Any, name: str) -> None:
        """Say where the gradient is not the chain rule of the values."""
        carried = gradient_attribute(node)
        if carried and carried not in REGISTERED.values():
            self.notices.append(Notice(name, f"{node.op}: has the custom gradient {carried!r}"))
        elif node.op == "StopGradient":
            self.notices.append(Notice(name, "StopGradient: no gradient passes here"))
        elif classify(node.op).kind is Kind.STRAIGHT:
            self.notices.append(Notice(name, f"{node.op}: a staircase with the gradient of a line"))

    def _notice_batch(self, graph: DependentNodes, node: Any, name: str) -> None:
        """Say where the images of a batch are mixed."""
        if node.op in BATCH_NORMS and _is_training(node):
            self.notices.append(
                Notice(name, f"{node.op}: normalises by the statistics of the batch")
            )
        elif node.op in SUMS_OVER_AXES and _sums_over_batch(graph, node):
            self.notices.append(Notice(name, f"{node.op}: over the images of a batch"))

    def _carries_rule(self, node: Any) -> bool:
        return gradient_attribute(node) == REGISTERED.get(self._rule, "")


def _is_training(node: Any) -> bool:
    """The attribute is true by default."""
    return bool(node.attr["is_training"].b) if "is_training" in node.attr else True


def _sums_over_batch(graph: DependentNodes, node: Any) -> bool:
    axes = graph.nodes.get(producer(data_inputs(node)[1])) if len(data_inputs(node)) > 1 else None
    if axes is None or axes.op != "Const":
        return False
    values = tf.make_ndarray(axes.attr["value"].tensor)
    return 0 in values.ravel().tolist()


def _elementwise_root(graph: DependentNodes, name: str) -> str:
    """Follow element-wise operations of one dependent input back."""
    while name in graph.nodes and classify(graph.nodes[name].op).elementwise:
        inputs = graph.dependent_inputs(name)
        if len(inputs) != 1:
            break
        name = inputs[0]
    return name
