"""The log lines of 2016, which people grep in batch logs.

A row for every step. A validation step has a rule of dashes above it, the scores behind
its row, and further rows of the confusion matrices below.
"""

from typing import List, Optional, Sequence

import numpy as np

from legacy_gbp.metrics.classification import accuracy

RULE = "-" * 80
COUNT_WIDTH = 4


def header(loss_columns: Sequence[str], classes: int) -> str:
    """Return the names of the columns of :func:`row`.

    Parameters
    ----------
    loss_columns : sequence of str
    classes : int

    Returns
    -------
    str
    """
    columns = [name.rjust(5) for name in ("epoch", "batch", "step")]
    columns += ["tr.sec"]
    columns += [name.rjust(6) for name in loss_columns]
    columns += [name.rjust(6) for name in ("vl.sec", "tr.acc", "vl.acc")]
    return " ".join(
        columns + [name.rjust(COUNT_WIDTH * classes) for name in ("tr.cmat", "vl.cmat")]
    )


def row(epoch: int, batch: int, step: int, seconds: float, losses: Sequence[float]) -> str:
    """Return the line of one step.

    Parameters
    ----------
    epoch, batch, step : int
        Counted from 0.
    seconds : float
        Time of the step.
    losses : sequence of float
        One for every loss column.

    Returns
    -------
    str
    """
    return f"{epoch:5d} {batch:5d} {step:5d} {seconds:6.1f}" + "".join(
        f" {loss:6.3f}" for loss in losses
    )


def validation_lines(
    step_row: str,
    seconds: float,
    train_matrix: np.ndarray,
    validation_matrix: np.ndarray,
    saved_in: Optional[str] = None,
) -> List[str]:
    """Return the lines of a validation step.

    Parameters
    ----------
    step_row : str
        From :func:`row`.
    seconds : float
        Time of the validation.
    train_matrix, validation_matrix : (K, K) int array
        Rows are the truth.
    saved_in : str or None
        The checkpoint written because of this validation.

    Returns
    -------
    list of str
    """
    train_percent, validation_percent = (
        100 * accuracy(matrix) for matrix in (train_matrix, validation_matrix)
    )
    scores = f" {seconds:6.1f} {train_percent:5.1f}% {validation_percent:5.1f}%"
    lines = [
        left + " " + right
        for left, right in zip(matrix_lines(train_matrix), matrix_lines(validation_matrix))
    ]
    indent = " " * len(step_row + scores)
    saved = f"  ** saved in {saved_in}" if saved_in else ""
    below = [indent + " " + line for line in lines[1:]]
    return [RULE, step_row + scores + " " + lines[0] + saved, *below]


def matrix_lines(matrix: np.ndarray) -> List[str]:
    """Return the rows of a confusion matrix as text of fixed width.

    Parameters
    ----------
    matrix : (K, K) int array

    Returns
    -------
    list of str
    """
    return ["".join(f" {count:{COUNT_WIDTH - 1}d}" for count in counts) for counts in matrix]
