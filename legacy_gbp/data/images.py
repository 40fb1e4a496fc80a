"""Images to explain, from arrays, HDF5 datasets or pictures, batch by batch.

``X.npy`` (N, H, W, C) or (N, ...); ``X.h5:dataset`` of the same shape; picture
files, each one image, brought to the size that the network takes, and to its order
of axes.
"""

from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

from legacy_gbp.data.arrays import map_array
from legacy_gbp.data.finite import first_not_finite
from legacy_gbp.data.picture_set import PictureSet, shown_shape
from legacy_gbp.data.xtcav import IMAGE_SHAPE, find_dataset
from legacy_gbp.errors import InputError
from legacy_gbp.io.stored_rows import read_rows_of
from legacy_gbp.io.unchanged_file import UnchangedFile

ARRAYS = (".npy",)
HDF5 = (".h5:", ".hdf5:")

Shape = Sequence[Optional[int]]


def image_set(images: Sequence[str], shape: Optional[Shape]) -> "ImageSet":
    """Open images.

    Parameters
    ----------
    images : sequence of str
        One ``.npy`` file, one ``FILE.h5:DATASET``, or picture files.
    shape : sequence of int or None, or None
        Of one image as the network takes it; None where the network leaves it
        open, for one dimension or for all.

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        For what is missing, unreadable or of another shape.
    """
    arrays = [name for name in images if _is_array(name) or _is_hdf5(name)]
    if not arrays:
        return ImageSet(images, PictureSet(images, shape), shape)
    if len(images) > 1:
        raise InputError(f"`images` {arrays[0]} beside others; give one array, or only pictures")
    if _is_array(arrays[0]):
        return ImageSet(images, _numpy_array(arrays[0]), shape)
    return ImageSet(images, _Hdf5Rows(arrays[0]), shape)


class ImageSet:
    """Images by index, read when asked.

    Parameters
    ----------
    specs : sequence of str
        Where the images come from: a picture each, or one name for all.
    rows : array of shape (N, ...)
        The images, or what returns them for a slice.
    shape : sequence of int or None, or None
        Of one image as the network takes it. Images without channels get one
        where the network takes one.

    Raises
    ------
    InputError
        For no image, or images of another shape.
    """

    def __init__(
        self,
        specs: Sequence[str],
        rows: "Union[np.ndarray, PictureSet, _Hdf5Rows]",
        shape: Optional[Shape],
    ) -> None:
        self._rows = rows
        self._channel_axis = _missing_channel(rows.shape, shape)
        one = tuple(rows.shape[1:])
        if self._channel_axis is not None:
            one = tuple(np.insert(one, self._channel_axis - 1, 1).tolist())
        if not len(rows):
            raise InputError(f"{specs[0]}: holds no image; give one or more")
        if not all(one):
            raise InputError(
                f"{specs[0]}: images of shape {one} hold no value; give images of 1 or more along "
                "each axis"
            )
        if shape is not None and not _fits(one, shape):
            raise InputError(
                f"{specs[0]}: images of shape {one}; the network takes {shown_shape(shape)}"
                f"{_transposition(one, shape)}"
            )
        self._shape = one
        self._specs = specs
        self._one_each = len(specs) > 1 or isinstance(rows, PictureSet)

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the images from `start` to `stop` - 1.

        Parameters
        ----------
        start, stop : int
            0..N.

        Returns
        -------
        (stop - start, ...) array
            Of the stored type; uint8, or float64 for grey, from pictures.

        Raises
        ------
        InputError
            For what cannot be read, and for NaN or Inf.
        """
        images = np.asarray(self._rows[start:stop])
        bad = first_not_finite(images)
        if bad is not None:
            raise InputError(
                f"{self.name(start + bad)} holds NaN or Inf; repair it or leave it out"
            )
        if self._channel_axis is None:
            return images
        with_channel: np.ndarray = np.expand_dims(images, self._channel_axis)
        return with_channel

    def name(self, index: int) -> str:
        """Return where an image comes from.

        Parameters
        ----------
        index : int
            0..N-1.

        Returns
        -------
        str
            A picture's path, or ``"FILE row INDEX"``.
        """
        return self._specs[index] if self._one_each else f"{self._specs[0]} row {index}"

    @property
    def rows_are_energy(self) -> bool:
        """Whether these are XTCAV images, of which row 0, the lowest energy, is drawn lowest.

        They are recognised by their shape, 363 x 284 in one channel: it is the only one that
        the networks of ex07 and ex08 take, and that an XTCAV file has.
        """
        return tuple(size for size in self._shape if size != 1) == IMAGE_SHAPE

    def notes(self) -> List[str]:
        """Return what was done to the pictures that were read so far.

        Returns
        -------
        list of str
            One line each, such as ``"2 pictures were stretched from 640x480 to 224x224"``.
            Empty for arrays, to which nothing is done.
        """
        return self._rows.notes() if isinstance(self._rows, PictureSet) else []


class _Hdf5Rows:
    """A dataset of a file that is open only while it is read."""

    def __init__(self, spec: str) -> None:
        suffix = next(suffix for suffix in HDF5 if suffix in spec)
        stem, _, self._dataset = spec.rpartition(suffix)
        self._path = stem + suffix[:-1]
        if not self._dataset:
            raise InputError(f"{spec}: names no dataset; give {self._path}:DATASET")
        self._file = UnchangedFile(self._path)
        with self._file.open(self._dataset) as file:
            dataset = find_dataset(file, self._path, self._dataset)
            _check_numbers(spec, dataset)
            self.shape: Tuple[int, ...] = dataset.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, _ = rows.indices(len(self))
        with self._file.open(self._dataset) as file:
            return read_rows_of(file[self._dataset], self._path, self._dataset, start, stop)


def _transposition(found: Sequence[int], shape: Shape) -> str:
    """Say that the channels are at the other end, where that is all that differs."""
    if len(found) > 2 and not _fits(found, shape):
        if _fits((found[-1], *found[:-1]), shape):
            return ", channels first; move the last axis by numpy.moveaxis(images, -1, 1)"
        if _fits((*found[1:], found[0]), shape):
            return ", channels last; move the first axis by numpy.moveaxis(images, 1, -1)"
    return ""


def _is_array(name: str) -> bool:
    return name.endswith(ARRAYS)


def _is_hdf5(name: str) -> bool:
    return any(suffix in name for suffix in HDF5)


def _numpy_array(path: str) -> np.ndarray:
    """Open an array without reading it."""
    array = map_array(path, "images")
    _check_numbers(path, array)
    return array


def _check_numbers(where: str, array: Any) -> None:
    """Refuse what is no array of images: one dimension or none, or no real numbers."""
    if array.shape is None or len(array.shape) < 2:
        raise InputError(f"{where}: an array of shape {array.shape}; give (N, ...), N images")
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where}: holds values of type {array.dtype}; give real numbers")


def _missing_channel(found: Sequence[int], shape: Optional[Shape]) -> Optional[int]:
    """Return the axis that (N, H, W) lacks where the network takes (H, W, 1) or (1, H, W)."""
    if shape is None or len(found) != len(shape):
        return None
    if shape[-1] == 1:
        return len(shape)
    return 1 if shape[0] == 1 and _fits(found[1:], shape[1:]) else None


def _fits(found: Sequence[int], shape: Shape) -> bool:
    return len(found) == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(found, shape)
    )
