"""Maps of noisy copies of the images, by any method: the samples of SmoothGrad and VarGrad."""

from typing import Any, Callable, Iterator

import numpy as np

from legacy_gbp.attribution.multi_input import Images, Maps, each, floating
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import resolved
from legacy_gbp.errors import InputError


def noisy_maps(
    net: Network,
    images: Images,
    target: Any,
    method: Callable[..., Maps],
    samples: int,
    noise: float,
    seed: int,
) -> Iterator[Maps]:
    """Yield the maps of noisy copies of the images, one copy after the other.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) float array, or a tuple of arrays for a network of several inputs
        As the network takes them; see :meth:`legacy_gbp.Network.prepare`.
    target : int, array, str, Unit, Ranked, Difference or Layer
        A class for all images; (N,) integers, a class for each; "predicted", the largest unit
        of each; "mean", of all units; a unit by its place or its rank; a class less another
        one; (K,) or (N, ...) floats, weights or seeds of the output; a hidden layer, its
        channel or one of its units.
        The prediction is that without noise.
    method : callable
        ``method(net, images, target) -> maps``; bind its options by
        :func:`functools.partial`.
    samples : int
        Number of noisy copies, 1 or more.
    noise : float
        Standard deviation of the Gaussian noise, as a fraction of the maximum
        less the minimum of each image (of each input); 0 or more.
    seed : int
        Of the noise. Images share the random numbers, each scaled to its own range: the
        map of an image does not depend on its batch.

    Yields
    ------
    array or tuple of arrays
        What the method returns.

    Raises
    ------
    InputError
        For fewer samples than 1, or negative noise.
    """
    if samples < 1:
        raise InputError(f"a mean over {samples} noisy samples; give `samples` of 1 or more")
    if noise < 0:
        raise InputError(f"noise of {noise} times the range of an image; give `noise` of 0 or more")
    target = resolved(net, images, target)
    images = each(floating, images)
    sigmas = each(lambda image: (noise * _range(image)).astype(image.dtype), images)
    rng = np.random.default_rng(seed)

    def noisy(image: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        drawn = rng.standard_normal(image.shape[1:]).astype(image.dtype)
        return np.asarray(image + sigma * drawn)

    for _ in range(samples):
        yield method(net, each(noisy, images, sigmas), target)


def _range(image: np.ndarray) -> np.ndarray:
    """(N, 1, ...)."""
    return np.asarray(np.ptp(image, axis=tuple(range(1, image.ndim)), keepdims=True))
