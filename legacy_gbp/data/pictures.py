"""Picture files of any kind that Pillow reads, as networks of photographs take them."""

import os
from typing import Tuple, Union

import numpy as np
from PIL import Image, ImageOps

from legacy_gbp.errors import InputError, first_line

SIZE = (224, 224)
MOST_REASON = 200  # characters of Pillow's message, without the path


def read_picture(path: "Union[str, os.PathLike[str]]", size: Tuple[int, int] = SIZE) -> np.ndarray:
    """Read a picture and bring it to the size of the network's input.

    It is turned upright where the camera says so, and *stretched* to the size
    as the tutorials do: cut it before if its proportions matter. The resize is
    Pillow's bilinear one, which averages over all source pixels when it makes a
    picture smaller. Grey is repeated in the three channels, transparency is
    dropped, and of several frames the first is taken.

    Parameters
    ----------
    path : str or os.PathLike
        PNG, JPEG, ...; 8 bits a channel.
    size : tuple of int
        Height and width wanted, pixels.

    Returns
    -------
    (height, width, 3) uint8 array
        RGB, grey levels 0..255.

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
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except InputError:  # a ValueError, too
        raise
    # Pillow's readers raise all of these: for damaged files, and for pictures of absurd size.
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        reason = first_line(error, MOST_REASON + len(path)).replace(path, "the file")
        raise InputError(
            f"{path}: not a readable picture ({reason}); give a complete PNG or JPEG file"
        ) from error
    return np.array(upright.resize((width, height), Image.Resampling.BILINEAR))


def _check_depth(image: Image.Image, path: str) -> None:
    """Refuse 16 bits, which Pillow would clip at 255 without a warning."""
    if image.mode[0] in "IF":
        raise InputError(
            f"{path}: has more than 8 bits a channel (mode {image.mode}); scale it to 0..255 first"
        )
