"""Gradient times input: what each pixel adds to a network that were linear."""

import numpy as np

from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.multi_input import each


def gradient_x_input(net, images, target="predicted"):
    """Maps (N, H, W, C) in logits, for the parameters of :mod:`legacy_gbp.attribution.gradient`.

    References
    ----------
    A. Shrikumar, P. Greenside, A. Shcherbina, A. Kundaje, arXiv:1605.01713 (2016).
    """
    return each(_product, gradient(net, images, target), images)


def _product(gradients, image):
    return gradients * np.asarray(image, gradients.dtype)
