"""VarGrad: the variance of the maps of noisy copies, by any method."""

from typing import Any, Callable

from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.multi_input import ImagesT, Maps
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.noise_samples import noisy_maps
from legacy_gbp.attribution.running_statistics import variance


def vargrad(
    net: Network,
    images: ImagesT,
    target: Any = "predicted",
    method: Callable[..., Maps] = gradient,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
) -> ImagesT:
    """Return the variance of the map over noisy copies of the images.

    For a method M and noise e_j the map is the variance over j of M(x + e_j), divided by the
    number of copies; it is 0 where the network is linear.

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

    Returns
    -------
    array or tuple of arrays
        Like the maps of the method, not negative, in their units squared.

    Raises
    ------
    InputError
        For fewer samples than 1, or negative noise.

    Examples
    --------
    >>> maps = vargrad(net, images, method=guided_backprop, samples=50)  # doctest: +SKIP

    References
    ----------
    J. Adebayo, J. Gilmer, I. Goodfellow, B. Kim, arXiv:1810.03307 (2018).
    """
    maps: ImagesT = variance(noisy_maps(net, images, target, method, samples, noise, seed))
    return maps
