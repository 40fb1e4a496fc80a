"""What every contestant gets: the same shots and the same random weights."""

import functools

import numpy as np

from legacy_gbp.data.synthetic import files as synthetic
from legacy_gbp.data.synthetic.shot import develop
from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.exercises.definitions import EXERCISES
from tests.weights import random_arrays

VGG19_SHAPE = (224, 224)


@functools.lru_cache(maxsize=None)
def shots(count):
    """Synthetic shots, (count, 363, 284, 1) int16."""
    _, _, drawn = synthetic.shots_of_file(70, 9, count, synthetic.Recipe())
    return np.array([develop(shot).image for shot in drawn])[..., None]


def images(exercise, count, shape=IMAGE_SHAPE):
    """Shots as float32, cut or repeated to another size."""
    whole = shots(max(count, 16))[:count].astype(np.float32)
    if exercise == "vgg19":
        shape, whole = VGG19_SHAPE, np.repeat(whole, 3, axis=3)
    tiles = [1, -(-shape[0] // whole.shape[1]), -(-shape[1] // whole.shape[2]), 1]
    return np.ascontiguousarray(np.tile(whole, tiles)[:, : shape[0], : shape[1]])


def labels(exercise, count):
    """(count,) int64."""
    return np.arange(count) % len(EXERCISES[exercise].classes)


@functools.lru_cache(maxsize=None)
def arrays(exercise, shape=IMAGE_SHAPE):
    """Variable name to float32 array."""
    found = random_arrays(EXERCISES[exercise].network, shape)
    return {name: values.astype(np.float32) for name, values in found.items()}


VGG19_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
VGG19_DENSE = (4096, 4096, 1000)


def vgg19_arrays():
    """Yield (kernel, bias) of VGG19's layers, from the first to the last."""
    rng = np.random.default_rng(0)
    channels = 3
    shapes: list = []
    for layers, features in VGG19_BLOCKS:
        for _ in range(layers):
            shapes.append((3, 3, channels, features))
            channels = features
    units = 7 * 7 * channels
    for features in VGG19_DENSE:
        shapes.append((units, features))
        units = features
    for shape in shapes:
        kernel = rng.standard_normal(shape, np.float32)
        kernel *= np.sqrt(2 / np.prod(shape[:-1])).astype(np.float32)
        yield kernel, np.zeros(shape[-1], np.float32)
