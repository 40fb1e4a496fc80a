"""Commands in a child process: what ends it is one line, signals reach it, nothing is left."""

import os
import pty
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from legacy_gbp.cli import faults, limits, main_all, memory, show, supervisor
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.io.atomic import is_running
from tests.waiting import until

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A program whose command `show` does what a test says.
PROGRAM = """
import ctypes, os, signal, sys, time
from legacy_gbp.cli import main_all, show

def run(options):
    with open("child", "w") as file:
        file.write(str(os.getpid()))
    os.rename("child", "ready")
    {body}

show.run = run
raise SystemExit(main_all(["show", "strange.h5", *sys.argv[1:]], is_supervised=True))
"""
FOREVER = "while True: time.sleep(0.01)"


def started(body, *argv, **more):
    """Start the program in this folder; its standard streams are pipes."""
    words = [sys.executable, "-c", PROGRAM.format(body=body.replace("\n", "\n    ")), *argv]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    return subprocess.Popen(words, env={**os.environ, "PYTHONPATH": ROOT}, **options)


def ended(process):
    """Exit code, and what it printed."""
    out, err = process.communicate()
    return process.returncode, out, err


def child_of(process):
    """The process that does the work, once it works."""
    until(lambda: os.path.exists("ready") or process.poll() is not None, "no child works")
    with open("ready") as file:
        return int(file.read())


def state_of(number):
    """A letter: R runs, S sleeps, T is stopped, Z has ended; none for no process."""
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_crash_is_one_line(name):
    code, out, err = ended(started(f"os.kill(os.getpid(), signal.{name})"))
    assert (code, out) == (2, "")
    assert err == (
        f"legacy-gbp: strange.h5: crashed TensorFlow or HDF5 ({name}); it is damaged, or was made "
        "to do this: do not trust it; if it is good, report it\n"
    )


def test_what_native_code_says_is_quoted_and_nothing_else():
    body = r"""
os.write(2, b"2026 I noise\n\x1b[31mF tensor.cc:9] Check failed: 1 == 2\x07\n*** stack\n")
ctypes.string_at(0)
"""
    code, _, err = ended(started(body))
    assert code == 2 and len(err.splitlines()) == 1
    assert "(SIGSEGV, [31mF tensor.cc:9] Check failed: 1 == 2); it is damaged" in err
    assert "noise" not in err and "\x1b" not in err and "\x07" not in err


def test_a_flood_on_stderr_is_lost_and_python_s_stderr_is_not():
    body = r"""
for _ in range(300):
    os.write(2, b"native " * 1000)
print("of Python", file=sys.stderr)
print("out")
"""
    assert ended(started(body)) == (0, "out\n", "of Python\n")


def test_who_asks_for_the_log_of_tensorflow_sees_it(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    assert ended(started(r'os.write(2, b"I native\n")')) == (0, "", "I native\n")


def test_a_terminal_stays_one():
    controller, terminal = pty.openpty()
    body = (
        'print(sys.stderr.isatty(), os.isatty(2), file=sys.stdout)\nprint("to it", file=sys.stderr)'
    )
    process = started(body, stderr=terminal)
    out, _ = process.communicate()
    assert (process.returncode, out) == (0, "True False\n")
    assert os.read(controller, 100) == b"to it\r\n"
    os.close(controller)
    os.close(terminal)


def test_a_graph_that_crashes_tensorflow_1_is_one_line():
    """The end of a loop outside of any loop: 1.15.5 runs it, and dies; 2 says what is wrong."""
    with tf.Graph().as_default() as graph:
        images_t = tf.compat.v1.placeholder(tf.float32, [None, 4], "images")
        weights_t = tf.identity(tf.ones([4, 3]), "weights")
        tf.matmul(tf.nn.relu(images_t), weights_t, name="logits")
    graph_def = graph.as_graph_def()
    for node in graph_def.node:
        node.op = "Exit" if node.name == "weights" else node.op
    with open("net.pb", "wb") as file:
        file.write(graph_def.SerializeToString())
    code = "import sys; from legacy_gbp.cli import main_all; raise SystemExit(main_all("
    code += "['explain', 'net.pb', '--images', 'x.npy', '--method', 'gradient'], {}))"
    np.save("x.npy", np.ones((1, 4), np.float32))
    done = {}
    for is_supervised in (False, True):
        words = [sys.executable, "-c", code.format(is_supervised)]
        environment = {**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done[is_supervised] = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done[True].returncode == 2
    (line,) = done[True].stderr.splitlines()
    if tf.__version__.startswith("1."):
        assert done[False].returncode == -signal.SIGSEGV and done[False].stderr == ""
        assert line.startswith("legacy-gbp: net.pb, x.npy: crashed TensorFlow or HDF5 (SIGSEGV)")


@pytest.mark.parametrize("code", [0, 2, 75, 130])
def test_exit_codes_are_those_of_the_command(code):
    assert ended(started(f"raise SystemExit({code})")) == (code, "", "")


@pytest.mark.parametrize(
    "body", [FOREVER, "signal.pthread_sigmask(0, {signal.SIGTERM})\n" + FOREVER]
)
def test_a_limit_on_time(body):
    code, _, err = ended(started(body, "--time-limit", "0.5"))
    assert code == 2 and err == (
        "legacy-gbp: strange.h5: not finished after 0.5 s; raise --time-limit where the file is "
        "your own\n"
    )


def test_a_limit_on_memory():
    """Without one this takes all there is. The bound is looked at, not foreseen: it is near."""
    body = "taken = []\nwhile True: taken.append(b'x' * 10**7); time.sleep(0.005)"
    code, _, err = ended(started(body, "--memory-limit", "0.4"))
    assert code == 2 and err == (
        "legacy-gbp: strange.h5: takes more than 0.4 GB of memory; raise --memory-limit where the "
        "file is your own\n"
    )


def test_the_files_of_a_killed_child_are_removed():
    body = """
from legacy_gbp.io.atomic import atomic_file
with atomic_file("a.png"):
    print(*[name for name in os.listdir(".") if name.startswith(".partial-")], flush=True)
    ctypes.string_at(0)
"""
    code, out, _ = ended(started(body, "--output", "a.png"))
    assert code == 2 and out.endswith("-a.png\n")
    assert os.listdir(".") == ["ready"]


COUNTS = r"""
import signal, time
got = []
for name in ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP"):
    signal.signal(getattr(signal, name), lambda number, _: got.append(signal.Signals(number).name))
open("listens", "w").close()
while not got: time.sleep(0.01)
print(*got, flush=True)
raise SystemExit(75)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP"])
def test_signals_are_passed_on(name):
    process = started(COUNTS)
    until(lambda: os.path.exists("listens"), "it does not listen")
    process.send_signal(getattr(signal, name))
    assert ended(process) == (75, name + "\n", "")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGHUP"])
def test_a_signal_that_ends_the_child_ends_the_parent_alike(name):
    process = started(FOREVER)
    child_of(process)
    process.send_signal(getattr(signal, name))
    assert ended(process) == (-getattr(signal, name), "", "")


def test_who_kills_the_child_kills_the_parent():
    process = started(FOREVER)
    os.kill(child_of(process), signal.SIGKILL)
    assert ended(process) == (-signal.SIGKILL, "", "")


def test_a_killed_parent_takes_the_child_with_it():
    process = started(FOREVER)
    child = child_of(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: state_of(child) in ("", "Z"), "the child lives on")


INTERRUPTED = r"""
try:
    open("listens", "w").close()
    while True: time.sleep(0.01)
except KeyboardInterrupt:
    print("once", flush=True)
    time.sleep(0.3)  # a second interrupt would leave a traceback
    raise
"""


@pytest.mark.parametrize("to_all", [False, True])
def test_an_interrupt_counts_once(to_all):
    """Whether the parent alone is sent it, or every process, as Slurm and LSF do."""
    process = started(INTERRUPTED, start_new_session=True)
    until(lambda: os.path.exists("listens"), "it does not listen")
    (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
    assert ended(process) == (130, "once\n", "legacy-gbp: interrupted\n")


def test_control_c_at_a_terminal_counts_once():
    pid, controller = pty.fork()
    if not pid:
        os.environ["PYTHONPATH"] = ROOT
        body = INTERRUPTED.replace("\n", "\n    ")
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM.format(body=body)])
    until(lambda: os.path.exists("listens"), "it does not listen")
    os.write(controller, b"\x03")
    shown = b""
    while b"interrupted" not in shown:
        shown += os.read(controller, 1000)
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 130
    assert shown.count(b"once") == 1 and b"Traceback" not in shown
    os.close(controller)


def test_a_stopped_command_stops_all_of_it_and_goes_on():
    process = started(COUNTS)
    child = child_of(process)
    until(lambda: os.path.exists("listens"), "it does not listen")
    process.send_signal(signal.SIGTSTP)
    until(lambda: state_of(process.pid) == state_of(child) == "T", "not both are stopped")
    process.send_signal(signal.SIGCONT)
    until(lambda: state_of(child) in "SR", "the child does not go on")
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (75, "SIGTERM\n", "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("MemoryError()", "strange.h5: there is not enough memory for it; use a machine with more "
         "memory"),
        ("RecursionError('x')", "strange.h5: nested too deeply; it is damaged, or was made to do "
         "this: do not trust it"),
    ],
)  # fmt: skip
def test_what_runs_out_is_advice(error, line, monkeypatch, capsys):
    def fail(options):
        raise eval(error)

    monkeypatch.setattr(show, "run", fail)
    assert main_all(["show", "strange.h5"]) == 2
    assert capsys.readouterr().err == f"legacy-gbp: {line}\n"


def test_an_exception_that_nobody_foresaw_is_one_line(monkeypatch, capsys):
    def fail(options):
        raise KeyError("a\nb")

    monkeypatch.setattr(show, "run", fail)
    assert main_all(["show", "strange.h5"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("legacy-gbp: strange.h5: cannot be read (KeyError: ")
    assert re.search(r", cli/__init__\.py line \d+\); it is damaged", line)
    with pytest.raises(KeyError):
        main_all(["show", "strange.h5", "--traceback"])


def test_a_fault_of_a_command_that_reads_nothing_keeps_its_traceback(monkeypatch):
    def fail(options):
        raise KeyError("x")

    monkeypatch.setattr("legacy_gbp.cli.help.run", fail)
    with pytest.raises(KeyError):
        main_all(["help"])


def test_called_from_python_nothing_is_forked(monkeypatch):
    def refuse():
        raise AssertionError("forked")

    monkeypatch.setattr(os, "fork", refuse)
    assert main_all(["show", "nothing.h5"]) == 2


def test_the_scripts_fork_before_numpy_is_there():
    """The parent imports none of it: its memory is that of Python."""
    code = "import os, runpy, sys\n"
    code += "def fork(): print([name for name in ('numpy', 'h5py', 'tensorflow') "
    code += "if name in sys.modules], flush=True); os._exit(3)\n"
    code += "os.fork = fork\nsys.argv[1:] = ['predict', 'no.h5']\n"
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    for name in ("run_ex07.py", "run_ex08.py"):
        words = [sys.executable, "-c", code.replace("sys.argv[0]", repr(os.path.join(ROOT, name)))]
        done = subprocess.run(
            words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ROOT}
        )
        assert (done.returncode, done.stdout) == (3, "[]\n")
    for tool in ("show", "inspect", "explain", "merge", "ex07 gbprop"):
        needed = {"merge": ["a", "--output", "b"], "explain": ["a", "--images", "b"]}
        argv = [*tool.split(), *needed.get(tool, ["a"])]
        forked = code.replace(str(["predict", "no.h5"]), str(argv))
        forked = forked.replace("run_path(sys.argv[0]", "run_module('legacy_gbp'")
        done = subprocess.run(
            [sys.executable, "-c", forked], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert (done.returncode, done.stdout) == (3, "[]\n"), tool


def test_limits_are_no_part_of_what_a_result_records():
    parser = Parser()
    limits.add_limit_arguments(parser, "predict")
    options = parser.parse_args(["--time-limit", "5"], namespace=Options())
    assert options.given() == {}
    found = limits.limits_of(options)
    assert found is not None and found.seconds == 5
    assert found.nbytes is not None and 0 < found.nbytes < 1 << 50
    options = parser.parse_args(["--memory-limit", "1.5"], namespace=Options())
    assert limits.limits_of(options) == limits.Limits(None, 1500000000)
    assert limits.limits_of(Options()) is None


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def test_free_memory_is_the_least_of_machine_and_groups():
    write("root/proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    assert memory.free_bytes("root") == 5000 * 1024
    write("root/proc/self/cgroup", "0::/job/step\n")
    write("root/sys/fs/cgroup/job/memory.max", "4000000\n")
    write("root/sys/fs/cgroup/job/memory.current", "1500000\n")
    write("root/sys/fs/cgroup/job/memory.stat", "anon 7\ninactive_file 200000\n")
    write("root/sys/fs/cgroup/job/step/memory.max", "max\n")
    write("root/sys/fs/cgroup/job/step/memory.current", "1500000\n")
    assert memory.free_bytes("root") == 4000000 - 1500000 + 200000
    write("root/proc/self/cgroup", "4:memory:/a\n3:cpu:/b\n")
    write("root/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write("root/sys/fs/cgroup/memory/memory.usage_in_bytes", "0\n")
    write("root/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000000\n")
    write("root/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "3000001\n")
    assert memory.free_bytes("root") == 0
    assert memory.free_bytes("nowhere") is None
    assert (memory.free_bytes() or 0) > 0
    assert memory.resident_bytes(os.getpid()) > 1e6 and memory.resident_bytes(0) == 0
    assert memory.kills_by_the_kernel() >= 0


def test_lines_for_limits_name_the_options_that_help():
    given = limits.Limits(3.0, 2 * 10**9)
    options = Options(model="m.pb", images=["a.png", "b.png", "c.png"], batch_size=4)
    line = faults.what_ended_it(options, given, supervisor.End(-9, "memory"))
    assert line == (
        "m.pb, a.png, b.png and 1 more: takes more than 2 GB of memory; give a smaller "
        "`batch_size`, or raise `memory_limit` where the file is your own"
    )
    line = faults.what_ended_it(options, given, supervisor.End(-9, "kernel"))
    assert line is not None
    assert line.endswith("the system ended this for want of memory; " + faults.LESS_MEMORY)
    assert faults.what_ended_it(options, given, supervisor.End(-15)) is None
    assert faults.what_ended_it(options, given, supervisor.End(2)) is None
    assert limits.files_read(Options()) == "the files it reads"


def test_a_child_that_nobody_asks_for_has_ended():
    """A container may have no first process that does: its file in work is removed all the same."""
    child = os.fork()
    if not child:
        os._exit(0)
    until(lambda: state_of(child) == "Z", "it does not end")
    assert not is_running(child)
    os.waitpid(child, 0)
    assert is_running(os.getpid()) and not is_running(child)
