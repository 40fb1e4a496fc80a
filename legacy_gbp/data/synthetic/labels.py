"""Which colours lase in each shot of a file, and what the labels say about it.

The labels come from a measured amplitude of each colour, as they did from the
photoelectron spectra of the experiment, so they are wrong where the
measurement is.
"""

from typing import NamedTuple

import numpy as np

from legacy_gbp.data.synthetic.run import Run
from legacy_gbp.data.xtcav import UNUSABLE

CLASS_PRIORS = (0.10, 0.21, 0.43, 0.26)  # neither, first, second, both
THRESHOLDS = (2.0, 4.0)  # of the measured amplitudes
DOUBTFUL = (2.0, 4.0)  # second amplitudes that the experiment did not trust


class Labels(NamedTuple):
    """Labels and truth of the shots of one file.

    Attributes
    ----------
    lasing : (n,) int8 array
        0 or 1: whether the machine was set to lase, by the run, or shot by shot
        in a run that lases in half of them. Wrong for the tenth of such shots
        where neither colour lases.
    peaks : (n,) int8 array
        ``acq.enPeaksLabel``: 0 neither, 1 first, 2 second, 3 both, -1 do not use.
    true_class : (n,) int8 array
        The same without its errors, 0..3.
    amplitude : (n, 2) float64 array
        What the colours reached; 0 where nothing lases.
    measured : (n, 2) float64 array
        The amplitude with its error; about 1, which is below the thresholds,
        where nothing lases.
    """

    lasing: np.ndarray
    peaks: np.ndarray
    true_class: np.ndarray
    amplitude: np.ndarray
    measured: np.ndarray


def draw_labels(
    run: Run,
    count: int,
    rng: np.random.Generator,
    unusable: float = 0.4,
    flip: float = 0.03,
    error: float = 0.1,
) -> Labels:
    """Draw the labels of one file.

    Parameters
    ----------
    run : Run
    count : int
        Number of shots, 1 or more.
    rng : numpy.random.Generator
    unusable : float
        Share of shots, 0..1, whose label is -1 whatever they show. Those with
        a doubtful second amplitude come on top.
    flip : float
        Share of the usable labels, 0..1, replaced by another class.
    error : float
        Relative standard error of the measured amplitudes, 0 or more.

    Returns
    -------
    Labels
    """
    lasing = rng.random(count) < 0.5 if run.lases is None else np.full(count, run.lases)
    drawn = rng.choice(4, count, p=CLASS_PRIORS)
    present = np.stack([drawn % 2, drawn // 2], axis=1) == 1
    # Beside the other one an absent colour still lases a little: the classes
    # overlap, as nature's do. The spectrum shows as much where nothing lases.
    weak = np.clip(rng.normal(1.05, 0.41, (count, 2)), 0, 1.95)
    strong = np.array([2.0, 4.05]) + rng.gamma(2.0, (0.35, 0.7), (count, 2))
    amplitude = np.where(present, strong, weak) * (lasing & (drawn > 0))[:, None]

    measured = np.where(amplitude > 0, amplitude, weak) * rng.normal(1, error, (count, 2))
    return Labels(
        lasing=lasing.astype(np.int8),
        peaks=_label(measured, unusable, flip, rng).astype(np.int8),
        true_class=np.where(lasing, drawn, 0).astype(np.int8),
        amplitude=amplitude,
        measured=measured,
    )


def _label(
    measured: np.ndarray, unusable: float, flip: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the classes of measured amplitudes, with the errors of labels, -1..3."""
    first, second = measured.T
    count = len(measured)
    label = (first >= THRESHOLDS[0]) + 2 * (second >= THRESHOLDS[1])
    flipped = rng.random(count) < flip
    label = np.where(flipped, (label + rng.integers(1, 4, count)) % 4, label)
    doubtful = (second >= DOUBTFUL[0]) & (second < DOUBTFUL[1])
    return np.where(doubtful | (rng.random(count) < unusable), UNUSABLE, label)
