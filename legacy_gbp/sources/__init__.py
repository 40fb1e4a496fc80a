"""Graphs that somebody else made, as sources of a :class:`legacy_gbp.network.Network`.

A source has ``load(session, rule) -> Endpoints``. The functions below are
loaded on first use, so that the package does not import TensorFlow.
"""

import importlib

_HOME = {
    "frozen_graph": "legacy_gbp.sources.graph_files",
    "keras_model": "legacy_gbp.sources.keras_models",
    "live_session": "legacy_gbp.sources.live_sessions",
    "meta_graph": "legacy_gbp.sources.meta_graphs",
    "model_file": "legacy_gbp.sources.model_files",
    "saved_model": "legacy_gbp.sources.saved_models",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
