"""Images to explain, from arrays, HDF5 datasets or pictures, batch by batch.

``X.npy`` (N, H, W, C) or (N, ...); ``X.h5:dataset`` of the same shape; picture
files, each one image, brought to the size that the network takes.
"""

from typing import Any, Optional, Sequence, Tuple, Union

import numpy as np

from legacy_gbp.data.finite import first_not_finite
from legacy_gbp.data.pictures import read_picture
from legacy_gbp.data.xtcav import find_dataset
from legacy_gbp.errors import InputError, first_line
from legacy_gbp.io.hdf5 import open_hdf5, unreadable

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
        return ImageSet(images, _Pictures(images, shape), shape)
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
        rows: "Union[np.ndarray, _Pictures, _Hdf5Rows]",
        shape: Optional[Shape],
    ) -> None:
        self._rows = rows
        self._lacks_channel = _lacks_channel(rows.shape, shape)
        one = (*rows.shape[1:], 1) if self._lacks_channel else tuple(rows.shape[1:])
        if not len(rows):
            raise InputError(f"{specs[0]}: holds no image; give one or more")
        if shape is not None and not _fits(one, shape):
            wanted = ", ".join("?" if size is None else str(size) for size in shape)
            raise InputError(f"{specs[0]}: images of shape {one}; the network takes ({wanted})")
        self._specs = specs
        self._one_each = len(specs) > 1 or isinstance(rows, _Pictures)

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
        return images[..., None] if self._lacks_channel else images

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


class _Pictures:
    """Pictures, read when asked; grey ones where the network takes one channel."""

    def __init__(self, paths: Sequence[str], shape: Optional[Shape]) -> None:
        height, width, channels = shape if shape is not None and len(shape) == 3 else (None,) * 3
        if height is None or width is None:
            raise InputError(
                "`images` of pictures: the network does not say which size it takes; give an array "
                ".npy of the size wanted"
            )
        self._paths, self._size = paths, (height, width)
        self.shape = (len(paths), height, width, channels or 3)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, rows: slice) -> np.ndarray:
        pictures = np.stack([read_picture(path, self._size) for path in self._paths[rows]])
        if self.shape[3] == 1:
            grey: np.ndarray = pictures.mean(axis=3, keepdims=True)
            return grey
        return pictures


class _Hdf5Rows:
    """A dataset of a file that is open only while it is read."""

    def __init__(self, spec: str) -> None:
        suffix = next(suffix for suffix in HDF5 if suffix in spec)
        stem, _, self._dataset = spec.rpartition(suffix)
        self._path = stem + suffix[:-1]
        if not self._dataset:
            raise InputError(f"{spec}: names no dataset; give {self._path}:DATASET")
        with open_hdf5(self._path) as file:
            dataset = find_dataset(file, self._path, self._dataset)
            _check_numbers(spec, dataset)
            self.shape: Tuple[int, ...] = dataset.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        with open_hdf5(self._path) as file:
            try:
                values: np.ndarray = file[self._dataset][rows]
            except OSError as error:
                raise unreadable(self._path, self._dataset, error) from error
            return values


def _is_array(name: str) -> bool:
    return name.endswith(ARRAYS)


def _is_hdf5(name: str) -> bool:
    return any(suffix in name for suffix in HDF5)


def _numpy_array(path: str) -> np.ndarray:
    """Open an array without reading it."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check `images`") from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: not a readable array ({first_line(error)}); save it by numpy.save"
        ) from error
    _check_numbers(path, array)
    return array


def _check_numbers(where: str, array: Any) -> None:
    """Refuse what is no array of images: one dimension or none, or no real numbers."""
    if array.shape is None or len(array.shape) < 2:
        raise InputError(f"{where}: an array of shape {array.shape}; give (N, ...), N images")
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where}: holds values of type {array.dtype}; give real numbers")


def _lacks_channel(found: Sequence[int], shape: Optional[Shape]) -> bool:
    """Return whether images are (N, H, W), and the network takes (H, W, 1)."""
    return shape is not None and len(found) == len(shape) and shape[-1] == 1


def _fits(found: Sequence[int], shape: Shape) -> bool:
    return len(found) == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(found, shape)
    )
