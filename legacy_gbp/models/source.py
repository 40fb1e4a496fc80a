"""What a source hands over once its graph stands."""

from collections import namedtuple

Endpoints = namedtuple("Endpoints", "input_ts logits_t feeds layers raw_t", defaults=(None,))
Endpoints.__doc__ = """The ends of a model.

input_ts : tuple of float tensors such as (N, H, W, C), fed and differentiated
logits_t : tensor (N, K), before any softmax
feeds : dict of fixed values, such as a train flag
layers : list of Layer, input first; empty where the order is unknown
raw_t : integer tensor that may be fed in the place of the one input, cast in the graph; or None
"""
