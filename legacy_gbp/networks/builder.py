"""The contract between a table of layers and the builder that reads it.

A network is a function of a builder, such as :func:`legacy_gbp.networks.xtcav.ex07`.
Each call adds one layer to the output of the layer before. Three builders follow
the contract: :class:`~legacy_gbp.networks.sequential.Sequential`,
:class:`~legacy_gbp.networks.data_parallel.DataParallelSequential` and
:class:`~legacy_gbp.networks.inference.FoldedSequential`. This module does not
import TensorFlow.
"""

import sys
from typing import Callable, Optional, Tuple

if sys.version_info >= (3, 8):
    from typing import Protocol
else:
    from typing_extensions import Protocol

# Kind, a key of legacy_gbp.networks.weights.PENALTIES, and factor; None for no penalty.
Penalty = Optional[Tuple[str, float]]
NO_PRODUCT = (
    "batch_norm() does not directly follow conv() or dense(); call it there, or build the network "
    "by Sequential"
)


class Builder(Protocol):
    """Build a network layer by layer; every method returns the builder.

    A builder starts from images (N, H, W, C); ``flatten`` makes rows (N, F) of them for
    ``dense`` and ``logits``. A ``batch_norm`` directly follows a ``conv`` or a ``dense``.

    Examples
    --------
    >>> def network(net: Builder) -> None:
    ...     net.conv(2, size=4).batch_norm().relu().max_pool(4, stride=4)
    ...     net.flatten().logits(2)
    """

    def conv(self, channels: int, size: int, penalty: Penalty = None) -> "Builder":
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
        Builder
        """
        ...

    def dense(self, units: int, penalty: Penalty = None) -> "Builder":
        """Add a matrix product without a bias.

        Parameters
        ----------
        units : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, ``"l1"`` or ``"l2"``, and factor, of the matrix.

        Returns
        -------
        Builder
        """
        ...

    def logits(self, classes: int, penalty: Penalty = None) -> "Builder":
        """Add a matrix product and a bias: the last layer.

        Parameters
        ----------
        classes : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, ``"l1"`` or ``"l2"``, and factor, of the matrix and of the bias.

        Returns
        -------
        Builder
        """
        ...

    def batch_norm(self) -> "Builder":
        """Add a batch normalisation of the last axis, directly after a convolution or product.

        Returns
        -------
        Builder
        """
        ...

    def relu(self) -> "Builder":
        """Add max(x, 0), the operation that the backward rules replace.

        Returns
        -------
        Builder
        """
        ...

    def max_pool(self, size: int, stride: int) -> "Builder":
        """Add a square max-pooling with SAME padding.

        Parameters
        ----------
        size : int
            Side of the window, pixels.
        stride : int
            Distance between windows, pixels.

        Returns
        -------
        Builder
        """
        ...

    def flatten(self) -> "Builder":
        """Add a reshape of (N, H, W, C) to (N, H*W*C), the channel fastest.

        Returns
        -------
        Builder
        """
        ...


NetworkFunction = Callable[[Builder], None]
