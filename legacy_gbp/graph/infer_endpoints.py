"""The input and the logits of a graph, as named or where the graph leaves no doubt."""

import re
from typing import Any, List, Optional, Sequence, Tuple, Union

import tensorflow as tf

from legacy_gbp.errors import ModelError, near_names, shortened
from legacy_gbp.graph.flag_values import dtype_of
from legacy_gbp.graph.float_input import PLACEHOLDERS
from legacy_gbp.graph.input_candidates import input_candidates, picture_behind_text
from legacy_gbp.graph.likeliest_logits import likeliest
from legacy_gbp.graph.logit_candidates import LogitCandidate, logit_candidates
from legacy_gbp.graph.nodes import by_name, producer, tensor_name

MOST_CANDIDATES = 8


def infer_endpoints(
    graph_def: Any, input: Union[str, Sequence[str], None], output: Optional[str], where: str
) -> Tuple[List[str], str]:
    """Return the input tensors and the tensor to explain, as given or inferred.

    Parameters
    ----------
    graph_def : GraphDef
    input : str, sequence of str, or None
        None infers it.
    output : str or None
        None infers it.
    where : str
        The file, for messages.

    Returns
    -------
    inputs : list of str
    output : str

    Raises
    ------
    ModelError
        For an unknown name, or with the candidates where several fit.
    """
    named = [input] if isinstance(input, str) else list(input or [])
    for name in named:
        _checked(graph_def, name, where, "input")
    if output:
        output = _checked(graph_def, output, where, "output")
    else:
        found = likeliest(graph_def, logit_candidates(graph_def, named))
        if len(found) != 1 and not named:
            find_inputs(graph_def, named, where)  # in doubt too: name it first
        output = _only(found, where)
    return find_inputs(graph_def, named, where, output), output


def find_inputs(
    graph_def: Any, names: Sequence[str], where: str, output: Optional[str] = None
) -> List[str]:
    """Return the input tensors.

    Parameters
    ----------
    graph_def : GraphDef
    names : sequence of str
        Of the user; empty to infer the only candidate. A placeholder of text means the picture
        that the graph decodes from it.
    where : str
        The file, for messages.
    output : str, optional
        The tensor that depends on the inputs.

    Returns
    -------
    list of str
        Tensors, ``node:0``.

    Raises
    ------
    ModelError
        For a name that is not there (with near ones), or with the candidates
        when none was named and several fit.
    """
    if names:
        checked = [_checked(graph_def, name, where, "input") for name in names]
        return [_of_numbers(graph_def, name, output, where) for name in checked]
    candidates = input_candidates(graph_def, output)
    if len(candidates) != 1:
        raise ModelError(
            f"{where}: {len(candidates)} tensors could be the input{_listed(candidates)}; name it "
            "by `input`"
        )
    return candidates


def find_output(graph_def: Any, name: Optional[str], inputs: Sequence[str], where: str) -> str:
    """Return the tensor to explain.

    Parameters
    ----------
    graph_def : GraphDef
    name : str or None
        Of the user; None takes the only candidate: the logits.
    inputs : sequence of str
        What it depends on; empty where they are not known.
    where : str
        The file, for messages.

    Returns
    -------
    str

    Raises
    ------
    ModelError
        For an unknown name, or with the candidates where several fit.
    """
    if name:
        return _checked(graph_def, name, where, "output")
    return _only(likeliest(graph_def, logit_candidates(graph_def, list(inputs))), where)


def _only(found: Sequence[LogitCandidate], where: str) -> str:
    """Return the only candidate, or refuse several."""
    if len(found) != 1:
        names = [candidate.name for candidate in found]
        raise ModelError(
            f"{where}: {len(names)} tensors could be the output{_listed(names)}; name it by "
            "`output`"
        )
    return found[0].name


def check_tensor_name(name: str, where: str, what: str) -> None:
    """Refuse what is no name of a tensor, such as ``^node`` and ``node:x``.

    Parameters
    ----------
    name, where : str
    what : str
        What the tensor is, for the message.

    Raises
    ------
    ModelError
    """
    if not re.fullmatch(r"[^^:]+(:[0-9]+)?", name):
        raise ModelError(f"{where}: {what} {name!r} is no tensor; write NAME or NAME:NUMBER")


def _of_numbers(graph_def: Any, name: str, output: Optional[str], where: str) -> str:
    """Return the decoded picture in the place of a placeholder of text."""
    node = by_name(graph_def)[producer(name)]
    if node.op not in PLACEHOLDERS or dtype_of(node) != tf.string:
        return name
    picture = picture_behind_text(graph_def, node.name, output) if output else None
    if picture is None:
        raise ModelError(
            f"{where}: input {name} holds text; name the floating-point tensor that is computed "
            "from it by `input`"
        )
    return picture


def _checked(graph_def: Any, name: str, where: str, what: str) -> str:
    nodes = by_name(graph_def)
    if producer(name) not in nodes:
        raise ModelError(f"{where}: no {what} {name!r} in the graph; {near_names(name, nodes)}")
    check_tensor_name(name, where, what)
    return tensor_name(name)


def _listed(candidates: Sequence[str]) -> str:
    return f" ({shortened(candidates, MOST_CANDIDATES)})" if candidates else ""
