"""The trained weights of a chain of layers: their names, initial values and penalties."""

from typing import Any, Callable, Dict, List

import tensorflow as tf

from legacy_gbp.networks.builder import Penalty

WEIGHT_SIGMA = 0.03

PENALTIES: Dict[str, Callable[[Any], Any]] = {
    "l1": lambda weights_t: tf.reduce_sum(tf.abs(weights_t)),
    "l2": lambda weights_t: 0.5 * tf.reduce_sum(tf.square(weights_t)),
}


class Weights:
    """Create the variables of a network; number the layers of each kind from 1.

    Kernels and matrices start as a normal distribution of standard deviation 0.03,
    truncated at two standard deviations.

    Parameters
    ----------
    seed : int
        Of the initial weights. Weight k draws with ``seed + k``, so that the draws
        do not depend on how TensorFlow numbers its operations.

    Attributes
    ----------
    names : list of str
        Kernels, matrices and biases in the order of creation.
    penalty_ts : list of tf.Tensor
        Weighted L1 and L2 terms of the loss, scalars.

    Examples
    --------
    >>> weights = Weights()
    >>> weights.numbered("conv"), weights.numbered("relu"), weights.numbered("conv")
    ('conv1', 'relu1', 'conv2')
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._counts: Dict[str, int] = {}
        self.names: List[str] = []
        self.penalty_ts: List[Any] = []

    def numbered(self, kind: str) -> str:
        """Count one more layer of a kind and return its name.

        Parameters
        ----------
        kind : str
            Such as ``"conv"``.

        Returns
        -------
        str
            The kind and the count from 1, such as ``"conv2"``.
        """
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return kind + str(self._counts[kind])

    def kernel(
        self, layer_name: str, x_t: Any, channels: int, size: int, penalty: Penalty = None
    ) -> Any:
        """Create the kernel of a square convolution.

        Parameters
        ----------
        layer_name : str
            The variable is ``<layer_name>/kernel``.
        x_t : tf.Tensor
            (N, H, W, c), floating point, the input of the layer.
        channels : int
            Of the output, 1 or more.
        size : int
            Side of the kernel, pixels.
        penalty : (str, float), optional
            Kind, a key of :data:`PENALTIES`, and factor.

        Returns
        -------
        tf.Variable
            (size, size, c, channels), of the dtype of `x_t`.

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        shape = [size, size, int(x_t.shape[-1]), channels]
        return self._create(layer_name + "/kernel", shape, x_t.dtype, penalty)

    def matrix(self, layer_name: str, x_t: Any, units: int, penalty: Penalty = None) -> Any:
        """Create the matrix of a dense layer.

        Parameters
        ----------
        layer_name : str
            The variable is ``<layer_name>/weights``.
        x_t : tf.Tensor
            (N, F), floating point, the input of the layer.
        units : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, a key of :data:`PENALTIES`, and factor.

        Returns
        -------
        tf.Variable
            (F, units), of the dtype of `x_t`.

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        shape = [int(x_t.shape[-1]), units]
        return self._create(layer_name + "/weights", shape, x_t.dtype, penalty)

    def bias(self, layer_name: str, x_t: Any, units: int, penalty: Penalty = None) -> Any:
        """Create the bias of a dense layer; it starts at 0.

        Parameters
        ----------
        layer_name : str
            The variable is ``<layer_name>/bias``.
        x_t : tf.Tensor
            (N, F), floating point, the input of the layer.
        units : int
            Columns of the output, 1 or more.
        penalty : (str, float), optional
            Kind, a key of :data:`PENALTIES`, and factor.

        Returns
        -------
        tf.Variable
            (units,), of the dtype of `x_t`.

        Raises
        ------
        KeyError
            For an unknown kind of penalty.
        """
        zeros = tf.compat.v1.zeros_initializer()
        return self._create(layer_name + "/bias", [units], x_t.dtype, penalty, zeros)

    def _create(
        self, name: str, shape: List[int], dtype: Any, penalty: Penalty, initializer: Any = None
    ) -> Any:
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
