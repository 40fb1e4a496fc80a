"""How pixels of 0..255 become the input of a network of photographs: four conventions.

======  =====================================  ==========================
scale   function                               used by
======  =====================================  ==========================
none    the pixels as floating point           arrays that are prepared
caffe   RGB to BGR, less the mean of ImageNet  VGG, ResNet
tf      x / 127.5 - 1                          MobileNet, Inception
unit    x / 255                                many tutorials
======  =====================================  ==========================

The names are those of Keras.
"""

import copy
from typing import Callable, Dict, Tuple, TypeVar

import numpy as np

from legacy_gbp.errors import InputError
from legacy_gbp.networks.vgg19 import preprocess

Self = TypeVar("Self", bound="PixelScaled")


def as_float(images: np.ndarray) -> np.ndarray:
    """Return images in floating point.

    Parameters
    ----------
    images : array of any number type

    Returns
    -------
    array
        Integers become float32; floating-point types stay.
    """
    return images if images.dtype.kind == "f" else images.astype(np.float32)


def _tf(images: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = as_float(images) / np.float32(127.5) - np.float32(1)
    return scaled


def _unit(images: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = as_float(images) / np.float32(255)
    return scaled


SCALES: Dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": as_float,
    "caffe": preprocess,
    "tf": _tf,
    "unit": _unit,
}


class PixelScaled:
    """The part of a source that prepares images by a row of :data:`SCALES`.

    Attributes
    ----------
    scale : str
    """

    scale = "none"

    @property
    def preparation(self) -> str:
        """The name of the scale."""
        return self.scale

    @property
    def pixel_range(self) -> Tuple[float, float]:
        """0..255 for every scale except none, which takes what it is given."""
        return (0.0, 1.0) if self.scale == "none" else (0.0, 255.0)

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Scale pixels.

        Parameters
        ----------
        images : (N, ...) array
            Grey levels 0..255; with ``caffe`` RGB in the last axis.

        Returns
        -------
        (N, ...) floating-point array
        """
        return SCALES[self.scale](images)

    def with_scale(self: Self, scale: str) -> Self:
        """Return the same source with another scale.

        Parameters
        ----------
        scale : str
            A row of :data:`SCALES`.

        Returns
        -------
        PixelScaled

        Raises
        ------
        InputError
            For an unknown scale.
        """
        if scale not in SCALES:
            raise InputError(f"scale {scale!r} is unknown; choose {', '.join(SCALES)}")
        changed = copy.copy(self)
        changed.scale = scale
        return changed
