"""Trainings of tests: the options as keywords."""

from legacy_gbp.training import loop
from legacy_gbp.training.options import TrainingOptions


def train(exercise, train_shots, validation_shots, **options):
    """Train with the options of :class:`TrainingOptions`."""
    return loop.train(exercise, train_shots, validation_shots, TrainingOptions(**options))
