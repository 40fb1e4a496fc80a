"""Did the rule take? Every nonlinearity between two ends of a graph, one by one.

A rule that missed a ReLU gives the plain gradient there, and no error: the
mistake that made most guided maps of TF1 graphs wrong. The audit reads the
finished graph, whoever built it: an operation goes backwards by a rule if it
carries the rule's mark.
"""

from collections import namedtuple

from legacy_gbp.errors import InputError
from legacy_gbp.relu_backprop import CHAIN_RULE, MARKS

MARK = "_gradient_op_type"

Finding = namedtuple("Finding", "name kind took")
Finding.__doc__ = """One nonlinearity: name and kind of the operation, and whether the rule took."""


def audit(wrt_ts, output_t, rule):
    """List the nonlinearities between an output and what it is differentiated by.

    Parameters
    ----------
    wrt_ts : sequence of tf.Tensor
    output_t : tf.Tensor
    rule : str

    Returns
    -------
    list of Finding
        In the order in which the graph was built.
    """
    return [
        Finding(op.name, op.type, _mark(op.node_def) == MARKS.get(rule, ""))
        for op in path(wrt_ts, output_t)
        if op.type in CHAIN_RULE
    ]


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
            f"{', '.join(missed[:5])}{more}; the map would be wrong there (--allow-partial)"
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


def _mark(node_def):
    return node_def.attr[MARK].s.decode() if MARK in node_def.attr else ""
