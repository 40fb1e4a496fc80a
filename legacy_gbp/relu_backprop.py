"""Guided backpropagation, whole.

Going backwards through y = relu(x), with R the gradient that arrives at y:

============  ======================  ======================================
rule          gradient passed to x    source
============  ======================  ======================================
gradient      R where x > 0           the chain rule (Simonyan et al. 2013,
                                      arXiv:1312.6034)
deconvnet     R where R > 0           Zeiler & Fergus 2013, arXiv:1311.2901
guided        R where x > 0 and       Springenberg et al. 2014,
              R > 0                   arXiv:1412.6806
============  ======================  ======================================

TensorFlow takes the rule from the *operation*, and the operation gets it when
it is **created**: the network must be built (or imported) under the override
map. Wrapping only ``tf.gradients`` changes nothing, silently.
"""

import contextlib

import tensorflow as tf

from legacy_gbp.errors import InputError


def _guided_relu(op, grad_t):
    return tf.raw_ops.ReluGrad(gradients=tf.nn.relu(grad_t), features=op.outputs[0])


def _deconvnet_relu(_, grad_t):
    return tf.nn.relu(grad_t)


def _register(name, rule):
    """Register a backward rule; step aside when the name is already taken."""
    try:
        tf.RegisterGradient(name)(rule)
    except KeyError:
        name = "LegacyGbp" + name
        with contextlib.suppress(KeyError):  # loaded before: the same rule stands there
            tf.RegisterGradient(name)(rule)
    return name


OVERRIDES = {
    "gradient": {},
    "guided": {"Relu": _register("GuidedRelu", _guided_relu)},
    "deconvnet": {"Relu": _register("DeconvnetRelu", _deconvnet_relu)},
}


def under_rule(graph, rule):
    """Context in which new ReLUs of `graph` go backwards by `rule`.

    Parameters
    ----------
    graph : tf.Graph
    rule : str
        ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
    """
    if rule not in OVERRIDES:
        raise InputError(f"rule {rule!r} is unknown; choose {', '.join(OVERRIDES)}")
    return graph.gradient_override_map(OVERRIDES[rule])


def seeded_gradient(logits_t, input_t):
    """Gradient of the seeded logits with respect to the input.

    Parameters
    ----------
    logits_t : tf.Tensor
        (N, K).
    input_t : tf.Tensor
        (N, H, W, C), floating point.

    Returns
    -------
    seed_t : tf.Tensor
        Placeholder like `logits_t`: feed 1 at the logit to explain and 0
        elsewhere, image by image.
    map_t : tf.Tensor
        Like `input_t`, signed.
    """
    seed_t = tf.compat.v1.placeholder(logits_t.dtype, logits_t.shape, name="seed")
    (map_t,) = tf.gradients(logits_t, input_t, grad_ys=seed_t)
    return seed_t, map_t
