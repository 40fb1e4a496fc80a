"""Shots of one file as they are stored, with their truth where the file knows it.

Measured files contain images and labels alone; what :mod:`.synthetic.files`
writes has a group ``truth`` beside them. Rows labelled -1 are read too.
"""

from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from legacy_gbp.data.xtcav import IMAGE_SHAPE, IMAGES, check_images, find_dataset, read_rows
from legacy_gbp.errors import InputError
from legacy_gbp.io.foreign_parts import foreign_parts, name_foreign_parts
from legacy_gbp.io.hdf5 import open_hdf5
from legacy_gbp.io.hdf5_attributes import attribute_values
from legacy_gbp.io.stored_rows import read_all, read_rows_of

LABELS = ("lasing", "acq.enPeaksLabel")
GROUP = "truth"
COLOURS, TIMES = 2, 568
# Of the truth; the shape of one shot.
DATASETS = {
    "loss_mask": (COLOURS, *IMAGE_SHAPE),
    "gain_mask": (COLOURS, *IMAGE_SHAPE),
    "power": (COLOURS, TIMES),
    "time": (),
    "class": (),
}


class Calibration(NamedTuple):
    """The axes of the stored image.

    Attributes
    ----------
    fs_per_column : float
    MeV_per_row : float
    column_of_zero : float
        Column of time 0, in pixels; the centre of column k lies at k.
    row_of_zero : float
        Row of energy 0, in pixels.
    """

    fs_per_column: float
    MeV_per_row: float
    column_of_zero: float
    row_of_zero: float


class Truth(NamedTuple):
    """What is true of n synthetic shots.

    Attributes
    ----------
    loss_mask : (n, 2, 363, 284) bool array
        Pixels that each colour's lasing emptied.
    gain_mask : (n, 2, 363, 284) bool array
        Pixels that it filled.
    power : (n, 2, 568) float32 array
        X-ray power of each colour, GW.
    time : (568,) float64 array
        The axis of `power`, fs.
    true_class : (n,) int8 array
        0 neither, 1 first, 2 second, 3 both.
    calibration : Calibration
    """

    loss_mask: np.ndarray
    gain_mask: np.ndarray
    power: np.ndarray
    time: np.ndarray
    true_class: np.ndarray
    calibration: Calibration


class StoredShots(NamedTuple):
    """Some shots of a file.

    Attributes
    ----------
    rows : (n,) int64 array
        Where they lie in the file.
    images : (n, 363, 284) array
        int16, float32 or another number type.
    labels : dict of str to (n,) array
        For each label dataset of the file, by its name.
    truth : Truth or None
        None for a file that does not know it.
    """

    rows: np.ndarray
    images: np.ndarray
    labels: Dict[str, np.ndarray]
    truth: Optional[Truth]


def read_shots(path: str, index: slice, most: int) -> StoredShots:
    """Read some shots of a file, with their truth where the file knows it.

    Parameters
    ----------
    path : str
    index : slice
        Rows, as Python counts them.
    most : int
        More shots are refused.

    Returns
    -------
    StoredShots

    Raises
    ------
    InputError
        For a foreign file, no row at all, or too many.
    """
    with open_hdf5(path) as file:
        names = [IMAGES, *LABELS, GROUP, *(f"{GROUP}/{name}" for name in DATASETS)]
        name_foreign_parts(path, foreign_parts(file, path, names))
        count, dtype = check_images(file, path)
        rows = np.arange(count)[index]
        _check_number(path, index, len(rows), count, most)
        images = np.empty((len(rows), *file[IMAGES].shape[1:3], 1), dtype)
        read_rows(file[IMAGES], path, np.sort(rows), images, np.argsort(rows))
        labels = {name: _column(file, path, name, count)[rows] for name in LABELS if name in file}
        truth = _truth(file, path, rows, count) if GROUP in file else None
    return StoredShots(rows, images[..., 0], labels, truth)


def _check_number(path: str, index: slice, number: int, count: int, most: int) -> None:
    """Refuse no shot, and more than `most`, of a file of `count`."""
    if not number:
        raise InputError(
            f"{path}: `index` {_text(index)} takes no shot; the file holds {count}, "
            f"0 to {count - 1}"
        )
    if number > most:
        raise InputError(
            f"{path}: `index` {_text(index)} takes {number} shots; {most} at most, such as 0:{most}"
        )


def _truth(file: Any, path: str, rows: np.ndarray, count: int) -> Truth:
    def of_rows(name: str) -> np.ndarray:
        dataset = _shaped(file, path, name, (count, *DATASETS[name]))
        # One by one: masks of a file are large. Empty parts of them are not stored.
        where = (dataset, path, f"{GROUP}/{name}")
        return np.concatenate([read_rows_of(*where, row, row + 1, filled=True) for row in rows])

    values = attribute_values(file, path, GROUP, Calibration._fields)
    try:
        axes = [float(values[name]) for name in Calibration._fields]
        if not np.isfinite(axes).all():
            raise KeyError(GROUP)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: group {GROUP!r} lacks an attribute of {', '.join(Calibration._fields)}; "
            "write the file again"
        ) from error
    return Truth(
        loss_mask=of_rows("loss_mask"),
        gain_mask=of_rows("gain_mask"),
        power=of_rows("power"),
        time=read_all(_shaped(file, path, "time", (TIMES,)), path, f"{GROUP}/time"),
        true_class=_column(file, path, f"{GROUP}/class", count)[rows],
        calibration=Calibration(*axes),
    )


def _shaped(file: Any, path: str, name: str, shape: Tuple[int, ...]) -> Any:
    """Return a dataset of the truth that has a shape."""
    dataset = find_dataset(file, path, f"{GROUP}/{name}")
    if dataset.shape != shape or dataset.dtype.kind not in "biuf":
        raise InputError(
            f"{path}: dataset {f'{GROUP}/{name}'!r} has shape {dataset.shape} and type "
            f"{dataset.dtype}; expected numbers of shape {shape}"
        )
    return dataset


def _column(file: Any, path: str, name: str, count: int) -> np.ndarray:
    """Return a dataset of one value a shot."""
    dataset = find_dataset(file, path, name)
    if dataset.shape != (count,) or dataset.dtype.kind not in "biuf":
        raise InputError(
            f"{path}: dataset {name!r} has shape {dataset.shape} and type {dataset.dtype}; "
            f"expected one number for each of {count} images"
        )
    return read_all(dataset, path, name)


def _text(index: slice) -> str:
    """Return a slice as it is typed."""
    bounds = ["" if bound is None else str(bound) for bound in (index.start, index.stop)]
    return ":".join(bounds if index.step is None else [*bounds, str(index.step)])
