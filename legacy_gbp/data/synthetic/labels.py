"""Which colours lase in each shot of a file, and what the labels say about it.

The labels come from a measured amplitude of each colour, as they did from the
photoelectron spectra of the experiment, so they are wrong where the
measurement is.
"""

from collections import namedtuple

import numpy as np

CLASS_PRIORS = (0.10, 0.21, 0.43, 0.26)  # neither, first, second, both
THRESHOLDS = (2.0, 4.0)  # of the measured amplitudes
DOUBTFUL = (2.0, 4.0)  # second amplitudes that the experiment did not trust
UNUSABLE = -1

Labels = namedtuple("Labels", "lasing colour true_class amplitude measured")
Labels.__doc__ = """Labels and truth of the shots of one file.

lasing: (N,) int8, 0/1, whether the machine was set to lase: by the run, or shot
by shot in a run that lases in half of them. Wrong for the tenth of such shots
where neither colour lases. colour: (N,) int8, 0 neither, 1 first, 2 second, 3 both,
-1 do not use. true_class: (N,) int8, 0..3. amplitude: (N, 2) float64, what the
colours reached; 0 where nothing lases. measured: the same with its error, and a
floor below the thresholds where nothing lases.
"""


def draw_labels(run, shots, rng, unusable=0.4, flip=0.03, error=0.1):
    """Draw the labels of one file.

    Parameters
    ----------
    run : Run
    shots : int
    rng : numpy.random.Generator
    unusable : float
        Share of shots, 0..1, whose label is -1 whatever they show. Those with
        a doubtful second amplitude come on top.
    flip : float
        Share of the usable labels, 0..1, replaced by another class.
    error : float
        Relative standard error of the measured amplitudes.

    Returns
    -------
    Labels
    """
    lasing = rng.random(shots) < 0.5 if run.lases is None else np.full(shots, run.lases)
    drawn = rng.choice(4, shots, p=CLASS_PRIORS)
    lit = np.stack([drawn % 2, drawn // 2], axis=1) == 1
    # Beside the other one an absent colour still lases a little: the classes
    # overlap, as nature's do. The spectrum shows as much where nothing lases.
    absent = np.clip(rng.normal(1.05, 0.41, (shots, 2)), 0, 1.95)
    present = np.array([2.0, 4.05]) + rng.gamma(2.0, (0.35, 0.7), (shots, 2))
    amplitude = np.where(lit, present, absent) * (lasing & (drawn > 0))[:, None]

    measured = np.where(amplitude > 0, amplitude, absent) * rng.normal(1, error, (shots, 2))
    first, second = measured.T
    colour = (first >= THRESHOLDS[0]) + 2 * (second >= THRESHOLDS[1])
    flipped = rng.random(shots) < flip
    colour = np.where(flipped, (colour + rng.integers(1, 4, shots)) % 4, colour)
    doubtful = (second >= DOUBTFUL[0]) & (second < DOUBTFUL[1])
    colour = np.where(doubtful | (rng.random(shots) < unusable), UNUSABLE, colour)
    return Labels(
        lasing=lasing.astype(np.int8),
        colour=colour.astype(np.int8),
        true_class=np.where(lasing, drawn, 0).astype(np.int8),
        amplitude=amplitude,
        measured=measured,
    )
