"""Which axis of an image, or of a layer, holds the channels: read from the operations around it.

Convolutions and pools say it by their attribute ``data_format``. Transposes, new axes and
element-wise operations in between are followed.
"""

from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow as tf

FIRST = ("NCHW", "NCDHW", "NCW", "NCHW_VECT_C")
CHANNELS_LAST = ("SpaceToBatchND", "SpaceToBatch", "ResizeBilinear", "ResizeNearestNeighbor")
FOLLOWED = (
    "Identity", "Cast", "Add", "AddV2", "Sub", "Mul", "RealDiv", "Neg", "BiasAdd", "Relu", "Relu6",
    "LeakyRelu", "Elu", "Selu", "Maximum", "Minimum", "Pad", "PadV2", "MirrorPad", "FusedBatchNorm",
    "FusedBatchNormV2", "FusedBatchNormV3", "IdentityN", "CheckNumerics", "StopGradient",
)  # fmt: skip
WINDOWS = (
    "Conv2D",
    "Conv3D",
    "DepthwiseConv2dNative",
    "MaxPool",
    "AvgPool",
    "MaxPool3D",
    "AvgPool3D",
)
MOST_STEPS = 64


class Layout(NamedTuple):
    """The axes of a batch of images.

    Attributes
    ----------
    channels : int or None
        The axis of the channels; None where every axis behind the batch is a place.
    places : tuple of int
        The axes of the places: rows, columns.
    """

    channels: Optional[int]
    places: Tuple[int, ...]


def layout_of_input(input_t: Any, rank: int) -> Layout:
    """Return the layout of an input, from the first operation that says it.

    Parameters
    ----------
    input_t : tf.Tensor
    rank : int
        Of the images.

    Returns
    -------
    Layout
        Channels last where nothing says it, for a rank of 4 and more and of 2; no channels for
        a rank of 3: (N, H, W) has no W channels. A recurrent network, which reads (N, T, C)
        step by step, has C channels.
    """
    todo: List[Tuple[Any, List[Optional[int]]]] = [(input_t, list(range(rank)))]
    for t, axes in todo:  # grows
        for op in t.consumers():
            if op.type in CHANNELS_LAST or _data_format(op):
                place = 1 if _data_format(op) in FIRST else len(axes) - 1
                return _layout(rank, axes[place] if op.type != "BiasAdd" or place else None)
            followed = _follow(op, axes)
            if _is_read_by_step(op, axes, followed):
                return _layout(rank, rank - 1)
            if followed is not None and len(todo) < MOST_STEPS:
                todo.append((op.outputs[0], followed))
    return _layout(rank, None if rank == 3 else rank - 1)


def unflattened(input_t: Any) -> Optional[Any]:
    """Return what a network makes first of flat inputs (N, F): images, such as (N, 28, 28, 1).

    Parameters
    ----------
    input_t : tf.Tensor

    Returns
    -------
    tf.Tensor or None
        With the same values in the same order, of known size but for N. None where the inputs
        are not flat, and where the network keeps them flat.
    """
    todo = [input_t] if input_t.shape.rank == 2 else []
    for t in todo:  # grows
        for op in t.consumers():
            if op.type == "Reshape" and op.inputs[0] is t:
                shape = op.outputs[0].shape
                size = _size_of_one(t.shape)
                if (shape.rank or 0) > 2 and size is not None and _size_of_one(shape) == size:
                    return op.outputs[0]
            elif op.type in FOLLOWED and op.outputs[0].shape.rank == 2 and len(todo) < MOST_STEPS:
                todo.append(op.outputs[0])
    return None


def _size_of_one(shape: Any) -> Optional[int]:
    """Return the number of values of one image; None where it is open."""
    sizes = shape.as_list()[1:]
    return None if None in sizes else int(np.prod(sizes))


def layout_of_layer(layer_t: Any, rank: int) -> Layout:
    """Return the layout of a layer's output, from the operation that makes it.

    Parameters
    ----------
    layer_t : tf.Tensor
    rank : int
        Of its values.

    Returns
    -------
    Layout
        Channels last where nothing says it.
    """
    axes = list(range(rank))  # of the layer, for every axis of the tensor at hand
    t = layer_t
    for _ in range(MOST_STEPS):
        op = t.op
        if _data_format(op):
            place = 1 if _data_format(op) in FIRST else len(axes) - 1
            return _layout(rank, axes[place])
        permutation = _constant(op.inputs[1]) if op.type == "Transpose" else None
        if permutation is not None:
            # Axis k of the output is axis permutation[k] of the input.
            axes = [axes[permutation.index(axis)] for axis in range(len(permutation))]
        elif op.type not in FOLLOWED:
            break
        t = op.inputs[0]
        if t.shape.rank not in (None, len(axes)):
            break
    return _layout(rank, rank - 1)


def shape_from_readers(input_t: Any) -> Any:
    """Return the shape of an input: its own, or what the convolution that reads it takes.

    TensorFlow ends the process when a convolution gets values of another rank.

    Parameters
    ----------
    input_t : tf.Tensor

    Returns
    -------
    tf.TensorShape
        Of unknown rank where nothing says it.
    """
    todo, known = [input_t], {input_t.name}
    for t in todo:  # grows
        if t.shape.rank is not None:
            return input_t.shape.merge_with(t.shape)
        for op in t.consumers():
            if _data_format(op) and op.type in WINDOWS:
                return tf.TensorShape([None] * len(op.get_attr("strides")))
            others = [other_t.shape.rank for other_t in op.inputs if other_t is not t]
            follows = op.type in FOLLOWED and all(rank in (0, 1) for rank in others)
            if follows and op.outputs[0].name not in known:
                known.add(op.outputs[0].name)
                todo.append(op.outputs[0])
    return input_t.shape


def _layout(rank: int, channels: Optional[int]) -> Layout:
    return Layout(channels, tuple(axis for axis in range(1, rank) if axis != channels))


def _data_format(op: Any) -> str:
    """Return the attribute of an operation on several axes; a bias of (N, K) says nothing."""
    try:
        found: str = op.get_attr("data_format").decode()
    except ValueError:
        return ""
    return found if op.inputs[0].shape.rank is None or op.inputs[0].shape.rank > 2 else ""


def _follow(op: Any, axes: List[Optional[int]]) -> Optional[List[Optional[int]]]:
    """Return where each axis of the output comes from; None where that is not known."""
    if op.type == "Transpose":
        permutation = _constant(op.inputs[1])
        if permutation is None or len(permutation) != len(axes):
            return None
        return [axes[axis] for axis in permutation]
    if op.type == "ExpandDims":
        where = _constant(op.inputs[1])
        if where is None:
            return None
        place = where[0] % (len(axes) + 1)
        return [*axes[:place], None, *axes[place:]]
    if op.type == "Reshape":
        before, after = op.inputs[0].shape, op.outputs[0].shape
        if before.rank == len(axes) and after.rank == len(axes) + 1:
            return [*axes, None] if after.as_list()[1:] == [*before.as_list()[1:], 1] else None
        return None
    rank = op.outputs[0].shape.rank if op.outputs else None
    return axes if op.type in FOLLOWED and rank in (None, len(axes)) else None


def _is_read_by_step(op: Any, axes: List[Optional[int]], followed: Any) -> bool:
    """Return whether an operation takes (N, T, C) apart along T, as recurrent layers do."""
    if op.type == "Unpack":
        return axes == [0, 1, 2] and op.get_attr("axis") in (1, -2)
    return op.type == "Transpose" and axes == [0, 1, 2] and followed == [1, 0, 2]


def _constant(tensor_t: Any) -> Optional[List[int]]:
    value = tf.get_static_value(tensor_t)
    return None if value is None else [int(number) for number in value.ravel()]
