"""Which unit of an output is the largest, image by image."""

import numpy as np

from legacy_gbp.errors import InputError


def largest_units(output: np.ndarray, rank: int = 1) -> np.ndarray:
    """Return seeds that are 1 at the unit of a rank in the output of every image.

    Parameters
    ----------
    output : (N, ...) array
    rank : int
        1 for the largest; of equal units the first is the larger.

    Returns
    -------
    (N, ...) float64 array

    Raises
    ------
    InputError
        For a rank beyond the number of units.
    """
    rows = output.reshape(len(output), int(np.prod(output.shape[1:])))
    if not 1 <= rank <= rows.shape[1]:
        count = rows.shape[1]
        known = f"{count} units; give a rank of 1..{count}" if count > 1 else "1 unit; give rank 1"
        raise InputError(f"target of rank {rank}: the output of an image has {known}")
    if rank == 1:
        places = np.argmax(rows, axis=1)
    else:
        places = np.argsort(-rows.astype(float), axis=1, kind="stable")[:, rank - 1]
    seeds = np.zeros(rows.shape)
    seeds[np.arange(len(rows)), places] = 1
    return seeds.reshape(output.shape)
