"""Mean and variance of each channel, of every image on its own, in few walks through memory.

In training the batch normalisation of a first convolution costs more than the
convolution: few operations, but on tensors of hundreds of megabytes, and
``tf.gradients`` of the plain formula (:mod:`legacy_gbp.networks.batch_norm`) walks
through about forty of them. The same sums are written here so that their
gradients are single operations too:

==========  =====================================  ================================
            value                                  gradient for x, a walk each
==========  =====================================  ================================
mean        sums of rows, their sum, one division  the divided seed, broadcast
deviation   d = x - m, m held fixed                the seed itself
variance    diagonal of d' d, a matrix product     d times a diagonal matrix
==========  =====================================  ================================

Holding m fixed loses nothing: the deviations from the mean sum to zero, and with
them the variance's derivative by m. Rows are (width x channels) numbers long,
because TensorFlow is slow where the last axis has two.

Image by image: the same images give the same bits however a batch is split
between devices (:mod:`legacy_gbp.networks.data_parallel`), and short sums round less.
"""

import tensorflow as tf


def image_means(x_t):
    """Means (N, C) over the pixels of (N, H, W, C); rows of a dense layer (N, C) are their own."""
    if len(x_t.shape) == 2:
        return x_t
    _, height, width, channels = x_t.shape.as_list()
    rows_t = tf.reduce_sum(tf.reshape(x_t, [-1, height, width * channels]), 1)
    sum_t = tf.reduce_sum(tf.reshape(rows_t, [-1, width, channels]), 1)
    return sum_t * (1 / (height * width))


def deviations(x_t, mean_t):
    """``x - mean``, the shape of `x_t`; the mean (C,) counts as a constant."""
    fixed_t = tf.stop_gradient(mean_t)
    if len(x_t.shape) == 2:
        return x_t - fixed_t
    _, height, width, channels = x_t.shape.as_list()
    deviation_t = tf.reshape(x_t, [-1, width * channels]) - tf.tile(fixed_t, [width])
    return tf.reshape(deviation_t, [-1, height, width, channels])


def image_variances(deviation_t):
    """Mean squares (N, C) over the pixels of (N, H, W, C), or squares of (N, C)."""
    if len(deviation_t.shape) == 2:
        return tf.square(deviation_t)
    _, height, width, channels = deviation_t.shape.as_list()
    pixels_t = tf.reshape(deviation_t, [-1, height * width, channels])
    product_t = tf.matmul(tf.stop_gradient(pixels_t), pixels_t, transpose_a=True)
    square_t = tf.linalg.diag_part(product_t) * (1 / (height * width))
    # One factor was held fixed, which saves a matrix product: doubled, the gradient is whole.
    return 2 * square_t - tf.stop_gradient(square_t)
