"""VGG19 as Keras has it, with lively weights: the other side of the comparison.

Keras's own layers do the work, called one after the other so that their
activation can be replaced; TensorFlow 1 runs them in a graph of their own,
TensorFlow 2 eagerly.
"""

import contextlib

import numpy as np
import tensorflow as tf

GRAPH_MODE = tf.__version__.startswith("1.")


@tf.custom_gradient
def guided_relu(x_t):
    """The rule once more, by another mechanism than the override map."""
    return tf.nn.relu(x_t), lambda r_t: tf.where((x_t > 0) & (r_t > 0), r_t, tf.zeros_like(r_t))


class KerasVGG19:
    def __init__(self, image_shape, seed):
        if GRAPH_MODE:
            self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._context():
            shape = (*image_shape, 3)
            self.model = tf.keras.applications.VGG19(weights=None, input_shape=shape)
            self._enliven(np.random.default_rng(seed))

    @contextlib.contextmanager
    def _context(self):
        if not GRAPH_MODE:
            yield
            return
        with self._session.graph.as_default(), self._session.as_default():
            yield

    def _enliven(self, rng):
        """He-scaled kernels and biases that matter; logits small enough for the softmax."""
        for layer in self.model.layers:
            shapes = [[int(n) for n in weight.shape] for weight in layer.weights]
            if shapes:
                kernel, bias = (rng.standard_normal(s, dtype=np.float32) for s in shapes)
                kernel *= np.sqrt(2 / np.prod(shapes[0][:-1]), dtype=np.float32)
                scale = np.float32(0.01 if layer.name == "predictions" else 1)
                layer.set_weights([scale * kernel, scale * np.float32(10) * bias])

    def close(self):
        if GRAPH_MODE:
            self._session.close()

    def save(self, path, whole=False):
        with self._context():
            (self.model.save if whole else self.model.save_weights)(str(path))
        return str(path)

    def probabilities(self, images):
        with self._context():
            return self.model.predict(images, verbose=0)

    def logits(self, images):
        return self._run(lambda x_t: self._walk(x_t, None, None), images)

    def gradient(self, images, seeds, of=None, relu=None):
        """Map of the seeded layer `of` (the logits by default)."""

        def tensors(x_t):
            seeds_t = tf.constant(seeds, tf.float32)
            if GRAPH_MODE:
                return tf.gradients(self._walk(x_t, of, relu), x_t, grad_ys=seeds_t)[0]
            with tf.GradientTape() as tape:
                tape.watch(x_t)
                y_t = self._walk(x_t, of, relu)
            return tape.gradient(y_t, x_t, output_gradients=seeds_t)

        return self._run(tensors, images)

    def _run(self, tensors, images):
        with self._context():
            found_t = tensors(tf.constant(images, tf.float32))
            return self._session.run(found_t) if GRAPH_MODE else found_t.numpy()

    def _walk(self, x_t, until, relu):
        kept = {layer: layer.activation for layer in self.model.layers if layer.weights}
        try:
            for layer in self.model.layers[1:]:
                if layer.name == "predictions":
                    layer.activation = None
                elif layer in kept and relu:
                    layer.activation = relu
                x_t = layer(x_t)
                if layer.name == until:
                    break
            return x_t
        finally:
            for layer, activation in kept.items():
                layer.activation = activation
