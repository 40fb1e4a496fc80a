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
"""
