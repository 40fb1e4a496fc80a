"""SmoothGrad: the mean of the maps of noisy copies, by any method."""

from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.noise_samples import noisy_maps
from legacy_gbp.attribution.running_statistics import mean


def smoothgrad(net, images, target="predicted", method=gradient, samples=25, noise=0.15, seed=0):
    """Mean map over noisy copies of the images.

    Parameters
    ----------
    net, images, target, method, samples, noise, seed
        See :func:`legacy_gbp.attribution.noise_samples.noisy_maps`.

    Returns
    -------
    Maps as of the method, in its units.

    References
    ----------
    D. Smilkov, N. Thorat, B. Kim, F. Viegas, M. Wattenberg, arXiv:1706.03825 (2017).
    """
    return mean(noisy_maps(net, images, target, method, samples, noise, seed))
