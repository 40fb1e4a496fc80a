"""Did the rule take? Every nonlinearity between two ends of a graph, one by one.

A rule that missed a ReLU gives the plain gradient there, and no error: the
mistake that made most guided maps of TF1 graphs wrong. The audit reads the
finished graph, whoever built it, bodies of functions and loops included: an
operation goes backwards by a rule if it carries the rule's mark.

Sigmoid, tanh and the like have no guided rule. They are listed as missed, so
that a map through them is not called guided unasked.
"""

from collections import namedtuple

from legacy_gbp.errors import InputError
from legacy_gbp.rules.rectifier_patterns import written_out
from legacy_gbp.rules.relu import MARKS, RECTIFIERS

MARK = "_gradient_op_type"
IDIOM, INSIDE = "_legacy_gbp_idiom", b"inside"  # what stands for a rectifier; what is part of one
NO_RULE = ("Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Erfc")
CALLS = ("PartitionedCall", "StatefulPartitionedCall")  # go backwards as a whole, by no rule

Finding = namedtuple("Finding", "name kind took")
Finding.__doc__ = """One nonlinearity: name and kind of the operation, and whether the rule took."""


def audit(wrt_ts, output_t, rule):
    """List the nonlinearities between an output and what it is differentiated by.

    Parameters
    ----------
    wrt_ts : sequence of tf.Tensor
    output_t : tf.Tensor
    rule : str
        Everything takes ``"gradient"``, the chain rule, unless it bears the
        mark of another rule.

    Returns
    -------
    list of Finding
        In the order in which the graph was built.
    """
    graph_def = output_t.graph.as_graph_def()
    library = {f.signature.name: f for f in graph_def.library.function}
    rectifying = written_out(graph_def.node)
    findings = []
    for op in path(wrt_ts, output_t):
        findings += _findings(op.node_def, rule, library, op.name, op.name in rectifying)
    return findings


def check_complete(findings, rule):
    """Refuse a rule that missed a nonlinearity.

    Raises
    ------
    InputError
        That lists what was missed.
    """
    missed = [f"{finding.name} ({finding.kind})" for finding in findings if not finding.took]
    if missed:
        more = f" and {len(missed) - 5} more" if len(missed) > 5 else ""
        raise InputError(
            f"rule {rule!r} missed {len(missed)} of {len(findings)} nonlinearities: "
            f"{', '.join(missed[:5])}{more}; they would go backwards by the chain rule: accept "
            "that by --allow-partial"
        )


def path(wrt_ts, output_t):
    """Operations between the ends, in the order in which the graph was built.

    Parameters
    ----------
    wrt_ts : sequence of tf.Tensor
    output_t : tf.Tensor

    Returns
    -------
    list of tf.Operation
    """
    starts = {t.op for t in wrt_ts}
    users = _reached(starts, lambda op: (user for t in op.outputs for user in t.consumers()))
    needed = _reached({output_t.op}, lambda op: (t.op for t in op.inputs))
    between = (users & needed) - starts
    return [op for op in output_t.graph.get_operations() if op in between]


def _reached(found, neighbours):
    found, todo = set(found), list(found)
    while todo:
        for op in neighbours(todo.pop()):
            if op not in found:
                found.add(op)
                todo.append(op)
    return found


def _findings(node, rule, library, name, rectifies=False, reachable=True):
    """Findings of one operation, and of the functions that it calls."""
    idiom = node.attr[IDIOM].s if IDIOM in node.attr else b""
    if idiom == INSIDE:
        return
    if idiom:
        yield Finding(name, idiom.decode(), _mark(node) == MARKS.get(rule, ""))
    elif node.op in RECTIFIERS:
        yield Finding(name, node.op, reachable and _mark(node) == MARKS.get(rule, ""))
    elif node.op in NO_RULE or rectifies:
        yield Finding(name, node.op, rule not in MARKS)
    within_reach = reachable and (node.op not in CALLS or rule not in MARKS)
    for function in _functions(node, library):
        rectifying = written_out(library[function].node_def)
        for inner in library[function].node_def:
            inner_name, rectifies = f"{name}/{inner.name}", inner.name in rectifying
            yield from _findings(inner, rule, library, inner_name, rectifies, within_reach)


def _functions(node, library):
    """Functions that an operation calls: by an attribute, or by its own kind."""
    called = [value.func.name for value in node.attr.values() if value.HasField("func")]
    called += [func.name for value in node.attr.values() for func in value.list.func]
    return [name for name in [*called, node.op] if name in library]


def _mark(node):
    return node.attr[MARK].s.decode() if MARK in node.attr else ""
