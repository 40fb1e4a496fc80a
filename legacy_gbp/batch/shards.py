"""Which share of the files one of many tasks takes.

Named by ``--shard i/n``, or by the array of a batch queue:

======  ==========================================================================
Slurm   ``SLURM_ARRAY_TASK_ID`` in steps of ``_STEP`` from ``_MIN``, ``_COUNT`` in all
LSF     ``LSB_JOBINDEX`` from 1 to ``LSB_JOBINDEX_END``; 0 outside of an array
======  ==========================================================================

The tasks of ``srun -n N`` divide the shard of their array task among them.
"""

from collections import namedtuple

from legacy_gbp.errors import InputError

SLURM, LSF = "SLURM_ARRAY_TASK_", "LSB_JOBINDEX"


class Shard(namedtuple("Shard", "index count")):
    """Task `index`, from 1, of `count`; written ``index/count``."""

    def of(self, items):
        """Items index, index + count, ..., counted from 1."""
        return items[self.index - 1 :: self.count]

    @classmethod
    def parse(cls, text):
        """From ``index/count``; ValueError for anything else."""
        index, count = (int(part) for part in text.split("/"))
        if not 1 <= index <= count:
            raise ValueError(text)
        return cls(index, count)

    def __str__(self):
        return f"{self.index}/{self.count}"


ALL = Shard(1, 1)


def from_environment(environment, step=None):
    """The shard of this task of an array or a step; :data:`ALL` outside of them.

    Parameters
    ----------
    environment : mapping of str to str
        Such as ``os.environ``.
    step : Step, optional
        See :func:`legacy_gbp.batch.slurm_step.slurm_step`.

    Raises
    ------
    InputError
        When the numbers leave in doubt which task of how many this is, as those
        of ``--array=1,3,7`` do.
    """
    array = _of_array(environment)
    if not step:
        return array
    return Shard((array.index - 1) * step.tasks + step.task + 1, array.count * step.tasks)


def _of_array(environment):
    if environment.get(SLURM + "ID"):
        number, first, count = (_number(environment, SLURM + n) for n in ("ID", "MIN", "COUNT"))
        step = _number(environment, SLURM + "STEP", 1)
        return _regular(SLURM + "ID", number, first, step, count)
    if environment.get(LSF, "0") != "0":
        number, last = _number(environment, LSF), _number(environment, LSF + "_END")
        step = _number(environment, LSF + "_STEP", 1)
        return _regular(LSF, number, 1, step, (last - 1) // step + 1)
    return ALL


def _regular(name, number, first, step, count):
    place, rest = divmod(number - first, step)
    if rest or not 0 <= place < count:
        raise InputError(
            f"{name}={number} is not one of {count} from {first} in steps of {step}; "
            "say --shard i/n"
        )
    return Shard(place + 1, count)


def _number(environment, name, default=None):
    text = environment.get(name, default)
    try:
        number = int(text)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or (number == 0 and name.endswith(("STEP", "COUNT"))):
        raise InputError(f"{name}={text}: expected a whole number; say --shard i/n")
    return number
