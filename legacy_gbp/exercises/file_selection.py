"""Which files an exercise reads, as the tutorial chose them.

Two conventions existed: lists of names (ex07), and "the first file of each run is for
validation" (ex08).
"""

import os
import sys
from typing import List, NamedTuple, Sequence, Tuple

from legacy_gbp.errors import InputError

if sys.version_info >= (3, 8):
    from typing import Protocol
else:
    from typing_extensions import Protocol


class Selection(Protocol):
    """Chooses the files of an exercise from a folder."""

    def files(self, folder: str, split: str, small: bool = False) -> List[str]:
        """Return the files of a split.

        Parameters
        ----------
        folder : str
        split : str
            ``"train"``, ``"validation"`` or ``"predict"``.
        small : bool
            One training file a run, the tutorial's small mode.

        Returns
        -------
        list of str
            Paths.

        Raises
        ------
        InputError
            For a missing folder or file.
        """
        ...


class NamedFiles(NamedTuple):
    """Fixed names for every split.

    Attributes
    ----------
    train, validation, predict : tuple of str
    """

    train: Tuple[str, ...]
    validation: Tuple[str, ...]
    predict: Tuple[str, ...]

    def files(self, folder: str, split: str, small: bool = False) -> List[str]:
        """Return the files of a split.

        Parameters
        ----------
        folder : str
        split : str
            ``"train"``, ``"validation"`` or ``"predict"``.
        small : bool
            One file a run.

        Returns
        -------
        list of str
            Paths.

        Raises
        ------
        InputError
            For a missing folder, or the first file that is missing.
        """
        names: Sequence[str] = getattr(self, split)
        if small:
            names = _first_of_each_run(names)
        check_folder(folder)
        paths = [os.path.join(folder, name) for name in names]
        for path in paths:
            if not os.path.exists(path):
                raise InputError(
                    f"{path}: no such file, and this exercise reads it for {split}; put it there, "
                    "or name other files (see --help)"
                )
        return paths


class FirstOfEachRun(NamedTuple):
    """Of each run's sorted files the first validates and the rest train.

    Prediction scores what training never saw: the validation files.

    Attributes
    ----------
    prefixes : tuple of str
        Of the file names of each run.
    """

    prefixes: Tuple[str, ...]

    def files(self, folder: str, split: str, small: bool = False) -> List[str]:
        """Return the files of a split.

        Parameters
        ----------
        folder : str
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
            For a missing folder, or one without files of these runs.
        """
        check_folder(folder)
        names = sorted(name for name in os.listdir(folder) if name.endswith(".h5"))
        runs = [[name for name in names if name.startswith(prefix)] for prefix in self.prefixes]
        first = [run[0] for run in runs if run]
        last = 2 if small else None
        rest = [name for run in runs for name in run[1:last]]
        chosen = rest if split == "train" else first
        if not chosen:
            raise self._nothing_found(folder, split, bool(first))
        return [os.path.join(folder, name) for name in chosen]

    def _nothing_found(self, folder: str, split: str, has_first: bool) -> InputError:
        wanted = " or ".join(f"{prefix}*.h5" for prefix in self.prefixes)
        found, needed = ("no second file", "two files") if has_first else ("no file", "one")
        return InputError(f"{folder}: {found} for {split} ({wanted}); it needs {needed} of a run")


def check_folder(folder: str) -> None:
    """Refuse a data folder that is missing.

    Parameters
    ----------
    folder : str

    Raises
    ------
    InputError
    """
    if not os.path.isdir(folder):
        raise InputError(
            f"{folder}: no such folder; name the folder of the .h5 files by `data_dir` or DATADIR"
        )


def _first_of_each_run(names: Sequence[str]) -> List[str]:
    runs = [name.rsplit("-c", 1)[0] for name in names]
    return [name for k, name in enumerate(names) if runs[k] not in runs[:k]]
