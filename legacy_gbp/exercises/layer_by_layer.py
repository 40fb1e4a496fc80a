"""The guided backpropagation of 2016: layer by layer, NaN and workaround included.

The original did not override the gradient of ReLU. It walked the list of
layers from the chosen logit to the image, one image at a time:

1. the gradient of the layer above with respect to this one, seeded with the
   gradient so far;
2. where that holds a NaN, the gradient so far is kept;
3. where the layer above is a ReLU (guided only), entries are set to zero where
   the gradient is negative and where the ReLU's input is negative.

The NaN came from its batch normalisation. Moments and root of the batch stood
outside the ``tf.cond`` that chose between them and the running ones, so that
at inference the root received a zero gradient; a batch of one image has zero
variance in a dense layer, and the gradient of a root was then 0.5 * 0 / 0.
TensorFlow 1.15 and later return 0 there. The override of ``Sqrt`` below brings
the old rule back. Step 2 then replaces the factor gamma / (std + eps) of that
layer by 1, so these maps are *not* the gradient: they are what 2016 saw.
"""

import numpy as np
import tensorflow as tf

from legacy_gbp.attribution.network import Overridden
from legacy_gbp.errors import InputError
from legacy_gbp.networks.batch_norm import EPSILON, batch_norm_variables
from legacy_gbp.rules.relu import seed_of_largest

RULES = {"gradient": False, "guided": True}  # whether step 3 is taken


@tf.RegisterGradient("LegacyGbpUnguardedSqrt")
def _unguarded_sqrt(op, grad_t):
    return grad_t * 0.5 / op.outputs[0]


def historical_batch_norm(x_t, training):
    """The batch normalisation of 2016 at inference, as its graph stood.

    Same interface as :func:`legacy_gbp.networks.batch_norm.batch_norm`.
    """
    beta, gamma, running_mean, running_std = batch_norm_variables(x_t)
    axes = list(range(len(x_t.shape) - 1))
    mean_t = tf.reduce_mean(x_t, axes)
    # TensorFlow 0.12 took the variance from the mean square.
    variance_t = tf.reduce_mean(tf.square(x_t), axes) - tf.square(mean_t)
    with x_t.graph.gradient_override_map({"Sqrt": "LegacyGbpUnguardedSqrt"}):
        std_t = tf.sqrt(variance_t)
    # A constant condition would be folded away, and the NaN with it.
    train_t = tf.compat.v1.placeholder_with_default(training, [])
    mean_t, std_t = tf.compat.v1.cond(
        train_t,
        lambda: (tf.identity(mean_t), tf.identity(std_t)),
        lambda: (tf.identity(running_mean), tf.identity(running_std)),
    )
    return gamma * ((x_t - mean_t) / (EPSILON + std_t)) + beta, []


class LayerByLayer(Overridden):
    """The model under one rule by the algorithm of 2016, its graph built once.

    Parameters
    ----------
    source : XtcavCheckpoint or BuiltNetwork
        Something whose ``load`` takes another batch normalisation.
    rule : str
        ``"guided"``, or ``"gradient"``, which leaves step 3 out: the
        "unguided" map of 2016.
    batch_norm : callable
        With that of :mod:`legacy_gbp.networks.batch_norm` no NaN appears.
    """

    def __init__(self, source, rule, batch_norm=historical_batch_norm):
        self._batch_norm = batch_norm
        super().__init__(source, rule)

    def _build(self, source, rule, of, wrt):
        if rule not in RULES:
            raise InputError(f"rule {rule!r} did not exist in 2016; choose {', '.join(RULES)}")
        self.ends = source.load(self._session, batch_norm=self._batch_norm)
        self._output_t, self._wrt_ts = self.ends.logits_t, self.ends.input_ts
        self.seeds_itself = True
        self._seed_t = seed_of_largest(self._output_t)
        self._map_ts = [walk_back(self.ends.layers, self._seed_t, RULES[rule])]

    def _run(self, wanted_ts, images, seeds=None):
        """One image at a time, as in 2016."""
        run, one = super()._run, lambda array, k: None if array is None else array[k : k + 1]
        parts = [run(wanted_ts, one(images, k), one(seeds, k)) for k in range(len(images))]
        if isinstance(wanted_ts, list):
            return [np.concatenate(column) for column in zip(*parts)]
        return np.concatenate(parts)


def walk_back(layers, seed_t, guided):
    """Steps 1 to 3 of the module's head, from the last layer to the first.

    Parameters
    ----------
    layers : list of Layer
        Input first, logits last.
    seed_t : tf.Tensor
        (1, K).
    guided : bool
        Whether step 3 is taken.

    Returns
    -------
    tf.Tensor
        Like the first layer.
    """
    gradient_t = seed_t
    for below, above in zip(layers[-2::-1], layers[:0:-1]):
        (next_t,) = tf.gradients(above.output_t, below.output_t, grad_ys=gradient_t)
        if below.output_t.shape.as_list() == above.output_t.shape.as_list():
            gradient_t = _unless_nan(next_t, gradient_t)
        else:
            gradient_t = next_t
        if guided and above.kind == "relu":
            passes_t = (gradient_t >= 0) & (below.output_t >= 0)
            gradient_t = tf.where(passes_t, gradient_t, tf.zeros_like(gradient_t))
    return gradient_t


def _unless_nan(new_t, old_t):
    has_nan_t = tf.reduce_any(tf.math.is_nan(new_t))
    return tf.compat.v1.cond(has_nan_t, lambda: old_t, lambda: new_t)
