"""Run both exercises in two checkouts and compare everything they write, bit for bit.

    python -m tests.compare_checkouts OLD NEW

trains, predicts, explains and merges in either checkout with the same small files, and
compares the logs (without the columns of seconds), every tensor of every checkpoint,
every dataset and attribute of every HDF5 file (without times, versions and places), and
the pixels of every page. Needs TensorFlow; exits with 1 when anything differs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = os.path.join(HERE, "reference", "tf_saved_model")
TRAIN = ["train", "--data-dir", "data", "--batch-size", "8", "--epochs", "1", "--seed", "3"]
COMMANDS = {
    "ex07-train": ["ex07", *TRAIN, "--checkpoint", "seven"],
    "ex07-train-log-mean": [
        "ex07", *TRAIN, "--preprocess", "log-mean", "--checkpoint", "seven-log-mean",
    ],
    "ex08-train": ["ex08", *TRAIN, "--checkpoint", "eight", "--final-checkpoint", "eight-final"],
    "ex07-predict": [
        "ex07", "predict", "--data-dir", "data", "--checkpoint", "seven", "--output", "seven-p.h5",
    ],
    "ex08-predict": [
        "ex08", "predict", "--data-dir", "data", "--checkpoint", "eight", "--output", "eight-p.h5",
    ],
    "ex07-gbprop": [
        "ex07", "gbprop", "--data-dir", "data", "--checkpoint", "seven", "--output", "seven-m.h5",
        "--compare", "--figure", "seven",
    ],
    "ex07-gbprop-log-mean": [
        "ex07", "gbprop", "--data-dir", "data", "--checkpoint", "seven-log-mean", "--output",
        "seven-log-m.h5", "--pages", "0",
    ],
    "ex07-gbprop-2016": [
        "ex07", "gbprop", "--data-dir", "data", "--checkpoint", REFERENCE, "--historical",
        "--compare", "--output", "seven-h.h5", "--figure", "history",
    ],
    "ex08-gbprop": [
        "ex08", "gbprop", "--data-dir", "data", "--checkpoint", "eight", "--output", "eight-m.h5",
        "--only-class", "all", "--figure", "eight",
    ],
    "ex08-smoothgrad": [
        "ex08", "gbprop", "--data-dir", "data", "--checkpoint", "eight", "--output", "eight-s.h5",
        "--only-class", "all", "--method", "smoothgrad", "--limit", "3", "--pages", "0",
    ],
    "ex08-shards": [
        "ex08", "gbprop", "--data-dir", "data", "--checkpoint", "eight", "--output-dir", "maps",
        "--only-class", "all", "--pages", "0",
    ],
    "merge": ["merge", "maps/amo86815_mlearn-r070-c0009-maps.h5",
              "maps/amo86815_mlearn-r071-c0003-maps.h5", "--output", "all.h5"],
}  # fmt: skip
CHECKPOINTS = ("seven", "seven-log-mean", "eight", "eight-final")
# What may differ: times, versions, and facts that a newer program records beside the old ones.
UNSTABLE = ("written", "merged", "legacy_gbp_version", "data_mtime_ns", "parts")


def write_data(folder):
    """Write the files that both checkouts read: HDF5 may put the time into them."""
    sys.path.insert(0, os.path.dirname(HERE))
    from tests.files import write_selection

    os.makedirs(folder)
    write_selection(folder)


def run_all(checkout, folder, data):
    """Run every command; give the logs by name."""
    shutil.copytree(data, os.path.join(folder, "data"))
    environment = {**os.environ, "PYTHONPATH": checkout, "PYTHONHASHSEED": "0"}
    logs = {}
    for name, words in COMMANDS.items():
        argv = [sys.executable, "-m", "legacy_gbp", *words]
        done = subprocess.run(
            argv, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        print(f"   {name}: exit {done.returncode}", flush=True)
        if done.returncode:
            print(done.stderr, flush=True)
        logs[name] = done.stdout
    return logs


def without_seconds(log):
    """A log with the columns of seconds blanked out."""
    log = re.sub(r"^( *\d+ +\d+ +\d+ ) *\d+\.\d", r"\1", log, flags=re.M)
    return re.sub(r"(\d+\.\d{3}) +\d+\.\d (?= *\d+\.\d%)", r"\1 ", log)


def plain(value):
    """An HDF5 attribute as something that can be compared."""
    return value.tolist() if isinstance(value, np.generic) else value


def hdf5_differences(old, new):
    """Yield what differs between two HDF5 files."""
    import h5py

    with h5py.File(old, "r") as a, h5py.File(new, "r") as b:
        for name in sorted({*a, *b}):
            if name not in a or name not in b:
                yield f"dataset {name}: only in one"
            elif a[name].dtype != b[name].dtype or a[name].shape != b[name].shape:
                yield f"dataset {name}: {a[name].dtype}{a[name].shape}, {b[name].dtype}"
            elif name != "file" and a[name][()].tobytes() != b[name][()].tobytes():
                yield f"dataset {name}: other bits"
        for name in sorted(set(a.attrs) - set(UNSTABLE)):
            values = [plain(file.attrs.get(name)) for file in (a, b)]
            values = [re.sub(r"/[^\"]*/(old|new)/", "", str(value)) for value in values]
            if name == "options":
                values = [{**json.loads(values[0])}, {**json.loads(values[1])}]
            if values[0] != values[1]:
                yield f"attribute {name}: {values[0]} / {values[1]}"
        for name in sorted(set(b.attrs) - set(a.attrs)):
            print(f"   {os.path.basename(new)}: new attribute {name}", flush=True)


def checkpoint_differences(old, new):
    """Yield what differs between two checkpoints."""
    import tensorflow as tf

    a, b = tf.train.load_checkpoint(old), tf.train.load_checkpoint(new)
    if a.get_variable_to_shape_map() != b.get_variable_to_shape_map():
        yield "other variables"
        return
    for name in a.get_variable_to_shape_map():
        one, other = np.asarray(a.get_tensor(name)), np.asarray(b.get_tensor(name))
        if one.dtype == object:
            same = one.tolist() == other.tolist()
        else:
            same = one.tobytes() == other.tobytes()
        if not same:
            yield f"variable {name}: other bits"


def picture_differences(old, new):
    """Yield whether two pictures differ."""
    from PIL import Image

    with Image.open(old) as a, Image.open(new) as b:
        if a.size != b.size or a.tobytes() != b.tobytes():
            yield "other pixels"


def main(old, new):
    """Compare; return the number of differences."""
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        folders, logs = {}, {}
        data = os.path.join(folder, "data")
        write_data(data)
        for name, checkout in (("old", old), ("new", new)):
            print(f"-- {name}: {checkout}", flush=True)
            folders[name] = os.path.join(folder, name)
            logs[name] = run_all(os.path.abspath(checkout), folders[name], data)
        found = []
        for name in COMMANDS:
            lines = [without_seconds(logs[side][name]).split("\n") for side in ("old", "new")]
            if lines[0] != lines[1]:
                pairs = [pair for pair in zip(*lines) if pair[0] != pair[1]]
                found.append((f"log of {name}", str(pairs[:3])))
        for name in CHECKPOINTS:
            paths = [os.path.join(folders[side], name) for side in ("old", "new")]
            found += [(f"checkpoint {name}", what) for what in checkpoint_differences(*paths)]
        written = {
            side: {
                os.path.relpath(os.path.join(place, name), folders[side])
                for place, _, names in os.walk(folders[side])
                for name in names
                if name.endswith((".h5", ".png")) and not place.endswith("data")
            }
            for side in ("old", "new")
        }
        for name in sorted(written["old"] ^ written["new"]):
            found.append((name, "only in one"))
        for name in sorted(written["old"] & written["new"]):
            paths = [os.path.join(folders[side], name) for side in ("old", "new")]
            differ = hdf5_differences if name.endswith(".h5") else picture_differences
            found += [(name, what) for what in differ(*paths)]
        for place, what in found:
            print(f"DIFFERS {place}: {what}", flush=True)
        count = len(found)
        files = len(written["old"] & written["new"])
    print(f"-- {len(COMMANDS)} logs, {len(CHECKPOINTS)} checkpoints, {files} files: "
          f"{count} differences", flush=True)  # fmt: skip
    return count


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    sys.exit(1 if main(*sys.argv[1:]) else 0)
