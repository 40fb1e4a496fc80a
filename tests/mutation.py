"""A mutation run over the rules, the trust table and the atomic writes.

    python -m tests.mutation                    # everything, some forty minutes on two cores
    python -m tests.mutation rules/audit.py     # one file

Every mutant is the file with one change that cosmic-ray makes: a comparison, a number, a
condition. The tests of the file must fail on it. Each mutant runs in a forked child, which
imports the changed source in place of the file; no file is written. A mutant that survives
says that no test sees the change: it is listed in :data:`EXPLAINED` with the reason, or the
command ends with 1.
"""

import argparse
import importlib.abc
import importlib.util
import os
import resource
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = "legacy_gbp"
SECONDS = 300  # of processor time: an endless loop is a failure, too

RULES = ("test_relu_backprop.py", "test_audit.py", "test_gradients.py")
TESTS: Dict[str, Sequence[str]] = {
    "rules/relu.py": RULES,
    "rules/gradient_attribute.py": RULES,
    "rules/composite_rectifiers.py": RULES,
    "rules/dependence.py": RULES,
    "rules/elementwise_units.py": RULES,
    "rules/unit_proof.py": RULES,
    "rules/audit.py": RULES,
    "graph/trust.py": ("test_security_operations.py",),
    "io/atomic.py": ("test_atomic.py",),
}
# One replacement an operator: all of them would repeat the same question.
OPERATORS = [f"core/{name}" for name in (
    "NumberReplacer", "AddNot", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
    "RemoveDecorator", "ZeroIterationForLoop",
    "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub",
    "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBinaryOperator_Mul_Div", "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_Pow_Mul", "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceBinaryOperator_BitAnd_BitOr",
)]  # fmt: skip

# (file, changed line as it is in the file, first few characters of the mutant's line): reason.
EXPLAINED: Dict[Tuple[str, str, str], str] = {}


class Mutant(NamedTuple):
    """A file with one change.

    Attributes
    ----------
    path : str
        Below the package.
    source : str
    line : int
        That is changed.
    before, after : str
        The line, without its indentation.
    """

    path: str
    source: str
    line: int
    before: str
    after: str


def mutants_of(path: str) -> Iterator[Mutant]:
    """Yield every mutant of a file.

    Parameters
    ----------
    path : str
        Below the package.

    Yields
    ------
    Mutant
    """
    from cosmic_ray.ast import get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    with open(os.path.join(ROOT, PACKAGE, path), encoding="utf-8") as file:
        source = file.read()
    for name in OPERATORS:
        operator = get_operator(name)()
        count = sum(
            len(list(operator.mutation_positions(node))) for node in _nodes(get_ast(source))
        )
        for occurrence in range(count):
            mutated = mutate_code(source, operator, occurrence)
            pairs = enumerate(zip(source.splitlines(), mutated.splitlines()), 1)
            line, (before, after) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
            yield Mutant(path, mutated, line, before.strip(), after.strip())


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def survives(mutant: Mutant) -> bool:
    """Run the tests of a mutant in a forked child.

    Parameters
    ----------
    mutant : Mutant

    Returns
    -------
    bool
        Whether they pass.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _test(mutant)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status == 0


def _test(mutant: Mutant) -> int:
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    folder = tempfile.mkdtemp()
    log = os.open(os.path.join(folder, "log"), os.O_CREAT | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.meta_path.insert(0, _InPlaceOf(mutant))
    tests = [os.path.join(ROOT, "tests", name) for name in TESTS[mutant.path]]
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/tests"]
    return int(pytest.main([*options, *tests]))


class _InPlaceOf(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import a mutant in place of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = f"{PACKAGE}." + os.path.splitext(mutant.path)[0].replace("/", ".")

    def find_spec(self, name: str, path: Any, target: Any = None) -> Optional[Any]:
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: Any) -> None:
        path = os.path.join(ROOT, PACKAGE, self._mutant.path)
        exec(compile(self._mutant.source, path, "exec"), module.__dict__)


def main(arguments: Sequence[str]) -> int:
    """Run the mutants and print those that survive.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    int
        1 if one survives without an explanation.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="*", help="below legacy_gbp/; all by default")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    import tensorflow  # noqa: F401 - once, for all children

    unexplained = 0
    for path in options.files or TESTS:
        mutants = list(mutants_of(path))
        with ThreadPoolExecutor(options.processes) as threads:
            survived = [m for m, alive in zip(mutants, threads.map(survives, mutants)) if alive]
        print(f"{path}: {len(mutants)} mutants, {len(mutants) - len(survived)} killed", flush=True)
        unexplained += sum(_report(mutant) for mutant in survived)
    return int(unexplained > 0)


def _report(mutant: Mutant) -> bool:
    """Print a survivor; return whether nobody has explained it."""
    reason = EXPLAINED.get((mutant.path, mutant.before, mutant.after), "")
    print(f"  line {mutant.line}: {mutant.before}\n    ->  {mutant.after}", flush=True)
    print(f"      {reason or 'NOT EXPLAINED'}", flush=True)
    return not reason


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
