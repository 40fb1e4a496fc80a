"""When the state of a training is written down, and what is made of one that stands there."""

import contextlib
import os
import time
from collections import namedtuple

from legacy_gbp import __version__
from legacy_gbp.errors import InputError
from legacy_gbp.training import resume_file as resume

Saving = namedtuple("Saving", "record steps minutes", defaults=(None, None))
Saving.__doc__ = """Where and how often a training writes down its state, to go on from it.

record : str, file; it is written when the training is stopped and removed when it ends
steps : int or None, also every so many steps
minutes : float or None, also when so many minutes have passed
"""


class Course:
    """What a training has reached.

    Attributes
    ----------
    epoch, batch : int
        The epoch at hand and how many of its batches are done.
    losses : list of tuples; accuracies : list of (step, accuracy)
    best_accuracy : float; best_step : int or None
    """

    def __init__(self):
        self.epoch = self.batch = 0
        self.losses, self.accuracies = [], []
        self.best_accuracy, self.best_step = -1.0, None

    @classmethod
    def of_record(cls, record):
        """That of a stopped training."""
        course = cls()
        course.epoch, course.batch = record.epoch, record.batch
        course.losses = list(record.losses)
        course.accuracies = [tuple(one) for one in record.accuracies]
        course.best_accuracy, course.best_step = record.best_accuracy, record.best_step
        return course

    def improves(self, step, reached):
        """Note a validation; True when it is strictly the best."""
        self.accuracies.append((step, reached))
        if reached <= self.best_accuracy:
            return False
        self.best_accuracy, self.best_step = reached, step
        return True


class StateKeeper:
    """Writes the state of one training.

    Parameters
    ----------
    saving : Saving
    settings : dict
        From :func:`legacy_gbp.training.resume_file.settings`.
    """

    def __init__(self, saving, settings):
        self._saving, self._settings = saving, settings
        self._asked, self._since = 0, time.monotonic()

    def read(self, checkpoint):
        """The record of the same training when stopped.

        Parameters
        ----------
        checkpoint : str or None
            Where its best must stand.
        """
        path = self._saving.record
        record = resume.read(path)
        resume.check_same(path, record.settings, self._settings)
        if (
            checkpoint
            and record.best_step is not None
            and not os.path.exists(checkpoint + ".index")
        ):
            raise InputError(
                f"{checkpoint}: the best checkpoint of the stopped training is gone; put it back, "
                "or give --resume never to train anew"
            )
        return record

    def is_due(self):
        """Whether it is time for the next; ask once a step."""
        self._asked += 1
        passed = (time.monotonic() - self._since) / 60
        steps, minutes = self._saving.steps, self._saving.minutes
        if not ((steps and self._asked >= steps) or (minutes and passed >= minutes)):
            return False
        self._asked, self._since = 0, time.monotonic()
        return True

    def write(self, course, rng_state, network):
        """Write the state down.

        Parameters
        ----------
        course : Course
        rng_state : tuple
            See :class:`legacy_gbp.data.batches.Epochs`.
        network : Trainer
        """
        record = resume.Record(
            settings=self._settings,
            epoch=course.epoch,
            batch=course.batch,
            best_accuracy=course.best_accuracy,
            best_step=course.best_step,
            accuracies=course.accuracies,
            written_by={"legacy_gbp": __version__, **network.facts()},
            rng_state=rng_state,
            losses=course.losses,
            variables=network.state(),
        )
        resume.write(self._saving.record, record)

    def remove(self):
        """Forget a state that nobody can go on from any more."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._saving.record)
