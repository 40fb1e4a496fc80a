"""Shared files and checkpoints, made once a test run."""

import os

import pytest

from legacy_gbp.cli import main
from legacy_gbp.exercises.definitions import EXERCISES
from tests.files import write_selection

REFERENCE = os.path.join(os.path.dirname(__file__), "reference")


@pytest.fixture(scope="session", autouse=True)
def _quiet_tensorflow():
    from legacy_gbp.cli.quiet_tensorflow import load_quietly

    load_quietly()


@pytest.fixture(autouse=True)
def _no_datadir_and_no_queue(monkeypatch):
    for name in list(os.environ):
        if name == "DATADIR" or name.startswith(("SLURM_", "LSB_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """A folder with every file of both exercises, four shots each."""
    return write_selection(tmp_path_factory.mktemp("xtcav"))


@pytest.fixture(scope="session")
def checkpoints(data_dir, tmp_path_factory):
    """Exercise name to the prefix of a checkpoint after a few steps."""
    folder = tmp_path_factory.mktemp("checkpoints")
    prefixes = {}
    for name, exercise in EXERCISES.items():
        prefixes[name] = str(folder / exercise.checkpoint)
        argv = ["train", "--data-dir", data_dir, "--checkpoint", prefixes[name]]
        assert main(exercise, [*argv, "--batch-size", "8", "--epochs", "1"]) == 0
    return prefixes


@pytest.fixture(scope="session")
def historical_checkpoint():
    """Prefix of the ex07 checkpoint that the original wrote under TensorFlow 0.12.1."""
    return os.path.join(REFERENCE, "tf_saved_model")
