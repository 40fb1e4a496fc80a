"""``train``: fit the exercise's network and keep the best checkpoint."""

import os

from legacy_gbp.aside import check_destination
from legacy_gbp.commands.data_folder import data_files, labelled_shots
from legacy_gbp.commands.quiet_tensorflow import load_quietly
from legacy_gbp.errors import InputError


def run(exercise, options):
    """Train with the options of :mod:`legacy_gbp.cli`."""
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
    if options.logdir:
        check_destination(os.path.join(options.logdir, "events"))
    print(
        f"-- read {len(train_shots)} samples for training, {len(validation_shots)} for validation "
        f"({train_shots.skipped + validation_shots.skipped} rows left out)",
        flush=True,
    )

    load_quietly()
    from legacy_gbp.training import train

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
    )
    print(
        f"-- best validation accuracy {100 * trained.best_accuracy:.1f}% at step "
        f"{trained.best_step} of {trained.steps}, in {checkpoint}",
        flush=True,
    )
