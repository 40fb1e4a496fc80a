"""Scalars for TensorBoard."""

import contextlib
import os
import re
import secrets
import socket
import time
from typing import Any, Callable, Iterator, Mapping, Optional

import tensorflow as tf

from legacy_gbp.io.record_file import RecordFile

FILE_VERSION = "brain.Event:2"  # the first event of a file
START = "events.out.tfevents."
WriteScalars = Callable[[int, Mapping[str, float]], None]


@contextlib.contextmanager
def scalar_writer(logdir: Optional[str], first_step: int = 0) -> Iterator[WriteScalars]:
    """Write scalars to a folder, or nowhere.

    TensorFlow names an event file after host and second, so that two trainings within one
    second overwrite each other's. The names here are unique and sort by time, as TensorBoard
    reads them; nobody can guess them.

    Parameters
    ----------
    logdir : str or None
    first_step : int
        Where a resumed training goes on. TensorBoard then forgets the scalars
        of the steps from there on that an earlier process wrote.

    Yields
    ------
    callable
        ``write(step, {tag: number})``, written at once.

    Raises
    ------
    OutputError
        When the folder or a file in it cannot be written.
    """
    if not logdir:
        yield lambda step, numbers: None
        return
    file = RecordFile(os.path.join(logdir, _new_name(logdir)))

    def add(**content: Any) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), **content)
        file.add(event.SerializeToString())

    def write(step: int, numbers: Mapping[str, float]) -> None:
        value = tf.compat.v1.Summary.Value
        tags = [value(tag=tag, simple_value=float(number)) for tag, number in numbers.items()]
        add(step=step, summary=tf.compat.v1.Summary(value=tags))

    try:
        add(file_version=FILE_VERSION)
        if first_step:
            started = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
            add(step=first_step, session_log=started)
        yield write
    finally:
        file.close()


def _new_name(logdir: str) -> str:
    """Return a name that sorts behind all in a folder, also where the clock was set back."""
    there = os.listdir(logdir) if os.path.isdir(logdir) else []
    found = [re.match(START + r"[0-9]{10}\..*\.([0-9]{20})\b", name) for name in there]
    latest = max([int(match.group(1)) for match in found if match], default=0)
    time_ns = max(time.time_ns(), latest + 1)
    words = (f"{time_ns // 10**9:010d}", socket.gethostname(), f"{time_ns:020d}")
    return START + ".".join([*words, secrets.token_hex(4)])
