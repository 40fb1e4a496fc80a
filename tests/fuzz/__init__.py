"""Damaged and malicious files of every kind that is read, and what the commands make of them.

``python -m tests.fuzz --inputs 10000 --seed 0`` mutates small valid files, one at a time, and
runs the command that reads them in a forked child under the supervisor of the command line. It
prints a table, and exits with 1 where a traceback, a signal, a hang, too much memory or half a
file was seen.
"""
