"""Sums over the tasks of a distributed training, as operations of a graph.

Task r has a graph of its own over its share of the batch, with the share L_r of the loss; the
loss is L = sum_r L_r. Where a graph needs a number of the *complete* batch, such as a mean, it
contains

    s = sum_r x_r,        of which every task r has a copy s_r.

L depends on x_r through the copies of all tasks, and so

    dL/dx_r = sum_q dL/ds_q,

where dL/ds_q is what the graph of task q computes for its copy. The gradient of the operation
is therefore the same operation, applied to the gradients that arrive. Then dL/dw, the gradient
of one network over one batch, is the sum over the tasks of the gradients that ``tf.gradients``
computes for their copies of the weights w. Nothing is averaged or approximate.

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

    def sum(self, x_t: Any) -> Any:
        """Return the sum of a tensor over all tasks; it has a gradient.

        Parameters
        ----------
        x_t : tf.Tensor
            Of the same shape on all tasks.

        Returns
        -------
        tf.Tensor
            The same shape and dtype.
        """

        def summed(inner_t: Any) -> Any:
            return self._op(inner_t), lambda gradient_t: self._op(gradient_t)

        return tf.custom_gradient(summed)(x_t)

    def rows(self, x_t: Any, first_t: Any, count_t: Any) -> Any:
        """Return the rows of all tasks, each at its place: a sum with zeros.

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
        after_t = count_t - first_t - tf.shape(x_t)[0]
        return self.sum(tf.pad(x_t, [[first_t, after_t], [0, 0]]))

    def _op(self, x_t: Any) -> Any:
        with tf.control_dependencies(self._sum_ops[-1:]):
            sum_t = tf.compat.v1.py_func(self._total, [x_t], x_t.dtype, name="sum_over_tasks")
        sum_t.set_shape(x_t.shape)
        self._sum_ops.append(sum_t.op)
        return sum_t
