"""Batch normalisation of 2016: a running standard deviation, eps outside the root.

    y = gamma * (x - mean) / (std + eps) + beta

Mean and std are taken over all axes but the last: those of the batch in
training, the running ones otherwise. The running ones start at 0 and 1 and
keep 0.9 of themselves in every step.

The moments of the batch exist in the training graph alone. In 2016 one graph
served both modes and ``tf.cond`` chose between two pairs of tensors that stood
outside it; the square root of a batch of one then met a zero gradient with a
zero variance and gave 0/0 (see :mod:`legacy_gbp.exercises.layer_by_layer`). At
inference this graph has no square root at all.
"""

import tensorflow as tf

EPSILON = 1e-6
MOMENTUM = 0.9


def batch_norm(x_t, training):
    """Normalise the last axis of `x_t` inside the current variable scope.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, ..., C) float32.
    training : bool
        True takes the moments of the batch, False the running ones.

    Returns
    -------
    y_t : tf.Tensor
        The shape and dtype of `x_t`.
    update_ops : list of tf.Operation
        What moves the running moments; empty when not training.
    """
    beta, gamma, running_mean, running_std = batch_norm_variables(x_t)
    if not training:
        return normalise(x_t, running_mean, running_std, beta, gamma), []
    mean_t, std_t = batch_moments(x_t)
    update_ops = [moved(running_mean, mean_t), moved(running_std, std_t)]
    return normalise(x_t, mean_t, std_t, beta, gamma), update_ops


def moved(variable, batch_t):
    """Operation that moves a running moment (C,) towards that of the batch."""
    return variable.assign(MOMENTUM * variable + (1 - MOMENTUM) * batch_t)


def batch_norm_variables(x_t):
    """The four vectors (C,) of one layer, in the order beta, gamma, mean, std."""
    get, channels = tf.compat.v1.get_variable, [int(x_t.shape[-1])]
    zeros, ones = tf.compat.v1.zeros_initializer(), tf.compat.v1.ones_initializer()
    return tuple(
        get(name, channels, x_t.dtype, start, trainable=trainable, use_resource=True)
        for name, start, trainable in (
            ("beta", zeros, True),
            ("gamma", ones, True),
            ("running_mean", zeros, False),
            ("running_std", ones, False),
        )
    )


def normalise(x_t, mean_t, std_t, beta_t, gamma_t):
    """The formula of the module's head, the division done once per channel."""
    return (x_t - mean_t) * (gamma_t / (std_t + EPSILON)) + beta_t


def batch_moments(x_t):
    """Mean and standard deviation (C,) over all axes but the last."""
    axes = list(range(len(x_t.shape) - 1))
    mean_t = tf.reduce_mean(x_t, axes)
    variance_t = tf.reduce_mean(tf.math.squared_difference(x_t, mean_t), axes)
    return mean_t, standard_deviation(variance_t)


def standard_deviation(variance_t):
    """Root of the variances (C,).

    The root of a dead channel's zero variance is 0, and so is its gradient;
    plain ``sqrt`` has the gradient 0/0 there.
    """
    alive_t = variance_t > 0
    root_t = tf.sqrt(tf.where(alive_t, variance_t, tf.ones_like(variance_t)))
    return tf.where(alive_t, root_t, tf.zeros_like(root_t))
