"""Models as sources of a :class:`legacy_gbp.Network`, one format a file.

=================  ==============================================================
source             the contract of a source
formats            any model file: which format it is
frozen_graph       ``.pb``, ``.pbtxt``
meta_graph         TF1 checkpoints with their meta graph
saved_model        folders with ``saved_model.pb``
keras_model        ``.h5``, ``.keras``: whole Keras models
keras_weights      a network of ours with a Keras weight file
live_session       the graph of a session of the caller
built_network      a network of ours with given arrays
imported_graph     what the foreign formats have in common
=================  ==============================================================

The functions below are loaded on first use, so that the package does not import TensorFlow.
"""

import importlib
from typing import Any, List

_HOME = {
    "frozen_graph": "legacy_gbp.models.frozen_graph",
    "keras_model": "legacy_gbp.models.keras_model",
    "live_session": "legacy_gbp.models.live_session",
    "meta_graph": "legacy_gbp.models.meta_graph",
    "model_file": "legacy_gbp.models.formats",
    "saved_model": "legacy_gbp.models.saved_model",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *_HOME})
