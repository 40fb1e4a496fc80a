"""What lasing does to one bunch: energy loss and X-ray power along time.

Self-amplified spontaneous emission starts from noise: spikes of about 2 fs,
exponentially distributed, within the part of the bunch that lases.
"""

import numpy as np

from legacy_gbp.data.synthetic.bunch import COLUMN_TIMES, Bunch
from legacy_gbp.data.synthetic.camera import FS_PER_COLUMN

SPIKE = 2.0  # fs
LOSS_OF_AMPLITUDE = ((3.0, 1.6), (2.0, 0.7))  # MeV at zero, MeV an amplitude; both colours


def draw_loss(bunch: Bunch, colour: int, amplitude: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the energy that each column of a bunch loses.

    Parameters
    ----------
    bunch : Bunch
    colour : int
        0 the first (high energy), 1 the second.
    amplitude : float
        As in the labels, 0 or more; 0: no lasing.
    rng : numpy.random.Generator
        The same numbers are drawn for every amplitude.

    Returns
    -------
    (568,) float64 array
        MeV, 0 or more. Its largest value depends on colour and amplitude alone.
    """
    noise = rng.exponential(1.0, COLUMN_TIMES.size)
    middle = bunch.time + rng.normal(0, 0.4) * bunch.width
    gate = np.exp(-0.5 * ((COLUMN_TIMES - middle) / rng.uniform(4, 8)) ** 2)
    profile = np.convolve(noise, _spike_kernel(), "same") * gate
    if amplitude == 0:
        return np.zeros(COLUMN_TIMES.size)
    base, slope = LOSS_OF_AMPLITUDE[colour]
    loss: np.ndarray = (base + slope * amplitude) * profile / profile.max()
    return loss


def power(current: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Return the X-ray power: what the electrons of a slice lost, per time that they passed.

    Parameters
    ----------
    current : (568,) array
        I, kA.
    loss : (568,) array
        dE, MeV.

    Returns
    -------
    (568,) float64 array
        P = I dE / e, GW.

    References
    ----------
    Y. Ding et al., Phys. Rev. ST Accel. Beams 14, 120701 (2011).
    """
    gigawatts: np.ndarray = current * loss
    return gigawatts


def _spike_kernel() -> np.ndarray:
    time = np.arange(-6, 7) * FS_PER_COLUMN
    kernel = np.exp(-0.5 * (time / SPIKE) ** 2)
    normalised: np.ndarray = kernel / kernel.sum()
    return normalised
