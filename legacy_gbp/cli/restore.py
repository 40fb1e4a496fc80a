"""What predict and gbprop share: shots and checkpoint in, a record of results out."""

import contextlib
import glob
import json
import os

import numpy as np

from legacy_gbp.cli import train
from legacy_gbp.cli.data_folder import data_files, only_synthetic
from legacy_gbp.cli.quiet_tensorflow import load_quietly
from legacy_gbp.errors import InputError
from legacy_gbp.exercises.checkpoint import XtcavCheckpoint, check_exists
from legacy_gbp.io.atomic import check_destination
from legacy_gbp.results import input_facts, provenance, result_file
from legacy_gbp.results.plan import planned, sharing, unfinished


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
    outputs : list of Output
        What is still to be made; maybe nothing.
    source : XtcavCheckpoint or None
        None when nothing is left to do.
    """
    shard, by_file = sharing(options)
    if options.output:
        check_destination(options.output)
    train_first = only_synthetic(options) and options.checkpoint is None
    prefix = options.checkpoint or exercise.checkpoint
    remedy = f"run_{exercise.name}.py train"
    if not train_first:
        prefix = check_exists(prefix, remedy)
    paths = options.files or data_files(exercise, options, "predict")
    outputs = planned(exercise, options, paths, shard, by_file)
    for output in outputs:
        _check_not_read(output.path, [*paths, *glob.glob(glob.escape(prefix) + ".*")])
    if not outputs:
        print(f"-- shard {shard}: no file of {len(paths)} is left for it", flush=True)
        return [], None
    if train_first and not os.path.exists(prefix + ".index"):
        print(f"-- no checkpoint {prefix} yet: training one ({remedy})", flush=True)
        train.alone(exercise, options.training_defaults(options.data_dir))
    if by_file:
        left = unfinished(exercise, options, outputs, prefix)
        print(
            f"-- shard {shard}: {len(outputs)} of {len(paths)} files, "
            f"{len(outputs) - len(left)} finished before",
            flush=True,
        )
        outputs = left
        if not outputs:
            return [], None
    print(f"-- read {sum(len(o.shots) for o in outputs)} samples for prediction", flush=True)
    skipped = sum(output.shots.skipped for output in outputs)
    if skipped:
        print(f"-- left out {skipped} samples labelled -1 (do not use)", flush=True)
    load_quietly()
    source = XtcavCheckpoint(exercise, prefix)
    print(f"restored model from {prefix}", flush=True)
    return outputs, source


@contextlib.contextmanager
def recorded(exercise, options, output, source):
    """Open the file of a result, where one was asked for.

    Parameters
    ----------
    exercise : Exercise
    options : argparse.Namespace
    output : Output
    source : XtcavCheckpoint

    Yields
    ------
    callable
        ``record(indices, **columns)`` appends one row a shot, with its label
        (-1: none), file and row; without a file it does nothing.
    """
    if not output.path:
        yield lambda indices, **columns: None
        return
    shots = output.shots
    facts = provenance(
        exercise.name, options.given(), source.path, shots.paths, source.preprocess.kind
    )
    usable = np.bincount(shots.files, minlength=len(shots.paths))
    facts["data_shots"] = json.dumps(usable.tolist())
    if output.facts:  # one of many: a later task must know its data file again
        facts.update(output.facts, **input_facts(*shots.paths))
    paths = np.array([os.path.abspath(path) for path in shots.paths], dtype=object)
    with result_file(output.path, facts, getattr(options, "compress", False)) as append:
        yield lambda indices, **columns: append(
            label=shots.labels[indices],
            file=paths[shots.files[indices]],
            row=shots.rows[indices],
            **columns,
        )


def check_finite(values, what, shots, indices):
    """Refuse NaN or Inf in what the network gave for some shots.

    Parameters
    ----------
    values : (n, ...) float array
    what : str
        Its name in the message.
    shots : FileShots
    indices : (n,) int
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):  # NaN and Inf stay in a sum, which is cheaper to look at
            return
    bad = np.nonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim))))[0]
    if len(bad):
        index = indices[bad[0]]
        raise InputError(
            f"{shots.paths[shots.files[index]]} row {shots.rows[index]}: NaN or Inf in the {what}; "
            "look for huge pixels in the image or NaN in the checkpoint's variables"
        )


def _check_not_read(output, inputs):
    if output and os.path.realpath(output) in [os.path.realpath(path) for path in inputs]:
        raise InputError(f"{output}: is read by this command; give another --output")
