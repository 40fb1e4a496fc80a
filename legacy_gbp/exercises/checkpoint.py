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
from typing import Any, Dict, Iterator, Tuple

import numpy as np

from legacy_gbp.errors import ModelError
from legacy_gbp.exercises import preprocess
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.checkpoint_files import finish_interrupted_save
from legacy_gbp.io.tf_checkpoint import checkpoint_reader, read_tensor
from legacy_gbp.models.built_network import BuiltNetwork
from legacy_gbp.models.source import Endpoints
from legacy_gbp.networks.sequential import Sequential

NORM_VARIABLES = ("beta", "gamma", "running_mean", "running_std")
PREPROCESS_KIND, PREPROCESS_MEAN = "preprocess/kind", "preprocess/mean"


class XtcavCheckpoint:
    """A source: the network of an exercise with the weights of a checkpoint.

    Parameters
    ----------
    exercise : Exercise
        :data:`legacy_gbp.EX07` or :data:`legacy_gbp.EX08`.
    path : str
        Prefix of a checkpoint of ours or of the 2016 program.
    dtype : str
        Of the graph: ``"float32"`` as in 2016, or ``"float64"``.

    Attributes
    ----------
    path : str
    preprocess : Preprocess
        What :meth:`prepare` applies.
    original : bool
        True for a checkpoint written by the 2016 program.

    Raises
    ------
    InputError
        For a missing or unreadable checkpoint.

    Examples
    --------
    >>> with Network(XtcavCheckpoint(EX07, "tf_saved_model")) as net:  # doctest: +SKIP
    ...     maps = guided_backprop(net, net.prepare(counts))
    """

    def __init__(self, exercise: Exercise, path: str, dtype: str = "float32") -> None:
        finish_interrupted_save(path)
        stored = _read(path)
        self.path = path
        self.original = "Variable" in stored and "conv1/kernel" not in stored
        self.preprocess = _stored_preprocess(stored)
        names_of = original_names if self.original else None
        self._built = BuiltNetwork(exercise.network, stored, dtype, names_of)

    @property
    def preparation(self) -> str:
        """The kind of preprocessing."""
        return self.preprocess.kind

    @property
    def pixel_range(self) -> Tuple[float, float]:
        """Camera counts of xtcavimg."""
        return (0.0, 255.0)

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Prepare images as in training.

        Parameters
        ----------
        images : (N, 363, 284, 1) array of any number type
            Camera counts.

        Returns
        -------
        (N, 363, 284, 1) float32 array
            Or int16, which the graph casts, where the images need nothing else.
        """
        return preprocess.apply_or_leave(self.preprocess, images)

    def load(self, session: Any, rule: str = "gradient", **options: Any) -> Endpoints:
        """Build the network in the current graph, under a rule, and set its variables.

        Parameters
        ----------
        session : tf.compat.v1.Session
        rule : str
            A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.
        **options
            For :class:`legacy_gbp.networks.sequential.Sequential`.

        Returns
        -------
        Endpoints

        Raises
        ------
        ModelError
            For a checkpoint of another network.
        """
        with self._named_errors():
            return self._built.load(session, rule, **options)

    def load_folded(self, session: Any, rule: str = "gradient") -> Endpoints:
        """Build the network with fewer operations and no hidden layers.

        Parameters
        ----------
        session : tf.compat.v1.Session
        rule : str

        Returns
        -------
        Endpoints

        Raises
        ------
        ModelError
            For a checkpoint of another network.
        """
        with self._named_errors():
            return self._built.load_folded(session, rule)

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except ModelError as error:
            raise ModelError(f"{self.path}: {error}; give a checkpoint of this network") from error


def original_names(net: Sequential) -> Dict[str, str]:
    """Return the names that the 2016 program gave to our variables.

    Parameters
    ----------
    net : Sequential
        The complete network.

    Returns
    -------
    dict of str to str
        Our name to theirs.
    """
    names = {ours: _numbered("Variable", k) for k, ours in enumerate(net.weights.names)}
    for k, scope in enumerate(net.norms):
        for variable in NORM_VARIABLES:
            names[f"{scope}/{variable}"] = f"{_numbered('BatchNorm', k)}/{variable}"
    return names


def _numbered(name: str, k: int) -> str:
    return name if k == 0 else f"{name}_{k}"


def _read(path: str) -> Dict[str, Any]:
    """Return all tensors of a checkpoint except the optimiser's slots."""
    reader = checkpoint_reader(path)
    names = [name for name in reader.get_variable_to_shape_map() if "/Momentum" not in name]
    return {name: read_tensor(reader, path, name) for name in names}


def _stored_preprocess(stored: Dict[str, Any]) -> preprocess.Preprocess:
    if PREPROCESS_KIND not in stored:
        return preprocess.NONE
    kind = np.asarray(stored[PREPROCESS_KIND]).item().decode()
    return preprocess.Preprocess(kind, stored[PREPROCESS_MEAN])
