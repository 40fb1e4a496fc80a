"""The variables of a checkpoint as the arrays that a graph's saver would restore."""

import glob
import os
from typing import Any, Dict, Iterator, Mapping, Optional

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.io.checkpoint_files import is_v1
from legacy_gbp.io.tf_checkpoint import checkpoint_reader, read_tensor, unreadable
from legacy_gbp.models.restored_keys import Place, slices_of


class CheckpointVariables(Mapping[str, Any]):
    """The variables of a checkpoint by name, read when asked.

    Parameters
    ----------
    prefix : str
    places : dict of str to Place, optional
        From :func:`.restored_keys`, where the keys differ from the names.

    Raises
    ------
    InputError
        For an unreadable checkpoint.
    """

    def __init__(self, prefix: str, places: Optional[Mapping[str, Place]] = None) -> None:
        self._prefix, self._places = prefix, places or {}
        self._reader = checkpoint_reader(prefix)
        self._shapes: Dict[str, Any] = self._reader.get_variable_to_shape_map()
        self._dtypes = _dtypes(self._reader, prefix)
        self._stored = _bytes_stored(prefix)

    def __contains__(self, name: object) -> bool:
        return self._place(str(name)).key in self._shapes

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._shapes))

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, name: str) -> Any:
        key, part = self._place(name)
        if key not in self._shapes:
            raise KeyError(name)
        self._check_size(key)
        value = read_tensor(self._reader, self._prefix, key)
        try:
            return value[slices_of(part)] if part else value
        except (ValueError, IndexError) as error:
            raise InputError(
                f"{self._prefix}: {name!r} is part {part!r} of tensor {key!r} "
                f"{list(value.shape)}, which has no such part; export the model again"
            ) from error

    def _place(self, name: str) -> Place:
        return self._places.get(name, Place(name, ""))

    def _check_size(self, key: str) -> None:
        """Refuse a tensor larger than the files, before memory is asked for."""
        if self._stored is None:
            return
        dtype = np.dtype(self._dtypes[key].as_numpy_dtype)
        size = 0 if dtype.kind == "O" else dtype.itemsize  # texts are as long as they are
        for length in self._shapes[key]:
            size *= int(length)
        if not 0 <= size <= self._stored:
            raise unreadable(
                self._prefix,
                InputError(
                    f"tensor {key!r} {self._shapes[key]} needs {size} bytes, its files have "
                    f"{self._stored}"
                ),
            )


def _dtypes(reader: Any, prefix: str) -> Dict[str, Any]:
    try:
        found: Dict[str, Any] = reader.get_variable_to_dtype_map()
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(prefix, error) from error
    return found


def _bytes_stored(prefix: str) -> Optional[int]:
    """Return the size of the data files; None without them, and for format V1, which compresses."""
    files = [] if is_v1(prefix) else glob.glob(glob.escape(prefix) + ".data-*")
    return sum(os.path.getsize(file) for file in files) if files else None
