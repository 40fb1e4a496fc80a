"""The two exercises of the tutorial: one record each holds all that differs.

Numbers are those of 2016. Nothing here imports TensorFlow or NumPy.
"""

from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from legacy_gbp.exercises.file_selection import FirstOfEachRun, NamedFiles, Selection
from legacy_gbp.networks import xtcav


class Exercise(NamedTuple):
    """One exercise.

    Attributes
    ----------
    name, title : str
    network : callable
        Takes a :class:`legacy_gbp.networks.builder.Builder`.
    classes : tuple of str
        The meaning of every logit.
    label_dataset : str
        Of the data files.
    selection : Selection
        Which files train, validate and predict.
    batch_size : int
        Of training.
    predict_batch_size : int
        Of predict and gbprop.
    epochs, validation_shots : int
        Of training.
    checkpoint : str
        Prefix of the best one.
    final_checkpoint : str or None
        Prefix of the last one.
    shown_class : int or None
        The class that gbprop shows by default; None shows all.
    loss_columns : tuple of str
        Of the log.
    """

    name: str
    title: str
    network: Callable[[Any], None]
    classes: Tuple[str, ...]
    label_dataset: str
    selection: Selection
    batch_size: int
    predict_batch_size: int
    epochs: int
    validation_shots: int
    checkpoint: str
    final_checkpoint: Optional[str]
    shown_class: Optional[int]
    loss_columns: Tuple[str, ...]


LEARNING_RATE = 0.002
DECAY, DECAY_STEPS = 0.96, 100
MOMENTUM = 0.9
VALIDATE_EVERY = 10  # steps


def _mlearn(run: int, *chunks: int) -> Tuple[str, ...]:
    return tuple(f"amo86815_mlearn-r{run:03d}-c{chunk:04d}.h5" for chunk in chunks)


EX07 = Exercise(
    name="ex07",
    title="lasing or not",
    network=xtcav.ex07,
    classes=("no lasing", "lasing"),
    label_dataset="lasing",
    selection=NamedFiles(
        train=_mlearn(69, 11, 12, 13, 16, 18) + _mlearn(70, 9, 14, 16, 17, 19),
        validation=_mlearn(69, 31) + _mlearn(70, 49),
        predict=("amo86815_pred-r073-c0121.h5",),
    ),
    batch_size=24,
    predict_batch_size=64,
    epochs=3,
    validation_shots=80,
    checkpoint="tf_saved_model",
    final_checkpoint=None,
    shown_class=None,
    loss_columns=("loss",),
)

EX08 = Exercise(
    name="ex08",
    title="which of two colours lased",
    network=xtcav.ex08,
    classes=("neither", "first colour", "second colour", "both colours"),
    label_dataset="acq.enPeaksLabel",
    selection=FirstOfEachRun(("amo86815_mlearn-r070", "amo86815_mlearn-r071")),
    batch_size=64,
    predict_batch_size=16,
    epochs=4,
    validation_shots=128,
    checkpoint="tf_saved_2color_model_best",
    final_checkpoint="tf_saved_2color_model_final",
    shown_class=3,
    loss_columns=("mloss", "oloss"),
)

EXERCISES: Dict[str, Exercise] = {exercise.name: exercise for exercise in (EX07, EX08)}
