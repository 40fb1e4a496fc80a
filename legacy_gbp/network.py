"""A network that owns its graphs and sessions, one graph for each ReLU rule."""

import numpy as np
import tensorflow as tf

from legacy_gbp.relu_backprop import seeded_gradient, under_rule


class Overridden:
    """One graph and its session: the model under one ReLU rule, by the override map.

    Parameters
    ----------
    source : object
        See :class:`Network`.
    rule : str
        A row of :data:`legacy_gbp.relu_backprop.OVERRIDES`.
    """

    def __init__(self, source, rule):
        self.graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self.graph)
        try:
            with self.graph.as_default():
                self.ends, self._seed_t, self._map_t = self._build(source, rule)
            self.graph.finalize()
        except BaseException:
            self._session.close()
            raise

    def logits(self, images):
        """Logits (N, K)."""
        return self._run(self.ends.logits_t, images)

    def gradient(self, images, seeds):
        """Maps like `images` for the seeds (N, K) at the logits."""
        return self._run(self._map_t, images, seeds)

    def close(self):
        """Free the session."""
        self._session.close()

    def _build(self, source, rule):
        with under_rule(self.graph, rule):
            ends = source.load(self._session)
        return (ends, *seeded_gradient(ends.logits_t, ends.input_t))

    def _run(self, wanted_t, images, seeds=None):
        feeds = {**self.ends.feeds, self.ends.input_t: images}
        if seeds is not None:
            feeds[self._seed_t] = seeds
        return self._session.run(wanted_t, feeds)


class Network:
    """Run a model forwards, and backwards under any ReLU rule.

    Each rule's graph is built on first use, finalized (no operation is added
    for an image) and closed on exit. The caller's graph and session are never
    touched.

    Parameters
    ----------
    source : object
        ``source.load(session) -> Endpoints`` builds or imports the model into
        the current graph, which already stands under the rule.
    backward : callable, optional
        ``backward(source, rule)`` opens the model under one rule: by the
        override map, or layer by layer as in 2016
        (:class:`legacy_gbp.attribution.layer_by_layer.LayerByLayer`).

    Examples
    --------
    >>> with Network(XtcavCheckpoint(EX07, "tf_saved_model")) as net:  # doctest: +SKIP
    ...     maps = guided_backprop(net, images, "predicted")
    """

    def __init__(self, source, backward=Overridden):
        self._source = source
        self._open = backward
        self._rules = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for model in self._rules.values():
            model.close()
        self._rules = {}

    def under(self, rule):
        """The model under a rule: ``"gradient"``, ``"guided"`` or ``"deconvnet"``."""
        if rule not in self._rules:
            self._rules[rule] = self._open(self._source, rule)
        return self._rules[rule]

    def logits(self, images):
        """Logits (N, K) of images (N, H, W, C)."""
        return self._any_rule().logits(images)

    def predict(self, images):
        """Index (N,) of the largest logit."""
        return np.argmax(self.logits(images), axis=1)

    @property
    def classes(self):
        """Number of logits K."""
        return self._any_rule().ends.logits_t.shape.as_list()[-1]

    def _any_rule(self):
        """A graph that is open already serves: rules do not change the forward pass."""
        return self.under(next(iter(self._rules), "gradient"))
