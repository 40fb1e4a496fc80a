"""``predict``: score every shot of the prediction files."""

import contextlib

from legacy_gbp.commands.restored import restore
from legacy_gbp.data import preprocess
from legacy_gbp.data.batches import in_order
from legacy_gbp.metrics.classification import accuracy, confusion_matrix
from legacy_gbp.progress import progress
from legacy_gbp.results import provenance, result_file
from legacy_gbp.training_log import matrix_lines


def run(exercise, options):
    """Predict with the command line's options.

    Parameters
    ----------
    exercise : Exercise
    options : argparse.Namespace
        See :mod:`legacy_gbp.cli`.
    """
    shots, source = restore(exercise, options)

    from legacy_gbp.network import Network

    size = options.batch_size or exercise.predict_batch_size
    matrix = 0
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Network(source))
        append = None
        if options.output:
            facts = provenance(
                exercise.name, options.given(), source.path, shots.paths, source.preprocess.kind
            )
            append = stack.enter_context(result_file(options.output, facts))
        batches = in_order(shots, size)
        for indices, images in progress(batches, -(-len(shots) // size), "predict"):
            logits = net.logits(preprocess.apply(source.preprocess, images))
            predicted, labels = logits.argmax(axis=1), shots.labels[indices]
            if append:
                append(
                    logits=logits,
                    predicted=predicted,
                    label=labels,
                    file=[shots.paths[k] for k in shots.files[indices]],
                    row=shots.rows[indices],
                )
            if shots.labelled:
                matrix = matrix + confusion_matrix(labels, predicted, len(exercise.classes))
    if not shots.labelled:
        print(f"Ran predictions. {len(shots)} samples, no labels", flush=True)
        return
    print(f"Ran predictions. Accuracy: {accuracy(matrix):.2f} {len(shots)} samples")
    for line in matrix_lines(matrix):
        print(line, flush=True)
