"""Deconvolutional network of a logit."""

from legacy_gbp.attribution.target import seeds


def deconvnet(net, images, target="predicted"):
    """Deconvolutional network of a logit with respect to every pixel.

    Parameters
    ----------
    net : Network
    images : (N, H, W, C) float array
        As the network takes them.
    target
        See :func:`legacy_gbp.attribution.target.seeds`.

    Returns
    -------
    (N, H, W, C) float array
        Signed, in logits per unit of the image.

    References
    ----------
    M. D. Zeiler, R. Fergus, arXiv:1311.2901 (2013).
    """
    return net.under("deconvnet").gradient(images, seeds(net, images, target))
