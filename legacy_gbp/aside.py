"""Write beside the final name, rename when whole: nobody sees half a file."""

import contextlib
import os
import shutil

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
    try:
        if os.path.isdir(path):
            raise InputError(f"{path}: is a folder; give the name of a file")
        os.makedirs(folder, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error).split("\n")[0]) from error
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def check_room(path, nbytes):
    """Refuse to write `nbytes` more beside `path` when the disk cannot hold them.

    HDF5 does not survive a full disk: it cannot close its file any more.
    """
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
    if free < nbytes + SPARE_BYTES:
        raise _unwritable(path, f"{free / 1e6:.1f} MB free on the disk")


def _unwritable(path, why):
    return InputError(f"{path}: cannot be written ({why}); choose another place or make room")
