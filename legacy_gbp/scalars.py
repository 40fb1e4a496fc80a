"""Scalars for TensorBoard."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def scalar_writer(logdir):
    """Write scalars to a folder, or nowhere.

    Parameters
    ----------
    logdir : str or None

    Yields
    ------
    callable
        ``write(step, {tag: number})``, flushed at once.
    """
    if not logdir:
        yield lambda step, numbers: None
        return
    with tf.Graph().as_default():  # the writer refuses to work outside a graph
        writer = tf.compat.v1.summary.FileWriter(logdir)

    def write(step, numbers):
        value = tf.compat.v1.Summary.Value
        tags = [value(tag=tag, simple_value=float(number)) for tag, number in numbers.items()]
        writer.add_summary(tf.compat.v1.Summary(value=tags), step)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
