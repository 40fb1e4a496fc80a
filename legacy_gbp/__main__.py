"""``python -m legacy_gbp`` is ``legacy-gbp``, also where the latter is on no path."""

from legacy_gbp.cli import program

if __name__ == "__main__":
    raise SystemExit(program())
