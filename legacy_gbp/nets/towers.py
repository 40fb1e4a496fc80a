"""One network over a batch that is split between devices, exact to rounding.

Every device has a tower: a :class:`~legacy_gbp.nets.layers.Sequential` over its part
of the batch. All towers share the variables of the first device, and they walk
side by side, because a batch normalisation takes the moments of the *whole* batch:

    the means of every image -> concatenated in the order of the batch -> their mean

and the variance likewise. These means cross the devices, so ``tf.gradients`` gives the
gradient of one network over one batch: no gradient is averaged, nothing is approximate.
In float32 the forward pass mostly has the same bits; sums of the backward pass over the
batch round otherwise, and training lets the difference grow.
"""

import tensorflow as tf

from legacy_gbp.nets.batch_norm import (
    MOMENTUM,
    batch_norm_variables,
    image_means,
    normalise,
    squared_deviations,
    standard_deviation,
)
from legacy_gbp.nets.layers import Sequential


class Towers:
    """Build a network on several devices; the methods are those of Sequential.

    Parameters
    ----------
    part_ts : list of tf.Tensor
        The images of each device, (n_k, H, W, C) with any n_k above 0.
    devices : list of str
        As many; variables and sums stand on the first.
    seed : int
        See :class:`~legacy_gbp.nets.layers.Sequential`.

    Attributes
    ----------
    moment_ts, update_ops : list
        Moments of the batch, and what moves the running ones by them.
    """

    def __init__(self, part_ts, devices, seed=0):
        self._devices = devices
        self._normalised: list = []
        self._towers = [Sequential(part_t, True, seed, self._next_normalised) for part_t in part_ts]
        self.moment_ts: list = []
        self.update_ops: list = []

    @property
    def logits_ts(self):
        """Logits of every tower."""
        return [tower.logits_t for tower in self._towers]

    @property
    def penalty_ts(self):
        """Penalties of the weights, which are the same in every tower."""
        return self._towers[0].penalty_ts

    def batch_norm(self):
        """Batch normalisation by the moments of all parts together."""
        x_ts = self.logits_ts
        scope = self._towers[0].layers[-1].name + "/batch_norm"
        with tf.compat.v1.variable_scope(scope), tf.device(self._devices[0]):
            beta, gamma, running_mean, running_std = batch_norm_variables(x_ts[0])
        mean_t, std_t = self._moments(x_ts)
        for x_t, device in zip(x_ts, self._devices):
            with tf.device(device):
                self._normalised.append(normalise(x_t, mean_t, std_t, beta, gamma))
        with tf.device(self._devices[0]):
            for variable, batch_t in ((running_mean, mean_t), (running_std, std_t)):
                moved_t = MOMENTUM * variable + (1 - MOMENTUM) * batch_t
                self.update_ops.append(variable.assign(moved_t))
                self.moment_ts.append(batch_t)
        return self._on_each("batch_norm")

    def conv(self, *args, **options):
        """Square convolution."""
        return self._on_each("conv", *args, **options)

    def dense(self, *args, **options):
        """Matrix product."""
        return self._on_each("dense", *args, **options)

    def logits(self, *args, **options):
        """Matrix product plus a bias."""
        return self._on_each("logits", *args, **options)

    def relu(self):
        """max(x, 0)."""
        return self._on_each("relu")

    def max_pool(self, *args, **options):
        """Square max-pooling."""
        return self._on_each("max_pool", *args, **options)

    def flatten(self):
        """Rows of features."""
        return self._on_each("flatten")

    def _on_each(self, method, *args, **options):
        for tower, device in zip(self._towers, self._devices):
            with tf.device(device):
                getattr(tower, method)(*args, **options)
        return self

    def _next_normalised(self, x_t, training):
        return self._normalised.pop(0), []

    def _moments(self, x_ts):
        """As :func:`~legacy_gbp.nets.batch_norm.batch_moments`, of all parts."""
        mean_t = self._mean(image_means, x_ts)
        variance_t = self._mean(lambda x_t: image_means(squared_deviations(x_t, mean_t)), x_ts)
        with tf.device(self._devices[0]):
            return mean_t, standard_deviation(variance_t)

    def _mean(self, of_images, x_ts):
        parts = []
        for x_t, device in zip(x_ts, self._devices):
            with tf.device(device):
                parts.append(of_images(x_t))
        with tf.device(self._devices[0]):
            return tf.reduce_mean(tf.concat(parts, 0), 0)
