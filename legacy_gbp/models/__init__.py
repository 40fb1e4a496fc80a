"""Models as sources of a :class:`legacy_gbp.Network`, one format a file.

=================  ==============================================================
source             the contract of a source
formats            any model file: which format it is
frozen_graphs      ``.pb``, ``.pbtxt``
meta_graphs        TF1 checkpoints with their meta graph
saved_models       folders with ``saved_model.pb``
saved_variables    the values of their variables, read from the checkpoint
restored_keys      which key of a checkpoint is which variable of a graph
contents           what a file holds, whether or not it can be explained
keras_models       Keras models of any version, in files and in memory
keras_tracing      such a model as a graph
keras_library      which Keras builds
keras_files        what a Keras file holds
keras_json         its JSON, read within bounds
keras_hdf5         its HDF5, checked before it is read
keras_zip          its zip archive, likewise
keras_trust        which layers and functions a topology may name
keras_copy         what was checked, in a file for Keras 3
keras_zeros        first values of variables, no more than the file has
keras_topology     the topology of any version in one form
keras_builder      that topology, built by the Keras that is installed
keras_layers       the options of old layers, in the terms of today
keras_patches      layers that the Keras of today lacks
keras_arrays       the arrays of a file, as the built layers take them
keras_errors       the cause of an error of Keras, on one line
token_inputs       the embedding of an input of integers
keras_weights      a network of ours with a Keras weight file
live_sessions      the graph of a session of the caller
in_memory          any model in memory: which kind it is
built_network      a network of ours with given arrays
imported_graph     what the foreign formats have in common
=================  ==============================================================

The functions below are loaded on first use, so that the package does not import TensorFlow.
A file has the plural of its function's name: a module of the same name would hide it.
"""

import importlib
from typing import Any, List

_HOME = {
    "as_source": "legacy_gbp.models.in_memory",
    "frozen_graph": "legacy_gbp.models.frozen_graphs",
    "keras_model": "legacy_gbp.models.keras_models",
    "live_session": "legacy_gbp.models.live_sessions",
    "meta_graph": "legacy_gbp.models.meta_graphs",
    "model_file": "legacy_gbp.models.formats",
    "saved_model": "legacy_gbp.models.saved_models",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *_HOME})
