"""How every session of a training is configured."""

from typing import Any

import tensorflow as tf

from legacy_gbp.batch.environment import granted_threads


def session_config() -> Any:
    """Return a configuration with the number of threads that the batch queue granted.

    Without it TensorFlow takes every core of a node that others work on too.

    Returns
    -------
    tf.compat.v1.ConfigProto
    """
    return tf.compat.v1.ConfigProto(intra_op_parallelism_threads=granted_threads())
