"""Small valid files of every kind, a folder a kind: ``python -m tests.fuzz.seeds FOLDER``."""

import json
import os
import shutil
import sys

import h5py
import numpy as np
import tensorflow as tf
from PIL import Image

from legacy_gbp.cli import main
from legacy_gbp.cli.quiet_tensorflow import load_quietly
from legacy_gbp.exercises.definitions import EX07
from tests.files import write_xtcav

v1 = tf.compat.v1
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERAS = os.path.join(TESTS, "reference", "keras")
IMAGE = (8, 8, 1)
CLASSES = 3


def _network(images_t):
    """Convolution, pooling, a dense layer: 3 logits."""
    rng = np.random.RandomState(0)
    kernel = v1.get_variable("conv/kernel", initializer=np.float32(rng.normal(size=(3, 3, 1, 2))))
    bias = v1.get_variable("conv/bias", initializer=np.array([0.1, -0.1], np.float32))
    hidden_t = tf.nn.relu(tf.nn.conv2d(images_t, kernel, [1, 1, 1, 1], "SAME") + bias)
    pooled_t = v1.nn.max_pool(hidden_t, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    flat_t = tf.reshape(pooled_t, [-1, 32])
    dense = v1.get_variable("dense/kernel", initializer=np.float32(rng.normal(size=(32, CLASSES))))
    return tf.matmul(flat_t, dense, name="logits")


def _write_models(folder):
    """Frozen graphs, checkpoints of both formats, a SavedModel."""
    for name in ("pb", "pbtxt", "checkpoint", "v1", "saved", "explain"):
        os.makedirs(os.path.join(folder, name))

    def place(*names):
        return os.path.join(folder, *names)

    with tf.Graph().as_default() as graph, v1.Session() as session:
        images_t = v1.placeholder(tf.float32, [None, *IMAGE], "images")
        keep_t = v1.placeholder_with_default(1.0, [], "keep_prob")
        logits_t = _network(images_t * keep_t)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, place("checkpoint", "model"), global_step=7)
        old = v1.train.Saver(write_version=v1.train.SaverDef.V1)
        old.save(session, place("v1", "model"), write_state=False)
        v1.saved_model.simple_save(
            session, place("saved", "model"), {"images": images_t}, {"logits": logits_t}
        )
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["logits"]
        )
    for name in ("pb", "explain"):
        with open(place(name, "net.pb"), "wb") as file:
            file.write(frozen.SerializeToString())
    with open(place("pbtxt", "net.pbtxt"), "w") as texts:
        texts.write(str(frozen))


def _write_keras(folder):
    for name, source in (
        ("keras_h5", "tf115_mlp.h5"), ("keras_zip", "k3_mlp.keras"), ("keras_json", "k231_mlp.h5"),
    ):  # fmt: skip
        os.makedirs(os.path.join(folder, name))
        ending = source.rpartition(".")[2]
        shutil.copy(os.path.join(KERAS, source), os.path.join(folder, name, "net." + ending))
    path = os.path.join(folder, "keras_json", "net.h5")
    with h5py.File(path, "r+") as file:  # weights alone, and the layers as JSON beside them
        config = file.attrs["model_config"]
        config = config.decode() if isinstance(config, bytes) else config
        weights = os.path.join(folder, "keras_json", "weights.h5")
        with h5py.File(weights, "w") as alone:
            for name in file["model_weights"]:
                file.copy("model_weights/" + name, alone)
            for name, value in file["model_weights"].attrs.items():
                alone.attrs[name] = value
    os.replace(weights, path)
    with open(os.path.join(folder, "keras_json", "net.json"), "w") as text:
        text.write(config)


def _write_xtcav(folder):
    for name in ("xtcav", "xtcav_gzip", "xtcav_virtual"):
        os.makedirs(os.path.join(folder, name))
    plain = os.path.join(folder, "xtcav", "shots.h5")
    write_xtcav(plain, 2)
    gzip = os.path.join(folder, "xtcav_gzip", "shots.h5")
    with h5py.File(plain, "r") as one, h5py.File(gzip, "w") as other:
        for name in one:
            chunks = (1, *one[name].shape[1:])
            other.create_dataset(
                name, data=one[name], chunks=chunks, compression="gzip", shuffle=True
            )
    virtual = os.path.join(folder, "xtcav_virtual", "shots.h5")
    shutil.copy(plain, os.path.join(folder, "xtcav_virtual", "part.h5"))
    with h5py.File(plain, "r") as one, h5py.File(virtual, "w") as other:
        for name in one:
            layout = h5py.VirtualLayout(one[name].shape, one[name].dtype)
            layout[...] = h5py.VirtualSource("part.h5", name, one[name].shape)
            other.create_virtual_dataset(name, layout)


def _write_results(folder):
    """A checkpoint of ours, two results to merge, and a state to resume from."""
    for name in ("ours", "results", "resume"):
        os.makedirs(os.path.join(folder, name))
    place = os.path.join(folder, "ours")
    write_xtcav(os.path.join(place, "shots.h5"), 2)
    prefix = os.path.join(place, "net")
    for ending in (".index", ".data-00000-of-00001"):
        shutil.copy(os.path.join(TESTS, "reference", "tf_saved_model" + ending), prefix + ending)
    for k in range(2):
        data = os.path.join(folder, "results", f"shots{k}.h5")
        write_xtcav(data, 2, seed=k)
        output = os.path.join(folder, "results", f"part{k}.h5")
        assert main(EX07, ["predict", data, "--checkpoint", prefix, "--output", output]) == 0
    from legacy_gbp.training.resume_file import write_state
    from legacy_gbp.training.state import TrainingState

    rng = np.random.RandomState(0)
    state = TrainingState(settings={"seed": 1}, rng_state=rng.get_state())
    state.variables.update({"logits/bias": np.zeros(2, np.float32)})
    write_state(os.path.join(folder, "resume", "net_resume.npz"), state)


def _write_images(folder):
    place = os.path.join(folder, "explain")
    rng = np.random.RandomState(0)
    images = rng.uniform(0, 1, (2, *IMAGE)).astype(np.float32)
    np.save(os.path.join(place, "images.npy"), images)
    with h5py.File(os.path.join(place, "images.h5"), "w") as file:
        file["x"] = images
    picture = Image.fromarray(np.uint8(255 * images[0, :, :, 0]))
    for ending in ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm"):
        picture.save(os.path.join(place, "cat." + ending))
    with open(os.path.join(place, "names.txt"), "w") as file:
        file.write("cat\ndog\nbird\n")
    with open(os.path.join(place, "names.json"), "w") as file:
        json.dump({"0": ["n0", "cat"], "1": ["n1", "dog"], "2": ["n2", "bird"]}, file)
    with open(os.path.join(place, "target.txt"), "w") as file:
        file.write("1\n2\n")
    np.save(os.path.join(place, "target.npy"), np.array([1, 2]))


# A word a line, as a shell hands them over. None names a file to write.
COMMAND_LINES = {
    "inspect": "inspect net.pb --input images:0 --output-tensor logits --feed keep_prob=1 "
    "--rule guided --memory-limit 4",
    "explain": "explain net.pb --images images.npy --target 1-2 --layer Relu --method gradcam "
    "--batch-size 2 --limit 1 --scale none",
    "jobscript": "jobscript slurm --partition milano --account lcls:x --time 4:00 --array 4 "
    "--name maps ex08 gbprop --data-dir xtcav --output-dir maps",
}


def _write_command_lines(folder):
    for name, line in COMMAND_LINES.items():
        with open(os.path.join(folder, "explain", name + ".words"), "w") as file:
            file.write(line.replace(" ", "\n"))


def write_seeds(folder):
    """Write the files of every kind."""
    _write_models(folder)
    _write_keras(folder)
    _write_xtcav(folder)
    _write_results(folder)
    _write_images(folder)
    _write_command_lines(folder)


if __name__ == "__main__":
    load_quietly()
    write_seeds(sys.argv[1])
