"""Faults injected into the writing commands: nothing is lost, and nothing unfinished stays.

The table of all faults is printed by
``python -m pytest -m "faults or not faults" tests/test_faults.py``.
"""

import contextlib
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.image import imsave

from legacy_gbp.cli import main, main_all
from legacy_gbp.errors import OutputError
from legacy_gbp.exercises.definitions import EX07
from legacy_gbp.io import atomic
from legacy_gbp.io.checkpoint_files import finish_own_saves
from legacy_gbp.io.hdf5 import create_hdf5
from legacy_gbp.results.writer import result_file
from legacy_gbp.training.resume_file import write_state
from legacy_gbp.training.state import TrainingState
from tests.files import write_xtcav
from tests.test_explain import photographs
from tests.waiting import until
from tests.weights import save_checkpoint

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KILLS = 20
OUT = "out"  # the folder of all outputs
NOWHERE = "/proc/nowhere"  # where not even root can make a folder
TABLE: list = []


@pytest.fixture(scope="module", autouse=True)
def _table(request):
    """Print what was lost by which fault."""
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n\nfault -> lost")
        for fault, command in TABLE:
            print(f"{fault}, {command} -> lost: nothing")


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Data, a checkpoint, a graph and a picture: a folder that every test copies."""
    folder = str(tmp_path_factory.mktemp("inputs"))
    before = os.getcwd()
    os.chdir(folder)
    write_xtcav("a.h5", 8)
    write_xtcav("b.h5", 8, seed=1)
    save_checkpoint(EX07, "model")
    imsave("photo.png", np.random.RandomState(0).rand(8, 8, 3))
    np.save("many.npy", np.random.RandomState(0).rand(400, 8, 8, 3))
    photographs()
    argv = ["predict", "a.h5", "b.h5", "--checkpoint", "model", "--output-dir", "parts"]
    assert main(EX07, argv) == 0
    os.chdir(before)
    return folder


DATA = ["--train-files", "a.h5", "--validation-files", "b.h5", "--batch-size", "4"]
GBPROP = ["ex07", "gbprop", "a.h5", "--checkpoint", "model", "--only-class", "all"]
# Name to the command line, and whether it loads TensorFlow.
COMMANDS = {
    "synthesize": (["synthesize", OUT, "--runs", "70", "--files", "1", "--shots", "30"], False),
    "show": (["show", "a.h5", "--output", "out/sheet.png"], False),
    "merge": (
        ["merge", "parts/a-predictions.h5", "parts/b-predictions.h5", "--output", "out/all.h5"],
        False,
    ),
    "jobscript": (
        ["jobscript", "slurm", "--partition", "p", "--output", "out/job.sh", "ex07", "train"],
        False,
    ),
    "predict": (["ex07", "predict", "a.h5", "--checkpoint", "model", "--output", "out/p.h5"], True),
    "gbprop": ([*GBPROP, "--output", "out/maps.h5", "--pages", "0"], True),
    "gbprop --figure": ([*GBPROP, "--figure", "out/page"], True),
    "explain": (
        ["explain", "photos.pb", "--images", "many.npy", "--output", "out/maps.h5"],
        True,
    ),
    "explain --figure": (
        ["explain", "photos.pb", "--images", "photo.png", "--figure", "out/maps.png"],
        True,
    ),
    "train": (["ex07", "train", *DATA, "--epochs", "4", "--checkpoint", "out/best"], True),
    "train --logdir": (["ex07", "train", *DATA, "--epochs", "4", "--checkpoint", "best",
                        "--logdir", OUT], True),
}  # fmt: skip
FAST = [name for name, (_, loads_tensorflow) in COMMANDS.items() if not loads_tensorflow]
ALL = [pytest.param(name, marks=() if name in FAST else pytest.mark.faults) for name in COMMANDS]


def argv_of(name):
    return [sys.executable, "-m", "legacy_gbp", *COMMANDS[name][0]]


def environment(**changes):
    known = {**os.environ, "PYTHONPATH": ROOT, "MPLBACKEND": "agg", **changes}
    return {word: value for word, value in known.items() if value is not None}


def copy_inputs(inputs):
    for name in os.listdir(inputs):
        source = os.path.join(inputs, name)
        (shutil.copytree if os.path.isdir(source) else shutil.copy2)(source, name)
    os.mkdir(OUT)


def digests(folder):
    """Path to SHA-256 of every file, also of hidden ones."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def check_refused(done, before):
    """One line, exit code 2, and all files of the current folder as they were."""
    error = done.stderr
    assert done.returncode == 2, (done.returncode, error)
    assert error.count("\n") == 1 and "Traceback" not in error, error
    after = digests(".")
    # A note says that a training is unfinished; a log of events has what happened until then.
    notes = {path for path in after if path.endswith(".unfinished") or "tfevents" in path}
    for path in notes:
        if "tfevents" in path:
            assert list(tf.compat.v1.train.summary_iterator(path)), "no complete record"
    assert {path: after[path] for path in set(after) - notes} == before
    return error


def in_a_namespace(script, argv, **options):
    """Run a command after mounts that nobody else sees."""
    command = ["unshare", "-m", "sh", "-c", script, "sh", *argv]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def mounts():
    """Skip where nobody may mount."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs root, who may mount a small disk")
    done = in_a_namespace("mount -t tmpfs -o size=1m none /mnt", [])
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")


FULL = (
    "mount -t tmpfs -o size={size} none out && head -c {filled} /dev/zero > out/.fill && "
    """{{ "$@"; code=$?; ls -A out > listing; exit $code; }}; exit 99"""
)


@pytest.mark.parametrize("name", ALL)
def test_a_full_disk(name, inputs, mounts):
    """At the first byte, and in the middle of a file."""
    copy_inputs(inputs)
    before = digests(".")
    failed = 0
    for left in (0, 8, 128):  # kB; nothing that is written here is larger than 1 MB
        script = FULL.format(size="1m", filled=(1 << 20) - 1024 * left)
        done = in_a_namespace(script, argv_of(name), env=environment())
        with open("listing") as file:
            names = set(file.read().split())
        os.remove("listing")
        assert not any(found.startswith(".partial-") for found in names), names
        if done.returncode:
            assert names <= {".fill", "best.unfinished"}
            assert "cannot be written" in check_refused(done, before)
            failed += 1
        else:
            shutil.rmtree("best", ignore_errors=True)
    assert failed, "nothing was too large"
    TABLE.append(("full disk", name))


def unmeasured():
    """Without the coverage of CI, which would write a file of its own under the limit."""
    return {k: v for k, v in environment().items() if not k.startswith("COVERAGE_")}


def limited(size):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("name", ALL)
def test_a_limit_on_the_size_of_files(name, inputs):
    """As ``ulimit -f`` or a quota: in the first bytes, and in the middle of the file."""
    copy_inputs(inputs)
    before = digests(".")
    least = size = 0 if name in FAST else 1000  # Python asks for 4 bytes of a temporary file
    while True:
        done = subprocess.run(
            argv_of(name), env=unmeasured(), preexec_fn=limited(size), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if done.returncode == 0:
            break
        line = check_refused(done, before)
        assert "cannot be written" in line
        for path in digests("."):
            if path.endswith(".unfinished"):
                os.remove(path)
        size = max(16 * size, 1000)
    assert size > least, "nothing was limited"
    TABLE.append(("limit on file sizes", name))


# ---- folders, clocks, homes


def state():
    rng = np.random.RandomState(0)
    return TrainingState({"seed": 1}, rng_state=rng.get_state(), variables={"x": rng.rand(500)})


@pytest.mark.faults
def test_too_little_memory_to_address():
    """A batch of 2 GiB a layer, where ``ulimit -v`` leaves 4 GB: the smaller batch has room."""
    with tf.Graph().as_default() as graph:
        images_t = tf.compat.v1.placeholder(tf.float32, [None, 64, 64, 1], "images")
        kernel_t = tf.constant(np.ones((3, 3, 1, 64), np.float32))
        hidden_t = tf.nn.relu(tf.nn.conv2d(images_t, kernel_t, [1, 1, 1, 1], "SAME"))
        weights_t = tf.constant(np.ones((64, 2), np.float32))
        tf.matmul(tf.reduce_mean(hidden_t, [1, 2]), weights_t, name="logits")
    with open("m.pb", "wb") as file:
        file.write(graph.as_graph_def().SerializeToString())
    np.save("x.npy", np.ones((2048, 64, 64, 1), np.float32))

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 * 10**9, 4 * 10**9))

    words = [sys.executable, "-m", "legacy_gbp", "explain", "m.pb", "--images", "x.npy"]
    words += ["--output", "maps.h5", "--batch-size"]
    done = subprocess.run(
        [*words, "2048"], preexec_fn=limit, env={**unmeasured(), "PYTHONPATH": ROOT},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and "give a smaller --batch-size" in line
    assert sorted(os.listdir(".")) == ["m.pb", "x.npy"]
    TABLE.append(("4 GB of memory to address", "explain"))


@pytest.mark.parametrize("size", [0, 1, 100, 1000])
def test_a_library_call_on_a_full_disk_changes_nothing(size, monkeypatch):
    """Every writer of the library; the next call works."""
    written = os.write

    def write(descriptor, data):
        if os.fstat(descriptor).st_size + len(data) > size:
            raise OSError(28, "No space left on device")
        return written(descriptor, data)

    def results():
        with result_file("r.h5", {"a": "b"}) as append:
            for _ in range(3):
                append(x=np.zeros((4, 300)), y=np.arange(4))

    def archive():
        write_state("s.npz", state())

    for make in (results, archive):
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", write)
            with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
                make()
            assert os.listdir(".") == []
        make()
        for name in os.listdir("."):
            os.remove(name)
    TABLE.append((f"disk full after {size} bytes", "results and states"))


def test_a_disk_that_is_full_only_when_asked(monkeypatch):
    """As on NFS or with a quota: fsync says it."""

    def fsync(descriptor):
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OutputError, match="Disk quota exceeded"), create_hdf5("a.h5") as file:
        file["x"] = 1
    assert os.listdir(".") == []
    TABLE.append(("quota that the disk tells last", "HDF5"))


@pytest.mark.parametrize("name", ALL)
def test_a_read_only_folder(name, inputs, mounts):
    copy_inputs(inputs)
    before = digests(".")
    script = FULL.format(size="1m,ro", filled=0).replace("head -c 0 /dev/zero > out/.fill", "true")
    line = check_refused(in_a_namespace(script, argv_of(name), env=environment()), before_with(
        before, "listing"))  # fmt: skip
    assert "Read-only file system" in line
    TABLE.append(("read-only folder", name))


def before_with(before, name):
    with open(name, "rb") as file:
        return {**before, "./" + name: hashlib.sha256(file.read()).hexdigest()}


def test_a_folder_that_vanishes():
    """While a file in it is written."""
    with pytest.raises(OutputError, match="cannot be written"), create_hdf5("out/a.h5") as file:
        file["x"] = np.zeros(1000)
        shutil.rmtree("out")
    assert os.listdir(".") == []
    TABLE.append(("folder that vanishes", "HDF5"))


def test_a_temporary_file_that_somebody_replaces():
    """Its name is known as soon as it is there; what is published is what was written."""
    with open("precious", "w") as file:
        file.write("keep me")
    why = "somebody replaced its temporary file"
    with pytest.raises(OutputError, match=why), create_hdf5("a.h5") as file:
        (partial,) = partials(".")
        os.remove(partial)
        os.symlink("precious", partial)
        file["x"] = np.zeros(1000)
    assert os.listdir(".") == ["precious"]
    with open("precious") as file:
        assert file.read() == "keep me"
    TABLE.append(("temporary file that is replaced by a link", "HDF5"))


def test_a_planted_name_is_never_opened(monkeypatch):
    """Even a guessed one: it is created, never opened."""
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    open("precious", "w").close()
    for plant in (os.symlink, os.link):
        name = os.path.basename(atomic.temporary_name("a.h5"))
        plant("precious", name)
        with pytest.raises(OutputError, match="File exists"), create_hdf5("a.h5") as file:
            file["x"] = 1
        assert os.path.getsize("precious") == 0 and os.path.lexists(name)
        os.remove(name)
    TABLE.append(("planted temporary name", "HDF5"))


@pytest.mark.parametrize("years", [-50, 50])
def test_a_clock_that_jumps(years, monkeypatch):
    """What another machine writes now stays; what it left yesterday goes."""
    now = time.time()
    for name, age in (("new", 0), ("old", 2 * atomic.DEAD_AFTER_SECONDS)):
        path = f".partial-elsewhere@1-0123456789abcdef-{name}"
        open(path, "w").close()
        os.utime(path, (now - age, now - age))
    monkeypatch.setattr(time, "time", lambda: now + years * 365 * 86400)
    atomic.remove_stale(".")
    assert [name[-3:] for name in os.listdir(".")] == ["new"]
    TABLE.append((f"clock that jumps by {years} years", "files of another machine"))


def test_event_files_sort_by_their_order_when_the_clock_jumps_back(monkeypatch):
    from legacy_gbp.training.tensorboard import scalar_writer
    from tests.event_files import shown

    now = time.time_ns()
    for step, jump in enumerate((0, -(10**18), 5, -(10**17))):
        monkeypatch.setattr(time, "time_ns", lambda jump=jump: now + jump)
        with scalar_writer("log", step) as write:
            write(step, {"loss": step})
    assert shown("log") == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)]
    TABLE.append(("clock that jumps back", "train --logdir"))


@pytest.mark.parametrize("home", [None, NOWHERE])
@pytest.mark.parametrize("name", ALL)
def test_no_home(name, home, inputs):
    """Nothing is needed from there; matplotlib says that it has no folder for its fonts."""
    copy_inputs(inputs)
    done = subprocess.run(
        argv_of(name), env=environment(HOME=home, XDG_CACHE_HOME=None, MPLCONFIGDIR=None),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    TABLE.append((f"HOME {home or 'unset'}", name))


def refused(capsys, *argv):
    before = digests(".")
    assert main(EX07, list(argv)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and digests(".") == before
    return error


def test_no_place_for_the_synthetic_shots(monkeypatch, capsys):
    for home, cache in ((NOWHERE, None), ("/", NOWHERE)):
        monkeypatch.setenv("HOME", home)
        monkeypatch.setenv("XDG_CACHE_HOME", cache or "")
        line = refused(capsys, "predict")
        assert "set XDG_CACHE_HOME to a folder of yours, or name your data by --data-dir" in line
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # a user without an entry
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert "no home folder for the synthetic shots" in refused(capsys, "predict")
    TABLE.append(("no home for the cache", "predict"))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_cache_of_another_user(level, monkeypatch, capsys):
    """Its shots are not read, and nothing is written there."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.abspath("cache"))
    folder = os.path.join("cache", "legacy_gbp", "xtcav-synthetic-3")
    os.makedirs(folder)
    for _ in range(level):
        folder = os.path.dirname(folder)
    os.chmod(folder, 0o777)
    line = refused(capsys, "predict")
    assert f"{os.path.abspath(folder)}: anybody may write there; set XDG_CACHE_HOME" in line
    os.chmod(folder, 0o755)
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
        line = refused(capsys, "predict")
        assert f"{os.path.abspath(folder)}: belongs to another user; set XDG_CACHE_HOME" in line
    TABLE.append(("cache of another user", "predict"))


def test_a_save_that_another_user_planted():
    """In a folder like /tmp: it does not take the place of a checkpoint of ours."""
    if os.geteuid() != 0:
        pytest.skip("needs root, who may give files away")
    save_checkpoint(EX07, "model")
    before = digests(".")
    os.chmod(".", 0o1777)
    planted = ".whole-1-model"
    os.mkdir(planted)
    for suffix in (".index", ".meta", ".data-00000-of-00001"):
        with open(os.path.join(planted, "model" + suffix), "w") as file:
            file.write("poison")
    os.chown(planted, 12345, 12345)
    finish_own_saves("model")
    assert {path: one for path, one in digests(".").items() if planted not in path} == before
    TABLE.append(("save planted by another user", "train"))


def test_no_folder_for_temporary_files(inputs, monkeypatch):
    copy_inputs(inputs)
    monkeypatch.setattr(tempfile, "tempdir", NOWHERE)
    for name in FAST:
        assert main_all(COMMANDS[name][0]) == 0
        TABLE.append(("no /tmp", name))


def state_of(process):
    """A letter: R runs, S sleeps, T is stopped, Z has ended."""
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.mark.faults
@pytest.mark.parametrize("change", ["replaced", "truncated"])
@pytest.mark.parametrize("name", ["predict", "gbprop"])
def test_an_input_that_is_changed_while_it_is_read(name, change, inputs):
    """The process is stopped when its output is begun; most of the input is not read then."""
    copy_inputs(inputs)
    write_xtcav("a.h5", 400)
    process = subprocess.Popen(
        [*argv_of(name), "--batch-size", "1"], env=environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip
    until(lambda: process.poll() is not None or partials(OUT), "nothing is written")
    process.send_signal(signal.SIGSTOP)
    until(lambda: state_of(process) in "TZ", "the process does not stop")
    if change == "replaced":
        shutil.copy("b.h5", "other.h5")
        os.replace("other.h5", "a.h5")
    else:
        os.truncate("a.h5", 100_000)
    before = {path: one for path, one in digests(".").items() if "/.partial-" not in path}
    process.send_signal(signal.SIGCONT)
    _, error = process.communicate()
    assert process.returncode == 2 and error.count("\n") == 1, error
    assert "a.h5" in error
    assert digests(".") == before
    TABLE.append((f"input that is {change}", name))


# ---- killed at any moment


def partials(folder):
    return [name for name in os.listdir(folder) if name.startswith(".partial-")]


def final(folder):
    """Name to digest of what is there under a final name."""
    return {
        path: digest
        for path, digest in digests(folder).items()
        if "/.partial-" not in path and "/.whole-" not in path
    }


def comparable(name, path):
    """What does not depend on the time of writing."""
    import h5py

    if path.endswith(".h5"):
        with h5py.File(path, "r") as file:
            found: list = []
            file.visititems(
                lambda place, one: (
                    found.append((place, one[()].tolist()))
                    if isinstance(one, h5py.Dataset)
                    else None
                )
            )
            return found
    if path.endswith(".index"):
        reader = tf.train.load_checkpoint(path[: -len(".index")])
        return {
            name: np.asarray(reader.get_tensor(name)).tolist()
            for name in sorted(reader.get_variable_to_shape_map())
        }
    if path.endswith((".png", ".sh")):
        with open(path, "rb") as file:
            return file.read()
    return None


def outcome(name):
    return {path: comparable(name, path) for path in final(OUT) if "tfevents" not in path}


def kill_at_a_moment(argv, when_begun, seconds):
    """Kill a command when it has begun a file, or after a time."""
    seen = set(partials(OUT))
    process = subprocess.Popen(argv, env=environment(), stdout=subprocess.DEVNULL)
    if when_begun:
        until(lambda: process.poll() is not None or set(partials(OUT)) - seen, "nothing is written")
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    process.send_signal(signal.SIGKILL)
    assert process.wait() in (0, -signal.SIGKILL)


KILLED = [name for name in COMMANDS if name != "train --logdir"]


@pytest.mark.faults
@pytest.mark.parametrize("name", KILLED)
def test_killed_at_any_moment(name, inputs):
    """Half of the kills come as soon as a file is begun, the others at any moment.

    What has a final name is complete; the run after the kills tidies up.
    """
    copy_inputs(inputs)
    argv = argv_of(name) + (["--resume", "auto"] if name == "train" else [])
    begun = time.monotonic()
    subprocess.run(argv, env=environment(), check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - begun
    wanted = outcome(name)
    assert wanted
    shutil.rmtree(OUT)
    os.mkdir(OUT)
    moments, killed = random.Random(name), 0
    while killed < KILLS:
        for old in set(final(OUT)) if name != "train" else ():
            os.remove(old)  # else a set would soon be complete
        kill_at_a_moment(argv, killed % 2 == 1, moments.uniform(0, seconds))
        killed += 1
        if name == "train":
            finish_own_saves("out/best")  # as a reader does
        for path in outcome(name):  # is read: no half file
            assert path in wanted or name == "train", path
            if name not in ("train",) and wanted[path] is not None:
                assert comparable(name, path) == wanted[path], path
    subprocess.run(argv, env=environment(), check=True, stdout=subprocess.DEVNULL)
    assert partials(OUT) == []
    found = outcome(name)
    assert set(found) == set(wanted)
    assert found == wanted
    TABLE.append((f"SIGKILL at {KILLS} moments", name))
