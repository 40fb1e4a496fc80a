"""Scalars for TensorBoard."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def scalar_writer(logdir, first_step=0):
    """Write scalars to a folder, or nowhere.

    Parameters
    ----------
    logdir : str or None
    first_step : int
        Where a resumed training goes on. TensorBoard then forgets the scalars
        of the steps behind it that an earlier process wrote.

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
    if first_step:
        started = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        writer.add_session_log(started, first_step)

    def write(step, numbers):
        value = tf.compat.v1.Summary.Value
        tags = [value(tag=tag, simple_value=float(number)) for tag, number in numbers.items()]
        writer.add_summary(tf.compat.v1.Summary(value=tags), step)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
