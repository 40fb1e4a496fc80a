"""Atomic writes: names, permissions, folders, refusals, and what killed processes leave."""

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time

import pytest

from legacy_gbp.errors import InputError, OutputError
from legacy_gbp.io import atomic

RANDOM = "0123456789abcdef"
DAY = 24 * 3600


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(path, content=b"new"):
    with atomic.atomic_file(path) as file:
        file.write(content)


def touch(path):
    with open(path, "w"):
        pass


def content(path):
    with open(path, "rb") as file:
        return file.read()


def test_a_file_appears_when_it_is_complete():
    with atomic.atomic_file("a/b/c.txt") as file:
        file.write(b"new")
        assert os.listdir("a/b") != ["c.txt"]
    assert os.listdir("a/b") == ["c.txt"] and content("a/b/c.txt") == b"new"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(os.stat("a/b/c.txt").st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_the_permissions_of_what_is_replaced_stay(mode):
    write("a", b"old")
    os.chmod("a", mode)
    write("a")
    assert stat.S_IMODE(os.stat("a").st_mode) == mode and content("a") == b"new"


@pytest.mark.parametrize("error", [InputError("why"), KeyError("why"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(error):
    write("kept", b"old")
    for path in ("kept", "x/y/z"):
        with pytest.raises(type(error)), atomic.atomic_file(path) as file:
            file.write(b"new")
            raise error
    assert os.listdir(".") == ["kept"] and content("kept") == b"old"


def test_folders_that_hold_something_else_stay():
    with pytest.raises(InputError), atomic.atomic_file("x/y/z"):
        touch("x/other")
        raise InputError("why")
    assert os.listdir("x") == ["other"]


def test_an_error_of_the_disk_says_where_and_why():
    touch("file")
    with pytest.raises(OutputError) as caught:
        write("file/a")
    words = r"file/a: cannot be written \((.*)\); choose another place or make room"
    found = re.fullmatch(words, str(caught.value))
    assert found is not None and found.group(1) in ("Not a directory", "File exists")
    for error, reason in ((OSError(28, "no room"), "no room"), (OSError(), "OSError")):
        words = rf"a: cannot be written \({reason}\)"
        with pytest.raises(OutputError, match=words), atomic.atomic_file("a"):
            raise error


def test_a_refusal_inside_of_the_block_passes():
    with pytest.raises(OutputError, match="its own words"), atomic.atomic_file("a"):
        raise OutputError("its own words")


def test_temporary_names_are_hidden_unlike_and_not_too_long():
    names = {os.path.basename(atomic.temporary_name("maps.h5")) for _ in range(9)}
    assert len(names) == 9
    for name in names:
        host = re.escape(socket.gethostname())
        assert re.fullmatch(rf"\.partial-{host}@{os.getpid()}-[0-9a-f]{{16}}-maps\.h5", name)
    long = atomic.temporary_name("d/" + "\u00e9" * 127)
    assert os.path.dirname(long) == os.path.abspath("d")
    assert 253 < len(os.fsencode(os.path.basename(long))) <= 255
    write("\u00e9" * 127)
    assert os.listdir(".") == ["\u00e9" * 127]


def test_destinations_are_checked_before_any_work():
    for path in ("a", "x/y/a"):
        atomic.check_destination(path)
    assert os.listdir(".") == []
    touch("file")
    atomic.check_destination("file")
    for path in ("file/a", "file/b/a"):
        with pytest.raises(OutputError, match=f"^{path}: cannot be written"):
            atomic.check_destination(path)


def test_only_files_are_replaced():
    os.mkdir("folder")
    os.mkfifo("pipe")
    for check in (atomic.check_replaceable, atomic.check_destination, write):
        with pytest.raises(OutputError, match="folder: is a folder"):
            check("folder")
        for path in ("pipe", os.devnull):
            with pytest.raises(OutputError, match=f"^{path}: is a device"):
                check(path)
    os.symlink("nowhere", "link")
    write("link")
    assert not os.path.islink("link") and content("link") == b"new"


def test_free_space_is_asked_for_with_some_to_spare(monkeypatch):
    found = shutil.disk_usage(".")._replace(free=(1 << 20) + 500)
    asked = []

    def disk_usage(path):
        asked.append(path)
        return found

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    atomic.check_free_space("x/a", 500)
    with pytest.raises(OutputError, match=r"^x/a: cannot be written \(1\.0 MB free on the disk\)"):
        atomic.check_free_space("x/a", 501)
    assert asked == [os.path.abspath("x")] * 2


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left(process, name, host=None, age=0.0):
    """Make what a process leaves behind, and return its name."""
    path = f".partial-{host or socket.gethostname()}@{process}-{RANDOM}-{name}"
    touch(path)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_what_dead_processes_left_is_removed():
    dead = ended_process()
    left(dead, "a.h5")
    os.rename(left(dead, "model"), ".partial-folder")
    os.mkdir(f".partial-{socket.gethostname()}@{dead}-{RANDOM}-model")
    os.remove(".partial-folder")
    left(10**30, "a.h5")
    left(dead, "b.h5", "elsewhere", 2 * DAY)
    kept = [
        left(os.getpid(), "a.h5"),
        left(os.getppid(), "a.h5"),
        left(dead, "c.h5", "elsewhere", DAY / 2),
    ]
    for name in ("a.h5", f".partial-x@{dead}-short-a.h5", f"x.partial-x@{dead}-{RANDOM}-a"):
        touch(name)
        kept.append(name)
    atomic.remove_stale(".")
    assert sorted(os.listdir(".")) == sorted(kept)


def test_a_file_of_another_machine_goes_after_a_day(monkeypatch):
    now = 1e9
    monkeypatch.setattr(atomic, "_clock_of", lambda folder: now)
    path = left(1, "a.h5", "elsewhere")
    for age, stays in ((DAY, True), (DAY + 1, False)):
        os.utime(path, (now - age,) * 2)
        atomic.remove_stale(".")
        assert os.path.exists(path) == stays


def test_only_files_of_a_name_are_removed():
    dead = ended_process()
    left(dead, "maps.h5")
    kept = [left(dead, "other.h5"), left(dead, "m-aps.h5")]
    atomic.remove_stale(".", "maps.")
    assert sorted(os.listdir(".")) == sorted(kept)


def test_a_folder_that_cannot_be_looked_through_blocks_nothing():
    atomic.remove_stale("nowhere")


def test_the_clock_is_that_of_the_disk():
    touch("now")
    assert abs(atomic._clock_of(".") - os.stat("now").st_mtime) < 60
    assert os.listdir(".") == ["now"]


def test_running_processes(monkeypatch):
    assert atomic.is_running(os.getpid()) and atomic.is_running(1)
    assert not atomic.is_running(ended_process()) and not atomic.is_running(10**30)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        while not atomic._has_ended(process.pid):  # nobody asks for its exit code
            pass
        assert not atomic.is_running(process.pid)

    def belongs_to_somebody_else(process, number):
        raise PermissionError

    monkeypatch.setattr(os, "kill", belongs_to_somebody_else)
    assert atomic.is_running(1)
