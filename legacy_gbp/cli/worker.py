"""``train`` as a task of a Slurm step other than the first: a server for the coordinator."""

from legacy_gbp.batch.rendezvous import join
from legacy_gbp.batch.slurm_step import SlurmStep
from legacy_gbp.cli.exit_codes import STOPPED, end_process
from legacy_gbp.cli.quiet_tensorflow import load_quietly
from legacy_gbp.io.console import print_line


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
        print_line(f"task {step.task}: task 0 is gone, so this one ends", to_stderr=True)
    end_process(answer["exit"] if answer else STOPPED)
