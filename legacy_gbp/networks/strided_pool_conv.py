"""A convolution that is max-pooled, computed at the resolution of the pool.

A pool of stride s and window w looks at w x w of every s x s outputs of the
convolution below it. Here these w x w members are channels of one convolution
of stride s, each with the kernel moved to its place:

==================  =======================================  ======================
                    convolution, then pool                   here
==================  =======================================  ======================
kernel              (k, k, 1, C)                             (k + w - 1, t, s, w w C)
convolution         (H, W, C), stride 1                      (H/s, W/s, w w C)
pool                w x w of every s x s                     w w neighbours
==================  =======================================  ======================

Outputs that no window looks at (5 of 9 for w = 2, s = 3) are never computed,
and the gradient is a convolution into few channels of a small image instead of
one channel of a large one.

Columns are cut into blocks of s, which become channels (t blocks to a kernel):
for one channel of input that is a reshape. Rows are left to the stride. So the
pixels under a kernel are summed up in reading order for every member, and two
members that see equal pixels get equal numbers: where a window has several
maxima the same one wins as in the pool that it replaces.
"""

import numpy as np
import tensorflow as tf


def pooled_conv(x_t, kernel, bias, size, stride):
    """max_pool(conv(x) + bias), both SAME, the convolution of stride 1.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, H, W, c), H and W known.
    kernel : (k, k, c, C) array
    bias : (C,) array
    size, stride : int
        Of the pool.

    Returns
    -------
    tf.Tensor
        (N, ceil(H / stride), ceil(W / stride), C).
    """
    _, height, width, channels = x_t.shape.as_list()
    reach = len(kernel) + size - 1  # pixels that a window sees along one axis
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
    kernels = _moved(kernel, size, taps * stride).reshape(reach, taps, stride * channels, -1)
    members_t = tf.nn.conv2d(blocks_t, kernels, [1, stride, 1, 1], "VALID")
    members_t += _bias(bias, rows.inside, columns.inside)
    members_t = tf.reshape(members_t, [-1, rows.windows, columns.windows * size**2, len(bias)])
    window = [1, 1, size**2, 1]
    return tf.nn.max_pool2d(members_t, window, window, "VALID")


class _Axis:
    """Along one axis: the number of pool windows, the padding before, members in the image."""

    def __init__(self, side, kernel, size, stride):
        self.windows = -(-side // stride)
        pool_before = max((self.windows - 1) * stride + size - side, 0) // 2
        self.before = pool_before + (kernel - 1) // 2
        places = np.arange(self.windows)[:, None] * stride - pool_before + np.arange(size)
        self.inside = (places >= 0) & (places < side)  # (windows, size)


def _moved(kernel, size, width):
    """(k + w - 1, width, c, w, w, C): the kernel moved by (a, b) for member (a, b)."""
    k, _, channels, features = kernel.shape
    moved = np.zeros((k + size - 1, width, channels, size, size, features), kernel.dtype)
    for a in range(size):
        for b in range(size):
            moved[a : a + k, b : b + k, :, a, b] = kernel
    return moved


def _bias(bias, rows, columns):
    """(w w C,); where windows reach over the edge (rows, columns, w w C), minus infinity there."""
    inside = rows[:, None, :, None] & columns[None, :, None, :]
    if inside.all():
        return np.tile(bias, inside[0, 0].size)
    members = np.where(inside[..., None], bias, -np.inf).astype(bias.dtype)
    return members.reshape(len(rows), len(columns), -1)
