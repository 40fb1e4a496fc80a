"""Picture files of any kind that Pillow reads, as networks of photographs take them."""

import os
from typing import NamedTuple, Optional, Tuple, Union

import numpy as np
from PIL import Image, ImageOps

from legacy_gbp.errors import InputError, first_line

SIZE = (224, 224)
ORIENTATION = 0x0112  # EXIF; 1 is upright
GREY_MODES = ("1", "L", "LA", "La")
RGB_MODES = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")
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
        In the file; the first was taken.
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
        PNG, JPEG, ...; 8 bits a channel.
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
        with Image.open(path) as image:
            _check_depth(image, path)
            turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
            frames = getattr(image, "n_frames", 1)
            stored = ImageOps.exif_transpose(image)
            upright = stored.convert("RGB")
            transparent = _is_transparent(stored)
    except InputError:  # a ValueError, too
        raise
    # Pillow's readers raise all of these: for damaged files, and for pictures of absurd size.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = first_line(error, MOST_REASON + len(path)).replace(path, "the file")
        raise InputError(
            f"{path}: not a readable picture ({reason}); give a complete PNG or JPEG file"
        ) from error
    grey = stored.mode in GREY_MODES
    return Picture(
        np.array(upright.resize((width, height), Image.Resampling.BILINEAR)),
        (upright.height, upright.width),
        turned,
        None if grey or stored.mode in RGB_MODES else stored.mode,
        grey,
        transparent,
        frames,
    )


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
