"""Accuracy and confusion matrix. NumPy only."""

import numpy as np


def confusion_matrix(truth, predicted, classes):
    """Counts (classes, classes) int64: rows are the truth, columns the prediction.

    Parameters
    ----------
    truth, predicted : (n,) int
        0..classes-1.
    classes : int
    """
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (np.asarray(truth, int), np.asarray(predicted, int)), 1)
    return counts


def accuracy(matrix):
    """Share 0..1 on the diagonal of a confusion matrix; NaN when it is empty."""
    total = matrix.sum()
    return np.trace(matrix) / total if total else float("nan")
