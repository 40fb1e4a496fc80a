"""How the tasks of a step find each other, and notice when one is gone.

Every worker holds one TCP connection to the chief, and everything is told by lines of
JSON on it:

1. worker: which step and task it is, the port of its TensorFlow server;
2. chief: the addresses of all servers, as the connections show them (no name but the
   chief's must resolve);
3. worker: ready;
4. chief: the exit code, when all is done.

A connection that ends without its last line means that the other end is dead. TensorFlow
itself does not notice: on 1.15 a step waits forever for a task that was killed.
"""

import atexit
import contextlib
import json
import os
import queue
import socket
import sys
import threading
import time

from legacy_gbp.batch.slurm_step import LOOPBACK
from legacy_gbp.errors import InputError, Stopped

SECONDS_TO_GATHER = 300
SECONDS_BETWEEN_TRIES = 0.5
GONE = 75  # what a worker exits with when the chief has died


class Chief:
    """Task 0: gathers the others and is told when one is ready or lost.

    Parameters
    ----------
    step : Step

    Attributes
    ----------
    events : queue.Queue
        ``("ready", task)`` and ``("lost", task)``.
    servers : list of str
        ``host:port`` of every task's TensorFlow server, this one first.
    """

    def __init__(self, step, seconds=SECONDS_TO_GATHER):
        self.step = step
        self.events: queue.Queue = queue.Queue()
        self._lines = _gather(step, seconds)
        port = free_port()
        self.servers = [f"{LOOPBACK}:{port}"]
        self.servers += [self._lines[task].server for task in sorted(self._lines)]
        for task, line in self._lines.items():
            line.tell({"servers": self.servers, "port": port})
            threading.Thread(target=self._watch, args=(task, line), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        codes = {type(None): 0, InputError: 2, Stopped: GONE}
        code = codes.get(kind or type(None), 1)
        for line in self._lines.values():
            with contextlib.suppress(OSError):
                line.tell({"exit": code})
        atexit.register(leave, code)

    def wait_until_ready(self):
        """Wait for the servers of all workers."""
        for _ in self._lines:
            what, task = self.events.get()
            if what == "lost":
                raise InputError(f"task {task} ended before the training began; see its log")

    def _watch(self, task, line):
        while True:
            heard = line.hear()
            if heard is None:
                self.events.put(("lost", task))
                return
            self.events.put(("ready", task))


class Line:
    """One connection that carries JSON, a line each."""

    def __init__(self, connection):
        # A node without power closes nothing.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
        self._connection, self._file = connection, connection.makefile("r", encoding="utf-8")
        self.peer = connection.getpeername()[0]
        self.server = ""

    def tell(self, what):
        """Send a plain value."""
        self._connection.sendall((json.dumps(what) + "\n").encode("utf-8"))

    def hear(self):
        """The next value, or None when the other end is gone."""
        try:
            text = self._file.readline()
            return json.loads(text) if text.endswith("\n") else None
        except (OSError, ValueError):
            return None

    def close(self):
        """Hang up."""
        self._file.close()
        self._connection.close()


def _gather(step, seconds):
    """The connections of all workers by their task."""
    lines: dict = {}
    deadline = time.monotonic() + seconds
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK if step.local else "", step.port))
        except OSError as error:
            raise InputError(
                f"port {step.port} of this node cannot be used ({error.strerror}); start the step "
                "again"
            ) from error
        listener.listen(step.tasks)
        while len(lines) < step.tasks - 1:
            listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connection, _ = listener.accept()
            except socket.timeout:
                raise InputError(
                    f"{len(lines) + 1} of {step.tasks} tasks came within {seconds} s; see the "
                    "other tasks' output"
                ) from None
            connection.settimeout(10)  # for the first line, which comes at once
            line = Line(connection)
            heard = line.hear()
            if not heard or heard.get("step") != step.name:
                line.close()
                continue
            connection.settimeout(None)
            line.server = f"{line.peer}:{heard['port']}"
            lines[heard["task"]] = line
    return lines


def join(step, seconds=SECONDS_TO_GATHER):
    """Find the chief, as a worker.

    Parameters
    ----------
    step : Step

    Returns
    -------
    line : Line
    servers : list of str
        ``host:port`` of every task, the chief's as it is reached from here.
    """
    port = free_port()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for address in step.addresses:
            try:
                connection = socket.create_connection((address, step.port), timeout=5)
            except OSError:
                continue
            connection.settimeout(None)
            line = Line(connection)
            line.tell({"step": step.name, "task": step.task, "port": port})
            heard = line.hear()
            if heard:
                return line, [f"{line.peer}:{heard['port']}", *heard["servers"][1:]]
            line.close()
        time.sleep(SECONDS_BETWEEN_TRIES)
    raise InputError(
        f"task {step.task} did not find task 0 at {' or '.join(step.addresses) or 'any address'}, "
        f"port {step.port}, within {seconds} s"
    )


def leave(code):
    """End the process without destructors: those of TensorFlow's servers wait for dead tasks."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def free_port():
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]
