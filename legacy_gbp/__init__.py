"""Guided backpropagation for TensorFlow-1 graphs.

The public names below are loaded on first use, so that importing the package
does not import TensorFlow.
"""

import importlib
from typing import Any, List

__version__ = "0.1.0"

_HOME = {
    "Difference": "legacy_gbp.attribution.target_forms",
    "EX07": "legacy_gbp.exercises.definitions",
    "EX08": "legacy_gbp.exercises.definitions",
    "ArrayShots": "legacy_gbp.data.shots",
    "FileShots": "legacy_gbp.data.shots",
    "InputError": "legacy_gbp.errors",
    "KerasWeights": "legacy_gbp.models.keras_weights",
    "Layer": "legacy_gbp.attribution.target_forms",
    "LayerByLayer": "legacy_gbp.exercises.layer_by_layer",
    "LegacyGbpError": "legacy_gbp.errors",
    "MissedRuleError": "legacy_gbp.errors",
    "ModelError": "legacy_gbp.errors",
    "Network": "legacy_gbp.attribution.network",
    "OutputError": "legacy_gbp.errors",
    "Ranked": "legacy_gbp.attribution.target_forms",
    "TrainingOptions": "legacy_gbp.training.options",
    "Unit": "legacy_gbp.attribution.target_forms",
    "XtcavCheckpoint": "legacy_gbp.exercises.checkpoint",
    "deconvnet": "legacy_gbp.attribution.deconvnet",
    "explain": "legacy_gbp.attribution.explain",
    "grad_cam": "legacy_gbp.attribution.grad_cam",
    "gradient": "legacy_gbp.attribution.gradient",
    "gradient_x_input": "legacy_gbp.attribution.gradient_x_input",
    "guided_backprop": "legacy_gbp.attribution.guided_backprop",
    "guided_grad_cam": "legacy_gbp.attribution.guided_grad_cam",
    "integrated_gradients": "legacy_gbp.attribution.integrated_gradients",
    "occlusion": "legacy_gbp.attribution.occlusion",
    "smoothgrad": "legacy_gbp.attribution.smoothgrad",
    "train": "legacy_gbp.training.loop",
    "vargrad": "legacy_gbp.attribution.vargrad",
    "vgg19": "legacy_gbp.networks.vgg19",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *_HOME})
