"""Maps of noisy copies of the images, by any method: what SmoothGrad and VarGrad sum up."""

import numpy as np

from legacy_gbp.attribution.multi_input import each, floating
from legacy_gbp.attribution.target import resolved
from legacy_gbp.errors import InputError


def noisy_maps(net, images, target, method, samples, noise, seed):
    """Yield the maps of noisy copies of the images, one copy after the other.

    The images share the random numbers, each scaled to its own range: the map
    of an image then does not depend on the batch that it stands in.

    Parameters
    ----------
    net : Network
    images : (N, ...) array, or a tuple of arrays for a network of several inputs
    target
        See :func:`legacy_gbp.attribution.target.seeded`. What is predicted is
        what is predicted without noise.
    method : callable
        ``method(net, images, target) -> maps``; bind its options with
        :func:`functools.partial`.
    samples : int
        Number of copies.
    noise : float
        Standard deviation of the Gaussian noise, as a fraction of the maximum
        less the minimum of each image (of each input).
    seed : int

    Yields
    ------
    maps : what the method gives

    Raises
    ------
    InputError
    """
    if samples < 1:
        raise InputError(f"a mean over {samples} noisy samples; give 1 or more")
    if noise < 0:
        raise InputError(f"noise of {noise} times the range of an image; give 0 or more")
    target = resolved(net, images, target)
    images = each(floating, images)
    sigmas = each(lambda image: (noise * _range(image)).astype(image.dtype), images)
    rng = np.random.default_rng(seed)

    def noisy(image, sigma):
        return image + sigma * rng.standard_normal(image.shape[1:]).astype(image.dtype)

    for _ in range(samples):
        yield method(net, each(noisy, images, sigmas), target)


def _range(image):
    """(N, 1, ...)."""
    return np.ptp(image, axis=tuple(range(1, image.ndim)), keepdims=True)
