"""Branches that are reached seldom: queues that refuse, pages and results that do not fit."""

import json
import os
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp import InputError, figures
from legacy_gbp.attribution.fixed_batches import in_fixed_batches
from legacy_gbp.batch.requeue import requeue
from legacy_gbp.cli import main_all
from legacy_gbp.exercises.definitions import EX07
from legacy_gbp.exercises.layer_by_layer import LayerByLayer
from legacy_gbp.graph.unfuse import unfuse
from tests.files import write_xtcav


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


SCONTROL = """#!/bin/sh
echo "$@" >> asked
if [ "$1" = show ]; then echo "JobId=7 JobState=%s"; else %s; fi
"""


@pytest.mark.parametrize(
    "state, answer, said",
    [
        ("RUNNING", "true", "job 7 is put back into the queue"),
        ("COMPLETING", "true", "job 7 is not put back: it was cancelled or its time is over"),
        ("RUNNING", "echo 'not allowed' >&2; exit 1", "could not be put back (not allowed)"),
        ("RUNNING", "exit 3", "returned non-zero exit status 3"),
        (None, "", "No such file or directory"),
    ],
)
def test_what_scontrol_says(state, answer, said, tmp_path, monkeypatch):
    os.mkdir("bin")
    if state:
        with open("bin/scontrol", "w") as file:
            file.write(SCONTROL % (state, answer))
        os.chmod("bin/scontrol", 0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    else:
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert said in requeue({"SLURM_JOB_ID": "7"})
    if state:
        with open("asked") as file:
            asked = file.read().split("\n")
        assert asked[0] == "show job -o 7" and ("requeue 7" in asked) == (state == "RUNNING")
    assert requeue({}) == "not put back into a queue: SLURM_JOB_ID is not set"


def test_a_fused_batch_normalisation():
    """Of the published formula: scale (x - mean) / sqrt(variance + epsilon) + offset."""
    rng = np.random.RandomState(0)
    x, kernel = rng.normal(size=(2, 5, 5, 3)), rng.normal(size=(1, 1, 3, 4))
    scale, offset, mean = rng.normal(size=(3, 4))
    variance, epsilon = rng.uniform(0.5, 2, 4), 0.01
    arrays = (x, kernel, scale, offset, mean, variance)
    graph_def = tf.compat.v1.GraphDef()
    names = ["x", "kernel", "scale", "offset", "mean", "variance"]
    for name, array in zip(names, arrays):
        node = graph_def.node.add(op="Const", name=name)
        node.attr["dtype"].type = tf.float32.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array.astype("f4")))
    node = graph_def.node.add(op="_FusedConv2D", name="y", input=names)
    node.attr["T"].type = tf.float32.as_datatype_enum
    node.attr["strides"].list.i[:] = [1, 1, 1, 1]
    node.attr["padding"].s = b"VALID"
    node.attr["data_format"].s = b"NHWC"
    node.attr["fused_ops"].list.s[:] = [b"FusedBatchNorm", b"Relu"]
    node.attr["epsilon"].f = epsilon
    unfuse(graph_def, "g")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        (y_t,) = tf.import_graph_def(graph_def, return_elements=["y:0"], name="")
        found = session.run(y_t)
    convolved = x @ kernel[0, 0]
    wanted = scale * (convolved - mean) / np.sqrt(variance + epsilon) + offset
    assert np.abs(found - np.maximum(wanted, 0)).max() < 1e-5


class _Tensor:
    shape = tf.TensorShape((4, 2))


@pytest.mark.parametrize("count", [0, 3, 4, 9])
def test_batches_of_a_fixed_size(count):
    """Every image once, whatever the last batch is filled up with."""
    images = np.arange(2 * count).reshape(count, 2)
    sizes = []

    def run(arrays):
        (batch,) = arrays.values()
        sizes.append(len(batch))
        return [batch + 1, batch.sum(axis=1)]

    plus, sums = in_fixed_batches(run, {_Tensor(): images})
    assert (plus == images + 1).all() and (sums == images.sum(axis=1)).all()
    assert set(sizes) <= {4, count if count in (0, 4) else 4}
    alone = in_fixed_batches(lambda arrays: next(iter(arrays.values())) * 2, {_Tensor(): images})
    assert (alone == images * 2).all()


PLANE = np.zeros((2, 2, 1))


@pytest.mark.parametrize(
    "explained, why",
    [
        ([], "holds no image; give one or more"),
        ([("a", PLANE, [])], "has an image without a map; give one or more for each"),
        (
            [
                ("a", np.zeros((2, 2, 1)), [("m", np.zeros((2, 2, 1)))]),
                ("b", np.zeros(3), [("m", 0)]),
            ],
            "images of shapes .*; draw each on a page of its own",
        ),
        ([("a", np.zeros((0, 2, 1)), [("m", np.zeros((0, 2, 1)))])], "without a value; give 1"),
    ],
)
def test_pages_that_cannot_be(explained, why):
    with pytest.raises(InputError, match=f"^`explained` .*{why}"):
        figures.explained_page("t", explained)


def test_the_algorithm_of_2016_knows_logits_alone(historical_checkpoint):
    from legacy_gbp.exercises.checkpoint import XtcavCheckpoint

    source = XtcavCheckpoint(EX07, historical_checkpoint)
    with pytest.raises(InputError, match="did not exist in 2016; choose"):
        LayerByLayer(source, "deconvnet")
    for layer in {"of": "conv1"}, {"wrt": "conv1"}:
        options: Any = layer
        with pytest.raises(InputError, match="layer 'conv1': only logits were explained in 2016"):
            LayerByLayer(source, "guided", **options)


def test_results_that_do_not_merge(checkpoints, capsys):
    """Each is a real result, changed afterwards."""
    for name in "a", "b":
        write_xtcav(name + ".h5", 2)
    argv = ["ex07", "predict", "a.h5", "b.h5", "--checkpoint", checkpoints["ex07"]]
    assert main_all([*argv, "--output-dir", "o"]) == 0
    parts = [os.path.join("o", f"{name}-predictions.h5") for name in "ab"]
    merge = ["merge", *parts, "--output", "m.h5"]
    assert main_all(merge) == 0

    def refusal(*argv):
        capsys.readouterr()
        assert main_all(list(argv)) == 2
        return capsys.readouterr().err

    os.remove("m.h5")
    output = ["--output", "m.h5"]
    line = refusal("merge", parts[0], *output)
    assert "1 of 2 data files have no part, the first is" in line and "b.h5 (shard 1/1)" in line
    line = refusal("merge", parts[0], parts[0], *output)
    assert f"a.h5: in {parts[0]} and in {parts[0]}; give one" in line
    with h5py.File(parts[0], "r+") as file:
        options = json.loads(file.attrs["options"])
        file.attrs["options"] = json.dumps({**options, "limit": 1})
    assert "made with a limit, so shots are missing; make it again" in refusal(*merge)
    assert not os.path.exists("m.h5")
