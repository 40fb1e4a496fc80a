"""The cluster, started once."""

import pytest

from tests.slurm.cluster import Cluster, why_not


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Two idle nodes, or a stated reason why there are none."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Cluster(str(tmp_path_factory.mktemp("slurm"))) as started:
        yield started
