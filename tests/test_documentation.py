"""What the README and the help topics say is true: their examples run, their names exist.

A block runs when its opening fence says so; nobody sees the words after the language::

    sh run                      in bash, in a folder of the document
    python run                  in Python, in the same folder
    sh run slow                 with the marker slow alone
    sh run with model.pb x.npy  with files of FILES
    sh run setup                in a copy of what is installed, with its own virtual environment

The blocks of a document run in its order, so that one may read what another wrote.
"""

import glob
import importlib
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Set

import numpy as np
import pytest

from legacy_gbp.cli import COMMANDS
from legacy_gbp.cli.exercise_parser import exercise_parser
from legacy_gbp.cli.help import read_topics
from legacy_gbp.cli.limits import add_limit_arguments
from legacy_gbp.cli.parser import Options, Parser
from legacy_gbp.exercises.definitions import EX08, EXERCISES
from tests.conftest import REFERENCE
from tests.files import write_selection, write_xtcav
from tests.weights import save_checkpoint

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOPICS = "legacy_gbp/help"
CHANGELOG = f"{TOPICS}/changelog.md"  # names what is no more
DOCUMENTS = [
    "README.md",
    ".readme/measurements.md",
    *sorted(os.path.relpath(path, ROOT) for path in glob.glob(f"{ROOT}/{TOPICS}/*.md")),
]
RUN, SLOW, SETUP, WITH = "run", "slow", "setup", "with"
TIMEOUT_SECONDS = 900
SIDE = 32  # of the images of model.pb
OF_OTHER_PROGRAMS = {"--only", "--part"}  # of tests.benchmarks


class Block(NamedTuple):
    """A fenced block: `line` is that of its fence, `labels` are the words after the language."""

    document: str
    line: int
    language: str
    labels: List[str]
    text: str

    @property
    def runs(self) -> bool:
        return RUN in self.labels

    @property
    def files(self) -> List[str]:
        return self.labels[self.labels.index(WITH) + 1 :] if WITH in self.labels else []


def read(document: str) -> str:
    with open(os.path.join(ROOT, document), encoding="utf-8") as file:
        return file.read()


def blocks_of(document: str) -> List[Block]:
    found = []
    for match in re.finditer(r"^```(.+)\n(?s:(.*?))^```$", read(document), re.M):
        language, *labels = match.group(1).split()
        line = match.string.count("\n", 0, match.start()) + 1
        found.append(Block(document, line, language, labels, match.group(2)))
    return found


BLOCKS = {document: blocks_of(document) for document in DOCUMENTS}


# ---- files that examples ask for


def _model(path: str) -> None:
    """A frozen graph of two convolutions, (N, 32, 32, 3) to five classes."""
    import tensorflow as tf

    v1, rng = tf.compat.v1, np.random.RandomState(0)
    graph = tf.Graph()
    with graph.as_default():
        x_t = v1.placeholder(tf.float32, (None, SIDE, SIDE, 3), name="images")
        for name, channels in (("conv1", 4), ("conv2", 8)):
            shape = (3, 3, x_t.shape.as_list()[-1], channels)
            with tf.name_scope(name):
                kernel_t = tf.constant(rng.normal(0, 0.3, shape), tf.float32)
                x_t = tf.nn.relu(tf.nn.conv2d(x_t, kernel_t, [1, 2, 2, 1], "SAME"))
        weights_t = tf.constant(rng.normal(0, 0.3, (8, 5)), tf.float32)
        logits_t = tf.matmul(tf.reduce_mean(x_t, axis=[1, 2]), weights_t, name="logits")
        tf.nn.softmax(logits_t, name="probabilities")
    with open(path, "wb") as file:
        file.write(graph.as_graph_def().SerializeToString())


def _photo(path: str) -> None:
    from PIL import Image

    pixels = np.random.RandomState(1).randint(0, 256, (40, 60, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def _images(path: str) -> None:
    np.save(path, np.random.RandomState(2).uniform(0, 255, (4, SIDE, SIDE, 3)))


def _checkpoint_of_2016(prefix: str) -> None:
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    for path in glob.glob(os.path.join(REFERENCE, "tf_saved_model.*")):
        shutil.copy(path, os.path.dirname(prefix))


def _data_folder(path: str) -> None:
    os.makedirs(path)
    write_selection(path, shots=10)


FILES: Dict[str, Callable[[str], Any]] = {
    "model.pb": _model,
    "photo.png": _photo,
    "images.npy": _images,
    "shots.h5": write_xtcav,
    "xtcav": _data_folder,
    "old/tf_saved_model": _checkpoint_of_2016,
    "tf_saved_2color_model_best": lambda prefix: save_checkpoint(
        EX08, prefix, **{"logits/bias": [0, 0, 0, 1e3]}
    ),
}

# ---- running them

PROGRAMS = {
    "python": f'exec {shlex.quote(sys.executable)} "$@"',
    "legacy-gbp": f'exec {shlex.quote(sys.executable)} -m legacy_gbp "$@"',
    # A queue that does the tasks of an array one after the other.
    "sbatch": r"""
export SLURM_JOB_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_ID
export SLURM_ARRAY_TASK_COUNT=$(sed -n 's/^#SBATCH --array=1-//p' "$1")
for SLURM_ARRAY_TASK_ID in $(seq "$SLURM_ARRAY_TASK_COUNT"); do bash "$1" || exit; done
""",
}


def environment(folder: str) -> Dict[str, str]:
    """A shell in which the checkout is installed, in an empty folder."""
    os.makedirs(os.path.join(folder, "bin"))
    for name, text in PROGRAMS.items():
        path = os.path.join(folder, "bin", name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/bash\n" + text)
        os.chmod(path, 0o755)
    return {
        **os.environ,
        "PYTHONPATH": ROOT,
        "PATH": os.path.join(folder, "bin") + os.pathsep + os.environ["PATH"],
        "XDG_CACHE_HOME": os.path.join(folder, "cache"),
    }


def checkout_with_venv(folder: str) -> Dict[str, str]:
    """A copy of what is installed, and an environment that borrows the packages of this one."""
    work, venv = os.path.join(folder, "work"), os.path.join(folder, "venv")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        os.path.join(ROOT, "legacy_gbp"), os.path.join(work, "legacy_gbp"), False, ignored
    )
    for name in ("setup.py", "README.md", "run_ex07.py", "run_ex08.py"):
        shutil.copy(os.path.join(ROOT, name), work)
    subprocess.check_call([sys.executable, "-m", "venv", venv])
    (site,) = glob.glob(os.path.join(venv, "lib", "python3*", "site-packages"))
    with open(os.path.join(site, "borrowed.pth"), "w", encoding="utf-8") as file:
        file.writelines(path + "\n" for path in sys.path if path.endswith("site-packages"))
    return {
        **os.environ,
        "PATH": os.path.join(venv, "bin") + os.pathsep + os.environ["PATH"],
        "XDG_CACHE_HOME": os.path.join(folder, "cache"),
    }


def run_block(block: Block, work: str, variables: Dict[str, str]) -> None:
    for name in block.files:
        if not glob.glob(glob.escape(os.path.join(work, name)) + "*"):
            FILES[name](os.path.join(work, name))
    interpreter = {"sh": ["bash", "-euo", "pipefail"], "python": [sys.executable]}[block.language]
    done = subprocess.run(
        [*interpreter, "-c", block.text],
        cwd=work,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    where = f"{block.document}, line {block.line}"
    assert done.returncode == 0, f"{where}: exit code {done.returncode}\n{block.text}{done.stdout}"


def run_blocks(blocks: List[Block], folder: str) -> None:
    """Run the blocks of one document; those for a checkout of its own go elsewhere."""
    work = os.path.join(folder, "work")
    os.makedirs(work)
    for exercise in EXERCISES:
        shutil.copy(os.path.join(ROOT, f"run_{exercise}.py"), work)
    variables = environment(folder)
    for block in blocks:
        if SETUP in block.labels:
            place = os.path.join(folder, f"line-{block.line}")
            run_block(block, os.path.join(place, "work"), checkout_with_venv(place))
        else:
            run_block(block, work, variables)


def with_running_blocks(slow: bool) -> List[str]:
    """The documents that have a block to run, of the slow ones or of the others."""
    return [
        document
        for document, blocks in BLOCKS.items()
        if any(block.runs and (SLOW in block.labels) == slow for block in blocks)
    ]


@pytest.mark.parametrize("document", with_running_blocks(slow=False))
def test_the_examples_run(document, tmp_path):
    blocks = [block for block in BLOCKS[document] if block.runs and SLOW not in block.labels]
    run_blocks(blocks, str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("document", with_running_blocks(slow=True))
def test_the_slow_examples_run(document, tmp_path):
    run_blocks([block for block in BLOCKS[document] if block.runs], str(tmp_path))


def test_the_readme_runs_its_first_command():
    """A mark that is spelt wrong would run nothing, and nobody would notice."""
    first = [block for block in BLOCKS["README.md"] if "pip install -e . &&" in block.text]
    assert [block.labels for block in first] == [[RUN, SETUP, SLOW]]
    for block in itertools.chain(*BLOCKS.values()):
        labels = block.labels[: len(block.labels) - len(block.files)]
        assert set(labels) <= {RUN, SLOW, SETUP, WITH}, (block.document, block.line)
        assert not labels or labels[0] == RUN, (block.document, block.line)
        assert set(block.files) <= set(FILES), (block.document, block.line)


# ---- names


def command_lines(text: str) -> Iterator[List[str]]:
    """Words of every command of ours in a block."""
    for line in re.split(r"\n|&&", text.replace("\\\n", " ")):
        words = shlex.split(line, comments=True)
        words = words[1:] if words[:1] == ["exec"] else words
        if words[:1] == ["legacy-gbp"]:
            yield words[1:]
        elif words[:1] == ["python"] and words[1].startswith("run_ex"):
            yield [words[1][len("run_") : -len(".py")], *words[2:]]


def parser_of(tool: str) -> Any:
    if tool in EXERCISES:
        return exercise_parser(EXERCISES[tool], tool)
    commands = {command.NAME: command for command in COMMANDS}
    parser = Parser(prog=tool)
    commands[tool].add_arguments(parser)
    add_limit_arguments(parser, tool)
    return parser


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_line_is_accepted(document, capsys):
    """Those of blocks that do not run too."""
    for block in BLOCKS[document]:
        for tool, *words in command_lines(block.text) if block.language == "sh" else ():
            try:
                parser_of(tool).parse_args(words, namespace=Options())
            except SystemExit:
                pytest.fail(f"{document}, line {block.line}: {capsys.readouterr().err}")


def our_options() -> Set[str]:
    parsers = [parser_of(command.NAME) for command in COMMANDS]
    for exercise in EXERCISES:
        (commands,) = [a for a in parser_of(exercise)._actions if isinstance(a.choices, dict)]
        parsers += commands.choices.values()
    options = {"--version"}
    for parser in parsers:
        options.update(*(action.option_strings for action in parser._actions))
    return options


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_exists(document):
    named = set(re.findall(r"`(--[a-z-]+)[^`]*`", read(document)))
    assert named <= our_options() | OF_OTHER_PROGRAMS


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", read(document)):
        if not target.startswith(("https://", "http://")):
            path = os.path.join(ROOT, os.path.dirname(document), target)
            assert os.path.exists(path), f"{document} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_exists(document):
    """NAME is for the reader to fill in."""
    named = re.findall(
        r"(?<![\w/.~-])((?:legacy_gbp|tests|\.readme|\.ci)/[\w./-]*)", read(document)
    )
    for path in named:
        if "NAME" not in path:
            assert os.path.exists(os.path.join(ROOT, path.rstrip("."))), f"{document} names {path}"


def resolve(name: str) -> Any:
    """The module or object of a dotted name."""
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:number]))
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != CHANGELOG])
def test_every_dotted_name_exists(document):
    for name in re.findall(r"(?<![\w/.-])(?:legacy_gbp|tests)(?:\.[A-Za-z_]\w*)+", read(document)):
        try:
            resolve(name)
        except (ImportError, AttributeError) as error:
            pytest.fail(f"{document} names {name}: {error}")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_help_topic_exists(document):
    named = set(re.findall(r"legacy-gbp help (\w+)", read(document))) - {"TOPIC"}
    assert named <= set(read_topics())


def test_the_readme_links_every_topic():
    linked = re.findall(rf"\]\({TOPICS}/([\w-]+)\.md\)", read("README.md"))
    assert set(linked) == set(read_topics())
    for name, lines in read_topics().items():
        assert lines[0].startswith("# "), name


def test_the_readme_is_short():
    assert 900 <= len(read("README.md").split()) <= 1100


def test_the_readme_maps_every_room():
    package = os.path.join(ROOT, "legacy_gbp")
    rooms = [name for name in os.listdir(package) if os.path.isdir(os.path.join(package, name))]
    for room in set(rooms) - {"__pycache__"}:
        assert f"`legacy_gbp/{room}/`" in read("README.md")
