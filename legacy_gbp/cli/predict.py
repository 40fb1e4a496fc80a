"""``predict``: score every shot of the prediction files."""

from legacy_gbp.batch.stop import stoppable
from legacy_gbp.cli.restore import check_finite, recorded, restore
from legacy_gbp.data.batches import count_file_by_file, file_by_file
from legacy_gbp.data.xtcav import NO_LABEL
from legacy_gbp.exercises import preprocess
from legacy_gbp.io.console import progress
from legacy_gbp.metrics.classification import accuracy, confusion_matrix
from legacy_gbp.training.log import matrix_lines


def run(exercise, options):
    """Predict with the options of :mod:`legacy_gbp.cli`."""
    outputs, source = restore(exercise, options)
    if not outputs:
        return

    from legacy_gbp.attribution.network import Network

    matrix = confusion_matrix([], [], len(exercise.classes))
    with stoppable(options) as stop, Network(source) as net:
        for output in stop.between(outputs, len(outputs)):
            with recorded(exercise, options, output, source) as record:
                matrix = matrix + _scored(
                    exercise, options, output.shots, source, net, record, stop
                )
            stop.finished += 1
            if output.path:
                print(f"-- predictions in {output.path}", flush=True)
    scored = int(matrix.sum())
    if scored:
        print(f"Ran predictions. Accuracy: {accuracy(matrix):.2f} {scored} samples", flush=True)
        for line in matrix_lines(matrix):
            print(line, flush=True)
    total = sum(len(output.shots) for output in outputs)
    if scored < total:
        print(f"Ran predictions. {total - scored} samples, no labels", flush=True)


def _scored(exercise, options, shots, source, net, record, stop):
    """Predict and record every shot; the confusion matrix of those with a label."""
    size, classes = options.batch_size or exercise.predict_batch_size, len(exercise.classes)
    matrix = confusion_matrix([], [], classes)
    count = count_file_by_file(shots, size)
    batches = progress(file_by_file(shots, size), count, "predict")
    for indices, images in stop.between(batches, count):
        logits = net.logits(preprocess.apply(source.preprocess, images))
        check_finite(logits, "logits", shots, indices)
        predicted = logits.argmax(axis=1)
        record(indices, logits=logits, predicted=predicted)
        known = shots.labels[indices] != NO_LABEL
        labels = shots.labels[indices][known]
        matrix = matrix + confusion_matrix(labels, predicted[known], classes)
    return matrix
