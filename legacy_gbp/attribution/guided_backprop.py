"""Guided backpropagation of a logit."""

from legacy_gbp.attribution.target import seeds


def guided_backprop(net, images, target="predicted"):
    """Guided backpropagation of a logit with respect to every pixel.

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
    J. T. Springenberg et al., arXiv:1412.6806 (2014).
    """
    return net.under("guided").gradient(images, seeds(net, images, target))
