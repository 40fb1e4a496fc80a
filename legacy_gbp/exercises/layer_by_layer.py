"""The guided backpropagation of 2016: layer by layer, NaN and workaround included.

The original did not override the gradient of ReLU. It visited the list of
layers from the chosen logit to the image, one image at a time:

1. take the gradient of the layer above with respect to this one, seeded with the
   gradient so far;
2. where that contains a NaN, keep the gradient so far;
3. where the layer above is a ReLU (guided only), set entries to zero where
   the gradient is negative and where the ReLU's input is negative.

The NaN came from its batch normalisation. Moments and root of the batch were computed
outside of the ``tf.cond`` that chose between them and the running ones, so that
at inference the root received a zero gradient; a batch of one image has zero
variance in a dense layer, and the gradient of a root was then 0.5 * 0 / 0.
TensorFlow 1.15 and later return 0 there. The override of ``Sqrt`` below brings
the old rule back. Step 2 then replaces the factor gamma / (std + eps) of that
layer by 1, so these maps are *not* the gradient: they are what 2016 saw.
"""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.attribution.multi_input import Images
from legacy_gbp.attribution.rule_graph import BuiltGraph, RuleGraph
from legacy_gbp.errors import InputError
from legacy_gbp.networks.batch_norm import EPSILON, batch_norm_variables
from legacy_gbp.networks.sequential import BuiltLayer
from legacy_gbp.rules.audit import NOTHING
from legacy_gbp.rules.relu import seed_of_largest

RULES: Dict[str, bool] = {"gradient": False, "guided": True}  # whether step 3 is taken


def _unguarded_sqrt(op: Any, grad_t: Any) -> Any:
    return grad_t * 0.5 / op.outputs[0]


UNGUARDED_SQRT = "LegacyGbpUnguardedSqrt"
tf.RegisterGradient(UNGUARDED_SQRT)(_unguarded_sqrt)


def historical_batch_norm(x_t: Any, training: bool) -> Tuple[Any, List[Any]]:
    """Build the batch normalisation of 2016 at inference, with its operations.

    Parameters
    ----------
    x_t : tf.Tensor
        (N, ..., C) float32.
    training : bool
        The default of the condition between the moments of the batch and the running ones.

    Returns
    -------
    y_t : tf.Tensor
        Like `x_t`.
    update_ops : list
        Empty.
    """
    beta, gamma, running_mean, running_std = batch_norm_variables(x_t)
    axes = list(range(len(x_t.shape) - 1))
    mean_t = tf.reduce_mean(x_t, axes)
    # TensorFlow 0.12 took the variance from the mean square.
    variance_t = tf.reduce_mean(tf.square(x_t), axes) - tf.square(mean_t)
    with x_t.graph.gradient_override_map({"Sqrt": UNGUARDED_SQRT}):
        std_t = tf.sqrt(variance_t)
    # A constant condition would be folded away, and the NaN with it.
    train_t = tf.compat.v1.placeholder_with_default(training, [])
    mean_t, std_t = tf.compat.v1.cond(
        train_t,
        lambda: (tf.identity(mean_t), tf.identity(std_t)),
        lambda: (tf.identity(running_mean), tf.identity(running_std)),
    )
    return gamma * ((x_t - mean_t) / (EPSILON + std_t)) + beta, []


class LayerByLayer(RuleGraph):
    """A model under one rule by the algorithm of 2016, its graph built once.

    Parameters
    ----------
    source : XtcavCheckpoint or BuiltNetwork
        Its ``load`` takes another batch normalisation.
    rule : str
        ``"guided"``, or ``"gradient"``, which leaves step 3 out: the
        "unguided" map of 2016.
    batch_norm : callable
        With that of :mod:`legacy_gbp.networks.batch_norm` no NaN appears.
    **options
        Hidden layers did not exist in 2016; other options change nothing.

    Raises
    ------
    InputError
        For another rule or a hidden layer.
    """

    def __init__(
        self,
        source: Any,
        rule: str,
        batch_norm: Callable[..., Any] = historical_batch_norm,
        **options: Any,
    ) -> None:
        self._batch_norm = batch_norm
        super().__init__(source, rule, of=options.get("of"), wrt=options.get("wrt"))

    def _build(
        self, source: Any, rule: str, of: Optional[str], wrt: Optional[str], plain: bool
    ) -> BuiltGraph:
        if rule not in RULES:
            raise InputError(f"rule {rule!r} did not exist in 2016; choose {', '.join(RULES)}")
        if of or wrt:
            raise InputError(
                f"layer {of or wrt!r}: only logits were explained in 2016; leave the layer out"
            )
        endpoints = source.load(self._session, batch_norm=self._batch_norm)
        seed_t = seed_of_largest(endpoints.logits_t)
        map_ts = [propagate_back(endpoints.layers, seed_t, RULES[rule])]
        return BuiltGraph(
            endpoints, endpoints.logits_t, endpoints.input_ts, seed_t, map_ts, True, NOTHING
        )

    def _run(
        self, wanted_ts: List[Any], images: Images, seeds: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        """One image at a time, as in 2016."""
        images = np.asarray(images)
        runs = [
            super(LayerByLayer, self)._run(
                wanted_ts, images[k : k + 1], None if seeds is None else seeds[k : k + 1]
            )
            for k in range(len(images))
        ]
        return [np.concatenate(column) for column in zip(*runs)]


def propagate_back(layers: Sequence[BuiltLayer], seed_t: Any, guided: bool) -> Any:
    """Apply steps 1 to 3 of this module, from the last layer to the first.

    Parameters
    ----------
    layers : sequence of BuiltLayer
        Input first, logits last.
    seed_t : tf.Tensor
        (1, K).
    guided : bool
        Whether step 3 is taken.

    Returns
    -------
    tf.Tensor
        Like the output of the first layer.
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


def _unless_nan(new_t: Any, old_t: Any) -> Any:
    has_nan_t = tf.reduce_any(tf.math.is_nan(new_t))
    return tf.compat.v1.cond(has_nan_t, lambda: old_t, lambda: new_t)
