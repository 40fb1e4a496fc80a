"""Who is measured, each in a process of its own that waits for its turn.

A contestant is a function ``prepare(task, exercise, batch) -> step``: `step()` does
the work once. Its process answers every line on stdin, a JSON list (task,
exercise, batch), with the seconds of one step. Preparation is not counted, nor
are the first few steps, in which memory is asked of the system, nor the first one
of a turn: it finds the caches full of somebody else's data, and the threads of the
one before may still be waiting for work.
"""

import importlib
import json
import subprocess
import sys
import time

WARM = 5  # steps

# Name in the table, and module and function that prepare its steps.
CONTESTANTS = {
    "here": ("tests.benchmarks.ours", "here"),
    "plain graph": ("tests.benchmarks.ours", "plain"),
    "plain gradient": ("tests.benchmarks.ours", "gradient"),
    "PyTorch": ("tests.benchmarks.pytorch", "prepare"),
    "matrix product": ("tests.benchmarks.ours", "matrix_product"),
}


class Contestant:
    """The process of one contestant, seen from the outside."""

    def __init__(self, name):
        self.name = name
        command = [sys.executable, "-m", "tests.benchmarks.contestants", name]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True
        )
        assert self._process.stdin and self._process.stdout  # both are pipes
        self._asked, self._answers = self._process.stdin, self._process.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._asked.close()
        self._process.wait()

    def step(self, *task):
        """Seconds of one step."""
        self._asked.write(json.dumps(task) + "\n")
        self._asked.flush()
        answer = self._answers.readline()
        if not answer:
            raise RuntimeError(f"{self.name} gave up on {task}")
        return json.loads(answer)


def answer_lines(name):
    """The process from the inside; what else is printed goes to stderr."""
    module, function = CONTESTANTS[name]
    prepare = getattr(importlib.import_module(module), function)
    answers, sys.stdout = sys.stdout, sys.stderr
    ready = None
    steps: list = []
    for line in sys.stdin:
        task = json.loads(line)
        if task != ready:
            steps.clear()  # frees what the task before held
            steps.append(prepare(*task))
            for _ in range(WARM):
                steps[0]()
            ready = task
        steps[0]()
        start = time.perf_counter()
        steps[0]()
        print(json.dumps(time.perf_counter() - start), file=answers, flush=True)


if __name__ == "__main__":
    answer_lines(sys.argv[1])
