"""What lasing does to one bunch: energy loss and X-ray power along time.

Self-amplified spontaneous emission starts from noise: spikes of about 2 fs,
exponentially distributed, within the part of the bunch that lases.
"""

import numpy as np

from legacy_gbp.data.synthetic.bunch import COLUMN_TIMES
from legacy_gbp.data.synthetic.camera import FS_PER_COLUMN

SPIKE = 2.0  # fs
LOSS_OF_AMPLITUDE = ((3.0, 1.6), (2.0, 0.7))  # MeV at zero, MeV an amplitude; both colours


def draw_loss(bunch, colour, amplitude, rng):
    """Energy that each column of a bunch loses.

    Parameters
    ----------
    bunch : Bunch
    colour : int
        0 the first (high energy), 1 the second.
    amplitude : float
        As in the labels; 0: no lasing.
    rng : numpy.random.Generator

    Returns
    -------
    (568,) float64
        MeV.
    """
    noise = rng.exponential(1.0, COLUMN_TIMES.size)
    middle = bunch.time + rng.normal(0, 0.4) * bunch.width
    gate = np.exp(-0.5 * ((COLUMN_TIMES - middle) / rng.uniform(4, 8)) ** 2)
    profile = np.convolve(noise, _spike_kernel(), "same") * gate
    if amplitude == 0:
        return np.zeros(COLUMN_TIMES.size)
    base, slope = LOSS_OF_AMPLITUDE[colour]
    return (base + slope * amplitude) * profile / profile.max()


def power(current, loss):
    """X-ray power: what the electrons of a slice lost, in the time that they took to pass.

    P = I * dE / e, Ding et al. 2011.

    Parameters
    ----------
    current : (568,) array
        kA.
    loss : (568,) array
        MeV.

    Returns
    -------
    (568,) float64
        GW.
    """
    return current * loss


def _spike_kernel():
    time = np.arange(-6, 7) * FS_PER_COLUMN
    kernel = np.exp(-0.5 * (time / SPIKE) ** 2)
    return kernel / kernel.sum()
