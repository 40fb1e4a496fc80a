"""A chain of layers under given names, each with its bias and its ReLU inside its scope.

This is how Keras lays out a graph: the operations of ``block5_conv4`` are
``block5_conv4/Conv2D``, ``/BiasAdd`` and ``/Relu``, so the tensor that leaves
the scope is the layer's output *after* its ReLU, and that is what the name of a
layer means in the tutorials.
"""

from collections import OrderedDict

import tensorflow as tf

from legacy_gbp.networks.sequential import Layer


class NamedLayers:
    """Build a network layer by layer; every method returns the builder.

    Parameters
    ----------
    images_t : tf.Tensor
        (N, H, W, C), floating point, in a graph where the names are free.

    Attributes
    ----------
    layers : list of Layer
        Input first, logits last.
    variables : OrderedDict of str to (kernel, bias)
        The variables of every layer that has any. They start at 0: a source sets them.
    """

    def __init__(self, images_t):
        self.layers = [Layer("images", "input", images_t)]
        self.variables = OrderedDict()

    @property
    def logits_t(self):
        """Output of the last layer."""
        return self.layers[-1].output_t

    def conv(self, name, channels):
        """Convolution 3x3, stride 1, SAME; bias; ReLU."""
        with tf.compat.v1.variable_scope(name):
            kernel, bias = self._variables(name, [3, 3, int(self.logits_t.shape[-1]), channels])
            x_t = tf.nn.conv2d(self.logits_t, kernel, [1, 1, 1, 1], "SAME")
            return self._append(name, "conv", tf.nn.relu(tf.nn.bias_add(x_t, bias)))

    def max_pool(self, name):
        """The largest of every 2x2; an odd last row or column is left out (VALID)."""
        with tf.compat.v1.variable_scope(name):
            size = [1, 2, 2, 1]
            y_t = tf.nn.max_pool2d(self.logits_t, size, size, "VALID", name="MaxPool")
            return self._append(name, "max_pool", y_t)

    def flatten(self, name="flatten"):
        """(N, H, W, C) to (N, H*W*C), channel fastest."""
        with tf.compat.v1.variable_scope(name):
            _, height, width, channels = self.logits_t.shape.as_list()
            y_t = tf.reshape(self.logits_t, [-1, height * width * channels])
            return self._append(name, "flatten", y_t)

    def dense(self, name, units):
        """Matrix product; bias; ReLU."""
        with tf.compat.v1.variable_scope(name):
            return self._append(name, "dense", tf.nn.relu(self._affine(name, units)))

    def logits(self, name, classes):
        """Matrix product; bias. The softmax that Keras puts here is left off."""
        with tf.compat.v1.variable_scope(name):
            return self._append(name, "logits", self._affine(name, classes))

    def _affine(self, name, units):
        kernel, bias = self._variables(name, [int(self.logits_t.shape[-1]), units])
        return tf.nn.bias_add(tf.matmul(self.logits_t, kernel), bias)

    def _variables(self, name, shape):
        # Zeros stand in the graph as one operation, not as an array.
        start, dtype = tf.compat.v1.zeros_initializer(), self.logits_t.dtype
        get = tf.compat.v1.get_variable
        self.variables[name] = (
            get("kernel", shape, dtype, start, use_resource=True),
            get("bias", shape[-1:], dtype, start, use_resource=True),
        )
        return self.variables[name]

    def _append(self, name, kind, output_t):
        self.layers.append(Layer(name, kind, output_t))
        return self
