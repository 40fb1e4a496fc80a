"""Mean and variance of maps that come one after the other; none is kept."""

from typing import Any, Iterable, Optional

import numpy as np

from legacy_gbp.attribution.multi_input import Maps, each


def mean(samples: Iterable[Maps]) -> Maps:
    """Return the mean of maps.

    Parameters
    ----------
    samples : iterable of array, or of tuple of arrays

    Returns
    -------
    array or tuple of arrays
        Like one sample.
    """
    result: Maps = each(_RunningStatistics.mean, _statistics(samples))
    return result


def variance(samples: Iterable[Maps]) -> Maps:
    """Return the population variance of maps, divided by the number of samples.

    Parameters
    ----------
    samples : iterable of array, or of tuple of arrays

    Returns
    -------
    array or tuple of arrays
        Like one sample.
    """
    result: Maps = each(_RunningStatistics.variance, _statistics(samples))
    return result


class _RunningStatistics:
    """Welford's recurrence (Technometrics 4, 419, 1962), in float64.

    The mean of the squares less the square of the mean would lose all digits
    where the variance is small.
    """

    def __init__(self, like: np.ndarray) -> None:
        self._dtype, self._count = like.dtype, 0
        self._mean, self._squares = np.zeros(like.shape), np.zeros(like.shape)

    def add(self, sample: np.ndarray) -> None:
        difference = sample - self._mean
        self._count += 1
        self._mean += difference / self._count
        self._squares += difference * (sample - self._mean)

    def mean(self) -> np.ndarray:
        return self._mean.astype(self._dtype)

    def variance(self) -> np.ndarray:
        return (self._squares / self._count).astype(self._dtype)


def _statistics(samples: Iterable[Maps]) -> Any:
    statistics: Optional[Any] = None
    for sample in samples:
        if statistics is None:
            statistics = each(_RunningStatistics, sample)
        each(_RunningStatistics.add, statistics, sample)
    return statistics
