"""Guided backpropagation for TensorFlow-1 graphs.

The public names below are loaded on first use, so that importing the package
does not import TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "EX07": "legacy_gbp.exercises",
    "EX08": "legacy_gbp.exercises",
    "ArrayShots": "legacy_gbp.data.xtcav",
    "FileShots": "legacy_gbp.data.xtcav",
    "InputError": "legacy_gbp.errors",
    "LayerByLayer": "legacy_gbp.attribution.layer_by_layer",
    "Network": "legacy_gbp.network",
    "XtcavCheckpoint": "legacy_gbp.sources.xtcav_checkpoint",
    "deconvnet": "legacy_gbp.attribution.deconvnet",
    "gradient": "legacy_gbp.attribution.gradient",
    "guided_backprop": "legacy_gbp.attribution.guided_backprop",
    "train": "legacy_gbp.training",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__():
    return sorted(set(globals()) | set(_HOME))
