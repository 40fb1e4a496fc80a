"""A network for inference alone: its layers folded into as few operations as they allow.

:class:`FoldedSequential` reads arrays instead of variables. It computes the same function
of the images as :class:`~legacy_gbp.networks.sequential.Sequential`, with the same gradient
up to rounding, but its hidden layers are not those of the table:

* Batch normalisation at inference is a scale and a shift of each channel. Both go into
  the weights and the bias of the layer before it (in float64).
* Weights are constants, which TensorFlow may rearrange once instead of in every run.
* Pooling comes before ReLU, which then has fewer numbers to process:
  max(relu(x)) = relu(max(x)), and the gradient passes where the maximum is positive in
  both orders. This needs a rule whose gate is closed where x <= 0.
* A first convolution and its pooling are computed at the resolution of the pooling
  (:mod:`legacy_gbp.networks.strided_pool_conv`). Later convolutions read 16 channels, which
  is enough arithmetic for each pass over memory, and keep their form.
"""

from typing import Any, Dict, Mapping, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.networks.batch_norm import EPSILON
from legacy_gbp.networks.builder import NO_PRODUCT, Penalty
from legacy_gbp.networks.strided_pool_conv import pooled_conv

# Deconvnet is missing: its gate, R > 0, is open where every member of a window is negative.
POOL_FIRST = ("gradient", "guided")


class _Linear(NamedTuple):
    """A convolution or matrix product whose operations are pending; float64 arrays."""

    name: str
    weights: np.ndarray
    bias: np.ndarray


class FoldedSequential:
    """Build a network at inference in few operations; every method returns the builder.

    Parameters
    ----------
    images_t : tf.Tensor
        (N, H, W, C), floating point. Its dtype is that of the graph.
    arrays : mapping of str to array
        The value of every variable, under the name that
        :class:`~legacy_gbp.networks.sequential.Sequential` creates it by, such as
        ``"conv1/kernel"`` or ``"conv1/batch_norm/gamma"``.
    pool_first : bool
        Whether pooling may come before ReLU. True is for the rules in
        :data:`POOL_FIRST`; other rules need False.

    Examples
    --------
    >>> net = FoldedSequential(images_t, arrays)  # doctest: +SKIP
    >>> ex07(net)  # doctest: +SKIP
    >>> net.logits_t.shape.as_list()  # doctest: +SKIP
    [None, 2]
    """

    def __init__(self, images_t: Any, arrays: Mapping[str, Any], pool_first: bool = True) -> None:
        self._images_t = images_t
        self._done_t = images_t
        self._arrays = arrays
        self._pool_first = pool_first
        self._counts: Dict[str, int] = {}
        # Pending until the next layers are known: a product, then ReLU.
        self._linear: Optional[_Linear] = None
        self._relu = False

    @property
    def logits_t(self) -> Any:
        """Output of the last layer: the logits (N, K) of a finished network."""
        return self._finished()

    def conv(self, channels: int, size: int, penalty: Penalty = None) -> "FoldedSequential":
        """Add a square convolution: stride 1, SAME padding, no bias.

        Parameters
        ----------
        channels : int
            Not used: the array ``<layer>/kernel`` has them.
        size : int
            Not used: the array ``<layer>/kernel`` has it.
        penalty : (str, float), optional
            Not used: there is no loss at inference.

        Returns
        -------
        FoldedSequential

        Raises
        ------
        KeyError
            For a missing array.
        """
        return self._start_numbered("conv", "kernel")

    def dense(self, units: int, penalty: Penalty = None) -> "FoldedSequential":
        """Add a matrix product without a bias.

        Parameters
        ----------
        units : int
            Not used: the array ``<layer>/weights`` has them.
        penalty : (str, float), optional
            Not used: there is no loss at inference.

        Returns
        -------
        FoldedSequential

        Raises
        ------
        KeyError
            For a missing array.
        """
        return self._start_numbered("dense", "weights")

    def logits(self, classes: int, penalty: Penalty = None) -> "FoldedSequential":
        """Add a matrix product and a bias: the last layer.

        Parameters
        ----------
        classes : int
            Not used: the arrays ``logits/weights`` and ``logits/bias`` have them.
        penalty : (str, float), optional
            Not used: there is no loss at inference.

        Returns
        -------
        FoldedSequential

        Raises
        ------
        KeyError
            For a missing array.
        """
        return self._start(
            _Linear("logits", self._array("logits/weights"), self._array("logits/bias"))
        )

    def batch_norm(self) -> "FoldedSequential":
        """Fold a batch normalisation by the running moments into the layer before it.

        It directly follows a convolution or a matrix product.

        Returns
        -------
        FoldedSequential

        Raises
        ------
        KeyError
            For a missing array.
        InputError
            When it does not directly follow a convolution or a matrix product.
        """
        if self._linear is None or self._relu:
            raise InputError(NO_PRODUCT)
        name, weights, bias = self._linear
        beta, gamma, mean, std = (
            self._array(f"{name}/batch_norm/{variable}")
            for variable in ("beta", "gamma", "running_mean", "running_std")
        )
        scale = gamma / (std + EPSILON)
        self._linear = _Linear(name, weights * scale, (bias - mean) * scale + beta)
        return self

    def relu(self) -> "FoldedSequential":
        """Add max(x, 0), the operation that the backward rules replace.

        Returns
        -------
        FoldedSequential
        """
        self._relu = True
        return self

    def max_pool(self, size: int, stride: int) -> "FoldedSequential":
        """Add a square max-pooling with SAME padding.

        Parameters
        ----------
        size : int
            Side of the window, pixels.
        stride : int
            Distance between windows, pixels.

        Returns
        -------
        FoldedSequential
        """
        linear, first = self._linear, self._done_t is self._images_t
        if linear is not None and first and self._pool_first:
            kernel, bias = self._as_built(linear.weights), self._as_built(linear.bias)
            self._done_t = pooled_conv(self._done_t, kernel, bias, size, stride)
            self._linear = None
        else:
            relu_last = self._relu and self._pool_first
            self._relu = self._relu and not relu_last
            self._finished()
            self._relu = relu_last
            window, strides = [1, size, size, 1], [1, stride, stride, 1]
            self._done_t = tf.nn.max_pool2d(self._done_t, window, strides, "SAME")
        return self

    def flatten(self) -> "FoldedSequential":
        """Add a reshape of (N, H, W, C) to (N, H*W*C), the channel fastest.

        Returns
        -------
        FoldedSequential
        """
        x_t = self._finished()
        self._done_t = tf.reshape(x_t, [-1, int(np.prod(x_t.shape.as_list()[1:]))])
        return self

    def _start_numbered(self, kind: str, variable: str) -> "FoldedSequential":
        """Start the next convolution or product of a kind."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        name = kind + str(self._counts[kind])
        weights = self._array(f"{name}/{variable}")
        return self._start(_Linear(name, weights, np.zeros(weights.shape[-1])))

    def _start(self, linear: _Linear) -> "FoldedSequential":
        """Finish the layer before; the new one is pending."""
        self._finished()
        self._linear = linear
        return self

    def _finished(self) -> Any:
        """Add the operations of the pending layers; return the output of the last one."""
        if self._linear is not None:
            weights = self._as_built(self._linear.weights)
            if weights.ndim == 4:
                x_t = tf.nn.conv2d(self._done_t, weights, [1, 1, 1, 1], "SAME")
            else:
                x_t = tf.matmul(self._done_t, weights)
            self._done_t = tf.nn.bias_add(x_t, self._as_built(self._linear.bias))
            self._linear = None
        if self._relu:
            self._done_t, self._relu = tf.nn.relu(self._done_t), False
        return self._done_t

    def _array(self, name: str) -> np.ndarray:
        return np.asarray(self._arrays[name], np.float64)

    def _as_built(self, array: np.ndarray) -> np.ndarray:
        """Return an array in the dtype of the graph."""
        return array.astype(self._images_t.dtype.as_numpy_dtype)
