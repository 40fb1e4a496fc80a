"""The topology of a Keras model, as JSON of any version, in one form. Nothing here imports Keras.

====================  ============================================================
stored by             form of a call
====================  ============================================================
Keras 1 and 2         ``[["conv", 0, 0, {}], ...]``, one for each input
Keras 3               ``{"args": [...], "kwargs": {...}}`` with ``keras_history``
Sequential            none: the layers are a chain
====================  ============================================================

Here a sequential model is a functional one, too, and a nested model is a layer with a
topology of its own.
"""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from legacy_gbp.errors import LegacyGbpError, ModelError, first_line
from legacy_gbp.models.keras_json import walked

SEQUENTIAL = ("Sequential",)
INPUT = "InputLayer"
SHAPES = ("batch_input_shape", "batch_shape")


class Ref(NamedTuple):
    """A tensor of a model: output `tensor` of call `node` of a layer."""

    layer: str
    node: int
    tensor: int


class Call(NamedTuple):
    """One call of a layer.

    Attributes
    ----------
    args : list
        Values, with :class:`Ref` where a tensor is.
    kwargs : dict
        Likewise.
    """

    args: List[Any]
    kwargs: Dict[str, Any]


class Entry(NamedTuple):
    """A layer of a model.

    Attributes
    ----------
    kind : str
        Its class.
    name : str
    config : dict
        As stored; empty for a model.
    calls : list of Call
    inner : Topology or None
        Of a nested model.
    named : bool
        False where the file has no name: a sequential model in another one, before Keras 2.2.
    """

    kind: str
    name: str
    config: Dict[str, Any]
    calls: List[Call]
    inner: Optional[Any] = None
    named: bool = True


class Topology(NamedTuple):
    """A model.

    Attributes
    ----------
    name : str
    entries : list of Entry
        In the order of the file.
    inputs, outputs : list of Ref
        A chain without a known input shape has no inputs.
    """

    name: str
    entries: List[Entry]
    inputs: List[Ref]
    outputs: List[Ref]


class StoredModel(NamedTuple):
    """A topology, and who wrote it.

    Attributes
    ----------
    topology : Topology
    generation : int
        Of Keras: 1, 2 or 3.
    backend : str
        ``tensorflow``, ``theano`` and so on; empty where it is not stored.
    """

    topology: Topology
    generation: int
    backend: str


def stored_model(stored: Any, where: str, version: str = "", backend: str = "") -> StoredModel:
    """Return the topology of a model in one form.

    Parameters
    ----------
    stored : object
        Parsed JSON.
    where : str
        The file, for messages.
    version, backend : str
        Of Keras, where the JSON does not say them.

    Returns
    -------
    StoredModel

    Raises
    ------
    ModelError
        For JSON that is no topology, and for one of Keras 1.
    """
    if not isinstance(stored, dict) or "class_name" not in stored or "config" not in stored:
        raise ModelError(f"{where}: holds no topology of Keras; give a file of `model.to_json()`")
    version = str(stored.get("keras_version", version) or "")
    try:
        generation = _generation(stored, version)
        if generation == 1:
            raise ModelError(
                f"{where}: its topology was written by Keras 1; load it with Keras 2.0 to 2.2 and "
                "save it again"
            )
        topology = topology_of(stored["class_name"], _plain(stored["config"]), "model", where)
    except LegacyGbpError:
        raise
    except Exception as error:  # any value may be of any type
        raise ModelError(
            f"{where}: its topology has an unknown form ({type(error).__name__}: "
            f"{first_line(error)}); save the model again"
        ) from error
    return StoredModel(topology, generation, str(stored.get("backend", backend) or ""))


def topology_of(kind: str, config: Any, name: str, where: str) -> Topology:
    """Return the topology of a model.

    Parameters
    ----------
    kind : str
        Its class.
    config : dict or list
        As stored.
    name : str
        Where the configuration has none.
    where : str
        The file, for messages.

    Returns
    -------
    Topology

    Raises
    ------
    ModelError
        For another class.
    """
    if kind in SEQUENTIAL:
        return _chain(config, name, where)
    if isinstance(config, dict) and "input_layers" in config:
        return _network(config, name, where)
    raise ModelError(
        f"{where}: model {name!r} is of class {kind}, whose layers are Python code; save it as a "
        "SavedModel"
    )


def is_model(kind: str, config: Any) -> bool:
    """Return whether a layer is a nested model.

    Parameters
    ----------
    kind : str
        Its class.
    config : object
        As stored.

    Returns
    -------
    bool
    """
    return kind in SEQUENTIAL or (isinstance(config, dict) and "input_layers" in config)


def refs_in(value: Any) -> Iterator[Ref]:
    """Yield the tensors in the arguments of a call.

    Parameters
    ----------
    value : object

    Yields
    ------
    Ref
    """
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from refs_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from refs_in(one)


def input_shape(config: Any) -> Optional[List[Optional[int]]]:
    """Return the shape that a layer was declared for, the batch first.

    Parameters
    ----------
    config : dict
        Of a layer.

    Returns
    -------
    list of (int or None), or None
    """
    if not isinstance(config, dict):
        return None
    for key in SHAPES:
        if config.get(key):
            return list(config[key])
    if "input_dim" in config and "output_dim" in config:  # an embedding
        length = config.get("input_length")
        return [None, *length] if isinstance(length, (list, tuple)) else [None, length]
    layer = config.get("layer")
    return input_shape(layer.get("config")) if isinstance(layer, dict) else None


def _generation(stored: Dict[str, Any], version: str) -> int:
    """Return who wrote a topology; files before Keras 1.2 do not say it."""
    if version[:1] in ("1", "2", "3", "4"):
        return int(version[0])
    keys = {
        key for value, _ in walked(stored["config"]) if isinstance(value, dict) for key in value
    }
    if {"registered_name", "module"} <= keys:
        return 3
    return 1 if keys & {"nb_filter", "border_mode", "init"} else 2


def _plain(value: Any) -> Any:
    """Return a configuration without the wrappers that say a type."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return [_plain(one) for one in value["items"]]
    if value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    return {key: _plain(one) for key, one in value.items()}


def _chain(config: Any, name: str, where: str) -> Topology:
    """Return a sequential model as a functional one."""
    if isinstance(config, dict):
        name, layers, shape = config.get("name", name), config["layers"], None
        shape = config.get("build_input_shape")
    else:
        layers, shape = config, None
    entries: List[Entry] = []
    last: Optional[Ref] = None
    for number, layer in enumerate(layers):
        kind, inner_config = layer["class_name"], layer["config"]
        entry = _entry(kind, inner_config, f"unnamed_{kind.lower()}_{number}", where)
        if kind == INPUT:
            entries.append(entry._replace(calls=[Call([], {})]))
            last = Ref(entry.name, 0, 0)
            continue
        if last is None:
            found = _declared(entry) or shape
            dtype = inner_config.get("dtype") if isinstance(inner_config, dict) else None
            first = {"batch_input_shape": found, "dtype": dtype}
            entries.append(Entry(INPUT, f"{entry.name}_input", first, [Call([], {})]))
            last = Ref(f"{entry.name}_input", 0, 0)
        entries.append(entry._replace(calls=[Call([last], {})]))
        last = Ref(entry.name, 0, 0)
    if last is None:
        raise ModelError(f"{where}: model {name!r} has no layers; save a complete model")
    return Topology(name, entries, [Ref(entries[0].name, 0, 0)], [last])


def _declared(entry: Entry) -> Optional[List[Optional[int]]]:
    """Return the input shape of the first layer of a chain, which may be a model."""
    if entry.inner is None:
        return input_shape(entry.config)
    first = entry.inner.inputs[0].layer
    return next(input_shape(one.config) for one in entry.inner.entries if one.name == first)


def _network(config: Dict[str, Any], name: str, where: str) -> Topology:
    entries = []
    for layer in config["layers"]:
        kind, stored = layer["class_name"], layer["config"]
        named = layer.get("name") or (stored.get("name", "") if isinstance(stored, dict) else "")
        entry = _entry(kind, stored, named, where)._replace(name=named, named=True)
        calls = [_call(node) for node in layer.get("inbound_nodes", ())]
        entries.append(entry._replace(calls=calls or [Call([], {})]))
    topology = Topology(
        config.get("name") or name,
        entries,
        _ends(config["input_layers"]),
        _ends(config["output_layers"]),
    )
    return _with_own_numbers(topology)


def _entry(kind: str, config: Any, name: str, where: str) -> Entry:
    kind = kind.rsplit(">", 1)[-1]  # "Package>Layer"
    stored = config.get("name") if isinstance(config, dict) else None
    named = stored or name
    if is_model(kind, config):
        inner = topology_of(kind, config, named, where)
        return Entry(kind, named, {}, [], inner, bool(stored))
    return Entry(kind, named, dict(config), [], None, bool(stored))


def _ends(stored: Any) -> List[Ref]:
    """Return inputs or outputs, which Keras 3 stores without a list where there is one."""
    if isinstance(stored, dict):
        stored = list(stored.values())
    if stored and isinstance(stored[0], str):
        stored = [stored]
    return [Ref(str(one[0]), int(one[1]), int(one[2])) for one in stored]


def _call(node: Any) -> Call:
    if isinstance(node, dict):
        return Call(_resolved(node["args"]), dict(_resolved(node["kwargs"])))
    if node and isinstance(node[0], str):  # one tensor, without its list
        node = [node]
    kwargs: Dict[str, Any] = {}
    refs: List[Any] = []
    for one in node:
        if one[0] == "_CONSTANT_VALUE":
            refs.append(one[2])
        else:
            refs.append(Ref(str(one[0]), int(one[1]), int(one[2])))
        if len(one) > 3 and isinstance(one[3], dict):
            kwargs.update(_keywords(one[3]))
    return Call(refs if len(refs) == 1 else [refs], kwargs)


def _resolved(value: Any) -> Any:
    """Return arguments of Keras 3 with its tensors as references."""
    if isinstance(value, list):
        return [_resolved(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        history = value["config"]["keras_history"]
        return Ref(str(history[0]), int(history[1]), int(history[2]))
    return {key: _resolved(one) for key, one in value.items()}


def _keywords(stored: Dict[str, Any]) -> Dict[str, Any]:
    """Return keyword arguments of Keras 2 with its tensors as references."""
    return {key: _keyword(value) for key, value in stored.items()}


def _keyword(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) in (3, 4) and isinstance(value[0], str):
        if value[0] == "_CONSTANT_VALUE":
            return value[2]
        if all(isinstance(number, int) for number in value[1:3]):
            return Ref(value[0], value[1], value[2])
    return [_keyword(one) for one in value]


def _with_own_numbers(topology: Topology) -> Topology:
    """Count the calls of nested models from 0.

    Keras counts from 1 where the model has a call of its own making.
    """
    everywhere: List[Any] = [call for entry in topology.entries for call in entry.calls]
    refs = list(
        refs_in([topology.inputs, topology.outputs, [(c.args, c.kwargs) for c in everywhere]])
    )
    later = {
        entry.name
        for entry in topology.entries
        if entry.inner is not None
        and not any(ref.layer == entry.name and ref.node == 0 for ref in refs)
    }

    def moved(value: Any) -> Any:
        if isinstance(value, Ref):
            return value._replace(node=value.node - 1) if value.layer in later else value
        if isinstance(value, dict):
            return {key: moved(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [moved(one) for one in value]
        return value

    entries = [
        entry._replace(calls=[Call(moved(c.args), moved(c.kwargs)) for c in entry.calls])
        for entry in topology.entries
    ]
    return Topology(topology.name, entries, moved(topology.inputs), moved(topology.outputs))
