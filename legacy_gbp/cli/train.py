"""``train``: fit the exercise's network and keep the best checkpoint."""

import os

from legacy_gbp.batch.rendezvous import Chief
from legacy_gbp.batch.requeue import requeue
from legacy_gbp.batch.signals import stop_signals
from legacy_gbp.batch.slurm_step import slurm_step
from legacy_gbp.cli.data_folder import data_files, labelled_shots
from legacy_gbp.cli.quiet_tensorflow import load_quietly
from legacy_gbp.cli.worker import serve
from legacy_gbp.errors import InputError, Stopped
from legacy_gbp.io.atomic import check_destination, remove_stale
from legacy_gbp.io.tf_checkpoint import recover
from legacy_gbp.training.resume_file import record_path
from legacy_gbp.training.resume_policy import Saving

QUEUES = ("SLURM_JOB_ID", "LSB_JOBID")


def run(exercise, options):
    """Train with the options of :mod:`legacy_gbp.cli`, on all tasks of a Slurm step."""
    step = slurm_step()
    if step is None:
        alone(exercise, options)
        return
    with stop_signals() as received:  # Slurm signals all tasks; the workers wait for the chief
        if step.task:
            serve(step)
        with Chief(step) as chief:
            _train(exercise, options, received, chief)


def alone(exercise, options):
    """Train in this process."""
    with stop_signals() as received:
        _train(exercise, options, received)


def _train(exercise, options, received, chief=None):
    _check_split(exercise, options, chief)
    small = options.data == "test"
    train_paths = options.train_files or data_files(exercise, options, "train", small)
    validation_paths = options.validation_files or data_files(exercise, options, "validation")
    train_shots = labelled_shots(exercise, train_paths)
    validation_shots = labelled_shots(exercise, validation_paths)
    checkpoint = options.checkpoint or exercise.checkpoint
    final = None
    if exercise.final_checkpoint:
        beside = os.path.join(os.path.dirname(checkpoint), exercise.final_checkpoint)
        final = options.final_checkpoint or beside
        if os.path.abspath(final) == os.path.abspath(checkpoint):
            raise InputError(
                f"{final}: is the best checkpoint too; give another --final-checkpoint"
            )
    for destination in filter(None, (checkpoint, final)):
        check_destination(destination + ".index")
        recover(destination)
        _tidy(destination)
    record = record_path(checkpoint)
    go_on = _goes_on(record, options.resume)
    if options.logdir:
        check_destination(os.path.join(options.logdir, "events"))
    print(
        f"-- read {len(train_shots)} samples for training, {len(validation_shots)} for validation "
        f"({train_shots.skipped + validation_shots.skipped} rows left out)",
        flush=True,
    )

    load_quietly()
    from legacy_gbp.training.distributed import cluster_trainer
    from legacy_gbp.training.loop import train
    from legacy_gbp.training.trainer import Trainer

    trainer = cluster_trainer(chief) if chief else Trainer

    trained = train(
        exercise,
        train_shots,
        validation_shots,
        checkpoint=checkpoint,
        final_checkpoint=final,
        seed=options.seed,
        epochs=options.epochs,
        batch_size=options.batch_size,
        preprocess=options.preprocess,
        logdir=options.logdir,
        stop=received,
        saving=Saving(record, options.save_steps, options.save_minutes),
        go_on=go_on,
        trainer=trainer,
    )
    if trained.stopped:
        if options.requeue:
            print(f"-- {requeue()}", flush=True)
        raise Stopped(trained.stopped)
    print(
        f"-- best validation accuracy {100 * trained.best_accuracy:.1f}% at step "
        f"{trained.best_step} of {trained.steps}, in {checkpoint}",
        flush=True,
    )


def _check_split(exercise, options, chief):
    size = options.batch_size or exercise.batch_size
    if chief and size < chief.step.tasks:
        raise InputError(
            f"a batch of {size} cannot be split between {chief.step.tasks} tasks; give a larger "
            "--batch-size or fewer tasks"
        )


def _goes_on(record, wish):
    """Whether a stopped training is to go on; says so where one stands and is left behind."""
    if wish is None and any(queue in os.environ for queue in QUEUES):
        wish = "auto"
    stands = os.path.exists(record)
    if stands and wish is None:
        print(
            f"-- a stopped training stands in {record} and is replaced by this one; --resume auto "
            "goes on with it",
            flush=True,
        )
    return wish == "must" or (wish == "auto" and stands)


def _tidy(path):
    """Remove what a killed training left half-written beside a checkpoint."""
    folder, name = os.path.split(os.path.abspath(path))
    if os.path.isdir(folder):
        remove_stale(folder, name)
