"""Mean and variance of maps that come one after the other; none is kept."""

import numpy as np

from legacy_gbp.attribution.multi_input import each


def mean(samples):
    """Mean over an iterable of maps, each an array, or a tuple of arrays; like one of them."""
    return each(_Moments.mean, _moments(samples))


def variance(samples):
    """Population variance (divided by the number of samples), for the samples of :func:`mean`."""
    return each(_Moments.variance, _moments(samples))


class _Moments:
    """Welford's recurrence (Technometrics 4, 419, 1962), in float64.

    The mean of the squares less the square of the mean would lose all digits
    where the variance is small.
    """

    def __init__(self, like):
        self._dtype, self._count = like.dtype, 0
        self._mean, self._squares = np.zeros(like.shape), np.zeros(like.shape)

    def add(self, sample):
        step = sample - self._mean
        self._count += 1
        self._mean += step / self._count
        self._squares += step * (sample - self._mean)

    def mean(self):
        return self._mean.astype(self._dtype)

    def variance(self):
        return (self._squares / self._count).astype(self._dtype)


def _moments(samples):
    moments = None
    for sample in samples:
        moments = moments or each(_Moments, sample)
        each(_Moments.add, moments, sample)
    return moments
