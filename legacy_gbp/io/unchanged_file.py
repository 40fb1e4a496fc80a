"""An HDF5 file that is opened again and again, and must be the same file each time."""

import os
from typing import Any, Dict, Set, Tuple

from legacy_gbp.errors import InputError
from legacy_gbp.io.foreign_parts import foreign_parts, name_foreign_parts
from legacy_gbp.io.hdf5 import open_hdf5


class UnchangedFile:
    """A file that is opened again and again, and must be the same file each time.

    Parameters
    ----------
    path : str

    Attributes
    ----------
    path : str
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._seen: Dict[str, Tuple[int, int, int]] = {}
        self._followed: Set[str] = set()

    def open(self, *names: str) -> Any:
        """Open the file for reading.

        The first time, the links and mappings of the datasets are followed, and a line is
        printed that names the files of other folders.

        Parameters
        ----------
        *names : str
            Datasets that will be read: the files that they lie in must be the same too.

        Returns
        -------
        h5py.File
            Close it, or use it in a ``with`` statement.

        Raises
        ------
        InputError
            For a file that cannot be opened, or is not that of the first time: its inode,
            size or time differs. For data that lie where they must not, see
            :func:`legacy_gbp.io.foreign_parts.foreign_parts`.
        """
        file = open_hdf5(self.path)
        try:
            self._compare(self.path, os.fstat(file.id.get_vfd_handle()))
            for path in list(self._seen):
                if os.path.exists(path):
                    self._compare(path, os.stat(path))
            self._follow(file, set(names) - self._followed)
        except BaseException:
            file.close()
            raise
        return file

    def _follow(self, file: Any, names: Set[str]) -> None:
        if not names:
            return
        found = foreign_parts(file, self.path, sorted(names))
        name_foreign_parts(self.path, found)
        for path in found.files:
            self._compare(path, os.stat(path))
        self._followed |= names

    def _compare(self, path: str, now: os.stat_result) -> None:
        identity = (now.st_ino, now.st_size, now.st_mtime_ns)
        if self._seen.setdefault(path, identity) != identity:
            raise InputError(
                f"{path}: was replaced or written to while it is read; run again when nobody "
                "writes to it"
            )
