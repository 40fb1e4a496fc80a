"""Explain batch after batch: read, explain, check, write.

The steps overlap. A thread reads and prepares the next batch, two batches are explained at
a time where that is safe, and a thread writes. The order of the images is kept.
"""

from typing import (
    Any,
    Callable,
    Dict,
    Generator,
    Iterable,
    Iterator,
    NamedTuple,
    Optional,
    Tuple,
)

import numpy as np

from legacy_gbp.attribution.largest_units import largest_units
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.target_forms import PREDICTED, Layer
from legacy_gbp.data.batches import Batch
from legacy_gbp.data.finite import check_pixels, first_not_finite
from legacy_gbp.errors import InputError
from legacy_gbp.io.console import progress
from legacy_gbp.io.prefetch import in_background, parallel_map, prefetch
from legacy_gbp.rules.relu import OVERRIDES

Explainer = Callable[[Any, Any], Any]


class Explained(NamedTuple):
    """The explained images of one batch.

    Attributes
    ----------
    indices : (n,) int array
        Positions of the images.
    images : (n, ...) array
        As stored.
    logits : (n, ...) float array
    predicted : (n,) int array
        Number of the largest logit: its class, or its place in the flattened output.
    maps : dict of str to array
        By method.
    """

    indices: np.ndarray
    images: np.ndarray
    logits: np.ndarray
    predicted: np.ndarray
    maps: Dict[str, np.ndarray]


class Explanation(NamedTuple):
    """What is asked of every image.

    Attributes
    ----------
    methods : dict of str to callable
        Name to ``explain(images, target) -> maps``; see
        :func:`legacy_gbp.attribution.bound_method`.
    target : int, array, str, Unit, Ranked, Difference or Layer
        A form of :func:`legacy_gbp.attribution.target.seeded`.
    only_class : int or None
        Explain the images predicted as this class alone.
    limit : int or None
        Most images to explain.
    describe : callable
        ``describe(index)`` names an image, for messages.
    logits_from : str or None
        The method whose run also has the logits, where all methods are rules.
    concurrent : bool
        False explains one batch after the other.
    per_image : bool
        Whether `target` is an array with a row for each image of all batches. Floats with fewer
        axes than the logits are weights, for all images.
    """

    methods: Dict[str, Explainer]
    target: Any
    describe: Callable[[int], str]
    only_class: Optional[int] = None
    limit: Optional[int] = None
    logits_from: Optional[str] = None
    concurrent: bool = True
    per_image: bool = False


def explain_batches(
    net: Network,
    batches: Iterable[Batch],
    count: int,
    asked: Explanation,
    write: Callable[[Explained], None],
    title: str,
) -> Generator[Explained, None, None]:
    """Yield the explained images of every batch; each is written before the next is.

    Close the generator (:func:`contextlib.closing`) where it may not be used up: it then
    finishes writing.

    Parameters
    ----------
    net : Network
    batches : iterable of Batch
        Images as stored.
    count : int
        Number of batches, for the progress.
    asked : Explanation
    write : callable
        Takes each result, in a thread.
    title : str
        Of the progress.

    Yields
    ------
    Explained

    Raises
    ------
    InputError
        For NaN or Inf in prepared images, logits or maps; names the image.
    """
    one_pass = _needs_one_pass(asked)
    for name in asked.methods if one_pass else ():
        net.under(name)  # opened before two threads ask for it
    dtype = net.input_dtype
    prepared = prefetch(_prepared(net, batch, dtype, asked.describe) for batch in batches)
    if one_pass:

        def explain(pair: Any) -> Explained:
            return _explain(net, asked, *pair)

        if asked.concurrent:
            found: Iterator[Explained] = parallel_map(explain, prepared)
        else:
            found = map(explain, prepared)
        found = progress(found, count, title)
    else:
        found = _up_to_limit(net, asked, progress(prepared, count, title))
    with in_background(write) as write_later:
        try:
            for explained in found:
                write_later(explained)
                yield explained
        except GeneratorExit:  # the caller has enough: finish writing
            pass


def _prepared(
    net: Network, batch: Batch, dtype: np.dtype, describe: Callable[[int], str]
) -> Tuple[Batch, np.ndarray]:
    """Prepare images, and refuse one whose pixels the graph's type cannot hold."""
    images = net.prepare(batch.images)
    check_pixels(images, dtype, lambda k: describe(int(batch.indices[k])))
    return batch, images


def _needs_one_pass(asked: Explanation) -> bool:
    """Whether logits and maps of all images come from one run of a rule's graph each."""
    return (
        asked.logits_from is not None
        and set(asked.methods) <= set(OVERRIDES)
        and not asked.per_image
        and isinstance(asked.target, str)
        and asked.target == PREDICTED
        and asked.only_class is None
        and asked.limit is None
    )


def _up_to_limit(net: Network, asked: Explanation, prepared: Iterable[Any]) -> Iterator[Explained]:
    left = asked.limit
    for batch, inputs in prepared:
        explained = _explain(net, asked, batch, inputs, left)
        yield explained
        if left is not None:
            left -= len(explained.indices)
            if not left:
                return


def _explain(
    net: Network,
    asked: Explanation,
    batch: Batch,
    inputs: np.ndarray,
    left: Optional[int] = None,
) -> Explained:
    """Explain the images of the wanted class, `left` of them at most."""
    maps: Dict[str, np.ndarray] = {}
    if asked.logits_from is not None and _needs_one_pass(asked):
        logits, found = net.under(asked.logits_from).predicted(inputs)
        maps[asked.logits_from] = np.asarray(found)
    elif net.any_graph().endpoints.absent and isinstance(asked.target, Layer):
        logits = np.empty((len(inputs), 0))  # the file lacks the layers that make them
    else:
        logits = net.logits(inputs)
    check_finite(logits, "logits", batch.indices, asked.describe)
    units = logits.reshape(len(logits), -1) if logits.size else np.zeros((len(inputs), 1))
    predicted = units.argmax(axis=1)
    keep = np.arange(len(batch.indices))
    if asked.only_class is not None:
        keep = keep[predicted == asked.only_class]
    keep = keep[:left]
    target = asked.target
    if isinstance(target, str) and target == PREDICTED:
        target = largest_units(logits[keep])
    elif isinstance(target, np.ndarray):
        target = _rows(asked, batch.indices[keep], logits.shape[1:])
    for name, explain in asked.methods.items() if len(keep) else ():
        if name not in maps:
            maps[name] = np.asarray(explain(inputs[keep], target))
    none = np.empty((0, *inputs.shape[1:]), np.float32)
    maps = {name: maps.get(name, none) for name in asked.methods}
    for name, values in maps.items():
        check_finite(values, f"{name} map", batch.indices[keep], asked.describe)
    return Explained(batch.indices[keep], batch.images[keep], logits[keep], predicted[keep], maps)


def _rows(asked: Explanation, indices: np.ndarray, unit_shape: Tuple[int, ...]) -> np.ndarray:
    """Return the rows of a target for some images, or weights for all images."""
    target: np.ndarray = asked.target
    if target.dtype.kind != "f":
        if asked.per_image and target.shape[1:] not in ((), (len(unit_shape),)):
            raise InputError(
                f"`target` of shape {target.shape} in whole numbers is neither a class for each "
                f"image, nor a place of {len(unit_shape)} numbers; give weights in floating point"
            )
        places: np.ndarray = target[indices] if asked.per_image else target
        return places
    if target.shape == unit_shape:
        return target
    if not asked.per_image or target.shape[1:] != unit_shape:
        raise InputError(
            f"`target` of shape {target.shape} in floating point is neither weights of the shape "
            f"{unit_shape} of an image's output, nor a row of it for each image; give one of these"
        )
    rows: np.ndarray = target[indices]
    return rows


def check_finite(
    values: np.ndarray, what: str, indices: np.ndarray, describe: Callable[[int], str]
) -> None:
    """Refuse NaN or Inf in what the network computed for some images.

    Parameters
    ----------
    values : (n, ...) array
    what : str
        Its name in the message.
    indices : (n,) int array
    describe : callable
        ``describe(index)`` names an image.

    Raises
    ------
    InputError
        That names the image.
    """
    bad = first_not_finite(values)
    if bad is not None:
        raise InputError(
            f"{describe(int(indices[bad]))}: NaN or Inf in the {what}; look for huge pixels in the "
            "image or NaN in the model's weights"
        )
