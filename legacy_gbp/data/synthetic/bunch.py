"""One electron bunch along time: current, energy, slice spread, charge density.

Columns of the frame are time, rows are energy; see :mod:`.camera`.
"""

from collections import namedtuple

import numpy as np

from legacy_gbp.data.synthetic.camera import FRAME, FS_PER_COLUMN, MEV_PER_ROW

DESIGN_CHARGE = 75.0  # pC, half of the 150 pC that the twin bunches share
TAIL_SHARE = 0.25  # of a slice's charge, in the middle of the tail
REACH = 4.0  # slice spreads on either side of a slice that are drawn
LENGTH = 2.7  # widths tau on either side of a bunch that are drawn
LEAST_LOSS = 1e-3  # MeV
LEAST_TAIL = 1e-3  # of the tail's largest charge
DOWNSTREAM_SPREAD = 0.9  # spread gained by lasing, in units of the energy lost

Bunch = namedtuple("Bunch", "time energy width chirp curvature wave phase horns charge spread tail")
Bunch.__doc__ = """One bunch.

time (fs) and energy (MeV) from the frame's centre; width tau (fs); chirp,
curvature and wave (MeV) and phase (rad) shape E(t), an S; horns: two relative
current spikes; charge (pC); slice spread (MeV); tail: time (fs from the bunch's
own), duration (fs) and depth (MeV) of a faint tail towards low energies, a
distractor that is no lasing.
"""

Slices = namedtuple("Slices", "inside energy spread core tail depth")
Slices.__doc__ = """A bunch cut into the columns of the full frame, (568,) each.

inside: bool, columns that are drawn; energy: mean energy before lasing (MeV from
the frame's centre); spread (MeV, one for all); core, tail: charge (pC) of the
slice, and of its tail towards low energies; depth of that tail (MeV).
"""

COLUMN_TIMES = (np.arange(FRAME[1]) - (FRAME[1] - 1) / 2) * FS_PER_COLUMN  # fs
ROW_ENERGIES = (np.arange(FRAME[0]) - (FRAME[0] - 1) / 2) * MEV_PER_ROW  # MeV


def draw_bunch(time, energy, charge, chirp, rng):
    """Draw the shape of one bunch.

    Parameters
    ----------
    time, energy : float
        fs and MeV from the frame's centre.
    charge : float
        pC.
    chirp : float
        MeV, added to the bunch's own.
    rng : numpy.random.Generator

    Returns
    -------
    Bunch
    """
    return Bunch(
        time=time,
        energy=energy,
        width=rng.normal(29, 3),
        chirp=rng.normal(3, 1) + chirp,
        curvature=rng.normal(0, 1),
        wave=rng.normal(4, 0.8),
        phase=rng.normal(0, 0.3),
        horns=(rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.4)),
        charge=charge,
        spread=rng.uniform(2.4, 3.7),
        tail=(rng.normal(0, 20), rng.uniform(4, 9), rng.uniform(25, 40)),
    )


def cut(bunch):
    """Cut a bunch into slices.

    Its current is that of a flat bunch with two spikes, its energy an S along
    time.

    Parameters
    ----------
    bunch : Bunch

    Returns
    -------
    Slices
    """
    u = (COLUMN_TIMES - bunch.time) / bunch.width
    front = np.exp(-0.5 * ((u - 0.6) / 0.35) ** 2)
    back = np.exp(-0.5 * ((u + 0.8) / 0.3) ** 2)
    shape = np.exp(-0.5 * np.abs(u) ** 3) * (1 + bunch.horns[0] * front + bunch.horns[1] * back)
    charge = bunch.charge * shape / shape.sum()
    wave = bunch.wave * np.sin(2.2 * u + bunch.phase)
    when, duration, depth = bunch.tail
    share = TAIL_SHARE * np.exp(-0.5 * ((COLUMN_TIMES - bunch.time - when) / duration) ** 2)
    return Slices(
        inside=np.abs(u) < LENGTH,
        energy=bunch.energy + bunch.chirp * u + bunch.curvature * u**2 + wave,
        spread=bunch.spread,
        core=charge * (1 - share),
        tail=charge * share,
        depth=depth,
    )


def lasing_current(slices):
    """Current of every column that can lase: without the tail.

    Returns
    -------
    (568,) float64
        kA, which is pC/fs.
    """
    return slices.core / FS_PER_COLUMN


def still_charge(slices):
    """Charge of every pixel before lasing: Gaussians in energy, and the tail.

    Returns
    -------
    list of (where, density)
        To be added up: `where` is a pair of slices of the full frame with even
        bounds, density the (rows, columns) float64 charge of its pixels in pC.
    """
    core = _window(slices.energy, slices.spread, slices.inside)
    tailing = slices.inside & (slices.tail > LEAST_TAIL * slices.tail.max())
    tail = _window(slices.energy - slices.depth / 2, slices.depth / 2 / REACH, tailing)
    return [(core, _core(slices, core, 0.0)), (tail, _tail(slices, tail))]


def moved_charge(slices, loss):
    """What lasing changes: slices move down by the energy lost and widen by 0.9 of it.

    Both shapes of a slice are normalised on the rows of the frame, so lasing
    moves no charge between columns, nor out of the frame.

    Parameters
    ----------
    slices : Slices
    loss : (568,) float64
        Energy lost by each column, MeV.

    Returns
    -------
    where, density
        As of :func:`still_charge`; every column of density adds up to 0.
    """
    lasing = slices.inside & (loss > LEAST_LOSS)
    higher = _window(slices.energy, slices.spread, lasing)[0]
    rows, columns = _window(slices.energy - loss, _widened(slices, loss), lasing)
    where = slice(min(rows.start, higher.start), max(rows.stop, higher.stop)), columns
    return where, _core(slices, where, loss[columns]) - _core(slices, where, 0.0)


def _core(slices, where, loss):
    """Gaussian slices in a window of the frame, after an energy loss."""
    rows, columns = where
    deviates = np.subtract.outer(ROW_ENERGIES[rows], slices.energy[columns] - loss)
    deviates /= _widened(slices, loss)
    shape = np.exp(np.multiply(deviates, -0.5 * deviates, out=deviates), out=deviates)
    return _spread_out(shape, slices.core[columns])


def _tail(slices, where):
    rows, columns = where
    below = np.subtract.outer(-ROW_ENERGIES[rows], -slices.energy[columns]) / slices.depth
    shape = np.where((below > 0) & (below < 1), (1 - below) ** 2, 0.0)
    return _spread_out(shape, slices.tail[columns])


def _widened(slices, loss):
    return np.hypot(slices.spread, DOWNSTREAM_SPREAD * loss)


def _spread_out(shape, charge):
    """Scale the columns of `shape` to hold `charge`; nothing where the shape has left the frame."""
    total = shape.sum(axis=0)
    shape *= charge * (total > 0) / np.maximum(total, np.finfo(float).tiny)
    return shape


def _window(energy, spread, columns):
    """Slices of the frame that hold Gaussians of that energy and spread at some columns."""
    if not columns.any():
        return slice(0, 0), slice(0, 0)
    lowest = (energy - REACH * spread)[columns].min()
    highest = (energy + REACH * spread)[columns].max()
    rows = (lowest <= ROW_ENERGIES) & (highest >= ROW_ENERGIES)
    return _even_slice(rows), _even_slice(columns)


def _even_slice(inside):
    """The smallest slice with even bounds that holds every place marked."""
    places = np.nonzero(inside)[0]
    if not len(places):
        return slice(0, 0)
    return slice(places[0] // 2 * 2, (places[-1] // 2 + 1) * 2)
