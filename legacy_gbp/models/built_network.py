"""A network of ours with given arrays as its variables."""

from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.errors import InputError
from legacy_gbp.models.source import Endpoints


class BuiltNetwork:
    """A source that builds a network from its table and sets its variables.

    Parameters
    ----------
    network : function of a layer builder
        Such as :func:`legacy_gbp.networks.xtcav.ex07`.
    arrays : dict of str to array
        The variables.
    dtype : str
        Of the graph.
    names_of : callable, optional
        ``names_of(net)`` maps variable names to keys of `arrays`, where they differ.
    image_shape : (int, int)
        Height and width.
    """

    def __init__(self, network, arrays, dtype="float32", names_of=None, image_shape=IMAGE_SHAPE):
        self._network, self._arrays, self._dtype = network, arrays, dtype
        self._names_of, self._image_shape = names_of, image_shape

    def load(self, session, rule="gradient", **options):
        """Build in the current graph, under a rule, and set the variables in `session`.

        Parameters
        ----------
        session : tf.compat.v1.Session
        rule : str
            A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.
        **options
            For the builder, such as another ``batch_norm``.

        Returns
        -------
        Endpoints

        Raises
        ------
        InputError
            For an array that is missing or of another shape.
        """
        import tensorflow as tf

        from legacy_gbp.networks.sequential import Sequential
        from legacy_gbp.rules.relu import under_rule

        shape = (None, *self._image_shape, 1)
        images_t = tf.compat.v1.placeholder(self._dtype, shape, name="images")
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

    def load_folded(self, _, rule="gradient"):
        """Build in the current graph, under a rule, with fewer operations and no hidden layers.

        Takes and gives what :meth:`load` does; see :mod:`legacy_gbp.networks.inference`.
        """
        import tensorflow as tf

        from legacy_gbp.networks.inference import POOL_FIRST, Folded
        from legacy_gbp.networks.sequential import Sequential
        from legacy_gbp.rules.relu import under_rule

        shape = (None, *self._image_shape, 1)
        with tf.Graph().as_default():  # for the names and shapes of the variables
            plain = Sequential(tf.compat.v1.placeholder(self._dtype, shape))
            self._network(plain)
            arrays = self._of_variables(plain)
        raw_t = tf.compat.v1.placeholder("int16", shape, name="raw")
        floats_t = tf.cast(raw_t, self._dtype)
        images_t = tf.compat.v1.placeholder_with_default(floats_t, shape, name="images")
        net = Folded(images_t, arrays, pool_first=rule in POOL_FIRST)
        with under_rule(images_t.graph, rule):
            self._network(net)
            return Endpoints((images_t,), net.logits_t, {}, [], raw_t)

    def _of_variables(self, net):
        """The array of every variable in the current graph, by the variable's name."""
        import tensorflow as tf

        names = self._names_of(net) if self._names_of else {}
        return {
            variable.op.name: self._array(
                names.get(variable.op.name, variable.op.name), tuple(variable.shape.as_list())
            )
            for variable in tf.compat.v1.global_variables()
        }

    def _array(self, key, shape):
        wants = self._network.__name__
        if key not in self._arrays:
            raise InputError(f"no variable {key!r}, which {wants} needs")
        found = self._arrays[key].shape
        if found != shape:
            raise InputError(f"variable {key!r} has shape {found}, but {wants} needs {shape}")
        return self._arrays[key]
