"""One electron bunch along time: current, energy, slice spread, charge density.

Columns of the frame are time, rows are energy; see :mod:`.camera`.
"""

from typing import List, NamedTuple, Tuple, Union

import numpy as np

from legacy_gbp.data.synthetic.camera import FRAME, FS_PER_COLUMN, MEV_PER_ROW, Roi

DESIGN_CHARGE = 75.0  # pC, half of the 150 pC that the twin bunches share
TAIL_SHARE = 0.25  # of a slice's charge, in the middle of the tail
REACH = 4.0  # slice spreads on either side of a slice that are drawn
LENGTH = 2.7  # widths tau on either side of a bunch that are drawn
LEAST_LOSS = 1e-3  # MeV
LEAST_TAIL = 1e-3  # of the tail's largest charge
DOWNSTREAM_SPREAD = 0.9  # spread gained by lasing, in units of the energy lost

COLUMN_TIMES = (np.arange(FRAME[1]) - (FRAME[1] - 1) / 2) * FS_PER_COLUMN  # fs
ROW_ENERGIES = (np.arange(FRAME[0]) - (FRAME[0] - 1) / 2) * MEV_PER_ROW  # MeV


class Tail(NamedTuple):
    """A faint tail of a bunch towards low energies, a distractor that is no lasing.

    Attributes
    ----------
    time : float
        Of its middle, fs from the bunch's own.
    duration : float
        Standard deviation, fs.
    depth : float
        How far it reaches below the bunch, MeV.
    """

    time: float
    duration: float
    depth: float


class Bunch(NamedTuple):
    """The shape of one bunch, from which its charge density follows.

    With u = (t - time) / width, its energy is energy + chirp u + curvature u^2
    + wave sin(2.2 u + phase), an S along time.

    Attributes
    ----------
    time : float
        Of its middle, fs from the frame's centre.
    energy : float
        MeV from the frame's centre.
    width : float
        tau, fs.
    chirp, curvature, wave : float
        MeV.
    phase : float
        rad.
    horns : tuple of float
        Heights of the current spikes, front and back, in units of the current
        between them.
    charge : float
        pC.
    spread : float
        Slice energy spread, MeV rms.
    tail : Tail
    """

    time: float
    energy: float
    width: float
    chirp: float
    curvature: float
    wave: float
    phase: float
    horns: Tuple[float, float]
    charge: float
    spread: float
    tail: Tail


class Slices(NamedTuple):
    """A bunch cut into the columns of the full frame.

    Attributes
    ----------
    inside : (568,) bool array
        Columns that are drawn.
    energy : (568,) float64 array
        Mean energy before lasing, MeV from the frame's centre.
    spread : float
        Slice energy spread, MeV rms, the same for all.
    core : (568,) float64 array
        Charge of the slice without its tail, pC.
    tail : (568,) float64 array
        Charge of the slice's tail towards low energies, pC.
    depth : float
        Of that tail, MeV.
    """

    inside: np.ndarray
    energy: np.ndarray
    spread: float
    core: np.ndarray
    tail: np.ndarray
    depth: float


class Patch(NamedTuple):
    """Charge in a region of the full frame. Patches of one frame are added up.

    Attributes
    ----------
    roi : tuple of slice
        Rows and columns, with even bounds.
    density : (rows, columns) float64 array
        Charge of each pixel, pC.
    """

    roi: Roi
    density: np.ndarray


def draw_bunch(
    time: float, energy: float, charge: float, chirp: float, rng: np.random.Generator
) -> Bunch:
    """Draw the shape of one bunch.

    Parameters
    ----------
    time : float
        fs from the frame's centre.
    energy : float
        MeV from the frame's centre.
    charge : float
        pC, 0 or more.
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
        tail=Tail(rng.normal(0, 20), rng.uniform(4, 9), rng.uniform(25, 40)),
    )


def cut(bunch: Bunch) -> Slices:
    """Cut a bunch into slices.

    Its current is that of a flat bunch with two spikes, its energy an S along
    time.

    Parameters
    ----------
    bunch : Bunch

    Returns
    -------
    Slices
        Core and tail together have the bunch's charge.
    """
    u = (COLUMN_TIMES - bunch.time) / bunch.width
    front = np.exp(-0.5 * ((u - 0.6) / 0.35) ** 2)
    back = np.exp(-0.5 * ((u + 0.8) / 0.3) ** 2)
    shape = np.exp(-0.5 * np.abs(u) ** 3) * (1 + bunch.horns[0] * front + bunch.horns[1] * back)
    charge = bunch.charge * shape / shape.sum()
    wave = bunch.wave * np.sin(2.2 * u + bunch.phase)
    tail = bunch.tail
    from_tail = (COLUMN_TIMES - bunch.time - tail.time) / tail.duration
    share = TAIL_SHARE * np.exp(-0.5 * from_tail**2)
    return Slices(
        inside=np.abs(u) < LENGTH,
        energy=bunch.energy + bunch.chirp * u + bunch.curvature * u**2 + wave,
        spread=bunch.spread,
        core=charge * (1 - share),
        tail=charge * share,
        depth=tail.depth,
    )


def lasing_current(slices: Slices) -> np.ndarray:
    """Return the current of every column that can lase: that without the tail.

    Parameters
    ----------
    slices : Slices

    Returns
    -------
    (568,) float64 array
        kA, which is pC/fs.
    """
    current: np.ndarray = slices.core / FS_PER_COLUMN
    return current


def lasing_off_charge(slices: Slices) -> List[Patch]:
    """Return the charge of every pixel before lasing: Gaussians in energy, and the tail.

    Parameters
    ----------
    slices : Slices

    Returns
    -------
    list of Patch
        The core, then the tail.
    """
    core = _region(slices.energy, slices.spread, slices.inside)
    tailing = slices.inside & (slices.tail > LEAST_TAIL * slices.tail.max())
    tail = _region(slices.energy - slices.depth / 2, slices.depth / 2 / REACH, tailing)
    return [Patch(core, _core(slices, core, 0.0)), Patch(tail, _tail(slices, tail))]


def moved_charge(slices: Slices, loss: np.ndarray) -> Patch:
    """Return what lasing changes: slices lose energy and widen by 0.9 of the loss.

    Both shapes of a slice are normalised on the rows of the frame, so lasing
    moves no charge between columns, nor out of the frame.

    Parameters
    ----------
    slices : Slices
    loss : (568,) float64 array
        Energy lost by each column, MeV, 0 or more.

    Returns
    -------
    Patch
        Charge after lasing less that before; every column adds up to 0.
    """
    lasing = slices.inside & (loss > LEAST_LOSS)
    higher, _ = _region(slices.energy, slices.spread, lasing)
    lower, columns = _region(slices.energy - loss, _widened(slices, loss), lasing)
    roi = slice(min(lower.start, higher.start), max(lower.stop, higher.stop)), columns
    return Patch(roi, _core(slices, roi, loss[columns]) - _core(slices, roi, 0.0))


def _core(slices: Slices, roi: Roi, loss: Union[float, np.ndarray]) -> np.ndarray:
    """Return Gaussian slices in a region of the frame, after an energy loss."""
    rows, columns = roi
    deviates = np.subtract.outer(ROW_ENERGIES[rows], slices.energy[columns] - loss)
    deviates /= _widened(slices, loss)
    shape = np.exp(np.multiply(deviates, -0.5 * deviates, out=deviates), out=deviates)
    return _scaled(shape, slices.core[columns])


def _tail(slices: Slices, roi: Roi) -> np.ndarray:
    """Return the tails of slices in a region of the frame: parabolas that end at their depth."""
    rows, columns = roi
    below = np.subtract.outer(-ROW_ENERGIES[rows], -slices.energy[columns]) / slices.depth
    shape = np.where((below > 0) & (below < 1), (1 - below) ** 2, 0.0)
    return _scaled(shape, slices.tail[columns])


def _widened(slices: Slices, loss: Union[float, np.ndarray]) -> np.ndarray:
    """Return the slice spread after an energy loss, MeV: both in quadrature."""
    return np.hypot(slices.spread, DOWNSTREAM_SPREAD * loss)


def _scaled(shape: np.ndarray, charge: np.ndarray) -> np.ndarray:
    """Scale columns, in place, to a sum of `charge`; 0 for a shape that has left the frame."""
    total = shape.sum(axis=0)
    shape *= charge * (total > 0) / np.maximum(total, np.finfo(float).tiny)
    return shape


def _region(energy: np.ndarray, spread: Union[float, np.ndarray], columns: np.ndarray) -> Roi:
    """Return the region with the Gaussians of that energy and spread at some columns."""
    if not columns.any():
        return slice(0, 0), slice(0, 0)
    lowest = (energy - REACH * spread)[columns].min()
    highest = (energy + REACH * spread)[columns].max()
    rows = (lowest <= ROW_ENERGIES) & (highest >= ROW_ENERGIES)
    return _even_slice(rows), _even_slice(columns)


def _even_slice(inside: np.ndarray) -> slice:
    """Return the smallest slice with even bounds that contains every True."""
    places = np.nonzero(inside)[0]
    if not len(places):
        return slice(0, 0)
    return slice(places[0] // 2 * 2, (places[-1] // 2 + 1) * 2)
