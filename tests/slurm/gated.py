"""``python -m legacy_gbp``, which stops at a gate, so that a test need not be fast.

As long as a file ``gate`` is in the folder of the job, a training waits in its fifth step,
and ``gbprop`` before its third file. A file ``at-the-gate`` says that it waits. It goes on
when a signal has come, or when the gate is removed.
"""

import os
import runpy
import select
import shlex
import signal
import sys

from legacy_gbp.batch.stop import Stop
from legacy_gbp.training import log

STEPS, FILES = 4, 2  # done before the gate
GATE, WAITS = "gate", "at-the-gate"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def interpreter(folder):
    """Write a program that takes the arguments of python; return its path."""
    path = os.path.join(folder, "gated-python")
    with open(path, "w", encoding="utf-8") as file:
        words = [sys.executable, "-m", "tests.slurm.gated"]
        file.write(f'#!/bin/sh\nexec {" ".join(map(shlex.quote, words))} "$@"\n')
    os.chmod(path, 0o755)
    return path


def close_gate():
    with open(GATE, "w"):
        pass


def open_gate():
    os.remove(GATE)


def wait_at_the_gate(signals):
    """Wait for a signal, which Python notes in a pipe, or for the gate to be removed."""
    while os.path.exists(GATE):
        with open(WAITS, "w"):
            pass
        if select.select([signals], [], [], 0.05)[0]:
            return


def main(module, *argv):
    """Run the module with gates."""
    signals, noted = os.pipe()
    os.set_blocking(noted, False)
    signal.set_wakeup_fd(noted)
    row, between = log.row, Stop.between

    def gated_row(epoch, batch, step, seconds, losses):
        if step == STEPS:
            wait_at_the_gate(signals)
        return row(epoch, batch, step, seconds, losses)

    def gated_between(self, items, count):
        def gated_items():
            for item in items:
                if self.finished == FILES:
                    wait_at_the_gate(signals)
                yield item

        return between(self, gated_items(), count)

    log.row = gated_row
    Stop.between = gated_between  # type: ignore[method-assign]
    sys.argv = [module, *argv]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    assert sys.argv[1] == "-m"
    main(*sys.argv[2:])
