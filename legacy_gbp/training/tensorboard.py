"""Scalars for TensorBoard."""

import contextlib
import time
from typing import Callable, Iterator, Mapping, Optional

import tensorflow as tf

WriteScalars = Callable[[int, Mapping[str, float]], None]


@contextlib.contextmanager
def scalar_writer(logdir: Optional[str], first_step: int = 0) -> Iterator[WriteScalars]:
    """Write scalars to a folder, or nowhere.

    TensorFlow names an event file after host and second, so that two trainings within one
    second overwrite each other's. The suffix here makes the names unique, and sorts them by
    time, as TensorBoard reads them.

    Parameters
    ----------
    logdir : str or None
    first_step : int
        Where a resumed training goes on. TensorBoard then forgets the scalars
        of the steps from there on that an earlier process wrote.

    Yields
    ------
    callable
        ``write(step, {tag: number})``, flushed at once.
    """
    if not logdir:
        yield lambda step, numbers: None
        return
    with tf.Graph().as_default():  # the writer refuses to work outside a graph
        suffix = f".{time.time_ns():020d}"
        writer = tf.compat.v1.summary.FileWriter(logdir, filename_suffix=suffix)
    if first_step:
        started = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        writer.add_session_log(started, first_step)

    def write(step: int, numbers: Mapping[str, float]) -> None:
        value = tf.compat.v1.Summary.Value
        tags = [value(tag=tag, simple_value=float(number)) for tag, number in numbers.items()]
        writer.add_summary(tf.compat.v1.Summary(value=tags), step)
        writer.flush()

    try:
        yield write
    finally:
        writer.close()
