"""The loss of an exercise and what minimises it, over a batch on one device or split over many.

Cross entropy of the labels plus the network's penalties, minimised by momentum with a
staircase rate: the choices of 2016.
"""

from typing import Any, List, NamedTuple, Sequence, Tuple

import tensorflow as tf

from legacy_gbp.data.xtcav import IMAGE_SHAPE
from legacy_gbp.exercises import definitions
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.networks.data_parallel import DataParallelSequential
from legacy_gbp.networks.task_sums import TaskSums


class LossGraph(NamedTuple):
    """The tensors of a training graph.

    Attributes
    ----------
    image_ts : list of tf.Tensor
        Placeholders (n_k, 363, 284, 1) of every device.
    label_ts : list of tf.Tensor
        Placeholders (n_k, K), one-hot.
    loss_ts : tuple of tf.Tensor
        One scalar for every loss column of the exercise.
    total_t : tf.Tensor
        What is minimised.
    moment_ts : list of tf.Tensor
        Moments of the batch.
    update_ops : list of tf.Operation
        What moves the running moments.
    """

    image_ts: List[Any]
    label_ts: List[Any]
    loss_ts: Tuple[Any, ...]
    total_t: Any
    moment_ts: List[Any]
    update_ops: List[Any]


def build_loss(exercise: Exercise, devices: Sequence[str], seed: int) -> LossGraph:
    """Build the loss in the current graph; variables of the same names are shared.

    Parameters
    ----------
    exercise : Exercise
    devices : sequence of str
        Each computes its part of the batch; variables and sums are on the first.
    seed : int
        Of the initial weights.

    Returns
    -------
    LossGraph
    """
    classes = len(exercise.classes)
    placeholder = tf.compat.v1.placeholder
    image_ts = [placeholder(tf.float32, (None, *IMAGE_SHAPE, 1), "images") for _ in devices]
    label_ts = [placeholder(tf.float32, (None, classes), "labels") for _ in devices]
    with tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE):
        net = DataParallelSequential(image_ts, devices, seed)
        exercise.network(net)
    cross_entropy_t = _mean_cross_entropy(label_ts, net.logits_ts, devices)
    total_t = tf.add_n([cross_entropy_t, *net.penalty_ts])
    loss_ts = (cross_entropy_t, total_t)[: len(exercise.loss_columns)]
    return LossGraph(image_ts, label_ts, loss_ts, total_t, net.moment_ts, net.update_ops)


class ShareGraph(NamedTuple):
    """The tensors of one task's share of the loss.

    Attributes
    ----------
    images_t, labels_t : tf.Tensor
        Placeholders (n_k, 363, 284, 1) and (n_k, K), one-hot.
    first_t, count_t : tf.Tensor
        int32 placeholders: the place of the first image in the batch, and the size of the batch.
    sum_t : tf.Tensor
        Sum of the cross entropies of these images, a scalar.
    loss_t : tf.Tensor
        Their share of the mean over the batch, a scalar, without penalties.
    penalty_ts : list of tf.Tensor
        Weighted L1 and L2 terms of the loss, scalars.
    moment_ts : list of tf.Tensor
        Moments of the batch.
    """

    images_t: Any
    labels_t: Any
    first_t: Any
    count_t: Any
    sum_t: Any
    loss_t: Any
    penalty_ts: List[Any]
    moment_ts: List[Any]


def build_share(exercise: Exercise, sums: TaskSums) -> ShareGraph:
    """Build one task's share of the loss in the current graph.

    Parameters
    ----------
    exercise : Exercise
    sums : TaskSums

    Returns
    -------
    ShareGraph
    """
    placeholder = tf.compat.v1.placeholder
    images_t = placeholder(tf.float32, (None, *IMAGE_SHAPE, 1), "images")
    labels_t = placeholder(tf.float32, (None, len(exercise.classes)), "labels")
    first_t, count_t = placeholder(tf.int32, (), "first"), placeholder(tf.int32, (), "count")
    net = DataParallelSequential(
        [images_t],
        complete=lambda rows_t: sums.rows(rows_t, first_t, count_t),
        copied=sums.copied,
    )
    exercise.network(net)
    sum_t = _sum_of_cross_entropies(labels_t, net.logits_ts[0])
    loss_t = sum_t / tf.cast(count_t, sum_t.dtype)
    return ShareGraph(
        images_t, labels_t, first_t, count_t, sum_t, loss_t, net.penalty_ts, net.moment_ts
    )


def momentum() -> Tuple[Any, Any]:
    """Create the optimiser of 2016 in the current graph.

    Returns
    -------
    optimizer : tf.compat.v1.train.MomentumOptimizer
    step : tf.Variable
        The global step, which it counts.
    """
    step = tf.compat.v1.train.get_or_create_global_step()
    rate_t = tf.compat.v1.train.exponential_decay(
        definitions.LEARNING_RATE,
        step,
        definitions.DECAY_STEPS,
        definitions.DECAY,
        staircase=True,
    )
    return tf.compat.v1.train.MomentumOptimizer(rate_t, definitions.MOMENTUM), step


def _mean_cross_entropy(
    label_ts: Sequence[Any], logits_ts: Sequence[Any], devices: Sequence[str]
) -> Any:
    """Mean over the images of all devices, their sums added on the first."""
    sum_ts = []
    for device, labels_t, logits_t in zip(devices, label_ts, logits_ts):
        with tf.device(device):
            sum_ts.append(_sum_of_cross_entropies(labels_t, logits_t))
    with tf.device(devices[0]):
        count_t = tf.add_n([tf.cast(tf.shape(t)[0], tf.float32) for t in label_ts])
        return tf.add_n(sum_ts) / count_t


def _sum_of_cross_entropies(labels_t: Any, logits_t: Any) -> Any:
    each_t = tf.nn.softmax_cross_entropy_with_logits(labels=labels_t, logits=logits_t)
    return tf.reduce_sum(each_t)
