"""A network for inference alone: its layers folded into as few operations as they allow.

A builder like :class:`legacy_gbp.networks.sequential.Sequential`, over arrays instead of
variables. It computes the same function of the images, and its gradient is the
same up to rounding, but its hidden layers are not those of the table:

* batch normalisation at inference is a scale and a shift of each channel, which
  go into the weights and the bias in front of it (in float64);
* weights are constants, which TensorFlow may rearrange once instead of always;
* pooling comes before ReLU, which has then fewer numbers to look at:
  max(relu(x)) = relu(max(x)), and the gradient goes through where the maximum
  is positive either way. That needs a rule whose gate is shut where x <= 0;
* a first convolution with its pool is done at the resolution of the pool
  (:mod:`legacy_gbp.networks.strided_pool_conv`). Later ones read 16 channels, have enough
  arithmetic to do, and stay as they are.
"""

import numpy as np
import tensorflow as tf

from legacy_gbp.networks.batch_norm import EPSILON
from legacy_gbp.networks.strided_pool_conv import pooled_conv

# The gate of deconvnet, R > 0, is open where every member of a window is negative.
POOL_FIRST = ("gradient", "guided")


class Folded:
    """Build a network layer by layer; every method returns the builder.

    Parameters
    ----------
    images_t : tf.Tensor
        (N, H, W, C), floating point.
    arrays : dict of str to array
        The variables, under the names that ``Sequential`` gives them.
    pool_first : bool
        Whether ReLU and pooling may change places.
    """

    def __init__(self, images_t, arrays, pool_first=True):
        self._done_t, self._images_t = images_t, images_t
        self._arrays, self._pool_first = arrays, pool_first
        self._counts = {}
        self._name = None
        self._weights, self._bias, self._relu = None, None, False

    @property
    def logits_t(self):
        """Output of the last layer, (N, K)."""
        return self._finished()

    def conv(self, channels, size, penalty=None):
        """Square convolution, stride 1, SAME, no bias."""
        return self._linear("conv", "kernel")

    def dense(self, units, penalty=None):
        """Matrix product, no bias."""
        return self._linear("dense", "weights")

    def logits(self, classes, penalty=None):
        """Matrix product plus a bias."""
        self._begin("logits", self._array("logits/weights"), self._array("logits/bias"))
        return self

    def batch_norm(self):
        """Batch normalisation over the last axis, by the running moments."""
        beta, gamma, mean, std = (
            self._array(f"{self._name}/batch_norm/{name}")
            for name in ("beta", "gamma", "running_mean", "running_std")
        )
        scale = gamma / (std + EPSILON)
        self._weights = self._weights * scale
        self._bias = (self._bias - mean) * scale + beta
        return self

    def relu(self):
        """max(x, 0): the one operation that the backward rules replace."""
        self._relu = True
        return self

    def max_pool(self, size, stride):
        """Square max-pooling, SAME."""
        first = self._done_t is self._images_t and self._weights is not None
        if first and self._pool_first:
            arrays = self._as_built(self._weights), self._as_built(self._bias)
            self._done_t = pooled_conv(self._done_t, *arrays, size, stride)
        else:
            wait = self._relu and self._pool_first
            self._relu = self._relu and not wait
            self._finished()
            self._relu = wait
            window, strides = [1, size, size, 1], [1, stride, stride, 1]
            self._done_t = tf.nn.max_pool2d(self._done_t, window, strides, "SAME")
        self._weights = None
        return self

    def flatten(self):
        """(N, H, W, C) to (N, H*W*C), channel fastest."""
        x_t = self._finished()
        self._done_t = tf.reshape(x_t, [-1, int(np.prod(x_t.shape.as_list()[1:]))])
        return self

    def _linear(self, kind, weights):
        self._counts[kind] = self._counts.get(kind, 0) + 1
        name = kind + str(self._counts[kind])
        array = self._array(f"{name}/{weights}")
        self._begin(name, array, np.zeros(array.shape[-1]))
        return self

    def _begin(self, name, weights, bias):
        """Finish the layer before; this one waits for what follows it."""
        self._finished()
        self._name, self._weights, self._bias = name, weights, bias

    def _finished(self):
        """Add the operations of the layer that waits, if there is one."""
        if self._weights is not None:
            weights = self._as_built(self._weights)
            if weights.ndim == 4:
                x_t = tf.nn.conv2d(self._done_t, weights, [1, 1, 1, 1], "SAME")
            else:
                x_t = tf.matmul(self._done_t, weights)
            self._done_t = tf.nn.bias_add(x_t, self._as_built(self._bias))
            self._weights = None
        if self._relu:
            self._done_t, self._relu = tf.nn.relu(self._done_t), False
        return self._done_t

    def _array(self, name):
        return np.asarray(self._arrays[name], np.float64)

    def _as_built(self, array):
        return array.astype(self._images_t.dtype.as_numpy_dtype)
