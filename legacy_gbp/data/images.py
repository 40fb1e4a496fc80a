"""Images to explain, from arrays, HDF5 datasets or pictures, batch by batch.

``X.npy`` (N, H, W, C) or (N, ...); ``X.h5:dataset`` of the same shape; picture
files, each one image, brought to the size that the network takes.
"""

import numpy as np

from legacy_gbp.data.pictures import read_picture
from legacy_gbp.data.xtcav import open_hdf5
from legacy_gbp.errors import InputError

ARRAYS = (".npy",)
HDF5 = (".h5:", ".hdf5:")


def image_set(specs, shape):
    """Open images.

    Parameters
    ----------
    specs : list of str
        One ``.npy`` file, one ``FILE.h5:DATASET``, or picture files.
    shape : sequence of int or None, or None
        Of one image as the network takes it; None where it leaves it open.

    Returns
    -------
    ImageSet

    Raises
    ------
    InputError
        For what is missing, unreadable or of another shape.
    """
    if len(specs) == 1 and specs[0].endswith(ARRAYS):
        return ImageSet(specs, _numpy_array(specs[0]), shape)
    if len(specs) == 1 and any(mark in specs[0] for mark in HDF5):
        return ImageSet(specs, _Hdf5Rows(specs[0]), shape)
    mixed = [spec for spec in specs if spec.endswith(ARRAYS) or any(m in spec for m in HDF5)]
    if mixed:
        raise InputError(f"--images {mixed[0]} beside others; give one array, or only pictures")
    return ImageSet(specs, _Pictures(specs, shape), shape)


class ImageSet:
    """Images by index; `names` says where each comes from."""

    def __init__(self, specs, rows, shape):
        self._rows = rows
        self._lacks_channel = _lacks_channel(rows.shape, shape)
        one = (*rows.shape[1:], 1) if self._lacks_channel else tuple(rows.shape[1:])
        if not len(rows):
            raise InputError(f"{specs[0]}: holds no image")
        if shape is not None and not _fits(one, shape):
            wanted = ", ".join("?" if size is None else str(size) for size in shape)
            raise InputError(f"{specs[0]}: images of shape {one}; the network takes ({wanted})")
        several = len(specs) > 1 or isinstance(rows, _Pictures)
        self._specs = specs if several else None
        self._name = specs[0]

    def __len__(self):
        return len(self._rows)

    def read(self, start, stop):
        """Images [start, stop), as stored."""
        images = np.asarray(self._rows[start:stop])
        if images.dtype.kind == "f" and not np.isfinite(images).all():
            bad = np.nonzero(~np.isfinite(images.reshape(len(images), -1)).all(axis=1))[0][0]
            raise InputError(
                f"{self.name(start + bad)} holds NaN or Inf; repair it or leave it out"
            )
        return images[..., None] if self._lacks_channel else images

    def name(self, index):
        """Where an image comes from."""
        return self._specs[index] if self._specs else f"{self._name} row {index}"


class _Pictures:
    """Pictures read when asked; grey ones where the network takes one channel."""

    def __init__(self, paths, shape):
        height, width, channels = shape if shape is not None and len(shape) == 3 else (None,) * 3
        if height is None or width is None:
            raise InputError(
                "--images of pictures: the network does not say which size it takes; give an array "
                ".npy of the size wanted"
            )
        self._paths, self._size = paths, (height, width)
        self.shape = (len(paths), height, width, channels or 3)

    def __len__(self):
        return len(self._paths)

    def __getitem__(self, part):
        pictures = np.stack([read_picture(path, self._size) for path in self._paths[part]])
        if self.shape[3] == 1:
            return pictures.mean(axis=3, keepdims=True)
        return pictures


class _Hdf5Rows:
    """A dataset of a file that is open only while it is read."""

    def __init__(self, spec):
        mark = next(mark for mark in HDF5 if mark in spec)
        stem, _, self._dataset = spec.rpartition(mark)
        self._path = stem + mark[:-1]
        with open_hdf5(self._path) as file:
            if self._dataset not in file or not hasattr(file[self._dataset], "shape"):
                holds = ", ".join(sorted(file))
                raise InputError(
                    f"{self._path}: no dataset {self._dataset!r}; the file holds {holds}"
                )
            self.shape = file[self._dataset].shape
            _check_numbers(spec, file[self._dataset])

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, part):
        with open_hdf5(self._path) as file:
            return file[self._dataset][part]


def _numpy_array(path):
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check --images") from error
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: not a readable array ({reason}); save it by numpy.save"
        ) from error
    _check_numbers(path, array)
    return array


def _check_numbers(where, array):
    if array.shape is None or len(array.shape) < 2:
        raise InputError(f"{where}: an array of shape {array.shape}; give (N, ...), N images")
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where}: holds values of type {array.dtype}; give real numbers")


def _lacks_channel(found, shape):
    """(N, H, W) for a network of one channel."""
    return shape is not None and len(found) == len(shape) and shape[-1] == 1


def _fits(found, shape):
    return len(found) == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(found, shape)
    )
