"""Checkpoints that TensorFlow 1.15.5 wrote, with the maps that it computed (make_zoo.py)."""

import json
import os
from typing import Dict, Tuple

import numpy as np

from tests.zoo.live_reference import RULES, Reference
from tests.zoo.saved_files import Saved

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "reference", "zoo")
# Name to the kinds of operations without a rule.
NETWORKS: Dict[str, Tuple[str, ...]] = {
    "lstm": ("Sigmoid", "Tanh"),
    "gru_both_ways": ("Sigmoid", "Tanh"),
    "relu_cell": (),
    "layers": (),
    "dilated": (),
}
# Those with the graph of their training.
TRAINING: Dict[str, Tuple[str, ...]] = {
    "slim_phase": (),
    "slim_queue": ("FusedBatchNormV3",),
    "keras_phase": (),
}


def written(name: str) -> Tuple[Saved, Reference]:
    """Return a committed checkpoint and what TensorFlow 1.15.5 computed.

    Parameters
    ----------
    name : str
        A row of NETWORKS or TRAINING.

    Returns
    -------
    Saved
    Reference
    """
    folder = os.path.join(FOLDER, name)
    with np.load(os.path.join(folder, "reference.npz")) as arrays:
        names = [str(arrays["input"])], str(arrays["output"])
        saved = Saved(folder, *names, json.loads(str(arrays["feeds"])))
        maps = {rule: [arrays[rule]] for rule in RULES if rule in arrays.files}
        return saved, Reference([arrays["images"]], arrays["seeds"], arrays["values"], maps)
