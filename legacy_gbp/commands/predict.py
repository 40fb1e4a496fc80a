"""``predict``: score every shot of the prediction files."""

from legacy_gbp.commands.restored import check_finite, recorded, restore
from legacy_gbp.data import preprocess
from legacy_gbp.data.batches import in_order
from legacy_gbp.data.xtcav import NO_LABEL
from legacy_gbp.metrics.classification import accuracy, confusion_matrix
from legacy_gbp.progress import progress
from legacy_gbp.training_log import matrix_lines


def run(exercise, options):
    """Predict with the options of :mod:`legacy_gbp.cli`."""
    shots, source = restore(exercise, options)

    from legacy_gbp.network import Network

    size = options.batch_size or exercise.predict_batch_size
    classes = len(exercise.classes)
    matrix = confusion_matrix([], [], classes)
    with Network(source) as net, recorded(exercise, options, shots, source) as record:
        batches = in_order(shots, size)
        for indices, images in progress(batches, -(-len(shots) // size), "predict"):
            logits = net.logits(preprocess.apply(source.preprocess, images))
            check_finite(logits, "logits", shots, indices)
            predicted = logits.argmax(axis=1)
            record(indices, logits=logits, predicted=predicted)
            known = shots.labels[indices] != NO_LABEL
            labels = shots.labels[indices][known]
            matrix = matrix + confusion_matrix(labels, predicted[known], classes)
    scored = int(matrix.sum())
    if scored:
        print(f"Ran predictions. Accuracy: {accuracy(matrix):.2f} {scored} samples", flush=True)
        for line in matrix_lines(matrix):
            print(line, flush=True)
    if scored < len(shots):
        print(f"Ran predictions. {len(shots) - scored} samples, no labels", flush=True)
