"""A convolution that is max-pooled, computed at the resolution of the pooling.

A pooling of stride s and window w reads w x w of every s x s outputs of the
convolution before it. These w x w members become channels of one convolution of
stride s, each with the kernel shifted to its place:

==================  =======================================  ======================
                    convolution, then pooling                here
==================  =======================================  ======================
kernel              (k, k, 1, C)                             (k + w - 1, t, s, w w C)
convolution         (H, W, C), stride 1                      (H/s, W/s, w w C)
pooling             w x w of every s x s                     w w neighbours
==================  =======================================  ======================

Outputs that no window reads (5 of 9 for w = 2, s = 3) are never computed, and the
gradient is a convolution into few channels of a small image instead of one channel
of a large one.

Columns are cut into blocks of s, which become channels (t blocks to a kernel): for
one channel of input that is a reshape. Rows keep the stride. So every member sums
the pixels under its kernel in reading order, and two members that read equal pixels
are equal numbers: where a window has several maxima, the same one wins as in the
pooling that is replaced.
"""

from typing import Any

import numpy as np
import tensorflow as tf


def pooled_conv(x_t: Any, kernel: np.ndarray, bias: np.ndarray, size: int, stride: int) -> Any:
    """Return max_pool(conv(x) + bias), both SAME, the convolution of stride 1.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, H, W, c), floating point, H, W and c known.
    kernel : (k, k, c, C) array
        Of the dtype of `x_t`.
    bias : (C,) array
        Of the dtype of `x_t`.
    size : int
        Side w of the pooling window, pixels.
    stride : int
        Distance s between windows, pixels.

    Returns
    -------
    tf.Tensor
        (N, ceil(H / stride), ceil(W / stride), C), of the dtype of `x_t`.
    """
    _, height, width, channels = x_t.shape.as_list()
    reach = len(kernel) + size - 1  # pixels that a window reads along one axis
    rows = _Axis(height, len(kernel), size, stride)
    columns = _Axis(width, len(kernel), size, stride)
    taps = -(-max(reach, columns.before + width - (columns.windows - 1) * stride) // stride)
    blocks = columns.windows - 1 + taps
    below = max((rows.windows - 1) * stride + reach - rows.before - height, 0)
    right = blocks * stride - columns.before - width
    padding = [[0, 0], [rows.before, below], [columns.before, right], [0, 0]]
    blocks_t = tf.reshape(
        tf.pad(x_t, padding), [-1, rows.before + height + below, blocks, stride * channels]
    )
    shifted = _shifted_kernels(kernel, size, taps * stride)
    kernels = shifted.reshape(reach, taps, stride * channels, -1)
    members_t = tf.nn.conv2d(blocks_t, kernels, [1, stride, 1, 1], "VALID")
    members_t += _member_biases(bias, rows.inside, columns.inside)
    members_t = tf.reshape(members_t, [-1, rows.windows, columns.windows * size**2, len(bias)])
    window = [1, 1, size**2, 1]
    return tf.nn.max_pool2d(members_t, window, window, "VALID")


class _Axis:
    """One axis: the number of windows, the padding before, which members lie in the image."""

    def __init__(self, side: int, kernel: int, size: int, stride: int) -> None:
        self.windows = -(-side // stride)
        pool_before = max((self.windows - 1) * stride + size - side, 0) // 2
        self.before = pool_before + (kernel - 1) // 2
        places = np.arange(self.windows)[:, None] * stride - pool_before + np.arange(size)
        self.inside: np.ndarray = (places >= 0) & (places < side)  # (windows, size)


def _shifted_kernels(kernel: np.ndarray, size: int, width: int) -> np.ndarray:
    """Return (k + w - 1, width, c, w, w, C): for member (a, b) the kernel, shifted by (a, b)."""
    k, _, channels, features = kernel.shape
    shifted = np.zeros((k + size - 1, width, channels, size, size, features), kernel.dtype)
    for a in range(size):
        for b in range(size):
            shifted[a : a + k, b : b + k, :, a, b] = kernel
    return shifted


def _member_biases(bias: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (w w C,), or (rows, columns, w w C) with minus infinity outside of the image."""
    inside = rows[:, None, :, None] & columns[None, :, None, :]
    if inside.all():
        return np.tile(bias, inside[0, 0].size)
    members = np.where(inside[..., None], bias, -np.inf).astype(bias.dtype)
    return members.reshape(len(rows), len(columns), -1)
