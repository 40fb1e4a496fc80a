"""One graph and its session: a model under one backward rule."""

import abc
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.attribution.image_runs import ImageRuns
from legacy_gbp.attribution.largest_units import largest_units
from legacy_gbp.attribution.multi_input import Images, Maps
from legacy_gbp.data.finite import check_pixels
from legacy_gbp.errors import Finding, InputError, ModelError, first_line
from legacy_gbp.graph.layers import find_layer
from legacy_gbp.graph.layout import layout_of_layer
from legacy_gbp.graph.traverse import operations_between
from legacy_gbp.graph.while_loops import gradients_of_loops
from legacy_gbp.models.source import Endpoints, FoldableSource, Source
from legacy_gbp.rules.audit import AuditReport, audit, check_complete
from legacy_gbp.rules.relu import seed_of_largest, seeded_gradient


class BuiltGraph(NamedTuple):
    """The tensors of a model under a rule.

    Attributes
    ----------
    endpoints : Endpoints
    output_t : tf.Tensor
        What is explained.
    wrt_ts : tuple of tf.Tensor
        What is differentiated with respect to.
    seed_t : tf.Tensor
        Like `output_t`.
    map_ts : list of tf.Tensor
        Like `wrt_ts`.
    seeds_itself : bool
        Whether the largest logit is explained where no seed is fed.
    report : AuditReport
        Of the audit.
    """

    endpoints: Endpoints
    output_t: Any
    wrt_ts: Tuple[Any, ...]
    seed_t: Any
    map_ts: List[Any]
    seeds_itself: bool
    report: AuditReport


class RuleGraph(abc.ABC):
    """A model under one backward rule, in a finalized graph with a session of its own.

    Parameters
    ----------
    source : Source
    rule : str
        A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.
    of : str, optional
        The layer to explain; the logits by default.
    wrt : str, optional
        The layer to differentiate with respect to; the inputs by default.
    allow_partial : bool
        Accept a rule that missed nonlinearities.
    plain : bool
        Keep the operations of the network's table, also where the source could fold them.

    Attributes
    ----------
    graph : tf.Graph
    endpoints : Endpoints
    report : AuditReport
        Every operation on the way back, classified.
    findings : list of Finding
        Its nonlinearities, and whether the rule reached each.
    seeds_itself : bool
        Whether :meth:`predicted` needs one run alone.

    Raises
    ------
    ModelError
        For an unknown layer, or an output without a gradient.
    MissedRuleError
        When the rule missed a nonlinearity and `allow_partial` is False.
    """

    def __init__(
        self,
        source: Source,
        rule: str,
        of: Optional[str] = None,
        wrt: Optional[str] = None,
        allow_partial: bool = False,
        plain: bool = False,
    ) -> None:
        self._unit_shapes: Dict[Any, Tuple[int, ...]] = {}  # by the shapes of the inputs
        self.graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self.graph)
        try:
            with self.graph.as_default():
                self._built = self._build(source, rule, of, wrt, plain)
            self.graph.finalize()
            self._runs = self._image_runs()
            self.endpoints, self.report = self._built.endpoints, self._built.report
            self.findings: List[Finding] = self.report.findings
            self.seeds_itself = self._built.seeds_itself
            if not allow_partial:
                check_complete(self.findings, rule)
        except BaseException:
            self._session.close()
            raise

    @abc.abstractmethod
    def _build(
        self, source: Source, rule: str, of: Optional[str], wrt: Optional[str], plain: bool
    ) -> BuiltGraph:
        """Build the model and its gradient in the current graph."""

    def _image_runs(self) -> ImageRuns:
        endpoints, wrt_ts, map_ts = self._built.endpoints, self._built.wrt_ts, self._built.map_ts
        shared_ts: List[Any] = []
        like_images_ts = [*endpoints.input_ts, *map_ts]
        if wrt_ts != tuple(endpoints.input_ts):
            like_images_ts = list(endpoints.input_ts)
            if not operations_between(endpoints.input_ts, wrt_ts[0]):  # a kernel
                shared_ts = [*wrt_ts, *map_ts]
        fed_ts = [*endpoints.input_ts, *endpoints.token_ts.values()]
        fed_ts += [] if endpoints.raw_t is None else [endpoints.raw_t]
        return ImageRuns(self._run_once, fed_ts, self._built.output_t, shared_ts, like_images_ts)

    @property
    def wrt_ts(self) -> Tuple[Any, ...]:
        """The tensors that are differentiated with respect to."""
        return self._built.wrt_ts

    @property
    def classes(self) -> int:
        """Number of logits K; a ModelError where only a run of the graph says it."""
        classes = self.known_classes
        if classes is None:
            logits_t = self.endpoints.logits_t
            raise ModelError(
                f"output {logits_t.name} of shape {logits_t.shape} does not say its number of "
                "classes; run `logits`, whose last axis has it"
            )
        return classes

    @property
    def known_classes(self) -> Optional[int]:
        """Number of logits K; None where only a run of the graph says it."""
        shape = self.endpoints.logits_t.shape
        if not shape.rank:
            return None
        sizes: List[Optional[int]] = shape.as_list()
        if shape.rank == 1:  # one number for each image, or K of one image
            return 1 if sizes[0] is None else None
        return sizes[self.class_axis]

    @property
    def class_axis(self) -> int:
        """The axis of the classes in the logits, counted from the end: -1, as a rule."""
        return _channel_axis(self.endpoints.logits_t)

    @property
    def channel_axis(self) -> int:
        """The axis of the channels in what is explained, counted from the end: -1, as a rule."""
        return _channel_axis(self._built.output_t)

    def unit_shape(self, images: Images) -> Tuple[int, ...]:
        """Return the shape of the logits of one image; (K,) for K classes, () for one number.

        Parameters
        ----------
        images : (N, ...) array, or a tuple of arrays
            The first of a new shape is run once, to see that the graph has logits for each
            image.

        Returns
        -------
        tuple of int
        """
        if _shapes(images) not in self._unit_shapes:
            self._check_shapes(images if isinstance(images, tuple) else (images,))
            one = tuple(part[:1] for part in images) if isinstance(images, tuple) else images[:1]
            return self.logits(one).shape[1:]
        return self._unit_shapes[_shapes(images)]

    def logits(self, images: Images) -> np.ndarray:
        """Return the logits.

        Parameters
        ----------
        images : (N, ...) array, or a tuple of arrays

        Returns
        -------
        (N, K) float array

        Raises
        ------
        ModelError
            For an output without a unit.
        """
        logits = self._run([self.endpoints.logits_t], images)[0]
        shape: Tuple[int, ...] = logits.shape[1:]
        if 0 in shape:
            raise ModelError(
                f"output {self.endpoints.logits_t.name} has the shape {shape} for an image: there "
                "is nothing to explain; choose another output"
            )
        self._unit_shapes[_shapes(images)] = shape
        return logits

    def output(self, images: Images) -> np.ndarray:
        """Return what is explained: the logits, or the hidden layer `of`.

        Parameters
        ----------
        images : (N, ...) array, or a tuple of arrays

        Returns
        -------
        (N, ...) float array
        """
        return self._run([self._built.output_t], images)[0]

    def activation(self, images: Images) -> Maps:
        """Return what is differentiated with respect to: the inputs, or the hidden layer `wrt`.

        Parameters
        ----------
        images : (N, ...) array, or a tuple of arrays

        Returns
        -------
        (N, ...) float array, or a tuple of arrays for several inputs
        """
        return _alone(self._run(list(self._built.wrt_ts), images))

    def gradient(self, images: Images, seeds: np.ndarray) -> Maps:
        """Return the maps of a seeded output.

        Parameters
        ----------
        images : (N, ...) array, or a tuple of arrays
        seeds : (N, ...) float array
            Like the output that is explained.

        Returns
        -------
        (N, ...) float array, or a tuple of arrays for several inputs
            Like `images`, or like the layer `wrt`; signed.
        """
        return _alone(self._run(self._built.map_ts, images, seeds))

    def predicted(self, images: Images) -> Tuple[np.ndarray, Maps]:
        """Return the logits and the maps of the largest one: in one run, if `seeds_itself`.

        Parameters
        ----------
        images : (N, ...) array, or a tuple of arrays

        Returns
        -------
        logits : (N, K) float array
        maps : (N, ...) float array, or a tuple of arrays
        """
        if not self.seeds_itself:
            logits = self.logits(images)
            return logits, self.gradient(images, largest_units(logits))
        logits, *maps = self._run([self.endpoints.logits_t, *self._built.map_ts], images)
        if not self._runs.alone:
            return logits, _alone(maps)
        # The graph seeds the largest of every row, and an image has several rows.
        seeds = largest_units(logits)
        return logits, self.gradient(images, seeds)

    def close(self) -> None:
        """Close the session."""
        self._session.close()

    def _run(
        self, wanted_ts: List[Any], images: Images, seeds: Optional[np.ndarray] = None
    ) -> List[np.ndarray]:
        images = _for_inputs(images, len(self.endpoints.input_ts))
        for number, (one, input_t) in enumerate(zip(images, self.endpoints.input_ts)):
            what = f"input {number}: image" if number else "image"
            dtype = np.dtype(input_t.dtype.as_numpy_dtype)
            check_pixels(np.asarray(one), dtype, f"{what} {{}}".format)
        raw_t = self.endpoints.raw_t
        as_stored = raw_t is not None and images[0].dtype == raw_t.dtype.as_numpy_dtype
        arrays = dict(zip((raw_t,) if as_stored else self._fed(images), images))
        self._check_shapes(images)
        if seeds is not None:
            arrays[self._built.seed_t] = seeds
        return self._runs.values(wanted_ts, arrays)

    def _check_shapes(self, images: Sequence[np.ndarray]) -> None:
        """Refuse images of another shape than the inputs take, one by one or in a batch."""
        for fed_t, one in zip(self._fed(images), images):
            if fed_t.shape.rank is None:
                continue
            sizes, found = fed_t.shape.as_list(), np.shape(one)[1:]
            wanted = sizes if len(found) == len(sizes) else sizes[1:]
            pairs = list(zip(wanted, found))
            if len(found) != len(wanted) or any(want not in (None, size) for want, size in pairs):
                raise InputError(
                    f"the graph does not take these images of shape {np.shape(one)}; its input "
                    f"{fed_t.name} has the shape {fed_t.shape}: give arrays of that shape"
                )

    def _fed(self, images: Sequence[np.ndarray]) -> List[Any]:
        """Return the tensors to feed: for integers of an embedded input, what it embeds."""
        token_ts = self.endpoints.token_ts
        return [
            token_ts[input_t] if input_t in token_ts and one.dtype.kind in "iu" else input_t
            for input_t, one in zip(self.endpoints.input_ts, images)
        ]

    def _run_once(self, wanted_ts: List[Any], arrays: Dict[Any, np.ndarray]) -> List[np.ndarray]:
        try:
            found: List[np.ndarray] = self._session.run(
                wanted_ts, {**self._built.endpoints.feeds, **arrays}
            )
            return found
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            raise InputError(
                f"the graph does not take these images ({first_line(error)}); give arrays of its "
                "input's shape"
            ) from error
        except tf.errors.FailedPreconditionError as error:
            raise ModelError(self.endpoints.absent or first_line(error)) from error
        except tf.errors.ResourceExhaustedError as error:
            raise InputError(
                f"the images do not fit into memory together ({first_line(error)}); give a "
                "smaller `batch_size`"
            ) from error
        except tf.errors.OpError as error:
            raise ModelError(
                f"an operation of the graph does not run on this machine ({first_line(error)}); "
                "try the version that made it"
            ) from error


def _for_inputs(images: Any, count: int) -> Tuple[np.ndarray, ...]:
    """Return an array for each input of a network."""
    several = isinstance(images, tuple) or (isinstance(images, list) and count > 1)
    arrays = tuple(np.asarray(one) for one in images) if several else (np.asarray(images),)
    if len(arrays) != count:
        raise InputError(
            f"{len(arrays)} arrays for a network of {count} inputs; give "
            + (f"a tuple of {count} arrays" if count > 1 else "one array")
        )
    return arrays


class OverrideGraph(RuleGraph):
    """A model whose ReLUs were created under the override map of a rule."""

    def _build(
        self, source: Source, rule: str, of: Optional[str], wrt: Optional[str], plain: bool
    ) -> BuiltGraph:
        if isinstance(source, FoldableSource) and not (plain or of or wrt):
            endpoints = source.load_folded(self._session, rule)
        else:
            endpoints = source.load(self._session, rule)
        output_t = find_layer(endpoints, of) if of else endpoints.logits_t
        wrt_ts = (find_layer(endpoints, wrt),) if wrt else endpoints.input_ts
        report = audit(wrt_ts, output_t, rule)
        shape, dtype = output_t.shape, output_t.dtype
        seeds_itself = bool(shape.rank == 2 and shape.as_list()[1] and dtype.is_floating)
        seed_t = seed_of_largest(output_t) if seeds_itself else None
        seed_t, map_ts = _gradient(output_t, wrt_ts, seed_t)
        return BuiltGraph(endpoints, output_t, wrt_ts, seed_t, map_ts, seeds_itself, report)


def _gradient(output_t: Any, wrt_ts: Sequence[Any], seed_t: Optional[Any]) -> Tuple[Any, List[Any]]:
    """Return the seeded gradient, or one line that says where it breaks off."""
    try:
        with gradients_of_loops(output_t.graph):
            seed_t, map_ts = seeded_gradient(output_t, wrt_ts, seed_t)
    except (LookupError, AssertionError, AttributeError, TypeError, ValueError) as error:
        raise ModelError(
            f"no gradient through the graph ({first_line(error)}); choose an output below that "
            "operation"
        ) from error
    map_ts = [tf.convert_to_tensor(t) if isinstance(t, tf.IndexedSlices) else t for t in map_ts]
    for wrt_t, map_t in zip(wrt_ts, map_ts):
        if map_t is None:
            raise ModelError(
                f"output {output_t.name} does not depend on {wrt_t.name} by operations that have a "
                "gradient; choose another input or output"
            )
    return seed_t, map_ts


def _shapes(images: Images) -> Tuple[Tuple[int, ...], ...]:
    """Return the shape of one image, for each input."""
    return tuple(np.shape(one)[1:] for one in (images if isinstance(images, tuple) else (images,)))


def _channel_axis(t: Any) -> int:
    """Return the axis of the channels, or classes, of a tensor, counted from the end."""
    rank = t.shape.rank
    if rank is None or rank < 3:
        return -1
    channels = layout_of_layer(t, rank).channels
    return -1 if channels is None else channels - rank


def _alone(values: Sequence[np.ndarray]) -> Maps:
    return values[0] if len(values) == 1 else tuple(values)
