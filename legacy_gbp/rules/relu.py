"""Guided backpropagation: the backward rules of ReLU and its relatives.

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

The relatives (Relu6, LeakyRelu, Elu, Selu) follow: guided is their chain rule
applied to max(R, 0), deconvnet passes max(R, 0).

TensorFlow takes the rule from the *operation*, and the operation gets it when
it is **created**: build (or import) the network under the override map. Wrapping
``tf.gradients`` alone changes nothing, silently.
"""

import contextlib
from typing import Any, Callable, ContextManager, Dict, List, Optional, Sequence, Tuple

import tensorflow as tf

from legacy_gbp.errors import InputError

# At exactly 0 the gate of all except Elu and Selu is closed, as in TensorFlow.
CHAIN_RULE: Dict[str, Callable[[Any, Any], Any]] = {
    "Relu": lambda op, r_t: tf.raw_ops.ReluGrad(gradients=r_t, features=op.outputs[0]),
    "Relu6": lambda op, r_t: tf.raw_ops.Relu6Grad(gradients=r_t, features=op.outputs[0]),
    "LeakyRelu": lambda op, r_t: tf.raw_ops.LeakyReluGrad(
        gradients=r_t, features=op.inputs[0], alpha=op.get_attr("alpha")
    ),
    "Elu": lambda op, r_t: tf.raw_ops.EluGrad(gradients=r_t, outputs=op.outputs[0]),
    "Selu": lambda op, r_t: tf.raw_ops.SeluGrad(gradients=r_t, outputs=op.outputs[0]),
    # Closes a composite rectifier, whose operations keep the chain rule.
    "Identity": lambda op, r_t: r_t,
}
RECTIFIERS = tuple(kind for kind in CHAIN_RULE if kind != "Identity")


def _guided(op: Any, grad_t: Any) -> Any:
    return CHAIN_RULE[op.type](op, tf.nn.relu(grad_t))


def _deconvnet(op: Any, grad_t: Any, *_: Any) -> Any:
    # An IdentityN closes a composite rectifier: its value, its input.
    return [None, tf.nn.relu(grad_t)] if op.type == "IdentityN" else tf.nn.relu(grad_t)


def _register(name: str, rule: Callable[..., Any]) -> str:
    """Register a backward rule under a name of ours; ``GuidedRelu`` belongs to the user."""
    name = "LegacyGbp" + name
    with contextlib.suppress(KeyError):  # registered by an earlier import of this module
        tf.RegisterGradient(name)(rule)
    return name


# Rule to the name that its operations carry.
REGISTERED = {
    "guided": _register("GuidedRelu", _guided),
    "deconvnet": _register("DeconvnetRelu", _deconvnet),
}
OVERRIDES: Dict[str, Dict[str, str]] = {
    "gradient": {},
    "guided": dict.fromkeys(RECTIFIERS, REGISTERED["guided"]),
    "deconvnet": dict.fromkeys(RECTIFIERS, REGISTERED["deconvnet"]),
}


def under_rule(graph: Any, rule: str) -> ContextManager[None]:
    """Return a context in which new ReLUs of a graph, and their relatives, go backwards by a rule.

    Parameters
    ----------
    graph : tf.Graph
    rule : str
        ``"gradient"``, ``"guided"`` or ``"deconvnet"``.

    Returns
    -------
    context manager

    Raises
    ------
    InputError
        For an unknown rule.

    Examples
    --------
    >>> with under_rule(tf.compat.v1.get_default_graph(), "guided"):  # doctest: +SKIP
    ...     y_t = tf.nn.relu(x_t)
    """
    if rule not in OVERRIDES:
        raise InputError(f"rule {rule!r} is unknown; choose {', '.join(OVERRIDES)}")
    context: ContextManager[None] = graph.gradient_override_map(OVERRIDES[rule])
    return context


def seed_of_largest(logits_t: Any) -> Any:
    """Return a seed that is 1 at the largest logit of every image.

    Parameters
    ----------
    logits_t : tf.Tensor
        (N, K), floating point.

    Returns
    -------
    tf.Tensor
        Like `logits_t`. It need not be fed, but can be.
    """
    classes = logits_t.shape.as_list()[-1]
    largest_t = tf.one_hot(tf.argmax(logits_t, axis=1), classes, dtype=logits_t.dtype)
    return tf.compat.v1.placeholder_with_default(largest_t, logits_t.shape, name="seed")


def seeded_gradient(
    output_t: Any, wrt_ts: Sequence[Any], seed_t: Optional[Any] = None
) -> Tuple[Any, List[Any]]:
    """Return the gradient of a seeded output, such as the logits.

    Parameters
    ----------
    output_t : tf.Tensor
        (N, K), or a hidden layer.
    wrt_ts : sequence of tf.Tensor
        The inputs (N, H, W, C), or a hidden layer; floating point.
    seed_t : tf.Tensor, optional
        The seeds (``grad_ys``); a placeholder by default.

    Returns
    -------
    seed_t : tf.Tensor
        Placeholder like `output_t`: feed 1 at the logit to explain and 0
        elsewhere, image by image.
    map_ts : list of tf.Tensor
        Like `wrt_ts`, signed; None where the output does not depend on one.
    """
    if seed_t is None:
        seed_t = tf.compat.v1.placeholder(output_t.dtype, output_t.shape, name="seed")
    return seed_t, tf.gradients(output_t, list(wrt_ts), grad_ys=seed_t)
