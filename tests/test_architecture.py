"""Who may import whom: read from the sources, so that the rooms stay apart."""

import ast
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(ROOT, "legacy_gbp")


def sources():
    for folder, _, names in os.walk(PACKAGE):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                module = os.path.relpath(path, ROOT)[:-3].replace(os.sep, ".")
                yield module.replace(".__init__", ""), path


def imports(path, top_level_only=False):
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = dict(sources())


def importers(library):
    return {
        module
        for module, path in MODULES.items()
        if any(name.split(".")[0] == library for name in imports(path))
    }


def test_matplotlib_only_in_figures():
    assert {module.rsplit(".", 1)[0] for module in importers("matplotlib")} == {
        "legacy_gbp.figures"
    }


def test_h5py_only_in_data_and_results():
    assert importers("h5py") == {
        "legacy_gbp.data.xtcav", "legacy_gbp.results.writer", "legacy_gbp.results.virtual",
        "legacy_gbp.models.keras_model", "legacy_gbp.models.keras_weights",
    }  # fmt: skip


def test_no_tensorflow_where_numpy_is_enough():
    # results.written asks TensorFlow for its version alone, inside the function.
    for module in importers("tensorflow") - {"legacy_gbp.results.writer"}:
        assert not module.startswith(
            ("legacy_gbp.data", "legacy_gbp.metrics", "legacy_gbp.figures")
        )


def test_keras_only_in_its_reader():
    assert importers("keras") == set()
    for module, path in MODULES.items():
        with open(path, encoding="utf-8") as file:
            assert "tf.keras" not in file.read() or module == "legacy_gbp.models.keras_model"


def test_no_global_switch():
    switches = ("disable_eager_execution", "disable_v2_behavior", "enable_resource_variables",
                "set_random_seed", "reset_default_graph")  # fmt: skip
    for path in MODULES.values():
        with open(path, encoding="utf-8") as file:
            source = file.read()
        assert not [switch for switch in switches if switch in source], path


def test_every_printed_line_is_flushed():
    """A batch queue keeps a log that people read while the job runs."""
    for module, path in MODULES.items():
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                assert "flush" in [word.arg for word in node.keywords], (module, node.lineno)


LEAVES = [
    "relu_backprop", "aside", "errors", "progress", "overlap", "checkpoint_files", "stop_signals",
    "requeue", "shards", "slurm_step",
]  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES)
def test_leaves_import_nothing_of_ours_but_errors(leaf):
    ours = [n for n in imports(MODULES["legacy_gbp." + leaf]) if n.startswith("legacy_gbp")]
    assert all(name.startswith("legacy_gbp.errors") for name in ours)


def test_rooms_do_not_reach_up():
    """data, nets, metrics, attribution and sources know no command and no figure."""
    above = ("legacy_gbp.cli", "legacy_gbp.cli", "legacy_gbp.figures", "legacy_gbp.training.loop")
    for module, path in MODULES.items():
        room = module.split(".")[1] if "." in module else ""
        if room in ("data", "nets", "metrics", "attribution", "sources", "network"):
            assert not [n for n in imports(path) if n.startswith(above)], module


def test_no_circles():
    edges = {
        module: {name for name in imports(path, top_level_only=True) if name in MODULES}
        for module, path in MODULES.items()
    }
    done: set = set()
    doing: list = []

    def visit(module):
        assert module not in doing, " -> ".join([*doing, module])
        if module in done:
            return
        doing.append(module)
        for name in sorted(edges[module]):
            # A package's __init__ gathers its own modules; that is no circle.
            if not module.startswith(name + "."):
                visit(name)
        doing.pop()
        done.add(module)

    for module in MODULES:
        visit(module)


def test_the_visible_top_level_is_fixed():
    if not os.path.exists(os.path.join(ROOT, ".git")):
        pytest.skip("not a checkout: what is tracked is unknown")
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split("\n")
    visible = {name.split("/")[0] for name in tracked if name and not name.startswith(".")}
    assert visible == {
        "setup.py", "legacy_gbp", "tests", "run_ex07.py", "run_ex08.py", "README.md",
    }  # fmt: skip
    for name in ("run_ex07.py", "run_ex08.py"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            assert len(file.readlines()) < 10
