"""Compare an opened model with what its network computes."""

from typing import Any, Sequence

import numpy as np
import pytest

from legacy_gbp.attribution.network import Network
from legacy_gbp.errors import MissedRuleError
from tests.zoo.live_reference import RULES, Reference

LIVELY = 1e-3  # two rules differ by more, relative to the largest magnitude


def relative_error(found: np.ndarray, wanted: np.ndarray) -> float:
    """Return the largest difference, relative to the largest magnitude that is wanted."""
    wanted = wanted.astype(np.float64)
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def check_against(
    source: Any, reference: Reference, missed: Sequence[str] = (), tolerance: float = 1e-5
) -> None:
    """Check the output, the maps of every rule, and the refusal of those without.

    Parameters
    ----------
    source : Source
    reference : Reference
        Has a map for every rule that must not be refused.
    missed : sequence of str
        Kinds of operations that the refusal must find.
    tolerance : float
        Relative to the largest magnitude.
    """
    images: Any = tuple(reference.images)
    if len(images) == 1:
        images = images[0]
    with Network(source) as net:
        output = net.under("gradient").output(images)
        assert relative_error(output, reference.output) < tolerance
        for rule in RULES:
            if rule not in reference.maps:
                _check_refusal(net, rule, missed)
                continue
            maps = net.under(rule).gradient(images, reference.seeds)
            maps = maps if isinstance(maps, tuple) else (maps,)
            assert len(maps) == len(reference.maps[rule])
            for found, wanted in zip(maps, reference.maps[rule]):
                assert relative_error(found, wanted) < tolerance, rule


def check_rules_differ(reference: Reference) -> None:
    """Check that no rule of a reference could be taken for another."""
    for one, other in (("gradient", "guided"), ("gradient", "deconvnet"), ("guided", "deconvnet")):
        for first, second in zip(reference.maps[one], reference.maps[other]):
            assert relative_error(first, second) > LIVELY, (one, other)


def _check_refusal(net: Network, rule: str, kinds: Sequence[str]) -> None:
    """Check that one line names the operations that have no rule."""
    with pytest.raises(MissedRuleError) as raised:
        net.under(rule)
    assert set(kinds) <= {kind for f in raised.value.findings for kind in f.kind.split("+")}
    first = raised.value.findings[0]
    assert f"{first.name} ({first.kind})" in str(raised.value)
    assert "\n" not in str(raised.value)
