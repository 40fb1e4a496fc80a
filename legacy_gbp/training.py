"""The training loop of 2016: a log line a step, a validation every ten, the best one kept.

It can be left after every step and entered again: see :mod:`legacy_gbp.resume`.
"""

import contextlib
import os
import sys
import time
from collections import namedtuple

import numpy as np

from legacy_gbp import __version__, exercises, resume
from legacy_gbp.data import preprocess as preprocessing
from legacy_gbp.data.batches import Epochs, in_order
from legacy_gbp.errors import InputError
from legacy_gbp.metrics.classification import accuracy
from legacy_gbp.progress import progress, say
from legacy_gbp.scalars import scalar_writer
from legacy_gbp.sources.xtcav_checkpoint import PREPROCESS_MEAN
from legacy_gbp.trainer import StepLost, Trainer
from legacy_gbp.training_log import header, row, validation_lines

Trained = namedtuple("Trained", "steps best_accuracy best_step losses accuracies stopped")
Trained.__doc__ = """What a training reached.

steps : int, of the whole training
best_accuracy : float, 0..1, of the validation shots; best_step : int
losses : (steps, columns) float array
accuracies : list of (step, validation accuracy)
stopped : str or None, why it was left before its end

A resumed training counts what it did before it was stopped.
"""

Saving = namedtuple("Saving", "record steps minutes")
Saving.__new__.__defaults__ = (None, None)
Saving.__doc__ = """Where and how often a training writes down its state, to go on from it.

record : str, file; it is written when the training is stopped and removed when it ends
steps : int or None, also every so many steps
minutes : float or None, also when so many minutes have passed
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
        :class:`legacy_gbp.trainer.Trainer`.

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
    same = saving and resume.settings(
        exercise, {"training": train_shots, "validation": validation_shots},
        seed=seed, epochs=epochs, batch_size=batch_size, preprocess=preprocess,
    )  # fmt: skip
    if go_on:
        stood = _read_record(saving.record, same, checkpoint)
        rng.set_state(stood.rng_state)
        prepared = preprocessing.Preprocess(preprocess, stood.variables[PREPROCESS_MEAN])
    else:
        stood = NOTHING_DONE
        prepared = preprocessing.fit(
            preprocess, (images for _, images in _until(stop, in_order(train_shots, batch_size)))
        )
    place = stood.epoch, stood.batch
    batches = Epochs(train_shots, batch_size, epochs, rng, *place)
    steps = epochs * (len(train_shots) // batch_size)
    losses, accuracies = list(stood.losses), [tuple(one) for one in stood.accuracies]
    best, best_step, first = stood.best_accuracy, stood.best_step, len(losses)
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(trainer(exercise, prepared, seed))
        write_scalars = stack.enter_context(scalar_writer(logdir, first))
        due = _every(saving.steps, saving.minutes) if saving else (lambda: False)

        def keep():
            resume.write(saving.record, resume.Record(
                same, *place, best, best_step, accuracies,
                {"legacy_gbp": __version__, **network.facts()}, batches.rng_state, losses,
                network.state(),
            ))  # fmt: skip

        if go_on:
            network.restore(stood.variables)
            by = ", ".join(f"{name} {value}" for name, value in stood.written_by.items())
            log(f"-- going on after step {first} of {steps}, from {saving.record} ({by})")
        elif saving:
            _remove(saving.record)  # its checkpoint is about to be replaced
        log(header(exercise.loss_columns, len(exercise.classes)))
        stopped = stop()
        rest = () if stopped else _with_bar(batches, steps - first, exercise.name)
        for step, (epoch, batch, indices, images) in enumerate(rest, first):
            start = time.monotonic()
            labels = train_shots.labels[indices]
            try:
                losses.append(network.step(images, labels))
            except StepLost as error:
                place, stopped = (epoch, batch), str(error)
                break
            line = row(epoch, batch, step, time.monotonic() - start, losses[-1])
            _check_finite(losses[-1], step)
            write_scalars(step, dict(zip(exercise.loss_columns, losses[-1])))
            if step % exercises.VALIDATE_EVERY:
                log(line)
            else:
                start = time.monotonic()
                on_train = network.score(images, labels)
                on_validation = network.score_shots(validation_shots, chosen)
                reached = accuracy(on_validation)
                accuracies.append((step, reached))
                write_scalars(step, {"tr.acc": accuracy(on_train), "vl.acc": reached})
                saved_in = None
                if reached > best:
                    best, best_step = reached, step
                    if checkpoint:
                        network.save(checkpoint)
                        saved_in = checkpoint
                seconds = time.monotonic() - start
                for text in validation_lines(line, seconds, on_train, on_validation, saved_in):
                    log(text)
            place = epoch, batch + 1
            stopped = stop() if step + 1 < steps else None
            if stopped:
                break
            if due():
                keep()
        if stopped:
            kept = "nothing to keep"
            if saving and losses:
                keep()
                kept = f"its state is in {saving.record}, --resume auto goes on"
            log(f"-- stopped ({stopped}) after step {len(losses)} of {steps}; {kept}")
        elif final_checkpoint:
            network.save(final_checkpoint)
            log(f"** saved in {final_checkpoint}")
        if saving and not stopped:
            _remove(saving.record)
    return Trained(steps, best, best_step, np.array(losses), accuracies, stopped)


NOTHING_DONE = resume.Record({}, 0, 0, -1.0, None, [], {}, (), [], {})


def _read_record(path, same, checkpoint):
    stood = resume.read(path)
    resume.check_same(path, stood.settings, same)
    if checkpoint and stood.best_step is not None and not os.path.exists(checkpoint + ".index"):
        raise InputError(
            f"{checkpoint}: the best checkpoint of the stopped training is gone; put it back, or "
            "give --resume never to train anew"
        )
    return stood


def _until(stop, items):
    for item in items:
        yield item
        if stop():
            return


def _every(steps, minutes):
    """A question that is answered yes every so many times, or when time has passed."""
    asked, since = 0, time.monotonic()

    def due():
        nonlocal asked, since
        asked += 1
        if (steps and asked >= steps) or (minutes and time.monotonic() - since >= 60 * minutes):
            asked, since = 0, time.monotonic()
            return True
        return False

    return due


def _remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


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
