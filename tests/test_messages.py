"""All messages of the program: each names a value or place, and a remedy, in one line."""

import ast
import builtins
import os
import re
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

from legacy_gbp.cli import COMMANDS, main_all
from legacy_gbp.cli.messages import OTHER_NAMES
from tests.files import write_xtcav
from tests.test_architecture import MODULES, tree_of
from tests.test_security_text import write_graph

CLASSES = {
    "LegacyGbpError", "InputError", "ModelError", "OutputError", "ArgumentTypeError",
}  # fmt: skip
# Verbs that a remedy begins with, also after "if ...", "for ..." or "or".
VERBS = set(
    re.findall(
        r"\w+",
        "add allow call change check choose convert copy decrypt draw expect explain export freeze "
        "give initialise install keep leave lists look lower make merge move name number open "
        "pack put "
        "remove repair restore run save scale see set share start submit take train trust try "
        "unpack unset use write",
    )
)
# Told with a remedy by who calls: exercises.checkpoint, models.keras_weights, unreadable().
WITHOUT_REMEDY = {
    "models.built_network": "variable", "models.tf_checkpoint_reader": "tensor {} {} needs",
}  # fmt: skip
# Or it says which values are right.
RIGHT = (
    "such as", "classes are", "labels lie in", "near names", "its units are", "expected",
    "the file holds", "at most", "is not a whole number, ", "is not a share, 0..1", "i/n",
    "is not layer:NAME", "is not NAME=VALUE", "is not top1..top", "digits and", "it needs",
    "the network takes", "above 0",
)  # fmt: skip


def text_of(node, constants):
    """The template of a text: values in braces. None where the text is made elsewhere."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            f"{{{ast.unparse(part.value)}}}"
            if isinstance(part, ast.FormattedValue)
            else str(getattr(part, "value", ""))
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [text_of(side, constants) for side in (node.left, node.right)]
        return None if None in sides else "".join(map(str, sides))
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def constants_of(tree):
    """Texts that are constants of a module, such as COPY_AGAIN."""
    assignments = [node for node in tree.body if isinstance(node, ast.Assign)]
    named = [(getattr(node.targets[0], "id", ""), text_of(node.value, {})) for node in assignments]
    return {name: text for name, text in named if name and text is not None}


def messages():
    """(place, class, template) of every error that the sources make."""
    found = []
    for module in sorted(MODULES):
        tree = tree_of(module)
        constants = constants_of(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in CLASSES:
                    place = f"{module[len('legacy_gbp.') :]}:{node.lineno}"
                    found.append((place, name, text_of(node.args[0], constants)))
    return found


# The sources are the same for both eras; Python 3.9 is the first that unparses them.
NEW = sys.version_info >= (3, 9)
MESSAGES = messages() if NEW else []
# Made of texts that are made, and checked, elsewhere.
MADE_ELSEWHERE = {
    "attribution.rule_graph", "models.imported_graph", "networks.data_parallel",
    "networks.inference",
}  # fmt: skip
# What a function was told needs no name where the message says what it is.
WITHOUT_VALUE = ("attribution", "data.shots", "training.trainer")

CONSTANTS = {}
for name in MODULES if NEW else ():
    CONSTANTS.update(constants_of(tree_of(name)))
# Parts of messages that say what to do, by the name of the function or variable that has them.
ADVICE = ("near_names(", "remedy", "advice", "known", "_no_pictures(", "_listed(prefix")


def parts_of(template):
    """A message without its values; constants and advice in words."""
    for name in re.findall(r"{(\w+)}", template):
        if name in CONSTANTS:
            template = template.replace(f"{{{name}}}", CONSTANTS[name])
    return re.sub(
        r"{([^{}]*)}",
        lambda value: "; give it" if any(one in value.group(1) for one in ADVICE) else "{}",
        template,
    )


def has_remedy(message):
    clauses = re.split(r"[;:] |, ", message)
    words = [word for clause in clauses[1:] for word in re.findall(r"[a-z]+", clause)]
    return any(word in VERBS for word in words) or any(one in message for one in RIGHT)


@pytest.mark.parametrize("place, kind, template", MESSAGES, ids=[place for place, _, _ in MESSAGES])
def test_a_message_in_the_sources(place, kind, template):
    message = parts_of(template or "{}")
    if not message.strip("{}: "):
        assert place.split(":")[0] in MADE_ELSEWHERE
        return
    assert "\n" not in message and message.isprintable() and "  " not in message
    assert message == message.strip() and not message.endswith((".", "!", ";", ":", ","))
    assert not re.search(r"\b(please|sorry|invalid|illegal)\b", message, re.I), message
    names_something = "{}" in message or "`" in message or "--" in message or "'" in message
    is_named = kind == "ArgumentTypeError"  # argparse names the option
    assert names_something or is_named or place.startswith(WITHOUT_VALUE), template
    if (template or "").endswith("{error}"):  # one of ours, with its remedy
        return
    is_wrapped = WITHOUT_REMEDY.get(place.split(":")[0], "\n") in message
    assert is_wrapped or has_remedy(message), template


def parameters():
    """Names of the parameters of all functions, and of the fields of all classes."""
    found = set()
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.FunctionDef):
                found |= {one.arg for one in [*node.args.args, *node.args.kwonlyargs]}
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return found


def destinations():
    """Names of the options of all commands, as Python has them."""
    found = set()
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            name = getattr(getattr(node, "func", None), "attr", "")
            if name == "add_argument":
                found |= {str(getattr(one, "value", "")) for one in getattr(node, "args", [])}
    return {name.lstrip("-").replace("-", "_") for name in found}


@pytest.mark.skipif(not NEW, reason="the sources are read by a newer Python")
def test_backticks_name_a_parameter():
    known = parameters() | destinations() | set(OTHER_NAMES) | {"input_signature"}  # of TensorFlow
    for place, _, template in MESSAGES:
        for name in re.findall(r"`(\w+)`", template or ""):
            assert name in known, (place, name)
    assert set(OTHER_NAMES.values()) <= destinations()


def caught_in(tree):
    """Names of the classes, and of the constants of classes, that a module catches."""
    handlers = [one.type for one in ast.walk(tree) if isinstance(one, ast.ExceptHandler)]
    return {getattr(node, "id", "") for one in handlers if one for node in ast.walk(one)} - {""}


def test_an_error_is_one_of_ours():
    """What is raised otherwise is no message: Python's protocols, and what is caught again."""
    ours = {*CLASSES, "MissedRuleError", "Stopped"}
    protocol = {
        ("legacy_gbp", "AttributeError"), ("legacy_gbp.models", "AttributeError"),
        ("legacy_gbp.__main__", "SystemExit"),
        ("legacy_gbp.models.tf_checkpoint_reader", "KeyError"),  # of a mapping
        ("legacy_gbp.training.distributed", "StepLost"),  # begun again by the trainer
        ("legacy_gbp.io.hdf5_filters", "ValueError"),  # told by stored_chunks
        ("legacy_gbp.batch.ranks", "TaskLost"),  # told by who waits
        ("legacy_gbp.models.keras_patches", "ValueError"),  # in a Keras layer, which names it
    }  # fmt: skip
    for module in MODULES:
        tree = tree_of(module)
        caught = caught_in(tree)
        some = any(name.isupper() for name in caught)
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = getattr(node.exc.func, "id", getattr(node.exc.func, "attr", ""))
                if name in ("KeyError", "ValueError") and (name in caught or some):
                    continue  # the module turns it into a message
                if name in vars(builtins) or (name[:1].isupper() and name not in ours):
                    assert (module, name) in protocol, (module, node.lineno, name)


# --- the same, as a user sees it ---

# Arguments, and the message below them. {} is what a library says, or a list of what there is.
with open(os.path.join(os.path.dirname(__file__), "messages.txt"), encoding="utf-8") as table:
    LINES = table.read().rstrip("\n").split("\n")
ROWS = list(zip(LINES[::2], LINES[1::2]))


def write_files():
    """Small files of every kind, most of them of no use."""
    write_graph("m.pb")
    write_xtcav("a.h5", 2)
    arrays = {
        "x": np.ones((2, 4), "f4"), "wide": np.ones((2, 5), "f4"), "nan": np.full((2, 4), np.nan),
        "none": np.ones((0, 4)), "text": np.array(["a", "b"]), "flat": np.float32(1),
        "floats": np.ones((3, 3)), "inf": np.full((2, 3), np.inf), "classes": np.array([7, 0]),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(name + ".npy", array)
    texts = {
        "text.txt": "some words\n", "names.txt": "cat\ndog\ncow\n", "empty.txt": "\n",
        "bad.json": "[1,", "gap.json": '{"1": "cat"}', "words.txt": "0\nhorse\n", "one.txt": "0\n",
    }  # fmt: skip
    for name, text in texts.items():
        with open(name, "w") as written:
            written.write(text)
    with h5py.File("g.h5", "w") as file:
        file.create_group("xtcavimg")
    for name, shape, dtype in (
        ("s", (2, 3, 3), "i2"),
        ("t", (2, 363, 284), "S1"),
        ("e", (0, 363, 284), "i2"),
    ):
        with h5py.File(name + ".h5", "w") as file:
            file.create_dataset("xtcavimg", shape, dtype)
    Image.new("I;16", (4, 4)).save("deep.png")
    for name, size in ("x.npy", 60), ("m.pb", 50), ("a.h5", 3000):
        with open(name, "rb") as read, open("cut" + os.path.splitext(name)[1], "wb") as cut:
            cut.write(read.read(size))
    os.mkdir("folder")
    os.mkfifo("fifo")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of small files."""
    path = str(tmp_path_factory.mktemp("messages"))
    before = os.getcwd()
    os.chdir(path)
    write_files()
    os.chdir(before)
    return path


@pytest.mark.parametrize("arguments, line", ROWS, ids=[row[0] for row in ROWS])
def test_a_message_of_a_command(arguments, line, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MPLBACKEND", "agg")
    before = sorted(os.listdir("."))
    try:
        code = main_all(arguments.split())
    except SystemExit as stop:  # argparse leaves this way
        code = stop.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert code == 2 and error.count("\n") == 1 and error.endswith("\n")
    wanted = re.escape(line.strip()).replace(re.escape("{}"), ".*")
    assert re.fullmatch(wanted, error[:-1]), error
    assert error[:-1].isprintable() and sorted(os.listdir(".")) == before
    program, _, message = error[:-1].partition(": ")
    assert re.fullmatch(r"legacy-gbp( \w+)*", program)
    assert has_remedy(message) and not message.endswith(".")


def test_every_command_has_a_message():
    commands = {row[0].split()[0] for row in ROWS}
    assert commands >= {command.NAME for command in COMMANDS} | {"ex07", "ex08"}
    assert {row[0].split()[1] for row in ROWS if row[0].startswith("ex0") and " " in row[0]} >= {
        "train", "predict", "gbprop",
    }  # fmt: skip
