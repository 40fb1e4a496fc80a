"""The real scripts in their own processes."""

import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def script(name, *argv, **environment):
    """Run one of the scripts from another folder, as users do."""
    return subprocess.run(
        [sys.executable, os.path.join(ROOT, name), *argv],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_train_predict_gbprop(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    done = script("run_ex07.py", "train", "--epochs", "2", "--batch-size", "20", DATADIR=data_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^    1     1     3 +\d+\.\d +\d\.\d{3}$", done.stdout, re.M)
    done = script("run_ex07.py", "predict", DATADIR=data_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^Ran predictions\. Accuracy: \d\.\d\d 4 samples$", done.stdout, re.M)
    done = script("run_ex07.py", "gbprop", "--output", "m.h5", DATADIR=data_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.exists("ex07_gbprop-001.png") and os.path.exists("m.h5")


def test_ex08_runs_as_a_script(data_dir, checkpoints, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    argv = ["--checkpoint", checkpoints["ex08"], "--only-class", "all", "--output", "m.h5"]
    done = script("run_ex08.py", "gbprop", *argv, DATADIR=data_dir, DISPLAY=":99")  # nobody there
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.exists("ex08_gbprop-001.png")


@pytest.mark.parametrize("name", ["run_ex07.py", "run_ex08.py"])
def test_help_and_refusals_cost_no_tensorflow(name, data_dir, tmp_path):
    """-X importtime lists every module that was imported."""
    for argv, code in (
        (["--help"], 0),
        (["gbprop", "--help"], 0),
        (["gbprop", "--methods", "x"], 2),
        (["predict", "--data-dir", str(tmp_path / "nowhere"), "--checkpoint", "no"], 2),
        (["train", "--data-dir", str(tmp_path / "nowhere")], 2),
        (["predict", str(tmp_path / "lost.h5"), "--checkpoint", "no"], 2),
    ):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", os.path.join(ROOT, name), *argv],
            capture_output=True,
            text=True,
        )
        assert done.returncode == code
        imported = {line.split("|")[-1].strip() for line in done.stderr.split("\n") if "|" in line}
        assert "legacy_gbp.cli" in imported
        assert not {m for m in imported if m.split(".")[0] in ("tensorflow", "matplotlib")}
        if code == 0:
            assert "example:" in done.stdout and "numpy" not in imported


def test_importing_the_package_is_free():
    heavy = ("numpy", "h5py", "tensorflow", "matplotlib")
    code = f"import sys, legacy_gbp; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_every_public_name_loads():
    import legacy_gbp

    for name in legacy_gbp.__all__:
        assert getattr(legacy_gbp, name) is not None
    assert set(legacy_gbp.__all__) <= set(dir(legacy_gbp))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        legacy_gbp.nothing  # noqa: B018


# Not ru_maxrss: a process inherits that from the one that started it, here from pytest.
PEAK = """
import re, sys
from legacy_gbp.cli import main
from legacy_gbp.exercises.definitions import EX07
code = main(EX07, sys.argv[1:])
with open("/proc/self/status") as file:
    peak = re.search("VmHWM: *(.*) kB", file.read().replace("\\t", " ")).group(1)
print("PEAK", int(peak) / 1024, file=sys.stderr)
raise SystemExit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "predict", "gbprop"])
def test_peak_memory_does_not_grow_with_the_shots(command, tmp_path, checkpoints, monkeypatch):
    """A command fails that keeps a third of 4,500 more shots, int16 of 363 x 284 pixels: 295 MB.

    How many batches are on their way at once depends on the threads: equal runs differed by up
    to 180 MB. glibc gives freed arrays back at once, so that its free lists do not count.
    """
    import numpy as np

    from legacy_gbp.data.xtcav_writer import write_shots

    monkeypatch.chdir(tmp_path)
    peaks = []
    for shots in (1500, 6000):
        path = f"{shots}.h5"
        image = np.random.RandomState(0).randint(0, 3, (363, 284)).astype(np.int16)
        labels = np.arange(shots) % 2
        rows = ({"xtcavimg": image + label} for label in labels)
        write_shots(path, rows, shots, {"lasing": labels})
        argv = {
            "train": ["--train-files", path, "--validation-files", path, "--epochs", "1"],
            "predict": [path, "--checkpoint", checkpoints["ex07"], "--output", f"p{path}"],
            "gbprop": [path, "--checkpoint", checkpoints["ex07"], "--output", f"m{path}"],
        }[command]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, command, *argv],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": ROOT, "MALLOC_MMAP_THRESHOLD_": "65536"},
        )
        assert done.returncode == 0, done.stderr
        peaks.append(float(done.stderr.split("PEAK")[1]))
    print(f"{command}: {peaks[0]:.0f} MB for 1,500 shots, {peaks[1]:.0f} MB for 6,000")
    room = (6000 - 1500) * 363 * 284 * 2 / 1024**2
    assert peaks[1] < peaks[0] + room / 3
