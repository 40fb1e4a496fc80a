"""Folders that nobody else controls: what another user put there is not read."""

import os
import stat

from legacy_gbp.errors import InputError


def belongs_to_others(path: str) -> bool:
    """Return whether another user than this one and root owns a file or folder.

    Parameters
    ----------
    path : str
        A link counts itself, not what it leads to.

    Returns
    -------
    bool
        False where the system knows no users.
    """
    user = getattr(os, "geteuid", None)
    return user is not None and os.lstat(path).st_uid not in (user(), 0)


def anybody_may_write(folder: str) -> bool:
    """Return whether all users may add files to a folder.

    Parameters
    ----------
    folder : str

    Returns
    -------
    bool
    """
    return bool(os.stat(folder).st_mode & stat.S_IWOTH)


def check_private(folder: str, levels: int, remedy: str) -> None:
    """Refuse a folder that another user controls.

    Parameters
    ----------
    folder : str
        What does not exist is not refused.
    levels : int
        How many folders to check, from this one upwards. All users may add files to the
        others where only the owner may take one away, as in ``/tmp``.
    remedy : str
        The end of the message.

    Raises
    ------
    InputError
    """
    for level in range(levels):
        for path in {folder, os.path.realpath(folder)}:
            if not os.path.lexists(path):
                continue
            if belongs_to_others(path):
                raise InputError(f"{path}: belongs to another user; {remedy}")
            open_to_all = os.path.isdir(path) and anybody_may_write(path)
            if open_to_all and not (level and os.stat(path).st_mode & stat.S_ISVTX):
                raise InputError(f"{path}: anybody may write there; {remedy}")
        folder = os.path.dirname(folder)
