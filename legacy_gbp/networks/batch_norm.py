"""Batch normalisation as in 2016: a running standard deviation, epsilon outside the root.

    y = gamma * (x - mean) / (std + epsilon) + beta

The moments of a channel are its mean and its standard deviation, over all axes
except the last. A network in training takes those of the batch. A network at
inference takes the running ones, which start at 0 and 1; every training step
multiplies them by 0.9 and adds 0.1 of those of the batch.

Only the training graph computes the moments of the batch. The graph of 2016
served both modes: ``tf.cond`` chose between two pairs of tensors, both computed
outside of it. For a batch of one image the square root then met a zero gradient
and a zero variance, and returned 0/0 (see
:mod:`legacy_gbp.exercises.layer_by_layer`). The inference graph of this module
has no square root.

References
----------
S. Ioffe, C. Szegedy, arXiv:1502.03167 (2015), with epsilon inside of the root.
"""

from typing import Any, Callable, List, NamedTuple, Tuple

import tensorflow as tf

EPSILON = 1e-6
MOMENTUM = 0.9

# batch_norm(x_t, training) -> (y_t, update_ops)
BatchNormFunction = Callable[[Any, bool], Tuple[Any, List[Any]]]


class BatchNormVariables(NamedTuple):
    """The variables of one batch normalisation, each (C,), of the dtype of its input.

    Attributes
    ----------
    beta, gamma : tf.Variable
        Shift and scale, trained; they start at 0 and 1.
    running_mean, running_std : tf.Variable
        Running moments, not trained; they start at 0 and 1.
    """

    beta: Any
    gamma: Any
    running_mean: Any
    running_std: Any


def batch_norm(x_t: Any, training: bool) -> Tuple[Any, List[Any]]:
    """Normalise the last axis of a tensor inside the current variable scope.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, ..., C), floating point.
    training : bool
        True takes the moments of the batch, False the running ones.

    Returns
    -------
    y_t : tf.Tensor
        The shape and dtype of `x_t`.
    update_ops : list of tf.Operation
        Updates of the running moments; empty when not training.
    """
    beta, gamma, running_mean, running_std = batch_norm_variables(x_t)
    if not training:
        return normalise(x_t, running_mean, running_std, beta, gamma), []
    mean_t, std_t = batch_moments(x_t)
    update_ops = [
        moving_average_op(running_mean, mean_t),
        moving_average_op(running_std, std_t),
    ]
    return normalise(x_t, mean_t, std_t, beta, gamma), update_ops


def moving_average_op(variable: Any, batch_t: Any) -> Any:
    """Return the operation that updates a running moment by that of the batch.

    Parameters
    ----------
    variable : tf.Variable
        (C,), the running moment.
    batch_t : tf.Tensor
        (C,), the same moment of the batch.

    Returns
    -------
    tf.Operation
        Sets the variable to 0.9 of itself and 0.1 of `batch_t`.
    """
    return variable.assign(MOMENTUM * variable + (1 - MOMENTUM) * batch_t)


def batch_norm_variables(x_t: Any) -> BatchNormVariables:
    """Create the variables of one batch normalisation inside the current variable scope.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, ..., C), floating point, the input of the normalisation.

    Returns
    -------
    BatchNormVariables
        Four vectors (C,) of the dtype of `x_t`.
    """
    get, channels = tf.compat.v1.get_variable, [int(x_t.shape[-1])]
    zeros, ones = tf.compat.v1.zeros_initializer(), tf.compat.v1.ones_initializer()
    return BatchNormVariables(
        *(
            get(name, channels, x_t.dtype, start, trainable=trainable, use_resource=True)
            for name, start, trainable in (
                ("beta", zeros, True),
                ("gamma", ones, True),
                ("running_mean", zeros, False),
                ("running_std", ones, False),
            )
        )
    )


def normalise(x_t: Any, mean_t: Any, std_t: Any, beta_t: Any, gamma_t: Any) -> Any:
    """Return gamma * (x - mean) / (std + epsilon) + beta, with one division per channel.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, ..., C), floating point.
    mean_t, std_t : tf.Tensor
        (C,), moments of each channel.
    beta_t, gamma_t : tf.Tensor
        (C,), shift and scale of each channel.

    Returns
    -------
    tf.Tensor
        The shape and dtype of `x_t`.
    """
    return (x_t - mean_t) * (gamma_t / (std_t + EPSILON)) + beta_t


def batch_moments(x_t: Any) -> Tuple[Any, Any]:
    """Return the mean and the standard deviation of each channel of a batch.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, ..., C), floating point.

    Returns
    -------
    mean_t, std_t : tf.Tensor
        (C,), over all axes except the last.
    """
    axes = list(range(len(x_t.shape) - 1))
    mean_t = tf.reduce_mean(x_t, axes)
    variance_t = tf.reduce_mean(tf.math.squared_difference(x_t, mean_t), axes)
    return mean_t, standard_deviation(variance_t)


def standard_deviation(variance_t: Any) -> Any:
    """Return the square root of variances, with the gradient 0 at variance 0.

    A dead channel has zero variance. The gradient of plain ``tf.sqrt`` is infinite
    there, and its product with deviations of zero is NaN.

    Parameters
    ----------
    variance_t : tf.Tensor
        (C,), floating point, 0 or more.

    Returns
    -------
    tf.Tensor
        (C,), 0 where the variance is 0.
    """
    alive_t = variance_t > 0
    root_t = tf.sqrt(tf.where(alive_t, variance_t, tf.ones_like(variance_t)))
    return tf.where(alive_t, root_t, tf.zeros_like(root_t))
