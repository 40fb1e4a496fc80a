"""A thread at either end of a loop: order, bounds, and errors that are not lost."""

import threading
import time

import pytest

from legacy_gbp.overlap import ahead, behind


def test_items_come_in_order_and_are_made_in_one_other_thread():
    makers = set()

    def made():
        for number in range(20):
            makers.add(threading.get_ident())
            yield number

    assert list(ahead(made())) == list(range(20))
    assert len(makers) == 1 and threading.get_ident() not in makers


def test_the_next_item_is_made_while_this_one_is_used():
    """The second item is only made after the first was handed over, if nothing reads ahead."""
    made = threading.Event()

    def items():
        yield 0
        made.set()
        yield 1

    for item in ahead(items()):
        if item == 0:
            assert made.wait(10)


def test_no_more_than_the_bound_is_made_before_it_is_asked_for():
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    coming = ahead(items(), waiting=3)
    next(coming)
    time.sleep(0.2)
    assert len(made) <= 1 + 3
    coming.close()
    assert len(made) <= 1 + 3


def test_an_error_of_an_item_is_raised_in_its_place():
    def items():
        yield 1
        raise OSError("the second item")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(OSError, match="the second item"):
        next(coming)


def test_calls_are_made_in_order_and_all_are_made_on_leaving():
    calls = []
    with behind(lambda number, tag=None: calls.append((number, tag))) as later:
        for number in range(20):
            later(number, tag="x")
    assert calls == [(number, "x") for number in range(20)]


def test_calls_that_wait_are_bounded():
    gate, started = threading.Event(), []

    def slow(number):
        started.append(number)
        gate.wait(10)

    with behind(slow, waiting=2) as later:
        later(0)
        later(1)
        blocked = threading.Thread(target=later, args=(2,))
        blocked.start()
        blocked.join(0.2)
        assert blocked.is_alive()
        gate.set()
        blocked.join(10)
    assert started == [0, 1, 2]


@pytest.mark.parametrize("more", [0, 5])
def test_an_error_of_a_call_is_raised_at_the_latest_on_leaving(more):
    def refuse(number):
        if number == 0:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), behind(refuse) as later:
        for number in range(1 + more):
            later(number)
