"""Shots and checkpoint of a command that runs a trained network."""

import os

from legacy_gbp.commands import train
from legacy_gbp.commands.data_folder import any_shots, data_files, only_synthetic
from legacy_gbp.commands.quiet_tensorflow import load_quietly
from legacy_gbp.errors import InputError
from legacy_gbp.sources.xtcav_checkpoint import XtcavCheckpoint, check_exists


def restore(exercise, options):
    """Find shots and checkpoint, refusing what is wrong before TensorFlow loads.

    On the synthetic set, with no checkpoint named and none there, the network
    is trained first, so that one command ends in a picture.

    Parameters
    ----------
    exercise : Exercise
    options : argparse.Namespace
        See :mod:`legacy_gbp.cli`.

    Returns
    -------
    shots : FileShots
    source : XtcavCheckpoint
    """
    train_first = only_synthetic(options) and options.checkpoint is None
    prefix = options.checkpoint or exercise.checkpoint
    remedy = f"run_{exercise.name}.py train"
    if not train_first:
        prefix = check_exists(prefix, remedy)
    paths = options.files or data_files(exercise, options, "predict")
    shots = any_shots(exercise, paths)
    _check_output(options.output, paths)
    if train_first and not os.path.exists(prefix + ".index"):
        print(f"-- no checkpoint {prefix} yet: training one ({remedy})", flush=True)
        train.run(exercise, options.training_defaults(options.data_dir))
    print(f"-- read {len(shots)} samples for prediction", flush=True)
    load_quietly()
    source = XtcavCheckpoint(exercise, prefix)
    print(f"restored model from {prefix}", flush=True)
    return shots, source


def _check_output(output, inputs):
    if output and os.path.abspath(output) in [os.path.abspath(path) for path in inputs]:
        raise InputError(f"{output}: is a data file; give another --output")
    if output and os.path.isdir(output):
        raise InputError(f"{output}: is a folder; give a file name for --output")
