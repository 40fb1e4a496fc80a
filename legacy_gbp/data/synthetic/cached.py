"""The small set for a first picture, made once in the user's cache folder.

Commands work on it when no folder of data was named.
"""

import os
from typing import List

from legacy_gbp.data.synthetic.files import FileEntry, Recipe, file_list, write_set
from legacy_gbp.errors import InputError, OutputError
from legacy_gbp.io.private_folder import check_private

BYTES_A_SHOT = 39e3
SHOTS_A_FILE = 200
LEVELS = 3  # the folder of the set, of the program, of all programs
REMEDY = "set XDG_CACHE_HOME to a folder of yours, or name your data by `data_dir`"
VERSION = 3  # of the synthetic shots: a new one makes a new folder
RECIPE = Recipe(systematics=False)


def cached_folder() -> str:
    """Return the folder of the small set, which may exist or not.

    Returns
    -------
    str
        In ``XDG_CACHE_HOME``, else in ``~/.cache``.

    Raises
    ------
    InputError
        Where neither is known.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if cache.startswith("~"):
        raise InputError(f"no home folder for the synthetic shots; {REMEDY}")
    return os.path.join(cache, "legacy_gbp", f"xtcav-synthetic-{VERSION}")


def check_cache(folder: str) -> None:
    """Refuse a folder that another user controls.

    Parameters
    ----------
    folder : str
        As of :func:`cached_folder`.

    Raises
    ------
    InputError
    """
    check_private(folder, LEVELS, REMEDY)


def is_complete(folder: str) -> bool:
    """Return whether every file of the small set exists.

    Parameters
    ----------
    folder : str
        As of :func:`cached_folder`.

    Returns
    -------
    bool
    """
    return all(os.path.exists(os.path.join(folder, entry.name)) for entry in _entries())


def make_cached_set(folder: str) -> None:
    """Write the files of the small set that are not there yet.

    Parameters
    ----------
    folder : str
        As of :func:`cached_folder`. It is made where it does not exist.

    Raises
    ------
    InputError
        For a folder with other files.
    OutputError
        When a file cannot be written.
    """
    try:
        for place in (os.path.dirname(folder), folder):
            os.makedirs(place, mode=0o700, exist_ok=True)
        write_set(folder, _entries(), SHOTS_A_FILE, RECIPE)
    except OSError as error:
        why = error if isinstance(error, OutputError) else f"{folder}: {error.strerror}"
        raise OutputError(f"{why}; {REMEDY}") from error


def cached_set_line(folder: str, missing: bool) -> str:
    """Return the line that tells the reader which data are used.

    Parameters
    ----------
    folder : str
        As of :func:`cached_folder`.
    missing : bool
        Whether the set is made now: not :func:`is_complete`.

    Returns
    -------
    str
        With the number of shots and their size on the disk.
    """
    shots = SHOTS_A_FILE * len(_entries())
    doing = "making, once," if missing else "using"
    return (
        f"-- no `data_dir` and no DATADIR: {doing} {shots} synthetic shots in {folder} "
        f"(about {shots * BYTES_A_SHOT / 1e6:.0f} MB)"
    )


def _entries() -> List[FileEntry]:
    """Return the files that both exercises read."""
    return file_list((69, 70, 71), 5) + file_list((73,), 1)
