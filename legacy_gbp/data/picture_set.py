"""Picture files as images of one size, and what was done to them on the way."""

import os
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from legacy_gbp.data.pictures import Picture, read_picture
from legacy_gbp.errors import InputError, shortened

CHANNELS = (None, 1, 3)  # of a network that takes pictures

Shape = Sequence[Optional[int]]


class PictureSet:
    """Pictures, read when asked; grey ones where the network takes one channel, or none.

    Parameters
    ----------
    paths : sequence of str
    shape : sequence of int or None, or None
        Of one image as the network takes it.

    Attributes
    ----------
    shape : tuple of int
        (N, ...), as the network takes it.

    Raises
    ------
    InputError
        For a network that takes no pictures, or a missing file.
    """

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
        """Return what was done to the pictures that were read so far.

        Returns
        -------
        list of str
            One line each.
        """
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


def _no_pictures(shape: Optional[Shape]) -> str:
    """Say why a network takes no pictures, and what to do."""
    if shape is not None and (len(shape) not in (2, 3) or None not in shape):
        return f"the network takes {shown_shape(shape)}; give an array .npy of that shape"
    return "the network does not say which size it takes; give an array .npy of the size wanted"


def shown_shape(shape: Shape) -> str:
    """Return a shape as messages show it.

    Parameters
    ----------
    shape : sequence of int or None

    Returns
    -------
    str
        In parentheses, with a question mark for an open size.
    """
    sizes = ["?" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


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
