"""Texts of strangers: none commands the terminal, a job script or the drawing of a page."""

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from PIL import Image, ImageFont

from legacy_gbp import InputError, figures
from legacy_gbp.batch.environment import granted_threads
from legacy_gbp.batch.requeue import requeue
from legacy_gbp.batch.slurm_step import slurm_step
from legacy_gbp.cli import main, main_all
from legacy_gbp.exercises.definitions import EX07
from legacy_gbp.figures.kind import set_titles
from legacy_gbp.figures.plain_text import drawable
from legacy_gbp.io import console
from tests.files import write_xtcav

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Sets the title of a window, clears it, paints red (7 and 8 bits), turns letters round, hides
# one, goes back, to the start of the line, and to the next: what follows looks like a prompt.
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp\u2066\u200b\x7f\b\r\nroot# "
SHOWN = r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp\u2066\u200b\x7f\x08\r\nroot# "
ARABIC = "\u0661"  # a digit of Unicode, which int() and \d take for 1
NOT_UTF_8 = os.fsdecode(b"\xff")
ANY_LANGUAGE = "Größe Δ Жук 猫 कमल שלום 🦊 a\u00a0b e\u0301"


def commands(text):
    """Characters of a text that a terminal does not draw; line ends are allowed."""
    ranges = [
        (0, 9), (11, 31), (127, 159), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
        (0xD800, 0xDFFF), (0xFEFF, 0xFEFF), (0xE0000, 0xE007F),
    ]  # fmt: skip
    return [one for one in text if any(low <= ord(one) <= high for low, high in ranges)]


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(capsys, *argv, exercise=None):
    """Exit code, stdout and stderr of a command in this process."""
    try:
        code = main_all(list(argv)) if exercise is None else main(exercise, list(argv))
    except SystemExit as stop:  # argparse leaves this way
        code = stop.code  # type: ignore[assignment]
    out, error = capsys.readouterr()
    assert not commands(out + error)
    return code, out, error


def refused(capsys, *argv, exercise=None):
    code, _, error = run(capsys, *argv, exercise=exercise)
    assert code == 2 and error.count("\n") == 1 and error.endswith("\n")
    return error


def write_graph(path, name="x"):
    """A frozen graph of one placeholder and one matrix."""
    with tf.Graph().as_default() as graph:
        x_t = tf.compat.v1.placeholder(tf.float32, (None, 4), name="x")
        tf.matmul(tf.nn.relu(x_t), np.ones((4, 3), "f4"), name="y")
        written = graph.as_graph_def()
    for node in written.node:
        node.name = node.name.replace("x", name)
        node.input[:] = [one.replace("x", name) for one in node.input]
    with open(path, "wb") as file:
        file.write(written.SerializeToString())


def test_names_of_files(capsys):
    for argv in (
        ["show", EVIL],
        ["inspect", EVIL],
        ["merge", EVIL, "--output", "m.h5"],
        ["explain", EVIL, "--images", "x.npy"],
        ["ex07", "predict", "--checkpoint", EVIL],
        ["ex07", "train", "--data-dir", EVIL],
    ):
        line = refused(capsys, *argv)
        assert "owned" in line and "\\x1b" in line


def test_what_argparse_repeats(capsys):
    for argv in (
        [EVIL],
        ["show", "a.h5", "--" + EVIL],
        ["show", "a.h5", "--index", EVIL],
        ["ex07", EVIL],
        ["explain", "m.pb", "--images", "x", "--target", "layer:" + EVIL + ":x"],
        ["jobscript", "slurm", "--partition", "p", "ex07", "train", "--" + EVIL],
    ):
        assert "owned" in refused(capsys, *argv)


def test_names_of_datasets(capsys):
    with h5py.File("a.h5", "w") as file:
        file[EVIL] = np.zeros(2)
    line = refused(capsys, "show", "a.h5")
    assert line.count(SHOWN) == 1
    write_graph("m.pb")
    line = refused(capsys, "explain", "m.pb", "--images", "a.h5:" + EVIL + "2")
    assert "owned" in line


@pytest.mark.parametrize("name", ["\x1b[31mx", "\u202ex", "a\nb"])
def test_names_of_operations(name, capsys):
    write_graph("m.pb", name)
    code, out, error = run(capsys, "inspect", "m.pb")
    assert code in (0, 2) and console.legible(name) in out + error
    assert run(capsys, "explain", "m.pb", "--images", "x.npy")[0] == 2


def test_names_of_layers_and_weights(capsys):
    with h5py.File("w.h5", "w") as file:
        file.attrs["layer_names"] = np.array([EVIL.encode()])
        group = file.create_group(EVIL)
        group.attrs["weight_names"] = np.array([(EVIL + "/kernel:0").encode()])
        group[EVIL + "/kernel:0"] = np.zeros((2, 2))
    _, out, error = run(capsys, "inspect", "w.h5")
    assert "owned" in out + error


def test_names_of_classes(capsys):
    write_graph("m.pb")
    np.save("x.npy", np.ones((2, 4), "f4"))
    with open("names.txt", "w", encoding="utf-8") as file:
        file.write("\x1b[31mcat\n\u202edog\nЖж 猫 שלום 🦊\n")
    argv = ["explain", "m.pb", "--images", "x.npy", "--labels", "names.txt"]
    _, out, _ = run(capsys, *argv, "--target", "0", "--figure", "0.png")
    assert r"of class 0 (\x1b[31mcat)" in out
    _, out, _ = run(capsys, *argv, "--target", "2", "--figure", "2.png")
    assert "of class 2 (Жж 猫 שלום 🦊)" in out  # legible letters stay
    assert r"\x1b[31mcat" in refused(capsys, *argv, "--target", "\x1b[31mmouse")


def test_the_lines_of_a_training(capsys, data_dir):
    argv = ["train", "--data-dir", data_dir, "--epochs", "1", "--batch-size", "8"]
    argv += ["--checkpoint", "\x1b[31mbest"]
    code, out, _ = run(capsys, *argv, exercise=EX07)
    assert code == 0 and r"saved in \x1b[31mbest" in out and r"in \x1b[31mbest" in out


def test_a_name_that_is_not_utf_8(capsys):
    """A result has its name after the file; before, printing it was a traceback."""
    write_xtcav(NOT_UTF_8 + ".h5", 2)
    code, out, _ = run(capsys, "show", NOT_UTF_8 + ".h5")
    assert code == 0 and out == "-- 2 shots in \\udcff.png\n"
    assert os.path.exists(b"\xff.png")
    assert r"\udcff2.h5: no such file" in refused(capsys, "show", NOT_UTF_8 + "2.h5")


def test_results_of_names_that_are_not_utf_8(capsys, historical_checkpoint):
    """Written, found again, merged; h5py stores Unicode alone."""
    write_xtcav(NOT_UTF_8 + ".h5", 2)
    data, checkpoint = NOT_UTF_8 + ".h5", ["--checkpoint", historical_checkpoint]
    folder = ["--output-dir", NOT_UTF_8]
    assert run(capsys, "ex07", "predict", data, *checkpoint, *folder)[0] == 0
    _, out, _ = run(capsys, "ex07", "predict", data, *checkpoint, *folder)
    assert "1 of 1 files, 1 finished before" in out
    result = os.path.join(NOT_UTF_8, NOT_UTF_8 + "-predictions.h5")
    assert run(capsys, "merge", result, "--output", NOT_UTF_8 + "2.h5")[0] == 0
    with h5py.File(NOT_UTF_8 + "2.h5", "r") as file:
        names = [name.decode() if isinstance(name, bytes) else name for name in file["file"]]
    assert [os.path.basename(name) for name in names] == [r"\udcff.h5"] * 2
    write_graph(NOT_UTF_8 + ".pb")
    np.save(NOT_UTF_8 + ".npy", np.ones((2, 4), "f4"))
    argv = ["explain", NOT_UTF_8 + ".pb", "--images", NOT_UTF_8 + ".npy", "--output", "m.h5"]
    assert run(capsys, *argv)[0] == 0
    with h5py.File("m.h5", "r") as file:
        assert file.attrs["model"] == r"\udcff.pb"
    with h5py.File("n.h5", "w") as file:
        file[b"\xff"] = np.zeros(2)
        file["y"] = np.zeros(2)
    line = refused(capsys, "show", "n.h5")
    assert "n.h5: no dataset 'xtcavimg'; the file holds" in line and "xff" in line.replace(
        "udc", "x"
    )


def in_a_terminal(*argv, **environment):
    """What a command writes to a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "PYTHONPATH": ROOT, **environment}
    command = [sys.executable, *argv]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    written = b""
    try:
        while True:
            read = os.read(master, 4096)
            written += read
            if not read:
                break
    except OSError:  # Linux says this way that the other side is closed
        pass
    finally:
        os.close(master)
        process.wait()
    return process.returncode, written.decode("utf-8").replace("\r\n", "\n")


def test_a_real_terminal():
    code, text = in_a_terminal("-m", "legacy_gbp", "show", EVIL)
    assert code == 2 and text == f"legacy-gbp: {SHOWN}: no such file; check the name\n"
    write_xtcav("\x1b[31ma.h5", 2)
    code, text = in_a_terminal("-m", "legacy_gbp", "show", "\x1b[31ma.h5")
    assert code == 0 and text == "-- 2 shots in \\x1b[31ma.png\n"


def test_the_title_of_a_progress_bar():
    code = "from legacy_gbp.io.console import *\n"
    code += r"for k in progress(range(3), 3, '\x1b]0;owned\x07'): print_line('\x1b[2J')"
    _, text = in_a_terminal("-c", code)
    assert r"\x1b]0;owned\x07:" in text and text.count(r"\x1b[2J") == 3
    assert "\x1b]" not in text and "\x1b[2J" not in text and "\x07" not in text


def test_the_question_of_a_window(monkeypatch):
    asked = []

    def answer(question):
        asked.append(question)
        return "q"

    monkeypatch.setattr("builtins.input", answer)
    assert console.ask(f"{EVIL}: Enter") == "q" and asked == [f"{SHOWN}: Enter"]


def test_a_fault_of_the_program():
    """A traceback is no refusal; what it says is legible all the same."""
    code = "import sys; from legacy_gbp import cli\n"
    code += "def fail(options): raise RuntimeError(options.topic)\n"
    code += "cli.help.run = fail\nsys.exit(cli.main_all(['help', sys.argv[1]]))"
    code, text = in_a_terminal("-c", code, EVIL)
    assert code == 1 and "Traceback" in text and not commands(text)
    assert f"RuntimeError: {SHOWN.replace(chr(92) + 'n', chr(10))}" in text


def test_what_libraries_log_and_warn_of():
    code = """
import logging, sys, warnings
from legacy_gbp.io.console import legible_libraries
logging.basicConfig(format="%(message)s")
before = warnings.formatwarning, logging.getLogRecordFactory()
with legible_libraries():
    warnings.warn(sys.argv[1])
    logging.error("cannot read %s", sys.argv[1])
assert (warnings.formatwarning, logging.getLogRecordFactory()) == before
"""
    status, text = in_a_terminal("-c", code, EVIL)
    assert status == 0 and not commands(text)
    assert f"UserWarning: {SHOWN}\n" in text and f"cannot read {SHOWN}\n" in text


ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LANG": "C"},
    {"PYTHONIOENCODING": "latin-1"},
]


@pytest.mark.parametrize("environment", ENCODINGS)
def test_an_encoding_that_lacks_letters(environment):
    write_xtcav("猫é.h5", 2)
    environment = {**os.environ, "PYTHONPATH": ROOT, **environment}
    command = [sys.executable, "-m", "legacy_gbp"]
    for argv, code in (["show", "猫é.h5"], 0), (["show", "猫.h5"], 2), (["help"], 0):
        done = subprocess.run(command + argv, env=environment, capture_output=True)
        assert done.returncode == code and b"Traceback" not in done.stderr
        assert (done.stdout or done.stderr).count(b"\n") >= 1
        if environment.get("PYTHONIOENCODING") == "ascii" and argv[0] == "show":
            assert rb"\u732b" in done.stdout + done.stderr
    for topic in sorted(os.listdir(os.path.join(ROOT, "legacy_gbp", "help"))):
        if environment.get("PYTHONIOENCODING") == "ascii" and topic.startswith("m"):
            argv = [*command, "help", topic[:-3]]
            assert subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL).returncode == 0


TYPED = [
    EVIL, NOT_UTF_8 + "a.h5", "it's $HOME", "a\\b\x1b", "'\n'", "é\x1bé", "~", "", "-n", "\udcff1",
    ANY_LANGUAGE, "\x00".replace("\x00", "\x01f"),
]  # fmt: skip


@pytest.mark.parametrize("text", TYPED)
def test_a_word_can_be_typed_back(text):
    word = console.shell_word(text)
    assert not commands(word) and "\n" not in word
    said = subprocess.check_output(["bash", "-c", f"printf '%s|' {word}"])
    assert said == os.fsencode(text) + b"|"


def test_the_command_that_inspect_offers_can_be_typed(capsys):
    name = "\x1b[31m'm\n.pb"
    write_graph(name)
    _, out, _ = run(capsys, "inspect", name)
    (line,) = [line[8:] for line in out.split("\n") if line.startswith("try     ")]
    said = subprocess.check_output(["bash", "-c", f"printf '%s|' {line}"]).split(b"|")
    assert said[2] == name.encode()


# --- job scripts ---


def test_no_line_of_a_job_script_is_a_strangers(capsys):
    """LSF reads #BSUB in any line: a name with a line end asked for another account."""
    folder = "maps\n#BSUB -P other\n#SBATCH --account=other\nrm -rf $HOME"
    with open("echo.py", "w") as file:
        file.write("#!/usr/bin/env python3\nimport os, sys\n")
        file.write("sys.stdout.buffer.write(b'|'.join(map(os.fsencode, sys.argv[3:])))")
    os.chmod("echo.py", 0o755)
    for queue in "slurm", "lsf":
        argv = ["jobscript", queue, "--partition", "p", "--python", os.path.abspath("echo.py")]
        argv += ["ex07", "gbprop", "--output-dir", folder, "--data-dir", NOT_UTF_8 + "\x1b[31m"]
        _, script, _ = run(capsys, *argv)
        assert not [line for line in script.split("\n") if line[:1] not in ("#", "e", "")]
        assert not re.search("^#(BSUB|SBATCH).*other|^rm", script, re.M)
        assert main_all([*argv[:2], "--output", "job\x1b.sh", *argv[2:]]) == 0
        with open("job\x1b.sh", encoding="utf-8") as file:
            assert file.read() == script
        words = subprocess.check_output(["bash", "job\x1b.sh"]).split(b"|")
        wanted = ["ex07", "gbprop", "--output-dir", folder, "--data-dir", NOT_UTF_8 + "\x1b[31m"]
        assert words[: len(wanted)] == list(map(os.fsencode, wanted))
        submit = capsys.readouterr().out
        assert submit.endswith("$'job\\x1b.sh'\n") and not commands(submit)
        os.remove("job\x1b.sh")


WORDS = ["a\n", "a\n#SBATCH -A b", "a b", "-x", "$(id)", "é", "a\x1b", ""]
TIMES = ["4:00\n", "4:00\n#SBATCH -A b", f"{ARABIC}:00", "4:60", "4", "123456:00"]


@pytest.mark.parametrize("value", WORDS)
@pytest.mark.parametrize("option", ["--partition", "--account", "--name"])
def test_words_of_the_head_are_checked(option, value, capsys):
    argv = ["jobscript", "slurm", "--partition", "p", f"{option}={value}", "ex07", "train"]
    assert "is not one word" in refused(capsys, *argv)


@pytest.mark.parametrize("value", TIMES)
def test_times_of_the_head_are_checked(value, capsys):
    argv = ["jobscript", "slurm", "--partition", "p", "--time", value, "ex07", "train"]
    assert "is not hours:minutes, such as 4:00" in refused(capsys, *argv)


# --- the queue's variables ---

RUBBISH = ["1; rm", ARABIC, "²", "9" * 5000, str(10**30), "-1", "1.5", "0x1", " 1", "1\n", "1_0"]
ARRAY = {"SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_STEP": "1"}
LSF = {"LSB_JOBINDEX": "1", "LSB_JOBINDEX_END": "3", "LSB_JOBINDEX_STEP": "1"}


@pytest.mark.parametrize("value", [*RUBBISH, "1\x1b[2J"])
def test_rubbish_in_the_variables_of_an_array(value, capsys, monkeypatch):
    for variables in ({**ARRAY, "SLURM_ARRAY_TASK_ID": "1"}, LSF):
        for name in variables:
            with monkeypatch.context() as patch:
                for other, good in variables.items():
                    patch.setenv(other, good)
                patch.setenv(name, value)
                line = refused(capsys, "ex07", "predict", "--output-dir", "o")
            assert f"{name}=" in line and "is not a whole number; give --shard, such as 2/4" in line
            assert len(line) < 160


@pytest.mark.parametrize("value", RUBBISH)
def test_rubbish_in_the_other_variables(value):
    step = {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"}
    for name in step:
        with pytest.raises(InputError, match=f"^{name}=.* is not a whole number; unset it"):
            slurm_step({**step, "SLURM_STEP_ID": "0", name: value})
    with pytest.raises(InputError, match=r"^SLURM_CPUS_PER_TASK=.* is not a whole number"):
        granted_threads({"SLURM_CPUS_PER_TASK": value})
    line = requeue({"SLURM_JOB_ID": value})
    assert line.startswith("not put back into a queue: SLURM_JOB_ID=") and "\n" not in line


@pytest.mark.parametrize("value", [ARABIC, "²", f"1/{ARABIC}", "2/1_0", "9" * 5000 + "/2", "1/2\n"])
def test_shards_in_other_digits(value, capsys):
    assert "is not i/n" in refused(capsys, "ex07", "predict", "--shard", value)


@pytest.mark.parametrize("value", ["²", ARABIC, "1_000", str(10**30), "9" * 5000])
def test_numbers_in_other_digits(value, capsys):
    for option in "--batch-size", "--limit":
        argv = ["explain", "m.pb", "--images", "x", option, value]
        assert "is not a whole number, 1" in refused(capsys, *argv)
    if value.isascii():
        return
    for target in value, f"top{value}", f"1-{value}", f"1,{value}":
        line = refused(capsys, "explain", "m.pb", "--images", "x", "--target", target)
        assert "is no class number" in line


# --- figures ---

FORMULAS = ["$x^$", "a$b$c", "\\frac", "_", "%", "$", "\\$x\\$", "{}$^2$", "$\\frac{1}{2}$"]


@pytest.mark.parametrize("name", FORMULAS)
def test_dollar_signs_begin_no_formula(name, capsys):
    """Before, `$x^$.h5` was a traceback of matplotlib, and `a$b$c` a letter in italics."""
    write_xtcav(name + ".h5", 2)
    code, out, _ = run(capsys, "show", name + ".h5")
    assert code == 0 and out == f"-- 2 shots in {name}.png\n" and os.path.exists(name + ".png")
    image = np.zeros((8, 8, 3))
    with figures.Pages("p", name, 1) as pages:
        pages.add(name, [("image", image[:, :, 0]), (name, image[:, :, 0])])
    for shape in (8, 8, 3), (9,), (8, 2), (4, 8, 8, 1):
        values = np.zeros(shape)
        figures.save(figures.explained_page(name, [(name, values, [(name, values)])]), "e.png")


def left_title(axes: Any) -> Any:
    return axes._left_title


def width_of(text):
    """Dots of a title in letters of one width."""
    with rc_context({"font.family": "monospace"}):
        figure = Figure((8, 2))
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 0.5))
        set_titles([axes], [text])
        return left_title(axes).get_window_extent(canvas.get_renderer()).width


@pytest.mark.parametrize("name", [name for name in FORMULAS if len(name) > 1])
def test_every_letter_is_drawn(name):
    assert abs(width_of("|" + name + "|") - width_of("|" + "m" * len(name) + "|")) <= 1


def test_no_text_is_typeset_by_latex():
    """With text.usetex in matplotlibrc, a name such as \\input{/etc/passwd} would be read."""
    with rc_context({"text.usetex": True}):
        image = np.zeros((8, 8, 3))
        page = figures.explained_page("t", [("c", image, [("guided", image)])])
        texts = [*page.texts, *map(left_title, page.axes)]
        assert texts and not any(text.get_usetex() for text in texts)


def test_control_characters_and_missing_letters(capsys):
    name = "猫🦊é\x1b[31m\n\u202e" + NOT_UTF_8
    write_xtcav(name + ".h5", 2)
    assert run(capsys, "show", name + ".h5")[0] == 0
    shown = drawable(name)
    assert shown == r"\u732b\U0001f98aé\x1b[31m\n\u202e\udcff"
    font = ImageFont.truetype(findfont("DejaVu Sans"), 20)
    box = bytes(font.getmask("\uffff"))
    assert bytes(font.getmask("猫")) == box  # so Pillow says too
    assert box not in [bytes(font.getmask(one)) for one in shown]


def test_metadata_of_a_page(capsys):
    write_graph("m.pb")
    os.rename("m.pb", "猫\x1b.pb")
    np.save("x.npy", np.ones((2, 4), "f4"))
    argv = ["explain", "猫\x1b.pb", "--images", "x.npy", "--target", "0", "--figure", "m.png"]
    assert run(capsys, *argv)[0] == 0
    with Image.open("m.png") as page:
        assert page.info["Title"].startswith("猫\\x1b.pb: guided of class 0")


def test_letters_of_any_language_stay():
    assert console.legible(ANY_LANGUAGE) == ANY_LANGUAGE
    assert shlex.split(console.shell_word(ANY_LANGUAGE)) == [ANY_LANGUAGE]
    assert console.legible(SHOWN) == SHOWN  # what is legible does not change
