"""From charge on the screen to camera counts, and from counts to ``xtcavimg``.

Axes of the camera frame (726, 568): rows are energy, 0.19 MeV each, and a larger
row is a higher energy; columns are time, 0.9 fs each. The stored image has half
of both, so 0.38 MeV and 1.8 fs a pixel.
"""

import functools
import math
from typing import NamedTuple, Sequence, Tuple, Union

import numpy as np

FRAME = (726, 568)
IMAGE = (FRAME[0] // 2, FRAME[1] // 2)
FS_PER_COLUMN = 0.9
MEV_PER_ROW = 0.19
SATURATION_COUNTS = 4095
DESIGN_PEAK = 0.026  # pC a pixel, in a design bunch without its current spikes
COUNTS_PER_ELECTRON = 4.0
READ_NOISE = (7, 10)  # counts rms, smallest and largest

Roi = Tuple[slice, slice]  # region of interest: rows and columns of the full frame


class BrightPixels(NamedTuple):
    """Single pixels of the full frame that are brighter than the beam makes them.

    Attributes
    ----------
    rows : (n,) int64 array
        0..725.
    columns : (n,) int64 array
        0..567.
    counts : (n,) float64 array
        Added to the pixel, 0 or more.
    """

    rows: np.ndarray
    columns: np.ndarray
    counts: np.ndarray


class SensorDefects(NamedTuple):
    """Defects of the sensor, the same in all shots of a run.

    Attributes
    ----------
    hot_pixels : BrightPixels
    dark_pattern : (726, 568) int16 array, or numpy.int16
        Residual dark image, counts; 0 for a sensor without it.
    """

    hot_pixels: BrightPixels
    dark_pattern: Union[np.ndarray, np.int16]


class Camera(NamedTuple):
    """The camera in one shot.

    Attributes
    ----------
    sensitivity : float
        Counts per pC on a pixel.
    read_noise : float
        Counts rms.
    counts_per_electron : float
        Counts per photoelectron, which set the shot noise; 0 for none.
    speckles : BrightPixels
        X-rays that hit the sensor.
    """

    sensitivity: float
    read_noise: float
    counts_per_electron: float
    speckles: BrightPixels


def draw_camera(rng: np.random.Generator, noise: bool = True) -> Camera:
    """Draw one shot's camera.

    In most shots a speckle 1.4 to 2.2 times as bright as the flat part of the
    beam sets the scale. The measured images leave no other choice: a background
    of 6 of 255 under a read noise of 7-10 counts means that the largest count
    is near 1700, while the beam's is near 1000.

    Parameters
    ----------
    rng : numpy.random.Generator
        The same numbers are drawn with noise and without it.
    noise : bool
        False: neither noise nor speckles.

    Returns
    -------
    Camera
    """
    peak = np.clip(rng.normal(900, 200) + 0.05 * rng.exponential(1000), 300, 2000)
    read_noise = rng.uniform(*READ_NOISE)
    faint = rng.exponential(250, rng.integers(0, 6))
    brightest = peak * (rng.uniform(1.5, 3) if rng.random() < 0.03 else rng.uniform(1.4, 2.2))
    counts = np.append(faint, brightest)
    rows = rng.integers(0, FRAME[0], counts.size)
    columns = rng.integers(0, FRAME[1], counts.size)
    sensitivity = peak / DESIGN_PEAK
    if not noise:
        return Camera(sensitivity, 0.0, 0.0, BrightPixels(rows[:0], columns[:0], counts[:0]))
    speckles = BrightPixels(rows, columns, counts)
    return Camera(sensitivity, read_noise, COUNTS_PER_ELECTRON, speckles)


def read_out(
    beam: np.ndarray, roi: Roi, camera: Camera, defects: SensorDefects, seed: Sequence[int]
) -> np.ndarray:
    """Read out one frame: shot and read noise, dark pattern, hot pixels, speckles, clipping.

    Parameters
    ----------
    beam : (rows, columns) float64 array
        Noiseless counts of the region of interest, 0 or more.
    roi : tuple of slice
        The part of the frame that the beam lights.
    camera : Camera
    defects : SensorDefects
    seed : sequence of int
        Of the noise. With the same seed a twin has the same noise.

    Returns
    -------
    (726, 568) int16 array
        Counts above the dark level, -4095..4095.
    """
    draws = np.random.PCG64(seed).random_raw(FRAME[0] * FRAME[1] // 4).view(np.uint16)
    draws = draws.reshape(FRAME)
    quantiles = _normal_quantiles()
    noise = np.rint(camera.read_noise * quantiles).astype(np.int8).take(draws, mode="wrap")
    counts: np.ndarray = noise.astype(np.int16)
    # Noiseless counts are rounded first: the last bits of exp() differ between
    # NumPy versions, images must not.
    beam = np.rint(beam).astype(np.float32)
    noise = quantiles.take(draws[roi], mode="wrap")
    shot_variance = np.float32(camera.counts_per_electron) * beam
    noise *= np.sqrt(shot_variance + np.float32(camera.read_noise**2))
    counts[roi] = np.rint(np.minimum(beam + noise, np.float32(SATURATION_COUNTS)))
    counts += defects.dark_pattern
    for rows, columns, bright in (defects.hot_pixels, camera.speckles):
        added = np.minimum(bright, SATURATION_COUNTS).astype(np.int16)
        np.add.at(counts, (rows, columns), added)
    return np.clip(counts, -SATURATION_COUNTS, SATURATION_COUNTS, out=counts)


def sum_of_blocks(frame: np.ndarray) -> np.ndarray:
    """Return the sum of every block of 2 x 2 pixels.

    It is four times what halving the frame bilinearly returns.

    Parameters
    ----------
    frame : (2 h, 2 w) array
        Of any number type.

    Returns
    -------
    (h, w) array
        Of the same type.
    """
    rows = frame[::2] + frame[1::2]
    blocks: np.ndarray = rows[:, ::2] + rows[:, 1::2]
    return blocks


def to_xtcavimg(counts: np.ndarray, low: int, high: int) -> np.ndarray:
    """Scale a frame from `low`..`high` to 0..255 and halve it.

    Parameters
    ----------
    counts : (726, 568) int16 array
        -4095..4095.
    low, high : int
        The frame's own smallest and largest count.

    Returns
    -------
    (363, 284) int16 array
        Grey levels, 0..255.
    """
    grey = np.float32(grey_levels_per_count(low, high) / 4)
    scaled = (sum_of_blocks(counts) - np.int16(4 * low)) * grey
    image: np.ndarray = np.rint(np.clip(scaled, 0, 255, out=scaled), out=scaled).astype(np.int16)
    return image


def grey_levels_per_count(low: int, high: int) -> float:
    """Return the grey levels of one count when `low`..`high` become 0..255.

    Parameters
    ----------
    low, high : int
        Counts.

    Returns
    -------
    float
        0 where both are the same.
    """
    return 255 / (high - low) if high > low else 0.0


def image_mask(pixels: BrightPixels) -> np.ndarray:
    """Return where pixels of the full frame lie in the stored image.

    Parameters
    ----------
    pixels : BrightPixels

    Returns
    -------
    (363, 284) bool array
    """
    mask = np.zeros(IMAGE, bool)
    mask[pixels.rows // 2, pixels.columns // 2] = True
    return mask


@functools.lru_cache(maxsize=1)
def _normal_quantiles() -> np.ndarray:
    """Return 65,536 equally likely values of a standard normal deviate, float32, to 4.3 sigma.

    One 16-bit random number looks up the noise of a pixel: several times as
    fast as drawing normal deviates, which would take longest of all.
    """
    grid = np.linspace(-6, 6, 24001)
    cumulative = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in grid])
    quantiles = np.interp((np.arange(1 << 16) + 0.5) / (1 << 16), cumulative, grid)
    return quantiles.astype(np.float32)
