"""Deconvnet of a logit: R goes back where R > 0, whatever the input was."""

from typing import Any, Optional

from legacy_gbp.attribution.multi_input import ImagesT
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import rule_maps


def deconvnet(
    net: Network, images: ImagesT, target: Any = "predicted", wrt: Optional[str] = None
) -> ImagesT:
    """Return deconvnet maps of a logit.

    Every ReLU passes the gradient R that arrives at it where it is positive::

        R  where R > 0,  else 0

    Relu6, LeakyRelu, Elu and Selu pass max(R, 0) too. Where the paper unpools by the places of
    the maxima, this is the gradient of the max-pool, which does the same.

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
        Signed, in logits per unit of the image, but not the derivative of the logit.

    Raises
    ------
    InputError
        For a class or unit that does not exist.
    MissedRuleError
        When the rule missed a nonlinearity and the network was not opened with
        ``allow_partial``.

    Examples
    --------
    >>> maps = deconvnet(net, images, target=1)  # doctest: +SKIP

    References
    ----------
    M. D. Zeiler, R. Fergus, arXiv:1311.2901 (2013).
    """
    return rule_maps(net, "deconvnet", images, target, wrt)
