"""Mean and variance of each channel, image by image, in few passes over memory.

In training the batch normalisation after a first convolution costs more than the
convolution: it has few operations, but their tensors have hundreds of megabytes. The
plain formula (:mod:`legacy_gbp.networks.batch_norm`) and its ``tf.gradients`` make
about forty passes over them. This module arranges the same sums so that each has a
single operation as its gradient too:

==========  =====================================  ================================
            value                                  gradient for x, one pass each
==========  =====================================  ================================
mean        sums of rows, their sum, one division  the divided seed, broadcast
deviation   d = x - m, m a constant                the seed itself
variance    diagonal of d' d, a matrix product     d times a diagonal matrix
==========  =====================================  ================================

The gradient stays exact although m counts as a constant: the deviations from the
mean sum to zero, and so the variance has the derivative 0 by m. Rows are
(width x channels) numbers long, because TensorFlow is slow where the last axis
has length two.

Each image has its own mean and variance. So the same images have the same bits
however a batch is split between devices (:mod:`legacy_gbp.networks.data_parallel`),
and short sums round less.
"""

from typing import Any

import tensorflow as tf


def image_means(x_t: Any) -> Any:
    """Return the mean of each channel over the pixels of each image.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, H, W, C), floating point, H, W and C known; or the rows (N, C) of a dense layer.

    Returns
    -------
    tf.Tensor
        (N, C), of the dtype of `x_t`; `x_t` itself for rows.
    """
    if len(x_t.shape) == 2:
        return x_t
    _, height, width, channels = x_t.shape.as_list()
    rows_t = tf.reduce_sum(tf.reshape(x_t, [-1, height, width * channels]), 1)
    sum_t = tf.reduce_sum(tf.reshape(rows_t, [-1, width, channels]), 1)
    return sum_t * (1 / (height * width))


def deviations(x_t: Any, mean_t: Any) -> Any:
    """Return ``x - mean``, where the mean counts as a constant for gradients.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, H, W, C), floating point, H, W and C known; or rows (N, C).
    mean_t : tf.Tensor
        (C,), the mean of each channel over the batch.

    Returns
    -------
    tf.Tensor
        The shape and dtype of `x_t`.
    """
    constant_t = tf.stop_gradient(mean_t)
    if len(x_t.shape) == 2:
        return x_t - constant_t
    _, height, width, channels = x_t.shape.as_list()
    deviation_t = tf.reshape(x_t, [-1, width * channels]) - tf.tile(constant_t, [width])
    return tf.reshape(deviation_t, [-1, height, width, channels])


def image_variances(deviation_t: Any) -> Any:
    """Return the mean square of each channel over the pixels of each image.

    Parameters
    ----------
    deviation_t : tf.Tensor
        (N, H, W, C), floating point, from :func:`deviations`, H, W and C known; or
        rows (N, C).

    Returns
    -------
    tf.Tensor
        (N, C), of the dtype of `deviation_t`; the squares for rows.
    """
    if len(deviation_t.shape) == 2:
        return tf.square(deviation_t)
    _, height, width, channels = deviation_t.shape.as_list()
    pixels_t = tf.reshape(deviation_t, [-1, height * width, channels])
    product_t = tf.matmul(tf.stop_gradient(pixels_t), pixels_t, transpose_a=True)
    square_t = tf.linalg.diag_part(product_t) * (1 / (height * width))
    # One factor counts as a constant, which saves a matrix product of the gradient. Half of
    # the gradient is missing then: twice the square, less the square as a constant, has it all.
    return 2 * square_t - tf.stop_gradient(square_t)
