"""Plain gradient of a logit (saliency): R goes back where x > 0."""

from legacy_gbp.attribution.target import rule_maps


def gradient(net, images, target="predicted"):
    """Plain gradient of a logit with respect to every pixel.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) float array
        As the network takes them.
    target
        See :func:`legacy_gbp.attribution.target.seeded`.

    Returns
    -------
    (N, H, W, C) float array
        Signed, in logits per unit of the image.

    References
    ----------
    K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034 (2013).
    """
    return rule_maps(net, "gradient", images, target)
