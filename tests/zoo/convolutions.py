"""Convolutions, pools, branches and what rearranges their channels."""

import tensorflow as tf

from tests.zoo.parts import Built, ZooNetwork, conv, conv_relu, images, logits, v1, variable


def plain() -> Built:
    """Two convolutions and a pool."""
    x_t = images()
    y_t = v1.nn.max_pool2d(conv_relu(x_t, 8, "conv1"), 2, 2, "SAME")
    return Built((x_t,), logits(conv_relu(y_t, 8, "conv2")))


def dilated() -> Built:
    """Convolutions with holes as TensorFlow 1 writes them: space to batch, and back."""
    x_t = images()
    y_t = conv_relu(x_t, 8, "conv")
    for rate, crop in ((2, 0), (3, 0)):
        kernel = variable(f"kernel{rate}", (3, 3, 8, 8))
        border = [[rate, rate + crop], [rate, rate + crop]]
        y_t = v1.space_to_batch_nd(y_t, [rate, rate], border)
        y_t = tf.nn.conv2d(y_t, kernel, [1, 1, 1, 1], "VALID")
        y_t = tf.nn.relu(v1.batch_to_space_nd(y_t, [rate, rate], [[0, crop], [0, crop]]))
    return Built((x_t,), logits(y_t))


def channels_first() -> Built:
    """Images with their channels first, transposed; a bias of channels-first data."""
    x_t = images(3, 12, 12)
    y_t = conv_relu(tf.transpose(x_t, (0, 2, 3, 1)), 8, "conv")
    y_t = tf.transpose(y_t, (0, 3, 1, 2))
    bias = variable("first_bias", (8,), 0.3)
    return Built((x_t,), logits(tf.nn.relu(tf.nn.bias_add(y_t, bias, data_format="NCHW"))))


def inception() -> Built:
    """Branches of convolutions and pools, concatenated, twice."""
    x_t = images()
    y_t = conv_relu(x_t, 8, "conv")
    for block in ("a", "b"):
        branches = [
            conv_relu(y_t, 4, block + "_1x1", 1),
            conv_relu(conv_relu(y_t, 4, block + "_reduced", 1), 4, block + "_3x3"),
            conv_relu(v1.nn.max_pool2d(y_t, 3, 1, "SAME"), 3, block + "_largest", 1),
            conv(v1.nn.avg_pool2d(y_t, 3, 1, "SAME"), 3, block + "_mean", 1),
        ]
        y_t = tf.concat(branches, 3)
    return Built((x_t,), logits(y_t))


def residual() -> Built:
    """Residual blocks that activate before they convolve."""
    x_t = images()
    y_t = conv(x_t, 8, "conv")
    for block in range(4):
        inner_t = conv_relu(tf.nn.relu(y_t), 8, f"inner{block}")
        y_t = y_t + conv(inner_t, 8, f"outer{block}")
    return Built((x_t,), logits(tf.nn.relu(y_t)))


def shared_input() -> Built:
    """One tensor read by several ReLUs, by its negative's and by none."""
    x_t = images()
    y_t = conv(x_t, 8, "conv")
    copies = [tf.nn.relu(y_t), tf.nn.relu(y_t) * 2.0, tf.nn.relu(-y_t), y_t]
    return Built((x_t,), logits(conv_relu(tf.concat(copies, 3), 6, "mixed")))


def conv1d() -> Built:
    """Sequences: strided and dilated convolutions, and a pool, in one dimension."""
    x_t = images(40, 4, name="sequences")
    y_t = v1.nn.conv1d(x_t, variable("kernel1", (5, 4, 8)), 2, "SAME")
    y_t = tf.nn.relu(y_t + variable("bias1", (8,), 0.3))
    y_t = v1.nn.max_pool2d(tf.expand_dims(y_t, 1), [1, 1, 2, 1], [1, 1, 2, 1], "VALID")
    y_t = v1.space_to_batch_nd(tf.squeeze(y_t, [1]), [2], [[0, 0]])
    y_t = v1.batch_to_space_nd(
        v1.nn.conv1d(y_t, variable("kernel2", (3, 8, 8)), 1, "VALID"), [2], [[0, 0]]
    )
    return Built((x_t,), logits(tf.nn.relu(y_t + variable("bias2", (8,), 0.3))))


def channel_shuffle() -> Built:
    """Channels that change places between two groups."""
    x_t = images()
    y_t = tf.reshape(conv_relu(x_t, 8, "conv1"), (-1, 12, 12, 2, 4))
    y_t = tf.reshape(tf.transpose(y_t, (0, 1, 2, 4, 3)), (-1, 12, 12, 8))
    return Built((x_t,), logits(conv_relu(y_t, 6, "conv2")))


def pyramid() -> Built:
    """Means over several scales, enlarged and concatenated."""
    x_t = images()
    y_t = conv_relu(x_t, 8, "conv")
    scales = []
    for size in (2, 3, 4, 12):
        mean_t = v1.nn.avg_pool2d(y_t, size, size, "VALID")
        reduced_t = conv_relu(mean_t, 3, f"scale{size}", 1)
        scales.append(v1.image.resize_bilinear(reduced_t, (12, 12)))
    return Built((x_t,), logits(tf.concat([y_t, *scales], 3)))


def squeezed() -> Built:
    """The last layer is a convolution over the image; its axes of length one are dropped."""
    x_t = images()
    y_t = conv(conv_relu(x_t, 8, "conv1"), 5, "last", size=12, padding="VALID")
    return Built((x_t,), tf.squeeze(y_t, [1, 2], name="logits"))


def segmentation() -> Built:
    """Logits of every pixel, enlarged."""
    x_t = images()
    y_t = conv_relu(conv_relu(x_t, 8, "conv1", stride=2), 8, "conv2")
    return Built((x_t,), v1.image.resize_bilinear(conv(y_t, 4, "last", 1), (12, 12), name="logits"))


NETWORKS = {
    "plain": ZooNetwork(plain),
    "dilated": ZooNetwork(dilated, holds=("SpaceToBatchND", "BatchToSpaceND")),
    "channels_first": ZooNetwork(channels_first),
    "inception": ZooNetwork(inception, holds=("MaxPool", "AvgPool", "ConcatV2")),
    "residual": ZooNetwork(residual),
    "shared_input": ZooNetwork(shared_input),
    "conv1d": ZooNetwork(conv1d, holds=("SpaceToBatchND",)),
    "channel_shuffle": ZooNetwork(channel_shuffle),
    "pyramid": ZooNetwork(pyramid, holds=("ResizeBilinear",)),
    "squeezed": ZooNetwork(squeezed),
    "segmentation": ZooNetwork(segmentation),
}
