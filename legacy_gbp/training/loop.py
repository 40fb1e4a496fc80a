"""The training loop of 2016: a log line a step, a validation every ten, the best one kept.

It can be left after every step and entered again: see
:mod:`legacy_gbp.training.resume_policy`.
"""

import contextlib
import sys
import time
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from legacy_gbp.data.batches import Batch, Epochs, in_order
from legacy_gbp.data.finite import first_not_finite
from legacy_gbp.data.shots import Shots
from legacy_gbp.errors import InputError
from legacy_gbp.exercises import preprocess as preprocessing
from legacy_gbp.exercises.checkpoint import PREPROCESS_MEAN
from legacy_gbp.exercises.definitions import VALIDATE_EVERY, Exercise
from legacy_gbp.exercises.preprocess import Preprocess
from legacy_gbp.io.console import progress
from legacy_gbp.io.unfinished import UnfinishedNote
from legacy_gbp.metrics.classification import accuracy
from legacy_gbp.training.log import header, row, validation_lines
from legacy_gbp.training.options import TrainingOptions
from legacy_gbp.training.resume_policy import ResumePolicy, settings_of
from legacy_gbp.training.state import TrainingState
from legacy_gbp.training.tensorboard import WriteScalars, scalar_writer
from legacy_gbp.training.trainer import StepLost, Trainer

DEFAULTS = TrainingOptions()


class _Run(NamedTuple):
    """What the steps of one training share."""

    exercise: Exercise
    options: TrainingOptions
    train_shots: Shots
    validation_shots: Shots
    validation_indices: np.ndarray
    trainer: Trainer
    write_scalars: WriteScalars
    note: UnfinishedNote


def train(
    exercise: Exercise,
    train_shots: Shots,
    validation_shots: Shots,
    options: TrainingOptions = DEFAULTS,
) -> TrainingState:
    """Train an exercise's network.

    Parameters
    ----------
    exercise : Exercise
        :data:`legacy_gbp.EX07` or :data:`legacy_gbp.EX08`.
    train_shots, validation_shots : FileShots or ArrayShots
        ``ArrayShots(images, labels)`` wraps data that is already in memory.
    options : TrainingOptions

    Returns
    -------
    TrainingState
        What the training reached; `stopped` where it did not come to its end.

    Raises
    ------
    InputError
        When there are fewer shots than a batch, the loss is not finite, or the
        stopped training was another one.
    OutputError
        When a checkpoint or state cannot be written.

    Examples
    --------
    >>> options = TrainingOptions(checkpoint="mine", epochs=1)  # doctest: +SKIP
    >>> state = train(EX07, ArrayShots(images, labels), more_shots, options)  # doctest: +SKIP
    >>> state.best_accuracy  # doctest: +SKIP
    """
    epochs, batch_size = (
        options.epochs or exercise.epochs,
        options.batch_size or exercise.batch_size,
    )
    _check_shots(exercise, train_shots, validation_shots, batch_size)
    rng = np.random.RandomState(options.seed)
    chosen = rng.permutation(len(validation_shots))[: exercise.validation_shots]
    settings = settings_of(
        exercise.name,
        {"training": train_shots, "validation": validation_shots},
        {
            "seed": options.seed,
            "epochs": epochs,
            "batch_size": batch_size,
            "preprocess": options.preprocess,
        },
    )
    policy = ResumePolicy(options)
    state = policy.read(settings) if options.resume else TrainingState(settings)
    state.total_steps = epochs * (len(train_shots) // batch_size)
    prepared = _prepared(options, state, train_shots, batch_size)
    if options.resume:
        rng.set_state(state.rng_state)
    batches = Epochs(train_shots, batch_size, epochs, rng, state.epoch, state.batch)
    with contextlib.ExitStack() as stack:
        opener = options.trainer or Trainer
        trainer = stack.enter_context(opener(exercise, prepared, options.seed))
        write_scalars = stack.enter_context(scalar_writer(options.logdir, state.steps))
        note = stack.enter_context(UnfinishedNote(options.checkpoint, options.command))
        run = _Run(
            exercise, options, train_shots, validation_shots, chosen, trainer, write_scalars, note
        )
        _begin(run, state, policy)
        _steps(run, state, batches, policy)
        _end(run, state, batches, policy)
    return state


def _steps(run: _Run, state: TrainingState, batches: Epochs, policy: ResumePolicy) -> None:
    """Do the steps that are left, until there is a reason to stop."""
    exercise, options = run.exercise, run.options
    state.stopped = options.stop()
    left = () if state.stopped else _with_bar(batches, state.total_steps - state.steps, exercise)
    for epoch, number, batch in left:
        state.epoch, state.batch = epoch, number
        begun = time.monotonic()
        labels = run.train_shots.labels[batch.indices]
        try:
            losses = run.trainer.step(batch.images, labels)
        except StepLost as error:
            state.stopped = str(error)
            return
        step = state.steps
        line = row(epoch, number, step, time.monotonic() - begun, losses)
        _check_loss(losses, step)
        state.add_step(losses)
        run.write_scalars(step, dict(zip(exercise.loss_columns, losses)))
        if step % VALIDATE_EVERY:
            options.log(line)
        else:
            _validate(run, state, batch, line)
        state.stopped = options.stop() if state.steps < state.total_steps else None
        if state.stopped:
            return
        if policy.is_due():
            policy.write(state, batches.rng_state, run.trainer)


def _validate(run: _Run, state: TrainingState, batch: Batch, line: str) -> None:
    """Score the batch and the validation shots; keep the best."""
    begun = time.monotonic()
    trainer, checkpoint = run.trainer, run.options.checkpoint
    on_train = trainer.score(batch.images, run.train_shots.labels[batch.indices])
    on_validation = trainer.score_shots(run.validation_shots, run.validation_indices)
    reached = accuracy(on_validation)
    run.write_scalars(state.steps - 1, {"tr.acc": accuracy(on_train), "vl.acc": reached})
    saved_in: Optional[str] = None
    if state.add_validation(reached) and checkpoint:
        run.note.write()  # before the checkpoint: nobody takes it for a finished one
        trainer.save(checkpoint)
        saved_in = checkpoint
    seconds = time.monotonic() - begun
    for text in validation_lines(line, seconds, on_train, on_validation, saved_in):
        run.options.log(text)


def _begin(run: _Run, state: TrainingState, policy: ResumePolicy) -> None:
    if run.options.resume:
        if state.best_step is not None:
            run.note.write()
        run.trainer.restore(state.variables)
        by = ", ".join(f"{name} {value}" for name, value in state.written_by.items())
        run.options.log(
            f"-- going on after step {state.steps} of {state.total_steps}, from {policy.path} "
            f"({by})"
        )
    else:
        policy.remove()  # its checkpoint is about to be replaced
    run.options.log(header(run.exercise.loss_columns, len(run.exercise.classes)))


def _end(run: _Run, state: TrainingState, batches: Epochs, policy: ResumePolicy) -> None:
    log, final = run.options.log, run.options.final_checkpoint
    if state.stopped:
        kept = "nothing to keep"
        if policy.path and state.losses:
            policy.write(state, batches.rng_state, run.trainer)
            kept = f"its state is in {policy.path}, from which a resumed training goes on"
        log(f"-- stopped ({state.stopped}) after step {state.steps} of {state.total_steps}; {kept}")
        return
    if final:
        run.trainer.save(final)
        log(f"** saved in {final}")
    run.note.remove()
    policy.remove()


def _prepared(
    options: TrainingOptions, state: TrainingState, shots: Shots, batch_size: int
) -> Preprocess:
    """Return the preparation of a stopped training, or fit one to the training shots."""
    if options.resume:
        return Preprocess(options.preprocess, state.variables[PREPROCESS_MEAN])
    images = (batch.images for batch in in_order(shots, batch_size))
    return preprocessing.fit(options.preprocess, _until(options.stop, images))


def _until(stop: Callable[[], Optional[str]], items: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for item in items:
        yield item
        if stop():
            return


def _with_bar(batches: Epochs, total: int, exercise: Exercise) -> Iterable[Tuple[int, int, Batch]]:
    """Show a bar at a terminal; in a log the rows themselves are the progress."""
    return progress(batches, total, exercise.name) if sys.stderr.isatty() else batches


def _check_shots(
    exercise: Exercise, train_shots: Shots, validation_shots: Shots, batch_size: int
) -> None:
    if len(train_shots) < batch_size:
        raise InputError(
            f"{len(train_shots)} usable training shots do not fill a batch of {batch_size}; give "
            "more files or a smaller `batch_size`"
        )
    classes = len(exercise.classes)
    for shots in (train_shots, validation_shots):
        if shots.labels.max() >= classes:
            raise InputError(
                f"label {shots.labels.max()}: {exercise.name} has classes 0..{classes - 1}; give "
                "labels of these, or -1 for what is not to be used"
            )


def _check_loss(losses: Any, step: int) -> None:
    if first_not_finite(np.array([losses])) is not None:
        raise InputError(
            f"the loss is {losses[0]} at step {step}; look for images far outside 0..255 or try "
            "another `seed`"
        )
