"""The training graph of an exercise and its session: one step, one score, one checkpoint."""

import os

import numpy as np
import tensorflow as tf

from legacy_gbp.batch.session_config import granted_threads, session_config
from legacy_gbp.data.batches import in_order, one_hot
from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.errors import InputError
from legacy_gbp.exercises import definitions as exercises
from legacy_gbp.exercises import preprocess as preprocessing
from legacy_gbp.metrics.classification import confusion_matrix
from legacy_gbp.networks.data_parallel import Towers
from legacy_gbp.networks.sequential import Sequential
from legacy_gbp.training.checkpoint_saver import add_preprocess_variables, save_aside


class StepLost(Exception):  # noqa: N818 - the state is whole
    """A step could not be done; the variables are those before it."""


class Trainer:
    """Momentum with a staircase rate on cross entropy plus the network's penalties.

    Two copies of the network share their variables: one normalises by the
    batch and is trained, the other by the running moments and is scored.

    Parameters
    ----------
    exercise : Exercise
    prepared : Preprocess
        Applied to every image, and saved with the variables.
    seed : int
        Of the initial weights.
    target : str
        Of the session: a server of TensorFlow's, or this process.
    **config
        Of the session, see :func:`legacy_gbp.batch.session_config.session_config`.
    """

    def __init__(self, exercise, prepared, seed, target="", **config):
        self._exercise, self._prepared = exercise, prepared
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(target, self._graph, session_config(**config))
        with self._graph.as_default():
            self._build(seed)
            self._variables = numeric_variables()
            self._session.run(tf.compat.v1.global_variables_initializer())
        self._graph.finalize()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def _build(self, seed):
        classes = len(self._exercise.classes)
        self._images_t = tf.compat.v1.placeholder(tf.float32, (None, *IMAGE_SHAPE, 1), "images")
        self._labels_t = tf.compat.v1.placeholder(tf.float32, (None, classes), "labels")
        with tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE):
            net = Towers([self._images_t], seed=seed)
            self._exercise.network(net)
            with tf.compat.v1.name_scope("inference"):
                scored = Sequential(self._images_t)
                self._exercise.network(scored)
        self._scored_logits_t = scored.logits_t

        cross_entropy_t = tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits(labels=self._labels_t, logits=net.logits_ts[0])
        )
        total_t = tf.add_n([cross_entropy_t, *net.penalty_ts])
        self._loss_ts = (cross_entropy_t, total_t)[: len(self._exercise.loss_columns)]
        optimizer, step = momentum()
        self._train_op = tf.group(optimizer.minimize(total_t, step), *net.update_ops)
        add_preprocess_variables(self._prepared)
        self._saver = tf.compat.v1.train.Saver()

    def step(self, images, labels):
        """Train on one batch.

        Parameters
        ----------
        images : (n, 363, 284, 1) array
        labels : (n,) int

        Returns
        -------
        tuple of float
            One number for every loss column of the exercise.
        """
        feeds = self._feeds(images)
        feeds[self._labels_t] = one_hot(labels, len(self._exercise.classes))
        return self._session.run((self._loss_ts, self._train_op), feeds)[0]

    def score(self, images, labels):
        """Confusion matrix (K, K) of some images, with the running moments in use."""
        predicted = self._session.run(self._scored_logits_t, self._feeds(images)).argmax(axis=1)
        return confusion_matrix(labels, predicted, len(self._exercise.classes))

    def score_shots(self, shots, indices):
        """Confusion matrix (K, K) of chosen shots, in the batches of prediction."""
        size = self._exercise.predict_batch_size
        return sum(
            self.score(images, shots.labels[part])
            for part, images in in_order(shots, size, np.sort(indices))
        )

    def save(self, path):
        """Write a checkpoint with prefix `path`."""
        with self._graph.as_default():  # outside, the saver of TensorFlow 2 saves eagerly
            save_aside(self._saver, self._session, path)

    def state(self):
        """Every variable: name to array."""
        return self._session.run(self._variables)

    def restore(self, state):
        """Go on from what :meth:`state` gave.

        Raises
        ------
        InputError
            When it is the state of another network.
        """
        shapes = {name: tuple(variable.shape) for name, variable in self._variables.items()}
        if {name: array.shape for name, array in state.items()} != shapes:
            raise InputError("the variables are not those of this network")
        self._session.run(
            [variable.initializer for variable in self._variables.values()],
            {
                variable.initializer.inputs[1]: state[name]
                for name, variable in self._variables.items()
            },
        )

    def facts(self):
        """What may change the last bits of a result, for the record."""
        return {"TensorFlow": tf.__version__, "threads": granted_threads() or os.cpu_count()}

    def _feeds(self, images):
        return {self._images_t: preprocessing.apply(self._prepared, images)}


def momentum():
    """The optimizer of 2016 and the step that it counts, in the current graph."""
    step = tf.compat.v1.train.get_or_create_global_step()
    rate_t = tf.compat.v1.train.exponential_decay(
        exercises.LEARNING_RATE, step, exercises.DECAY_STEPS, exercises.DECAY, staircase=True
    )
    return tf.compat.v1.train.MomentumOptimizer(rate_t, exercises.MOMENTUM), step


def numeric_variables():
    """The variables of the current graph by name, but for the kind of preprocessing, a text."""
    variables = tf.compat.v1.global_variables()
    return {v.op.name: v for v in variables if v.dtype.base_dtype != tf.string}
