"""Attribution methods: ``method(net, images, target) -> maps``, one file and one row each.

``network`` and ``rule_graph`` run a model under a backward rule, ``target`` turns what is
asked for into seeds, ``pipeline`` explains batch after batch. Every other file is a method
or serves several of them.
"""

import functools
import importlib
import sys
from typing import Any, Callable, Dict, Optional

from legacy_gbp.errors import InputError

if sys.version_info >= (3, 8):
    from typing import Protocol
else:
    from typing_extensions import Protocol

# What the command line calls a method, and the module and function of that name here.
METHODS: Dict[str, str] = {
    "gradient": "gradient",
    "gradient-x-input": "gradient_x_input",
    "guided": "guided_backprop",
    "deconvnet": "deconvnet",
    "integrated": "integrated_gradients",
    "smoothgrad": "smoothgrad",
    "vargrad": "vargrad",
    "gradcam": "grad_cam",
    "guided-gradcam": "guided_grad_cam",
    "occlusion": "occlusion",
}

AT_A_LAYER = ("gradcam", "guided-gradcam")
WITH_RESPECT_TO = ("gradient", "guided", "deconvnet")  # may differentiate by a hidden layer


class Method(Protocol):
    """An attribution method.

    Maps are signed, float32 for a float32 network, and have the shape of the images; those
    of Grad-CAM have one channel.
    """

    def __call__(self, net: Any, images: Any, target: Any = "predicted", **options: Any) -> Any:
        """Explain a target for images.

        Parameters
        ----------
        net : legacy_gbp.Network
        images : (N, H, W, C) array, or a tuple of arrays for a network of several inputs
            As the network takes them.
        target : int, array, str, Unit, Ranked, Difference or Layer
            See :func:`legacy_gbp.attribution.target.seeded`.
        **options
            Of the method.

        Returns
        -------
        array or tuple of arrays
            Like `images`.
        """
        ...


def method(name: str) -> Method:
    """Return the function of a row of METHODS. Its module is loaded now: the table is cheap.

    Parameters
    ----------
    name : str

    Returns
    -------
    Method
    """
    module = importlib.import_module(f"{__name__}.{METHODS[name]}")
    function: Method = getattr(module, METHODS[name])
    return function


def bound_method(
    name: str, net: Any, layer: Optional[str] = None, wrt: Optional[str] = None
) -> Callable[[Any, Any], Any]:
    """Return a row of METHODS for one network.

    Parameters
    ----------
    name : str
    net : legacy_gbp.Network
    layer : str, optional
        For the methods that look at one.
    wrt : str, optional
        A hidden layer or a kernel to differentiate with respect to, for gradient, guided and
        deconvnet.

    Returns
    -------
    callable
        ``explain(images, target) -> maps``.

    Raises
    ------
    InputError
        For `wrt` with another method.
    """
    options = {"layer": layer} if name in AT_A_LAYER else {}
    if wrt is not None and name not in WITH_RESPECT_TO:
        raise InputError(
            f"method {name!r} needs the pixels; `wrt` is for {', '.join(WITH_RESPECT_TO)}; "
            "leave it out"
        )
    if wrt is not None:
        options["wrt"] = wrt
    return functools.partial(method(name), net, **options)
