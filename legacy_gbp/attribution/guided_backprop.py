"""Guided backpropagation of a logit: R goes back where x > 0 and R > 0."""

from legacy_gbp.attribution.target import rule_maps


def guided_backprop(net, images, target="predicted"):
    """Guided maps (N, H, W, C), for the parameters of :mod:`legacy_gbp.attribution.gradient`.

    References
    ----------
    J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller, arXiv:1412.6806 (2014).
    """
    return rule_maps(net, "guided", images, target)
