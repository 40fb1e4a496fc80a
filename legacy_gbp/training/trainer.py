"""The training graph of an exercise and its session: one step, one score, one checkpoint."""

import os
from types import TracebackType
from typing import Any, Dict, Iterable, List, Optional, Tuple, Type

import numpy as np
import tensorflow as tf

from legacy_gbp.batch.environment import granted_threads
from legacy_gbp.data.batches import in_order, one_hot
from legacy_gbp.data.shots import Shots
from legacy_gbp.errors import InputError
from legacy_gbp.exercises import preprocess as preprocessing
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.exercises.preprocess import Preprocess
from legacy_gbp.metrics.classification import confusion_matrix
from legacy_gbp.networks.sequential import Sequential
from legacy_gbp.training.checkpoint_saver import add_preprocess_variables, save_checkpoint
from legacy_gbp.training.loss import build_loss, momentum
from legacy_gbp.training.session_config import session_config


class StepLost(Exception):  # noqa: N818 - the state is complete
    """A step could not be done; the variables are those before it."""


class Trainer:
    """The graph and session of a training in one process.

    Two copies of the network share their variables: one normalises by the
    batch and is trained, the other by the running moments and is scored.

    Parameters
    ----------
    exercise : Exercise
    prepared : Preprocess
        Applied to every image, and saved with the variables.
    seed : int
        Of the initial weights.
    """

    def __init__(self, exercise: Exercise, prepared: Preprocess, seed: int) -> None:
        self._exercise, self._prepared = exercise, prepared
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session("", self._graph, session_config())
        with self._graph.as_default():
            self._build(seed)
            self._variables = _numeric_variables()
            self._session.run(tf.compat.v1.global_variables_initializer())
        self._graph.finalize()

    def __enter__(self) -> "Trainer":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._session.close()

    def _build(self, seed: int) -> None:
        loss = build_loss(self._exercise, [""], seed)
        (self._images_t,), (self._labels_t,), self._loss_ts = loss[:3]
        reuse = tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE)
        with reuse, tf.compat.v1.name_scope("inference"):
            scored = Sequential(self._images_t)
            self._exercise.network(scored)
        self._scored_logits_t = scored.logits_t
        optimizer, step = momentum()
        pairs = optimizer.compute_gradients(loss.total_t)
        # The step is a function of these, whoever computes them.
        self._computed_ts = [*(gradient_t for gradient_t, _ in pairs), *loss.moment_ts]
        self._train_op = tf.group(optimizer.apply_gradients(pairs, step), *loss.update_ops)
        add_preprocess_variables(self._prepared)
        self._saver = tf.compat.v1.train.Saver()

    def step(self, images: np.ndarray, labels: np.ndarray) -> Tuple[float, ...]:
        """Train on one batch.

        Parameters
        ----------
        images : (n, 363, 284, 1) array
            Camera counts.
        labels : (n,) int array

        Returns
        -------
        tuple of float
            One number for every loss column of the exercise.

        Raises
        ------
        StepLost
            When a task of several is lost.
        """
        feeds = {
            self._images_t: preprocessing.apply(self._prepared, images),
            self._labels_t: one_hot(labels, len(self._exercise.classes)),
        }
        losses: Tuple[float, ...] = self._session.run((self._loss_ts, self._train_op), feeds)[0]
        return losses

    def score(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Count classes with the running moments in use.

        Parameters
        ----------
        images : (n, 363, 284, 1) array
            Camera counts.
        labels : (n,) int array

        Returns
        -------
        (K, K) int array
            Confusion matrix; rows are the truth.
        """
        feeds = {self._images_t: preprocessing.apply(self._prepared, images)}
        logits = self._session.run(self._scored_logits_t, feeds)
        return confusion_matrix(labels, logits.argmax(axis=1), len(self._exercise.classes))

    def score_shots(self, shots: Shots, indices: np.ndarray) -> np.ndarray:
        """Count classes of chosen shots, in the batches of prediction.

        Parameters
        ----------
        shots : Shots
        indices : (m,) int array

        Returns
        -------
        (K, K) int array
            Confusion matrix; rows are the truth.
        """
        size = self._exercise.predict_batch_size
        matrices: Iterable[np.ndarray] = (
            self.score(batch.images, shots.labels[batch.indices])
            for batch in in_order(shots, size, np.sort(indices))
        )
        return np.asarray(sum(matrices))

    def save(self, prefix: str) -> None:
        """Write a checkpoint.

        Parameters
        ----------
        prefix : str

        Raises
        ------
        OutputError
        """
        with self._graph.as_default():  # outside, the saver of TensorFlow 2 saves eagerly
            save_checkpoint(self._saver, self._session, prefix)

    def state(self) -> Dict[str, np.ndarray]:
        """Return every variable.

        Returns
        -------
        dict of str to array
        """
        variables: Dict[str, np.ndarray] = self._session.run(self._variables)
        return variables

    def restore(self, state: Dict[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` returned.

        Parameters
        ----------
        state : dict of str to array

        Raises
        ------
        InputError
            When it is the state of another network.
        """
        shapes = {name: tuple(variable.shape) for name, variable in self._variables.items()}
        if {name: array.shape for name, array in state.items()} != shapes:
            raise InputError(
                "the variables are not those of this network; set `resume` to never to train anew"
            )
        self._session.run(
            [variable.initializer for variable in self._variables.values()],
            {
                variable.initializer.inputs[1]: state[name]
                for name, variable in self._variables.items()
            },
        )

    def facts(self) -> Dict[str, Any]:
        """Return what may change the last bits of a result, for the record.

        Returns
        -------
        dict
        """
        return {"TensorFlow": tf.__version__, "threads": granted_threads() or os.cpu_count()}


def _numeric_variables() -> Dict[str, Any]:
    """Return the variables of the current graph, except the kind of preprocessing, a text."""
    variables: List[Any] = tf.compat.v1.global_variables()
    return {v.op.name: v for v in variables if v.dtype.base_dtype != tf.string}
