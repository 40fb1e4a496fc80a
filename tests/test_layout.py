"""Where the channels are: Grad-CAM and occlusion of images with channels first, last, or none."""

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.attribution.grad_cam import grad_cam
from legacy_gbp.attribution.network import Network
from legacy_gbp.attribution.occlusion import occlusion
from legacy_gbp.graph.layout import layout_of_input, layout_of_layer
from legacy_gbp.models.frozen_graphs import from_graph_def

v1 = tf.compat.v1
RNG = np.random.RandomState(0)
KERNEL = RNG.normal(size=(3, 3, 2, 4)).astype(np.float32)
IMAGES = RNG.normal(size=(3, 6, 8, 2)).astype(np.float32)


def network(x_t):
    """(N, H, W, 2) to (N, 2), a layer of 4 channels between."""
    with tf.name_scope("layer"):
        h_t = tf.nn.relu(tf.nn.conv2d(x_t, KERNEL, [1, 1, 1, 1], "SAME"))
    return tf.reduce_sum(h_t, (1, 2))[:, :2]


FORMS = {
    # Form: (shape, to (N, H, W, 2), images from (N, H, W, 2), maps back to (N, H, W, ...)).
    "last": ((None, 6, 8, 2), lambda x: x, lambda x: x, lambda m: m),
    "first": (
        (None, 2, 6, 8),
        lambda x: tf.transpose(x * 1.0, (0, 2, 3, 1)),
        lambda x: x.transpose(0, 3, 1, 2),
        lambda m: m.transpose(0, 2, 3, 1),
    ),
}


def opened(shape, function):
    with tf.Graph().as_default() as graph:
        tf.identity(function(v1.placeholder(tf.float32, shape, "x")), name="y")
        return Network(from_graph_def(graph.as_graph_def(), "g", "x", "y"))


@pytest.mark.parametrize("form", FORMS)
def test_maps_are_the_same_in_every_layout(form):
    shape, to_last, images_of, back = FORMS[form]
    with opened((None, 6, 8, 2), network) as net:
        wanted = [
            grad_cam(net, IMAGES, 1, layer="layer"),
            occlusion(net, IMAGES, 1, window=(2, 4)),
        ]
    with opened(shape, lambda x_t: network(to_last(x_t))) as net:
        images = images_of(IMAGES)
        found = [
            grad_cam(net, images, 1, layer="layer"),
            occlusion(net, images, 1, window=(2, 4)),
        ]
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(back(one), other, rtol=1e-5, atol=1e-5)
    assert found[1].shape == images.shape


def test_grad_cam_at_a_layer_with_channels_first():
    """The layer is transposed behind its convolution, as exports for a GPU do."""

    def function(x_t):
        h_t = tf.nn.relu(tf.nn.conv2d(x_t, KERNEL, [1, 1, 1, 1], "SAME"))
        with tf.name_scope("first"):
            h_t = tf.identity(tf.transpose(h_t, (0, 3, 1, 2)))
        return tf.reduce_sum(h_t, (2, 3))[:, :2]

    with opened((None, 6, 8, 2), network) as net:
        wanted = grad_cam(net, IMAGES, 1, layer="layer")
    with opened((None, 6, 8, 2), function) as net:
        found = grad_cam(net, IMAGES, 1, layer="first")
        cells = grad_cam(net, IMAGES, 1, layer="first", upsample=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert found.shape == (3, 6, 8, 1) and cells.shape == (3, 1, 6, 8)


def test_a_grey_image_without_an_axis_for_channels_has_places_alone():
    """(N, 6, 8): the window covers rows and columns, and no column is a channel."""

    def function(x_t):
        return network(tf.tile(tf.expand_dims(x_t, -1), (1, 1, 1, 2)))

    images = IMAGES[..., 0]
    with opened((None, 6, 8), function) as net:
        maps = occlusion(net, images, 1, window=2)
        cam = grad_cam(net, images, 1, layer="layer")
    assert maps.shape == cam.shape == images.shape
    # A window of 2 x 2 at a stride of 1 pixel: falls differ along the columns too.
    assert np.ptp(maps, axis=2).min() > 0


@pytest.mark.parametrize(
    "shape, function, channels",
    [
        ((None, 6, 8, 2), network, 3),
        ((None, 2, 6, 8), lambda x: network(tf.transpose(x, (0, 2, 3, 1))), 1),
        ((None, 6, 8), lambda x: network(tf.tile(x[..., None], (1, 1, 1, 2))), None),
        ((None, 9, 4), lambda x: tf.nn.conv1d(x, KERNEL[0, :, :1].repeat(4, 1), 1, "SAME"), 2),
        ((None, 5), lambda x: tf.matmul(x, tf.ones((5, 2))), 1),
    ],
)
def test_the_layout_of_an_input_is_read_from_its_readers(shape, function, channels):
    with tf.Graph().as_default():
        x_t = v1.placeholder(tf.float32, shape, "x")
        function(x_t)
        layout = layout_of_input(x_t, len(shape))
    assert layout.channels == channels
    assert set(layout.places) == set(range(1, len(shape))) - {channels}


def test_the_layout_of_a_layer_is_read_from_what_makes_it():
    with tf.Graph().as_default():
        x_t = v1.placeholder(tf.float32, (None, 6, 8, 2))
        h_t = tf.nn.conv2d(x_t, KERNEL, [1, 1, 1, 1], "SAME")
        assert layout_of_layer(tf.nn.relu(h_t), 4).channels == 3
        assert layout_of_layer(tf.nn.relu(tf.transpose(h_t, (0, 3, 1, 2))), 4).channels == 1
        back_t = tf.transpose(tf.transpose(h_t, (0, 3, 1, 2)), (0, 2, 3, 1))
        assert layout_of_layer(back_t, 4).channels == 3


@pytest.mark.parametrize("shift", [False, True])
def test_images_of_another_rank_are_refused_where_the_placeholder_has_none(shift):
    """TensorFlow 1.15 ends the process when a convolution gets three axes."""
    kernel = np.ones((3, 3, 1, 2), np.float32)
    with tf.Graph().as_default() as graph:
        x_t = v1.placeholder(tf.float32, None, "x")
        h_t = tf.nn.conv2d((x_t - 1.0) / 2.0 if shift else x_t, kernel, [1, 1, 1, 1], "SAME")
        tf.identity(tf.reduce_sum(tf.nn.relu(h_t), (1, 2)), name="y")
        net = Network(from_graph_def(graph.as_graph_def(), "g", "x", "y"))
    with net:
        assert net.under("gradient").endpoints.input_ts[0].shape.as_list() == [None] * 4
        assert grad_cam(net, np.ones((2, 6, 8, 1)), 1, layer="Relu").shape[0] == 2
        with pytest.raises(ValueError, match=r"\(2, 6, 8\)"):
            grad_cam(net, np.ones((2, 6, 8)), 1, layer="Relu")
