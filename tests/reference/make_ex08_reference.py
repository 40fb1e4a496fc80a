r"""Make the ex08 reference: a checkpoint of the four-class network and its gradient maps.

The original program's ex08 checkpoint is not public.  This script therefore re-implements its
graph under the TensorFlow of 2016, with the batch normalisation wired as in the original's ex07
meta graph, trains it for a few steps on synthetic images, and writes the checkpoint
(``tf_saved_2color_model_best.*``) and ``ex08_reference.h5``: two images, their logits and maps.
On the original's ex07 graph, its layer-by-layer walk gives the original's maps bit for bit.

    python2.7 -m virtualenv old && old/bin/pip install tensorflow==0.12.1 h5py 'numpy<1.17' \
        && old/bin/python make_ex08_reference.py FOLDER
"""

from __future__ import division, print_function

import os
import sys

import h5py
import numpy as np
import tensorflow as tf

SEED, IMAGES, BATCH, STEPS = 8, 40, 12, 10
HEIGHT, WIDTH, CLASSES = 363, 284, 4
PICKED_CLASSES = (3, 1)


def make_image(random, label):
    """Two S-shaped streaks; the first lases in classes 1 and 3, the second in 2 and 3."""
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    image = 6 + random.normal(0, 1.5, (HEIGHT, WIDTH))
    shift_x, shift_y = random.normal(0, 8), random.normal(0, 10)
    for streak, (x, y, height) in enumerate([(115, 215, 210), (165, 135, 190)], 1):
        x, y = x + shift_x + random.normal(0, 3), y + shift_y + random.normal(0, 4)
        along = (column - x) / random.uniform(18, 24)
        ridge = y + 14 * along - 6 * along**2 + 9 * np.sin(2.2 * along + random.uniform(0, 0.5))
        profile = height * np.exp(-(np.abs(along) ** 3) / 2)
        loss = (label in (streak, 3)) * random.uniform(15, 30)
        loss = loss * np.exp(-((along - random.uniform(-0.5, 0.5)) ** 2) / 0.08)
        width = np.sqrt(5.0**2 + (0.8 * loss) ** 2)
        image += profile * 5.0 / width * np.exp(-((row - ridge + loss) ** 2) / (2 * width**2))
        image += 0.06 * profile * np.exp(-np.abs(row - ridge) / 40.0)
    image += random.normal(0, 1, image.shape) * np.sqrt(np.maximum(image, 0)) * 0.4
    return np.clip(np.round(image), 0, 255).astype(np.int16)[..., np.newaxis]


def make_variable(initial, factor):
    """A variable whose sum of squares, times half the factor, is part of the loss."""
    variable = tf.Variable(initial)
    penalty = factor * 0.5 * tf.reduce_sum(tf.square(variable))
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, penalty)
    return variable


def normalise(values, training):
    """Batch normalisation as in the original's ex07 meta graph, and its ReLU.

    The moments and the square root stand outside the ``tf.cond``, so that in a dense layer the
    gradient for a batch of one image is NaN (zero times infinity), even outside of training.
    """
    size, axes = int(values.get_shape()[-1]), list(range(len(values.get_shape()) - 1))
    with tf.name_scope("BatchNorm"):
        beta = tf.Variable(tf.constant(0.0, shape=[size]), name="beta")
        gamma = tf.Variable(tf.constant(1.0, shape=[size]), name="gamma")
        running_mean = tf.Variable(tf.zeros([size]), trainable=False, name="running_mean")
        running_std = tf.Variable(tf.ones([size]), trainable=False, name="running_std")
        batch_mean, variance = tf.nn.moments(values, axes, name="batch_stats")
        batch = (batch_mean, tf.sqrt(variance, name="batch_std"))
        running = (running_mean, running_std)
        for old, new in zip(running, batch):
            update = tf.assign(old, tf.add(tf.mul(0.9, old), 0.1 * new))
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        mean, std = tf.cond(training, lambda: batch, lambda: running)
        standard = tf.div(tf.sub(values, mean), tf.add(1e-6, std))
        normalised = tf.add(tf.mul(gamma, standard), beta)
    return normalised, tf.nn.relu(normalised)


def make_network():
    """The labels' placeholder and the layers, from the image as floats up to the logits.

    The initial weights depend on the order in which the graph's operations are made.
    """
    images = tf.placeholder(tf.int16, [None, HEIGHT, WIDTH, 1], name="img")
    labels = tf.placeholder(tf.float32, [None, CLASSES], name="labels")
    training = tf.placeholder(tf.bool, name="trainflag")
    layers = [tf.cast(images, tf.float32, name="img_float")]
    for kernel, channels, window in [(8, 1, 2), (6, 16, 3), (6, 16, 3)]:
        initial = tf.truncated_normal([kernel, kernel, channels, 16], stddev=0.03)
        weights = make_variable(initial, 0.01)
        layers.append(tf.nn.conv2d(layers[-1], weights, [1, 1, 1, 1], "SAME"))
        layers.extend(normalise(layers[-1], training))
        layers.append(tf.nn.max_pool(layers[-1], [1, window, window, 1], [1, 3, 3, 1], "SAME"))
    layers.append(tf.reshape(layers[-1], [-1, 2464]))
    for shape in [[2464, 48], [48, 32]]:
        weights = make_variable(tf.truncated_normal(shape, stddev=0.03), 0.01)
        layers.append(tf.matmul(layers[-1], weights))
        layers.extend(normalise(layers[-1], training))
    weights = make_variable(tf.truncated_normal([32, CLASSES], stddev=0.03), 0.002)
    bias = make_variable(tf.constant(0.0, shape=[CLASSES]), 0.002)
    layers.append(tf.nn.xw_plus_b(layers[-1], weights, bias))
    return labels, layers


def train(session, labels, logits, random, images, targets):
    """Train for STEPS batches, in a new random order after each pass; return the saver."""
    entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits, labels))
    loss = entropy + tf.add_n(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
    step = tf.Variable(0, trainable=False)
    descent = tf.train.MomentumOptimizer(0.002, 0.9).minimize(loss, global_step=step)
    saver = tf.train.Saver()
    session.run(tf.global_variables_initializer())
    for number in range(STEPS):
        start = number % (IMAGES // BATCH) * BATCH
        if start == 0:
            order = random.permutation(IMAGES)
        batch = order[start : start + BATCH]
        feed = {"img:0": images[batch], labels: targets[batch], "trainflag:0": True}
        session.run([descent, tf.get_collection(tf.GraphKeys.UPDATE_OPS)], feed)
    return saver


def make_steps(layers):
    """For each layer, top down: itself, the layer below, and the gradient from seed to below."""
    steps = []
    for below, above in reversed(list(zip(layers[:-1], layers[1:]))):
        seed = tf.placeholder(tf.float32, above.get_shape())
        steps.append((above, below, seed, tf.gradients(above, below, grad_ys=seed)[0]))
    return steps


def walk(session, steps, feed, gradient, guided):
    """Take the logits' gradient down to the image; a step that gives NaN is left out."""
    for above, below, seed, step in steps:
        new, values = session.run([step, below], dict(feed, **{seed.name: gradient}))
        if np.isnan(new).any():
            new = gradient
        if guided and above.op.type == "Relu":
            new = np.where((gradient < 0) | (values < 0), np.float32(0), new)
        gradient = new
    return gradient


def make_maps(session, layers, images):
    """The arrays of the reference, for the image with the clearest logits in each picked class."""
    feeds = [{"img:0": image[np.newaxis], "trainflag:0": False} for image in images]
    logits = np.concatenate([session.run(layers[-1], feed) for feed in feeds])
    lead = np.diff(np.sort(logits, axis=1))[:, -1]
    largest = logits.argmax(axis=1)
    picked = [np.where(largest == label, lead, -1).argmax() for label in PICKED_CLASSES]
    seeds = np.eye(CLASSES, dtype=np.float32)[largest[picked]]
    maps, steps = {"images": images[picked], "logits": logits[picked]}, make_steps(layers)
    for name, guided in [("guided_layerwise", True), ("unguided_layerwise", False)]:
        starts = zip(picked, seeds[:, np.newaxis])
        rows = [walk(session, steps, feeds[index], start, guided) for index, start in starts]
        maps[name] = np.concatenate(rows)
    gradient = tf.gradients(layers[-1], layers[0], grad_ys=tf.constant(seeds))[0]
    maps["gradient_batch"] = session.run(gradient, {"img:0": images[picked], "trainflag:0": False})
    return maps


def main(folder):
    """Write the checkpoint and the reference into the folder, which is made if need be."""
    if not os.path.isdir(folder):
        os.makedirs(folder)
    random = np.random.RandomState(SEED)
    tf.set_random_seed(SEED)
    classes = random.randint(0, CLASSES, IMAGES)
    images = np.array([make_image(random, label) for label in classes])
    labels, layers = make_network()
    one_thread = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Session(config=one_thread) as session:
        saver = train(session, labels, layers[-1], random, images, np.eye(CLASSES)[classes])
        checkpoint = os.path.join(folder, "tf_saved_2color_model_best")
        saver.save(session, checkpoint, write_meta_graph=False)
        os.remove(os.path.join(folder, "checkpoint"))
        maps = make_maps(session, layers, images)
    with h5py.File(os.path.join(folder, "ex08_reference.h5"), "w") as target:
        target.attrs["tensorflow"] = tf.__version__
        for name in sorted(maps):
            target.create_dataset(name, data=maps[name], compression=9, shuffle=True)
    print("wrote", folder)


if __name__ == "__main__":
    main(sys.argv[1])
