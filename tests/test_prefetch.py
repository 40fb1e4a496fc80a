"""Threads around and in a loop: order, bounds, and errors that are not lost."""

import threading
import time

import pytest

from legacy_gbp.io.prefetch import in_background, parallel_map, prefetch


def test_items_come_in_order_and_are_made_in_one_other_thread():
    makers = set()

    def made():
        for number in range(20):
            makers.add(threading.get_ident())
            yield number

    assert list(prefetch(made())) == list(range(20))
    assert len(makers) == 1 and threading.get_ident() not in makers


def test_the_next_item_is_made_while_this_one_is_used():
    """The second item is only made after the first was handed over, if nothing reads ahead."""
    made = threading.Event()

    def items():
        yield 0
        made.set()
        yield 1

    for item in prefetch(items()):
        if item == 0:
            assert made.wait(10)


def test_no_more_than_the_bound_is_made_before_it_is_asked_for():
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    coming = prefetch(items(), waiting=3)
    next(coming)
    time.sleep(0.2)
    assert len(made) <= 1 + 3
    coming.close()
    assert len(made) <= 1 + 3


def test_an_error_of_an_item_is_raised_in_its_place():
    def items():
        yield 1
        raise OSError("the second item")

    coming = prefetch(items())
    assert next(coming) == 1
    with pytest.raises(OSError, match="the second item"):
        next(coming)


def test_calls_are_made_in_order_and_all_are_made_on_leaving():
    calls = []
    with in_background(lambda number, tag=None: calls.append((number, tag))) as later:
        for number in range(20):
            later(number, tag="x")
    assert calls == [(number, "x") for number in range(20)]


def test_calls_that_wait_are_bounded():
    gate, started = threading.Event(), []

    def slow(number):
        started.append(number)
        gate.wait(10)

    with in_background(slow, waiting=2) as later:
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

    with pytest.raises(OSError, match="disk full"), in_background(refuse) as later:
        for number in range(1 + more):
            later(number)


def test_results_come_in_the_order_of_the_items():
    """The first ones take longest, two at a time."""
    at_work = threading.Semaphore(2)

    def slow(number):
        assert at_work.acquire(blocking=False)
        time.sleep(0.02 / (1 + number))
        at_work.release()
        return number**2

    assert list(parallel_map(slow, range(20))) == [number**2 for number in range(20)]
    assert list(parallel_map(slow, [])) == []


def test_two_items_are_at_work_at_the_same_time():
    both = threading.Barrier(2, timeout=10)
    assert list(parallel_map(lambda item: both.wait() >= 0, range(6))) == [True] * 6


def test_one_item_waits_and_no_more():
    taken = []

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    coming = parallel_map(lambda item: item, items())
    assert next(coming) == 0 and len(taken) == 3
    coming.close()
    assert len(taken) == 3


def test_an_error_of_a_function_is_raised_in_its_place():
    def refuse(number):
        if number == 2:
            raise OSError("the third item")
        return number

    coming = parallel_map(refuse, range(9))
    assert [next(coming), next(coming)] == [0, 1]
    with pytest.raises(OSError, match="the third item"):
        next(coming)
