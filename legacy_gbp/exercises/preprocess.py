"""What is done to an image before the network sees it.

====================  ======================================================
none                  the image as float32
log-mean              log(max(1, I)) minus its mean image over the training
                      set. The 2016 write-up speaks of the grand mean; its
                      code took the mean of every pixel, which is done here.
log-threshold         I up to 100, above it 100 + log(1 + I - 100)
====================  ======================================================

The choice and the mean image are stored with the checkpoint.
"""

from typing import Any, Callable, Dict, Iterable, NamedTuple

import numpy as np

from legacy_gbp.errors import InputError

THRESHOLD = 100


class Preprocess(NamedTuple):
    """A fitted preparation.

    Attributes
    ----------
    kind : str
        A row of :data:`TRANSFORMS`.
    mean : (H, W, 1) float32 array, or 0
        Is subtracted where the kind asks for it.
    """

    kind: str
    mean: Any


TRANSFORMS: Dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "log-mean": lambda images: np.log(np.maximum(images, 1)),
    "log-threshold": lambda images: np.where(
        images > THRESHOLD,
        THRESHOLD + np.log1p(np.maximum(images - THRESHOLD, 0)),
        images,
    ),
}
SUBTRACTS_MEAN = {"log-mean"}

NONE = Preprocess("none", np.float32(0))


def apply(preprocess: Preprocess, images: np.ndarray) -> np.ndarray:
    """Prepare images.

    Parameters
    ----------
    preprocess : Preprocess
    images : (N, H, W, 1) array of any number type
        Camera counts.

    Returns
    -------
    (N, H, W, 1) float32 array
    """
    images = TRANSFORMS[preprocess.kind](images.astype(np.float32))
    if preprocess.kind not in SUBTRACTS_MEAN:
        return images
    prepared: np.ndarray = images - preprocess.mean
    return prepared


def apply_or_leave(preprocess: Preprocess, images: np.ndarray) -> np.ndarray:
    """Prepare images; int16 images that need nothing stay int16, for the graph can cast them.

    Parameters
    ----------
    preprocess : Preprocess
    images : (N, H, W, 1) array of any number type
        Camera counts.

    Returns
    -------
    (N, H, W, 1) float32 or int16 array
    """
    if preprocess.kind == "none" and images.dtype == np.int16:
        return images
    return apply(preprocess, images)


def fit(kind: str, batches: Iterable[np.ndarray]) -> Preprocess:
    """Fit a preparation to the training set, one batch in memory.

    Parameters
    ----------
    kind : str
        A row of :data:`TRANSFORMS`.
    batches : iterable of (n, H, W, 1) array
        Read only where a mean is needed.

    Returns
    -------
    Preprocess

    Raises
    ------
    InputError
        For an unknown kind.
    """
    if kind not in TRANSFORMS:
        raise InputError(f"preprocessing {kind!r} is unknown; choose {', '.join(TRANSFORMS)}")
    if kind not in SUBTRACTS_MEAN:
        return Preprocess(kind, np.float32(0))
    total: Any = np.float64(0)
    count = 0
    for images in batches:
        total = total + TRANSFORMS[kind](images.astype(np.float32)).sum(axis=0, dtype=np.float64)
        count += len(images)
    return Preprocess(kind, (total / count).astype(np.float32))
