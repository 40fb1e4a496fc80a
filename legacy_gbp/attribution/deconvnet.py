"""Deconvolutional network of a logit: R goes back where R > 0."""

from legacy_gbp.attribution.target import rule_maps


def deconvnet(net, images, target="predicted"):
    """Deconvnet maps (N, H, W, C), for the parameters of :mod:`legacy_gbp.attribution.gradient`.

    References
    ----------
    M. D. Zeiler, R. Fergus, arXiv:1311.2901 (2013).
    """
    return rule_maps(net, "deconvnet", images, target)
