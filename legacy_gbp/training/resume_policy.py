"""When the state of a training is written down, and whether a stored one may go on."""

import contextlib
import os
import time
import zlib
from typing import Any, Dict, Mapping

import numpy as np

from legacy_gbp import __version__
from legacy_gbp.data.shots import Shots
from legacy_gbp.errors import InputError
from legacy_gbp.io.checkpoint_files import INDEX
from legacy_gbp.training.options import TrainingOptions
from legacy_gbp.training.resume_file import read_state, write_state
from legacy_gbp.training.state import TrainingState


class ResumePolicy:
    """Writes the state of one training, or nothing where no file is named.

    Parameters
    ----------
    options : TrainingOptions
        Its `resume_path`, `save_steps`, `save_minutes` and `checkpoint`.
    """

    def __init__(self, options: TrainingOptions) -> None:
        self.path = options.resume_path
        self._options = options
        self._steps, self._since = 0, time.monotonic()

    def read(self, settings: Mapping[str, Any]) -> TrainingState:
        """Read the state of the same training.

        Parameters
        ----------
        settings : dict
            Of the training that goes on.

        Returns
        -------
        TrainingState

        Raises
        ------
        InputError
            When there is none, it is of another training, or its best checkpoint is gone.
        """
        if self.path is None:
            raise InputError("`resume` without `resume_path`; name the file of the state")
        state = read_state(self.path)
        check_same(self.path, state.settings, settings)
        checkpoint = self._options.checkpoint
        has_best = checkpoint is None or os.path.exists(checkpoint + INDEX)
        if state.best_step is not None and not has_best:
            raise InputError(
                f"{checkpoint}: the best checkpoint of the stopped training is gone; put it back, "
                "or set `resume` to never to train anew"
            )
        return state

    def is_due(self) -> bool:
        """Return whether it is time to write the state; ask once a step.

        Returns
        -------
        bool
        """
        self._steps += 1
        minutes = (time.monotonic() - self._since) / 60
        wanted = self._options
        due = (wanted.save_steps is not None and self._steps >= wanted.save_steps) or (
            wanted.save_minutes is not None and minutes >= wanted.save_minutes
        )
        if due:
            self._steps, self._since = 0, time.monotonic()
        return bool(self.path and due)

    def write(self, state: TrainingState, rng_state: Any, trainer: Any) -> None:
        """Write a state.

        Parameters
        ----------
        state : TrainingState
            Gets the generator's state, the variables and the versions.
        rng_state : tuple
            See :class:`legacy_gbp.data.batches.Epochs`.
        trainer : Trainer

        Raises
        ------
        OutputError
        """
        if self.path is not None:
            state.rng_state, state.variables = rng_state, trainer.state()
            state.written_by = {"legacy_gbp": __version__, **trainer.facts()}
            write_state(self.path, state)

    def remove(self) -> None:
        """Remove a state that nobody can go on from any more."""
        if self.path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.path)


def settings_of(
    exercise_name: str, shots: Mapping[str, Shots], options: Mapping[str, Any]
) -> Dict[str, Any]:
    """Return what a resumed training must have in common with the stopped one.

    Parameters
    ----------
    exercise_name : str
    shots : dict of str to Shots
        ``{"training": ..., "validation": ...}``.
    options : dict
        Such as ``{"seed": 1}``.

    Returns
    -------
    dict
        Of plain values, under the names that a user knows.
    """
    named: Dict[str, Any] = {"exercise": exercise_name}
    named.update({f"`{name}`": value for name, value in options.items()})
    for split, some in shots.items():
        named[f"{split} files"] = [os.path.abspath(path) for path in getattr(some, "paths", [])]
        named[f"{split} shots"] = len(some)
        named[f"checksum of the {split} shots"] = _checksum(some)
    return named


def check_same(path: str, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to go on with another training.

    Parameters
    ----------
    path : str
        Of the resume file.
    stored, wanted : dict
        From :func:`settings_of`.

    Raises
    ------
    InputError
        That names the first difference.
    """
    for name, now in wanted.items():
        was = stored.get(name)
        if was == now:
            continue
        if isinstance(was, list) and isinstance(now, list):
            pairs = zip([*was, "none"], [*now, "none"])
            was, now = next((pair for pair in pairs if pair[0] != pair[1]), (was, now))
        raise InputError(
            f"{path}: the stopped training had {name} {was}, not {now}; use the same again, or set "
            "`resume` to never to train anew"
        )


def _checksum(shots: Shots) -> str:
    """Of all labels, their rows, and one image: enough to tell other data under the same names."""
    checksum = zlib.crc32(np.ascontiguousarray(shots.labels, "<i8").tobytes())
    checksum = zlib.crc32(np.ascontiguousarray(shots.rows, "<i8").tobytes(), checksum)
    image = np.ascontiguousarray(shots.read([0]), "<f4")
    return f"{zlib.crc32(image.tobytes(), checksum):08x}"
