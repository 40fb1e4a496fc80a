"""The two exercises of the tutorial: one record each, and all that differs.

Numbers are those of 2016. Nothing here imports TensorFlow or NumPy.
"""

from collections import namedtuple

from legacy_gbp.exercises.file_selection import FirstOfEachRun, NamedFiles
from legacy_gbp.networks import xtcav

Exercise = namedtuple(
    "Exercise",
    "name title network classes label_dataset selection batch_size predict_batch_size "
    "epochs validation_shots checkpoint final_checkpoint shown_class loss_columns",
)
Exercise.__doc__ = """What one exercise is.

name, title : str
network : function of a layer builder
classes : tuple of str, the meaning of every logit
label_dataset : str, dataset of the labels in the data files
selection : which files train, validate and predict
batch_size, epochs, validation_shots : int, of training
predict_batch_size : int, of predict and gbprop
checkpoint : str, the best one; final_checkpoint : str or None, the last one
shown_class : int or None, the class that gbprop shows by default (None: all)
loss_columns : names of the loss columns of the log
"""

LEARNING_RATE = 0.002
DECAY, DECAY_STEPS = 0.96, 100
MOMENTUM = 0.9
VALIDATE_EVERY = 10


def _mlearn(run, *chunks):
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

EXERCISES = {exercise.name: exercise for exercise in (EX07, EX08)}
