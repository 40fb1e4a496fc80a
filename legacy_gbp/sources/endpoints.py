"""What a source hands over once its graph stands."""

from collections import namedtuple

Endpoints = namedtuple("Endpoints", "input_ts logits_t feeds layers")
Endpoints.__doc__ = """The ends of a model.

input_ts : tuple of float tensors such as (N, H, W, C), fed and differentiated
logits_t : tensor (N, K), before any softmax
feeds : dict of fixed values, such as a train flag
layers : list of Layer, input first; empty where the order is unknown
"""
