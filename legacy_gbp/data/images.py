"""Images to explain, from arrays, HDF5 datasets or pictures, batch by batch.

``X.npy`` (N, H, W, C) or (N, ...); ``X.h5:dataset`` of the same shape; picture
files, each one image, brought to the size that the network takes, and to its order
of axes.
"""

import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from legacy_gbp.data.finite import first_not_finite
from legacy_gbp.data.pictures import Picture, read_picture
from legacy_gbp.data.xtcav import IMAGE_SHAPE, find_dataset
from legacy_gbp.errors import InputError, first_line, shortened
from legacy_gbp.io.hdf5 import UnchangedFile
from legacy_gbp.io.stored_rows import read_rows_of

ARRAYS = (".npy",)
HDF5 = (".h5:", ".hdf5:")
CHANNELS = (None, 1, 3)  # of a network that takes pictures

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
                f"{specs[0]}: images of shape {one}; the network takes {_shown(shape)}"
                f"{_transposition(one, shape)}"
            )
        self._shape = one
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
        return self._rows.notes() if isinstance(self._rows, _Pictures) else []


class _Pictures:
    """Pictures, read when asked; grey ones where the network takes one channel, or none."""

    def __init__(self, paths: Sequence[str], shape: Optional[Shape]) -> None:
        wanted = None if shape is None else _PictureShape.of(shape)
        if wanted is None:
            for path in paths:
                if not os.path.exists(path):
                    raise InputError(f"{path}: no such file; check `images`")
            raise InputError(f"`images` of pictures: {_no_pictures(shape)}")
        self._paths, self._wanted = paths, wanted
        self._size = wanted.height, wanted.width
        self.shape = (len(paths), *wanted.shape)
        self._read: Dict[int, Picture] = {}  # by index, without their pixels

    def __len__(self) -> int:
        return len(self._paths)

    def notes(self) -> List[str]:
        """Return what was done to the pictures that were read so far, one line each."""
        read, one = list(self._read.values()), self._wanted.channels == 1
        notes = self._sizes(read)

        def note(before: str, after: str, those: Iterable[bool]) -> None:
            count = sum(those)
            if count:
                notes.append(f"{before}{_pictures(count)} {after.format(**_verbs(count))}")

        note("", "{was} turned upright, as the camera asks", (found.turned for found in read))
        if one:
            after = "{be} in colour: the mean of three channels is taken"
            note("", after, (not found.grey for found in read))
        else:
            note("", "{be} grey: repeated in three channels", (found.grey for found in read))
        note("transparency of ", "was dropped", (found.transparent for found in read))
        note("of ", "with several frames the first is taken", (f.frames > 1 for f in read))
        for space in sorted({found.converted_from for found in read if found.converted_from}):
            after = f"{{was}} converted from {space} to RGB"
            note("", after, (found.converted_from == space for found in read))
        if self._wanted.first:
            note("", "{was} transposed: the network takes channels first", (True for _ in read))
        return notes

    def _sizes(self, read: Sequence[Picture]) -> List[str]:
        """Say which pictures were resized, and which of them changed their proportions."""
        notes = []
        for verb in ("stretched", "resized"):
            sizes = [
                found.stored_size
                for found in read
                if found.stored_size != self._size
                and (verb == "stretched") != _same_proportions(found.stored_size, self._size)
            ]
            if sizes:
                names = shortened(list(dict.fromkeys(map(_by, sizes))))
                what = f"{_pictures(len(sizes))} {_verbs(len(sizes))['was']} {verb}"
                notes.append(f"{what} from {names} to {_by(self._size)}")
        return notes

    def __getitem__(self, rows: slice) -> np.ndarray:
        numbers = range(len(self._paths))[rows]
        found = [read_picture(self._paths[number], self._size) for number in numbers]
        for number, picture in zip(numbers, found):
            self._read[number] = picture._replace(pixels=np.empty(0, np.uint8))
        pictures: np.ndarray = np.stack([picture.pixels for picture in found])
        if self._wanted.channels == 1:
            pictures = pictures.mean(axis=3, keepdims=True)
        if self._wanted.first:
            pictures = np.moveaxis(pictures, 3, 1)
        return pictures.reshape(-1, *self._wanted.shape)


class _PictureShape(NamedTuple):
    """What a network that takes pictures takes.

    Attributes
    ----------
    height, width : int
        Pixels.
    channels : int
        3, or 1 for grey.
    first : bool
        Whether the channels are the first axis of one image.
    shape : tuple of int
        Of one image.
    """

    height: int
    width: int
    channels: int
    first: bool
    shape: Tuple[int, ...]

    @classmethod
    def of(cls, shape: Shape) -> "Optional[_PictureShape]":
        """Return what the shape of an input says; None where it takes no pictures."""
        first = len(shape) == 3 and shape[2] not in CHANNELS and shape[0] in CHANNELS[1:]
        if len(shape) == 2:  # without an axis for channels
            height, width, channels = shape[0], shape[1], 1
        elif len(shape) == 3 and (first or shape[2] in CHANNELS):
            height, width = shape[1:] if first else shape[:2]
            channels = (shape[0] if first else shape[2]) or 3
        else:
            return None
        if not height or not width:
            return None
        one = (channels, height, width) if first else (height, width, channels)
        return cls(height, width, channels, first, one if len(shape) == 3 else one[:2])


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


def _no_pictures(shape: Optional[Shape]) -> str:
    """Say why a network takes no pictures, and what to do."""
    if shape is not None and (len(shape) not in (2, 3) or None not in shape):
        return f"the network takes {_shown(shape)}; give an array .npy of that shape"
    return "the network does not say which size it takes; give an array .npy of the size wanted"


def _shown(shape: Shape) -> str:
    """Return a shape as messages show it, with a question mark for an open size."""
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _transposition(found: Sequence[int], shape: Shape) -> str:
    """Say that the channels are at the other end, where that is all that differs."""
    if len(found) > 2 and not _fits(found, shape):
        if _fits((found[-1], *found[:-1]), shape):
            return ", channels first; move the last axis by numpy.moveaxis(images, -1, 1)"
        if _fits((*found[1:], found[0]), shape):
            return ", channels last; move the first axis by numpy.moveaxis(images, 1, -1)"
    return ""


def _pictures(count: int) -> str:
    return f"{count} picture" + ("s" if count > 1 else "")


def _verbs(count: int) -> Dict[str, str]:
    return {"was": "were", "be": "are"} if count > 1 else {"was": "was", "be": "is"}


def _by(size: Tuple[int, int]) -> str:
    """Return a size as width by height, as pictures have it."""
    return f"{size[1]}x{size[0]}"


def _same_proportions(stored: Tuple[int, int], wanted: Tuple[int, int]) -> bool:
    """Return whether a resize changes the proportions by less than a pixel."""
    width = stored[1] * wanted[0] / stored[0]
    return abs(width - wanted[1]) < 1


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
