"""What all shots of one run share: who lases, and the run's systematic errors.

The tutorial suspected that its networks had learned the run instead of the
physics. Here that is an option: with systematics a run has its own beam
position, RF phase drift, chirp, charge and sensor defects. Its lasing is either
confounded with the run (as in 2016) or independent of it.
"""

from typing import NamedTuple, Optional, Tuple

import numpy as np

from legacy_gbp.data.synthetic.camera import FRAME, BrightPixels, SensorDefects

DARK_RUN = 68
LASING_OF_RUN = {68: False, 69: False, 70: True, 71: True}
WEAK_RUNS = (72, 73)  # less charge than the runs that networks are trained on
WEAK_CHARGE = 0.92  # of the design charge
HOT_PIXELS = 40
DRIFT_PERIOD = 15  # chunks
DARK_PATTERN_WAVES = 4
DARK_PATTERN_RMS = 3  # counts


class Run(NamedTuple):
    """Conditions of a run.

    Attributes
    ----------
    number : int
        1..999.
    lases : bool or None
        None: half of the shots lase, and each has its own label.
    dark : bool
        Whether there is no beam at all.
    shift : tuple of float
        Beam position in rows and in columns of the full frame, from its centre.
    drift : float
        Amplitude of the RF phase drift, fs.
    chirp : float
        Added to that of both bunches, MeV.
    relative_charge : float
        Of a bunch, in units of the design charge.
    defects : SensorDefects
    """

    number: int
    lases: Optional[bool]
    dark: bool
    shift: Tuple[float, float]
    drift: float
    chirp: float
    relative_charge: float
    defects: SensorDefects


def run_conditions(
    number: int, seed: int, systematics: bool = True, independent: bool = False
) -> Run:
    """Draw what the shots of a run share.

    Parameters
    ----------
    number : int
        1..999. 68 is dark, 69 does not lase, 70 and 71 lase; any other lases in
        half of its shots.
    seed : int
        0 or more.
    systematics : bool
        False: every run has the same beam position, chirp and charge, and a
        sensor without defects, so that only the lasing tells runs apart.
    independent : bool
        True: every run except the dark one lases in half of its shots.

    Returns
    -------
    Run
    """
    dark = number == DARK_RUN
    lases = None if independent and not dark else LASING_OF_RUN.get(number)
    if not systematics:
        nowhere = BrightPixels(np.empty(0, int), np.empty(0, int), np.empty(0))
        defects = SensorDefects(nowhere, np.int16(0))
        return Run(number, lases, dark, (0.0, 0.0), 0.0, 0.0, 1.0, defects)
    rng = np.random.default_rng([seed, number])
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(4, 16)
    return Run(
        number=number,
        lases=lases,
        dark=dark,
        shift=(distance * np.sin(angle), distance * np.cos(angle)),
        drift=rng.uniform(3, 8),
        chirp=rng.normal(0, 1.0),
        relative_charge=WEAK_CHARGE if number in WEAK_RUNS else 1.0,
        defects=SensorDefects(
            hot_pixels=BrightPixels(
                rng.integers(0, FRAME[0], HOT_PIXELS),
                rng.integers(0, FRAME[1], HOT_PIXELS),
                rng.uniform(60, 250, HOT_PIXELS),
            ),
            dark_pattern=_dark_pattern(rng),
        ),
    )


def arrival_time(run: Run, chunk: int, fraction: float) -> float:
    """Return the arrival time of the beam by the run's RF phase drift.

    Parameters
    ----------
    run : Run
    chunk : int
        0 or more.
    fraction : float
        Of the chunk's shots that come before, 0..1.

    Returns
    -------
    float
        fs from the frame's centre, without the run's shift.
    """
    return float(run.drift * np.sin(2 * np.pi * (chunk + fraction) / DRIFT_PERIOD))


def _dark_pattern(rng: np.random.Generator) -> np.ndarray:
    """Return a residual dark image of 3 counts rms, rounded: four slow waves over the frame."""
    rows, columns = np.ogrid[: FRAME[0], : FRAME[1]]
    pattern = np.zeros(FRAME)
    for _ in range(DARK_PATTERN_WAVES):
        along_rows, along_columns = rng.uniform(-4, 4, 2) * 2 * np.pi / np.array(FRAME)
        phase = rng.uniform(0, 2 * np.pi)
        pattern += np.cos(along_rows * rows + along_columns * columns + phase)
    rms = np.sqrt(DARK_PATTERN_WAVES / 2)  # of the waves
    rounded: np.ndarray = np.rint(DARK_PATTERN_RMS / rms * pattern).astype(np.int16)
    return rounded
