"""How every session of a training is configured."""

import os

import tensorflow as tf


def session_config(**options):
    """Configuration with the number of threads that the batch queue granted.

    Without it TensorFlow takes every core of a node that others work on too.

    Parameters
    ----------
    **options
        Further fields of ``ConfigProto``.

    Returns
    -------
    tf.compat.v1.ConfigProto
    """
    return tf.compat.v1.ConfigProto(intra_op_parallelism_threads=granted_threads(), **options)


def granted_threads():
    """``SLURM_CPUS_PER_TASK``, or 0: TensorFlow decides."""
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return int(granted) if granted.isdigit() else 0
