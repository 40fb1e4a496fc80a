"""Benchmarks: ``python -m tests.benchmarks`` measures side by side and prints a table."""
