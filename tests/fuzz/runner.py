"""Run one command on one set of files, as the command line does, and see how it ends."""

import contextlib
import hashlib
import os
import re
import resource
import sys
import tempfile
import traceback
from typing import List, NamedTuple, Tuple

import h5py
import numpy as np
from PIL import Image

from legacy_gbp.cli import faults, main_all
from legacy_gbp.cli.limits import Limits
from legacy_gbp.cli.parser import Options
from legacy_gbp.cli.supervisor import End, supervise
from legacy_gbp.errors import LegacyGbpError
from legacy_gbp.io.console import print_line

CPU_SECONDS = 60  # of one command; the slowest valid one takes less than 1
MEMORY_BYTES = 2 * 10**9  # of one command; the largest valid one takes 0.3
SECONDS = 1800  # for a process that waits forever; no machine is so slow
CLEAN, SAME, OTHER = "clean", "same", "other"
TRACEBACK, SIGNAL, HANG, MEMORY, HALF = "traceback", "signal", "hang", "memory", "half"
FAULTS = (TRACEBACK, SIGNAL, HANG, MEMORY, HALF)
INTERRUPTIONS = (130, -15, -1)  # somebody ends the fuzzer: the supervisor passes it on
OUTPUTS = ("out.h5", "out.png")


class Outcome(NamedTuple):
    """How a command ended.

    Attributes
    ----------
    verdict : str
        CLEAN: one line and exit code 2; SAME, OTHER: accepted; else one of FAULTS.
    line : str
        What it said on stderr.
    stopped_by : str
        What the supervisor stopped: a crash's signal, "time", "memory"; else empty.
    is_unforeseen : bool
        Whether no reader turned the failure into advice, but the top of the command.
    digest : str
        Of what it printed and wrote.
    """

    verdict: str
    line: str
    stopped_by: str = ""
    is_unforeseen: bool = False
    digest: str = ""


def run(argv: Tuple[str, ...], reference: str = "") -> Outcome:
    """Run a command in this folder.

    Parameters
    ----------
    argv : tuple of str
        Of ``legacy-gbp``, or ``("resume", FILE)``, or ``("words", FILE)``.
    reference : str
        The digest of the valid files.

    Returns
    -------
    Outcome
    """
    limits = Limits(SECONDS, MEMORY_BYTES)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        with _streams(out.fileno(), err.fileno()):
            end = supervise(limits)
            if end is None:
                _work(argv)
        after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        out.seek(0)
        err.seek(0)
        printed, said = out.read(), err.read().decode("utf-8", "replace")
    assert end is not None
    if end.code in INTERRUPTIONS:
        raise KeyboardInterrupt
    is_large = after > peak and after * 1024 > 1.5 * MEMORY_BYTES
    return _judged(argv, end, printed, said, is_large, reference)


@contextlib.contextmanager
def _streams(out, err):
    """Let the descriptors 1 and 2 be files, for the child and what it starts."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    os.dup2(out, 1)
    os.dup2(err, 2)
    try:
        yield
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])


def _work(argv: Tuple[str, ...]) -> None:
    """Run the command in the child, and end the process."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    code = 1
    try:
        code = OTHER_COMMANDS[argv[0]](argv[1]) if argv[0] in OTHER_COMMANDS else main_all([*argv])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _resume(path: str) -> int:
    """Read a file to resume from: training would go on with it."""
    from legacy_gbp.training.resume_file import read_state

    try:
        state = read_state(path)
    except LegacyGbpError as error:
        print_line(str(error), to_stderr=True)
        return 2
    print(state.settings, state.rng_state, sorted(state.variables.items()))
    return 0


def _words(path: str) -> int:
    """Run a command line, a word a line."""
    with open(path, "rb") as file:
        return main_all(os.fsdecode(file.read().replace(b"\0", b"")).split("\n"))


OTHER_COMMANDS = {"resume": _resume, "words": _words}


def _judged(argv, end: End, printed: bytes, said: str, is_large: bool, reference: str) -> Outcome:
    limits = Limits(SECONDS, MEMORY_BYTES)
    line = faults.what_ended_it(Options(model=argv[1]), limits, end)
    stopped_by = ""
    if line is not None:  # as legacy_gbp.cli prints it
        stopped_by = end.crash or end.limit or ""
        said, end = said + line + "\n", End(2)
    lines = said.splitlines()
    left = [name for name in _files(".") if os.path.basename(name).startswith(".partial-")]
    is_half = bool(left) and not stopped_by
    is_half = is_half or any(not _is_readable(name) for name in OUTPUTS if os.path.exists(name))
    is_half = is_half or (end.code != 0 and any(map(os.path.exists, OUTPUTS)))
    shown = lines[-1] if lines else ""
    if is_half:
        return Outcome(HALF, f"{left} {shown}", stopped_by)
    if stopped_by == "time" or end.code == -24:  # SIGXCPU
        return Outcome(HANG, shown, stopped_by)
    if end.code < 0:
        return Outcome(SIGNAL, f"signal {-end.code}", stopped_by)
    if is_large:
        return Outcome(MEMORY, shown, stopped_by)
    shown_lines = printed.decode("utf-8", "replace").splitlines()
    if not all(one.isprintable() for one in shown_lines):
        return Outcome(TRACEBACK, "control characters on stdout", stopped_by)
    if end.code == 0 and not lines and any(one.startswith("hinders ") for one in shown_lines):
        return Outcome(CLEAN, "", stopped_by)  # inspect says what it could read, and why no more
    if end.code == 2 and len(lines) == 1 and lines[0].isprintable() and b"Traceback" not in printed:
        return Outcome(CLEAN, shown, stopped_by, "--traceback" in shown)
    if end.code == 0 and not lines:
        digest = _digest(printed)
        return Outcome(SAME if digest == reference else OTHER, "", digest=digest)
    return Outcome(TRACEBACK, f"exit code {end.code}: {said[-2000:]}", stopped_by)


def _digest(printed: bytes) -> str:
    """Return the digest of what was printed and written, without digests of the input."""
    text = re.sub(rb"SHA-256 [0-9a-f]+", b"", printed)
    digest = hashlib.sha256(text)
    if os.path.exists("out.h5"):
        with h5py.File("out.h5", "r") as file:
            for name in sorted(file):
                digest.update(np.ascontiguousarray(file[name][()]).astype(str).tobytes())
    if os.path.exists("out.png"):
        with Image.open("out.png") as picture:  # its text names the digest of the input
            digest.update(np.asarray(picture).tobytes())
    return digest.hexdigest()


def _is_readable(name: str) -> bool:
    try:
        if name.endswith(".h5"):
            with h5py.File(name, "r") as file:
                return all(file[one][()] is not None for one in file)
        with open(name, "rb") as picture:
            return picture.read().endswith(b"IEND\xaeB`\x82")
    except Exception:
        return False


def _files(folder: str) -> List[str]:
    return [os.path.join(top, name) for top, _, names in os.walk(folder) for name in names]
