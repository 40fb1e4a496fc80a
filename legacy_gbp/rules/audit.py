"""Did the rule take? Every nonlinearity between two tensors of a graph, one by one.

A rule that missed a ReLU passes the plain gradient there, and no error: the
mistake that made most guided maps of TF1 graphs wrong. The audit reads the
finished graph, whoever built it, bodies of functions and loops included: an
operation goes backwards by a rule if it carries the rule's attribute.

Sigmoid, tanh and the like have no guided rule. They are listed as missed, so
that a map through them is not called guided unasked.
"""

from typing import Any, Dict, Iterator, List, Sequence

from legacy_gbp.errors import Finding, MissedRuleError
from legacy_gbp.graph.nodes import CALLS, called
from legacy_gbp.graph.traverse import operations_between
from legacy_gbp.rules.gradient_attribute import COMPOSITE_ATTRIBUTE, INSIDE, gradient_attribute
from legacy_gbp.rules.rectifier_patterns import suspected_rectifiers
from legacy_gbp.rules.relu import RECTIFIERS, REGISTERED

NO_RULE = ("Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Erfc")


def audit(wrt_ts: Sequence[Any], output_t: Any, rule: str) -> List[Finding]:
    """List the nonlinearities between an output and what it is differentiated by.

    Parameters
    ----------
    wrt_ts : sequence of tf.Tensor
    output_t : tf.Tensor
    rule : str
        Everything takes ``"gradient"``, the chain rule, unless it carries another rule.

    Returns
    -------
    list of Finding
        In the order in which the graph was built.
    """
    graph_def = output_t.graph.as_graph_def()
    auditor = _Auditor(rule, {f.signature.name: f for f in graph_def.library.function})
    suspected = suspected_rectifiers(graph_def.node)
    findings: List[Finding] = []
    for op in operations_between(wrt_ts, output_t):
        findings += auditor.findings(op.node_def, op.name, op.name in suspected)
    return findings


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


class _Auditor:
    """Finds the nonlinearities of operations, and of the functions that they call."""

    def __init__(self, rule: str, library: Dict[str, Any]) -> None:
        self._rule, self._library = rule, library

    def findings(
        self, node: Any, name: str, suspected: bool, reachable: bool = True
    ) -> Iterator[Finding]:
        """Yield those of one operation; nothing inside an unreachable call takes a rule."""
        composite = node.attr[COMPOSITE_ATTRIBUTE].s if COMPOSITE_ATTRIBUTE in node.attr else b""
        if composite == INSIDE:
            return
        if composite:
            yield Finding(name, composite.decode(), self._carries_rule(node))
        elif node.op in RECTIFIERS:
            yield Finding(name, node.op, reachable and self._carries_rule(node))
        elif node.op in NO_RULE or suspected:
            yield Finding(name, node.op, self._rule not in REGISTERED)
        # A call goes backwards as one operation, by the chain rule.
        reachable = reachable and (node.op not in CALLS or self._rule not in REGISTERED)
        for function in called(node):
            if function in self._library:
                body = self._library[function].node_def
                inner_suspected = suspected_rectifiers(body)
                for inner in body:
                    inner_name = f"{name}/{inner.name}"
                    yield from self.findings(
                        inner, inner_name, inner.name in inner_suspected, reachable
                    )

    def _carries_rule(self, node: Any) -> bool:
        return gradient_attribute(node) == REGISTERED.get(self._rule, "")
