"""Attribution methods: ``method(net, images, target) -> maps``, one file and one row each."""

import functools
import importlib

# What the command line calls a method, and the module and function of that name here.
METHODS = {
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


def method(name):
    """The function of a row of METHODS; its module is loaded now, so that the table is cheap."""
    return getattr(importlib.import_module(f"{__name__}.{METHODS[name]}"), METHODS[name])


def bound(name, net, layer=None):
    """A row of METHODS for one network: ``explain(images, target) -> maps``.

    Parameters
    ----------
    name : str
    net : Network
    layer : str, optional
        For the methods that look at one.
    """
    options = {"layer": layer} if name in AT_A_LAYER else {}
    return functools.partial(method(name), net, **options)
