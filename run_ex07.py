"""Exercise 07 of the tutorial: ``python run_ex07.py train|predict|gbprop``."""

from legacy_gbp.cli import main
from legacy_gbp.exercises.definitions import EX07

if __name__ == "__main__":
    raise SystemExit(main(EX07, is_supervised=True))
