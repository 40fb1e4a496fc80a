"""Who may import whom: read from the sources, so that the rooms keep apart."""

import ast
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(ROOT, "legacy_gbp")

# From the top floor down; imports go downwards only.
ROOMS = (
    "cli",
    "report",
    "training",
    "exercises",
    "metrics",
    "attribution",
    "results",
    "models",
    "rules",
    "figures",
    "data",
    "graph",
    "networks",
    "batch",
    "io",
    "errors",
)
ROOT_MODULES = {"__init__", "__main__", "errors"}


def modules():
    """Module name to its path."""
    found = {}
    for folder, _, names in os.walk(PACKAGE):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                module = os.path.relpath(path, ROOT)[:-3].replace(os.sep, ".")
                found[re.sub(r"\.__init__$", "", module)] = path
    return found


MODULES = modules()


def tree_of(module):
    with open(MODULES[module], encoding="utf-8") as file:
        return ast.parse(file.read())


def imported(module):
    """Full names of what a module imports, anywhere in it."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


WITHOUT_TENSORFLOW = [
    name for name in MODULES if name.split(".")[1:2] in (["io"], ["batch"], ["data"], ["results"])
]


def room_of(module):
    """The room of a module; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def importers_of(library):
    return {
        module
        for module in MODULES
        if any(name.split(".")[0] == library for name in imported(module))
    }


def rooms_that_import(library):
    return {room_of(module) for module in importers_of(library)}


def test_the_package_root_holds_rooms_alone():
    entries = {name for name in os.listdir(PACKAGE) if name.endswith(".py")}
    assert {name[:-3] for name in entries} == ROOT_MODULES
    assert {room_of(module) for module in MODULES} - {"", "__main__"} <= set(ROOMS)
    folders = {os.path.dirname(path) for path in MODULES.values()}
    assert all(os.path.exists(os.path.join(folder, "__init__.py")) for folder in folders)


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"legacy_gbp", "legacy_gbp.__main__"}))
def test_imports_go_downwards(module):
    floor = ROOMS.index(room_of(module))
    for name in imported(module):
        if name.split(".")[0] == "legacy_gbp" and room_of(name):
            assert ROOMS.index(room_of(name)) >= floor, f"{module} imports {name}"
    for name in strings_of(module):  # what importlib is given
        if re.fullmatch(r"legacy_gbp(\.\w+)+", name):
            assert ROOMS.index(room_of(name)) >= floor, f"{module} names {name}"
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):  # the package's public names lie on every floor
            assert "legacy_gbp" not in [alias.name for alias in node.names], module
        if isinstance(node, ast.ImportFrom) and node.module == "legacy_gbp":
            names = {alias.name for alias in node.names}
            assert names <= {*ROOMS, "__version__"}, f"{module} imports {names}"


def test_no_circles_within_a_room():
    """At import time: what a function imports when it is called is no circle."""
    edges = {}
    for module in MODULES:
        top = [node for node in tree_of(module).body if isinstance(node, ast.ImportFrom)]
        names = {str(node.module) for node in top}
        names |= {f"{node.module}.{alias.name}" for node in top for alias in node.names}
        # A package's __init__ may gather its own modules.
        edges[module] = {
            name
            for name in names - {module}
            if name in MODULES and not name.startswith(module + ".")
        }
    done: set = set()

    def visit(module, doing):
        assert module not in doing, " -> ".join([*doing, module])
        if module not in done:
            for name in sorted(edges[module]):
                visit(name, [*doing, module])
            done.add(module)

    for module in edges:
        visit(module, [])


def test_a_library_has_one_door():
    assert rooms_that_import("matplotlib") <= {"figures", "report"}
    assert all(name.startswith("legacy_gbp.io.hdf5") for name in importers_of("h5py"))
    assert importers_of("keras") == set()
    readers = {
        module
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Attribute) and node.attr == "keras"
    }
    assert readers == {"legacy_gbp.models.keras_library"}


def test_no_tensorflow_where_numpy_is_enough():
    rooms = rooms_that_import("tensorflow")
    assert not rooms & {"data", "metrics", "results", "figures", "batch"}
    code = "import importlib, sys\n"
    code += f"[importlib.import_module(name) for name in {sorted(WITHOUT_TENSORFLOW)}]\n"
    code += "assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_public_names_stay_what_they_are_after_every_module_is_loaded():
    """A submodule of the name of a function would hide it from the second call on."""
    names = [name for name in modules() if name != "legacy_gbp.__main__"]
    code = "import importlib, types, legacy_gbp\n"
    code += f"[importlib.import_module(name) for name in {names}]\n"
    code += "packages = legacy_gbp, legacy_gbp.models\n"
    code += "found = [getattr(one, name) for one in packages for name in one.__all__]\n"
    code += "assert not [one for one in found if isinstance(one, types.ModuleType)]"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_exercises_are_known_to_the_top_floors_alone():
    knowing = {
        room_of(module)
        for module in MODULES
        if any(room_of(name) == "exercises" for name in imported(module) if name in MODULES)
    }
    assert knowing <= {"exercises", "training", "report", "cli", ""}


def strings_of(module):
    """Texts of a module's code, without its docstrings."""
    tree = tree_of(module)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        value = getattr(node, "value", getattr(node, "s", None))  # Constant, or Str on 3.7
        if isinstance(value, str) and id(node) not in docstrings:
            yield value


@pytest.mark.parametrize("module", sorted(MODULES))
def test_flags_are_named_in_cli_alone(module):
    """A library message names the parameter; the command maps it to its flag."""
    if room_of(module) == "cli":
        return
    for text in strings_of(module):
        flags = [flag for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text) if flag != "--help"]
        assert not flags, f"{module}: {text}"


def test_no_global_switch_is_named():
    """None of TensorFlow's process-wide switches, and no graph-wide seed."""
    switches = {
        "disable_eager_execution", "enable_eager_execution", "disable_v2_behavior",
        "enable_v2_behavior", "disable_v2_tensorshape", "disable_control_flow_v2",
        "enable_control_flow_v2", "enable_resource_variables", "disable_resource_variables",
        "set_random_seed", "reset_default_graph", "clear_session",
    }  # fmt: skip
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", "")))
            assert name not in switches, f"{module}: {name}"
            if isinstance(node, ast.Attribute) and node.attr in ("seed", "set_seed"):
                assert "random" not in ast.dump(node.value), f"{module}:{node.lineno}"


REGISTERED = """
import tensorflow as tf
from tensorflow.python.framework import ops
registry = getattr(ops, "gradient_registry", None) or ops._gradient_registry
before = set(registry.list())
import importlib, pkgutil
import legacy_gbp
for found in pkgutil.walk_packages(legacy_gbp.__path__, "legacy_gbp."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(sorted(set(registry.list()) - before))
"""


def test_only_names_of_ours_are_registered():
    """`GuidedRelu` belongs to the user."""
    done = subprocess.run(
        [sys.executable, "-c", REGISTERED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = ast.literal_eval(done.stdout.strip().split("\n")[-1])
    assert names and all(name.startswith("LegacyGbp") for name in names)


def test_one_module_prints():
    """It flushes, for a log that people read while the job runs, and lets no escape through."""
    streams = {"stdout", "stderr", "__stdout__", "__stderr__"}
    for module in set(MODULES) - {"legacy_gbp.io.console"}:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "")
                assert name not in ("print", "input", "exec", "eval"), (module, node.lineno)
            if isinstance(node, ast.Attribute):
                is_write = node.attr in ("write", "writelines", "buffer")
                stream = getattr(node.value, "attr", getattr(node.value, "id", ""))
                assert not (is_write and stream in streams), (module, node.lineno)
        assert "tqdm" not in {name.split(".")[0] for name in imported(module)}, module


@pytest.mark.parametrize("module", sorted(MODULES))
def test_public_functions_are_typed_and_documented(module):
    for node in tree_of(module).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{module}.{node.name}"
        if isinstance(node, ast.FunctionDef):
            assert node.returns is not None, f"{module}.{node.name}"


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
