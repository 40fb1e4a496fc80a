"""Small networks of many kinds in every format: maps as the live network has them.

Each is saved as frozen graph, checkpoint and SavedModel and opened by the names of its
inputs and its output. What its maps must be is computed while it is built
(tests/zoo/live_reference.py).
"""

import functools
import os

import pytest
import tensorflow as tf

from legacy_gbp.errors import ModelError
from tests.zoo import written_files
from tests.zoo.comparison import check_against, check_rules_differ
from tests.zoo.live_reference import RULES, reference_of
from tests.zoo.networks import NETWORKS
from tests.zoo.saved_files import FORMATS, open_file, save


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Name of a network to its files; each is made when it is first asked for."""

    @functools.lru_cache(maxsize=None)
    def files_of(name):
        return save(NETWORKS[name].build, str(tmp_path_factory.mktemp(name)))

    return files_of


@pytest.fixture(scope="module")
def reference():
    """Name of a network to what it computes."""

    @functools.lru_cache(maxsize=None)
    def reference_by_name(name):
        network = NETWORKS[name]
        rules = RULES[:1] if network.missed else RULES
        return reference_of(network.build_live or network.build, rules)

    return reference_by_name


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_are_those_of_the_live_network(name, file_format, saved, reference):
    network = NETWORKS[name]
    if network.loop and file_format == "frozen":
        with pytest.raises(ModelError, match=r"while loop of TensorFlow 1.*give the .meta file"):
            open_file(saved(name), file_format)
        return
    source = open_file(saved(name), file_format)
    check_against(source, reference(name), network.missed, network.tolerance)


@pytest.mark.parametrize("name", written_files.NETWORKS)
def test_maps_are_those_of_tensorflow_1_15(name):
    """Of checkpoints that it wrote, of layers that no other version has."""
    files, computed = written_files.written(name)
    check_against(open_file(files, "checkpoint"), computed, written_files.NETWORKS[name])


@pytest.mark.parametrize("name", [name for name in NETWORKS if NETWORKS[name].holds])
def test_files_hold_the_operations_of_their_kind(name, saved):
    """Otherwise a TensorFlow that builds it by others would leave the kind untested."""
    meta = tf.compat.v1.MetaGraphDef()
    with open(os.path.join(saved(name).folder, "model-100.meta"), "rb") as file:
        meta.ParseFromString(file.read())
    assert set(NETWORKS[name].holds) <= {node.op for node in meta.graph_def.node}


@pytest.mark.parametrize("name", [name for name in NETWORKS if not NETWORKS[name].missed])
def test_the_rules_of_the_reference_differ(name, reference):
    """Otherwise the comparison would not notice a rule that is taken for another."""
    check_rules_differ(reference(name))
