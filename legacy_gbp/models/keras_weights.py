"""A network of ours with the weights of a Keras weight file; Keras itself is not needed.

Three layouts are read. ``...`` names a dataset by the attribute ``weight_names``:

=========================  ========================================================
weights, Keras 1 and 2     ``<layer>/...``, listed by the attribute ``layer_names``
model, Keras 1 to 3        the same inside the group ``model_weights``
weights, Keras 3           ``layers/<class>/vars/0, 1``; ``vars`` has the layer's
                           name as an attribute
=========================  ========================================================

The names of the datasets do not matter (``block1_conv1_W_1:0`` in 2015,
``kernel:0`` later): their order is kernel, bias in all of them.
"""

import os
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from legacy_gbp.errors import ModelError
from legacy_gbp.io.hdf5 import is_dataset, is_group, open_hdf5
from legacy_gbp.io.stored_rows import read_all
from legacy_gbp.io.weights import not_finite
from legacy_gbp.models.keras_hdf5 import check_tree, hdf5_errors, names_in, text_in
from legacy_gbp.models.pixel_scale import PixelScaled
from legacy_gbp.models.source import Endpoints
from legacy_gbp.networks.keras_layout import KerasLayout
from legacy_gbp.rules.relu import under_rule


class KerasWeights(PixelScaled):
    """A source that builds a network from its table and reads its variables from a file.

    Images are prepared as by ``caffe``, with which the official weights were trained.

    Parameters
    ----------
    network : callable
        Takes a :class:`legacy_gbp.networks.keras_layout.KerasLayout`, such as
        :func:`legacy_gbp.networks.vgg19.vgg19`.
    path : str
        Of the .h5 file.
    image_shape : (int, int)
        Height and width; there are three channels.
    dtype : str
        Of the graph, whatever the file's.

    Attributes
    ----------
    path : str

    Raises
    ------
    InputError
        For a file that is missing or truncated.
    ModelError
        For a file in none of the layouts.

    Examples
    --------
    >>> source = KerasWeights(vgg19, OFFICIAL_FILE)  # doctest: +SKIP
    >>> with Network(source) as net:  # doctest: +SKIP
    ...     images = source.prepare(pictures)
    ...     maps = guided_backprop(net, images, Layer("block5_conv4", (12,)))
    """

    scale = "caffe"

    def __init__(
        self,
        network: Callable[[Any], None],
        path: str,
        image_shape: Tuple[int, int] = (224, 224),
        dtype: str = "float32",
    ) -> None:
        self.path = os.fspath(path)
        self._network, self._image_shape, self._dtype = network, image_shape, dtype
        with hdf5_errors(self.path), self._open() as file:
            check_tree(file, self.path)
            self._places = places_of_weights(file)
            holds = ", ".join(sorted(file)[:5]) or "nothing"
        if not self._places:
            raise ModelError(
                f"{self.path}: no Keras weights (no layer_names, no layers/*/vars; it holds "
                f"{holds}); {self._advice}"
            )

    def load(self, session: Any, rule: str = "gradient") -> Endpoints:
        """Build in the current graph, under a rule, and set the variables.

        The arrays go from file to variable one layer at a time, and the graph
        holds none of them.

        Parameters
        ----------
        session : tf.compat.v1.Session
        rule : str
            A row of :data:`legacy_gbp.rules.relu.OVERRIDES`.

        Returns
        -------
        Endpoints

        Raises
        ------
        InputError
            For a layer that cannot be read.
        ModelError
            For a layer of another shape, NaN or Inf. A layer that is missing is an error of
            the runs that need it alone.
        """
        shape = (None, *self._image_shape, 3)
        images_t = tf.compat.v1.placeholder(self._dtype, shape, name="images")
        net = KerasLayout(images_t)
        with under_rule(images_t.graph, rule):
            self._network(net)
        with hdf5_errors(self.path), self._open() as file:
            check_tree(file, self.path)
            absent = [layer for layer in net.variables if layer not in self._places]
            stored = {layer: net.variables[layer] for layer in net.variables if layer not in absent}
            self._check(file, stored)
            for layer, variables in stored.items():
                feeds = {
                    variable.initial_value: self._read(file, layer, place)
                    for variable, place in zip(variables, self._places[layer])
                }
                session.run([variable.initializer for variable in variables], feeds)
        told = self._missing(absent[0]) if absent else ""
        return Endpoints((images_t,), net.logits_t, {}, net.layers, absent=told)

    @property
    def _advice(self) -> str:
        """Name the official file; those of VGG16 and VGG19 are named alike."""
        return f"give {self._network.__name__}_weights_tf_dim_ordering_tf_kernels.h5"

    def _open(self) -> Any:
        advice = (
            f"none is downloaded; {self._advice} (of Keras applications; ~/.keras/models keeps it "
            "where Keras has used it)"
        )
        return open_hdf5(self.path, advice)

    def _missing(self, layer: str) -> str:
        """Say that the file lacks a layer, as those without the top do."""
        return (
            f"{self.path}: no layer {layer!r}, which {self._network.__name__} needs; it holds "
            f"{', '.join(self._places)}; {self._advice}, or explain a layer before it"
        )

    def _check(self, file: Any, wanted: Dict[str, Any]) -> None:
        """Refuse the file before any of it is read."""
        for layer, variables in wanted.items():
            found = [_shape(file, place) for place in self._places[layer]]
            needed = [tuple(variable.shape.as_list()) for variable in variables]
            if found != needed:
                raise ModelError(
                    f"{self.path}: layer {layer!r} has arrays {_listed(found)}, but "
                    f"{self._network.__name__} needs {_listed(needed)}; {self._advice}"
                )

    def _read(self, file: Any, layer: str, place: str) -> Any:
        with np.errstate(over="ignore"):  # what the type cannot hold becomes Inf, and is named
            values = read_all(file[place], self.path, place).astype(self._dtype, copy=False)
        found = not_finite(values)
        if found:
            raise ModelError(
                f"{self.path}: layer {layer!r} holds {found} in {place}; {self._advice}"
            )
        return values


def places_of_weights(file: Any) -> Dict[str, List[str]]:
    """Return where a weight file keeps the arrays of every layer.

    Parameters
    ----------
    file : h5py.File

    Returns
    -------
    dict of str to list of str
        Layer to full dataset names, kernel first; only layers that have arrays.
        Empty for a file in none of the layouts.
    """
    root, where = _group(file, "model_weights") or file, file.filename
    if names_in(root, "layer_names", where):
        groups = {layer: _group(root, layer) for layer in names_in(root, "layer_names", where)}
        found = {
            layer: [f"{group.name}/{name}" for name in names_in(group, "weight_names", where)]
            for layer, group in groups.items()
            if group is not None
        }
    else:
        rooms = [_group(file, f"layers/{name}/vars") for name in _group(file, "layers") or ()]
        found = {
            text_in(group, "name", where): [f"{group.name}/{number}" for number in sorted(group)]
            for group in rooms
            if group is not None and "name" in group.attrs
        }
    return {layer: names for layer, names in found.items() if names}


def _group(file: Any, name: str) -> Optional[Any]:
    found = file.get(name)
    return found if is_group(found) else None


def _shape(file: Any, place: str) -> Optional[Tuple[int, ...]]:
    found = file.get(place)
    return found.shape if is_dataset(found) else None


def _listed(shapes: Sequence[Optional[Tuple[int, ...]]]) -> str:
    return " and ".join("missing" if shape is None else str(shape) for shape in shapes)
