"""Where the data files are: the folder named, else DATADIR, else a small synthetic set."""

import os
from typing import List, Optional, Sequence

from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.console import print_line


def folder_of_data(data_dir: Optional[str]) -> str:
    """Return the data folder; make the small synthetic set where none is named.

    Parameters
    ----------
    data_dir : str or None
        The option.

    Returns
    -------
    str
    """
    named = data_dir or os.environ.get("DATADIR")
    return named if named else _small_synthetic_set()


def data_files(
    exercise: Exercise, data_dir: Optional[str], split: str, small: bool = False
) -> List[str]:
    """Return the files of a split of the exercise's data.

    Parameters
    ----------
    exercise : Exercise
    data_dir : str or None
        The option.
    split : str
        ``"train"``, ``"validation"`` or ``"predict"``.
    small : bool
        One training file a run.

    Returns
    -------
    list of str
        Paths.

    Raises
    ------
    InputError
        For a missing folder or file.
    """
    return exercise.selection.files(folder_of_data(data_dir), split, small)


def no_data_named(data_dir: Optional[str], files: Sequence[str]) -> bool:
    """Return whether neither a folder nor files are named: the small set is in use.

    Parameters
    ----------
    data_dir : str or None
    files : sequence of str

    Returns
    -------
    bool
    """
    return not (data_dir or os.environ.get("DATADIR") or files)


def _small_synthetic_set() -> str:
    """Make the set where it is not complete; say so."""
    from legacy_gbp.data.synthetic.cached import (
        cached_folder,
        cached_set_line,
        check_cache,
        is_complete,
        make_cached_set,
    )

    folder = cached_folder()
    check_cache(folder)
    missing = not is_complete(folder)
    line = cached_set_line(folder, missing).replace("`data_dir`", "--data-dir")
    print_line(line)
    if missing:
        make_cached_set(folder)
    return folder
