"""Which share of the files one of many tasks takes.

A shard is named by its user, or by the array of a batch queue:

======  ==========================================================================
Slurm   ``SLURM_ARRAY_TASK_ID`` in steps of ``_STEP`` from ``_MIN``, ``_COUNT`` in all
LSF     ``LSB_JOBINDEX`` from 1 to ``LSB_JOBINDEX_END``; 0 outside of an array
======  ==========================================================================

The tasks of ``srun -n N`` divide the shard of their array task among them.
"""

from dataclasses import dataclass
from typing import List, Mapping, Optional, Sequence, TypeVar

from legacy_gbp.batch.environment import LSF, SLURM, number_in, shortened_value, text
from legacy_gbp.batch.slurm_step import SlurmStep
from legacy_gbp.errors import InputError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Task `index`, from 1, of `count`; written ``index/count``.

    Attributes
    ----------
    index, count : int
    """

    index: int
    count: int

    def of(self, items: Sequence[Item]) -> List[Item]:
        """Return the items `index`, `index` + `count`, ..., counted from 1.

        Parameters
        ----------
        items : sequence

        Returns
        -------
        list
        """
        return list(items[self.index - 1 :: self.count])

    @classmethod
    def parse(cls, written: str) -> "Shard":
        """Return the shard that a text names.

        Parameters
        ----------
        written : str
            ``index/count``.

        Returns
        -------
        Shard

        Raises
        ------
        InputError
        """
        parts = written.split("/")
        index, count = map(number_in, parts if len(parts) == 2 else ("", ""))
        if index is None or count is None:
            raise InputError(f"shard {shortened_value(written)}: is not i/n; give one such as 2/4")
        if not 1 <= index <= count:
            raise InputError(f"shard {written!r}: i lies in 1..n; give one such as 2/4")
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


ALL = Shard(1, 1)


def shard_from_environment(
    environment: Mapping[str, str], step: Optional[SlurmStep] = None
) -> Shard:
    """Return the shard of this task of an array or a step.

    Parameters
    ----------
    environment : mapping of str to str
        Such as ``os.environ``.
    step : SlurmStep, optional

    Returns
    -------
    Shard
        :data:`ALL` outside of arrays and steps.

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


def _of_array(environment: Mapping[str, str]) -> Shard:
    if text(SLURM.array_index, environment):
        index = _number(environment, SLURM.array_index)
        first = _number(environment, SLURM.array_first)
        count = _number(environment, SLURM.array_count, least=1)
        step = _number(environment, SLURM.array_step, least=1, default="1")
        return _regular(SLURM.array_index, index, first, step, count)
    if text(LSF.array_index, environment) not in ("", "0"):
        index = _number(environment, LSF.array_index)
        last = _number(environment, LSF.array_last)
        step = _number(environment, LSF.array_step, least=1, default="1")
        return _regular(LSF.array_index, index, 1, step, (last - 1) // step + 1)
    return ALL


def _regular(name: str, index: int, first: int, step: int, count: int) -> Shard:
    place, rest = divmod(index - first, step)
    if rest or not 0 <= place < count:
        raise InputError(
            f"{name}={index}: is not one of {count} from {first} in steps of {step}; give `shard`, "
            "such as 2/4"
        )
    return Shard(place + 1, count)


def _number(
    environment: Mapping[str, str], name: Optional[str], least: int = 0, default: str = ""
) -> int:
    value = text(name, environment) or default
    number = number_in(value)
    if number is None or number < least:
        shown = shortened_value(value) if value else None
        raise InputError(f"{name}={shown}: is not a whole number; give `shard`, such as 2/4")
    return number
