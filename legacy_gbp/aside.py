"""Write beside the final name, rename when whole: nobody sees half a file."""

import contextlib
import os

from legacy_gbp.errors import InputError


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
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place or make "
            "room"
        ) from error
    finally:
        if os.path.exists(partial):
            os.remove(partial)
