"""Write a file in the layout of the tutorial, shot by shot."""

import itertools
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence

import numpy as np

from legacy_gbp.io.atomic import check_free_space
from legacy_gbp.io.hdf5 import create_hdf5

MASK_TILES = 4  # a row


def write_shots(
    path: str,
    shots: Iterable[Mapping[str, np.ndarray]],
    count: int,
    columns: Mapping[str, Any],
    attributes: Optional[Mapping[str, Mapping[str, Any]]] = None,
    compression: Optional[str] = "gzip",
) -> None:
    """Write one file.

    Parameters
    ----------
    path : str
    shots : iterable of dict of str to array
        What is stored shot by shot, such as ``xtcavimg`` (363, 284) int16. One
        chunk a shot: a random batch reads what it needs. Rows of zeros take no
        room.
    count : int
        Number of shots.
    columns : dict of str to array
        What is stored at once, such as ``lasing`` (count,). Names of both kinds may
        contain groups (``truth/class``).
    attributes : dict of str to dict, optional
        Attributes of groups.
    compression : str or None

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    with create_hdf5(path) as file:
        shots = iter(shots)
        first = next(shots)
        datasets: Dict[str, Any] = {
            name: _create(file, name, (count, *values.shape), values.dtype, compression)
            for name, values in first.items()
        }
        for number, shot in enumerate(itertools.chain([first], shots)):
            check_free_space(path, sum(values.nbytes for values in shot.values()))
            for name, values in shot.items():
                _write_row(datasets[name], number, values)
            file.target.check()
        for name, values in columns.items():
            check_free_space(path, np.asarray(values).nbytes)
            file.create_dataset(name, data=values)
        for group, named in (attributes or {}).items():
            file[group].attrs.update(named)


def _create(
    file: Any, name: str, shape: Sequence[int], dtype: np.dtype, compression: Optional[str]
) -> Any:
    """Create a dataset with one chunk a shot; masks in tiles, of which empty ones take no room."""
    mask = np.issubdtype(dtype, np.bool_)
    tile = -(-shape[-1] // MASK_TILES) if mask else shape[-1]
    return file.create_dataset(
        name,
        shape,
        dtype,
        chunks=(1, *shape[1:-1], tile),
        compression=compression,
        compression_opts=1 if compression else None,
        shuffle=not mask,
    )


def _write_row(dataset: Any, number: int, values: np.ndarray) -> None:
    """Write one shot, without the empty tiles at either end."""
    tile = dataset.chunks[-1]
    filled = np.nonzero(values.reshape(-1, values.shape[-1]).any(axis=0))[0] // tile
    if len(filled):
        used = slice(filled[0] * tile, (filled[-1] + 1) * tile)
        dataset[(number, ..., used)] = values[..., used]
