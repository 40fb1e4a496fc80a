"""How the tasks of a Slurm step find each other, and notice when one is gone.

Every worker has one TCP connection to the coordinator (task 0). Messages on it are lines of
JSON:

1. worker: which step and task it is, the port of its TensorFlow server;
2. coordinator: the addresses of all servers, as the connections show them (no name but the
   coordinator's must resolve);
3. worker: ready;
4. coordinator: the exit code, when all is done.

A connection that ends without its last line means that the other end is dead. TensorFlow
does not notice: on 1.15 a step waits forever for a task that was killed.
"""

import contextlib
import json
import queue
import socket
import threading
import time
from typing import Any, Dict, List, Tuple

from legacy_gbp.batch.slurm_step import LOOPBACK, SlurmStep
from legacy_gbp.errors import LegacyGbpError, first_line

RENDEZVOUS_SECONDS = 300
SECONDS_BETWEEN_TRIES = 0.5
READY, LOST = "ready", "lost"


class Connection:
    """One connection that carries JSON, a line each.

    Parameters
    ----------
    connected : socket.socket

    Attributes
    ----------
    peer : str
        Address of the other end.
    server : str
        ``host:port`` of its TensorFlow server, once it is known.
    """

    def __init__(self, connected: socket.socket) -> None:
        # A node without power closes nothing.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
        self._socket, self._lines = connected, connected.makefile("r", encoding="utf-8")
        self.peer: str = connected.getpeername()[0]
        self.server = ""

    def send(self, message: Any) -> None:
        """Send a plain value.

        Parameters
        ----------
        message : object
            Of JSON's types.
        """
        self._socket.sendall((json.dumps(message) + "\n").encode("utf-8"))

    def receive(self) -> Any:
        """Wait for the next value.

        Returns
        -------
        object or None
            None when the other end is gone.
        """
        try:
            line = self._lines.readline()
            return json.loads(line) if line.endswith("\n") else None
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()


class Coordinator:
    """Task 0: waits for the others and hears when one is ready or lost.

    Parameters
    ----------
    step : SlurmStep
    seconds : float
        How long to wait for the workers.

    Attributes
    ----------
    step : SlurmStep
    events : queue.Queue of (str, object)
        (:data:`READY`, task) and (:data:`LOST`, task).
    servers : list of str
        ``host:port`` of every task's TensorFlow server, this one first.

    Raises
    ------
    LegacyGbpError
        When the port is taken or a worker does not come.
    """

    def __init__(self, step: SlurmStep, seconds: float = RENDEZVOUS_SECONDS) -> None:
        self.step = step
        self.events: Any = queue.Queue()
        self._workers = _wait_for_workers(step, seconds)
        port = free_port()
        self.servers = [f"{LOOPBACK}:{port}"]
        self.servers += [self._workers[task].server for task in sorted(self._workers)]
        for task, worker in self._workers.items():
            worker.send({"servers": self.servers, "port": port})
            threading.Thread(target=self._watch, args=(task, worker), daemon=True).start()

    def wait_until_ready(self) -> None:
        """Wait for the servers of all workers.

        Raises
        ------
        LegacyGbpError
            When a worker ends before.
        """
        for _ in self._workers:
            event, task = self.events.get()
            if event == LOST:
                raise LegacyGbpError(
                    f"task {task}: ended before the training began; see its output"
                )

    def dismiss(self, exit_code: int) -> None:
        """Tell all workers to end.

        Parameters
        ----------
        exit_code : int
            That they end with.
        """
        for worker in self._workers.values():
            with contextlib.suppress(OSError):
                worker.send({"exit": exit_code})

    def _watch(self, task: int, worker: Connection) -> None:
        while worker.receive() is not None:
            self.events.put((READY, task))
        self.events.put((LOST, task))


def join(step: SlurmStep, seconds: float = RENDEZVOUS_SECONDS) -> Tuple[Connection, List[str]]:
    """Find the coordinator, as a worker.

    Parameters
    ----------
    step : SlurmStep
    seconds : float
        How long to try.

    Returns
    -------
    coordinator : Connection
    servers : list of str
        ``host:port`` of every task, the coordinator's as it is reached from here.

    Raises
    ------
    LegacyGbpError
        When the coordinator is not found.
    """
    port = free_port()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for address in step.addresses:
            try:
                connected = socket.create_connection((address, step.port), timeout=5)
            except OSError:
                continue
            connected.settimeout(None)
            coordinator = Connection(connected)
            coordinator.send({"step": step.name, "task": step.task, "port": port})
            answer = coordinator.receive()
            if answer:
                return coordinator, [f"{coordinator.peer}:{answer['port']}", *answer["servers"][1:]]
            coordinator.close()
        time.sleep(SECONDS_BETWEEN_TRIES)
    raise LegacyGbpError(
        f"task {step.task}: did not find task 0 at {' or '.join(step.addresses) or 'any address'}, "
        f"port {step.port}, within {seconds} s; see the output of task 0"
    )


def free_port() -> int:
    """Return a port that nobody uses now.

    Returns
    -------
    int
    """
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_workers(step: SlurmStep, seconds: float) -> Dict[int, Connection]:
    """Return the connections of all workers by their task."""
    workers: Dict[int, Connection] = {}
    deadline = time.monotonic() + seconds
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK if step.local else "", step.port))
        except OSError as error:
            raise LegacyGbpError(
                f"port {step.port}: cannot be used on this node ({first_line(error)}); start the "
                "step again"
            ) from error
        listener.listen(step.tasks)
        while len(workers) < step.tasks - 1:
            listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connected, _ = listener.accept()
            except socket.timeout:
                raise LegacyGbpError(
                    f"{len(workers) + 1} of {step.tasks} tasks came within {seconds} s; see the "
                    "other tasks' output"
                ) from None
            connected.settimeout(10)  # for the first line, which comes at once
            worker = Connection(connected)
            message = worker.receive()
            if not message or message.get("step") != step.name:
                worker.close()
                continue
            connected.settimeout(None)
            worker.server = f"{worker.peer}:{message['port']}"
            workers[message["task"]] = worker
    return workers
