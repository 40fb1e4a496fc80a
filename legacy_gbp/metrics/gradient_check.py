"""Is the gradient of a model right, and does a rule do what it should: checks on any model."""

from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from legacy_gbp.attribution.image_runs import shape_of_image
from legacy_gbp.attribution.multi_input import Images
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.published_numbers import Outcome
from legacy_gbp.attribution.rule_graph import RuleGraph
from legacy_gbp.attribution.target import seeded
from legacy_gbp.attribution.target_forms import PREDICTED, Layer
from legacy_gbp.errors import InputError, ModelError
from legacy_gbp.models.source import Source

RULES = ("guided", "deconvnet")
IMAGES = 3
STEP = 1e-3  # of the images' range, for finite differences
OPEN_SIZE = 64
SURE = 0.9999  # a probability above which the gradient of a softmax is lost


class Asked(NamedTuple):
    """What is asked of a model.

    Attributes
    ----------
    target : int, array, str, Unit, Ranked, Difference or Layer
        A form of :func:`legacy_gbp.attribution.target.seeded`.
    shape : tuple of int or None
        Of one image; None takes that of the model's input, 64 for its open sizes.
    output : str or None
        A tensor that was named. Where the model steps over it as a final operation, it is
        checked for saturation all the same.
    """

    target: Any = PREDICTED
    shape: Optional[Tuple[int, ...]] = None
    output: Optional[str] = None


DEFAULT = Asked()


def check_model(source: Source, asked: Asked = DEFAULT) -> Iterator[Tuple[str, Outcome]]:
    """Ask a model whether its gradient and its rules are right, on random images.

    Parameters
    ----------
    source : Source
    asked : Asked

    Yields
    ------
    name : str
        Of the check.
    outcome : Outcome

    Raises
    ------
    ModelError
        For an input without a shape.
    """
    with Network(source, allow_partial=True) as net:
        images = random_images(net, source, asked.shape)
        plain, seeds = seeded(net, "gradient", images, asked.target)
        logits = plain.logits(images)
        largest = np.abs(logits).max()
        yield (
            "logits are finite",
            Outcome(bool(np.isfinite(logits).all()), f"largest {largest:.3g}"),
        )
        named = asked.output if plain.endpoints.stepped_over else None
        yield "the output is no saturated softmax", _saturation(_named(net, named, images, logits))
        yield "the gradient is not zero", _zero_maps(plain.gradient(images, seeds))
        of = asked.target.name if isinstance(asked.target, Layer) else None
        for rule in RULES:
            graph = net.under(rule, of=of)
            graph.output(images)  # it learns whether images go in one at a time
            yield f"{rule} reaches every nonlinearity", _reach(graph)
            yield f"{rule} maps are not zero", _zero_maps(graph.gradient(images, seeds))
            error = relative_error(graph.logits(images), logits)
            yield f"{rule} leaves the forward pass alone", Outcome(error < 1e-6, f"{error:.1e}")
            error = _batch_error(graph, images, seeds)
            yield f"{rule}: a batch is its single images", Outcome(error < 1e-5, f"{error:.1e}")
        error = finite_difference_error(plain, images, seeds)
        yield (
            "gradient against finite differences",
            Outcome(error < 2e-2, f"{error:.1e} relative"),
        )


def random_images(net: Network, source: Source, shape: Optional[Tuple[int, ...]] = None) -> Images:
    """Draw images of a model's input shape; open sizes are 64.

    Parameters
    ----------
    net : Network
    source : Source
        Its `pixel_range` is used, and its `prepare` applied to a single input.
    shape : tuple of int, optional
        Of one image, in the place of the input's own.

    Returns
    -------
    (3, ...) array, or a tuple of arrays

    Raises
    ------
    ModelError
        For an input without a shape.
    """
    rng = np.random.default_rng(0)
    low, high = source.pixel_range
    drawn: List[np.ndarray] = []
    endpoints = net.under("gradient").endpoints
    for tensor_t in endpoints.input_ts:
        own = shape_of_image(tensor_t, endpoints.logits_t)
        if own is None and shape is None:
            raise ModelError(
                f"input {tensor_t.name} has no shape; give that of one image by `shape`"
            )
        if shape is not None and own is not None and not _fits(shape, own):
            raise InputError(
                f"`shape` {shape} does not fit input {tensor_t.name} of shape {tensor_t.shape}; "
                "give the sizes of one image, without the batch"
            )
        sizes = shape or [size or OPEN_SIZE for size in own or ()]
        images = rng.uniform(low, high, (IMAGES, *sizes))
        drawn.append(images.astype(tensor_t.dtype.as_numpy_dtype))
    return source.prepare(drawn[0]) if len(drawn) == 1 else tuple(drawn)


def _named(net: Network, name: Optional[str], images: Images, logits: np.ndarray) -> np.ndarray:
    """Return a named output; the logits where there is none, or none with a gradient."""
    if name is None:
        return logits
    try:
        return net.under("gradient", of=name).output(images)
    except ModelError:  # such as an ArgMax
        return logits


def _fits(shape: Tuple[int, ...], sizes: Tuple[Optional[int], ...]) -> bool:
    return len(shape) == len(sizes) and all(
        wanted in (None, size) for wanted, size in zip(sizes, shape)
    )


def finite_difference_error(graph: RuleGraph, images: Images, seeds: np.ndarray) -> float:
    """Compare the change of the seeded output along the gradient with the gradient's length.

    A step may cross kinks of ReLUs: the median over three sizes of the step is taken.

    Parameters
    ----------
    graph : RuleGraph
        Under the rule ``"gradient"``.
    images : (N, ...) array, or a tuple of arrays
    seeds : (N, K) float array

    Returns
    -------
    float
        Relative; infinite for a gradient of 0, about which it says nothing.
    """
    gradient = _tuple(graph.gradient(images, seeds))
    length = np.sqrt(sum((part.astype(float) ** 2).sum() for part in gradient))
    if length == 0:
        return float("inf")
    errors = []
    for step in (STEP, STEP / 3, STEP * 3):
        values = []
        for sign in (1, -1):
            moved = tuple(
                (image + sign * step * part / length).astype(image.dtype)
                for image, part in zip(_tuple(images), gradient)
            )
            output = graph.output(moved if len(moved) > 1 else moved[0])
            values.append((output.astype(float) * seeds).sum())
        errors.append(abs((values[0] - values[1]) / (2 * step) / length - 1))
    return float(np.median(errors))


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the largest difference, relative to the largest wanted magnitude.

    Parameters
    ----------
    found, wanted : array

    Returns
    -------
    float
        Absolute where all wanted numbers are 0.
    """
    scale = np.abs(wanted).max()
    return float(np.abs(found - wanted).max() / scale) if scale else float(np.abs(found).max())


def _reach(graph: RuleGraph) -> Outcome:
    """Whether the rule took everywhere; a network without nonlinearities has plain gradients."""
    took, total = sum(finding.took for finding in graph.findings), len(graph.findings)
    if not total:
        return Outcome(True, "there is none: its maps are the gradient")
    return Outcome(took == total, f"{took} of {total}")


def _saturation(logits: np.ndarray) -> Outcome:
    """Whether the output is a softmax so sure of itself that its gradient vanishes."""
    rows = logits.reshape(-1, logits.shape[-1] if logits.ndim > 1 else 1).astype(float)
    sums_to_one = bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3))
    if not sums_to_one or rows.shape[1] < 2:
        return Outcome(True, "no probabilities")
    surest = rows.max()
    return Outcome(bool(surest < SURE), f"probabilities, the largest is {surest:.6f}")


def _zero_maps(maps: Any) -> Outcome:
    """Whether any map has a number other than 0."""
    parts = [np.asarray(part).reshape(IMAGES, -1) for part in _tuple(maps)]
    zero = IMAGES - int(np.any([part.any(axis=1) for part in parts], axis=0).sum())
    return Outcome(zero < IMAGES, f"{zero} of {IMAGES} are all zero")


def _batch_error(graph: RuleGraph, images: Images, seeds: np.ndarray) -> float:
    """Compare maps of a batch with those of its single images."""
    together = _tuple(graph.gradient(images, seeds))
    alone = [_tuple(graph.gradient(_image(images, k), seeds[k : k + 1])) for k in range(len(seeds))]
    return max(
        relative_error(np.concatenate(maps), of_batch)
        for maps, of_batch in zip(zip(*alone), together)
    )


def _tuple(values: Any) -> Tuple[np.ndarray, ...]:
    return values if isinstance(values, tuple) else (values,)


def _image(images: Images, k: int) -> Images:
    if isinstance(images, tuple):
        return tuple(image[k : k + 1] for image in images)
    return images[k : k + 1]
