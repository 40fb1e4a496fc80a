"""``python -m legacy_gbp`` is ``legacy-gbp``, also where the latter is on no path."""

from legacy_gbp.cli import main_all

if __name__ == "__main__":
    raise SystemExit(main_all())
