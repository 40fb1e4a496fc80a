"""From charge on the screen to camera counts, and from counts to ``xtcavimg``.

Axes of the camera frame (726, 568): rows are energy, 0.19 MeV each, a larger
row is a higher energy; columns are time, 0.9 fs each. The stored image has half
of both, so 0.38 MeV and 1.8 fs a pixel.
"""

import functools
import math
from collections import namedtuple

import numpy as np

FRAME = (726, 568)
IMAGE = (FRAME[0] // 2, FRAME[1] // 2)
FS_PER_COLUMN = 0.9
MEV_PER_ROW = 0.19
MOST_COUNTS = 4095
DESIGN_PEAK = 0.026  # pC a pixel, in a design bunch without its current spikes
COUNTS_PER_ELECTRON = 4.0

Camera = namedtuple("Camera", "sensitivity read_noise gain speckles")
Camera.__doc__ = """The camera in one shot.

sensitivity: counts per pC on a pixel; read_noise: counts rms; gain: counts per
photoelectron, which makes the shot noise; 0 for none; speckles: rows, columns
and counts of X-rays that hit the sensor.
"""


def draw_camera(rng, noise=True):
    """Draw one shot's camera.

    In most shots a speckle 1.4 to 2.2 times as bright as the flat part of the
    beam sets the scale. The measured images leave no other choice: a background
    of 6 of 255 under a read noise of 7-10 counts means that the largest count
    is near 1700, while the beam's is near 1000.

    Parameters
    ----------
    rng : numpy.random.Generator
    noise : bool
        False: neither noise nor speckles.

    Returns
    -------
    Camera
    """
    peak = np.clip(rng.normal(900, 200) + 0.05 * rng.exponential(1000), 300, 2000)
    read_noise = rng.uniform(7, 10)
    faint = rng.exponential(250, rng.integers(0, 6))
    brightest = peak * (rng.uniform(1.5, 3) if rng.random() < 0.03 else rng.uniform(1.4, 2.2))
    counts = np.append(faint, brightest)
    rows = rng.integers(0, FRAME[0], counts.size)
    columns = rng.integers(0, FRAME[1], counts.size)
    if not noise:
        return Camera(peak / DESIGN_PEAK, 0.0, 0.0, (rows[:0], columns[:0], counts[:0]))
    return Camera(peak / DESIGN_PEAK, read_noise, COUNTS_PER_ELECTRON, (rows, columns, counts))


def photograph(beam, box, camera, run, seed):
    """Read out one frame: shot and read noise, dark pattern, hot pixels, speckles, clipping.

    Parameters
    ----------
    beam : (rows, columns) float64
        Noiseless counts of the part of the frame that the beam lights.
    box : pair of slice
        That part.
    camera : Camera
    run : Run
    seed : list of int
        Of the noise. The same seed gives a twin the same noise.

    Returns
    -------
    (726, 568) int16
        Counts above the dark level, at most 4095.
    """
    draws = np.random.PCG64(seed).random_raw(FRAME[0] * FRAME[1] // 4).view(np.uint16)
    draws = draws.reshape(FRAME)
    quantiles = _normal_quantiles()
    noise = np.rint(camera.read_noise * quantiles).astype(np.int8).take(draws, mode="wrap")
    counts = noise.astype(np.int16)
    # Noiseless counts are made whole first: the last bits of exp() differ
    # between NumPy versions, images must not.
    beam = np.rint(beam).astype(np.float32)
    noise = quantiles.take(draws[box], mode="wrap")
    noise *= np.sqrt(np.float32(camera.gain) * beam + np.float32(camera.read_noise**2))
    counts[box] = np.rint(np.minimum(beam + noise, np.float32(MOST_COUNTS)))
    counts += run.pattern
    for rows, columns, heights in (run.hot_pixels, camera.speckles):
        np.add.at(counts, (rows, columns), np.minimum(heights, MOST_COUNTS).astype(np.int16))
    return np.clip(counts, -MOST_COUNTS, MOST_COUNTS, out=counts)


def sum_of_blocks(frame):
    """Sum of every block of 2 x 2 pixels: four times what halving bilinearly gives."""
    rows = frame[::2] + frame[1::2]
    return rows[:, ::2] + rows[:, 1::2]


def to_xtcavimg(counts, low, high):
    """Scale a frame from `low`..`high` to 0..255 and halve it.

    Parameters
    ----------
    counts : (726, 568) int16
        At most 4095.
    low, high : int
        The frame's own smallest and largest count.

    Returns
    -------
    (363, 284) int16
        0..255.
    """
    scaled = (sum_of_blocks(counts) - np.int16(4 * low)) * np.float32(grey_levels(low, high) / 4)
    return np.rint(np.clip(scaled, 0, 255, out=scaled), out=scaled).astype(np.int16)


def grey_levels(low, high):
    """Grey levels of one count when `low`..`high` become 0..255; 0 for an even frame."""
    return 255 / (high - low) if high > low else 0.0


@functools.lru_cache(maxsize=1)
def _normal_quantiles():
    """65,536 equally likely values of a standard normal deviate, float32, up to 4.3 sigma.

    One 16-bit random number looks up the noise of a pixel: several times as
    fast as drawing normal deviates, which would take longest of all.
    """
    grid = np.linspace(-6, 6, 24001)
    cumulative = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in grid])
    quantiles = np.interp((np.arange(1 << 16) + 0.5) / (1 << 16), cumulative, grid)
    return quantiles.astype(np.float32)
