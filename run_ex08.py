"""Exercise 08 of the tutorial: ``python run_ex08.py train|predict|gbprop``."""

from legacy_gbp.cli import main
from legacy_gbp.exercises.definitions import EX08

if __name__ == "__main__":
    raise SystemExit(main(EX08, is_supervised=True))
