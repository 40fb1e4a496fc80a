"""Checkpoints written aside and put in place whole, with all that prediction needs."""

import os
import shutil

import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.exercises.checkpoint import PREPROCESS_KIND, PREPROCESS_MEAN
from legacy_gbp.io.atomic import check_room, partial_of
from legacy_gbp.io.tf_checkpoint import publish


def add_preprocess_variables(preprocess):
    """Add the variables that carry a Preprocess through the checkpoint to the current graph."""
    for name, value in ((PREPROCESS_KIND, preprocess.kind), (PREPROCESS_MEAN, preprocess.mean)):
        tf.compat.v1.get_variable(
            name, initializer=tf.constant(value), trainable=False, use_resource=True
        )


def save_aside(saver, session, path):
    """Save a session's variables under `path`, whole or not at all.

    Parameters
    ----------
    saver : tf.compat.v1.train.Saver
    session : tf.compat.v1.Session
    path : str
        Prefix of the checkpoint. Its folder is made when missing.
    """
    name, partial = os.path.basename(path), partial_of(path)
    try:
        os.makedirs(partial, exist_ok=True)
        check_room(path, _bytes_of_variables(session.graph))
        saver.save(session, os.path.join(partial, name), write_state=False)
        publish(partial, path)
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            f"{path}: the checkpoint cannot be written ({_reason(error)}); choose another "
            "--checkpoint or make room"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _bytes_of_variables(graph):
    with graph.as_default():
        variables = tf.compat.v1.global_variables()
    return sum(
        variable.shape.num_elements() * variable.dtype.size
        for variable in variables
        if variable.dtype.base_dtype != tf.string
    )


def _reason(error):
    """The line that says why: TensorFlow puts the place first."""
    return getattr(error, "strerror", None) or str(error).strip().split("\n")[-1]
