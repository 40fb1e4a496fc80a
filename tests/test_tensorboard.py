"""Scalars for TensorBoard: no event file is lost, and what was done again replaces the former."""

import os
import re

from legacy_gbp.training.tensorboard import scalar_writer
from tests.event_files import events, shown

WRITERS, MOST_WRITERS = 20, 2000


def second_of(name):
    (second,) = re.findall(r"^events\.out\.tfevents\.(\d+)\.", name)
    return second


def test_writers_of_one_second_have_files_of_their_own_in_the_order_of_time(tmp_path):
    """Each but the first starts at step 2 and does steps 2 and 3 again.

    Writers are opened until two of them share the second of their names, 20 at least.
    """
    expected: list = []
    seconds: list = []
    writers = 0
    while writers < WRITERS or len(set(seconds)) == writers:
        assert writers < MOST_WRITERS
        first = 2 if writers else 0
        with scalar_writer(str(tmp_path), first) as write:
            expected += [("start", 2)] if writers else []
            for step in range(first, 4):
                write(step, {"loss": writers})
                expected.append(("loss", step, writers))
        writers += 1
        names = os.listdir(str(tmp_path))
        assert len(names) == writers
        seconds = [second_of(name) for name in names]
    found: list = []
    for event in events(tmp_path):
        found += [("start", event.step)] if event.HasField("session_log") else []
        found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    assert found == expected
    assert shown(tmp_path) == [(0, 0), (1, 0), (2, writers - 1), (3, writers - 1)]


def test_two_writers_that_are_open_together_do_not_share_a_file(tmp_path):
    with scalar_writer(str(tmp_path)) as one, scalar_writer(str(tmp_path), 1) as other:
        other(1, {"loss": 0.5})
        one(0, {"loss": 0.25})
    assert len(os.listdir(str(tmp_path))) == 2
    assert shown(tmp_path) == [(0, 0.25), (1, 0.5)]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with scalar_writer(None) as write:
        write(0, {"loss": 0.5})
    assert os.listdir(str(tmp_path)) == []
