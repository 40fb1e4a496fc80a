"""A chain of layers over variables with readable names.

:class:`Sequential` records the output of every layer, so that the layer-by-layer
algorithm of 2016 can follow the chain backwards, and every penalty, so that the
loss is one sum of terms.
"""

from typing import Any, List, NamedTuple

import tensorflow as tf

from legacy_gbp.networks.batch_norm import BatchNormFunction, batch_norm
from legacy_gbp.networks.builder import Penalty
from legacy_gbp.networks.weights import Weights


class BuiltLayer(NamedTuple):
    """One layer of a chain.

    Attributes
    ----------
    name : str
        Such as ``"conv1"`` or ``"conv1/batch_norm"``.
    kind : str
        The method of the builder, or ``"input"``.
    output_t : tf.Tensor
        (N, ...), floating point.
    """

    name: str
    kind: str
    output_t: Any


class Sequential:
    """Build a network layer by layer, in the order of its table; every method returns the builder.

    Parameters
    ----------
    images_t : tf.Tensor
        (N, H, W, C), floating point.
    training : bool
        Mode of the batch normalisation: True takes the moments of the batch, False the
        running ones.
    seed : int
        Of the initial weights. Weight k draws with ``seed + k``.
    batch_norm : callable, optional
        ``batch_norm(x_t, training) -> (y_t, update_ops)``, called inside the variable
        scope of the layer. By default that of :mod:`legacy_gbp.networks.batch_norm`.

    Attributes
    ----------
    layers : list of BuiltLayer
        Input first, logits last.
    training : bool
        As passed.
    update_ops : list of tf.Operation
        Updates of the running moments.
    weights : Weights
        Names and penalties of the trained weights.
    norms : list of str
        The variable scope of every batch normalisation, in order.

    Examples
    --------
    >>> images_t = tf.compat.v1.placeholder("float32", (None, 363, 284, 1))  # doctest: +SKIP
    >>> net = Sequential(images_t)  # doctest: +SKIP
    >>> ex07(net)  # doctest: +SKIP
    >>> net.logits_t.shape.as_list()  # doctest: +SKIP
    [None, 2]
    """

    def __init__(
        self,
        images_t: Any,
        training: bool = False,
        seed: int = 0,
        batch_norm: BatchNormFunction = batch_norm,
    ) -> None:
        self.layers = [BuiltLayer("images", "input", images_t)]
        self.training = training
        self.weights = Weights(seed)
        self.update_ops: List[Any] = []
        self.norms: List[str] = []
        self._batch_norm = batch_norm

    @property
    def logits_t(self) -> Any:
        """Output of the last layer: the logits (N, K) of a finished network."""
        return self.layers[-1].output_t

    def conv(self, channels: int, size: int, penalty: Penalty = None) -> "Sequential":
        """Add a square convolution: stride 1, SAME padding, no bias.

        Parameters
        ----------
        channels : int
            Of the output, 1 or more.
        size : int
            Side of the kernel, pixels.
        penalty : (str, float), optional
            Kind, ``"l1"`` or ``"l2"``, and factor, of the kernel.

        Returns
        -------
        Sequential

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        x_t, name = self.logits_t, self.weights.numbered("conv")
        kernel_t = self.weights.kernel(name, x_t, channels, size, penalty)
        return self._append(name, "conv", tf.nn.conv2d(x_t, kernel_t, [1, 1, 1, 1], "SAME"))

    def dense(self, units: int, penalty: Penalty = None) -> "Sequential":
        """Add a matrix product without a bias.

        Parameters
        ----------
        units : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, ``"l1"`` or ``"l2"``, and factor, of the matrix.

        Returns
        -------
        Sequential

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        x_t, name = self.logits_t, self.weights.numbered("dense")
        weight_t = self.weights.matrix(name, x_t, units, penalty)
        return self._append(name, "dense", tf.matmul(x_t, weight_t))

    def logits(self, classes: int, penalty: Penalty = None) -> "Sequential":
        """Add a matrix product and a bias that starts at 0: the last layer.

        Parameters
        ----------
        classes : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, ``"l1"`` or ``"l2"``, and factor, of the matrix and of the bias.

        Returns
        -------
        Sequential

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        x_t = self.logits_t
        weight_t = self.weights.matrix("logits", x_t, classes, penalty)
        bias_t = self.weights.bias("logits", x_t, classes, penalty)
        return self._append("logits", "logits", tf.matmul(x_t, weight_t) + bias_t)

    def batch_norm(self) -> "Sequential":
        """Add a batch normalisation of the last axis; its variables are ``<layer>/batch_norm/...``.

        Returns
        -------
        Sequential
        """
        scope = self.layers[-1].name + "/batch_norm"
        with tf.compat.v1.variable_scope(scope):
            y_t, update_ops = self._batch_norm(self.logits_t, self.training)
        self.norms.append(scope)
        self.update_ops += update_ops
        return self._append(scope, "batch_norm", y_t)

    def relu(self) -> "Sequential":
        """Add max(x, 0), the operation that the backward rules replace.

        Returns
        -------
        Sequential
        """
        return self._append(self.weights.numbered("relu"), "relu", tf.nn.relu(self.logits_t))

    def max_pool(self, size: int, stride: int) -> "Sequential":
        """Add a square max-pooling with SAME padding.

        Parameters
        ----------
        size : int
            Side of the window, pixels.
        stride : int
            Distance between windows, pixels.

        Returns
        -------
        Sequential
        """
        ksize, strides = [1, size, size, 1], [1, stride, stride, 1]
        y_t = tf.nn.max_pool2d(self.logits_t, ksize, strides, "SAME")
        return self._append(self.weights.numbered("pool"), "max_pool", y_t)

    def flatten(self) -> "Sequential":
        """Add a reshape of (N, H, W, C) to (N, H*W*C), the channel fastest.

        Returns
        -------
        Sequential
        """
        x_t = self.logits_t
        features = int(x_t.shape[1]) * int(x_t.shape[2]) * int(x_t.shape[3])
        return self._append("flatten", "flatten", tf.reshape(x_t, [-1, features]))

    def _append(self, name: str, kind: str, output_t: Any) -> "Sequential":
        self.layers.append(BuiltLayer(name, kind, output_t))
        return self
