"""Graphs that somebody else made, as sources of a :class:`legacy_gbp.attribution.network.Network`.

A source has ``load(session, rule) -> Endpoints``. The functions below are
loaded on first use, so that the package does not import TensorFlow.
"""

import importlib

_HOME = {
    "frozen_graph": "legacy_gbp.models.frozen_graph",
    "keras_model": "legacy_gbp.models.keras_model",
    "live_session": "legacy_gbp.models.live_session",
    "meta_graph": "legacy_gbp.models.meta_graph",
    "model_file": "legacy_gbp.models.formats",
    "saved_model": "legacy_gbp.models.saved_model",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
