"""Waiting for events in tests: time may make a test fail, never pass."""

import time

DEADLINE_SECONDS = 120  # far beyond what the slowest machine needs


def until(is_so, what, seconds=DEADLINE_SECONDS):
    """Wait until ``is_so()`` is true and return what it returned; fail after the deadline.

    `what` is told when it never came; a callable is asked then.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = is_so()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.002)
