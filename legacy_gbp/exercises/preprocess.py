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

from collections import namedtuple

import numpy as np

from legacy_gbp.errors import InputError

THRESHOLD = 100

Preprocess = namedtuple("Preprocess", "kind mean")
Preprocess.__doc__ = "A row of TRANSFORMS and the mean that is subtracted ((H, W, 1), or 0)."

TRANSFORMS = {
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


def apply(preprocess, images):
    """Preprocess (N, H, W, 1) images of any number type; returns float32."""
    images = TRANSFORMS[preprocess.kind](images.astype(np.float32))
    return images - preprocess.mean if preprocess.kind in SUBTRACTS_MEAN else images


def apply_or_leave(preprocess, images):
    """The same, but int16 images that need nothing stay: the graph can cast them itself."""
    if preprocess.kind == "none" and images.dtype == np.int16:
        return images
    return apply(preprocess, images)


def fit(kind, batches):
    """Prepare a preprocessing from the training set, one batch in memory.

    Parameters
    ----------
    kind : str
        A row of the table above.
    batches : iterable of (n, H, W, 1) arrays
        Read only where a mean is needed.

    Returns
    -------
    Preprocess
    """
    if kind not in TRANSFORMS:
        raise InputError(f"preprocessing {kind!r} is unknown; choose {', '.join(TRANSFORMS)}")
    if kind not in SUBTRACTS_MEAN:
        return Preprocess(kind, np.float32(0))
    total, count = np.float64(0), 0
    for images in batches:
        total = total + TRANSFORMS[kind](images.astype(np.float32)).sum(axis=0, dtype=np.float64)
        count += len(images)
    return Preprocess(kind, (total / count).astype(np.float32))
