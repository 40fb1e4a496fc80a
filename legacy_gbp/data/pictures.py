"""Picture files of the common kinds, as networks of photographs take them."""

import contextlib
import os
import struct
import warnings
import zlib
from typing import Iterator, NamedTuple, Optional, Tuple, Union

import numpy as np
from PIL import Image, ImageOps

from legacy_gbp.errors import InputError, first_line

SIZE = (224, 224)
ORIENTATION = 0x0112  # EXIF; 1 is upright
GREY_MODES = ("1", "L", "LA", "La")
RGB_MODES = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")
# The formats that are opened. Pillow knows some forty; it runs Ghostscript for EPS.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
KINDS = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
# Pillow's readers raise all of these: for damaged files, and for pictures of more than
# 178,956,970 pixels.
DAMAGED = (
    OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, AttributeError,
    ArithmeticError, RuntimeError, MemoryError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
MOST_REASON = 200  # characters of Pillow's message, without the path


class Picture(NamedTuple):
    """A picture as a network takes it, and what was done to it.

    Attributes
    ----------
    pixels : (height, width, 3) uint8 array
        RGB, grey levels 0..255.
    stored_size : tuple of int
        Height and width of the file's picture, upright, pixels.
    turned : bool
        Whether it was turned upright, as the camera asked.
    converted_from : str or None
        Pillow's name of the colour space, such as ``"CMYK"``; None for RGB, palettes and grey.
    grey : bool
        Whether one channel of the file was repeated in three.
    transparent : bool
        Whether a transparency was dropped that was not opaque everywhere.
    frames : int
        2 where the file has several; the first was taken.
    """

    pixels: np.ndarray
    stored_size: Tuple[int, int]
    turned: bool
    converted_from: Optional[str]
    grey: bool
    transparent: bool
    frames: int


def read_picture(path: "Union[str, os.PathLike[str]]", size: Tuple[int, int] = SIZE) -> Picture:
    """Read a picture and bring it to the size of the network's input.

    It is turned upright where the camera says so, and *stretched* to the size
    as the tutorials do: cut it before if its proportions matter. The resize is
    Pillow's bilinear one, which averages over all source pixels when it makes a
    picture smaller. Grey is repeated in the three channels, transparency is
    dropped, and of several frames the first is taken. The result says which of
    these were done.

    Parameters
    ----------
    path : str or os.PathLike
        Of :data:`FORMATS`; 8 bits a channel.
    size : tuple of int
        Height and width wanted, pixels.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        For a file that is missing, not a picture, damaged, or of more than 8
        bits a channel.
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; give a picture (PNG, JPEG, ...)")
    if not os.path.isfile(path):
        raise InputError(f"{path}: is not a file; give a picture (PNG, JPEG, ...)")
    height, width = size
    try:
        with _quietly(), Image.open(path, formats=FORMATS) as image:
            _check_depth(image, path)
            turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
            # A file may have a million frames: they are not counted.
            frames = 2 if getattr(image, "is_animated", False) else 1
            stored = ImageOps.exif_transpose(image)
            upright = stored.convert("RGB")
            transparent = _is_transparent(stored)
            pixels = np.array(upright.resize((width, height), Image.Resampling.BILINEAR))
    except InputError:  # a ValueError, too
        raise
    except DAMAGED as error:
        reason = first_line(error, MOST_REASON + len(path)).replace(path, "the file")
        raise InputError(
            f"{path}: not a readable picture ({reason}); give a complete {KINDS} file"
        ) from error
    grey = stored.mode in GREY_MODES
    return Picture(
        pixels,
        (upright.height, upright.width),
        turned,
        None if grey or stored.mode in RGB_MODES else stored.mode,
        grey,
        transparent,
        frames,
    )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Drop what Pillow says of damaged parts that are not needed, and of large pictures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_transparent(image: Image.Image) -> bool:
    """Return whether any pixel is not opaque."""
    if image.mode[-1] not in "Aa" and "transparency" not in image.info:
        return False
    lowest: int = np.asarray(image.convert("RGBA"))[..., 3].min()
    return bool(lowest < 255)


def _check_depth(image: Image.Image, path: str) -> None:
    """Refuse 16 bits, which Pillow would clip at 255 without a warning."""
    if image.mode[0] in "IF":
        raise InputError(
            f"{path}: has more than 8 bits a channel (mode {image.mode}); scale it to 0..255 first"
        )
