"""Random but lively variables for a network: nothing dead, nothing saturated."""

import numpy as np


class _Shapes:
    """Walks a network's table and writes down the shape of every variable."""

    def __init__(self, image_shape):
        self.shape, self.found, self.counts = (*image_shape, 1), {}, {}

    def _next(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.last = f"{kind}{self.counts[kind]}"
        return self.last

    def conv(self, channels, size, penalty=None):
        name = self._next("conv")
        self.found[name + "/kernel"] = (size, size, self.shape[2], channels)
        self.shape = (*self.shape[:2], channels)
        return self

    def dense(self, units, penalty=None):
        self.found[self._next("dense") + "/weights"] = (*self.shape, units)
        self.shape = (units,)
        return self

    def logits(self, classes, penalty=None):
        self.found["logits/weights"] = (*self.shape, classes)
        self.found["logits/bias"] = (classes,)
        return self

    def batch_norm(self):
        for name in ("beta", "gamma", "running_mean", "running_std"):
            self.found[f"{self.last}/batch_norm/{name}"] = self.shape[-1:]
        return self

    def relu(self):
        return self

    def max_pool(self, size, stride):
        self.shape = (-(-self.shape[0] // stride), -(-self.shape[1] // stride), self.shape[2])
        return self

    def flatten(self):
        self.shape = (int(np.prod(self.shape)),)
        return self


def random_arrays(network, image_shape=(363, 284), seed=0):
    """Variable name to float64 array; gammas of both signs."""
    rng = np.random.RandomState(seed)
    shapes = _Shapes(image_shape)
    network(shapes)
    arrays = {}
    for name, shape in shapes.found.items():
        fan_in = max(int(np.prod(shape[:-1])), 1)
        if name.endswith("running_std"):
            arrays[name] = rng.uniform(0.5, 2, shape)
        elif name.endswith("gamma"):
            arrays[name] = rng.choice([-1, 1], shape) * rng.uniform(0.5, 1.5, shape)
        elif name.endswith(("kernel", "weights")):
            arrays[name] = rng.normal(0, np.sqrt(2 / fan_in), shape)
        else:
            arrays[name] = rng.normal(0, 0.3, shape)
    return arrays


def save_checkpoint(exercise, prefix, **changes):
    """Write random variables as a checkpoint of ours, some of them replaced."""
    import tensorflow as tf

    arrays = {**random_arrays(exercise.network), **changes}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in arrays.items():
            initial = np.asarray(value, np.float32)
            tf.compat.v1.get_variable(name, initializer=initial, use_resource=True)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(prefix), write_state=False)
    return str(prefix)
