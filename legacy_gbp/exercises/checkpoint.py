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

import contextlib
import glob
import os
import re

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.exercises import preprocess
from legacy_gbp.io.tf_checkpoint import complete
from legacy_gbp.models.built_network import BuiltNetwork

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
    complete(prefix)
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
        complete(path)
        stored = _read(path)
        self.path = path
        self.original = "Variable" in stored and "conv1/kernel" not in stored
        self.preprocess = _stored_preprocess(stored)
        names_of = original_names if self.original else None
        self._built = BuiltNetwork(exercise.network, stored, dtype, names_of)

    def load(self, session, rule="gradient", **options):
        """Build the network in the current graph; see :meth:`BuiltNetwork.load`."""
        with self._named():
            return self._built.load(session, rule, **options)

    def load_folded(self, session, rule="gradient"):
        """Build it with fewer operations; see :meth:`BuiltNetwork.load_folded`."""
        with self._named():
            return self._built.load_folded(session, rule)

    @contextlib.contextmanager
    def _named(self):
        try:
            yield
        except InputError as error:
            raise InputError(f"{self.path}: {error}; give a checkpoint of this network") from error


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
    names = {ours: _numbered("Variable", k) for k, ours in enumerate(net.weights.names)}
    for k, scope in enumerate(net.norms):
        for variable in NORM_VARIABLES:
            ours = f"{scope}/{variable}"
            names[ours] = f"{_numbered('BatchNorm', k)}/{variable}"
    return names


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
        reason = str(error).split("\n")[0]
        raise InputError(
            f"{path}: not a readable checkpoint ({reason}); copy its .index and .data files again"
        ) from error


def _stored_preprocess(stored):
    if PREPROCESS_KIND not in stored:
        return preprocess.NONE
    kind = np.asarray(stored[PREPROCESS_KIND]).item().decode()
    return preprocess.Preprocess(kind, stored[PREPROCESS_MEAN])
