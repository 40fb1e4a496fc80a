"""Both networks forwards and backwards in plain NumPy, float64, by hand.

Written from the formulas alone, as an independent check of the TensorFlow
graphs. SAME padding with stride s of a length n puts
``max((ceil(n/s) - 1) * s + k - n, 0)`` zeros around, the smaller half first.
"""

import numpy as np

EPSILON = 1e-6


def padding(length, size, stride):
    out = -(-length // stride)
    total = max((out - 1) * stride + size - length, 0)
    return out, total // 2, total - total // 2


def conv(x, kernel):
    """Stride 1, SAME."""
    size = kernel.shape[0]
    _, before, after = padding(x.shape[1], size, 1)
    padded = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)), "constant")
    height, width = x.shape[1:3]
    return sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    )


def conv_back(gradient, x, kernel):
    size = kernel.shape[0]
    _, before, _after = padding(x.shape[1], size, 1)
    height, width = x.shape[1:3]
    total = np.zeros((len(x), height + size - 1, width + size - 1, x.shape[3]))
    for i in range(size):
        for j in range(size):
            total[:, i : i + height, j : j + width] += gradient @ kernel[i, j].T
    return total[:, before : before + height, before : before + width]


def windows(x, size, stride):
    """(N, out_h, out_w, size*size, C) with -inf outside the image, and the rows, columns."""
    out_h, top, bottom = padding(x.shape[1], size, stride)
    out_w, left, right = padding(x.shape[2], size, stride)
    padded = np.pad(
        x, ((0, 0), (top, bottom), (left, right), (0, 0)), "constant", constant_values=-np.inf
    )
    rows = np.arange(out_h)[:, None] * stride + np.arange(size)
    columns = np.arange(out_w)[:, None] * stride + np.arange(size)
    # A stride larger than the window may end before the padded edge; never beyond it.
    cut = padded[:, rows[:, None, :, None], columns[None, :, None, :]]
    return cut.reshape((*cut.shape[:3], size * size, x.shape[3])), rows - top, columns - left


def max_pool(x, size, stride):
    return windows(x, size, stride)[0].max(axis=3)


def max_pool_back(gradient, x, size, stride):
    """The gradient goes to the first of equal maxima."""
    cut, rows, columns = windows(x, size, stride)
    winner = cut.argmax(axis=3)
    n, out_h, out_w, channels = gradient.shape
    row = rows[np.arange(out_h)[None, :, None, None], winner // size]
    column = columns[np.arange(out_w)[None, None, :, None], winner % size]
    total = np.zeros_like(x)
    image = np.arange(n)[:, None, None, None]
    channel = np.arange(channels)
    np.add.at(total, (image, row, column, channel), gradient)
    return total


def relu_back(gradient, x, rule):
    if rule in ("gradient", "guided"):
        gradient = gradient * (x > 0)
    if rule in ("deconvnet", "guided"):
        gradient = gradient * (gradient > 0)
    return gradient


class Numpy:
    """Has the builder's methods, so that the exercises' own tables drive it."""

    def __init__(self, images, arrays):
        self.x, self.arrays = images, arrays
        self.back, self.counts, self.last = [], {}, ""

    def _next(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.last = f"{kind}{self.counts[kind]}"
        return self.last

    def conv(self, channels, size, penalty=None):
        x, kernel = self.x, self.arrays[self._next("conv") + "/kernel"]
        assert kernel.shape == (size, size, x.shape[3], channels)
        self.back.append(lambda g, rule: conv_back(g, x, kernel))
        self.x = conv(x, kernel)
        return self

    def dense(self, units, penalty=None):
        weights = self.arrays[self._next("dense") + "/weights"]
        assert weights.shape == (self.x.shape[1], units)
        self.back.append(lambda g, rule: g @ weights.T)
        self.x = self.x @ weights
        return self

    def logits(self, classes, penalty=None):
        weights, bias = self.arrays["logits/weights"], self.arrays["logits/bias"]
        self.back.append(lambda g, rule: g @ weights.T)
        self.x = self.x @ weights + bias
        return self

    def batch_norm(self):
        scope = self.last + "/batch_norm/"
        beta, gamma, mean, std = (
            self.arrays[scope + name] for name in ("beta", "gamma", "running_mean", "running_std")
        )
        factor = gamma / (std + EPSILON)
        self.back.append(lambda g, rule: g * factor)
        self.x = (self.x - mean) * factor + beta
        return self

    def relu(self):
        x = self.x
        self.back.append(lambda g, rule: relu_back(g, x, rule))
        self.x = np.maximum(x, 0)
        return self

    def max_pool(self, size, stride):
        x = self.x
        self.back.append(lambda g, rule: max_pool_back(g, x, size, stride))
        self.x = max_pool(x, size, stride)
        return self

    def flatten(self):
        shape = self.x.shape
        self.back.append(lambda g, rule: g.reshape(shape))
        self.x = self.x.reshape(len(self.x), -1)
        return self

    def maps(self, seeds, rule):
        gradient = seeds
        for step in reversed(self.back):
            gradient = step(gradient, rule)
        return gradient


class Numpy2016(Numpy):
    """The layer-by-layer walk of 2016 over one image.

    In a dense layer the variance of a batch of one is 0: the gradient there was NaN and
    was replaced by the one above, which leaves the factor of the normalisation out.
    """

    def batch_norm(self):
        super().batch_norm()
        if self.last.startswith("dense"):
            self.back[-1] = lambda g, rule: g
        return self


def maps_by_hand(exercise, prefix, images, rule, walk=Numpy):
    """Logits, and the map of the largest one, of a checkpoint of ours, one image at a time."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    arrays = {
        name: np.asarray(reader.get_tensor(name), np.float64)
        for name in reader.get_variable_to_shape_map()
        if name != "preprocess/kind"
    }
    logits, maps = [], []
    for image in np.asarray(images, np.float64):
        net = walk(image[None], arrays)
        exercise.network(net)
        logits.append(net.x[0])
        maps.append(net.maps(np.eye(len(net.x[0]))[[net.x[0].argmax()]], rule)[0])
    return np.array(logits), np.array(maps)


def assert_map_in_float32(found, expected):
    """To 1e-6 of the largest magnitude, except where rounding decides.

    Two members of a pool that agree except for the last bit may change places. That moves one
    patch of at most 8 x 8 pixels, of 363 x 284: three of them are let pass.
    """
    assert found.shape == expected.shape, (found.shape, expected.shape)
    for number, (one, other) in enumerate(zip(found, expected)):
        error, size = np.abs(one - other), np.abs(other)
        wrong, share = (error > 1e-6 * size.max()).sum(), error.sum() / size.sum()
        assert wrong <= 3 * 8 * 8, f"map {number}: {wrong} pixels differ"
        assert share < 0.01, f"map {number}: differs by {share:.1%}"
