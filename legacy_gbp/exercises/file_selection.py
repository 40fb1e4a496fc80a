"""Which files an exercise reads, as the tutorial chose them.

Two ways existed: lists of names (ex07) and "the first file of each run is for
validation" (ex08). Both answer ``files(folder, part, small)`` with full paths.
"""

import os
from collections import namedtuple

from legacy_gbp.errors import InputError


class NamedFiles(namedtuple("NamedFiles", "train validation predict")):
    """Fixed names for every part; `small` keeps one training file a run."""

    def files(self, folder, part, small=False):
        """Full paths of a part.

        Parameters
        ----------
        folder : str
        part : str
            ``"train"``, ``"validation"`` or ``"predict"``.
        small : bool
            One file per run, as the tutorial's small mode.

        Returns
        -------
        list of str

        Raises
        ------
        InputError
            For the first file that is not there.
        """
        names = getattr(self, part)
        if small:
            names = _first_of_each_run(names)
        check_folder(folder)
        paths = [os.path.join(folder, name) for name in names]
        for path in paths:
            if not os.path.exists(path):
                raise InputError(
                    f"{path}: no such file, and this exercise reads it for {part}; put it there, "
                    "or name other files (see --help)"
                )
        return paths


class FirstOfEachRun(namedtuple("FirstOfEachRun", "prefixes")):
    """Of each run's sorted files the first validates and the rest train.

    Prediction scores what training never saw: the validation files.
    """

    def files(self, folder, part, small=False):
        """Full paths of a part; see :meth:`NamedFiles.files`."""
        check_folder(folder)
        names = sorted(name for name in os.listdir(folder) if name.endswith(".h5"))
        of_runs = [[n for n in names if n.startswith(prefix)] for prefix in self.prefixes]
        first = [run[0] for run in of_runs if run]
        rest = [name for run in of_runs for name in run[1 : 2 if small else None]]
        chosen = rest if part == "train" else first
        if not chosen:
            wanted = " or ".join(f"{prefix}*.h5" for prefix in self.prefixes)
            found, needed = ("no second file", "two files") if first else ("no file", "one")
            raise InputError(f"{folder}: {found} for {part} ({wanted}); it needs {needed} of a run")
        return [os.path.join(folder, name) for name in chosen]


def check_folder(folder):
    """Refuse a data folder that is not there."""
    if not os.path.isdir(folder):
        raise InputError(
            f"{folder}: no such folder; give the folder of the .h5 files by --data-dir or DATADIR"
        )


def _first_of_each_run(names):
    run_of = [name.rsplit("-c", 1)[0] for name in names]
    return [name for k, name in enumerate(names) if run_of[k] not in run_of[:k]]
