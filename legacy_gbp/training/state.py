"""What a training has reached, and all that it needs to go on."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple


@dataclass
class TrainingState:
    """A training between two steps. A resumed training goes on counting.

    Attributes
    ----------
    settings : dict
        What must be the same in a resumed training; see
        :func:`legacy_gbp.training.resume_policy.settings_of`.
    total_steps : int
        Of the training when complete.
    epoch, batch : int
        The epoch at hand and how many of its batches are done.
    losses : list of tuple of float32
        One number for every loss column, one tuple a step.
    accuracies : list of (int, float)
        Step and validation accuracy, 0..1.
    best_accuracy : float
        -1 before the first validation.
    best_step : int or None
    stopped : str or None
        Why it was stopped before its end.
    rng_state : tuple or None
        ``numpy.random.RandomState.get_state()`` before the epoch's shuffle.
    variables : dict of str to array
        Every variable of the graph; filled when the state is written down.
    written_by : dict
        Versions and threads, for information.
    """

    settings: Dict[str, Any] = field(default_factory=dict)
    total_steps: int = 0
    epoch: int = 0
    batch: int = 0
    losses: List[Tuple[float, ...]] = field(default_factory=list)
    accuracies: List[Tuple[int, float]] = field(default_factory=list)
    best_accuracy: float = -1.0
    best_step: Optional[int] = None
    stopped: Optional[str] = None
    rng_state: Any = None
    variables: Dict[str, Any] = field(default_factory=dict)
    written_by: Dict[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Number of steps done."""
        return len(self.losses)

    def add_step(self, losses: Tuple[float, ...]) -> None:
        """Record that the batch at hand is done.

        Parameters
        ----------
        losses : tuple of float
        """
        self.losses.append(losses)
        self.batch += 1

    def add_validation(self, accuracy: float) -> bool:
        """Record a validation after the last step.

        Parameters
        ----------
        accuracy : float
            0..1.

        Returns
        -------
        bool
            Whether it is strictly the best.
        """
        step = self.steps - 1
        self.accuracies.append((step, accuracy))
        if accuracy <= self.best_accuracy:
            return False
        self.best_accuracy, self.best_step = accuracy, step
        return True
