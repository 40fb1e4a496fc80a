"""Training on all tasks of a step, through TensorFlow's own distributed runtime.

The chief (task 0) reads the data, splits every batch and feeds each task its part, so
that the order of the shots, the state to resume from and all checking stay in one place;
the others run a TensorFlow server and nothing of ours. The variables stand in the chief's
server. Two sessions on it share them:

* that of :class:`~legacy_gbp.training.trainer.Trainer` sees task 0 alone: it starts, scores, saves and
  restores, and no death of a worker can reach it;
* that of the towers sees all tasks and computes losses, gradients and moments.

A step is two runs: the first gathers what all tasks computed, the second applies it on
task 0 alone. A task that dies in the first leaves the variables as they were.
"""

import queue
import threading

import numpy as np
import tensorflow as tf

from legacy_gbp.batch.session_config import session_config
from legacy_gbp.data.batches import one_hot
from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.errors import InputError
from legacy_gbp.exercises import preprocess as preprocessing
from legacy_gbp.networks.data_parallel import Towers
from legacy_gbp.training.trainer import StepLost, Trainer, momentum

JOB = "worker"
SECONDS_UNTIL_LOST = 5

# Servers and sessions over several tasks live until gathering.leave ends the process: their
# destructors wait for tasks that may be dead.
_KEPT: list = []


def start_server(servers, task):
    """TensorFlow server of one task; it cannot be stopped but by the end of the process."""
    cluster = tf.train.ClusterSpec({JOB: servers})
    try:
        server = tf.compat.v1.train.Server(
            cluster, job_name=JOB, task_index=task, config=session_config()
        )
    except tf.errors.OpError as error:
        raise InputError(
            f"task {task}: TensorFlow {tf.__version__} starts no server at {servers[task]} "
            f"({error.message}); train in one process"
        ) from error
    _KEPT.append(server)
    return server


def cluster_trainer(chief):
    """What :func:`legacy_gbp.training.loop.train` takes as `trainer`, when all tasks are there.

    Parameters
    ----------
    chief : Chief
    """
    server = start_server(chief.servers, task=0)
    chief.wait_until_ready()
    return lambda exercise, prepared, seed: ClusterTrainer(exercise, prepared, seed, chief, server)


class ClusterTrainer(Trainer):
    """A Trainer whose steps are computed by all tasks.

    Parameters
    ----------
    exercise, prepared, seed
        See :class:`~legacy_gbp.training.trainer.Trainer`.
    chief : Chief
        With all workers ready.
    server : tf.compat.v1.train.Server
        Of task 0.
    """

    def __init__(self, exercise, prepared, seed, chief, server):
        self._chief = chief
        devices = [f"/job:{JOB}/task:{task}/cpu:0" for task in range(chief.step.tasks)]
        super().__init__(exercise, prepared, seed, server.target, device_filters=devices[:1])
        graph = tf.Graph()
        with graph.as_default(), tf.device(devices[0]):
            self._build_towers(devices, seed)
        graph.finalize()
        self._towers_session = tf.compat.v1.Session(server.target, graph, session_config())
        _KEPT.append((self._session, self._towers_session))

    def __exit__(self, *_):
        """Close nothing: closing waits for tasks that may be dead."""

    def _build_towers(self, devices, seed):
        classes = len(self._exercise.classes)
        placeholder = tf.compat.v1.placeholder
        self._part_ts = [placeholder(tf.float32, (None, *IMAGE_SHAPE, 1)) for _ in devices]
        self._part_label_ts = [placeholder(tf.float32, (None, classes)) for _ in devices]
        with tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE):
            net = Towers(self._part_ts, devices, seed)
            self._exercise.network(net)
        sums = []
        for device, labels_t, logits_t in zip(devices, self._part_label_ts, net.logits_ts):
            with tf.device(device):
                sums.append(
                    tf.reduce_sum(
                        tf.nn.softmax_cross_entropy_with_logits(labels=labels_t, logits=logits_t)
                    )
                )
        count_t = tf.add_n([tf.cast(tf.shape(part_t)[0], tf.float32) for part_t in self._part_ts])
        cross_entropy_t = tf.add_n(sums) / count_t
        total_t = tf.add_n([cross_entropy_t, *net.penalty_ts])
        self._tower_loss_ts = (cross_entropy_t, total_t)[: len(self._exercise.loss_columns)]
        optimizer, step = momentum()
        pairs = optimizer.compute_gradients(total_t, colocate_gradients_with_ops=True)
        self._gathered_ts = [gradient_t for gradient_t, _ in pairs] + net.moment_ts
        self._apply_op = tf.group(optimizer.apply_gradients(pairs, step), *net.update_ops)

    def step(self, images, labels):
        """Train on one batch, split between the tasks; see :meth:`Trainer.step`."""
        images = preprocessing.apply(self._prepared, images)
        labels = one_hot(labels, len(self._exercise.classes))
        tasks = len(self._part_ts)
        feeds = dict(zip(self._part_ts, np.array_split(images, tasks)))
        feeds.update(zip(self._part_label_ts, np.array_split(labels, tasks)))
        losses, gathered = self._run_on_all((self._tower_loss_ts, self._gathered_ts), feeds)
        self._towers_session.run(self._apply_op, dict(zip(self._gathered_ts, gathered)))
        return losses

    def facts(self):
        """See :meth:`Trainer.facts`."""
        return {**super().facts(), "tasks": self._chief.step.tasks}

    def _run_on_all(self, fetches, feeds):
        """A run that is given up when a task is lost: it may wait for that task forever."""
        events = self._chief.events

        def work():
            try:
                events.put(("done", self._towers_session.run(fetches, feeds)))
            except tf.errors.OpError as error:
                events.put(("failed", error))

        threading.Thread(target=work, daemon=True).start()
        what, value = events.get()
        if what == "done":
            return value
        if what == "failed":
            error = value
            try:  # because a task was lost? its connection says so soon
                what, value = events.get(timeout=SECONDS_UNTIL_LOST)
            except queue.Empty:
                raise error from None
        raise StepLost(f"task {value} was lost")
