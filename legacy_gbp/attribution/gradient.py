"""Plain gradient of a logit (saliency): R goes back where x > 0."""

from typing import Any, Optional

from legacy_gbp.attribution.multi_input import ImagesT
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import rule_maps


def gradient(
    net: Network, images: ImagesT, target: Any = "predicted", wrt: Optional[str] = None
) -> ImagesT:
    """Return the plain gradient of a logit with respect to every pixel.

    For a logit F and an image x the map of pixel i is dF/dx_i: how much the logit rises with
    the pixel, to first order. It says nothing about larger changes of the image.

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
    wrt : str, optional
        A hidden layer, or a kernel, to differentiate with respect to, in place of the input.

    Returns
    -------
    (N, H, W, C) float array, or a tuple of arrays
        Like the layer where `wrt` names one, with a row for each image also for a kernel.
        Signed, in logits per unit of the image.

    Raises
    ------
    InputError
        For a class or unit that does not exist.

    Examples
    --------
    >>> with Network(source) as net:  # doctest: +SKIP
    ...     maps = gradient(net, net.prepare(counts))

    References
    ----------
    K. Simonyan, A. Vedaldi, A. Zisserman, arXiv:1312.6034 (2013).
    """
    return rule_maps(net, "gradient", images, target, wrt)
