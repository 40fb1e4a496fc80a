"""Synthetic shots: the physics that the networks are asked to find, and the statistics."""

import numpy as np
import pytest

from legacy_gbp.data import synthetic
from legacy_gbp.data.synthetic_files import file_list


def one_shot(amplitudes, systematics=False, seed=0):
    run = synthetic.run_conditions(70, 1, systematics)
    return synthetic.draw_shot(run, amplitudes, np.random.default_rng(seed))


def test_a_seed_gives_the_same_shots_and_files_are_independent():
    first = synthetic.shots_of_file(70, 9, 3)
    again = synthetic.shots_of_file(70, 9, 3)
    other = synthetic.shots_of_file(70, 14, 3)
    images = [np.array(list(part[3])) for part in (first, again, other)]
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()
    assert images[0].shape == (3, 363, 284) and images[0].dtype == np.int16
    assert images[0].min() >= 0 and images[0].max() <= 255


def test_lasing_conserves_the_charge_of_every_column_and_lowers_its_energy():
    lasing = one_shot((6.0, 8.0))
    quiet = tuple(bunch._replace(loss=0.0) for bunch in lasing)
    on, off = synthetic.render(lasing), synthetic.render(quiet)
    np.testing.assert_allclose(on.sum(axis=0), off.sum(axis=0), rtol=2e-3, atol=1e-4)
    rows = np.arange(on.shape[0])[:, None]
    moved = ((on - off) * rows).sum() / off.sum() * synthetic.MEV_PER_ROW
    assert -8 < moved < -0.1  # MeV, mean over the shot
    assert np.abs(on - off).max() > 0.1


def test_no_amplitude_no_loss():
    quiet = one_shot((0.0, 0.0))
    assert all(np.all(bunch.loss == 0) for bunch in quiet)


def test_the_shot_is_scaled_by_its_own_extremes_and_halved():
    """A ramp 0..411 over 2x2 blocks: the block's mean of the scaled values."""
    counts = np.zeros(synthetic.FRAME, np.float32)
    counts[:2, :2] = [[100, 200], [300, 400]]
    image = synthetic.to_xtcavimg(counts)
    assert image.shape == (363, 284) and image.dtype == np.int16
    assert image[0, 0] == round(250 * 255 / 400) and image[1:].max() == 0


@pytest.mark.parametrize("run, lasing", [(69, {0}), (70, {1}), (73, {0, 1})])
def test_lasing_is_set_by_the_run(run, lasing):
    conditions = synthetic.run_conditions(run, 1)
    labels, amplitudes, colour = synthetic.draw_labels(
        conditions, 400, 0.0, 0.0, np.random.default_rng(0)
    )
    assert set(labels) == lasing
    assert (amplitudes[labels == 0] == 0).all()
    assert set(colour[labels == 0]) <= {0}


def test_label_statistics():
    """20,000 shots: a share p has a standard error of sqrt(p (1 - p) / n) < 0.0036."""
    run = synthetic.run_conditions(70, 1)
    draw = lambda unusable: synthetic.draw_labels(  # noqa: E731
        run, 20000, unusable, 0.0, np.random.default_rng(1)
    )
    _, amplitudes, colour = draw(0.0)
    true_class = (amplitudes[:, 0] >= 2) + 2 * (amplitudes[:, 1] >= 4)
    shares = np.bincount(true_class, minlength=4) / 20000
    np.testing.assert_allclose(shares, synthetic.CLASS_PRIORS, atol=0.015)
    assert not ((colour == 0) & (amplitudes[:, 0] > 3)).any()
    base = (colour == -1).mean()
    unusable = (draw(0.4)[2] == -1).mean()
    assert unusable == pytest.approx(base + (1 - base) * 0.4, abs=0.015)


def test_runs_differ_only_when_asked():
    on = [synthetic.run_conditions(run, 1) for run in (69, 70)]
    off = [synthetic.run_conditions(run, 1, systematics=False) for run in (69, 70)]
    assert on[0].shift != on[1].shift and len(on[0].hot_pixels[0]) == 40
    assert (off[0].shift, off[0].chirp) == (off[1].shift, off[1].chirp) == ((0, 0), 0)
    assert len(off[0].hot_pixels[0]) == 0


def test_the_set_holds_every_file_that_the_exercises_read():
    from legacy_gbp.exercises import EX07

    names = {name for _, _, name in file_list()}
    for part in ("train", "validation", "predict"):
        assert set(getattr(EX07.selection, part)) <= names
    assert len(file_list(13)) == len(file_list()) + 14
