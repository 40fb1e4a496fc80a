"""``train`` as a task of a Slurm step other than the first: it computes for task 0."""

import atexit

from legacy_gbp.batch.ranks import Ranks, TaskLost
from legacy_gbp.batch.signals import Received
from legacy_gbp.batch.slurm_step import SlurmStep
from legacy_gbp.cli.exit_codes import FAILED, STOPPED, end_process, exit_code_of
from legacy_gbp.cli.quiet_tensorflow import load_quietly
from legacy_gbp.exercises.definitions import Exercise
from legacy_gbp.io.console import print_line


def serve(exercise: Exercise, step: SlurmStep, received: Received) -> None:
    """Compute for task 0; end the process with its exit code.

    Parameters
    ----------
    exercise : Exercise
    step : SlurmStep
    received : callable
        See :func:`legacy_gbp.batch.signals.stop_signals`.
    """
    ranks, code = Ranks(step, received), FAILED
    try:
        load_quietly()
        from legacy_gbp.training.distributed import follow

        code = follow(exercise, ranks)
    except TaskLost as lost:
        print_line(f"task {step.task}: {lost}, so this one ends", to_stderr=True)
        code = STOPPED
    except BaseException as error:
        code = exit_code_of(error)
        raise
    finally:
        atexit.register(end_process, code)
    end_process(code)
