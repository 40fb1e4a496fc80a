"""Which tensors of a graph are the input and the logits, where the graph leaves no doubt."""

import re
from typing import Any, List, Optional, Sequence, Tuple, Union

import tensorflow as tf

from legacy_gbp.errors import ModelError, near_names, shortened
from legacy_gbp.graph.nodes import (
    by_name,
    consumers,
    data_inputs,
    output_number,
    producer,
    tensor_name,
)
from legacy_gbp.graph.prune import prune

NO_OUTPUT = (
    "NoOp", "Assert", "Const", "Placeholder", "PlaceholderWithDefault", "Variable", "VariableV2",
    "VarHandleOp", "Assign", "AssignVariableOp", "SaveV2", "RestoreV2", "VarIsInitializedOp",
    "ReadVariableOp", "StringJoin", "ShardedFilename", "MergeV2Checkpoints",
)  # fmt: skip
EMPTY_SHAPE_IS_SCALAR = 24  # since this version of GraphDef; before, it is unknown
PASSING = ("Identity", "IdentityN", "Reshape")
FLOATS = [kind.as_datatype_enum for kind in (tf.float16, tf.bfloat16, tf.float32, tf.float64)]
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
    if not output:
        inputs = find_inputs(graph_def, named, where)
        return inputs, find_output(graph_def, None, inputs, where)
    output = find_output(graph_def, output, [], where)
    searched = graph_def if named else prune(graph_def, [producer(output)])
    return find_inputs(searched, named, where), output


def find_inputs(graph_def: Any, names: Sequence[str], where: str) -> List[str]:
    """Return the input tensors.

    Parameters
    ----------
    graph_def : GraphDef
    names : sequence of str
        Of the user; empty to infer the only candidate.
    where : str
        The file, for messages.

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
        return [_checked(graph_def, name, where, "input") for name in names]
    candidates = input_candidates(graph_def)
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
        Of the user; None takes the only candidate, before its softmax: the logits.
    inputs : sequence of str
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
    candidates = output_candidates(graph_def, inputs)
    logits = sorted({before_softmax(graph_def, candidate) for candidate in candidates})
    if len(logits) != 1:
        raise ModelError(
            f"{where}: {len(logits)} tensors could be the output{_listed(logits)}; name it by "
            "`output`"
        )
    return logits[0]


def input_candidates(graph_def: Any) -> List[str]:
    """Return the placeholders of arrays of numbers.

    Parameters
    ----------
    graph_def : GraphDef

    Returns
    -------
    list of str
        Tensors.
    """
    return [
        node.name + ":0"
        for node in graph_def.node
        if node.op == "Placeholder" and _is_array_of_numbers(node, graph_def.versions.producer)
    ]


def output_candidates(graph_def: Any, inputs: Sequence[str]) -> List[str]:
    """Return the tensors that depend on the inputs and that no operation reads.

    Parameters
    ----------
    graph_def : GraphDef
    inputs : sequence of str

    Returns
    -------
    list of str
        Tensors, sorted.
    """
    users, nodes = consumers(graph_def), by_name(graph_def)
    reached = set()
    todo = [producer(name) for name in inputs]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [
                user.name
                for user in users[name]
                if name in [producer(read) for read in data_inputs(user)]
            ]
    last = [name for name in reached if not any(user.name in reached for user in users[name])]
    return sorted(name + ":0" for name in last if nodes[name].op not in NO_OUTPUT)


def before_softmax(graph_def: Any, name: str) -> str:
    """Return the input of a softmax, also through identities.

    Parameters
    ----------
    graph_def : GraphDef
    name : str
        A tensor.

    Returns
    -------
    str
        The tensor itself when there is no softmax.
    """
    nodes, current = by_name(graph_def), name
    while producer(current) in nodes and nodes[producer(current)].op in PASSING:
        passing = nodes[producer(current)]
        number = output_number(current) if passing.op == "IdentityN" else 0
        current = passing.input[number]
    last = nodes.get(producer(current))
    if last is None or last.op not in ("Softmax", "LogSoftmax"):
        return name
    return tensor_name(last.input[0])


def float_input(graph_def: Any, name: str) -> str:
    """Return where to differentiate: the input, or the float cast of an integer input.

    The gradient with respect to integers does not exist. The cast becomes the
    placeholder, and the integers, whose shape may be read, a cast of it.

    Parameters
    ----------
    graph_def : GraphDef
        Changed in place.
    name : str
        A tensor.

    Returns
    -------
    str
        A tensor.

    Raises
    ------
    ModelError
        For integers without exactly one cast to floating point.
    """
    node = by_name(graph_def)[producer(name)]
    if node.op not in ("Placeholder", "PlaceholderWithDefault"):
        return name
    if node.attr["dtype"].type in FLOATS:
        return name
    casts = [user for user in consumers(graph_def)[node.name] if user.op == "Cast"]
    floats = [cast for cast in casts if cast.attr["DstT"].type in FLOATS]
    if len(floats) != 1:
        raise ModelError(
            f"input {name} holds integers and has {len(floats)} casts to floating point; name the "
            "float tensor behind it by `input`"
        )
    _exchange(node, floats[0])
    return tensor_name(floats[0].name)


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


def _exchange(placeholder: Any, cast: Any) -> None:
    """Make the cast the placeholder, and the placeholder a cast of it."""
    integer, real = placeholder.attr["dtype"].type, cast.attr["DstT"].type
    shape = tf.compat.v1.AttrValue()
    shape.shape.unknown_rank = True
    if "shape" in placeholder.attr:
        shape.CopyFrom(placeholder.attr["shape"])
    cast.op, placeholder.op = "Placeholder", "Cast"
    for node in (cast, placeholder):
        del node.input[:]
        node.attr.clear()
    cast.attr["dtype"].type = real
    cast.attr["shape"].CopyFrom(shape)
    placeholder.input.append(cast.name)
    placeholder.attr["SrcT"].type, placeholder.attr["DstT"].type = real, integer


def _is_array_of_numbers(node: Any, producer_version: int) -> bool:
    try:
        dtype = tf.as_dtype(node.attr["dtype"].type)
    except TypeError:  # of a type that this TensorFlow does not know
        return False
    if not (dtype.is_floating or dtype.is_integer):
        return False
    # Asking for an attribute that is not there would create it.
    if "shape" not in node.attr or producer_version < EMPTY_SHAPE_IS_SCALAR:
        return True
    shape = node.attr["shape"].shape
    return bool(shape.unknown_rank or len(shape.dim) != 0)


def _checked(graph_def: Any, name: str, where: str, what: str) -> str:
    nodes = by_name(graph_def)
    if producer(name) not in nodes:
        raise ModelError(f"{where}: no {what} {name!r} in the graph; {near_names(name, nodes)}")
    check_tensor_name(name, where, what)
    return tensor_name(name)


def _listed(candidates: Sequence[str]) -> str:
    return f" ({shortened(candidates, MOST_CANDIDATES)})" if candidates else ""
