"""A network in training, over a batch that may be split between devices.

:class:`DataParallelSequential` builds the same function of the images and the weights as
:class:`~legacy_gbp.networks.sequential.Sequential`, exact to rounding. Its graph differs in
two points.

**Every device has a replica**, the layers over its share of the batch. All replicas read the
variables of the first device. The replicas advance together, layer by layer, because a batch
normalisation takes the moments of the *complete* batch:

    the means of every image -> concatenated in the order of the batch -> their mean

and the variance likewise. These means cross the devices, so ``tf.gradients`` computes the
gradient of one network over one batch: no gradient is averaged, nothing is approximate.
In float32 the forward pass mostly has the same bits. The sums of the backward pass over the
batch round differently, and training lets the difference grow.

**Pooling comes first.** A batch normalisation with gamma > 0 and ReLU are both increasing, so
they may follow the max-pooling, which leaves them a ninth or a sixteenth of the numbers. Where
gamma < 0 the weights of the channel change their sign, and gamma with them: exact in floats.
"""

from typing import Any, Callable, List, Optional, Sequence

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.networks.batch_norm import (
    batch_norm_variables,
    moving_average_op,
    normalise,
    standard_deviation,
)
from legacy_gbp.networks.builder import NO_PRODUCT, Penalty
from legacy_gbp.networks.channel_moments import deviations, image_means, image_variances
from legacy_gbp.networks.weights import Weights


def _itself(x_t: Any) -> Any:
    return x_t


class DataParallelSequential:
    """Build a network in training, a replica on every device; every method returns the builder.

    Parameters
    ----------
    replica_image_ts : sequence of tf.Tensor
        The images of each replica, (n_k, H, W, C), floating point, any n_k of 1 or more.
    devices : sequence of str
        The device of each replica, as many as `replica_image_ts`. The first one has the
        variables and the sums over the batch. ``""`` leaves the choice to TensorFlow.
    seed : int
        Of the initial weights. Weight k draws with ``seed + k``.
    complete, copied : callable, optional
        Where other processes have a part of the batch: `complete` takes the rows (n, C) of all
        images here and returns those of the batch; `copied` takes a moment of the batch and
        returns it for the images here. See :mod:`legacy_gbp.networks.task_sums`.

    Attributes
    ----------
    moment_ts : list of tf.Tensor
        (C,), mean and standard deviation of the batch for every batch normalisation, in order.
    update_ops : list of tf.Operation
        Updates of the running moments by `moment_ts`, in the same order.

    Examples
    --------
    >>> image_ts = tf.split(images_t, 2)  # doctest: +SKIP
    >>> net = DataParallelSequential(image_ts, ["/gpu:0", "/gpu:1"])  # doctest: +SKIP
    >>> ex08(net)  # doctest: +SKIP
    >>> logits_t = tf.concat(net.logits_ts, axis=0)  # doctest: +SKIP
    """

    def __init__(
        self,
        replica_image_ts: Sequence[Any],
        devices: Sequence[str] = ("",),
        seed: int = 0,
        complete: Callable[[Any], Any] = _itself,
        copied: Callable[[Any], Any] = _itself,
    ) -> None:
        if len(replica_image_ts) != len(devices):
            raise InputError(
                f"{len(replica_image_ts)} replicas on {len(devices)} devices; give one device for "
                "each of `replica_image_ts`"
            )
        self._devices, self._complete, self._copied = devices, complete, copied
        self._done_ts = list(replica_image_ts)
        self._weights = Weights(seed)
        self._name = ""
        # Pending until the next layers are known: a product, then a normalisation, then ReLU.
        self._product: Callable[[Any, Any], Any] = _conv
        self._weights_t: Any = None
        self._normalise: Optional[Callable[[Any], Any]] = None
        self._relu = False
        self.moment_ts: List[Any] = []
        self.update_ops: List[Any] = []

    @property
    def logits_ts(self) -> List[Any]:
        """Logits of every replica, (n_k, K), each on the device of its replica."""
        return self._finished()

    @property
    def penalty_ts(self) -> List[Any]:
        """Weighted L1 and L2 terms of the loss, scalars, on the first device."""
        return self._weights.penalty_ts

    def conv(self, channels: int, size: int, penalty: Penalty = None) -> "DataParallelSequential":
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
        DataParallelSequential

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        return self._linear("conv", _conv, self._weights.kernel, channels, size, penalty)

    def dense(self, units: int, penalty: Penalty = None) -> "DataParallelSequential":
        """Add a matrix product without a bias.

        Parameters
        ----------
        units : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, ``"l1"`` or ``"l2"``, and factor, of the matrix.

        Returns
        -------
        DataParallelSequential

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        return self._linear("dense", tf.matmul, self._weights.matrix, units, penalty)

    def logits(self, classes: int, penalty: Penalty = None) -> "DataParallelSequential":
        """Add a matrix product and a bias that starts at 0: the last layer.

        Parameters
        ----------
        classes : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, ``"l1"`` or ``"l2"``, and factor, of the matrix and of the bias.

        Returns
        -------
        DataParallelSequential

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        x_ts = self._finished()
        with tf.device(self._devices[0]):
            weight_t = self._weights.matrix("logits", x_ts[0], classes, penalty)
            bias_t = self._weights.bias("logits", x_ts[0], classes, penalty)
        return self._add(lambda x_t: tf.matmul(x_t, weight_t) + bias_t)

    def batch_norm(self) -> "DataParallelSequential":
        """Add a batch normalisation by the moments of the batch over all replicas.

        It directly follows a convolution or a matrix product, whose weights it multiplies
        by the sign of gamma. Its variables are ``<layer>/batch_norm/...``.

        Returns
        -------
        DataParallelSequential

        Raises
        ------
        InputError
            When it does not directly follow a convolution or a matrix product.
        """
        if self._weights_t is None or self._relu:
            raise InputError(NO_PRODUCT)
        scope = self._name + "/batch_norm"
        with tf.compat.v1.variable_scope(scope), tf.device(self._devices[0]):
            beta, gamma, running_mean, running_std = batch_norm_variables(self._weights_t)
            ones_t = tf.ones_like(gamma)
            sign_t = tf.where(gamma < 0, -ones_t, ones_t)
            self._weights_t = self._weights_t * sign_t
        self._finished()
        mean_t = self._mean(image_means)
        self._add(lambda x_t: deviations(x_t, mean_t))
        variance_t = self._mean(image_variances)
        with tf.device(self._devices[0]):
            std_t = standard_deviation(variance_t)
            # Zero, with the gradient of the mean, which the deviations lack.
            zero_t, positive_t = mean_t - tf.stop_gradient(mean_t), gamma * sign_t
            for variable, batch_t in ((running_mean, mean_t * sign_t), (running_std, std_t)):
                self.update_ops.append(moving_average_op(variable, batch_t))
                self.moment_ts.append(batch_t)
            zero_t, std_t = self._copied(zero_t), self._copied(std_t)
        self._normalise = lambda x_t: normalise(x_t, zero_t, std_t, beta, positive_t)
        return self

    def relu(self) -> "DataParallelSequential":
        """Add max(x, 0), after the max-pooling if that is the next layer.

        Returns
        -------
        DataParallelSequential
        """
        self._relu = True
        return self

    def max_pool(self, size: int, stride: int) -> "DataParallelSequential":
        """Add a square max-pooling with SAME padding.

        Parameters
        ----------
        size : int
            Side of the window, pixels.
        stride : int
            Distance between windows, pixels.

        Returns
        -------
        DataParallelSequential
        """
        if self._weights_t is not None:
            self._finished()
        ksize, strides = [1, size, size, 1], [1, stride, stride, 1]
        return self._add(lambda x_t: tf.nn.max_pool2d(x_t, ksize, strides, "SAME"))

    def flatten(self) -> "DataParallelSequential":
        """Add a reshape of (n_k, H, W, C) to (n_k, H*W*C), the channel fastest.

        Returns
        -------
        DataParallelSequential
        """
        features = self._finished()[0].shape[1:].num_elements()
        return self._add(lambda x_t: tf.reshape(x_t, [-1, features]))

    def _linear(
        self, kind: str, product: Callable[[Any, Any], Any], create: Callable[..., Any], *args: Any
    ) -> "DataParallelSequential":
        """Create the weights of a product, which is added when the next layer is known."""
        x_ts = self._finished()
        self._name = self._weights.numbered(kind)
        with tf.device(self._devices[0]):
            self._weights_t = create(self._name, x_ts[0], *args)
        self._product = product
        return self

    def _finished(self) -> List[Any]:
        """Add the pending layers; return the output of every replica."""
        if self._weights_t is not None:
            weights_t, self._weights_t = self._weights_t, None
            self._add(lambda x_t: self._product(x_t, weights_t))
        if self._normalise is not None:
            self._add(self._normalise)
            self._normalise = None
        if self._relu:
            self._add(tf.nn.relu)
            self._relu = False
        return self._done_ts

    def _add(self, layer: Callable[[Any], Any]) -> "DataParallelSequential":
        """Add a layer to every replica."""
        self._done_ts = self._on_each(layer)
        return self

    def _on_each(self, function: Callable[[Any], Any]) -> List[Any]:
        """Apply a function to the output of every replica, on the replica's device."""
        result_ts = []
        for x_t, device in zip(self._done_ts, self._devices):
            with tf.device(device):
                result_ts.append(function(x_t))
        return result_ts

    def _mean(self, function: Callable[[Any], Any]) -> Any:
        """Return the mean (C,) over the batch of a function with one row (C,) per image."""
        row_ts = self._on_each(function)
        with tf.device(self._devices[0]):
            return tf.reduce_mean(self._complete(tf.concat(row_ts, 0)), 0)


def _conv(x_t: Any, kernel_t: Any) -> Any:
    return tf.nn.conv2d(x_t, kernel_t, [1, 1, 1, 1], "SAME")
