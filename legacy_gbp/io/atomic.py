"""Write beside the final name, rename when whole: nobody sees half a file."""

import contextlib
import os
import re
import shutil
import socket
import tempfile
import time

from legacy_gbp.errors import InputError

SPARE_BYTES = 1 << 20
DEAD_AFTER_SECONDS = 24 * 3600  # without a write, on a machine that cannot be asked


@contextlib.contextmanager
def written_aside(path):
    """Give a temporary path; rename it to `path` on success, delete it on failure.

    Parameters
    ----------
    path : str
        The final name. Its folder is made when missing.

    Yields
    ------
    str
        A name in the same folder with the same ending.

    Raises
    ------
    InputError
        When the folder cannot be made or written to, or the disk is full.
    """
    partial = partial_of(path)
    folder = os.path.dirname(partial)
    _check_replaceable(path)
    missing = _missing_folders(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error).split("\n")[0]) from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(partial)
        for made in missing:  # goes well only where nothing was written
            with contextlib.suppress(OSError):
                os.rmdir(made)


def partial_of(path):
    """The temporary name beside `path`: no other process of any machine has the same."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, f".partial-{socket.gethostname()}@{os.getpid()}-{name}")


def check_destination(path):
    """Refuse a place that cannot be written to, before any work is done for it.

    Parameters
    ----------
    path : str
        A file that may exist or not, in a folder that may exist or not.
    """
    _check_replaceable(path)
    folder = os.path.dirname(os.path.abspath(path))
    for missing in _missing_folders(folder):
        folder = os.path.dirname(missing)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def check_room(path, nbytes):
    """Refuse to write `nbytes` more beside `path` when the disk cannot hold them.

    HDF5 does not survive a full disk: it cannot close its file any more.
    """
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
    if free < nbytes + SPARE_BYTES:
        raise _unwritable(path, f"{free / 1e6:.1f} MB free on the disk")


def remove_stale(folder, start=""):
    """Remove what killed processes left half-written in a folder.

    Machines that share the folder cannot ask for each other's processes: what one of
    them left goes when nobody has written to it for a day.

    Parameters
    ----------
    folder : str
    start : str
        Of the final names; all by default.
    """
    for name in os.listdir(folder):
        match = re.match(r"\.partial-(.+?)@(\d+)-" + re.escape(start), name)
        path = os.path.join(folder, name)
        if match and _is_dead(path, *match.groups()):
            shutil.rmtree(path, ignore_errors=True)  # a checkpoint's
            with contextlib.suppress(OSError):
                os.remove(path)


def _is_dead(path, host, process):
    if host == socket.gethostname():
        return not _is_running(int(process))
    try:
        return time.time() - os.stat(path).st_mtime > DEAD_AFTER_SECONDS
    except OSError:  # another process was faster
        return False


def _is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _check_replaceable(path):
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; give the name of a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{path}: is a device; give the name of a file")


def _missing_folders(folder):
    """The folders that would have to be made, the innermost first."""
    missing = []
    while not os.path.exists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing


def _unwritable(path, why):
    return InputError(f"{path}: cannot be written ({why}); choose another place or make room")
