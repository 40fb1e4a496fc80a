"""Checkpoints with the graph of the training: optimisers, queues, data sets, replicas.

Opened by the names of the input and the logits, their maps are those of the live network.
"""

import functools
import os
import re

import pytest
import tensorflow as tf

from legacy_gbp.cli import main_all
from tests.zoo import training_by_feeds, training_by_pipelines, written_files
from tests.zoo.comparison import check_against, check_rules_differ
from tests.zoo.live_reference import RULES, reference_of
from tests.zoo.saved_files import FORMATS, open_file, save

GRAPHS = {**training_by_feeds.GRAPHS, **training_by_pipelines.GRAPHS}
WITHOUT_RELU = ("softmax_regression",)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Name of a graph to its checkpoint; each is made when it is first asked for."""

    @functools.lru_cache(maxsize=None)
    def files_of(name):
        folder = str(tmp_path_factory.mktemp(name))
        return save(GRAPHS[name].build, folder, formats=["checkpoint"])

    return files_of


@pytest.mark.parametrize("name", GRAPHS)
def test_maps_are_those_of_the_live_network(name, saved):
    graph = GRAPHS[name]
    reference = reference_of(graph.build, RULES[:1] if graph.missed else RULES)
    if name not in WITHOUT_RELU and not graph.missed:
        check_rules_differ(reference)
    check_against(open_file(saved(name), "checkpoint"), reference, graph.missed)


@pytest.mark.parametrize("name", written_files.TRAINING)
def test_maps_are_those_of_tensorflow_1_15(name):
    """Of checkpoints that it wrote, by slim and by tf.keras."""
    files, computed = written_files.written(name)
    check_against(open_file(files, "checkpoint"), computed, written_files.TRAINING[name])


@pytest.mark.parametrize("name", GRAPHS)
def test_files_hold_the_operations_of_their_kind(name, saved):
    meta = tf.compat.v1.MetaGraphDef()
    with open(os.path.join(saved(name).folder, "model-100.meta"), "rb") as file:
        meta.ParseFromString(file.read())
    assert set(GRAPHS[name].holds) <= {node.op for node in meta.graph_def.node}


FOUND = 9  # of 12, at least


def tensor_of(kind, printed):
    """The tensor that the input or output line of ``inspect`` names; empty unless it is one."""
    names = re.findall(rf"^{kind} +(\S+)", printed, re.M)
    return names[0] if len(names) == 1 else ""


def test_inspect_alone_finds_input_and_logits(saved, capsys):
    """Of twelve graphs; the rest have several of equal right, such as two replicas."""
    files = [saved(name) for name in GRAPHS] + [written_files.written("keras_phase")[0]]
    assert len(files) == 12
    found = {}
    for graph in files:
        prefix = os.path.join(graph.folder, FORMATS["checkpoint"])
        code = main_all(["inspect", prefix])
        printed = capsys.readouterr().out
        tensors = (tensor_of("input", printed), tensor_of("output", printed))
        found[os.path.basename(graph.folder)] = code == 0 and tensors == (
            graph.inputs[0],
            graph.output,
        )
    assert sum(found.values()) >= FOUND, found
