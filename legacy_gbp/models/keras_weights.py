"""A network of ours with the weights of a Keras weight file; Keras itself is not needed.

Three layouts are read. ``...`` names a dataset by the attribute ``weight_names``:

=========================  ========================================================
weights, Keras 1 and 2     ``<layer>/...``, listed by the attribute ``layer_names``
model, Keras 1 to 3        the same inside the group ``model_weights``
weights, Keras 3           ``layers/<class>/vars/0, 1``; ``vars`` has the layer's
                           name as an attribute
=========================  ========================================================

What the datasets are called does not matter (``block1_conv1_W_1:0`` in 2015,
``kernel:0`` later): their order is kernel, bias in all of them.
"""

import os

import h5py

from legacy_gbp.errors import InputError
from legacy_gbp.models.source import Endpoints


class KerasWeights:
    """A source that builds a network from its table and reads its variables from a file.

    Parameters
    ----------
    network : function of a layer builder
        Such as :func:`legacy_gbp.networks.vgg19.vgg19`.
    path : str
        Of the .h5 file.
    image_shape : (int, int)
        Height and width; there are three channels.
    dtype : str
        Of the graph, whatever the file's.

    Raises
    ------
    InputError
        For a file that is missing, truncated or in none of the layouts.

    Examples
    --------
    >>> source = KerasWeights(vgg19, OFFICIAL_FILE)  # doctest: +SKIP
    >>> with Network(source) as net:  # doctest: +SKIP
    ...     maps = guided_backprop(net, preprocess(pictures), Layer("block5_conv4", (12,)))
    """

    def __init__(self, network, path, image_shape=(224, 224), dtype="float32"):
        self.path = os.fspath(path)
        self._network, self._image_shape, self._dtype = network, image_shape, dtype
        with self._open() as file:
            self._places = places(file)
            holds = ", ".join(sorted(file)[:5]) or "nothing"
        if not self._places:
            raise InputError(
                f"{self.path}: no Keras weights (no layer_names, no layers/*/vars; it holds "
                f"{holds}); {self._advice}"
            )

    def load(self, session, rule="gradient"):
        """Build in the current graph, under a rule, and set the variables in `session`.

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
            For a layer that is missing, unreadable or of another shape.
        """
        import tensorflow as tf

        from legacy_gbp.networks.keras_layout import NamedLayers
        from legacy_gbp.rules.relu import under_rule

        shape = (None, *self._image_shape, 3)
        images_t = tf.compat.v1.placeholder(self._dtype, shape, name="images")
        net = NamedLayers(images_t)
        with under_rule(images_t.graph, rule):
            self._network(net)
        with self._open() as file:
            self._check(file, net.variables)
            for layer, variables in net.variables.items():
                feeds = {
                    variable.initial_value: self._read(file, layer, place)
                    for variable, place in zip(variables, self._places[layer])
                }
                session.run([variable.initializer for variable in variables], feeds)
        return Endpoints((images_t,), net.logits_t, {}, net.layers)

    @property
    def _advice(self):
        """The official files of VGG16 and VGG19 are named alike."""
        return f"give {self._network.__name__}_weights_tf_dim_ordering_tf_kernels.h5"

    def _open(self):
        if not os.path.exists(self.path):
            raise InputError(
                f"{self.path}: no such file, and none is downloaded; {self._advice} (of Keras "
                "applications; ~/.keras/models keeps it where Keras has used it)"
            )
        if not os.path.isfile(self.path):
            raise InputError(f"{self.path}: is not a file; {self._advice}")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise InputError(
                f"{self.path}: not a whole HDF5 file ({_first_line(error)}); copy it again, or "
                f"{self._advice}"
            ) from error

    def _check(self, file, wanted):
        """Refuse the file before any of it is read."""
        for layer, variables in wanted.items():
            if layer not in self._places:
                raise InputError(
                    f"{self.path}: no layer {layer!r}, which {self._network.__name__} needs; it "
                    f"holds {', '.join(self._places)}; {self._advice}"
                )
            found = [_shape(file, place) for place in self._places[layer]]
            needed = [tuple(variable.shape.as_list()) for variable in variables]
            if found != needed:
                raise InputError(
                    f"{self.path}: layer {layer!r} has arrays {_listed(found)}, but "
                    f"{self._network.__name__} needs {_listed(needed)}; {self._advice}"
                )

    def _read(self, file, layer, place):
        try:
            return file[place][()].astype(self._dtype, copy=False)
        except OSError as error:
            raise InputError(
                f"{self.path}: layer {layer!r} cannot be read ({_first_line(error)}); copy the "
                "file again"
            ) from error


def places(file):
    """Where the arrays of every layer stand in a weight file.

    Parameters
    ----------
    file : h5py.File

    Returns
    -------
    dict of str to list of str
        Layer to full dataset names, kernel first; only layers that have arrays.
        Empty for a file in none of the layouts.
    """
    root = _group(file, "model_weights") or file
    if "layer_names" in root.attrs:
        found = {
            layer: [f"{root.name}/{layer}/{name}" for name in _texts(root[layer], "weight_names")]
            for layer in _texts(root, "layer_names")
            if layer in root
        }
    else:
        found = {
            group.attrs["name"]: [f"{group.name}/{number}" for number in sorted(group)]
            for group in (_group(file, f"layers/{name}/vars") for name in _group(file, "layers"))
            if "name" in getattr(group, "attrs", ())
        }
    return {layer: names for layer, names in found.items() if names}


def _group(file, name):
    """A group, or something empty."""
    found = file.get(name)
    return found if isinstance(found, h5py.Group) else {}


def _texts(group, attribute):
    """Text that h5py hands over as bytes or as str, by its version and the file's."""
    values = group.attrs.get(attribute, ())
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _shape(file, place):
    found = file.get(place)
    return found.shape if isinstance(found, h5py.Dataset) else None


def _listed(shapes):
    return " and ".join("missing" if shape is None else str(shape) for shape in shapes)


def _first_line(error):
    return str(error).split("\n")[0]
