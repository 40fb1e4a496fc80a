"""A note beside the best checkpoint of a training that has not ended.

The note ``PREFIX.unfinished`` appears before the training's first checkpoint and goes when the
training ends. So a checkpoint without a note is a finished one, of this program or of the
program of 2016. A state to resume from says the same: ``PREFIX_resume.npz``.
"""

import contextlib
import json
import os
import socket
from types import TracebackType
from typing import Any, Dict, NamedTuple, Optional, Tuple, Type

from legacy_gbp.errors import InputError
from legacy_gbp.io.atomic import atomic_file, is_running

NOTE, RESUME = ".unfinished", "_resume.npz"


class UnfinishedTraining(NamedTuple):
    """What is known of a training that has not ended.

    Attributes
    ----------
    files : tuple of str
        The note and the state to resume from, those that exist.
    command : str or None
        That goes on with it; None for one that was started from Python.
    runs_in : str or None
        The process that trains, as far as can be known from here; None after an interruption.
    """

    files: Tuple[str, ...]
    command: Optional[str]
    runs_in: Optional[str]


def unfinished_training(prefix: str) -> Optional[UnfinishedTraining]:
    """Return the training that has not ended, of which a checkpoint is the best so far.

    Parameters
    ----------
    prefix : str
        Of the checkpoint.

    Returns
    -------
    UnfinishedTraining or None
        None for a finished checkpoint.
    """
    files = tuple(filter(os.path.exists, (prefix + NOTE, prefix + RESUME)))
    if not files:
        return None
    try:
        with open(prefix + NOTE, encoding="utf-8") as stored:
            facts: Dict[str, Any] = json.load(stored)
        host, process, command = facts["host"], facts["process"], facts["command"]
    except (OSError, ValueError, LookupError, TypeError):  # none, or a damaged one
        return UnfinishedTraining(files, None, None)
    here = host == socket.gethostname()
    ended = process is None or (here and (process == os.getpid() or not is_running(process)))
    return UnfinishedTraining(files, command, None if ended else f"process {process} on {host}")


def check_finished(prefix: str) -> None:
    """Refuse the best checkpoint so far of a training that has not ended.

    Parameters
    ----------
    prefix : str
        Of the checkpoint.

    Raises
    ------
    InputError
        That names the files that say so, and the command that finishes the training.
    """
    found = unfinished_training(prefix)
    if found is None:
        return
    if found.runs_in:
        where = f"{found.runs_in} is training, or was killed"
    else:
        where = "its training was interrupted"
    finish = "finish the training with `resume`"
    if found.command:
        finish = f"finish it: {found.command}"
    raise InputError(
        f"{prefix}: the best checkpoint so far, {where}; {finish}; or remove "
        f"{' and '.join(found.files)} to take it as it is"
    )


class UnfinishedNote:
    """Writes the note of one training, in a ``with`` statement around the training.

    Where the training is left before its end, the note stays and no longer names a process.

    Parameters
    ----------
    prefix : str or None
        Of the best checkpoint; None where none is saved, and no note is written.
    command : str or None
        That goes on with the training.
    """

    def __init__(self, prefix: Optional[str], command: Optional[str]) -> None:
        self._prefix, self._command = prefix, command
        self._exists = False

    def __enter__(self) -> "UnfinishedNote":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if self._exists:
            with contextlib.suppress(OSError):  # what ended the training matters more
                self._write(None)

    def write(self) -> None:
        """Write the note; before the first checkpoint of the training is saved.

        Raises
        ------
        OutputError
        """
        if self._prefix is not None and not self._exists:
            self._write(os.getpid())
            self._exists = True

    def remove(self) -> None:
        """Remove the note: the training has ended."""
        if self._prefix is not None:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._prefix + NOTE)
        self._exists = False

    def _write(self, process: Optional[int]) -> None:
        facts = {"command": self._command, "host": socket.gethostname(), "process": process}
        with atomic_file(f"{self._prefix}{NOTE}") as file:
            file.write(json.dumps(facts).encode())
