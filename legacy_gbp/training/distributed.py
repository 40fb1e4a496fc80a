"""Training on all tasks of a Slurm step, through MPI.

The coordinator (task 0) reads the data, splits every batch and sends each task its part, so
that the order of the shots, the state to resume from and all checking stay in one place. It
has the variables that count, in the graph of :class:`~legacy_gbp.training.trainer.Trainer`.
Every task has a :class:`Replica`, a graph over its part of the batch.

A step is two runs. In the first all tasks take the weights of the coordinator and compute; the
second applies the sum of their gradients on the coordinator alone. A task that dies in the
first does not change the variables.
"""

import queue
import threading
import zlib
from types import TracebackType
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Type

import numpy as np
import tensorflow as tf

from legacy_gbp.batch.ranks import COMPARE, END, STEP, Ranks, TaskLost, shares
from legacy_gbp.data.batches import one_hot
from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.errors import LegacyGbpError
from legacy_gbp.exercises import preprocess as preprocessing
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.exercises.preprocess import Preprocess
from legacy_gbp.networks.task_sums import TaskSums
from legacy_gbp.training.loss import build_share
from legacy_gbp.training.options import TrainerFactory
from legacy_gbp.training.session_config import session_config
from legacy_gbp.training.trainer import StepLost, Trainer

SECONDS_BETWEEN_LOOKS = 0.1


class Computed(NamedTuple):
    """What all tasks computed in a step; of a meaning on task 0 alone.

    Attributes
    ----------
    losses : tuple of float32
        Cross entropy of the batch, and with the penalties.
    gradients : list of array
        Of the latter, in the order of the variables.
    moments : list of array
        Of the batch.
    """

    losses: Tuple[Any, ...]
    gradients: List[np.ndarray]
    moments: List[np.ndarray]


class Replica:
    """The network over one task's part of the batch; its methods wait for all tasks.

    Parameters
    ----------
    exercise : Exercise
    ranks : Ranks
    """

    def __init__(self, exercise: Exercise, ranks: Ranks) -> None:
        self._ranks, self._classes = ranks, len(exercise.classes)
        sums = TaskSums(ranks.total)
        graph = tf.Graph()
        with graph.as_default():
            self._share = build_share(exercise, sums)
            self._variables: List[Any] = tf.compat.v1.trainable_variables()
            gradient_ts = tf.gradients(self._share.loss_t, self._variables)
            penalty_t = tf.add_n([tf.constant(0.0), *self._share.penalty_ts])
            self._penalty_gradient_ts = tf.gradients(
                penalty_t, self._variables, unconnected_gradients="zero"
            )
            flat_ts = [tf.reshape(t, [-1]) for t in (self._share.sum_t, *gradient_ts)]
            self._fetched = tf.concat(flat_ts, 0), self._share.moment_ts, self._share.penalty_ts
        graph.finalize()
        self._session = tf.compat.v1.Session("", graph, session_config())
        self._shapes = [tuple(variable.shape.as_list()) for variable in self._variables]
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        names = [*sums.names, *(variable.op.name for variable in self._variables)]
        self.fingerprint = zlib.crc32(repr((tf.__version__, names, self._shapes)).encode("utf-8"))

    @property
    def names(self) -> List[str]:
        """Names of the trained variables, in order."""
        return [variable.op.name for variable in self._variables]

    def lead(self, images: np.ndarray, labels: np.ndarray, weights: List[np.ndarray]) -> Computed:
        """Compute a step, as task 0.

        Parameters
        ----------
        images : (n, 363, 284, 1) float32 array
        labels : (n, K) float32 array
        weights : list of array
            In the order of :attr:`names`.

        Returns
        -------
        Computed

        Raises
        ------
        TaskLost
        """
        self._ranks.tell(STEP, len(images))
        flat = np.concatenate([array.ravel() for array in weights])
        sums, moments, penalties = self._compute(flat, images, labels, len(images))
        cross_entropy = sums[0] / np.float32(len(images))
        losses = (cross_entropy, sum(penalties, cross_entropy))
        added: List[np.ndarray] = self._session.run(self._penalty_gradient_ts)
        gradients = [own + more for own, more in zip(self._split(sums[1:]), added)]
        return Computed(losses, gradients, moments)

    def follow(self, count: int) -> None:
        """Compute a step, as another task.

        Parameters
        ----------
        count : int
            Shots of the batch.

        Raises
        ------
        TaskLost
        """
        self._compute(np.empty(sum(self._sizes), np.float32), None, None, count)

    def _compute(
        self, flat: np.ndarray, images: Any, labels: Any, count: int
    ) -> Tuple[np.ndarray, List[np.ndarray], List[Any]]:
        """Take weights and a part of the batch from task 0; return sums, moments, penalties."""
        ranks, share = self._ranks, self._share
        counts = shares(count, ranks.size)
        rows, first = counts[ranks.rank], sum(counts[: ranks.rank])
        ranks.broadcast(flat)
        feeds = {
            share.images_t: ranks.scatter(images, np.empty((rows, *IMAGE_SHAPE, 1), np.float32)),
            share.labels_t: ranks.scatter(labels, np.empty((rows, self._classes), np.float32)),
            share.first_t: first,
            share.count_t: count,
        }
        starts = {v.initializer.inputs[1]: w for v, w in zip(self._variables, self._split(flat))}
        self._session.run([variable.initializer for variable in self._variables], starts)
        own, moments, penalties = self._run(feeds)
        return ranks.total_on_first(own), moments, penalties

    def _run(self, feeds: Dict[Any, Any]) -> Any:
        """Run the graph, whose sums wait for other tasks; give up when one is lost."""
        outcome: Any = queue.Queue()

        def work() -> None:
            try:
                outcome.put((self._session.run(self._fetched, feeds), None))
            except Exception as error:
                outcome.put((None, error))

        threading.Thread(target=work, daemon=True).start()
        while True:
            try:  # signals are noticed here, not inside of a run
                result, error = outcome.get(timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                self._ranks.check()
                continue
            if error is not None:
                self._ranks.check()  # because a task was lost?
                raise error
            return result

    def _split(self, flat: np.ndarray) -> List[np.ndarray]:
        parts = np.split(flat, np.cumsum(self._sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes)]


def distributed_trainer(ranks: Ranks) -> TrainerFactory:
    """Return what opens the graph of a training on all tasks, as task 0.

    Parameters
    ----------
    ranks : Ranks

    Returns
    -------
    callable
        See :class:`legacy_gbp.training.options.TrainingOptions`.
    """

    def open_trainer(exercise: Exercise, prepared: Preprocess, seed: int) -> DistributedTrainer:
        return DistributedTrainer(exercise, prepared, seed, ranks)

    return open_trainer


def follow(exercise: Exercise, ranks: Ranks) -> int:
    """Compute for task 0 until it ends.

    Parameters
    ----------
    exercise : Exercise
    ranks : Ranks

    Returns
    -------
    int
        The exit code of task 0.

    Raises
    ------
    LegacyGbpError
        When this task has another graph than task 0.
    TaskLost
    """
    replica = Replica(exercise, ranks)
    while True:
        wish, number = ranks.hear()
        if wish == END:
            return number
        if wish == STEP:
            replica.follow(number)
        elif number != replica.fingerprint:
            raise LegacyGbpError(
                f"task {ranks.rank}: TensorFlow {tf.__version__} builds another graph here than "
                "for task 0; use the same installation for all tasks"
            )


class DistributedTrainer(Trainer):
    """A Trainer whose steps are computed by all tasks.

    Parameters
    ----------
    exercise : Exercise
    prepared : Preprocess
        Applied to every image, and saved with the variables.
    seed : int
        Of the initial weights.
    ranks : Ranks
        Of task 0.
    """

    def __init__(self, exercise: Exercise, prepared: Preprocess, seed: int, ranks: Ranks) -> None:
        super().__init__(exercise, prepared, seed)
        self._ranks = ranks
        self._replica = Replica(exercise, ranks)
        self._trained = [self._variables[name] for name in self._replica.names]
        try:
            ranks.tell(COMPARE, self._replica.fingerprint)
        except TaskLost as error:
            raise LegacyGbpError(f"{error} before the training began; see its output") from error

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Close nothing: a run may still wait for a task that is dead."""

    def step(self, images: np.ndarray, labels: np.ndarray) -> Tuple[float, ...]:
        """Train on one batch, split between the tasks.

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
            When a task is lost.
        """
        images = preprocessing.apply(self._prepared, images).astype(np.float32, copy=False)
        rows = one_hot(labels, len(self._exercise.classes))
        try:
            computed = self._replica.lead(images, rows, self._session.run(self._trained))
        except TaskLost as error:
            raise StepLost(str(error)) from error
        except BaseException:
            self._ranks.give_up("task 0 failed")  # the others wait in the middle of the step
            raise
        self._session.run(
            self._train_op, dict(zip(self._computed_ts, computed.gradients + computed.moments))
        )
        return computed.losses[: len(self._exercise.loss_columns)]

    def facts(self) -> Dict[str, Any]:
        """Return what may change the last bits of a result, for the record.

        Returns
        -------
        dict
        """
        return {**super().facts(), "tasks": self._ranks.size}
