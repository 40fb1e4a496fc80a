"""Checkpoints written aside and renamed, with all that prediction needs."""

import os
import shutil

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.sources.xtcav_checkpoint import PREPROCESS_KIND, PREPROCESS_MEAN

# The index is renamed last: a checkpoint without it counts as not there.
SUFFIXES = (".data-00000-of-00001", ".meta", ".index")


def preprocess_variables(preprocess):
    """Variables that carry the preprocessing through the checkpoint.

    Parameters
    ----------
    preprocess : Preprocess

    Returns
    -------
    list of tf.Variable
    """
    return [
        tf.compat.v1.get_variable(
            name, initializer=tf.constant(value), trainable=False, use_resource=True
        )
        for name, value in (
            (PREPROCESS_KIND, preprocess.kind),
            (PREPROCESS_MEAN, preprocess.mean),
        )
    ]


def save_aside(saver, session, path):
    """Save a session's variables under `path`, whole or not at all.

    Parameters
    ----------
    saver : tf.compat.v1.train.Saver
    session : tf.compat.v1.Session
    path : str
        Prefix of the checkpoint. Its folder is made when missing.
    """
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f".partial-{os.getpid()}-{name}")
    try:
        os.makedirs(partial, exist_ok=True)
        saver.save(session, os.path.join(partial, name), write_state=False)
        for suffix in SUFFIXES:
            os.replace(os.path.join(partial, name + suffix), os.path.join(folder, name + suffix))
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            "{}: the checkpoint cannot be written ({}); choose another --checkpoint or "
            "make room".format(path, str(error).split("\n")[0])
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
