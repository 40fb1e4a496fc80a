"""A network of ours with given arrays as its variables."""

from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.errors import ModelError
from legacy_gbp.io.weights import not_finite
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.source import Endpoints
from legacy_gbp.networks.inference import POOL_FIRST, FoldedSequential
from legacy_gbp.networks.sequential import Sequential
from legacy_gbp.rules.relu import under_rule


class BuiltNetwork(PixelScaled):
    """A source that builds a network from its table and sets its variables.

    Parameters
    ----------
    network : callable
        Takes a :class:`legacy_gbp.networks.builder.Builder`, such as
        :func:`legacy_gbp.networks.xtcav.ex07`.
    arrays : mapping of str to array
        The variables.
    dtype : str
        Of the graph.
    names_of : callable, optional
        ``names_of(net)`` maps variable names to keys of `arrays`, where they differ.
    image_shape : (int, int)
        Height and width; images have one channel.
    """

    def __init__(
        self,
        network: Callable[[Any], None],
        arrays: Mapping[str, Any],
        dtype: str = "float32",
        names_of: Optional[Callable[[Sequential], Dict[str, str]]] = None,
        image_shape: Tuple[int, int] = IMAGE_SHAPE,
    ) -> None:
        self._network, self._arrays, self._dtype = network, arrays, dtype
        self._names_of, self._shape = names_of, (None, *image_shape, 1)

    def load(self, session: Any, rule: str = "gradient", **options: Any) -> Endpoints:
        """Build in the current graph, under a rule, and set the variables.

        Parameters
        ----------
        session : tf.compat.v1.Session
        rule : str
            A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.
        **options
            For :class:`legacy_gbp.networks.sequential.Sequential`, such as another
            ``batch_norm``.

        Returns
        -------
        Endpoints

        Raises
        ------
        ModelError
            For an array that is missing or of another shape, NaN or Inf.
        """
        images_t = tf.compat.v1.placeholder(self._dtype, self._shape, name="images")
        net = Sequential(images_t, training=False, **options)
        with under_rule(images_t.graph, rule):
            self._network(net)
        arrays = self._of_variables(net)
        variables = tf.compat.v1.global_variables()
        session.run(
            [variable.initializer for variable in variables],
            {variable.initial_value: arrays[variable.op.name] for variable in variables},
        )
        return Endpoints((images_t,), net.logits_t, {}, net.layers)

    def load_folded(self, session: Any, rule: str = "gradient") -> Endpoints:
        """Build in the current graph, under a rule, with fewer operations and no hidden layers.

        Parameters
        ----------
        session : tf.compat.v1.Session
            Not used: the weights are constants.
        rule : str
            A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.

        Returns
        -------
        Endpoints
            Also with an int16 input; see :mod:`legacy_gbp.networks.inference`.

        Raises
        ------
        ModelError
            For an array that is missing or of another shape, NaN or Inf.
        """
        with tf.Graph().as_default():  # for the names and shapes of the variables
            plain = Sequential(tf.compat.v1.placeholder(self._dtype, self._shape))
            self._network(plain)
            arrays = self._of_variables(plain)
        raw_t = tf.compat.v1.placeholder("int16", self._shape, name="raw")
        floats_t = tf.cast(raw_t, self._dtype)
        images_t = tf.compat.v1.placeholder_with_default(floats_t, self._shape, name="images")
        net = FoldedSequential(images_t, arrays, pool_first=rule in POOL_FIRST)
        with under_rule(images_t.graph, rule):
            self._network(net)
            return Endpoints((images_t,), net.logits_t, {}, [], raw_t)

    def _of_variables(self, net: Sequential) -> Dict[str, Any]:
        """Return the array of every variable in the current graph, by the variable's name."""
        names = self._names_of(net) if self._names_of else {}
        return {
            variable.op.name: self._array(
                names.get(variable.op.name, variable.op.name), tuple(variable.shape.as_list())
            )
            for variable in tf.compat.v1.global_variables()
        }

    def _array(self, key: str, shape: Tuple[int, ...]) -> Any:
        name = self._network.__name__
        if key not in self._arrays:
            raise ModelError(f"no variable {key!r}, which {name} needs")
        found = self._arrays[key].shape
        if found != shape:
            raise ModelError(f"variable {key!r} has shape {found}, but {name} needs {shape}")
        with np.errstate(over="ignore"):
            bad = not_finite(np.asarray(self._arrays[key]).astype(self._dtype, copy=False))
        if bad:
            raise ModelError(f"variable {key!r} holds {bad}")
        return self._arrays[key]
