"""Write beside the final name, rename when whole: nobody sees half a file."""

import contextlib
import os
import re
import shutil
import tempfile

from legacy_gbp.errors import InputError

SPARE_BYTES = 1 << 20


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
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f".partial-{os.getpid()}-{name}")
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
    """Remove what killed processes of this machine left half-written in a folder.

    Parameters
    ----------
    folder : str
    start : str
        Of the final names; all by default.
    """
    for name in os.listdir(folder):
        match = re.match(r"\.partial-(\d+)-" + re.escape(start), name)
        if match and not _is_running(int(match.group(1))):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)  # a checkpoint's
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, name))


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
