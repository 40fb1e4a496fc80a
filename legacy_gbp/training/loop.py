"""The training loop of 2016: a log line a step, a validation every ten, the best one kept.

It can be left after every step and entered again: see :mod:`legacy_gbp.training.resume_file`.
"""

import contextlib
import sys
import time
from collections import namedtuple

import numpy as np

from legacy_gbp.data.batches import Epochs, in_order
from legacy_gbp.errors import InputError
from legacy_gbp.exercises import definitions as exercises
from legacy_gbp.exercises import preprocess as preprocessing
from legacy_gbp.exercises.checkpoint import PREPROCESS_MEAN
from legacy_gbp.io.console import progress, say
from legacy_gbp.metrics.classification import accuracy
from legacy_gbp.training import resume_file as resume
from legacy_gbp.training.log import header, row, validation_lines
from legacy_gbp.training.resume_policy import Course, StateKeeper
from legacy_gbp.training.tensorboard import scalar_writer
from legacy_gbp.training.trainer import StepLost, Trainer

Trained = namedtuple("Trained", "steps best_accuracy best_step losses accuracies stopped")
Trained.__doc__ = """What a training reached.

steps : int, of the whole training
best_accuracy : float, 0..1, of the validation shots; best_step : int
losses : (steps, columns) float array
accuracies : list of (step, validation accuracy)
stopped : str or None, why it was left before its end

A resumed training counts what it did before it was stopped.
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
    stop=None,
    saving=None,
    go_on=False,
    trainer=Trainer,
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
    stop : callable, optional
        Asked between the steps; what it returns, if not None, is the reason to
        stop, and must stay.
    saving : Saving, optional
        Where the state of a stopped training goes.
    go_on : bool
        Go on from ``saving.record``, with the same losses as if never stopped.
    trainer : callable, optional
        ``trainer(exercise, prepared, seed)`` gives something like a
        :class:`legacy_gbp.training.trainer.Trainer`.

    Returns
    -------
    Trained

    Raises
    ------
    InputError
        When there are fewer shots than a batch, the loss is not finite, or the
        stopped training was another one.
    """
    log, stop = log or say, stop or (lambda: None)
    epochs, batch_size = epochs or exercise.epochs, batch_size or exercise.batch_size
    if len(train_shots) < batch_size:
        raise InputError(
            f"{len(train_shots)} usable training shots do not fill a batch of {batch_size}; give "
            "more files or a smaller --batch-size"
        )
    _check_labels(exercise, train_shots, validation_shots)
    rng = np.random.RandomState(seed)
    chosen = rng.permutation(len(validation_shots))[: exercise.validation_shots]
    keeper = saving and StateKeeper(
        saving,
        resume.settings(
            exercise,
            {"training": train_shots, "validation": validation_shots},
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            preprocess=preprocess,
        ),
    )
    stood, course = None, Course()
    if go_on:
        stood = keeper.read(checkpoint)
        course = Course.of_record(stood)
        rng.set_state(stood.rng_state)
        prepared = preprocessing.Preprocess(preprocess, stood.variables[PREPROCESS_MEAN])
    else:
        images_to_fit = (images for _, images in in_order(train_shots, batch_size))
        prepared = preprocessing.fit(preprocess, _until(stop, images_to_fit))
    batches = Epochs(train_shots, batch_size, epochs, rng, course.epoch, course.batch)
    steps, first = epochs * (len(train_shots) // batch_size), len(course.losses)

    with contextlib.ExitStack() as stack:
        network = stack.enter_context(trainer(exercise, prepared, seed))
        write_scalars = stack.enter_context(scalar_writer(logdir, first))
        if stood:
            network.restore(stood.variables)
            by = ", ".join(f"{name} {value}" for name, value in stood.written_by.items())
            log(f"-- going on after step {first} of {steps}, from {saving.record} ({by})")
        elif keeper:
            keeper.remove()  # its checkpoint is about to be replaced
        log(header(exercise.loss_columns, len(exercise.classes)))
        stopped = stop()
        rest = () if stopped else _with_bar(batches, steps - first, exercise.name)
        for step, (epoch, batch, indices, images) in enumerate(rest, first):
            course.epoch, course.batch = epoch, batch
            start = time.monotonic()
            labels = train_shots.labels[indices]
            try:
                losses = network.step(images, labels)
            except StepLost as error:
                stopped = str(error)
                break
            line = row(epoch, batch, step, time.monotonic() - start, losses)
            _check_finite(losses, step)
            course.losses.append(losses)
            course.batch += 1
            write_scalars(step, dict(zip(exercise.loss_columns, losses)))
            if step % exercises.VALIDATE_EVERY:
                log(line)
            else:
                start = time.monotonic()
                on_train = network.score(images, labels)
                on_validation = network.score_shots(validation_shots, chosen)
                reached = accuracy(on_validation)
                write_scalars(step, {"tr.acc": accuracy(on_train), "vl.acc": reached})
                saved_in = None
                if course.improves(step, reached) and checkpoint:
                    network.save(checkpoint)
                    saved_in = checkpoint
                seconds = time.monotonic() - start
                for text in validation_lines(line, seconds, on_train, on_validation, saved_in):
                    log(text)
            stopped = stop() if step + 1 < steps else None
            if stopped:
                break
            if keeper and keeper.is_due():
                keeper.write(course, batches.rng_state, network)
        if stopped:
            kept = "nothing to keep"
            if keeper and course.losses:
                keeper.write(course, batches.rng_state, network)
                kept = f"its state is in {saving.record}, --resume auto goes on"
            log(f"-- stopped ({stopped}) after step {len(course.losses)} of {steps}; {kept}")
        else:
            if final_checkpoint:
                network.save(final_checkpoint)
                log(f"** saved in {final_checkpoint}")
            if keeper:
                keeper.remove()
    losses, best = np.array(course.losses), (course.best_accuracy, course.best_step)
    return Trained(steps, *best, losses, course.accuracies, stopped)


def _until(stop, items):
    for item in items:
        yield item
        if stop():
            return


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
