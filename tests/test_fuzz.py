"""500 damaged files of every kind: each is refused in one line, or accepted; and the judge is just.

10,000 are tried by ``python -m tests.fuzz --inputs 10000 --seed 0``.
"""

import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INPUTS, SEED = 500, 0


def python(*argv, cwd=ROOT):
    """Run Python in a process that has opened no session, as a fork wants it."""
    environment = {**os.environ, "PYTHONPATH": ROOT, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(
        [sys.executable, *argv],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
    )


def test_five_hundred_damaged_files_do_no_harm():
    """The table has a row a kind: inputs, and the six counts and accepted ones."""
    done = python("-m", "tests.fuzz", "--inputs", str(INPUTS), "--seed", str(SEED))
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    (total,) = re.findall(r"^all +(.*)$", done.stdout, re.M)
    inputs, clean, same, other, *faults = map(int, total.split())
    assert inputs == clean + same + other == INPUTS and faults == [0] * 5
    assert clean > INPUTS / 3  # the mutations do damage something


# Each takes the place of a command that reads a file; the runner must say what it saw.
JUDGED = {
    "clean": "raise InputError('strange.h5: damaged; copy it again')",
    "other": "print('shown')",
    "traceback": "print('a line'); sys.stderr.write('a warning\\nand one more\\n')",
    "signal": "os.kill(os.getpid(), signal.SIGKILL)",
    "hang": "\n    while True: pass",
    "half": "open('out.h5', 'w').close()",
    "half ": "open('.partial-x', 'w').close()",
    "clean ": "os.kill(os.getpid(), signal.SIGSEGV)",
    "clean  ": "taken = []\n    while True: taken.append(b'x' * 10**7)",
    "clean   ": "raise KeyError('nobody foresaw it')",
}
STOPPED = {"clean ": "SIGSEGV", "clean  ": "memory"}
JUDGE = """
import os, signal, sys
from legacy_gbp.cli import show
from legacy_gbp.errors import InputError
from tests.fuzz import runner

def run(options):
    {body}

show.run = run
runner.CPU_SECONDS, runner.MEMORY_BYTES = 1, 3 * 10**8
found = runner.run(("show", "strange.h5"))
print(found.verdict, found.stopped_by, found.is_unforeseen)
"""


@pytest.mark.parametrize("verdict", list(JUDGED))
def test_the_judge_sees_what_happened(verdict, tmp_path):
    done = python("-c", JUDGE.format(body=JUDGED[verdict]), cwd=str(tmp_path))
    unforeseen = "KeyError" in JUDGED[verdict]
    expected = f"{verdict.strip()} {STOPPED.get(verdict, '')} {unforeseen}\n"
    assert (done.stdout, done.stderr) == (expected, "")
