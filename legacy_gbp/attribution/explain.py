"""Maps of a model in memory, in one call."""

from typing import Any, Callable, Optional, Sequence, Union

import numpy as np

from legacy_gbp.attribution import METHODS
from legacy_gbp.attribution import method as method_named
from legacy_gbp.attribution.multi_input import Images
from legacy_gbp.attribution.network import Network
from legacy_gbp.errors import InputError
from legacy_gbp.models.in_memory import as_source

OF_TOKENS = ("gradient", "guided", "deconvnet")


def explain(
    model: Any,
    images: Images,
    target: Any = "predicted",
    method: Union[str, Callable[..., Any]] = "guided",
    input: Union[str, Sequence[str], None] = None,
    output: Optional[str] = None,
    allow_partial: bool = False,
    trusted: bool = False,
    **options: Any,
) -> Any:
    """Return the maps of a model for images.

    The model, its session and the graph that is open do not change. To explain many batches,
    open a :class:`legacy_gbp.Network` once.

    Parameters
    ----------
    model : Source, Keras model, (session, input, output), tf.function, or loaded SavedModel
        See :mod:`legacy_gbp.models.in_memory`. Variables have their present values.
    images : (N, ...) array, or a tuple of arrays for a model of several inputs
        As the model takes them; nothing is scaled.
    target : int, array, str, Unit, Ranked, Difference or Layer
        A class for all images; (N,) integers, a class for each; "predicted", the largest unit
        of each; "mean", of all units; a unit by its place or its rank; a class less another
        one; (K,) or (N, ...) floats, weights or seeds of the output; a hidden layer, its
        channel or one of its units.
    method : str or callable
        A row of :data:`legacy_gbp.attribution.METHODS`, or ``method(net, images, target)``.
    input : str or sequence of str, optional
        Input layers, arguments or tensors; all by default.
    output : str, optional
        An output layer, a result or a tensor; the only one by default, before a softmax.
    allow_partial : bool
        Accept a rule that missed nonlinearities.
    trusted : bool
        Accept operations that reach outside of the graph.
    **options
        Of the method, such as ``layer`` of Grad-CAM.

    Returns
    -------
    array or tuple of arrays
        Like `images`, signed; for integers that an embedding reads, like its output (N, T, D).

    Raises
    ------
    InputError
        For an unknown method, target or kind of model.
    ModelError
        For a model that cannot be used.

    Examples
    --------
    >>> maps = explain(keras_model, images, target=3)  # doctest: +SKIP
    >>> cams = explain(keras_model, images, method="gradcam", layer="conv5")  # doctest: +SKIP
    """
    if isinstance(method, str) and method not in METHODS:
        raise InputError(f"method {method!r} is unknown; choose one of {', '.join(METHODS)}")
    images = tuple(map(np.asarray, images)) if isinstance(images, tuple) else np.asarray(images)
    source = as_source(model, input, output, trusted=trusted, images=images)
    function = method_named(method) if isinstance(method, str) else method
    with Network(source, allow_partial=allow_partial) as net:
        if method not in OF_TOKENS and not isinstance(images, tuple) and images.dtype.kind in "iu":
            graph = net.under("gradient")
            if graph.endpoints.token_ts:  # the method changes copies: of the rows, not of indices
                images = graph.activation(images)
        return function(net, images, target, **options)
