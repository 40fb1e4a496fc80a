"""A network that owns its graphs and sessions, one graph for each backward rule."""

from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

import numpy as np

from legacy_gbp.attribution.multi_input import Images
from legacy_gbp.attribution.rule_graph import OverrideGraph, RuleGraph
from legacy_gbp.models.in_memory import as_source
from legacy_gbp.models.source import Source


class Network:
    """Run a model forwards, and backwards under any rule.

    A graph is built for each rule on first use, and finalized: no operation is added for
    an image. All of them are closed on exit. The caller's graph and session are never
    touched.

    Parameters
    ----------
    source : Source or model
        A model: :class:`legacy_gbp.XtcavCheckpoint`, :class:`legacy_gbp.KerasWeights`, what
        the functions of :mod:`legacy_gbp.models` return, or an object of your own with the
        methods of :class:`legacy_gbp.models.source.Source`. Where it has ``load_folded``,
        that is used wherever no hidden layer is named. Or a model in memory: a Keras model,
        ``(session, input, output)``, a ``tf.function`` with a signature, a loaded SavedModel
        (:func:`legacy_gbp.models.as_source`), with the present values of its variables.
    backward : callable, optional
        ``backward(source, rule, **options) -> RuleGraph``: by the override map
        (:class:`legacy_gbp.attribution.rule_graph.OverrideGraph`), or layer by layer as in
        2016 (:class:`legacy_gbp.LayerByLayer`). It gets the options that are given.
    allow_partial : bool
        Accept a rule that missed nonlinearities; they go backwards by the chain rule.
    plain : bool
        Keep the operations of the network's table, also where the source could fold them.
        Maps then have the bits of the plain graph; folding changes them by rounding.

    Raises
    ------
    ModelError
        By any method, when the model cannot be loaded.
    MissedRuleError
        By any method that uses a rule, when the rule missed a nonlinearity.

    Examples
    --------
    >>> with Network(XtcavCheckpoint(EX07, "tf_saved_model")) as net:  # doctest: +SKIP
    ...     images = net.prepare(counts)
    ...     maps = guided_backprop(net, images, "predicted")
    """

    def __init__(
        self,
        source: Any,
        backward: Callable[..., RuleGraph] = OverrideGraph,
        allow_partial: bool = False,
        plain: bool = False,
    ) -> None:
        self._source: Source = as_source(source)
        self._backward = backward
        flags = {"allow_partial": allow_partial, "plain": plain}
        self._options = {name: True for name, given in flags.items() if given}
        self._graphs: Dict[Tuple[str, Optional[str], Optional[str]], RuleGraph] = {}

    def __enter__(self) -> "Network":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all sessions."""
        for graph in self._graphs.values():
            graph.close()
        self._graphs = {}

    def under(self, rule: str, of: Optional[str] = None, wrt: Optional[str] = None) -> RuleGraph:
        """Return the model under a rule.

        Parameters
        ----------
        rule : str
            ``"gradient"``, ``"guided"`` or ``"deconvnet"``.
        of : str, optional
            The hidden layer to explain; the logits by default.
        wrt : str, optional
            The hidden layer to differentiate with respect to; the inputs by default.

        Returns
        -------
        RuleGraph
        """
        key = (rule, of, wrt)
        if key not in self._graphs:
            layers = {name: layer for name, layer in (("of", of), ("wrt", wrt)) if layer}
            self._graphs[key] = self._backward(self._source, rule, **layers, **self._options)
        return self._graphs[key]

    def open_graphs(self) -> List[RuleGraph]:
        """Return the graphs that are open.

        Returns
        -------
        list of RuleGraph
        """
        return list(self._graphs.values())

    def prepare(self, images: Any) -> np.ndarray:
        """Do to images what the source says must be done before the network.

        Parameters
        ----------
        images : (N, ...) array
            As stored: camera counts, grey levels.

        Returns
        -------
        (N, ...) array
        """
        return self._source.prepare(np.asarray(images))

    def logits(self, images: Images) -> np.ndarray:
        """Return the logits of images, before a final softmax or sigmoid.

        Parameters
        ----------
        images : (N, H, W, C) array, or a tuple of arrays
            As the network takes them.

        Returns
        -------
        (N, K) float array, or (N, ...) for an output of several axes
        """
        return self.any_graph().logits(images)

    def predict(self, images: Images) -> np.ndarray:
        """Return the class of the largest logit; of several axes the number of the unit.

        Parameters
        ----------
        images : (N, H, W, C) array, or a tuple of arrays
            As the network takes them.

        Returns
        -------
        (N,) int array
            0..K-1.
        """
        logits = self.logits(images)
        units = logits.reshape(len(logits), int(np.prod(logits.shape[1:])))
        return np.asarray(np.argmax(units, axis=1))

    @property
    def classes(self) -> int:
        """Number of logits K."""
        return self.any_graph().classes

    @property
    def input_dtype(self) -> np.dtype:
        """Type to which the graph's only input, or the first, casts images."""
        dtype: np.dtype = np.dtype(self.any_graph().endpoints.input_ts[0].dtype.as_numpy_dtype)
        return dtype

    def any_graph(self) -> RuleGraph:
        """Return a graph that is open already: rules do not change the forward pass.

        Returns
        -------
        RuleGraph
        """
        return next(iter(self._graphs.values()), None) or self.under("gradient")
