"""What all shots of one run share: who lases, and the run's systematic errors.

The tutorial suspected that its networks had learned the run instead of the
physics. Here that is a switch: with systematics a run has its own beam
position, RF phase drift, chirp, charge and camera defects; confounded with the
run (as in 2016), or independent of it, is the lasing.
"""

from collections import namedtuple

import numpy as np

from legacy_gbp.data.synthetic.camera import FRAME

Run = namedtuple("Run", "number lases dark shift drift chirp charge hot_pixels pattern")
Run.__doc__ = """Conditions of a run.

number: 1..999; lases: True, False, or None (half of the shots, labelled shot by
shot); dark: no beam at all; shift: beam position (rows, columns of the full
frame); drift: amplitude of the RF phase drift (fs); chirp: added to that of
both bunches (MeV); charge: relative to the design; hot_pixels: rows, columns
and counts of defective pixels of the full frame; pattern: residual dark image
(counts), int16, FRAME or 0.
"""

DARK_RUN = 68
LASING_OF_RUN = {68: False, 69: False, 70: True, 71: True}
WEAK_RUNS = (72, 73)  # less charge than the runs that networks are trained on
HOT_PIXELS = 40
DRIFT_PERIOD = 15  # chunks


def run_conditions(number, seed, systematics=True, independent=False):
    """Draw what the shots of a run share.

    Parameters
    ----------
    number : int
        68 is dark, 69 does not lase, 70 and 71 lase; any other lases in half
        of its shots.
    seed : int
    systematics : bool
        False gives every run the same beam position, chirp, charge and a
        camera without defects, so that only the lasing tells runs apart.
    independent : bool
        Every run but the dark one lases in half of its shots.

    Returns
    -------
    Run
    """
    lases = LASING_OF_RUN.get(number)
    if independent and number != DARK_RUN:
        lases = None
    if not systematics:
        nowhere = (np.empty(0, int), np.empty(0, int), np.empty(0))
        return Run(
            number, lases, number == DARK_RUN, (0.0, 0.0), 0.0, 0.0, 1.0, nowhere, np.int16(0)
        )
    rng = np.random.default_rng([seed, number])
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(4, 16)
    return Run(
        number=number,
        lases=lases,
        dark=number == DARK_RUN,
        shift=(distance * np.sin(angle), distance * np.cos(angle)),
        drift=rng.uniform(3, 8),
        chirp=rng.normal(0, 1.0),
        charge=0.92 if number in WEAK_RUNS else 1.0,
        hot_pixels=(
            rng.integers(0, FRAME[0], HOT_PIXELS),
            rng.integers(0, FRAME[1], HOT_PIXELS),
            rng.uniform(60, 250, HOT_PIXELS),
        ),
        pattern=_dark_pattern(rng),
    )


def arrival(run, chunk, share):
    """Beam position in time, by the run's shift and its RF phase drift.

    Parameters
    ----------
    run : Run
    chunk : int
    share : float
        Place in the chunk, 0..1.

    Returns
    -------
    float
        fs from the frame's centre, but for the run's shift in pixels.
    """
    return run.drift * np.sin(2 * np.pi * (chunk + share) / DRIFT_PERIOD)


def _dark_pattern(rng):
    """Residual dark image of 3 counts rms, whole counts: four slow waves over the frame."""
    rows, columns = np.ogrid[: FRAME[0], : FRAME[1]]
    pattern = np.zeros(FRAME)
    for _ in range(4):
        along_rows, along_columns = rng.uniform(-4, 4, 2) * 2 * np.pi / np.array(FRAME)
        phase = rng.uniform(0, 2 * np.pi)
        pattern += np.cos(along_rows * rows + along_columns * columns + phase)
    return np.rint(3 / np.sqrt(2) * pattern).astype(np.int16)
