"""A placeholder of integers becomes one of floating point: integers have no gradient.

Object detectors take uint8 pictures, and cast them once, twice, or resize them first. What
moves integers without changing them is moved in floating point, up to the casts; the numbers
are the same. Shapes and whatever else needs integers read a copy that is cast back.
"""

from typing import Any, Dict, List, Tuple

import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.graph.nodes import add_node, by_name, consumers, data_inputs, producer, tensor_name

FLOATS = [kind.as_datatype_enum for kind in (tf.float16, tf.bfloat16, tf.float32, tf.float64)]
PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault")
# Their first input is moved; its type is attribute T.
MOVING = (
    "Identity", "Reshape", "ExpandDims", "Squeeze", "Transpose", "Slice", "StridedSlice",
    "ReverseV2", "MirrorPad", "Pad", "ResizeNearestNeighbor", "Snapshot",
)  # fmt: skip
# These take integers, and yield floating point.
RESIZING = ("ResizeBilinear", "ResizeBicubic", "ResizeArea", "CropAndResize")


def float_input(graph_def: Any, name: str) -> str:
    """Make a placeholder of integers one of floating point.

    Parameters
    ----------
    graph_def : GraphDef
        Changed in place.
    name : str
        A tensor.

    Returns
    -------
    str
        The tensor to feed and to differentiate with respect to, under the same name.

    Raises
    ------
    ModelError
        For integers that nothing turns into floating point.
    """
    node = by_name(graph_def)[producer(name)]
    if node.op not in PLACEHOLDERS or node.attr["dtype"].type in FLOATS:
        return name
    moving, casts = _moved(graph_def, node.name)
    if not casts:
        raise ModelError(
            f"input {name} holds integers, and nothing casts them to floating point; name the "
            "float tensor behind it by `input`, such as the output of an embedding"
        )
    kinds = {cast.attr["DstT"].type for cast in casts if cast.op == "Cast"}
    real = kinds.pop() if len(kinds) == 1 else tf.float32.as_datatype_enum
    integer = node.attr["dtype"].type
    integers = {one.name: _integers_of(one) for one in moving}
    integers[node.name] = integer
    _read_integers_elsewhere(graph_def, integers, casts, real)
    for one in moving:
        for attribute in ("SrcT", "DstT") if one.op == "Cast" else ("T",):
            one.attr[attribute].type = real
    for cast in casts:
        cast.attr["SrcT" if cast.op == "Cast" else "T"].type = real
    _make_placeholder(node, real)
    return tensor_name(node.name)


def is_cast_to_float(graph_def: Any, placeholder: str) -> bool:
    """Return whether a graph turns the integers of a placeholder into floating point.

    Parameters
    ----------
    graph_def : GraphDef
    placeholder : str
        Name of the node.

    Returns
    -------
    bool
    """
    return bool(_moved(graph_def, placeholder)[1])


def _moved(graph_def: Any, start: str) -> Tuple[List[Any], List[Any]]:
    """Return what moves the integers on the way to a cast, and the casts."""
    readers = consumers(graph_def)
    behind: Dict[str, List[Any]] = {}  # what moves the integers, to what reads it
    casts: Dict[str, Any] = {}
    todo = [start]
    while todo:
        name = todo.pop()
        behind[name] = []
        for reader in readers[name]:
            places = [k for k, read in enumerate(data_inputs(reader)) if producer(read) == name]
            if places != [0]:
                continue
            if (reader.op == "Cast" and reader.attr["DstT"].type in FLOATS) or (
                reader.op in RESIZING
            ):
                casts[reader.name] = reader
            elif _moves(reader) and reader.name not in behind:
                todo.append(reader.name)
            else:
                continue
            behind[name].append(reader)
    nodes = by_name(graph_def)
    useful = {name for name in behind if name != start and _leads_to(name, behind, set(casts))}
    return [nodes[name] for name in sorted(useful)], list(casts.values())


def _leads_to(name: str, behind: Dict[str, List[Any]], casts: "set[str]") -> bool:
    todo, known = [name], {name}
    for at in todo:  # grows
        for reader in behind.get(at, ()):
            if reader.name in casts:
                return True
            if reader.name not in known:
                known.add(reader.name)
                todo.append(reader.name)
    return False


def _moves(node: Any) -> bool:
    """Whether a node keeps the values of integers: a cast does to a type of as many bits."""
    if node.op != "Cast":
        return node.op in MOVING
    before, after = (tf.as_dtype(node.attr[name].type) for name in ("SrcT", "DstT"))
    return bool(after.is_integer and after.min <= before.min and after.max >= before.max)


def _integers_of(node: Any) -> int:
    """Return the type of what a node moves."""
    enum: int = node.attr["DstT" if node.op == "Cast" else "T"].type
    return enum


def _read_integers_elsewhere(
    graph_def: Any, integers: Dict[str, int], casts: List[Any], real: int
) -> None:
    """Let what still needs integers read copies of what is moved in floating point."""
    kept = set(integers) | {cast.name for cast in casts}
    copies: Dict[str, str] = {}
    for node in list(graph_def.node):
        for place, read in enumerate(node.input):
            name = producer(read)
            is_moved = node.name in kept and place == 0
            if name in integers and not read.startswith("^") and not is_moved:
                copies[name] = f"{name}/integers"
                node.input[place] = copies[name]
    for name, copy in copies.items():
        types = {"SrcT": _type(real), "DstT": _type(integers[name])}
        add_node(graph_def, "Cast", copy, [name], **types)


def _type(enum: int) -> Any:
    value = tf.compat.v1.AttrValue()
    value.type = enum
    return value


def _make_placeholder(node: Any, real: int) -> None:
    shape = tf.compat.v1.AttrValue()
    shape.shape.unknown_rank = True
    if "shape" in node.attr:
        shape.CopyFrom(node.attr["shape"])
    node.op = "Placeholder"
    del node.input[:]
    node.attr.clear()
    node.attr["dtype"].type = real
    node.attr["shape"].CopyFrom(shape)
