"""Which tensors of a graph are the input and the logits, where the graph leaves no doubt."""

import re

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.layers import near_names
from legacy_gbp.graph.nodes import by_name, consumers, data_inputs, full, producer
from legacy_gbp.graph.prune import prune

NO_OUTPUT = (
    "NoOp", "Assert", "Const", "Placeholder", "PlaceholderWithDefault", "Variable", "VariableV2",
    "VarHandleOp", "Assign", "AssignVariableOp", "SaveV2", "RestoreV2", "VarIsInitializedOp",
    "ReadVariableOp", "StringJoin", "ShardedFilename", "MergeV2Checkpoints",
)  # fmt: skip
EMPTY_SHAPE_IS_SCALAR = 24
PASSING = ("Identity", "IdentityN", "Reshape")
FLOATS = [kind.as_datatype_enum for kind in (tf.float16, tf.bfloat16, tf.float32, tf.float64)]


def find_ends(graph_def, input, output, where):
    """Names of the input tensors and of the tensor to explain, as given or inferred.

    Parameters
    ----------
    graph_def : GraphDef
    input : str, sequence of str, or None
    output : str or None
    where : str
        The file, for messages.

    Returns
    -------
    inputs : list of str
    output : str
    """
    named = [input] if isinstance(input, str) else list(input or [])
    if not output:
        inputs = find_inputs(graph_def, named, where)
        return inputs, find_output(graph_def, None, inputs, where)
    output = find_output(graph_def, output, [], where)
    searched = graph_def if named else prune(graph_def, [producer(output)])
    return find_inputs(searched, named, where), output


def find_inputs(graph_def, names, where):
    """Names of the input tensors.

    Parameters
    ----------
    graph_def : GraphDef
    names : sequence of str
        As the user gave them; empty to infer.
    where : str
        The file, for messages.

    Returns
    -------
    list of str
        Tensors, ``node:0``.

    Raises
    ------
    InputError
        For a name that is not there (with near ones), or with the candidates
        when none was given and several fit.
    """
    if names:
        return [_checked(graph_def, name, where, "input") for name in names]
    candidates = input_candidates(graph_def)
    if len(candidates) != 1:
        raise InputError(
            f"{where}: {len(candidates)} tensors could be the input"
            f"{_listed(candidates)}; name it by --input"
        )
    return candidates


def find_output(graph_def, name, inputs, where):
    """Name of the tensor to explain.

    An output that is inferred is taken before its softmax: the logits.

    Parameters
    ----------
    graph_def : GraphDef
    name : str or None
        As the user gave it; None to infer.
    inputs : list of str
    where : str

    Returns
    -------
    str

    Raises
    ------
    InputError
        As of :func:`find_inputs`.
    """
    if name:
        return _checked(graph_def, name, where, "output")
    candidates = output_candidates(graph_def, inputs)
    logits = sorted({before_softmax(graph_def, candidate) for candidate in candidates})
    if len(logits) != 1:
        raise InputError(
            f"{where}: {len(logits)} tensors could be the output{_listed(logits)}; name it by "
            "--output-tensor"
        )
    return logits[0]


def input_candidates(graph_def):
    """Placeholders of numbers that are more than one number."""
    return [
        node.name + ":0"
        for node in graph_def.node
        if node.op == "Placeholder" and _is_array_of_numbers(node, graph_def.versions.producer)
    ]


def output_candidates(graph_def, inputs):
    """Ends of what the inputs reach."""
    users, nodes = consumers(graph_def), by_name(graph_def)
    reached, todo = set(), [producer(name) for name in inputs]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [
                user.name
                for user in users[name]
                if name in [producer(read) for read in data_inputs(user)]
            ]
    ends = [name for name in reached if not any(user.name in reached for user in users[name])]
    return sorted(name + ":0" for name in ends if nodes[name].op not in NO_OUTPUT)


def before_softmax(graph_def, name):
    """The input of a softmax, also through identities; the tensor itself when there is none."""
    nodes, current = by_name(graph_def), name
    while producer(current) in nodes and nodes[producer(current)].op in PASSING:
        passing = nodes[producer(current)]
        number = int(current.partition(":")[2] or 0) if passing.op == "IdentityN" else 0
        current = passing.input[number]
    end = nodes.get(producer(current))
    if end is None or end.op not in ("Softmax", "LogSoftmax"):
        return name
    return full(end.input[0])


def float_input(graph_def, name):
    """Where to differentiate: the tensor, or the float cast of integers.

    The gradient with respect to integers does not exist. The cast becomes the
    placeholder, and the integers, whose shape may be asked for, a cast of it.
    """
    node = by_name(graph_def)[producer(name)]
    if node.op not in ("Placeholder", "PlaceholderWithDefault"):
        return name
    if node.attr["dtype"].type in FLOATS:
        return name
    casts = [user for user in consumers(graph_def)[node.name] if user.op == "Cast"]
    floats = [cast for cast in casts if cast.attr["DstT"].type in FLOATS]
    if len(floats) != 1:
        raise InputError(
            f"input {name} holds integers and has {len(floats)} casts to floating point; name the "
            "float tensor behind it by --input"
        )
    cast = floats[0]
    integer, real = node.attr["dtype"].type, cast.attr["DstT"].type
    shape = tf.compat.v1.AttrValue()
    shape.shape.unknown_rank = True
    if "shape" in node.attr:
        shape.CopyFrom(node.attr["shape"])
    cast.op, node.op = "Placeholder", "Cast"
    for each in (cast, node):
        del each.input[:]
        each.attr.clear()
    cast.attr["dtype"].type = real
    cast.attr["shape"].CopyFrom(shape)
    node.input.append(cast.name)
    node.attr["SrcT"].type, node.attr["DstT"].type = real, integer
    return cast.name + ":0"


def _is_array_of_numbers(node, producer_version):
    try:
        dtype = tf.as_dtype(node.attr["dtype"].type)
    except TypeError:  # of a type that this TensorFlow does not know
        return False
    if not (dtype.is_floating or dtype.is_integer):
        return False
    # Before version 24 an empty shape was an unknown one. Asking for a value would make one.
    if "shape" not in node.attr or producer_version < EMPTY_SHAPE_IS_SCALAR:
        return True
    shape = node.attr["shape"].shape
    return shape.unknown_rank or len(shape.dim) != 0


def _checked(graph_def, name, where, what):
    nodes = by_name(graph_def)
    if producer(name) not in nodes:
        raise InputError(f"{where}: no {what} {name!r} in the graph; {near_names(name, nodes)}")
    check_tensor_name(name, where, what)
    return full(name)


def check_tensor_name(name, where, what):
    """Refuse what is no name of a tensor, such as ``^node`` and ``node:x``."""
    if not re.match(r"[^^:]+(:[0-9]+)?$", name):
        raise InputError(f"{where}: {what} {name!r} is no tensor; write NAME or NAME:NUMBER")


def _listed(candidates):
    few = ", ".join(candidates[:8])
    more = f" and {len(candidates) - 8} more" if len(candidates) > 8 else ""
    return f" ({few}{more})" if candidates else ""
