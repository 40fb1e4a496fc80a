"""The contract of a source: something that loads a model into the current graph."""

import sys
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

if sys.version_info >= (3, 8):
    from typing import Protocol, runtime_checkable
else:
    from typing_extensions import Protocol, runtime_checkable


class Endpoints(NamedTuple):
    """Where a loaded model begins and ends.

    Attributes
    ----------
    input_ts : tuple of tf.Tensor
        Floating point, such as (N, H, W, C); fed and differentiated.
    logits_t : tf.Tensor
        (N, K), before any softmax.
    feeds : dict of tf.Tensor to value
        Fixed values of other placeholders, such as a train flag.
    layers : list of BuiltLayer
        Input first; empty where the order is unknown.
    raw_t : tf.Tensor or None
        Integers that may be fed in the place of the only input, cast in the graph.
    removed_overrides : tuple of str
        Operations whose gradient override, of the model's exporter, was removed.
    flags : tuple of str
        Placeholders that have a default or got a fixed value, such as a train flag.
    stepped_over : tuple of str
        Final operations, such as ``prob (Softmax)``, whose input `logits_t` is explained.
    token_ts : dict of tf.Tensor to tf.Tensor
        Inputs that are the output of an embedding, each with the integers that it embeds and
        that may be fed in its place.
    absent : str
        What to say where a layer is asked for whose weights the file lacks; empty where it
        lacks none.
    """

    input_ts: Tuple[Any, ...]
    logits_t: Any
    feeds: Dict[Any, Any]
    layers: List[Any]
    raw_t: Optional[Any] = None
    removed_overrides: Tuple[str, ...] = ()
    flags: Tuple[str, ...] = ()
    stepped_over: Tuple[str, ...] = ()
    token_ts: Mapping[Any, Any] = MappingProxyType({})
    absent: str = ""


class Source(Protocol):
    """A model that :class:`legacy_gbp.Network` can load, once for every rule."""

    @property
    def preparation(self) -> str:
        """What :meth:`prepare` does, for the record of a result."""
        ...

    @property
    def pixel_range(self) -> Tuple[float, float]:
        """Least and largest value of an image as :meth:`prepare` takes it."""
        ...

    def load(self, session: Any, rule: str) -> Endpoints:
        """Build or import the model into the current, fresh graph.

        Nothing of the caller's graph, session, registry or global switches may change.

        Parameters
        ----------
        session : tf.compat.v1.Session
            Of the current graph; set the variables in it.
        rule : str
            Its ReLUs must go backwards by this row of
            :data:`legacy_gbp.rules.relu.OVERRIDES`.

        Returns
        -------
        Endpoints
        """
        ...

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Do to images what must be done before the network.

        Parameters
        ----------
        images : (N, ...) array
            As stored: camera counts, grey levels.

        Returns
        -------
        (N, ...) array
            As the network takes them.
        """
        ...


@runtime_checkable
class FoldableSource(Protocol):
    """A source that can also load the same function of the images in fewer operations."""

    def load_folded(self, session: Any, rule: str) -> Endpoints:
        """Load the model without its hidden layers.

        Parameters
        ----------
        session : tf.compat.v1.Session
        rule : str

        Returns
        -------
        Endpoints
        """
        ...
