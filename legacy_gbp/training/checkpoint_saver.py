"""Save the variables of a session as one checkpoint, with all that prediction needs."""

import os
import shutil
from typing import Any

import tensorflow as tf

from legacy_gbp.errors import LegacyGbpError, OutputError
from legacy_gbp.exercises.checkpoint import PREPROCESS_KIND, PREPROCESS_MEAN
from legacy_gbp.exercises.preprocess import Preprocess
from legacy_gbp.io.atomic import check_free_space, temporary_name
from legacy_gbp.io.checkpoint_files import publish


def add_preprocess_variables(preprocess: Preprocess) -> None:
    """Add the variables that carry a preparation through the checkpoint to the current graph.

    Parameters
    ----------
    preprocess : Preprocess
    """
    for name, value in ((PREPROCESS_KIND, preprocess.kind), (PREPROCESS_MEAN, preprocess.mean)):
        tf.compat.v1.get_variable(
            name, initializer=tf.constant(value), trainable=False, use_resource=True
        )


def save_checkpoint(saver: Any, session: Any, prefix: str) -> None:
    """Save a session's variables; a reader meets the old checkpoint or the new one.

    Parameters
    ----------
    saver : tf.compat.v1.train.Saver
    session : tf.compat.v1.Session
    prefix : str
        Of the checkpoint. Its folder is made when missing.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    name, partial = os.path.basename(prefix), temporary_name(prefix)
    try:
        os.makedirs(os.path.dirname(partial), exist_ok=True)
        os.mkdir(partial, 0o755)  # TensorFlow writes by name: nobody else may add a link
        check_free_space(prefix, _bytes_of_variables(session.graph))
        saver.save(session, os.path.join(partial, name), write_state=False)
        publish(partial, prefix)
    except LegacyGbpError:
        raise
    except (OSError, tf.errors.OpError) as error:
        raise OutputError(
            f"{prefix}: the checkpoint cannot be written ({_reason(error)}); choose another "
            "`checkpoint` or make room"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _bytes_of_variables(graph: Any) -> int:
    with graph.as_default():
        variables = tf.compat.v1.global_variables()
    return sum(
        variable.shape.num_elements() * variable.dtype.size
        for variable in variables
        if variable.dtype.base_dtype != tf.string
    )


def _reason(error: BaseException) -> str:
    """Return the line that says why: TensorFlow names the place first."""
    return getattr(error, "strerror", None) or str(error).strip().split("\n")[-1]
