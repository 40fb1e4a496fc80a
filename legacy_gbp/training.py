"""The training loop of 2016: a log line a step, a validation every ten, the best one kept."""

import contextlib
import sys
import time
from collections import namedtuple

import numpy as np

from legacy_gbp import exercises
from legacy_gbp.data import preprocess as preprocessing
from legacy_gbp.data.batches import in_order, shuffled
from legacy_gbp.errors import InputError
from legacy_gbp.metrics.classification import accuracy
from legacy_gbp.progress import progress, say
from legacy_gbp.scalars import scalar_writer
from legacy_gbp.trainer import Trainer
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
    batches = _batches(train_shots, batch_size, epochs, rng)
    steps = epochs * (len(train_shots) // batch_size)
    losses, accuracies, best, best_step = [], [], -1.0, None
    with contextlib.ExitStack() as stack:
        trainer = stack.enter_context(Trainer(exercise, prepared, seed))
        write_scalars = stack.enter_context(scalar_writer(logdir))
        log(header(exercise.loss_columns, len(exercise.classes)))
        for step, (epoch, batch, indices, images) in enumerate(
            _with_bar(batches, steps, exercise.name)
        ):
            start = time.monotonic()
            labels = train_shots.labels[indices]
            losses.append(trainer.step(images, labels))
            line = row(epoch, batch, step, time.monotonic() - start, losses[-1])
            _check_finite(losses[-1], step)
            write_scalars(step, dict(zip(exercise.loss_columns, losses[-1])))
            if step % exercises.VALIDATE_EVERY:
                log(line)
                continue
            start = time.monotonic()
            on_train = trainer.score(images, labels)
            on_validation = trainer.score_shots(validation_shots, chosen)
            reached = accuracy(on_validation)
            accuracies.append((step, reached))
            write_scalars(step, {"tr.acc": accuracy(on_train), "vl.acc": reached})
            saved_in = None
            if reached > best:
                best, best_step = reached, step
                if checkpoint:
                    trainer.save(checkpoint)
                    saved_in = checkpoint
            seconds = time.monotonic() - start
            for text in validation_lines(line, seconds, on_train, on_validation, saved_in):
                log(text)
        if final_checkpoint:
            trainer.save(final_checkpoint)
            log(f"** saved in {final_checkpoint}")
    return Trained(steps, best, best_step, np.array(losses), accuracies)


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
