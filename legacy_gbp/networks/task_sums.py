"""Sums over the tasks of a distributed training, as operations of a graph.

Task r has a graph of its own over its images, with the share L_r of the loss; the loss is
L = sum_r L_r. The moments of the *complete* batch connect the graphs. Each is computed by all
tasks from the same numbers, and used by each for its own images:

==========  ==========================================  ======================================
            value                                       gradient
==========  ==========================================  ======================================
rows        those of all tasks, each at its place:      its own rows: what arrives is dL/ds
            a sum with zeros                            already, the same on all tasks
copied      the moment s itself, a copy s_r for the     sum over the tasks: L depends on s by
            images of task r                            all copies, dL/ds = sum_q dL_q/ds_q
==========  ==========================================  ======================================

So between the rows and the copies every task computes what one network would, with the same
bits. The gradient for the weights w, which all images share, is the sum over the tasks of what
``tf.gradients`` computes for L_r. Nothing is averaged or approximate. Penalties depend on the
weights alone and are added to this sum once.

A task that waits for others in one sum while these wait in another one would wait forever.
So the sums of a graph have one order, enforced by control inputs: each waits for the one that
was built before it. All tasks build the same graph (:attr:`TaskSums.names` tells).
"""

from typing import Any, Callable, List

import numpy as np
import tensorflow as tf


class TaskSums:
    """Add sums over all tasks to a graph.

    Parameters
    ----------
    total : callable
        Takes an array and returns the sum of those that all tasks called it with.

    Attributes
    ----------
    names : list of str
        Of the operations, in the order in which they run.
    """

    def __init__(self, total: Callable[[np.ndarray], np.ndarray]) -> None:
        self._total = total
        self._sum_ops: List[Any] = []

    @property
    def names(self) -> List[str]:
        """Names of the operations, in the order in which they run."""
        return [op.name for op in self._sum_ops]

    def rows(self, x_t: Any, first_t: Any, count_t: Any) -> Any:
        """Return the rows of all tasks.

        Parameters
        ----------
        x_t : (n, C) tf.Tensor
            Rows of this task.
        first_t, count_t : tf.Tensor
            int32 scalars: the place of the first of them, and how many all tasks have.

        Returns
        -------
        tf.Tensor
            (count, C), with the same bits on all tasks.
        """

        def complete(padded_t: Any) -> Any:
            return self._op(padded_t), tf.identity

        after_t = count_t - first_t - tf.shape(x_t)[0]
        padded_t = tf.pad(x_t, [[first_t, after_t], [0, 0]])
        return tf.custom_gradient(complete)(padded_t)

    def copied(self, x_t: Any) -> Any:
        """Return a tensor that all tasks have in common, for the images of this one.

        Parameters
        ----------
        x_t : tf.Tensor
            With the same bits on all tasks.

        Returns
        -------
        tf.Tensor
            The same, with the sum over all tasks as its gradient.
        """

        def copy(inner_t: Any) -> Any:
            return tf.identity(inner_t), lambda gradient_t: self._op(gradient_t)

        return tf.custom_gradient(copy)(x_t)

    def _op(self, x_t: Any) -> Any:
        with tf.control_dependencies(self._sum_ops[-1:]):
            sum_t = tf.compat.v1.py_func(self._total, [x_t], x_t.dtype, name="sum_over_tasks")
        sum_t.set_shape(x_t.shape)
        self._sum_ops.append(sum_t.op)
        return sum_t
