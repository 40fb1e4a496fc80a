"""Threads around and in a loop: order, bounds, and errors that are not lost."""

import sys
import threading

import pytest

from legacy_gbp.io.prefetch import in_background, parallel_map, prefetch
from tests.waiting import DEADLINE_SECONDS, until


def waits(thread):
    """Whether a thread waits for another one, seen from its innermost frame."""
    frame = sys._current_frames().get(thread.ident)
    return frame is not None and (frame.f_code.co_filename, frame.f_code.co_name) == (
        threading.__file__, "wait",
    )  # fmt: skip


def until_it_waits_or_ends(thread):
    until(lambda: waits(thread) or not thread.is_alive(), "the thread neither waits nor ends")


def join(thread):
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()


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
            assert made.wait(DEADLINE_SECONDS)


@pytest.mark.parametrize("waiting", [1, 3])
@pytest.mark.parametrize("taken", [1, 2, 7])
def test_as_many_items_as_the_bound_are_made_before_they_are_asked_for(waiting, taken):
    """To close the generator waits for every item that was begun: then the count is final."""
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    coming = prefetch(items(), waiting=waiting)
    assert [next(coming) for _ in range(taken)] == list(range(taken))
    coming.close()
    assert made == list(range(taken + waiting))


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


@pytest.mark.parametrize("waiting", [1, 2, 4])
def test_calls_that_wait_are_bounded(waiting):
    """While the first call is at work, `waiting` calls return; one more waits for it.

    The gate opens when the caller was seen to wait, or has returned, which is the error.
    """
    gate, happened = threading.Event(), []

    def work(number):
        assert gate.wait(DEADLINE_SECONDS)
        happened.append(f"call {number} done")

    def call_all(later):
        for number in range(waiting + 1):
            later(number)
            happened.append(f"call {number} returned")

    with in_background(work, waiting=waiting) as later:
        caller = threading.Thread(target=call_all, args=(later,))
        caller.start()
        try:
            until(lambda: len(happened) >= waiting, lambda: happened)
            until_it_waits_or_ends(caller)
            begun = list(happened)
        finally:
            gate.set()
        join(caller)
    assert begun == [f"call {number} returned" for number in range(waiting)]
    assert happened.index("call 0 done") < happened.index(f"call {waiting} returned")
    done = [text for text in happened if text.endswith("done")]
    assert done == [f"call {number} done" for number in range(waiting + 1)]


@pytest.mark.parametrize("more", [0, 5])
def test_an_error_of_a_call_is_raised_at_the_latest_on_leaving(more):
    def refuse(number):
        if number == 0:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), in_background(refuse) as later:
        for number in range(1 + more):
            later(number)


def test_results_come_in_the_order_of_the_items():
    """Of each two items at work, the second is finished first: the first waits for it."""
    finished = [threading.Event() for _ in range(20)]
    order = []

    def square(number):
        if number % 2 == 0:
            assert finished[number + 1].wait(DEADLINE_SECONDS)
        order.append(number)
        finished[number].set()
        return number**2

    assert list(parallel_map(square, range(20))) == [number**2 for number in range(20)]
    assert all(order.index(number + 1) < order.index(number) for number in range(0, 20, 2))
    assert list(parallel_map(square, [])) == []


@pytest.mark.parametrize("workers", [2, 3])
def test_as_many_items_are_at_work_as_there_are_workers(workers):
    """All of them at the same time, and no thread for one more, which is taken already."""
    at_work, gate = threading.Semaphore(0), threading.Event()
    taken, before = [], set(threading.enumerate())

    def items():
        for number in range(9):
            taken.append(number)
            yield number

    def hold(number):
        at_work.release()
        assert gate.wait(DEADLINE_SECONDS)
        return number

    results: list = []
    consumer = threading.Thread(
        target=lambda: results.extend(parallel_map(hold, items(), workers=workers))
    )
    consumer.start()
    try:
        for _ in range(workers):
            assert at_work.acquire(timeout=DEADLINE_SECONDS)
        until(lambda: len(taken) > workers, "no further item is taken")
        until_it_waits_or_ends(consumer)
        threads = set(threading.enumerate()) - before
    finally:
        gate.set()
    join(consumer)
    assert len(threads) == 1 + workers  # the consumer's, and the workers'
    assert results == list(range(9))


def test_one_item_waits_and_no_more():
    """Items are taken by the thread that asks for results, so the count is final."""
    taken = []

    def items():
        for number in range(50):
            taken.append((number, threading.current_thread()))
            yield number

    coming = parallel_map(lambda item: item, items())
    assert next(coming) == 0
    assert taken == [(number, threading.current_thread()) for number in range(3)]
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
