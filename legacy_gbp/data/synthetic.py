"""Synthetic XTCAV shots: two bunches in time and energy, lasing, a camera.

The measured shots are not public. These have the same size, scaling and
labels, and follow the mechanism that the networks are asked to find: where a
slice of the bunch lases it loses energy and its energy spread grows. NumPy
only; one generator per file, so that a file does not depend on its
neighbours.

Axes of the full camera frame (726, 568): rows are energy, 0.19 MeV each, a
larger row is a higher energy; columns are time, 0.9 fs each. References:
C. Behrens et al., Nat. Commun. 5, 3762 (2014), doi:10.1038/ncomms4762, for the
XTCAV image of a lasing bunch; A. Marinelli et al., Nat. Commun. 6, 6369 (2015),
doi:10.1038/ncomms7369, for the twin bunches and their two colours.
"""

from collections import namedtuple

import numpy as np

FRAME = (726, 568)  # rows (energy), columns (time) of the camera
IMAGE = (FRAME[0] // 2, FRAME[1] // 2)
FS_PER_COLUMN = 0.9
MEV_PER_ROW = 0.19
CLASS_PRIORS = (0.10, 0.21, 0.43, 0.26)  # neither, first, second, both
UNUSABLE = -1

Colour = namedtuple(
    "Colour", "time energy width chirp curvature wave phase horns charge spread loss"
)
Colour.__doc__ = """One bunch of a shot.

time (fs) and energy (MeV) from the frame's centre, width tau (fs); chirp,
curvature and wave (MeV) shape E(u); phase (rad); horns: two relative current
spikes; charge relative to the bunch's design; slice spread (MeV); loss: of energy by
lasing (MeV), in every column.
"""

Run = namedtuple("Run", "number lases shift chirp hot_pixels pattern charge")
Run.__doc__ = """What all shots of a run share.

lases: False, True, or "mixed" (half of the shots, labelled shot by shot);
shift: beam position (rows, columns); chirp (MeV); hot_pixels: rows, columns and
counts of defective pixels; pattern: residual dark image (counts, FRAME);
charge: relative.
"""

LASING_OF_RUN = {68: False, 69: False, 70: True, 71: True, 72: "mixed", 73: "mixed"}


def run_conditions(number, seed, systematics=True):
    """Draw what the shots of run `number` share.

    Parameters
    ----------
    number : int
        68 to 73: the runs of the tutorial.
    seed : int
    systematics : bool
        False gives every run the same beam position, chirp, charge and a
        camera without defects, so that only the lasing tells runs apart.

    Returns
    -------
    Run
    """
    if not systematics:
        nowhere = (np.empty(0, int), np.empty(0, int), np.empty(0))
        return Run(number, LASING_OF_RUN[number], (0.0, 0.0), 0.0, nowhere, 0.0, 1.0)
    rng = np.random.default_rng([seed, number])
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(4, 16)
    hot = 40
    return Run(
        number=number,
        lases=LASING_OF_RUN[number],
        shift=(distance * np.sin(angle), distance * np.cos(angle)),
        chirp=rng.normal(0, 1.5),
        hot_pixels=(
            rng.integers(0, FRAME[0], hot),
            rng.integers(0, FRAME[1], hot),
            rng.uniform(60, 250, hot),
        ),
        pattern=_smooth_pattern(rng),
        charge=0.92 if number in (72, 73) else 1.0,
    )


def draw_labels(run, shots, unusable, flip, rng):
    """Lasing flags, measured amplitudes and colour labels of one file.

    Parameters
    ----------
    run : Run
    shots : int
    unusable : float
        Share of shots, 0..1, whose label is -1 whatever they show.
    flip : float
        Share of the usable labels, 0..1, replaced by another class.
    rng : numpy.random.Generator

    Returns
    -------
    lasing : (shots,) int8
        Set by the run, so wrong for about a tenth of the shots of a lasing
        run: those whose class is 0. Right shot by shot in a mixed run.
    amplitudes : (shots, 2) float64
        What the two colours truly reached; 0 where nothing lases.
    colour : (shots,) int8
        0 neither, 1 first, 2 second, 3 both, -1 do not use.
    """
    state = np.full(shots, run.lases) if run.lases != "mixed" else rng.random(shots) < 0.5
    true_class = rng.choice(4, shots, p=CLASS_PRIORS)
    absent = np.clip(rng.normal(1.05, 0.41, (shots, 2)), 0, 1.95)
    present = np.array([2.1, 4.2]) + rng.gamma(2.0, (0.9, 1.3), (shots, 2))
    on = np.stack([true_class & 1, true_class >> 1], axis=1).astype(bool)
    amplitudes = np.where(on, present, absent) * state[:, None]

    e1, e2 = (amplitudes * rng.normal(1, 0.1, (shots, 2))).T
    colour = (e1 >= 2) + 2 * (e2 >= 4)
    flipped = rng.random(shots) < flip
    colour = np.where(flipped, (colour + rng.integers(1, 4, shots)) % 4, colour)
    between = (e2 >= 2) & (e2 < 4)
    colour = np.where(between | (rng.random(shots) < unusable), UNUSABLE, colour)
    return state.astype(np.int8), amplitudes, colour.astype(np.int8)


def draw_shot(run, amplitudes, rng):
    """The two bunches (H of high energy, L of low energy) of one shot.

    Parameters
    ----------
    run : Run
    amplitudes : (2,) float
        Lasing amplitude of H and L; 0 leaves the bunch as it is.
    rng : numpy.random.Generator

    Returns
    -------
    tuple of Colour
    """
    time = rng.normal(0, 12) + run.shift[1] * FS_PER_COLUMN
    energy = rng.normal(0, 4) + run.shift[0] * MEV_PER_ROW
    charge = run.charge * rng.normal(1, 0.03)
    apart_energy, apart_time = rng.normal(38, 4), rng.normal(10, 7)
    colours = []
    for sign, amplitude, (base, slope) in (
        (1, amplitudes[0], (3.0, 1.6)),
        (-1, amplitudes[1], (2.0, 0.7)),
    ):
        bunch = Colour(
            time=time + sign * apart_time / 2,
            energy=energy + sign * apart_energy / 2,
            width=rng.normal(24, 3),
            chirp=rng.normal(3, 1) + run.chirp,
            curvature=rng.normal(0, 1),
            wave=rng.normal(4, 0.8),
            phase=rng.normal(0, 0.3),
            horns=(rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.4)),
            charge=charge * rng.normal(1, 0.08),
            spread=rng.uniform(1.6, 2.8),
            loss=0.0,
        )
        profile = _sase_profile(bunch, rng)
        loss = (base + slope * amplitude) * profile if amplitude > 0 else 0.0 * profile
        colours.append(bunch._replace(loss=loss))
    return tuple(colours)


def render(colours):
    """Charge density of the bunches on the camera frame, before the camera.

    Every column of a bunch holds its current, spread over energy as a
    Gaussian: lasing moves the Gaussian down and widens it, and moves no charge
    between columns.

    Parameters
    ----------
    colours : sequence of Colour

    Returns
    -------
    (726, 568) float32
        A bunch of charge 1 peaks near 1.
    """
    frame = np.zeros(FRAME, np.float32)
    rows = np.arange(FRAME[0], dtype=np.float32)[:, None]
    for bunch in colours:
        current, centre, spread = _slices(bunch)
        loss = np.broadcast_to(bunch.loss, current.shape)
        width = np.hypot(spread, 0.9 * loss) / MEV_PER_ROW
        middle = (centre - loss) / MEV_PER_ROW + FRAME[0] / 2
        tail_width = 30 / MEV_PER_ROW / 2
        used = np.nonzero(current > 1e-3)[0]
        w, m = width[used].astype(np.float32), middle[used].astype(np.float32)
        q = (current[used] * (2.0 / MEV_PER_ROW)).astype(np.float32)
        core = q * 0.85 / w * np.exp(-0.5 * ((rows - m) / w) ** 2)
        # A faint tail below the core in every shot: a distractor, not lasing.
        depth = (m - rows) / tail_width
        tail = q * 0.15 / tail_width * np.exp(-np.abs(depth)) * (depth > 0)
        frame[:, used] += core + tail
    return frame


def photograph(density, run, rng):
    """Camera counts: peak height, dark pattern, read noise, hot pixels, speckles, clipping.

    Parameters
    ----------
    density : (726, 568) float32
    run : Run
    rng : numpy.random.Generator

    Returns
    -------
    (726, 568) float32
        Counts above the dark level, at most 4095.
    """
    peak = min(rng.normal(1000, 200) + rng.exponential(60), 2000)
    counts = density * np.float32(peak) + run.pattern
    counts += rng.standard_normal(FRAME, dtype=np.float32) * np.float32(rng.uniform(5, 7))
    rows, columns, heights = run.hot_pixels
    counts[rows, columns] += heights
    for _ in range(rng.integers(0, 6)):
        counts[rng.integers(FRAME[0]), rng.integers(FRAME[1])] += rng.exponential(250)
    if rng.random() < 0.03:
        outlier = rng.uniform(1.5, 3) * peak
        counts[rng.integers(FRAME[0]), rng.integers(FRAME[1])] += outlier
    return np.minimum(counts, np.float32(4095))


def to_xtcavimg(counts):
    """Scale one frame to 0..255 by its own extremes and halve it bilinearly.

    Parameters
    ----------
    counts : (726, 568) float32

    Returns
    -------
    (363, 284) int16
        0..255.
    """
    low, high = counts.min(), counts.max()
    scaled = (counts - low) * (255 / (high - low))
    halved = scaled.reshape(IMAGE[0], 2, IMAGE[1], 2).mean(axis=(1, 3))
    return np.rint(halved).astype(np.int16)


def shots_of_file(run_number, chunk, shots, seed=1, unusable=0.4, flip=0.03, systematics=True):
    """All shots of one file, image by image.

    Parameters
    ----------
    run_number, chunk, shots, seed : int
        The same four give the same shots.
    unusable, flip : float
        See :func:`draw_labels`.
    systematics : bool
        See :func:`run_conditions`.

    Returns
    -------
    lasing, colour : (shots,) int8
    amplitudes : (shots, 2) float64
    images : iterator of (363, 284) int16
    """
    run = run_conditions(run_number, seed, systematics)
    rng = np.random.default_rng([seed, run_number, chunk])
    lasing, amplitudes, colour = draw_labels(run, shots, unusable, flip, rng)
    images = (
        to_xtcavimg(photograph(render(draw_shot(run, pair, rng)), run, rng)) for pair in amplitudes
    )
    return lasing, colour, amplitudes, images


def _slices(bunch):
    """Current, mean energy (MeV) and slice spread (MeV) of every column."""
    u = (_column_times() - bunch.time) / bunch.width
    front = np.exp(-0.5 * ((u - 0.6) / 0.35) ** 2)
    back = np.exp(-0.5 * ((u + 0.8) / 0.3) ** 2)
    envelope = np.exp(-0.5 * np.abs(u) ** 3)
    current = bunch.charge * envelope * (1 + bunch.horns[0] * front + bunch.horns[1] * back)
    wave = bunch.wave * np.sin(2.2 * u + bunch.phase)
    energy = bunch.energy + bunch.chirp * u + bunch.curvature * u**2 + wave
    return current, energy, bunch.spread


def _sase_profile(bunch, rng):
    """Power of every column, largest value 1: spiky noise under a Gaussian.

    Self-amplified spontaneous emission: exponential noise smoothed to the 2 fs
    of a spike, within a window of 4 to 8 fs that lies near the bunch's core.
    """
    time = _column_times()
    spikes = np.convolve(rng.exponential(1.0, time.size), _gaussian_kernel(2.0), "same")
    middle = bunch.time + rng.normal(0, 0.4) * bunch.width
    window = np.exp(-0.5 * ((time - middle) / rng.uniform(4, 8)) ** 2)
    power = spikes * window
    return power / power.max()


def _gaussian_kernel(width_fs):
    time = np.arange(-6, 7) * FS_PER_COLUMN
    kernel = np.exp(-0.5 * (time / width_fs) ** 2)
    return kernel / kernel.sum()


def _column_times():
    return (np.arange(FRAME[1]) - FRAME[1] / 2) * FS_PER_COLUMN


def _smooth_pattern(rng):
    """Residual dark image of 3 counts rms: four slow waves over the frame."""
    rows, columns = np.ogrid[: FRAME[0], : FRAME[1]]
    pattern = np.zeros(FRAME, np.float32)
    for _ in range(4):
        kx, ky = rng.uniform(-4, 4, 2) * 2 * np.pi / np.array(FRAME)
        pattern += np.cos(kx * rows + ky * columns + rng.uniform(0, 2 * np.pi))
    return (3 / np.sqrt(2)) * pattern
