"""A network that owns its graphs and sessions, one graph for each ReLU rule."""

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import InputError
from legacy_gbp.graph.layers import find_layer
from legacy_gbp.rules.audit import audit, check_complete
from legacy_gbp.rules.relu import seed_of_largest, seeded_gradient


class Overridden:
    """One graph and its session: the model under one ReLU rule, by the override map.

    Parameters
    ----------
    source : object
        See :class:`Network`.
    rule : str
        A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.
    of : str, optional
        The layer to explain; the logits by default.
    wrt : str, optional
        The layer to differentiate with respect to; the inputs by default.
    allow_partial : bool
        Accept a rule that missed nonlinearities.
    plain : bool
        Keep the operations as the network's table has them, also where the
        source could fold them.

    Attributes
    ----------
    graph : tf.Graph
        Finalized.
    ends : Endpoints
    seeds_itself : bool
        Whether the largest logit is explained where no seeds are given.
    audit : list of Finding
        Every nonlinearity on the way, and whether the rule took.
    """

    def __init__(self, source, rule, of=None, wrt=None, allow_partial=False, plain=False):
        self.graph = tf.Graph()
        self._plain = plain
        self.audit: list = []
        self._session = tf.compat.v1.Session(graph=self.graph)
        try:
            with self.graph.as_default():
                self._build(source, rule, of, wrt)
            self.graph.finalize()
            if not allow_partial:
                check_complete(self.audit, rule)
        except BaseException:
            self._session.close()
            raise

    @property
    def classes(self):
        """Number of logits K."""
        return self.ends.logits_t.shape.as_list()[-1]

    def logits(self, images):
        """Logits (N, K)."""
        return self._run(self.ends.logits_t, images)

    def output(self, images):
        """What is explained: the logits, or the hidden layer `of`."""
        return self._run(self._output_t, images)

    def activation(self, images):
        """What is differentiated with respect to: the input, or the hidden layer `wrt`."""
        return self._alone(self._run(self._wrt_ts, images))

    def gradient(self, images, seeds):
        """Maps like `images` (or like the layer `wrt`) for the seeds at the output.

        A network of several inputs gives a tuple of maps.
        """
        return self._alone(self._run(self._map_ts, images, seeds))

    def predicted(self, images):
        """Logits (N, K) and the maps of the largest one, in one run: if `seeds_itself`."""
        logits, *maps = self._run([self.ends.logits_t, *self._map_ts], images)
        return logits, self._alone(maps)

    def close(self):
        """Free the session."""
        self._session.close()

    @staticmethod
    def _alone(values):
        return values[0] if len(values) == 1 else tuple(values)

    def _build(self, source, rule, of, wrt):
        hidden = self._plain or of or wrt
        load = source.load if hidden else getattr(source, "load_folded", source.load)
        self.ends = load(self._session, rule)
        self._output_t = find_layer(self.ends, of) if of else self.ends.logits_t
        self._wrt_ts = (find_layer(self.ends, wrt),) if wrt else self.ends.input_ts
        self.audit = audit(self._wrt_ts, self._output_t, rule)
        shape, kind = self._output_t.shape, self._output_t.dtype
        self.seeds_itself = bool(shape.rank == 2 and shape.as_list()[1] and kind.is_floating)
        seed_t = seed_of_largest(self._output_t) if self.seeds_itself else None
        self._seed_t, self._map_ts = _gradient(self._output_t, self._wrt_ts, seed_t)

    def _run(self, wanted_ts, images, seeds=None):
        images = images if isinstance(images, tuple) else (images,)
        raw_t = self.ends.raw_t
        as_stored = raw_t is not None and images[0].dtype == raw_t.dtype.as_numpy_dtype
        arrays = dict(zip((raw_t,) if as_stored else self.ends.input_ts, images))
        if seeds is not None:
            arrays[self._seed_t] = seeds
        return in_fixed_batches(lambda fed: self._fed(wanted_ts, fed), arrays)

    def _fed(self, wanted_ts, arrays):
        try:
            return self._session.run(wanted_ts, {**self.ends.feeds, **arrays})
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(
                f"the graph does not take these images ({reason}); give arrays of its input's shape"
            ) from error
        except (tf.errors.UnimplementedError, tf.errors.NotFoundError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(
                f"an operation of the graph does not run on this machine ({reason})"
            ) from error


def in_fixed_batches(run, arrays):
    """Run a graph that was exported for one batch size on any number of images.

    Parameters
    ----------
    run : callable
        Of a dict like `arrays`; gives an array, or a sequence of arrays.
    arrays : dict of tf.Tensor to (N, ...) array
        The first tensor's own batch size, where it has one, is kept: the last
        piece is filled up with its last image.

    Returns
    -------
    What `run` gives, for N images.
    """
    shape = next(iter(arrays)).shape
    size = shape.as_list()[0] if shape.rank else None
    count = len(next(iter(arrays.values())))
    if size is None or size == count or not count:
        return run(arrays)
    pieces = []
    for start in range(0, count, size):
        rows = np.minimum(np.arange(start, start + size), count - 1)
        pieces.append(run({t: np.asarray(array)[rows] for t, array in arrays.items()}))
    if isinstance(pieces[0], (list, tuple)):
        return [np.concatenate(parts)[:count] for parts in zip(*pieces)]
    return np.concatenate(pieces)[:count]


def _gradient(output_t, wrt_ts, seed_t):
    """Seeded gradient, or a line that says where it breaks off."""
    try:
        seed_t, map_ts = seeded_gradient(output_t, wrt_ts, seed_t)
    except LookupError as error:
        raise InputError(
            f"no gradient through the graph ({str(error).splitlines()[0]}); choose an output below "
            "that operation"
        ) from error
    for wrt_t, map_t in zip(wrt_ts, map_ts):
        if map_t is None:
            raise InputError(
                f"output {output_t.name} does not depend on {wrt_t.name} by operations that have a "
                "gradient; choose another input or output"
            )
    return seed_t, map_ts


class Network:
    """Run a model forwards, and backwards under any ReLU rule.

    Each rule's graph is built on first use, finalized (no operation is added
    for an image) and closed on exit. The caller's graph and session are never
    touched.

    Parameters
    ----------
    source : object
        ``source.load(session, rule) -> Endpoints`` builds or imports the model
        into the current graph, its ReLUs under the rule. A source may also have
        ``load_folded``, for the same function of the images in fewer operations;
        it is used wherever no hidden layer is named.
    backward : callable, optional
        ``backward(source, rule, of=None, wrt=None)`` opens the model under one
        rule: by the override map, or layer by layer as in 2016
        (:class:`legacy_gbp.exercises.layer_by_layer.LayerByLayer`).
    allow_partial, plain : bool
        See :class:`Overridden`.

    Examples
    --------
    >>> with Network(XtcavCheckpoint(EX07, "tf_saved_model")) as net:  # doctest: +SKIP
    ...     maps = guided_backprop(net, images, "predicted")
    """

    def __init__(self, source, backward=Overridden, allow_partial=False, plain=False):
        self._source = source
        self._open = backward
        flags = {"allow_partial": allow_partial, "plain": plain}
        self._options = {name: True for name, given in flags.items() if given}
        self._models = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for model in self._models.values():
            model.close()
        self._models = {}

    def under(self, rule, of=None, wrt=None):
        """The model under a rule.

        Parameters
        ----------
        rule : str
            ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
        of, wrt : str, optional
            Hidden layers to explain, and to differentiate with respect to.

        Returns
        -------
        Overridden
        """
        key = (rule, of, wrt)
        if key not in self._models:
            layers = {name: layer for name, layer in (("of", of), ("wrt", wrt)) if layer}
            self._models[key] = self._open(self._source, rule, **layers, **self._options)
        return self._models[key]

    def models(self):
        """The models that are open."""
        return list(self._models.values())

    def logits(self, images):
        """Logits (N, K) of images (N, H, W, C)."""
        return self._any_model().logits(images)

    def predict(self, images):
        """Index (N,) of the largest logit."""
        return np.argmax(self.logits(images), axis=1)

    @property
    def classes(self):
        """Number of logits K."""
        return self._any_model().classes

    def _any_model(self):
        """A graph that is open already serves: rules do not change the forward pass."""
        return next(iter(self._models.values()), None) or self.under("gradient")
