"""What a training can be asked for."""

import sys
from dataclasses import dataclass
from typing import Any, Callable, Optional

from legacy_gbp.io.console import print_line

if sys.version_info >= (3, 8):
    from typing import Protocol
else:
    from typing_extensions import Protocol


def never_stop() -> Optional[str]:
    """Return no reason to stop.

    Returns
    -------
    None
    """
    return None


class TrainerFactory(Protocol):
    """Opens the graph of a training."""

    def __call__(self, exercise: Any, prepared: Any, seed: int) -> Any:
        """Return a :class:`legacy_gbp.training.trainer.Trainer`, or one with its methods.

        Parameters
        ----------
        exercise : Exercise
        prepared : Preprocess
        seed : int

        Returns
        -------
        Trainer
        """
        ...


@dataclass(frozen=True)
class TrainingOptions:
    """Options of :func:`legacy_gbp.train`; the defaults are those of 2016.

    Attributes
    ----------
    checkpoint : str or None
        Prefix to save to whenever the validation accuracy strictly improves.
    final_checkpoint : str or None
        Prefix to save to after the last step.
    seed : int
        Of the weights, the order of the shots and the choice of validation
        shots. One seed makes one log, except for the columns of seconds.
    epochs, batch_size : int or None
        Those of the exercise by default.
    preprocess : str
        ``"none"``, ``"log-mean"`` or ``"log-threshold"``.
    logdir : str or None
        Folder for TensorBoard scalars.
    log : callable
        Takes a line. Prints and flushes by default.
    stop : callable
        Asked between the steps. What it returns, if not None, is the reason to
        stop; it must return it from then on.
    resume_path : str or None
        File for the state of a stopped training; it is removed when the training ends.
    save_steps : int or None
        Also write the state every so many steps.
    save_minutes : float or None
        Also write the state when so many minutes have passed.
    resume : bool
        Go on from `resume_path`, with the same losses as if never stopped.
    trainer : callable or None
        Opens the graph; that of one process by default.
    command : str or None
        That goes on with this training, for whoever meets its unfinished checkpoint.
    """

    checkpoint: Optional[str] = None
    final_checkpoint: Optional[str] = None
    seed: int = 1
    epochs: Optional[int] = None
    batch_size: Optional[int] = None
    preprocess: str = "none"
    logdir: Optional[str] = None
    log: Callable[[str], None] = print_line
    stop: Callable[[], Optional[str]] = never_stop
    resume_path: Optional[str] = None
    save_steps: Optional[int] = None
    save_minutes: Optional[float] = None
    resume: bool = False
    trainer: Optional[TrainerFactory] = None
    command: Optional[str] = None
