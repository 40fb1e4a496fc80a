"""What a graph most likely begins and ends with, for somebody who does not know it."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from legacy_gbp.graph.flag_values import advised_defaults, advised_feeds
from legacy_gbp.graph.input_candidates import (
    WITH_DEFAULT,
    input_candidates,
    other_pictures,
    required_placeholders,
)
from legacy_gbp.graph.likeliest_logits import likeliest
from legacy_gbp.graph.logit_candidates import LogitCandidate, logit_candidates


class SuggestedEnds(NamedTuple):
    """The likeliest ends of a graph.

    Attributes
    ----------
    inputs : list of str
        Tensors; several where the logits need all of them, or none is likelier.
    output : str or None
        The likeliest logits.
    feeds : dict of str to str or None
        Other placeholders that the logits need, with the value for a prediction; None where
        no value is known to be right. Of those with a default, those whose default is not
        that value.
    logits : list of LogitCandidate
        All candidates, the likeliest first.
    alike : int
        How many of the first logits are equally likely: 1 where there is no doubt.
    also : sequence of str
        Tensors that could be fed in the place of a picture that the graph decodes.
    """

    inputs: List[str]
    output: Optional[str]
    feeds: Dict[str, Optional[str]]
    logits: List[LogitCandidate]
    alike: int
    also: Sequence[str] = ()


def suggest_ends(graph_def: Any) -> SuggestedEnds:
    """Return the likeliest ends of a graph.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    SuggestedEnds
    """
    candidates = logit_candidates(graph_def, [])
    best = likeliest(graph_def, candidates)
    logits = best + [candidate for candidate in candidates if candidate not in best]
    if not best:
        return SuggestedEnds(input_candidates(graph_def), None, {}, [], 0)
    output = best[0].name
    inputs = input_candidates(graph_def, output)
    needed = required_placeholders(graph_def, inputs, output)
    defaulted = required_placeholders(graph_def, inputs, output, WITH_DEFAULT)
    feeds = {**advised_feeds(graph_def, needed), **advised_defaults(graph_def, defaulted)}
    also = other_pictures(graph_def, inputs, output)
    return SuggestedEnds(inputs, output, feeds, logits, len(best), also)
