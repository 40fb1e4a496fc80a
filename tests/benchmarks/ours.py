"""This project's steps, and what it is measured against in TensorFlow."""

import contextlib
import functools

import numpy as np
import tensorflow as tf

from legacy_gbp.attribution.guided_backprop import guided_backprop
from legacy_gbp.attribution.integrated_gradients import integrated_gradients
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.smoothgrad import smoothgrad
from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.exercises import preprocess
from legacy_gbp.exercises.definitions import EXERCISES
from legacy_gbp.models.built_network import BuiltNetwork
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.source import Endpoints
from legacy_gbp.networks.keras_layout import KerasLayout
from legacy_gbp.networks.vgg19 import vgg19
from legacy_gbp.rules.relu import under_rule
from legacy_gbp.training.trainer import Trainer
from tests.benchmarks import material

SIDE = 2048  # of the matrices; 2 SIDE^3 operations


def here(task, exercise, batch):
    """Everything as a user gets it."""
    if task == "train":
        return _training_step(exercise, batch)
    return _map_step(task, exercise, batch, "guided")


def plain(task, exercise, batch):
    """The graph as its table reads, nothing folded."""
    return _map_step(task, exercise, batch, "guided", plain=True)


def gradient(task, exercise, batch):
    """Plain ``tf.gradients`` of the graph that `here` runs."""
    return _map_step(task, exercise, batch, "gradient")


def matrix_product(*_):
    """The most that this machine multiplies."""
    stack = contextlib.ExitStack()
    with tf.Graph().as_default():
        factor_t = tf.compat.v1.placeholder(tf.float32, (SIDE, SIDE))
        product_op = tf.matmul(factor_t, factor_t).op
        session = stack.enter_context(tf.compat.v1.Session())
    factor = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    return _Closing(stack, lambda: session.run(product_op, {factor_t: factor}))


def _map_step(task, exercise, batch, rule, **options):
    task, _, size = task.partition(" ")
    shape = tuple(map(int, size.split("x"))) if "x" in size else IMAGE_SHAPE
    # As gbprop feeds them, or as a user has them.
    images = material.shots(batch) if size == "int16" else material.images(exercise, batch, shape)
    source = _RandomVgg19() if exercise == "vgg19" else _built(exercise, shape)
    stack = contextlib.ExitStack()
    net = stack.enter_context(Network(source, **options))
    if task == "maps":
        step = functools.partial(net.under(rule).predicted, images)
    else:
        explain = METHODS[task]
        step = functools.partial(explain, net, images, 0)
    return _Closing(stack, step)


def _built(exercise, shape):
    arrays = material.arrays(exercise, shape)
    return BuiltNetwork(EXERCISES[exercise].network, arrays, image_shape=shape)


METHODS = {
    "smoothgrad": functools.partial(smoothgrad, method=guided_backprop, samples=50),
    "integrated": functools.partial(integrated_gradients, steps=50),
}


def _training_step(exercise, batch):
    stack = contextlib.ExitStack()
    trainer = stack.enter_context(Trainer(EXERCISES[exercise], preprocess.NONE, 1))
    shots, labels = material.shots(batch), material.labels(exercise, batch)
    return _Closing(stack, lambda: trainer.step(shots, labels))


class _RandomVgg19(PixelScaled):
    """VGG19 as ``models.keras_weights`` builds it, with random numbers for a file."""

    def load(self, session, rule):
        images_t = tf.compat.v1.placeholder("float32", (None, *material.VGG19_SHAPE, 3))
        net = KerasLayout(images_t)
        with under_rule(images_t.graph, rule):
            vgg19(net)
        for variables, arrays in zip(net.variables.values(), material.vgg19_arrays()):
            for variable, array in zip(variables, arrays):
                session.run(variable.initializer, {variable.initial_value: array})
        return Endpoints((images_t,), net.logits_t, {}, net.layers)


class _Closing:
    """A step that closes its session when it is dropped."""

    def __init__(self, stack, step):
        self._stack, self._step = stack, step

    def __call__(self):
        return self._step()

    def __del__(self):
        self._stack.close()
