"""VarGrad: the variance of the maps of noisy copies, by any method."""

from legacy_gbp.attribution.gradient import gradient
from legacy_gbp.attribution.noise_samples import noisy_maps
from legacy_gbp.attribution.running_statistics import variance


def vargrad(net, images, target="predicted", method=gradient, samples=25, noise=0.15, seed=0):
    """Variance of the map over noisy copies of the images; 0 where the network is linear.

    Parameters
    ----------
    net, images, target, method, samples, noise, seed
        See :func:`legacy_gbp.attribution.noise_samples.noisy_maps`.

    Returns
    -------
    Maps as of the method
        Not negative, in its units squared; divided by the number of samples.

    References
    ----------
    J. Adebayo, J. Gilmer, I. Goodfellow, B. Kim, arXiv:1810.03307 (2018).
    """
    return variance(noisy_maps(net, images, target, method, samples, noise, seed))
