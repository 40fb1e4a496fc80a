"""Which of several candidates are the logits, as far as the graph says it."""

import re
from typing import Any, Dict, List, Optional

from legacy_gbp.graph.logit_candidates import LogitCandidate
from legacy_gbp.graph.nodes import by_name, data_inputs, producer, tensor_name

JOINING = ("Concat", "ConcatV2", "Pack", "AddN")
NAMING = ("Identity", "Reshape", "Squeeze")
DEFAULT_NAME = re.compile(r"(Identity|Reshape|Squeeze)(_\d+)?$")


def likeliest(graph_def: Any, candidates: "List[LogitCandidate]") -> "List[LogitCandidate]":
    """Return the candidates between which the graph leaves a doubt: one where it leaves none.

    What a loss reads is the logits whatever else nothing reads; so are the logits of several
    devices where they are joined.

    Parameters
    ----------
    graph_def : GraphDef
    candidates : list of LogitCandidate
        From :func:`logit_candidates`.

    Returns
    -------
    list of LogitCandidate
    """
    others = [candidate for candidate in candidates if candidate.evidence != "last layer"]
    candidates = others or candidates
    losses = [candidate for candidate in candidates if candidate.evidence in ("loss", "parts")]
    if len(losses) > 1:
        joined = _joined(by_name(graph_def), losses, candidates)
        return [joined] if joined else losses
    if losses:
        return losses
    named = [
        candidate
        for candidate in candidates
        if candidate.evidence == "last layer"
        and not DEFAULT_NAME.search(producer(candidate.name))
        and _kind(graph_def, candidate.name) in NAMING
    ]
    return named if len(named) == 1 else candidates


def _kind(graph_def: Any, name: str) -> str:
    kind: str = by_name(graph_def)[producer(name)].op
    return kind


def _joined(
    nodes: Dict[str, Any], losses: List[LogitCandidate], candidates: List[LogitCandidate]
) -> Optional[LogitCandidate]:
    """Return what joins the logits of all losses, where nothing reads it."""
    wanted = {loss.name for loss in losses}
    for candidate in candidates:
        node = nodes[producer(candidate.name)]
        joined = {tensor_name(read) for read in data_inputs(node)}
        if candidate.evidence == "unread" and node.op in JOINING and wanted <= joined:
            return candidate
    return None
