"""``train`` as a task of a Slurm step other than the first: a server for the coordinator."""

import sys

from legacy_gbp.batch.rendezvous import join
from legacy_gbp.batch.slurm_step import SlurmStep
from legacy_gbp.cli.exit_codes import STOPPED, end_process
from legacy_gbp.cli.quiet_tensorflow import load_quietly


def serve(step: SlurmStep) -> None:
    """Compute for the coordinator; end the process with its exit code.

    Parameters
    ----------
    step : SlurmStep
    """
    coordinator, servers = join(step)
    load_quietly()
    from legacy_gbp.training.distributed import start_server

    start_server(servers, step.task)
    coordinator.send("ready")
    answer = coordinator.receive()
    if not answer:
        print(f"task {step.task}: task 0 is gone, so this one ends", file=sys.stderr, flush=True)
    end_process(answer["exit"] if answer else STOPPED)
