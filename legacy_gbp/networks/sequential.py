"""A chain of layers over variables with readable names.

``Sequential`` records every layer's output, so that the layer-by-layer
algorithm of 2016 can walk the chain backwards, and every penalty, so that the
loss is one sum of terms.
"""

from collections import namedtuple

import tensorflow as tf

from legacy_gbp.networks.batch_norm import batch_norm
from legacy_gbp.networks.weights import Weights

Layer = namedtuple("Layer", "name kind output_t")
Layer.__doc__ = "One step of the chain: its name, its kind (a builder method), its output tensor."


class Sequential:
    """Build a network layer by layer; every method returns the builder.

    Parameters
    ----------
    images_t : tf.Tensor
        (N, H, W, C), floating point.
    training : bool
        Mode of the batch normalisation.
    seed : int
        Of the initial weights, see :class:`~legacy_gbp.networks.weights.Weights`.
    batch_norm : callable, optional
        ``batch_norm(x_t, training) -> (y_t, update_ops)``.

    Attributes
    ----------
    layers : list of Layer
        Input first, logits last.
    update_ops : list of tf.Operation
        Updates of the running moments.
    weights : Weights
    norms : list of str
        The scope of every batch normalisation in order.
    """

    def __init__(self, images_t, training=False, seed=0, batch_norm=batch_norm):
        self.layers = [Layer("images", "input", images_t)]
        self.training = training
        self.weights = Weights(seed)
        self.update_ops, self.norms = [], []
        self._batch_norm = batch_norm

    @property
    def logits_t(self):
        """Output of the last layer, (N, K)."""
        return self.layers[-1].output_t

    def conv(self, channels, size, penalty=None):
        """Square convolution, stride 1, SAME, no bias."""
        x_t, name = self.logits_t, self.weights.numbered("conv")
        kernel_t = self.weights.kernel(name, x_t, channels, size, penalty)
        return self._append(name, "conv", tf.nn.conv2d(x_t, kernel_t, [1, 1, 1, 1], "SAME"))

    def dense(self, units, penalty=None):
        """Matrix product, no bias."""
        x_t, name = self.logits_t, self.weights.numbered("dense")
        weight_t = self.weights.matrix(name, x_t, units, penalty)
        return self._append(name, "dense", tf.matmul(x_t, weight_t))

    def logits(self, classes, penalty=None):
        """Matrix product plus a bias that starts at 0; the penalty covers both."""
        x_t = self.logits_t
        weight_t = self.weights.matrix("logits", x_t, classes, penalty)
        bias_t = self.weights.bias("logits", x_t, classes, penalty)
        return self._append("logits", "logits", tf.matmul(x_t, weight_t) + bias_t)

    def batch_norm(self):
        """Batch normalisation over the last axis."""
        scope = self.layers[-1].name + "/batch_norm"
        with tf.compat.v1.variable_scope(scope):
            y_t, update_ops = self._batch_norm(self.logits_t, self.training)
        self.norms.append(scope)
        self.update_ops += update_ops
        return self._append(scope, "batch_norm", y_t)

    def relu(self):
        """max(x, 0): the one operation that the backward rules replace."""
        return self._append(self.weights.numbered("relu"), "relu", tf.nn.relu(self.logits_t))

    def max_pool(self, size, stride):
        """Square max-pooling, SAME."""
        ksize, strides = [1, size, size, 1], [1, stride, stride, 1]
        y_t = tf.nn.max_pool2d(self.logits_t, ksize, strides, "SAME")
        return self._append(self.weights.numbered("pool"), "max_pool", y_t)

    def flatten(self):
        """(N, H, W, C) to (N, H*W*C), channel fastest."""
        x_t = self.logits_t
        features = int(x_t.shape[1]) * int(x_t.shape[2]) * int(x_t.shape[3])
        return self._append("flatten", "flatten", tf.reshape(x_t, [-1, features]))

    def _append(self, name, kind, output_t):
        self.layers.append(Layer(name, kind, output_t))
        return self
