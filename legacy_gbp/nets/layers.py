"""A chain of layers over variables with readable names.

``Sequential`` records every layer's output, so that the layer-by-layer
algorithm of 2016 can walk the chain backwards, and every penalty, so that the
loss is one sum of terms.
"""

from collections import namedtuple

import tensorflow as tf

from legacy_gbp.nets.batch_norm import batch_norm

WEIGHT_SIGMA = 0.03

PENALTIES = {
    "l1": lambda weights_t: tf.reduce_sum(tf.abs(weights_t)),
    "l2": lambda weights_t: 0.5 * tf.reduce_sum(tf.square(weights_t)),
}

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
        Of the initial weights; layer k draws with ``seed + k``, so that they
        do not depend on how TensorFlow numbers its operations.
    batch_norm : callable, optional
        ``batch_norm(x_t, training) -> (y_t, update_ops)``.

    Attributes
    ----------
    layers : list of Layer
        Input first, logits last.
    penalty_ts : list of tf.Tensor
        Weighted L1 and L2 terms, scalars.
    update_ops : list of tf.Operation
        Updates of the running moments.
    weights, norms : list
        Kernels, matrices and biases in the order of creation; the scope of
        every batch normalisation in order. They name the variables of 2016.
    """

    def __init__(self, images_t, training=False, seed=0, batch_norm=batch_norm):
        self.layers = [Layer("images", "input", images_t)]
        self.training = training
        self.seed = seed
        self.penalty_ts, self.update_ops = [], []
        self.weights, self.norms = [], []
        self._batch_norm = batch_norm
        self._counts = {}

    @property
    def logits_t(self):
        """Output of the last layer, (N, K)."""
        return self.layers[-1].output_t

    def conv(self, channels, size, penalty=None):
        """Square convolution, stride 1, SAME, no bias."""
        x_t, name = self.logits_t, self._name("conv")
        shape = [size, size, int(x_t.shape[-1]), channels]
        kernel_t = self._weight(name + "/kernel", shape, penalty)
        return self._append(name, "conv", tf.nn.conv2d(x_t, kernel_t, [1, 1, 1, 1], "SAME"))

    def dense(self, units, penalty=None):
        """Matrix product, no bias."""
        x_t, name = self.logits_t, self._name("dense")
        weight_t = self._weight(name + "/weights", [int(x_t.shape[-1]), units], penalty)
        return self._append(name, "dense", tf.matmul(x_t, weight_t))

    def logits(self, classes, penalty=None):
        """Matrix product plus a bias that starts at 0; the penalty covers both."""
        x_t = self.logits_t
        weight_t = self._weight("logits/weights", [int(x_t.shape[-1]), classes], penalty)
        bias_t = self._weight("logits/bias", [classes], penalty, tf.compat.v1.zeros_initializer())
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
        return self._append(self._name("relu"), "relu", tf.nn.relu(self.logits_t))

    def max_pool(self, size, stride):
        """Square max-pooling, SAME."""
        ksize, strides = [1, size, size, 1], [1, stride, stride, 1]
        y_t = tf.nn.max_pool2d(self.logits_t, ksize, strides, "SAME")
        return self._append(self._name("pool"), "max_pool", y_t)

    def flatten(self):
        """(N, H, W, C) to (N, H*W*C), channel fastest."""
        x_t = self.logits_t
        features = int(x_t.shape[1]) * int(x_t.shape[2]) * int(x_t.shape[3])
        return self._append("flatten", "flatten", tf.reshape(x_t, [-1, features]))

    def _weight(self, name, shape, penalty, initializer=None):
        if initializer is None:
            initializer = tf.compat.v1.truncated_normal_initializer(
                stddev=WEIGHT_SIGMA, seed=self.seed + len(self.weights)
            )
        weight_t = tf.compat.v1.get_variable(
            name, shape, self.logits_t.dtype, initializer, use_resource=True
        )
        self.weights.append(name)
        if penalty is not None:
            kind, weight = penalty
            self.penalty_ts.append(weight * PENALTIES[kind](weight_t))
        return weight_t

    def _name(self, kind):
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return kind + str(self._counts[kind])

    def _append(self, name, kind, output_t):
        self.layers.append(Layer(name, kind, output_t))
        return self
