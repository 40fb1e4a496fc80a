"""Training on all tasks of a Slurm step, through TensorFlow's own distributed runtime.

The coordinator (task 0) reads the data, splits every batch and feeds each task its part, so
that the order of the shots, the state to resume from and all checking stay in one place;
the others run a TensorFlow server and nothing of ours. The variables are in the
coordinator's server. Two sessions on it share them:

* that of :class:`~legacy_gbp.training.trainer.Trainer` sees task 0 alone: it initialises,
  scores, saves and restores, and no death of a worker can reach it;
* that of the replicas sees all tasks and computes losses, gradients and moments.

A step is two runs: the first collects what all tasks computed, the second applies it on
task 0 alone. A task that dies in the first does not change the variables.
"""

import queue
import threading
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Tuple, Type

import numpy as np
import tensorflow as tf

from legacy_gbp.batch.rendezvous import Coordinator
from legacy_gbp.data.batches import one_hot
from legacy_gbp.errors import LegacyGbpError
from legacy_gbp.exercises import preprocess as preprocessing
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.exercises.preprocess import Preprocess
from legacy_gbp.training.loss import build_loss, momentum
from legacy_gbp.training.options import TrainerFactory
from legacy_gbp.training.session_config import session_config
from legacy_gbp.training.trainer import StepLost, Trainer

JOB = "worker"
SECONDS_UNTIL_LOST = 5

# Servers, and sessions over several tasks, live until the command ends the process: their
# destructors wait for tasks that may be dead.
_KEPT: List[Any] = []


def start_server(servers: Sequence[str], task: int) -> Any:
    """Start the TensorFlow server of one task; only the end of the process stops it.

    Parameters
    ----------
    servers : sequence of str
        ``host:port`` of every task.
    task : int

    Returns
    -------
    tf.compat.v1.train.Server

    Raises
    ------
    LegacyGbpError
        When TensorFlow cannot.
    """
    cluster = tf.train.ClusterSpec({JOB: list(servers)})
    try:
        server = tf.compat.v1.train.Server(
            cluster, job_name=JOB, task_index=task, config=session_config()
        )
    except tf.errors.OpError as error:
        raise LegacyGbpError(
            f"task {task}: TensorFlow {tf.__version__} starts no server at {servers[task]} "
            f"({error.message}); train in one process"
        ) from error
    _KEPT.append(server)
    return server


def distributed_trainer(coordinator: Coordinator) -> TrainerFactory:
    """Return what opens the graph of a training on all tasks, when all of them are there.

    Parameters
    ----------
    coordinator : Coordinator

    Returns
    -------
    callable
        See :class:`legacy_gbp.training.options.TrainingOptions`.

    Raises
    ------
    LegacyGbpError
        When a task ends before the training begins.
    """
    server = start_server(coordinator.servers, task=0)
    coordinator.wait_until_ready()

    def open_trainer(exercise: Exercise, prepared: Preprocess, seed: int) -> DistributedTrainer:
        return DistributedTrainer(exercise, prepared, seed, coordinator, server)

    return open_trainer


class DistributedTrainer(Trainer):
    """A Trainer whose steps are computed by all tasks.

    Parameters
    ----------
    exercise : Exercise
    prepared : Preprocess
        Applied to every image, and saved with the variables.
    seed : int
        Of the initial weights.
    coordinator : Coordinator
        With all workers ready.
    server : tf.compat.v1.train.Server
        Of task 0.
    """

    def __init__(
        self,
        exercise: Exercise,
        prepared: Preprocess,
        seed: int,
        coordinator: Coordinator,
        server: Any,
    ) -> None:
        self._coordinator = coordinator
        devices = [f"/job:{JOB}/task:{task}/cpu:0" for task in range(coordinator.step.tasks)]
        super().__init__(exercise, prepared, seed, server.target, device_filters=devices[:1])
        graph = tf.Graph()
        with graph.as_default(), tf.device(devices[0]):
            self._build_replicas(devices, seed)
        graph.finalize()
        self._replica_session = tf.compat.v1.Session(server.target, graph, session_config())
        _KEPT.append((self._session, self._replica_session))

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Close nothing: closing waits for tasks that may be dead."""

    def _build_replicas(self, devices: Sequence[str], seed: int) -> None:
        self._loss = build_loss(self._exercise, devices, seed)
        optimizer, step = momentum()
        pairs = optimizer.compute_gradients(self._loss.total_t, colocate_gradients_with_ops=True)
        self._collected_ts = [gradient_t for gradient_t, _ in pairs] + self._loss.moment_ts
        self._apply_op = tf.group(optimizer.apply_gradients(pairs, step), *self._loss.update_ops)

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
        images = preprocessing.apply(self._prepared, images)
        rows = one_hot(labels, len(self._exercise.classes))
        tasks = self._coordinator.step.tasks
        feeds = dict(zip(self._loss.image_ts, np.array_split(images, tasks)))
        feeds.update(zip(self._loss.label_ts, np.array_split(rows, tasks)))
        losses, collected = self._run_on_all((self._loss.loss_ts, self._collected_ts), feeds)
        self._replica_session.run(self._apply_op, dict(zip(self._collected_ts, collected)))
        result: Tuple[float, ...] = losses
        return result

    def facts(self) -> Dict[str, Any]:
        """Return what may change the last bits of a result, for the record.

        Returns
        -------
        dict
        """
        return {**super().facts(), "tasks": self._coordinator.step.tasks}

    def _run_on_all(self, fetches: Any, feeds: Any) -> Any:
        """Run the replicas; give up when a task is lost, for which a run may wait forever."""
        events = self._coordinator.events

        def work() -> None:
            try:
                events.put(("done", self._replica_session.run(fetches, feeds)))
            except tf.errors.OpError as error:
                events.put(("failed", error))

        threading.Thread(target=work, daemon=True).start()
        event, value = events.get()
        if event == "done":
            return value
        if event == "failed":
            error = value
            try:  # because a task was lost? its connection says so soon
                event, value = events.get(timeout=SECONDS_UNTIL_LOST)
            except queue.Empty:
                raise error from None
        raise StepLost(f"task {value} was lost")
