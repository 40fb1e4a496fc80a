"""``predict``: score every shot of the prediction files."""

from typing import Any, Callable

from legacy_gbp.batch.stop import Stop, stoppable
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.cli.restored_options import add_restored_arguments
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.console import print_line, progress

HELP = "score the prediction files"
EXAMPLE = "predict --output predictions.h5"
SUFFIX = "-predictions.h5"


def add_arguments(parser: Parser, exercise: Exercise) -> None:
    """Add the options of the command.

    Parameters
    ----------
    parser : Parser
    exercise : Exercise
    """
    add_restored_arguments(parser, exercise, "predictions")


def run(options: Options) -> None:
    """Predict, record, and print the score.

    Parameters
    ----------
    options : Options
    """
    from legacy_gbp.cli.restore import recorded, restore
    from legacy_gbp.cli.work import find_work
    from legacy_gbp.metrics.classification import accuracy, confusion_matrix

    exercise: Exercise = options.exercise
    work = find_work(exercise, options, SUFFIX)
    if not work.planned:
        return
    source = restore(exercise, work)
    from legacy_gbp.attribution.network import Network
    from legacy_gbp.training.log import matrix_lines

    matrix = confusion_matrix([], [], len(exercise.classes))
    size = options.batch_size or exercise.predict_batch_size
    with stoppable(options.requeue) as stop, Network(source) as net:
        for planned in stop.between(work.planned, len(work.planned)):
            with recorded(exercise, options, planned, source) as record:
                matrix = matrix + _score(net, planned.shots, size, record, stop)
            stop.finished += 1
            if planned.path:
                print_line(f"-- predictions in {planned.path}")
    scored = int(matrix.sum())
    if scored:
        print_line(f"Ran predictions. Accuracy: {accuracy(matrix):.2f} {scored} samples")
        for line in matrix_lines(matrix):
            print_line(line)
    total = sum(len(planned.shots) for planned in work.planned)
    if scored < total:
        print_line(f"Ran predictions. {total - scored} samples, no labels")


def _score(net: Any, shots: Any, size: int, record: Callable[..., None], stop: Stop) -> Any:
    """Predict and record every shot; return the confusion matrix of those with a label."""
    from legacy_gbp.attribution.pipeline import check_finite
    from legacy_gbp.data.batches import count_file_by_file, file_by_file
    from legacy_gbp.data.xtcav import NO_LABEL
    from legacy_gbp.metrics.classification import confusion_matrix

    matrix = confusion_matrix([], [], net.classes)
    count = count_file_by_file(shots, size)
    batches = progress(file_by_file(shots, size), count, "predict")
    for indices, images in stop.between(batches, count):
        logits = net.logits(net.prepare(images))
        check_finite(logits, "logits", indices, shots.name)
        predicted = logits.argmax(axis=1)
        record(indices, logits=logits, predicted=predicted)
        known = shots.labels[indices] != NO_LABEL
        labels = shots.labels[indices][known]
        matrix = matrix + confusion_matrix(labels, predicted[known], net.classes)
    return matrix
