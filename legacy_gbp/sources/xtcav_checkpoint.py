"""Checkpoints of the two exercises: our own, and those of the 2016 program.

Both hold the same tensors under different names. The original numbered them in
the order of creation; our builder records that order.

==========================  ===============================
here                        2016
==========================  ===============================
conv1/kernel, ...           Variable, Variable_1, ...
conv1/batch_norm/beta, ...  BatchNorm/beta, BatchNorm_1/...
==========================  ===============================
"""

import glob
import os
import re

import numpy as np

from legacy_gbp.data import preprocess
from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.errors import InputError
from legacy_gbp.sources.endpoints import Endpoints

NORM_VARIABLES = ("beta", "gamma", "running_mean", "running_std")
PREPROCESS_KIND, PREPROCESS_MEAN = "preprocess/kind", "preprocess/mean"


def check_exists(path, command):
    """Refuse a checkpoint that is not there, without TensorFlow.

    Parameters
    ----------
    path : str
        The prefix, with or without ``.index``, ``.meta`` or ``.data-...``.
    command : str
        The command that would make one.

    Returns
    -------
    str
        The prefix.
    """
    prefix = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path)
    for suffix in (".index", ".data-*-of-*"):
        if not glob.glob(glob.escape(prefix) + suffix):
            name = os.path.basename(prefix) + suffix
            raise InputError(
                f"{prefix}: no checkpoint ({name} is missing); make one with '{command}' or give "
                "--checkpoint"
            )
    return prefix


class XtcavCheckpoint:
    """An exercise's network with the weights of a checkpoint.

    Parameters
    ----------
    exercise : Exercise
    path : str
        Prefix of the checkpoint.
    dtype : str
        Of the graph: ``"float32"`` as in 2016, or ``"float64"``.

    Attributes
    ----------
    preprocess : Preprocess
        What images must go through before they are fed.
    original : bool
        True for a checkpoint written by the 2016 program.
    """

    def __init__(self, exercise, path, dtype="float32"):
        self.path = path
        stored = _read(path)
        self.original = "Variable" in stored and "conv1/kernel" not in stored
        self.preprocess = _stored_preprocess(stored)
        self._built = BuiltNetwork(exercise.network, stored, dtype, self._name, self._mismatch)
        self._exercise = exercise

    def load(self, session, **options):
        """Build the network in the current graph; see :class:`BuiltNetwork`."""
        return self._built.load(session, **options)

    def _name(self, net, name):
        return original_names(net)[name] if self.original else name

    def _mismatch(self, name, expected, found):
        wants = self._exercise.name
        if found is None:
            fault = f"no variable {name!r}, which {wants} needs"
        else:
            fault = f"variable {name!r} has shape {found}, but {wants} needs {expected}"
        return InputError(f"{self.path}: {fault}; this is a checkpoint of another network")


class BuiltNetwork:
    """A network of ours with given arrays as its variables.

    Parameters
    ----------
    network : function of a layer builder
    arrays : dict of str to array
    dtype : str
    name_of : callable, optional
        ``name_of(net, name)``: the key of a variable in `arrays`.
    mismatch : callable, optional
        ``mismatch(key, expected_shape, found_shape or None)`` gives the
        exception for a missing or misshapen array.
    image_shape : (int, int)
        Height and width.
    """

    def __init__(
        self,
        network,
        arrays,
        dtype="float32",
        name_of=None,
        mismatch=None,
        image_shape=IMAGE_SHAPE,
    ):
        self._image_shape = image_shape
        self._network, self._arrays, self._dtype = network, arrays, dtype
        self._name_of = name_of or (lambda net, name: name)
        self._mismatch = mismatch or _array_mismatch

    def load(self, session, **options):
        """Build in the current graph and set the variables in `session`.

        Parameters
        ----------
        session : tf.compat.v1.Session
        **options
            For the builder, such as another ``batch_norm``.

        Returns
        -------
        Endpoints
        """
        import tensorflow as tf

        from legacy_gbp.nets.layers import Sequential

        shape = (None, *self._image_shape, 1)
        images_t = tf.compat.v1.placeholder(self._dtype, shape, name="images")
        net = Sequential(images_t, training=False, **options)
        self._network(net)
        feeds = {}
        variables = tf.compat.v1.global_variables()
        for variable in variables:
            key = self._name_of(net, variable.op.name)
            expected = tuple(variable.shape.as_list())
            if key not in self._arrays or self._arrays[key].shape != expected:
                found = self._arrays[key].shape if key in self._arrays else None
                raise self._mismatch(key, expected, found)
            feeds[variable.initial_value] = self._arrays[key]
        session.run([variable.initializer for variable in variables], feeds)
        return Endpoints(images_t, net.logits_t, {}, net.layers)


def original_names(net):
    """Our variable names to those of the 2016 program.

    Parameters
    ----------
    net : Sequential
        Built whole.

    Returns
    -------
    dict of str to str
    """
    names = {ours: _numbered("Variable", k) for k, ours in enumerate(net.weights)}
    for k, scope in enumerate(net.norms):
        for variable in NORM_VARIABLES:
            ours = f"{scope}/{variable}"
            names[ours] = "{}/{}".format(_numbered("BatchNorm", k), variable)
    return names


def _array_mismatch(name, expected, found):
    return InputError(f"array {name!r} has shape {found}; the network needs {expected}")


def _numbered(name, k):
    return name if k == 0 else f"{name}_{k}"


def _read(path):
    """All tensors of a checkpoint but the optimiser's slots."""
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(path)
        names = reader.get_variable_to_shape_map()
        return {name: reader.get_tensor(name) for name in names if "/Momentum" not in name}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise InputError(
            "{}: not a readable checkpoint ({}); copy its .index and .data files again".format(
                path, str(error).split("\n")[0]
            )
        ) from error


def _stored_preprocess(stored):
    if PREPROCESS_KIND not in stored:
        return preprocess.NONE
    kind = np.asarray(stored[PREPROCESS_KIND]).item().decode()
    return preprocess.Preprocess(kind, stored[PREPROCESS_MEAN])
