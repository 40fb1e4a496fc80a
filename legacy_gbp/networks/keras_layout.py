"""A chain of layers with given names, each with its bias and its ReLU inside its scope.

Keras arranges its graphs like this: the operations of ``block5_conv4`` are
``block5_conv4/Conv2D``, ``/BiasAdd`` and ``/Relu``. So the tensor that leaves the
scope is the layer's output *after* its ReLU, which is what the tutorials mean by the
name of a layer.
"""

from typing import Any, Dict, List, Tuple

import tensorflow as tf

from legacy_gbp.networks.sequential import BuiltLayer


class KerasLayout:
    """Build a network layer by layer with the scopes of Keras; every method returns the builder.

    Parameters
    ----------
    images_t : tf.Tensor
        (N, H, W, C), floating point, in a graph where the names of the layers are free.

    Attributes
    ----------
    layers : list of BuiltLayer
        Input first, logits last.
    variables : dict of str to (tf.Variable, tf.Variable)
        Kernel and bias of every layer that has variables, in order. They start at 0: a
        source sets them.

    Examples
    --------
    >>> images_t = tf.compat.v1.placeholder("float32", (None, 224, 224, 3))  # doctest: +SKIP
    >>> net = KerasLayout(images_t)  # doctest: +SKIP
    >>> vgg19(net)  # doctest: +SKIP
    >>> net.logits_t.shape.as_list()  # doctest: +SKIP
    [None, 1000]
    """

    def __init__(self, images_t: Any) -> None:
        self.layers = [BuiltLayer("images", "input", images_t)]
        self.variables: Dict[str, Tuple[Any, Any]] = {}

    @property
    def logits_t(self) -> Any:
        """Output of the last layer: the logits (N, K) of a finished network."""
        return self.layers[-1].output_t

    def conv(self, name: str, channels: int) -> "KerasLayout":
        """Add a convolution 3x3, stride 1, SAME padding, a bias and a ReLU.

        Parameters
        ----------
        name : str
            Of the layer and its scope.
        channels : int
            Of the output, 1 or more.

        Returns
        -------
        KerasLayout
        """
        with tf.compat.v1.variable_scope(name):
            kernel, bias = self._variables(name, [3, 3, int(self.logits_t.shape[-1]), channels])
            x_t = tf.nn.conv2d(self.logits_t, kernel, [1, 1, 1, 1], "SAME")
            return self._append(name, "conv", tf.nn.relu(tf.nn.bias_add(x_t, bias)))

    def max_pool(self, name: str) -> "KerasLayout":
        """Add a max-pooling of windows 2x2, stride 2, VALID: an odd last row or column is dropped.

        Parameters
        ----------
        name : str
            Of the layer and its scope.

        Returns
        -------
        KerasLayout
        """
        with tf.compat.v1.variable_scope(name):
            size = [1, 2, 2, 1]
            y_t = tf.nn.max_pool2d(self.logits_t, size, size, "VALID", name="MaxPool")
            return self._append(name, "max_pool", y_t)

    def flatten(self, name: str = "flatten") -> "KerasLayout":
        """Add a reshape of (N, H, W, C) to (N, H*W*C), the channel fastest.

        Parameters
        ----------
        name : str
            Of the layer and its scope.

        Returns
        -------
        KerasLayout
        """
        with tf.compat.v1.variable_scope(name):
            _, height, width, channels = self.logits_t.shape.as_list()
            y_t = tf.reshape(self.logits_t, [-1, height * width * channels])
            return self._append(name, "flatten", y_t)

    def dense(self, name: str, units: int) -> "KerasLayout":
        """Add a matrix product, a bias and a ReLU.

        Parameters
        ----------
        name : str
            Of the layer and its scope.
        units : int
            Columns of the output, 1 or more.

        Returns
        -------
        KerasLayout
        """
        with tf.compat.v1.variable_scope(name):
            return self._append(name, "dense", tf.nn.relu(self._affine(name, units)))

    def logits(self, name: str, classes: int) -> "KerasLayout":
        """Add a matrix product and a bias, without the softmax that Keras puts there.

        Parameters
        ----------
        name : str
            Of the layer and its scope.
        classes : int
            Columns of the output, 1 or more.

        Returns
        -------
        KerasLayout
        """
        with tf.compat.v1.variable_scope(name):
            return self._append(name, "logits", self._affine(name, classes))

    def _affine(self, name: str, units: int) -> Any:
        kernel, bias = self._variables(name, [int(self.logits_t.shape[-1]), units])
        return tf.nn.bias_add(tf.matmul(self.logits_t, kernel), bias)

    def _variables(self, name: str, shape: List[int]) -> Tuple[Any, Any]:
        # The graph has zeros as one operation, not as an array.
        start, dtype = tf.compat.v1.zeros_initializer(), self.logits_t.dtype
        get = tf.compat.v1.get_variable
        self.variables[name] = (
            get("kernel", shape, dtype, start, use_resource=True),
            get("bias", shape[-1:], dtype, start, use_resource=True),
        )
        return self.variables[name]

    def _append(self, name: str, kind: str, output_t: Any) -> "KerasLayout":
        self.layers.append(BuiltLayer(name, kind, output_t))
        return self
