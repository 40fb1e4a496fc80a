"""The three preprocessings, by hand."""

import numpy as np
import pytest

from legacy_gbp.exercises import preprocess


def images(*values):
    return np.array(values, np.int16).reshape(-1, 1, 1, 1)


def test_none_is_the_image_as_float32():
    found = preprocess.apply(preprocess.fit("none", []), images(-3, 0, 255))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.ravel(), [-3, 0, 255])


def test_log_mean_subtracts_the_mean_image_of_the_training_set():
    """log max(1, I) of 0, 1, e^2 is 0, 0, 2: the mean is 2/3."""
    training = np.array([0, 1, np.exp(2)]).reshape(3, 1, 1, 1)
    fitted = preprocess.fit("log-mean", [training[:2], training[2:]])
    assert fitted.mean.shape == (1, 1, 1)
    found = preprocess.apply(fitted, training)
    np.testing.assert_allclose(found.ravel(), [-2 / 3, -2 / 3, 4 / 3], rtol=1e-6)


def test_log_threshold_keeps_small_counts_and_compresses_large_ones():
    fitted = preprocess.fit("log-threshold", [])
    found = preprocess.apply(fitted, images(-5, 99, 100, 101, 255)).ravel()
    np.testing.assert_allclose(found, [-5, 99, 100, 100 + np.log(2), 100 + np.log(156)], rtol=1e-6)


@pytest.mark.parametrize("kind", sorted(preprocess.TRANSFORMS))
def test_integers_are_never_changed_in_place(kind):
    given = images(3, 200)
    preprocess.apply(preprocess.fit(kind, [given]), given)
    np.testing.assert_array_equal(given, images(3, 200))
