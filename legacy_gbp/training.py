"""The training loop of 2016: momentum, a staircase rate, saved on improvement."""

import sys
import time
from collections import namedtuple

import numpy as np
import tensorflow as tf

from legacy_gbp import exercises
from legacy_gbp.checkpoint_writer import preprocess_variables, save_aside
from legacy_gbp.data import preprocess as preprocessing
from legacy_gbp.data.batches import in_order, one_hot, shuffled
from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.errors import InputError
from legacy_gbp.metrics.classification import accuracy, confusion_matrix
from legacy_gbp.nets.layers import Sequential
from legacy_gbp.progress import progress, say
from legacy_gbp.training_log import header, row, validation_lines

Trained = namedtuple("Trained", "steps best_accuracy best_step losses accuracies")
Trained.__doc__ = """What a training reached.

steps : int
best_accuracy : float, 0..1, of the validation shots; best_step : int
losses : (steps, columns) float array
accuracies : list of (step, validation accuracy)
"""


def train(
    exercise,
    train_shots,
    validation_shots,
    checkpoint=None,
    final_checkpoint=None,
    seed=1,
    epochs=None,
    batch_size=None,
    preprocess="none",
    logdir=None,
    log=None,
):
    """Train an exercise's network.

    Parameters
    ----------
    exercise : Exercise
    train_shots, validation_shots : FileShots or ArrayShots
        ``ArrayShots(images, labels)`` wraps data that is already in memory.
    checkpoint : str or None
        Prefix to save to whenever the validation accuracy strictly improves.
    final_checkpoint : str or None
        Prefix to save to after the last step.
    seed : int
        Of the weights, the order of the shots and the choice of validation
        shots. One seed gives one log, but for the columns of seconds.
    epochs, batch_size : int, optional
        Those of 2016 by default.
    preprocess : str
        ``"none"``, ``"log-mean"`` or ``"log-threshold"``.
    logdir : str or None
        Folder for TensorBoard scalars.
    log : callable, optional
        Takes a line. Prints and flushes by default.

    Returns
    -------
    Trained

    Raises
    ------
    InputError
        When there are fewer shots than a batch, or the loss is not finite.
    """
    log = log or say
    epochs, batch_size = epochs or exercise.epochs, batch_size or exercise.batch_size
    if len(train_shots) < batch_size:
        raise InputError(
            f"{len(train_shots)} usable training shots do not fill a batch of {batch_size}; give "
            "more files or a smaller --batch-size"
        )
    _check_labels(exercise, train_shots, validation_shots)
    rng = np.random.RandomState(seed)
    chosen = rng.permutation(len(validation_shots))[: exercise.validation_shots]
    prepared = preprocessing.fit(
        preprocess, (images for _, images in in_order(train_shots, batch_size))
    )
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = _TrainingGraph(exercise, prepared, seed)
        session.run(graph.init_op)
        graph.finalize()
        run = _Run(session, graph, exercise, prepared)
        writer = tf.compat.v1.summary.FileWriter(logdir) if logdir else None
        log(header(exercise.loss_columns, len(exercise.classes)))
        batches = _batches(train_shots, batch_size, epochs, rng)
        steps = epochs * (len(train_shots) // batch_size)
        losses, accuracies, best, best_step = [], [], -1.0, None
        for step, (epoch, batch, indices, images) in enumerate(
            _with_bar(batches, steps, exercise.name)
        ):
            start = time.monotonic()
            labels = train_shots.labels[indices]
            losses.append(run.step(images, labels))
            line = row(epoch, batch, step, time.monotonic() - start, losses[-1])
            _check_finite(losses[-1], step)
            _summarise(writer, step, zip(exercise.loss_columns, losses[-1]))
            if step % exercises.VALIDATE_EVERY:
                log(line)
                continue
            start = time.monotonic()
            on_train = run.score(images, labels)
            on_validation = run.score_shots(validation_shots, chosen)
            reached = accuracy(on_validation)
            accuracies.append((step, reached))
            scores = (("tr.acc", accuracy(on_train)), ("vl.acc", reached))
            _summarise(writer, step, scores)
            saved_in = None
            if reached > best:
                best, best_step = reached, step
                if checkpoint:
                    save_aside(graph.saver, session, checkpoint)
                    saved_in = checkpoint
            seconds = time.monotonic() - start
            for text in validation_lines(line, seconds, on_train, on_validation, saved_in):
                log(text)
        if final_checkpoint:
            save_aside(graph.saver, session, final_checkpoint)
            log(f"** saved in {final_checkpoint}")
        if writer:
            writer.close()
    return Trained(steps, best, best_step, np.array(losses), accuracies)


class _TrainingGraph:
    """Operations of one training, built in the current graph.

    Two copies of the network share their variables: one normalises by the
    batch and is trained, the other by the running moments and is scored.
    """

    def __init__(self, exercise, prepared, seed):
        image_shape = (None, *IMAGE_SHAPE, 1)
        self.images_t = tf.compat.v1.placeholder(tf.float32, image_shape, "images")
        self.labels_t = tf.compat.v1.placeholder(
            tf.float32, (None, len(exercise.classes)), "labels"
        )
        with tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE):
            net = Sequential(self.images_t, training=True, seed=seed)
            exercise.network(net)
            with tf.compat.v1.name_scope("inference"):
                scored = Sequential(self.images_t, training=False)
                exercise.network(scored)
        self.scored_logits_t = scored.logits_t

        cross_entropy_t = tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits(labels=self.labels_t, logits=net.logits_t)
        )
        total_t = tf.add_n([cross_entropy_t, *net.penalty_ts])
        self.loss_ts = (cross_entropy_t, total_t)[: len(exercise.loss_columns)]
        step = tf.compat.v1.train.get_or_create_global_step()
        rate_t = tf.compat.v1.train.exponential_decay(
            exercises.LEARNING_RATE, step, exercises.DECAY_STEPS, exercises.DECAY, staircase=True
        )
        optimizer = tf.compat.v1.train.MomentumOptimizer(rate_t, exercises.MOMENTUM)
        minimize_op = optimizer.minimize(total_t, step)
        self.train_op = tf.group(minimize_op, *net.update_ops)
        preprocess_variables(prepared)
        self.saver = tf.compat.v1.train.Saver()
        self.init_op = tf.compat.v1.global_variables_initializer()

    def finalize(self):
        """No operation is added from here on."""
        self.images_t.graph.finalize()


class _Run:
    """A session over a training graph: one step, one score."""

    def __init__(self, session, graph, exercise, prepared):
        self._session, self._graph = session, graph
        self._exercise, self._prepared = exercise, prepared

    def step(self, images, labels):
        """Train on one batch; returns its losses."""
        graph = self._graph
        feeds = {
            graph.images_t: preprocessing.apply(self._prepared, images),
            graph.labels_t: one_hot(labels, len(self._exercise.classes)),
        }
        return self._session.run((graph.loss_ts, graph.train_op), feeds)[0]

    def score(self, images, labels):
        """Confusion matrix of some images, running moments in use."""
        feeds = {self._graph.images_t: preprocessing.apply(self._prepared, images)}
        predicted = self._session.run(self._graph.scored_logits_t, feeds).argmax(axis=1)
        return confusion_matrix(labels, predicted, len(self._exercise.classes))

    def score_shots(self, shots, indices):
        """Confusion matrix of chosen shots, in small batches."""
        size = self._exercise.predict_batch_size
        return sum(
            self.score(images, shots.labels[part])
            for part, images in in_order(shots, size, np.sort(indices))
        )


def _batches(shots, batch_size, epochs, rng):
    for epoch in range(epochs):
        for batch, (indices, images) in enumerate(shuffled(shots, batch_size, rng)):
            yield epoch, batch, indices, images


def _with_bar(items, total, what):
    """A bar at a terminal; in a log the rows themselves are the progress."""
    return progress(items, total, what) if sys.stderr.isatty() else items


def _check_labels(exercise, *parts):
    classes = len(exercise.classes)
    for shots in parts:
        if shots.labels.max() >= classes:
            raise InputError(
                f"label {shots.labels.max()}; {exercise.name} has classes 0..{classes - 1}"
            )


def _check_finite(losses, step):
    if not np.isfinite(losses).all():
        raise InputError(
            f"the loss is {losses[0]} at step {step}; look for images far outside 0..255 or try "
            "another --seed"
        )


def _summarise(writer, step, values):
    if writer:
        value = tf.compat.v1.Summary.Value
        tags = [value(tag=tag, simple_value=float(number)) for tag, number in values]
        writer.add_summary(tf.compat.v1.Summary(value=tags), step)
        writer.flush()
