"""Atomic writes: write a temporary file, then rename it.

The temporary file lies beside the final one, under a hidden name that nobody can guess.
So a reader meets the old file or the new one, never a part, and two writers of one name
do not meet.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
from typing import Iterator, List, Optional

from legacy_gbp.errors import LegacyGbpError, OutputError, first_line
from legacy_gbp.io.guarded_file import GuardedFile

SPARE_BYTES = 1 << 20
DEAD_AFTER_SECONDS = 24 * 3600  # without a write, on a machine that cannot be asked
MOST_NAME_BYTES = 255  # of a name in a folder, on all common file systems
PREFIX = ".partial-"


@contextlib.contextmanager
def atomic_file(path: str) -> Iterator[GuardedFile]:
    """Yield a new file; rename it to `path` on success, delete it on failure.

    Parameters
    ----------
    path : str
        The final name; a link of that name is replaced, not followed. Missing folders are
        made, and removed again on failure.

    Yields
    ------
    GuardedFile
        Has the permissions of a file that `path` replaces. What cannot be written is said
        when the block ends, or by :meth:`GuardedFile.check`.

    Raises
    ------
    OutputError
        When the folder cannot be made or written to, or the disk is full.
    """
    partial = temporary_name(path)
    folder = os.path.dirname(partial)
    check_replaceable(path)
    missing = _missing_folders(folder)
    file: Optional[GuardedFile] = None
    try:
        os.makedirs(folder, exist_ok=True)
        file = _create(partial, path)
        yield file
        file.finish()
        _publish(partial, path, file)
    except Exception as error:
        # A writer that goes on after a failure may fail in any manner.
        failure = file.failure if file else None
        if failure is None and isinstance(error, OSError) and not isinstance(error, LegacyGbpError):
            failure = error
        if failure is None:
            raise
        raise unwritable(path, failure.strerror or first_line(failure)) from error
    finally:
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                os.remove(partial)
        for made in missing:  # succeeds only where nothing was written
            with contextlib.suppress(OSError):
                os.rmdir(made)


def temporary_name(path: str) -> str:
    """Return a hidden name beside `path` that no other process has and nobody can guess.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
        ``FOLDER/.partial-HOST@PROCESS-RANDOM-NAME``, cut to the length of a file name.
    """
    folder, name = os.path.split(os.path.abspath(path))
    start = f"{PREFIX}{socket.gethostname()}@{os.getpid()}-{secrets.token_hex(8)}-"
    left = MOST_NAME_BYTES - len(os.fsencode(start))
    return os.path.join(folder, start + os.fsdecode(os.fsencode(name)[:left]))


def check_destination(path: str) -> None:
    """Refuse a place that cannot be written to, before any work is done for it.

    Parameters
    ----------
    path : str
        A file that may exist or not, in a folder that may exist or not.

    Raises
    ------
    OutputError
    """
    check_replaceable(path)
    folder = os.path.dirname(os.path.abspath(path))
    for missing in _missing_folders(folder):
        folder = os.path.dirname(missing)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unwritable(path, error.strerror or first_line(error)) from error


def check_replaceable(path: str) -> None:
    """Refuse to write over what is not a regular file.

    Parameters
    ----------
    path : str

    Raises
    ------
    OutputError
        For a folder, a device, a socket or a named pipe.
    """
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise OutputError(f"{path}: is a device; give the name of a file")


def check_free_space(path: str, nbytes: int) -> None:
    """Refuse to write beside `path` more bytes than the disk can take.

    HDF5 does not survive a full disk: it cannot close its file any more.

    Parameters
    ----------
    path : str
    nbytes : int

    Raises
    ------
    OutputError
    """
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
    if free < nbytes + SPARE_BYTES:
        raise unwritable(path, f"{free / 1e6:.1f} MB free on the disk")


def remove_stale(folder: str, start: str = "") -> None:
    """Remove the temporary files that killed processes left in a folder.

    Machines that share the folder cannot ask for each other's processes: a file of another
    machine goes when nobody has written to it for a day. What cannot be removed stays.

    Parameters
    ----------
    folder : str
    start : str
        Of the final names; all by default.
    """
    pattern = re.compile(re.escape(PREFIX) + r"(.+?)@([0-9]+)-[0-9a-f]{16}-" + re.escape(start))
    try:
        found = [match for match in map(pattern.match, os.listdir(folder)) if match]
        now = _clock_of(folder) if found else 0.0
    except OSError:  # what is left is in nobody's way
        return
    for match in found:
        path = os.path.join(folder, match.string)
        if _is_dead(path, match.group(1), int(match.group(2)), now):
            shutil.rmtree(path, ignore_errors=True)  # of a checkpoint
            with contextlib.suppress(OSError):
                os.remove(path)


def _clock_of(folder: str) -> float:
    """Return what the disk takes for the present time: clocks of machines differ, and jump."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def unwritable(path: str, why: str) -> OutputError:
    """Return the error for a file that cannot be written.

    Parameters
    ----------
    path : str
    why : str

    Returns
    -------
    OutputError
    """
    return OutputError(f"{path}: cannot be written ({why}); choose another place or make room")


def _create(partial: str, path: str) -> GuardedFile:
    """Create the temporary file; O_EXCL follows no link that somebody planted."""
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    file = GuardedFile(os.open(partial, flags | getattr(os, "O_CLOEXEC", 0), 0o666))
    if os.path.isfile(path):
        os.chmod(file.descriptor, stat.S_IMODE(os.stat(path).st_mode))
    return file


def _publish(partial: str, path: str, file: GuardedFile) -> None:
    """Rename the temporary file, unless somebody has put another one in its place."""
    now, written = os.lstat(partial), os.fstat(file.descriptor)
    if (now.st_dev, now.st_ino) != (written.st_dev, written.st_ino):
        raise unwritable(path, "somebody replaced its temporary file")
    os.replace(partial, path)


def _is_dead(path: str, host: str, process: int, now: float) -> bool:
    if host == socket.gethostname():
        return not is_running(process)
    try:
        return now - os.lstat(path).st_mtime > DEAD_AFTER_SECONDS
    except OSError:  # another process was faster
        return False


def is_running(process: int) -> bool:
    """Return whether a process of this machine runs.

    Parameters
    ----------
    process : int

    Returns
    -------
    bool
        Also True for another program that has got the number meanwhile.
    """
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's
        return True
    return not _has_ended(process)


def _has_ended(process: int) -> bool:
    """Return whether a process has ended, and nobody has asked how: the first of a container."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])
    except OSError:
        return False


def _missing_folders(folder: str) -> List[str]:
    """Return the folders that would have to be made, the innermost first."""
    missing = []
    while not os.path.exists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing
