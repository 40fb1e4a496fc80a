"""One shot: two bunches, their lasing, a camera; its twin and its truth.

A twin is the same shot, with the same random numbers, in which the lasing of
one or both colours is switched off. Its image is scaled as the shot's own, so
that the two differ where lasing moved charge and nowhere else.
"""

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from legacy_gbp.data.synthetic import bunch as bunches
from legacy_gbp.data.synthetic import camera as cameras
from legacy_gbp.data.synthetic.bunch import Bunch, Patch, Slices
from legacy_gbp.data.synthetic.camera import (
    FRAME,
    FS_PER_COLUMN,
    IMAGE,
    MEV_PER_ROW,
    Camera,
    Roi,
)
from legacy_gbp.data.synthetic.lasing import draw_loss, power
from legacy_gbp.data.synthetic.run import Run, arrival_time

MOVED = 0.25  # grey levels of 0..255: less charge than that counts as not moved
BEAM = 1.0  # grey levels: less is not called beam
FIRST, SECOND = 0, 1


class Shot(NamedTuple):
    """All that the image of a shot depends on.

    Attributes
    ----------
    bunches : tuple of Bunch
        That of high energy (first colour) and that of low energy (second).
    losses : tuple of (568,) float64 array
        Energy lost by lasing in each, MeV.
    off : tuple of int
        Colours whose lasing is switched off; () in nature.
    camera : Camera
    run : Run
    noise_seed : list of int
        Of the camera's noise.
    """

    bunches: Tuple[Bunch, ...]
    losses: Tuple[np.ndarray, ...]
    off: Tuple[int, ...]
    camera: Camera
    run: Run
    noise_seed: List[int]


class Exposure(NamedTuple):
    """The image that the camera stores of a shot, and the truth about it.

    Attributes
    ----------
    image : (363, 284) int16 array
        Grey levels, 0..255.
    loss_mask : (2, 363, 284) bool array
        Where the lasing of each colour took away more than MOVED grey levels.
    gain_mask : (2, 363, 284) bool array
        Where it added more than MOVED grey levels.
    beam_mask : (363, 284) bool array
        Where the noiseless beam has more than BEAM grey levels.
    speckle_mask : (363, 284) bool array
        Where X-rays hit the sensor.
    power : (2, 568) float32 array
        X-ray power of each colour, GW, at the times of the full frame's columns.
    """

    image: np.ndarray
    loss_mask: np.ndarray
    gain_mask: np.ndarray
    beam_mask: np.ndarray
    speckle_mask: np.ndarray
    power: np.ndarray


def draw_shot(
    run: Run,
    amplitudes: Sequence[float],
    seed: Sequence[int],
    chunk: int = 0,
    fraction: float = 0.0,
    noise: bool = True,
) -> Shot:
    """Draw one shot.

    Parameters
    ----------
    run : Run
    amplitudes : (2,) sequence of float
        Lasing amplitude of both colours, 0 or more; a bunch with 0 does not lase.
    seed : sequence of int
        Of this shot alone, 0 or more each.
    chunk : int
        Position in the run, for the RF phase drift.
    fraction : float
        Position in the chunk, 0..1.
    noise : bool
        False: a camera without noise and speckles.

    Returns
    -------
    Shot
        Its random numbers do not depend on the amplitudes.
    """
    rng = np.random.default_rng(seed)
    time = rng.normal(0, 12) + arrival_time(run, chunk, fraction) + run.shift[1] * FS_PER_COLUMN
    energy = rng.normal(0, 4) + run.shift[0] * MEV_PER_ROW
    relative_charge = 0.0 if run.dark else run.relative_charge
    charge = rng.normal(1, 0.03) * bunches.DESIGN_CHARGE * relative_charge
    apart_energy, apart_time = rng.normal(38, 4), rng.normal(10, 7)
    drawn, losses = [], []
    for colour, side in ((FIRST, 0.5), (SECOND, -0.5)):
        bunch = bunches.draw_bunch(
            time + side * apart_time,
            energy + side * apart_energy,
            charge * rng.normal(1, 0.08),
            run.chirp,
            rng,
        )
        drawn.append(bunch)
        losses.append(draw_loss(bunch, colour, amplitudes[colour], rng))
    camera = cameras.draw_camera(rng, noise)
    return Shot(tuple(drawn), tuple(losses), (), camera, run, [*seed, 1])


def twin(shot: Shot, off: Sequence[int]) -> Shot:
    """Return the same shot with the lasing of some colours switched off.

    Parameters
    ----------
    shot : Shot
    off : sequence of int
        FIRST, SECOND or both.

    Returns
    -------
    Shot
    """
    return shot._replace(off=tuple(off))


def develop(shot: Shot) -> Exposure:
    """Read out a shot's image, scale it to ``xtcavimg``, and derive the truth about it.

    Parameters
    ----------
    shot : Shot

    Returns
    -------
    Exposure
    """
    slices = [bunches.cut(bunch) for bunch in shot.bunches]
    charge = [patch for cut in slices for patch in bunches.lasing_off_charge(cut)]
    moved = [bunches.moved_charge(*pair) for pair in zip(slices, shot.losses)]
    roi, beam, counts = _read_out(shot, charge + moved)
    low, high = int(counts.min()), int(counts.max())
    if shot.off:  # a twin, on the scale of the shot itself
        roi, beam, counts = _read_out(shot, charge + [moved[colour] for colour in _on(shot)])

    levels = cameras.grey_levels_per_count(low, high) / 4  # of the sum of a block
    loss_mask, gain_mask = _moved_masks(shot, moved, levels)
    beam_mask = np.zeros(IMAGE, bool)
    beam_mask[_halved(roi)] = cameras.sum_of_blocks(beam) * levels > BEAM
    return Exposure(
        image=cameras.to_xtcavimg(counts, low, high),
        loss_mask=loss_mask,
        gain_mask=gain_mask,
        beam_mask=beam_mask,
        speckle_mask=cameras.image_mask(shot.camera.speckles),
        power=_powers(shot, slices),
    )


def _read_out(shot: Shot, patches: Sequence[Patch]) -> Tuple[Roi, np.ndarray, np.ndarray]:
    """Return a region, the noiseless counts of the beam in it, and the counts of the frame."""
    roi, beam = _add_up(patches)
    beam *= shot.camera.sensitivity
    counts = cameras.read_out(beam, roi, shot.camera, shot.run.defects, shot.noise_seed)
    return roi, beam, counts


def _add_up(patches: Sequence[Patch]) -> Patch:
    """Return all charge in the smallest region of the frame that contains it."""
    patches = [patch for patch in patches if patch.density.size]
    if not patches:
        return Patch((slice(0, 0), slice(0, 0)), np.zeros((0, 0)))
    rows = _hull([patch.roi[0] for patch in patches])
    columns = _hull([patch.roi[1] for patch in patches])
    density = np.zeros((rows.stop - rows.start, columns.stop - columns.start))
    for patch in patches:
        density[_relative(patch.roi[0], rows), _relative(patch.roi[1], columns)] += patch.density
    return Patch((rows, columns), density)


def _hull(sides: Sequence[slice]) -> slice:
    return slice(min(side.start for side in sides), max(side.stop for side in sides))


def _relative(side: slice, hull: slice) -> slice:
    return slice(side.start - hull.start, side.stop - hull.start)


def _moved_masks(
    shot: Shot, moved: Sequence[Patch], levels: float
) -> Tuple[np.ndarray, np.ndarray]:
    """Return where lasing took charge away, and where it added some, (2, 363, 284) bool."""
    loss_mask, gain_mask = np.zeros((2, *IMAGE), bool), np.zeros((2, *IMAGE), bool)
    for colour in _on(shot):
        roi, density = moved[colour]
        gained = cameras.sum_of_blocks(density) * (shot.camera.sensitivity * levels)
        loss_mask[colour][_halved(roi)] = gained < -MOVED
        gain_mask[colour][_halved(roi)] = gained > MOVED
    return loss_mask, gain_mask


def _powers(shot: Shot, slices: Sequence[Slices]) -> np.ndarray:
    """Return the X-ray power of each colour, (2, 568) float32, GW; 0 for one switched off."""
    powers = np.zeros((2, FRAME[1]), np.float32)
    for colour in _on(shot):
        powers[colour] = power(bunches.lasing_current(slices[colour]), shot.losses[colour])
    return powers


def _halved(roi: Roi) -> Roi:
    """Return a region of the full frame as one of the stored image."""
    rows, columns = roi
    return slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)


def _on(shot: Shot) -> List[int]:
    """Return the colours whose lasing is not switched off."""
    return [colour for colour in (FIRST, SECOND) if colour not in shot.off]
