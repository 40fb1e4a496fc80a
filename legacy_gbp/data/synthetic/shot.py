"""One shot: two bunches, their lasing, a camera; its twin and its truth.

A twin is the same shot, random numbers and all, with the lasing of one or both
colours switched off. Its image is scaled as the shot's own, so that the two
differ where lasing moved charge and nowhere else.
"""

from collections import namedtuple

import numpy as np

from legacy_gbp.data.synthetic import bunch as bunches
from legacy_gbp.data.synthetic import camera as cameras
from legacy_gbp.data.synthetic.camera import FRAME, FS_PER_COLUMN, IMAGE, MEV_PER_ROW
from legacy_gbp.data.synthetic.lasing import draw_loss, power
from legacy_gbp.data.synthetic.run import arrival

MOVED = 0.25  # grey levels of 0..255: less charge than that counts as not moved
BEAM = 1.0  # grey levels: less is not called beam
FIRST, SECOND = 0, 1

Shot = namedtuple("Shot", "bunches losses off camera run noise_seed")
Shot.__doc__ = """All that a picture of a shot depends on.

bunches: that of high energy (first colour) and that of low energy (second);
losses: energy lost by lasing in each, (568,) MeV; off: colours whose lasing is
switched off, () in nature; camera: Camera; run: Run; noise_seed: of the
camera's noise.
"""

Picture = namedtuple("Picture", "image loss_mask gain_mask beam_mask speckle_mask power")
Picture.__doc__ = """What the camera stores of a shot, and the truth about it.

image: (363, 284) int16, 0..255; loss_mask, gain_mask: (2, 363, 284) bool, where
the lasing of each colour took away or added more than MOVED grey levels;
beam_mask: (363, 284) bool, where the noiseless beam has more than BEAM grey
levels; speckle_mask: (363, 284) bool; power: (2, 568) float32, X-ray power of
each colour in GW at the times of the full frame's columns.
"""


def draw_shot(run, amplitudes, seed, chunk=0, share=0.0, noise=True):
    """Draw one shot.

    Parameters
    ----------
    run : Run
    amplitudes : (2,) float
        Lasing amplitude of both colours; 0 leaves a bunch as it is.
    seed : list of int
        Of this shot alone.
    chunk : int
    share : float
        Place in the run, for the RF phase drift: the chunk, and 0..1 in it.
    noise : bool
        False: a camera without noise and speckles.

    Returns
    -------
    Shot
    """
    rng = np.random.default_rng(seed)
    time = rng.normal(0, 12) + arrival(run, chunk, share) + run.shift[1] * FS_PER_COLUMN
    energy = rng.normal(0, 4) + run.shift[0] * MEV_PER_ROW
    charge = rng.normal(1, 0.03) * bunches.DESIGN_CHARGE * (0.0 if run.dark else run.charge)
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


def twin(shot, off):
    """The same shot with the lasing of some colours switched off.

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


def develop(shot):
    """Photograph a shot, scale it to ``xtcavimg``, and say what is true of it.

    Parameters
    ----------
    shot : Shot

    Returns
    -------
    Picture
    """
    slices = [bunches.cut(bunch) for bunch in shot.bunches]
    still = [patch for cut in slices for patch in bunches.still_charge(cut)]
    moved = [bunches.moved_charge(*pair) for pair in zip(slices, shot.losses)]
    box, beam = _expose(shot, still + moved)
    counts = cameras.photograph(beam, box, shot.camera, shot.run, shot.noise_seed)
    low, high = int(counts.min()), int(counts.max())
    if shot.off:  # a twin, on the scale of the shot itself
        box, beam = _expose(shot, still + [moved[colour] for colour in _lit(shot)])
        counts = cameras.photograph(beam, box, shot.camera, shot.run, shot.noise_seed)

    block = cameras.grey_levels(low, high) / 4  # of the sum of a block
    loss_mask, gain_mask = np.zeros((2, 2, *IMAGE), bool)
    powers = np.zeros((2, FRAME[1]), np.float32)
    for colour in _lit(shot):
        where, density = moved[colour]
        gained = cameras.sum_of_blocks(density) * (shot.camera.sensitivity * block)
        loss_mask[colour][_halved(where)] = gained < -MOVED
        gain_mask[colour][_halved(where)] = gained > MOVED
        powers[colour] = power(bunches.lasing_current(slices[colour]), shot.losses[colour])
    beam_mask, speckle_mask = np.zeros((2, *IMAGE), bool)
    beam_mask[_halved(box)] = cameras.sum_of_blocks(beam) * block > BEAM
    rows, columns, _ = shot.camera.speckles
    speckle_mask[rows // 2, columns // 2] = True
    image = cameras.to_xtcavimg(counts, low, high)
    return Picture(image, loss_mask, gain_mask, beam_mask, speckle_mask, powers)


def _expose(shot, patches):
    """Noiseless counts of the smallest part of the frame that holds all charge.

    Returns
    -------
    box : pair of slice
    beam : (rows, columns) float64
    """
    sides = list(zip(*(where for where, density in patches if density.size)))
    starts = [min(side.start for side in axis) for axis in sides] or [0, 0]
    stops = [max(side.stop for side in axis) for axis in sides] or [0, 0]
    beam = np.zeros([stop - start for start, stop in zip(starts, stops)])
    for where, density in patches:
        inside = [slice(w.start - start, w.stop - start) for w, start in zip(where, starts)]
        if density.size:
            beam[tuple(inside)] += density
    beam *= shot.camera.sensitivity
    return tuple(slice(*bounds) for bounds in zip(starts, stops)), beam


def _halved(where):
    return tuple(slice(side.start // 2, side.stop // 2) for side in where)


def _lit(shot):
    return [colour for colour in (FIRST, SECOND) if colour not in shot.off]
