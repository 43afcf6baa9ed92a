"""Threads that wait for requests, and run their callbacks meanwhile."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.deliveries import Loop
from urlrequest._concurrency.wakeup import EventFdWaker
from urlrequest._delivery.mailbox import Mailbox, Subscription
from urlrequest._delivery.waiting import _LoneWaiter, as_completed, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_6_1_wait_runs_to_the_end(loop: Loop) -> None:
    """Contract 6.1: a waiting thread runs the callbacks of its request, and of no other, until the end."""
    mine, other = loop.request("mine"), loop.request("other")
    mine.progress(3)
    mine.settle()
    other.settle()

    assert wait_for([mine.mailbox], delay=0.5, timeout=None)
    assert [("mine", 0), ("mine", 1), ("mine", 2), ("mine", "end")] == loop.log


def test_6_2_an_event_wakes_the_waiting_thread(loop: Loop) -> None:
    """Contract 6.2: a waiting thread is woken by the event, however long `delay` is."""
    request = loop.request()
    request.progress()
    worker = threading.Thread(target=request.settle)
    request.during = lambda event: worker.start() if event == 0 else None

    assert wait_for([request.mailbox], delay=None, timeout=None)
    worker.join()


@pytest.mark.parametrize("delay", [None, 60, 0.001, 0, -1])
def test_6_1_false_when_time_runs_out(loop: Loop, delay: float | None) -> None:
    """Contract 6.1: False only when `timeout` ran out, for every `delay`; the events then go home again."""
    request = loop.request()

    assert not wait_for([request.mailbox], delay=delay, timeout=0.01)
    request.settle()
    assert 1 == loop.wakeups
    loop.queue.drain()
    assert [("a", "end")] == loop.log


@pytest.mark.parametrize("is_removed", [False, True], ids=["before", "within"])
def test_6_2_an_interrupt_while_a_wait_ends(loop: Loop, monkeypatch: pytest.MonkeyPatch, *, is_removed: bool) -> None:
    """Contract 6.2: Ctrl-C may come while a wait that timed out is being ended: others get all its requests' events."""
    requests = [loop.request(name) for name in "ab"]
    unsubscribe, interrupts = Mailbox.unsubscribe, [KeyboardInterrupt()]

    def interrupted(mailbox: Mailbox, subscription: Subscription) -> None:
        if interrupts:
            if is_removed:
                mailbox._subscriptions.remove(subscription)
            for request in requests:
                request.settle()
            raise interrupts.pop()
        unsubscribe(mailbox, subscription)

    monkeypatch.setattr(Mailbox, "unsubscribe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        wait_for([request.mailbox for request in requests], delay=0.5, timeout=0)
    loop.queue.drain()

    assert {("a", "end"), ("b", "end")} == set(loop.log)


@pytest.mark.parametrize("timeout", [0, -1])
def test_6_1_no_time_at_all(loop: Loop, timeout: float) -> None:
    """Contract 6.1: with no time, what is there is delivered, and the result says whether that was all."""
    request = loop.request()
    assert not wait_for([request.mailbox], delay=0.5, timeout=timeout)
    request.settle()
    assert wait_for([request.mailbox], delay=0.5, timeout=timeout)


def test_6_3_after_the_end_at_once(loop: Loop) -> None:
    """Contract 6.3: waiting for what is over returns at once, and runs nothing again."""
    request = loop.request()
    request.settle()

    assert all(wait_for([request.mailbox], delay=None, timeout=None) for _ in range(3))
    assert [("a", "end")] == loop.log


def test_6_3_within_callbacks(loop: Loop) -> None:
    """Contract 6.3: within on_progress it delivers the rest, within the terminal callback it returns at once."""
    request = loop.request()
    request.progress(2)
    request.settle()

    def nested(event: Any) -> None:
        assert wait_for([request.mailbox], delay=None, timeout=None)
        loop.log.append(("out", event))

    request.during = nested
    loop.queue.drain()

    assert [("a", 0), ("a", 1), ("a", "end"), ("out", "end"), ("out", 1), ("out", 0)] == loop.log


def test_6_3_several_threads(loop: Loop) -> None:
    """Contract 6.3: of several threads that wait each returns; the callbacks run once."""
    request = loop.request()
    ready = threading.Barrier(5)
    returned: list[bool] = []

    def wait() -> None:
        ready.wait()
        returned.append(wait_for([request.mailbox], delay=None, timeout=30))

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait()
    request.progress(100)
    request.settle()
    for thread in threads:
        thread.join(30)

    assert [True] * 4 == returned
    assert [("a", event) for event in [*range(100), "end"]] == loop.log


def test_6_3_a_thread_that_waits_for_another_threads_callback(loop: Loop) -> None:
    """Contract 6.3: while another thread runs the terminal callback, a waiting thread waits for its end."""
    request = loop.request()
    returned: list[bool] = []
    scope = threading.Thread(target=lambda: returned.append(wait_for([request.mailbox], delay=None, timeout=30)))

    def during(event: Any) -> None:
        scope.start()
        while not request.mailbox._subscriptions:
            time.sleep(0)
        assert [] == returned

    request.during = during
    request.settle()
    loop.queue.drain()
    scope.join(30)

    assert [True] == returned


def test_6_4_many(loop: Loop) -> None:
    """Contract 6.4: it returns when all are over, in whatever order they end."""
    requests = [loop.request(str(number)) for number in range(5)]

    def settle() -> None:
        for request in reversed(requests):
            request.settle()

    worker = threading.Thread(target=settle)
    worker.start()

    assert wait_for([request.mailbox for request in requests], delay=None, timeout=30)
    worker.join()
    assert {(str(number), "end") for number in range(5)} == set(loop.log)
    assert wait_for([], delay=None, timeout=None)


def test_3_6_an_exception_ends_the_wait(loop: Loop) -> None:
    """Contract 3.6, 6.4: what a callback raises ends the wait; it may be called again, and no event is lost."""
    request = loop.request()
    request.progress(2)
    request.settle()
    request.during = lambda event: 1 / 0 if event == 0 else None

    with pytest.raises(ZeroDivisionError):
        wait_for([request.mailbox], delay=None, timeout=None)
    assert not request.mailbox._subscriptions
    assert wait_for([request.mailbox], delay=None, timeout=None)
    assert [("a", 0), ("a", 1), ("a", "end")] == loop.log


@pytest.mark.usefixtures("ctrl_c")
def test_6_2_control_c_ends_a_wait(loop: Loop) -> None:
    """Contract 6.2, fault 119: Ctrl-C comes out of a waiting thread, and the request goes on."""
    request = loop.request()
    with pytest.raises(KeyboardInterrupt):
        wait_for([request.mailbox], delay=None, timeout=30)

    assert not request.mailbox._subscriptions
    request.settle()
    assert wait_for([request.mailbox], delay=None, timeout=None)


@pytest.mark.parametrize(
    "wait",
    [
        lambda requests: wait_for([request.mailbox for request in requests], delay=0.5, timeout=None),
        lambda requests: list(as_completed({request.mailbox: request for request in requests})),
    ],
    ids=["all", "as completed"],
)
def test_6_2_control_c_as_a_wait_begins(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, wait: Callable[[Any], object]
) -> None:
    """Contract 6.2, fault 119: Ctrl-C before a thread waits for all of many requests leaves no subscription behind."""
    requests = [loop.request("a"), loop.request("b")]

    subscribe = Mailbox.subscribe

    def interrupt(mailbox: Mailbox, subscription: Subscription) -> None:
        if mailbox is requests[1].mailbox:
            raise KeyboardInterrupt
        subscribe(mailbox, subscription)

    monkeypatch.setattr(Mailbox, "subscribe", interrupt)
    with pytest.raises(KeyboardInterrupt):
        wait(requests)
    monkeypatch.undo()
    requests[0].settle()
    loop.queue.drain()

    assert [("a", "end")] == loop.log


def test_3_4_waiting_for_what_ends_without_a_callback(loop: Loop) -> None:
    """Contract 3.4: a thread that waits is woken by the end of a request that has no callback."""
    request = loop.request(callbacks=False)
    worker = threading.Thread(target=request.settle)
    worker.start()

    assert wait_for([request.mailbox], delay=None, timeout=30)
    worker.join()
    assert [("a", "published")] == loop.log


# as_completed


def test_6_3_in_the_order_of_their_ends(loop: Loop) -> None:
    """Contract 6.3: requests are yielded as they end, each once, delivered on the thread that asks for them."""
    requests = [loop.request(str(number)) for number in range(4)]
    requests[3].settle()
    found = as_completed({request.mailbox: request for request in requests}, timeout=30)
    assert requests[3] is next(found)
    requests[1].settle()
    assert requests[1] is next(found)
    requests[0].settle()
    requests[2].settle()

    assert [requests[0], requests[2]] == list(found)
    assert [("3", "end"), ("1", "end"), ("0", "end"), ("2", "end")] == loop.log
    assert not any(request.mailbox._subscriptions for request in requests)


def test_6_3_the_next_one_within_a_terminal_callback(loop: Loop) -> None:
    """Contract 6.3: a terminal callback that asks for the next one gets its own request, instead of waiting for it."""
    request = loop.request()
    found = as_completed({request.mailbox: request}, timeout=30)
    other = loop.request("other")
    both = as_completed({made.mailbox: made for made in (other, request)}, timeout=30)
    other.settle()
    assert other is next(both)
    request.during = lambda event: loop.log.append(next(both) is request)
    request.settle()

    assert [request] == list(found)
    assert [("other", "end"), ("a", "end"), True] == loop.log
    assert [] == list(both)


def test_6_4_a_request_twice(loop: Loop) -> None:
    """Contract 6.4: a request that stands twice among those to wait for is waited for once."""
    request = loop.request()
    request.settle()

    assert wait_for([request.mailbox] * 2, delay=None, timeout=30)
    assert not request.mailbox._subscriptions


def test_6_4_time_runs_out(loop: Loop) -> None:
    """Contract 6.4: as_completed() raises when its time has run out, and leaves no subscription behind."""
    requests = [loop.request(str(number)) for number in range(2)]
    requests[0].settle()
    found = as_completed({request.mailbox: request for request in requests}, timeout=0.01)

    assert requests[0] is next(found)
    with pytest.raises(TimeoutError, match=r"^1 requests were not finished within 0\.01 s$"):
        next(found)
    assert not requests[1].mailbox._subscriptions


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="the system has no eventfd")
@pytest.mark.parametrize(
    "wait",
    [
        lambda mailbox: wait_for([mailbox], delay=0.5, timeout=None),
        lambda mailbox: list(as_completed({mailbox: "a"})),
    ],
    ids=["wait_for", "as_completed"],
)
def test_fault_119_a_wake_up_that_was_not_sent(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, wait: Callable[[Mailbox], object]
) -> None:
    """Fault 119: where Ctrl-C came to the thread that was to wake this one, it finds the outcome by itself."""
    request, sleeps = loop.request(), list[float | None]()

    def sleep(waker: EventFdWaker, seconds: float | None) -> bool:
        assert not sleeps, "it has slept before, and found nothing"
        sleeps.append(seconds)
        with monkeypatch.context() as patch:
            patch.setattr(Mailbox, "announce", lambda mailbox: None)
            request.settle()
        return False

    monkeypatch.setattr(EventFdWaker, "sleep", sleep)
    wait(request.mailbox)

    assert [("a", "end")] == loop.log
    assert [True] == [seconds is not None and seconds <= 0.5 for seconds in sleeps]


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="the system has no eventfd")
def test_a_thread_sleeps_while_another_ends_the_flight(loop: Loop) -> None:
    """A flight whose connection another thread has just given back is waited for like any request."""
    sleeps: list[float | None] = []

    class Waker(EventFdWaker):
        def sleep(self, seconds: float | None) -> bool:
            sleeps.append(seconds)
            return True

    class Flight:
        def fileno(self) -> int:
            return -1

    mailbox = loop.request().mailbox
    mailbox.flight = Flight()  # type: ignore[assignment]
    waiter = _LoneWaiter(mailbox, Waker())
    waiter.sleep(7)

    assert [7] == sleeps
