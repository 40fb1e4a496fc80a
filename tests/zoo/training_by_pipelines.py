"""Graphs saved while training, whose images come from queues, data sets and files, or in shares."""

from typing import Any, Tuple

import numpy as np
import tensorflow as tf

from tests.zoo.normalisation import BatchNorm
from tests.zoo.parts import Built, ZooNetwork, conv, conv_relu, dense, logits, v1
from tests.zoo.training_by_feeds import cross_entropy


def queued_records(size: int) -> Tuple[Any, Any]:
    """Return a batch of images and labels: JPEG files in records, changed at random, shuffled."""
    names = v1.train.string_input_producer(["records/train-00000.tfrecord"])
    _, record_t = v1.TFRecordReader().read(names)
    features = {
        "image/encoded": v1.FixedLenFeature((), tf.string),
        "label": v1.FixedLenFeature((), tf.int64),
    }
    example = v1.parse_single_example(record_t, features)
    image_t = tf.image.decode_jpeg(example["image/encoded"], 3)
    image_t = v1.random_crop(tf.image.convert_image_dtype(image_t, tf.float32), (size, size, 3))
    image_t = tf.image.random_brightness(tf.image.random_flip_left_right(image_t), 0.2)
    image_t = tf.image.per_image_standardization(image_t)
    image_t.set_shape((size, size, 3))
    x_t, labels_t = v1.train.shuffle_batch([image_t, example["label"]], 8, 100, 50)
    return tf.identity(x_t, name="batch_images"), labels_t


def queue() -> Built:
    """Images from a queue; the batch norms take the batch's own moments."""
    x_t, labels_t = queued_records(24)
    y_t = x_t
    for name in ("conv1", "conv2"):
        y_t, updates = BatchNorm(conv(y_t, 8, name, stride=2), name).by_batch()
        for update in updates:
            v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
        y_t = tf.nn.relu(y_t)
    y_t = logits(y_t, 6)
    with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
        v1.train.RMSPropOptimizer(0.01).minimize(cross_entropy(y_t, labels_t))
    return Built((x_t,), y_t)


def data_set() -> Built:
    """A data set with its iterator."""
    pictures, classes = np.zeros((20, 24, 24, 3), np.uint8), np.zeros(20, np.int64)
    data = v1.data.Dataset.from_tensor_slices((pictures, classes))
    data = data.map(lambda x_t, k_t: (tf.image.convert_image_dtype(x_t, tf.float32), k_t))
    data = data.shuffle(20).repeat().batch(4)
    x_t, labels_t = v1.data.make_initializable_iterator(data).get_next()
    y_t = logits(conv_relu(x_t, 8, "conv"), 6)
    v1.train.AdamOptimizer().minimize(cross_entropy(y_t, labels_t))
    return Built((x_t,), y_t)


def retrained() -> Built:
    """One JPEG file as a string; features with a placeholder of their own; a last layer."""
    contents_t = v1.placeholder(tf.string, (), "DecodeJpeg/contents")
    picture_t = tf.cast(tf.image.decode_jpeg(contents_t, 3), tf.float32)
    resized_t = v1.image.resize_bilinear(tf.expand_dims(picture_t, 0), (24, 24))
    x_t = tf.multiply(resized_t - 128.0, 1 / 128.0, name="Mul")
    y_t = conv_relu(conv_relu(x_t, 8, "conv1"), 8, "conv2", stride=2)
    features_t = tf.reduce_mean(y_t, (1, 2), name="pool_3")
    with tf.name_scope("input"):
        fed_t = v1.placeholder_with_default(features_t, (None, 8), "BottleneckInputPlaceholder")
        truth_t = v1.placeholder(tf.float32, (None, 4), "GroundTruthInput")
    y_t = tf.identity(dense(fed_t, 4, "final_training_ops"), name="logits")
    tf.nn.softmax(y_t, name="final_result")
    loss_t = v1.nn.softmax_cross_entropy_with_logits_v2(labels=truth_t, logits=y_t)
    v1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(loss_t))
    return Built((x_t,), y_t)


def replicas() -> Built:
    """A batch of fixed size divided between two devices; the mean of their gradients."""
    x_t = v1.placeholder(tf.float32, (8, 24, 24, 3), "images")
    labels_t = v1.placeholder(tf.int64, (8,), "labels")
    optimiser, outputs, gradients = v1.train.GradientDescentOptimizer(0.1), [], []
    for number, (part_t, classes_t) in enumerate(zip(tf.split(x_t, 2), tf.split(labels_t, 2))):
        scope = v1.variable_scope("shared", reuse=number > 0)
        with v1.device(f"/gpu:{number}"), scope, v1.name_scope(f"replica_{number}"):
            outputs.append(logits(conv_relu(part_t, 8, "conv", stride=2), 6))
            gradients.append(optimiser.compute_gradients(cross_entropy(outputs[-1], classes_t)))
    optimiser.apply_gradients(
        [(sum(g_t for g_t, _ in pairs) / 2, pairs[0][1]) for pairs in zip(*gradients)]
    )
    return Built((x_t,), tf.concat(outputs, 0, name="all_logits"))


GRAPHS = {
    "queue": ZooNetwork(
        queue,
        holds=("RandomShuffleQueueV2", "TFRecordReaderV2", "DecodeJpeg", "ApplyRMSProp"),
        missed=("FusedBatchNormV3",),
    ),
    "data_set": ZooNetwork(data_set, holds=("IteratorGetNext",)),
    "retrained": ZooNetwork(retrained, holds=("DecodeJpeg", "PlaceholderWithDefault")),
    "replicas": ZooNetwork(replicas, holds=("Split", "ApplyGradientDescent")),
}
