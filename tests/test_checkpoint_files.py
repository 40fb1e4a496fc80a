"""A kill at any moment of a save leaves the old checkpoint, the new one, or none: no mixture."""

import os
import subprocess
import sys

import pytest

from legacy_gbp.errors import OutputError
from legacy_gbp.io.checkpoint_files import (
    SUFFIXES,
    finish_interrupted_save,
    finish_own_saves,
    publish,
)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Publishes a checkpoint and dies before the k-th call that changes a folder.
KILLED = """
import os, shutil, sys
from legacy_gbp.io.checkpoint_files import publish
left = int(sys.argv[3])
def deadly(function):
    def call(*args, **kwargs):
        global left
        if not left:
            os._exit(9)
        left -= 1
        return function(*args, **kwargs)
    return call
for name in ("rename", "replace", "remove", "rmdir", "unlink"):
    setattr(os, name, deadly(getattr(os, name)))
publish(sys.argv[1], sys.argv[2])
"""


def write(folder, name, text):
    os.makedirs(folder, exist_ok=True)
    for suffix in SUFFIXES:
        with open(os.path.join(folder, name + suffix), "w", encoding="utf-8") as file:
            file.write(text)
    return str(folder)


def read(path):
    """The texts of the files that are there."""
    texts = []
    for suffix in SUFFIXES:
        if os.path.exists(path + suffix):
            with open(path + suffix, encoding="utf-8") as file:
                texts.append(file.read())
    return texts


def publish_and_die(written, path, before):
    return subprocess.run(
        [sys.executable, "-c", KILLED, written, path, str(before)],
        env={**os.environ, "PYTHONPATH": ROOT},
    ).returncode


@pytest.mark.parametrize("old", [["old"] * 3, []])
@pytest.mark.parametrize("finish", [finish_interrupted_save, finish_own_saves])
def test_a_kill_at_any_moment_leaves_no_mixture(old, finish, tmp_path):
    outcomes = []
    for before in range(20):
        folder = tmp_path / str(before)
        path = write(str(folder), "best", "old") + "/best" if old else str(folder / "best")
        code = publish_and_die(write(str(folder / ".partial-1-best"), "best", "new"), path, before)
        if os.path.exists(path + ".index"):
            assert read(path) in (["old"] * 3, ["new"] * 3)
        finish(path)
        assert read(path) in (old, ["new"] * 3)
        outcomes.append(read(path))
        if code == 0:
            break
        assert code == 9
    assert outcomes[0] == old and outcomes[-1] == ["new"] * 3
    assert len(outcomes) > 4  # it died at each of the renames


def test_the_next_save_finishes_the_interrupted_one_first(tmp_path):
    path = write(str(tmp_path), "best", "old") + "/best"
    assert publish_and_die(write(str(tmp_path / ".partial-1-best"), "best", "new"), path, 3) == 9
    publish(write(str(tmp_path / ".partial-2-best"), "best", "newer"), path)
    assert read(path) == ["newer"] * 3
    assert sorted(os.listdir(str(tmp_path))) == sorted("best" + suffix for suffix in SUFFIXES)


def test_another_checkpoint_of_the_folder_is_left_alone(tmp_path):
    path = write(str(tmp_path), "best", "old") + "/best"
    assert publish_and_die(write(str(tmp_path / ".partial-1-best"), "best", "new"), path, 3) == 9
    finish_own_saves(str(tmp_path / "best2"))
    finish_interrupted_save(str(tmp_path / "est"))
    assert not os.path.exists(path + ".index")
    finish_interrupted_save(path)
    assert read(path) == ["new"] * 3


def test_a_reader_that_cannot_finish_says_so(tmp_path, monkeypatch):
    path = write(str(tmp_path), "best", "old") + "/best"
    assert publish_and_die(write(str(tmp_path / ".partial-1-best"), "best", "new"), path, 3) == 9

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", forbidden)
    with pytest.raises(OutputError, match=r"its last save was interrupted.*Permission denied"):
        finish_interrupted_save(path)
