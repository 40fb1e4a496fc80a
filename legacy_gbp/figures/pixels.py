"""Pixels and dots: how many dots a panel has, and what a dot shows where pixels are more.

No pixel may get lost between a map and its page. A panel has a fixed number of dots for each
pixel, or each dot shows the pixel of largest magnitude of a block.
"""

from typing import Tuple

import numpy as np

LEAST_DOTS, MOST_DOTS = 200, 512  # of a panel's longer side
ELONGATED = 4  # times as long as wide: each axis has its own scale


def panel_dots(shape: Tuple[int, ...], least: int = LEAST_DOTS) -> Tuple[int, int]:
    """Return how many dots a panel needs for an image.

    Each pixel has 1 dot or more, the same number for all: 8 x 8 pixels are drawn on 200 x 200
    dots, 363 x 284 on as many. Where a side is longer than 512 pixels, each dot is for a block:
    726 x 568 pixels are drawn on 363 x 284 dots. Proportions are kept, unless one side is more
    than four times as long as the other.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image, pixels, 1 or more.
    least : int
        Dots of the longer side, or more.

    Returns
    -------
    tuple of int
        Rows and columns of the panel, dots.
    """
    if max(shape) > ELONGATED * min(shape):
        return side_dots(shape[0], least), side_dots(shape[1], least)
    block = -(-max(shape) // MOST_DOTS)
    rows, columns = -(-shape[0] // block), -(-shape[1] // block)
    dots = -(-least // max(rows, columns))
    return rows * dots, columns * dots


def side_dots(pixels: int, least: int = LEAST_DOTS, most: int = MOST_DOTS) -> int:
    """Return the dots of one side that is scaled by itself.

    Parameters
    ----------
    pixels : int
        1 or more.
    least : int
        Dots, where a dot is no block: there can be fewer than twice as many.
    most : int
        Pixels; beyond them each dot is for a block.

    Returns
    -------
    int
        A multiple of the number of blocks.
    """
    blocks = -(-pixels // -(-pixels // most))
    return blocks * -(-least // blocks)


def block_size(shape: Tuple[int, ...], dots: Tuple[int, int]) -> Tuple[int, int]:
    """Return the rows and columns of pixels that share a dot.

    Parameters
    ----------
    shape : tuple of int
        Of the image: rows, columns.
    dots : tuple of int
        Rows and columns of the panel.

    Returns
    -------
    tuple of int
        (1, 1) where each pixel has a dot.
    """
    return -(-shape[0] // max(dots[0], 1)), -(-shape[1] // max(dots[1], 1))


def largest_magnitudes(array: np.ndarray, block: Tuple[int, int]) -> np.ndarray:
    """Return the pixel of largest magnitude of each block, with its sign.

    Parameters
    ----------
    array : (H, W) array
        Of any real number type.
    block : tuple of int
        Rows and columns of a block; blocks at the last rows and columns may be smaller.

    Returns
    -------
    (ceil(H / rows), ceil(W / columns)) float64 array

    Examples
    --------
    >>> largest_magnitudes(np.array([[1, -3, 0, 2]]), (1, 2)).tolist()
    [[-3.0, 2.0]]
    """
    blocks = _blocks(np.asarray(array, np.float64), block)
    where = np.abs(blocks).argmax(axis=2)
    found: np.ndarray = np.take_along_axis(blocks, where[:, :, None], axis=2)[:, :, 0]
    return found


def means(array: np.ndarray, block: Tuple[int, int]) -> np.ndarray:
    """Return the mean of each block, for photographs.

    Parameters
    ----------
    array : (H, W, C) array
    block : tuple of int
        Rows and columns of a block. The last row and column are repeated where a block is
        not full.

    Returns
    -------
    (ceil(H / rows), ceil(W / columns), C) float64 array
    """
    found: np.ndarray = _blocks(np.asarray(array, np.float64), block).mean(axis=2)
    return found


def _blocks(array: np.ndarray, block: Tuple[int, int]) -> np.ndarray:
    """Return (H, W, ...) as (h, w, pixels of a block, ...); the last row and column repeat."""
    rows, columns = (-(-size // step) for size, step in zip(array.shape, block))
    missing = ((0, rows * block[0] - array.shape[0]), (0, columns * block[1] - array.shape[1]))
    rest = array.shape[2:]
    full = np.pad(array, (*missing, *((0, 0) for _ in rest)), mode="edge")
    split = full.reshape((rows, block[0], columns, block[1], *rest)).swapaxes(1, 2)
    found: np.ndarray = split.reshape((rows, columns, block[0] * block[1], *rest))
    return found
