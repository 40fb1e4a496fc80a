"""Guided backpropagation of a logit: R goes back where x > 0 and R > 0."""

from typing import Any, Optional

from legacy_gbp.attribution.multi_input import ImagesT
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target import rule_maps


def guided_backprop(
    net: Network, images: ImagesT, target: Any = "predicted", wrt: Optional[str] = None
) -> ImagesT:
    """Return guided backpropagation maps of a logit.

    Every ReLU y = relu(x) passes the gradient R that arrives at it only where both its input
    and the gradient are positive::

        R  where x > 0 and R > 0,  else 0

    Relu6, LeakyRelu, Elu and Selu apply their chain rule to max(R, 0). All other operations
    keep the chain rule. A map shows which structure of the input excites the network's active
    paths. It is no evidence that these pixels caused the decision, and it depends little on
    the class that is explained: compare it with :func:`legacy_gbp.gradient`.

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
        Signed: the first convolution may turn positive gradients over. In logits per unit of
        the image, but not the derivative of the logit.

    Raises
    ------
    InputError
        For a class or unit that does not exist.
    MissedRuleError
        When the rule missed a nonlinearity and the network was not opened with
        ``allow_partial``.

    Examples
    --------
    >>> with Network(XtcavCheckpoint(EX07, "tf_saved_model")) as net:  # doctest: +SKIP
    ...     images = net.prepare(counts)                      # (N, 363, 284, 1)
    ...     maps = guided_backprop(net, images)               # of the predicted class
    ...     lasing = guided_backprop(net, images, target=1)   # of class 1

    References
    ----------
    J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller, arXiv:1412.6806 (2014).
    """
    return rule_maps(net, "guided", images, target, wrt)
