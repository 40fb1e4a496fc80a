"""Job scripts: what they ask of the queue, and that a shell reads them as meant."""

import os
import subprocess
import sys

import h5py
import pytest

from legacy_gbp.cli import main_all
from tests.files import write_xtcav

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def script(capsys, *argv):
    assert main_all(["jobscript", *argv]) == 0
    return capsys.readouterr().out


def test_slurm_training(capsys):
    text = script(
        capsys, "slurm", "--partition", "milano", "--account", "lcls:x", "ex07", "train",
        "--seed", "2",
    )  # fmt: skip
    lines = text.split("\n")
    assert lines[0] == "#!/bin/bash"
    for line in (
        "--partition=milano", "--account=lcls:x", "--requeue", "--open-mode=append",
        "--signal=B:USR1@120", "--output=ex07-train-%j.log", "--time=4:00:00",
    ):  # fmt: skip
        assert "#SBATCH " + line in lines
    assert text.endswith(f"\nexec {sys.executable} -m legacy_gbp ex07 train --seed 2 --requeue\n")
    assert "array" not in text


def test_slurm_training_on_four_tasks(capsys):
    """Each task gets the signal from Slurm; the shell's place is taken by srun."""
    argv = ["slurm", "--partition", "p", "--cpus", "8", "--tasks", "4", "ex08", "train"]
    lines = script(capsys, *argv).split("\n")
    assert "#SBATCH --ntasks=4 --cpus-per-task=8" in lines
    assert "#SBATCH --signal=USR1@120" in lines
    srun = "exec srun --mpi=pmi2 --cpus-per-task=8 "
    assert lines[-2] == f"{srun}{sys.executable} -m legacy_gbp ex08 train --requeue"


def test_slurm_array(capsys):
    argv = ["--partition", "p", "--array", "4", "--time", "12:30", "--cpus", "8", "--name", "m"]
    argv += ["--python", "/opt/my python"]
    text = script(capsys, "slurm", *argv, "ex08", "gbprop", "--output-dir", "o")
    assert "#SBATCH --array=1-4\n" in text and "#SBATCH --output=m-%A_%a.log\n" in text
    assert "--cpus-per-task=8\n" in text and "--time=12:30:00\n" in text
    assert "--account" not in text
    last = text.split("\n")[-2]
    assert last.startswith(
        "exec '/opt/my python' -m legacy_gbp ex08 gbprop --output-dir o --requeue "
    )
    assert last.endswith('--shard "$SLURM_ARRAY_TASK_ID/4"')


def test_lsf(capsys):
    argv = ["lsf", "--partition", "psanaq", "--account", "a"]
    text = script(capsys, *argv, "--array", "3", "ex07", "predict", "--output-dir", "o")
    for line in (
        "-q psanaq", "-P a", "-W 4:00", '-J "ex07-predict[1-3]"', "-o ex07-predict-%J_%I.log",
    ):  # fmt: skip
        assert f"#BSUB {line}\n" in text
    assert text.endswith('--shard "$LSB_JOBINDEX/3"\n')
    text = script(capsys, *argv, "ex07", "train")
    assert '#BSUB -J "ex07-train"\n' in text and "#BSUB -o ex07-train-%J.log\n" in text
    assert "#BSUB -wa USR1 -wt 2\n" in text and "#BSUB -Q 75\n" in text


def test_the_shell_reads_names_as_they_are(tmp_path, checkpoints, monkeypatch, capsys):
    """Each task of an LSF array, simulated: the variables that LSF would set."""
    monkeypatch.chdir(tmp_path)
    folder = 'it\'s "$HOME" `here`; *'
    os.mkdir(folder)
    files = [os.path.join(folder, f"{k} & {k}.h5") for k in range(2)]
    for name in files:
        write_xtcav(name, 2)
    argv = ["lsf", "--partition", "q", "--array", "2", "--output", "job.sh", "ex07", "predict"]
    argv += [*files, "--checkpoint", checkpoints["ex07"], "--output-dir", folder + " out"]
    assert main_all(["jobscript", *argv]) == 0
    assert capsys.readouterr().out == "-- submit with: bsub < job.sh\n"
    for index in ("1", "2"):
        env = {**os.environ, "LSB_JOBINDEX": index, "LSB_JOBINDEX_END": "2", "PYTHONPATH": ROOT}
        with open("job.sh") as file:
            done = subprocess.run(
                ["bash"], stdin=file, env=env, capture_output=True, text=True, check=True
            )
        assert f"-- shard {index}/2: 1 of 2 files" in done.stdout and not done.stderr
    assert sorted(os.listdir(folder + " out")) == ["0 & 0-predictions.h5", "1 & 1-predictions.h5"]
    with h5py.File(os.path.join(folder + " out", "1 & 1-predictions.h5"), "r") as file:
        assert len(file["row"]) == 2


@pytest.mark.parametrize(
    "argv, why",
    [
        (["--partition", "p", "--array", "2", "ex07", "train"], "a training is one job"),
        (["--partition", "p", "--tasks", "2", "ex07", "predict"], "share files by --array N"),
        (["--partition", "p", "--array", "2", "ex07", "predict"], "add --output-dir DIR"),
        (["--partition", "p", "--array", "2", "ex07", "predict", "--output-dir", "o", "--shard",
          "1/2"], "leave --shard out"),
        (["--partition", "p", "ex07", "gbprop", "--method", "lime"], "invalid choice: 'lime'"),
        (["--partition", "p", "ex07"], "required: COMMAND"),
        (["--partition", "p", "ex09", "train"], "invalid choice: 'ex09'"),
        (["--partition", "p; rm x", "ex07", "train"], "'p; rm x' is not one word"),
        (["--partition", "p", "--name", "a\nb", "ex07", "train"], "is not one word"),
        (["--partition", "p", "--time", "90", "ex07", "train"], "'90' is not hours:minutes"),
        (["ex07", "train"], "required: --partition"),
    ],
)  # fmt: skip
def test_refused_before_the_queue(argv, why, capsys):
    try:
        code = main_all(["jobscript", "slurm", *argv])
    except SystemExit as stop:
        code = stop.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert code == 2 and why in error and error.count("\n") == 1
