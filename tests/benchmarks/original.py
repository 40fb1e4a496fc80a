"""The way of 2016, as it stood: operations added to the graph for every layer of every image.

``python -m tests.benchmarks.original ex07`` prints the seconds of each of the
first ten maps of a fresh process. The algorithm is that of
:mod:`legacy_gbp.exercises.layer_by_layer`, run eagerly layer by layer: the
original fetched the gradient of every layer into NumPy, masked it there and fed
it to the next.
"""

import json
import sys
import time

import numpy as np
import tensorflow as tf

from legacy_gbp.exercises.definitions import EXERCISES
from legacy_gbp.exercises.layer_by_layer import historical_batch_norm
from legacy_gbp.models.built_network import BuiltNetwork
from tests.benchmarks import material

IMAGES = 10


def one_map(session, ends, image):
    """Guided map (1, H, W, 1) of the largest logit."""
    feeds = {ends.input_ts[0]: image}
    logits = session.run(ends.logits_t, feeds)
    gradient = np.eye(logits.shape[1], dtype=np.float32)[logits.argmax(axis=1)]
    for below, above in zip(ends.layers[-2::-1], ends.layers[:0:-1]):
        (gradient_t,) = tf.gradients(above.output_t, below.output_t, grad_ys=gradient)
        found = session.run(gradient_t, feeds)
        if not np.isnan(found).any() or found.shape != gradient.shape:
            gradient = found
        if above.kind == "relu":
            entering = session.run(below.output_t, feeds)
            gradient = np.where((gradient >= 0) & (entering >= 0), gradient, 0)
    return gradient


def seconds(exercise):
    """Of each map."""
    source = BuiltNetwork(EXERCISES[exercise].network, material.arrays(exercise))
    images = material.images(exercise, IMAGES)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ends = source.load(session, batch_norm=historical_batch_norm)
        for image in images:
            start = time.perf_counter()
            one_map(session, ends, image[None])
            yield time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(list(seconds(sys.argv[1]))))
