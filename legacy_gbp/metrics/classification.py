"""Confusion matrix and accuracy."""

from typing import Any

import numpy as np


def confusion_matrix(labels: Any, predicted: Any, classes: int) -> np.ndarray:
    """Count the shots of each true and predicted class.

    Parameters
    ----------
    labels, predicted : (n,) int array
        0..classes-1.
    classes : int

    Returns
    -------
    (classes, classes) int64 array
        Rows are the truth.
    """
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (np.asarray(labels, int), np.asarray(predicted, int)), 1)
    return matrix


def accuracy(matrix: np.ndarray) -> float:
    """Return the share of shots on the diagonal of a confusion matrix.

    Parameters
    ----------
    matrix : (K, K) int array

    Returns
    -------
    float
        0..1; NaN for no shot.
    """
    total = matrix.sum()
    return float(np.trace(matrix) / total) if total else float("nan")
