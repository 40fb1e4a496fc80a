"""Upsampling by the nearest neighbour."""

from typing import Sequence

import numpy as np

from legacy_gbp.errors import InputError


def nearest(maps: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Bring maps to the size of the images; each pixel takes the value of its centre's cell.

    Parameters
    ----------
    maps : (N, h, w, C) array
    shape : (H, W)
        In any ratio to (h, w); as many axes as the maps have between the first
        and the last.

    Returns
    -------
    (N, H, W, C) array

    Raises
    ------
    InputError
        For another number of axes.
    """
    if len(shape) != maps.ndim - 2:
        raise InputError(
            f"maps of shape {maps.shape} do not lie on an image of shape {tuple(shape)}; keep the "
            "layer's own size (upsample=False) or choose a layer with the axes of the image"
        )
    for axis, size in enumerate(shape, start=1):
        # Twice the centre keeps the arithmetic in integers.
        cells = (2 * np.arange(size) + 1) * maps.shape[axis] // (2 * size)
        maps = np.take(maps, cells, axis=axis)
    return maps
