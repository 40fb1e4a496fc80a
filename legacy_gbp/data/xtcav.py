"""The layout of the amo86815 tutorial files, and reading it.

=======================  ===================================================
xtcavimg                 (N, 363, 284) int16 or another number type
lasing                   (N,) 0 or 1
acq.enPeaksLabel         (N,) -1 to 3
=======================  ===================================================

One of the two label datasets is used; -1 means that the shot must not be used. Other
datasets are ignored. :class:`legacy_gbp.data.shots.FileShots` indexes many files.
"""

import contextlib
from typing import Any, Optional, Tuple

import numpy as np

from legacy_gbp.data.finite import first_not_finite
from legacy_gbp.errors import InputError, shortened
from legacy_gbp.io.hdf5 import FAILURES, is_dataset, is_group, unreadable
from legacy_gbp.io.hdf5_places import lost_link, names_in
from legacy_gbp.io.stored_rows import read_all, read_rows_of

IMAGES = "xtcavimg"
IMAGE_SHAPE = (363, 284)
UNUSABLE = -1
NO_LABEL = -1
MOST_ROWS_A_BLOCK = 64
MOST_NAMED = 20  # datasets in a message
MOST_ROWS = 10_000_000  # of a file: 2 TB of int16


def check_images(file: Any, path: str) -> Tuple[int, np.dtype]:
    """Check the image dataset of an open file.

    Parameters
    ----------
    file : h5py.File
    path : str
        For messages.

    Returns
    -------
    count : int
        Number of rows, 1 or more.
    dtype : numpy.dtype
        In which images are read: float32 for every floating-point type.

    Raises
    ------
    InputError
        For a missing dataset, another shape, values that are no numbers, no row, and more
        than 10 million rows.
    """
    images = find_dataset(file, path, IMAGES)
    if images.shape is None or images.shape[1:] not in (IMAGE_SHAPE, (*IMAGE_SHAPE, 1)):
        raise InputError(
            f"{path}: dataset {IMAGES!r} has shape {images.shape}; expected (N, 363, 284)"
        )
    if images.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: dataset {IMAGES!r} has type {images.dtype}; expected int16 or another number "
            "type"
        )
    if not len(images):
        raise InputError(f"{path}: dataset {IMAGES!r} holds no image; leave the file out")
    if len(images) > MOST_ROWS:
        raise InputError(
            f"{path}: dataset {IMAGES!r} declares {len(images)} images; {MOST_ROWS} at most are "
            "read from a file; split it"
        )
    return len(images), np.dtype(np.float32) if images.dtype.kind == "f" else images.dtype


def read_labels(
    file: Any, path: str, name: str, classes: int, count: int, needed: bool = True
) -> Optional[np.ndarray]:
    """Read and check the labels of an open file.

    Parameters
    ----------
    file : h5py.File
    path : str
        For messages.
    name : str
        Of the dataset.
    classes, count : int
        Labels lie in -1..classes-1, one for each of `count` images.
    needed : bool

    Returns
    -------
    (count,) int64 array or None
        None where the dataset is missing and not `needed`.

    Raises
    ------
    InputError
    """
    if name not in file and not needed:
        return None
    labels = find_dataset(file, path, name)
    if labels.shape != (count,) or labels.dtype.kind not in "iufb":
        raise InputError(
            f"{path}: dataset {name!r} has shape {labels.shape} and type {labels.dtype}; expected "
            f"{count} integers, one an image"
        )
    # What was never written reads as the fill value: harmless where that means "do not use".
    values = read_all(labels, path, name, filled=labels.fillvalue == UNUSABLE)
    bad = bad_labels(values, classes)
    if len(bad):
        raise InputError(
            f"{path}: dataset {name!r} row {bad[0]} is {values[bad[0]]}; labels lie in "
            f"0..{classes - 1} (or -1: do not use)"
        )
    return np.asarray(values.astype(np.int64))


def bad_labels(labels: np.ndarray, classes: float) -> np.ndarray:
    """Return the places of labels that are not whole numbers from -1 to classes - 1.

    Parameters
    ----------
    labels : (n,) array of numbers
    classes : int, or infinity

    Returns
    -------
    (m,) int array
    """
    with np.errstate(invalid="ignore"):  # NaN compares as it should: it is bad
        good = (labels == np.floor(labels)) & (labels >= UNUSABLE) & (labels < classes)
    return np.nonzero(~good)[0]


def find_dataset(file: Any, path: str, name: str) -> Any:
    """Return a dataset of an open file.

    Parameters
    ----------
    file : h5py.File
    path : str
        For messages.
    name : str

    Returns
    -------
    h5py.Dataset

    Raises
    ------
    InputError
        That lists what the file holds.
    """
    found: Any = None
    with contextlib.suppress(KeyError, OSError):  # a link that leads nowhere
        found = file.get(name)
    if is_group(found):
        raise InputError(f"{path}: {name!r} is a group; expected a dataset")
    if found is None:
        link = lost_link(file, name)
        if link:
            raise InputError(f"{path}: dataset {name!r} is {link}, which is missing; put it back")
        others = sorted(set(names_in(file, MOST_NAMED + 1)) - {name})
        holds = shortened(others, MOST_NAMED) or "nothing else"
        raise InputError(f"{path}: no dataset {name!r}; the file holds {holds}")
    if not is_dataset(found):
        raise InputError(f"{path}: {name!r} is a type; expected a dataset")
    try:
        _ = found.dtype  # NumPy has none for some types
    except FAILURES as error:
        raise unreadable(path, name, error) from error
    return found


def read_rows(
    dataset: Any, path: str, rows: np.ndarray, images: np.ndarray, places: np.ndarray
) -> None:
    """Copy rows of an open file into an array.

    Adjacent rows go straight to their place; others are read a chunk at a time, so that a
    chunk is decompressed once.

    Parameters
    ----------
    dataset : h5py.Dataset
        (N, 363, 284) or (N, 363, 284, 1).
    path : str
        For messages.
    rows : (m,) int array
        Ascending.
    images : (n, 363, 284, 1) array
        Written to.
    places : (m,) int array
        Where each row goes in `images`.

    Raises
    ------
    InputError
        For what cannot be read, and for NaN or Inf.
    """
    adjacent = (np.diff(rows) == 1).all() and (np.diff(places) == 1).all()
    if adjacent and dataset.dtype == images.dtype:
        wanted = images[places[0] : places[-1] + 1].reshape(-1, *dataset.shape[1:])
        read_rows_of(dataset, path, IMAGES, rows[0], rows[-1] + 1, out=wanted)
        check_images_finite(images[places], f"{path}: dataset {IMAGES!r}", rows)
        return
    chunk = min(dataset.chunks[0], MOST_ROWS_A_BLOCK) if dataset.chunks else 1
    for part in np.split(np.arange(len(rows)), np.nonzero(np.diff(rows // chunk))[0] + 1):
        first = int(rows[part[0]])
        block = read_rows_of(dataset, path, IMAGES, first, int(rows[part[-1]]) + 1)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes Inf, and is named
            chosen = block[rows[part] - first].astype(images.dtype)
        chosen = chosen.reshape((-1, *IMAGE_SHAPE, 1))
        check_images_finite(chosen, f"{path}: dataset {IMAGES!r}", rows[part])
        images[places[part]] = chosen


def check_images_finite(images: np.ndarray, where: str, rows: np.ndarray) -> None:
    """Refuse images with NaN or Inf.

    Parameters
    ----------
    images : (n, ...) array
    where : str
        File and dataset, for the message.
    rows : (n,) int array

    Raises
    ------
    InputError
        That names the row.
    """
    bad = first_not_finite(images)
    if bad is not None:
        raise InputError(
            f"{where} row {rows[bad]} holds NaN, Inf or more than float32 can; repair the image "
            "or leave it out (label -1)"
        )
