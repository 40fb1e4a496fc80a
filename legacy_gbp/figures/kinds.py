"""Which kind of drawing suits which input: a row each."""

from typing import Dict, List, Sequence, Tuple

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.figures.curves import FEATURES, SERIES
from legacy_gbp.figures.images import IMAGES
from legacy_gbp.figures.kind import ExplainedImage, Kind
from legacy_gbp.figures.letters import DNA, sequences
from legacy_gbp.figures.slices import VOLUMES

# By the number of axes of one input, channels last.
KINDS: Dict[int, Kind] = {
    1: FEATURES,
    2: SERIES,
    3: IMAGES,
    4: VOLUMES,
}


def kind_of(explained: Sequence[ExplainedImage]) -> Tuple[Kind, List[ExplainedImage]]:
    """Return the kind of drawing that suits some inputs, and what it draws of them.

    Parameters
    ----------
    explained : sequence of (str, array, sequence of (str, array))
        Inputs of one shape, channels last, and their maps.

    Returns
    -------
    kind : Kind
    explained : list of (str, array, list of (str, array))
        As the kind takes them: DNA as (T, 4), and what has no kind of its own as features.

    Raises
    ------
    InputError
        For no input, inputs of several shapes, and arrays without a value.
    """
    arrays: List[ExplainedImage] = [
        (caption, np.asarray(image), [(name, np.asarray(values)) for name, values in maps])
        for caption, image, maps in explained
    ]
    _check(arrays)
    letters = sequences(arrays)
    if letters is not None:
        return DNA, letters
    axes = arrays[0][1].ndim
    if axes in KINDS:
        return KINDS[axes], arrays
    return FEATURES, [
        (caption, image.ravel(), [(name, _flat(values, image)) for name, values in maps])
        for caption, image, maps in arrays
    ]


def _flat(values: np.ndarray, image: np.ndarray) -> np.ndarray:
    return values.ravel() if values.shape == image.shape else values


def _check(explained: Sequence[ExplainedImage]) -> None:
    """Refuse what cannot be on one page."""
    if not explained:
        raise InputError("`explained` holds no image; give one or more")
    if not all(maps for _, _, maps in explained):
        raise InputError("`explained` has an image without a map; give one or more for each")
    shapes = {image.shape for _, image, _ in explained}
    if len({len(shape) for shape in shapes}) > 1:
        raise InputError(
            f"`explained` has images of shapes {sorted(shapes)}; draw each on a page of its own"
        )
    for _, image, maps in explained:
        for shape in (image.shape, *(values.shape for _, values in maps)):
            if 0 in shape:
                raise InputError(
                    f"`explained` has an array of shape {shape}, without a value; give 1 or more "
                    "along each axis"
                )
