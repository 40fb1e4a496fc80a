"""The trained weights of a chain of layers: their names, first values and penalties."""

import tensorflow as tf

WEIGHT_SIGMA = 0.03

PENALTIES = {
    "l1": lambda weights_t: tf.reduce_sum(tf.abs(weights_t)),
    "l2": lambda weights_t: 0.5 * tf.reduce_sum(tf.square(weights_t)),
}


class Weights:
    """Create variables layer by layer; layers of a kind are numbered from 1.

    Parameters
    ----------
    seed : int
        Of the initial weights; weight k draws with ``seed + k``, so that they
        do not depend on how TensorFlow numbers its operations.

    Attributes
    ----------
    names : list of str
        Kernels, matrices and biases in the order of creation.
    penalty_ts : list of tf.Tensor
        Weighted L1 and L2 terms, scalars.
    """

    def __init__(self, seed=0):
        self._seed, self._counts = seed, {}
        self.names: list = []
        self.penalty_ts: list = []

    def numbered(self, kind):
        """Name of the next layer of a kind: conv1, conv2."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return kind + str(self._counts[kind])

    def kernel(self, layer, x_t, channels, size, penalty=None):
        """(size, size, c, channels) for `x_t` (N, H, W, c)."""
        shape = [size, size, int(x_t.shape[-1]), channels]
        return self._create(layer + "/kernel", shape, x_t.dtype, penalty)

    def matrix(self, layer, x_t, units, penalty=None):
        """(F, units) for `x_t` (N, F)."""
        shape = [int(x_t.shape[-1]), units]
        return self._create(layer + "/weights", shape, x_t.dtype, penalty)

    def bias(self, layer, x_t, units, penalty=None):
        """(units,), of zeros."""
        zeros = tf.compat.v1.zeros_initializer()
        return self._create(layer + "/bias", [units], x_t.dtype, penalty, zeros)

    def _create(self, name, shape, dtype, penalty, initializer=None):
        if initializer is None:
            initializer = tf.compat.v1.truncated_normal_initializer(
                stddev=WEIGHT_SIGMA, seed=self._seed + len(self.names)
            )
        weight_t = tf.compat.v1.get_variable(name, shape, dtype, initializer, use_resource=True)
        self.names.append(name)
        if penalty is not None:
            kind, factor = penalty
            self.penalty_ts.append(factor * PENALTIES[kind](weight_t))
        return weight_t
