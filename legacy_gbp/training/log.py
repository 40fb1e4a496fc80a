"""The log lines of 2016, which people grep in batch logs.

A row for every step; on a validation step a rule of dashes, the same row with
the scores behind it, and further rows of the confusion matrices below.
"""

from legacy_gbp.metrics.classification import accuracy

RULE = "-" * 80
COUNT_WIDTH = 4


def header(loss_columns, classes):
    """Names of the columns, over the numbers of :func:`row`."""
    columns = [name.rjust(5) for name in ("epoch", "batch", "step")]
    columns += ["tr.sec"]
    columns += [name.rjust(6) for name in loss_columns]
    columns += [name.rjust(6) for name in ("vl.sec", "tr.acc", "vl.acc")]
    return " ".join(
        columns + [name.rjust(COUNT_WIDTH * classes) for name in ("tr.cmat", "vl.cmat")]
    )


def row(epoch, batch, step, seconds, losses):
    """One step.

    Parameters
    ----------
    epoch, batch, step : int
        Counted from 0.
    seconds : float
        Time of the step.
    losses : sequence of float
        One for every loss column.
    """
    return f"{epoch:5d} {batch:5d} {step:5d} {seconds:6.1f}" + "".join(
        f" {loss:6.3f}" for loss in losses
    )


def validation_lines(step_row, seconds, train_matrix, validation_matrix, saved_in=None):
    """The lines of a validation step.

    Parameters
    ----------
    step_row : str
        From :func:`row`.
    seconds : float
        Time of the validation.
    train_matrix, validation_matrix : (K, K) int
        Rows are the truth.
    saved_in : str or None
        The checkpoint written because of this validation.

    Returns
    -------
    list of str
    """
    of_train, of_validation = 100 * accuracy(train_matrix), 100 * accuracy(validation_matrix)
    scores = f" {seconds:6.1f} {of_train:5.1f}% {of_validation:5.1f}%"
    lines = [
        left + " " + right
        for left, right in zip(matrix_lines(train_matrix), matrix_lines(validation_matrix))
    ]
    indent = " " * len(step_row + scores)
    saved = f"  ** saved in {saved_in}" if saved_in else ""
    below = [indent + " " + line for line in lines[1:]]
    return [RULE, step_row + scores + " " + lines[0] + saved, *below]


def matrix_lines(matrix):
    """Rows of a confusion matrix as text of fixed width."""
    return ["".join(f" {count:{COUNT_WIDTH - 1}d}" for count in counts) for counts in matrix]
