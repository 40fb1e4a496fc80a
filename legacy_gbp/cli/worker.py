"""``train`` as a task of a Slurm step other than the first: a server, until the chief is done."""

import sys

from legacy_gbp.batch.rendezvous import GONE, join, leave
from legacy_gbp.cli.quiet_tensorflow import load_quietly


def serve(step):
    """Compute for the chief; ends the process with the chief's exit code.

    Parameters
    ----------
    step : Step
    """
    line, servers = join(step)
    load_quietly()
    from legacy_gbp.training.distributed import start_server

    start_server(servers, step.task)
    line.tell("ready")
    heard = line.hear()
    if not heard:
        print(f"task {step.task}: task 0 is gone, so this one ends", file=sys.stderr, flush=True)
    leave(heard["exit"] if heard else GONE)
