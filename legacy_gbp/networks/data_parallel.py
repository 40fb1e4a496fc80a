"""A network in training, over a batch that may be split between devices.

A builder like :class:`~legacy_gbp.networks.sequential.Sequential`, and the same function of the
images and the weights, exact to rounding, in two ways another graph:

**Every device has a tower**, the layers over its part of the batch. All towers share the
variables of the first device, and they walk side by side, because a batch normalisation
takes the moments of the *whole* batch:

    the means of every image -> concatenated in the order of the batch -> their mean

and the variance likewise. These means cross the devices, so ``tf.gradients`` gives the
gradient of one network over one batch: no gradient is averaged, nothing is approximate.
In float32 the forward pass mostly has the same bits; sums of the backward pass over the
batch round otherwise, and training lets the difference grow.

**Pooling comes first.** A batch normalisation with gamma > 0 and ReLU both rise, so they may
wait until max-pooling has left them a ninth or a sixteenth of the numbers. Where gamma < 0
the channel is turned over, by the sign of its weights, and gamma with it: exact in floats.
"""

import tensorflow as tf

from legacy_gbp.networks.batch_norm import (
    batch_norm_variables,
    moved,
    normalise,
    standard_deviation,
)
from legacy_gbp.networks.channel_moments import deviations, image_means, image_variances
from legacy_gbp.networks.weights import Weights


class Towers:
    """Build a network layer by layer; every method returns the builder.

    Parameters
    ----------
    part_ts : list of tf.Tensor
        The images of each device, (n_k, H, W, C) with any n_k above 0.
    devices : list of str
        As many; variables and sums stand on the first.
    seed : int
        Of the initial weights, see :class:`~legacy_gbp.networks.weights.Weights`.

    Attributes
    ----------
    moment_ts, update_ops : list
        Moments of the batch, and what moves the running ones by them.
    """

    def __init__(self, part_ts, devices=("",), seed=0):
        self._devices, self._done_ts = devices, list(part_ts)
        self._weights = Weights(seed)
        self._name = ""
        # What waits for the layers after it: a product, then a normalisation, then ReLU.
        self._product, self._weights_t = _conv, None
        self._normalise, self._relu = None, False
        self.moment_ts: list = []
        self.update_ops: list = []

    @property
    def logits_ts(self):
        """Logits of every tower, (n_k, K)."""
        return self._finished()

    @property
    def penalty_ts(self):
        """Weighted L1 and L2 terms of the weights, scalars."""
        return self._weights.penalty_ts

    def conv(self, channels, size, penalty=None):
        """Square convolution, stride 1, SAME, no bias."""
        return self._linear("conv", _conv, self._weights.kernel, channels, size, penalty)

    def dense(self, units, penalty=None):
        """Matrix product, no bias."""
        return self._linear("dense", tf.matmul, self._weights.matrix, units, penalty)

    def logits(self, classes, penalty=None):
        """Matrix product plus a bias that starts at 0; the penalty covers both."""
        x_ts = self._finished()
        with tf.device(self._devices[0]):
            weight_t = self._weights.matrix("logits", x_ts[0], classes, penalty)
            bias_t = self._weights.bias("logits", x_ts[0], classes, penalty)
        return self._on_each(lambda x_t: tf.matmul(x_t, weight_t) + bias_t)

    def batch_norm(self):
        """Batch normalisation of a convolution or matrix product by the moments of all parts."""
        scope = self._name + "/batch_norm"
        with tf.compat.v1.variable_scope(scope), tf.device(self._devices[0]):
            beta, gamma, running_mean, running_std = batch_norm_variables(self._weights_t)
            ones_t = tf.ones_like(gamma)
            sign_t = tf.where(gamma < 0, -ones_t, ones_t)
            self._weights_t = self._weights_t * sign_t
        self._finished()
        mean_t = self._mean(image_means)
        self._on_each(lambda x_t: deviations(x_t, mean_t))
        variance_t = self._mean(image_variances)
        with tf.device(self._devices[0]):
            std_t = standard_deviation(variance_t)
            # Zero, with the gradient of the mean that the deviations do without.
            rest_t, positive_t = mean_t - tf.stop_gradient(mean_t), gamma * sign_t
            for variable, batch_t in ((running_mean, mean_t * sign_t), (running_std, std_t)):
                self.update_ops.append(moved(variable, batch_t))
                self.moment_ts.append(batch_t)
        self._normalise = lambda x_t: normalise(x_t, rest_t, std_t, beta, positive_t)
        return self

    def relu(self):
        """max(x, 0)."""
        self._relu = True
        return self

    def max_pool(self, size, stride):
        """Square max-pooling, SAME."""
        if self._weights_t is not None:
            self._finished()
        ksize, strides = [1, size, size, 1], [1, stride, stride, 1]
        return self._on_each(lambda x_t: tf.nn.max_pool2d(x_t, ksize, strides, "SAME"))

    def flatten(self):
        """(n_k, H, W, C) to (n_k, H*W*C), channel fastest."""
        features = self._finished()[0].shape[1:].num_elements()
        return self._on_each(lambda x_t: tf.reshape(x_t, [-1, features]))

    def _linear(self, kind, product, create, *args):
        """Weights for the next product; it is made when it is known what follows."""
        x_ts = self._finished()
        self._name = self._weights.numbered(kind)
        with tf.device(self._devices[0]):
            self._weights_t = create(self._name, x_ts[0], *args)
        self._product = product
        return self

    def _finished(self):
        """Do what waits."""
        if self._weights_t is not None:
            weights_t, self._weights_t = self._weights_t, None
            self._on_each(lambda x_t: self._product(x_t, weights_t))
        if self._normalise:
            self._on_each(self._normalise)
            self._normalise = None
        if self._relu:
            self._on_each(tf.nn.relu)
            self._relu = False
        return self._done_ts

    def _on_each(self, layer):
        """Put a layer on every tower."""
        self._done_ts = self._of_each(layer)
        return self

    def _of_each(self, function):
        """What a function gives for the output of every tower, on the tower's device."""
        found_ts = []
        for x_t, device in zip(self._done_ts, self._devices):
            with tf.device(device):
                found_ts.append(function(x_t))
        return found_ts

    def _mean(self, of_images):
        """Mean (C,) over the images of all parts of what `of_images` gives, (n_k, C)."""
        parts = self._of_each(of_images)
        with tf.device(self._devices[0]):
            return tf.reduce_mean(tf.concat(parts, 0), 0)


def _conv(x_t, kernel_t):
    return tf.nn.conv2d(x_t, kernel_t, [1, 1, 1, 1], "SAME")
