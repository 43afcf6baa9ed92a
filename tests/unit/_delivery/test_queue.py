from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from support.deliveries import Loop, Request
from support.waiting import is_collected
from urlrequest._concurrency.sync import AtomicFlag
from urlrequest._delivery.queue import MAX_BATCH, DefaultQueue, DispatchQueue, _detected, drain_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def loop() -> Loop:
    return Loop()


# QUEUE-2


def test_queue_2_one_wake_up_per_edge(loop: Loop) -> None:
    """QUEUE-2: the wake-up is called when the queue gets something to do, not for every event, and after a drain."""
    requests = [loop.request(str(number)) for number in range(5)]
    for request in requests:
        request.progress(3)
    assert 1 == loop.wakeups

    for _ in range(loop.wakeups + 1):  # a drain for every wake-up; one is called while callbacks run (see below)
        loop.queue.drain()
    before = loop.wakeups
    requests[0].settle()
    requests[1].settle()
    assert before + 1 == loop.wakeups


def test_queue_2_a_drain_that_stops_wakes_again(loop: Loop) -> None:
    """QUEUE-2: a drain that stops with work left has called the wake-up, exactly once."""
    loop.request().progress(3)

    assert loop.queue.drain(0)
    assert (2, [("a", 0)]) == (loop.wakeups, loop.log)
    assert loop.queue.drain(0)
    assert 3 == loop.wakeups
    assert not loop.queue.drain(0)
    assert 3 == loop.wakeups


def test_queue_2_a_callback_that_raises_wakes_again(loop: Loop) -> None:
    """QUEUE-2, contract 3.6: after an exception the wake-up is on its way for what is left."""
    request = loop.request()
    request.progress(3)
    request.during = lambda event: 1 / 0

    with pytest.raises(ZeroDivisionError):
        loop.queue.drain()
    assert 2 == loop.wakeups
    request.during = lambda event: None
    assert not loop.queue.drain()
    assert [("a", 0), ("a", 1), ("a", 2)] == loop.log


@pytest.mark.parametrize("has_first", [False, True])
def test_queue_2_push_while_the_drain_looks_for_the_last_time(loop: Loop, has_first: bool) -> None:
    """QUEUE-2: an event that comes just after the drain saw an empty queue has a wake-up."""
    first, second = loop.request("a"), loop.request("b")

    class Overtaken(type(loop.queue._ready)):  # type: ignore[misc]
        is_overtaken = False

        def __len__(self) -> int:
            length: int = super().__len__()
            if not length:
                self._overtake()
            return length

        def __bool__(self) -> bool:  # Python 3.10 asks the original for its length
            return len(self) > 0

        def popleft(self) -> Any:
            try:
                return super().popleft()
            except IndexError:
                self._overtake()
                raise

        def _overtake(self) -> None:
            if not self.is_overtaken:
                self.is_overtaken = True
                second.progress()

    loop.queue._ready = Overtaken()
    if has_first:
        first.progress()
    loop.queue.drain(1)
    assert 1 + has_first == loop.wakeups
    loop.queue.drain()
    assert [("a", 0)] * has_first + [("b", 0)] == loop.log


def test_queue_2_push_while_the_drain_begins(loop: Loop) -> None:
    """QUEUE-2: an event that comes while the drain goes idle is seen by it, or has a wake-up of its own."""
    request = loop.request()
    request.progress()

    class Overtaken(AtomicFlag):
        __slots__ = ()

        def clear(self) -> None:
            request.settle()
            super().clear()

    flag, loop.queue._is_armed = loop.queue._is_armed, Overtaken()
    loop.queue._is_armed.test_and_set()
    loop.queue.drain(1)
    loop.queue._is_armed = flag

    assert [("a", 0), ("a", "end")] == loop.log


def test_queue_2_a_callback_with_a_loop_of_its_own(loop: Loop) -> None:
    """QUEUE-2: while a callback runs a modal dialog, a wake-up is on its way for the other requests that were ready."""
    first, second = loop.request("a"), loop.request("b")
    first.settle()
    second.settle()
    seen: list[int] = []

    def dialog(event: Any) -> None:
        seen.append(loop.wakeups)
        loop.queue.drain(0.008)  # what the dialog's loop does when it is woken

    first.during = dialog
    loop.queue.drain(0.008)

    assert [2] == seen
    assert [("a", "end"), ("b", "end")] == loop.log


def test_queue_2_a_callback_may_post_and_drain(loop: Loop) -> None:
    """A callback that makes a request and drains delivers it, without recursion into its own request."""
    first, second = loop.request("a"), loop.request("b")

    def nested(event: Any) -> None:
        second.settle()
        loop.queue.drain()
        loop.log.append("out")

    first.during = nested
    first.settle()
    loop.queue.drain()

    assert [("a", "end"), ("b", "end"), "out"] == loop.log


# Fairness and budget


def test_8_5_fair_between_requests(loop: Loop) -> None:
    """Contract 8.5: after a batch of one request the next has its turn, in order of arrival."""
    many, few = loop.request("many"), loop.request("few")
    many.progress(2 * MAX_BATCH + 1)
    few.progress(1)
    while loop.queue.drain(10):
        pass

    names = [name for name, _ in loop.log]
    assert [*["many"] * MAX_BATCH, "few", *["many"] * (MAX_BATCH + 1)] == names


def test_8_5_budget(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.5: a drain stops when its time is up, after whole events, and says that more is pending."""
    now = 100.0
    monkeypatch.setattr("urlrequest._delivery.queue.monotonic", lambda: now)
    monkeypatch.setattr("urlrequest._client.callbacks.monotonic", lambda: now)
    request = loop.request()
    request.progress(100)

    def slow(event: Any) -> None:
        nonlocal now
        now += 0.003

    request.during = slow
    assert loop.queue.drain(0.008)
    assert 3 == len(loop.log)


def test_8_5_budget_holds_over_requests(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.5: the time is that of the whole drain, however many requests have something."""
    now = 100.0
    monkeypatch.setattr("urlrequest._delivery.queue.monotonic", lambda: now)
    monkeypatch.setattr("urlrequest._client.callbacks.monotonic", lambda: now)

    def slow(event: Any) -> None:
        nonlocal now
        now += 0.003

    for number in range(10):
        request = loop.request(str(number))
        request.during = slow
        request.settle()

    assert loop.queue.drain(0.008)
    assert [(str(number), "end") for number in range(3)] == loop.log


def test_8_3_without_a_budget_all_that_is_pending_now(loop: Loop) -> None:
    """Contract 8.3: None delivers what is pending, and not for ever what callbacks cause."""
    request = loop.request()
    request.progress(3)
    request.during = lambda event: request.progress()

    assert loop.queue.drain()
    assert 3 == len(loop.log)


def test_8_3_an_entry_with_nothing_to_deliver_is_left_behind(loop: Loop) -> None:
    """Contract 8.3: where another thread delivered the events meanwhile, nothing is pending after a drain."""
    request = loop.request()
    request.progress()
    request.mailbox.deliver_all()

    assert not loop.queue.drain()
    assert not loop.queue.drain()


def test_drain_of_an_empty_queue(loop: Loop) -> None:
    """Nothing to do is nothing to wake up for."""
    assert not loop.queue.drain()
    assert not loop.queue.drain(0)
    assert (0, False) == (loop.wakeups, loop.queue.has_pending)


# Queues whose loop is gone


def test_8_6_a_successor_gets_all(loop: Loop) -> None:
    """Contract 8.6: what waits in a queue whose loop is gone, and all that comes later, is in the successor's."""
    successor = Loop()
    first, second = loop.request("a"), loop.request("b")
    first.progress()
    loop.queue.forward_to(successor.queue)
    second.settle()
    first.settle()

    assert 1 == successor.wakeups
    assert not loop.queue.drain()
    successor.queue.drain()
    assert [("a", 0), ("b", "end"), ("a", "end")] == loop.log


def test_8_6_an_event_comes_while_a_queue_is_forwarded(loop: Loop) -> None:
    """Contract 8.6: an event that comes at the moment of forwarding is not left in the dead queue."""
    successor = Loop()

    class Overtaken(type(loop.queue._ready)):  # type: ignore[misc]
        def append(self, entry: Any) -> None:
            loop.queue.forward_to(successor.queue)  # between the look at the successor, if any, and this line
            super().append(entry)

    loop.queue._ready = Overtaken()
    loop.request().settle()
    successor.queue.drain()

    assert [("a", "end")] == loop.log


def test_reset_after_fork(loop: Loop) -> None:
    """After a fork a queue is as new, whatever state it was in."""
    loop.request().settle()
    loop.queue.reset_after_fork()
    assert not loop.queue.has_pending

    loop.request("b").settle()
    loop.queue.drain()
    assert (2, [("b", "end")]) == (loop.wakeups, loop.log)


# Queues of loops that were detected


def test_8_3_the_thread_of_a_loop_serves_its_queue(loop: Loop) -> None:
    """Contract 8.3: `drain()` serves a queue on the thread that was named, on no other one, and default_queue first."""
    loop.request().progress(2)
    loop.queue.serve_on(threading.get_ident() + 1)
    assert not drain_thread()
    assert [] == loop.log

    loop.queue.thread = threading.get_ident()
    assert drain_thread(0.0)
    assert not drain_thread(0.0)
    assert [("a", 0), ("a", 1)] == loop.log


def test_8_3_wake_ups_do_not_pile_up(loop: Loop) -> None:
    """Contract 8.3: a loop that stands still gets one wake-up, however often its queue is served meanwhile."""
    loop.queue.serve_on(threading.get_ident())
    request = loop.request()
    for _ in range(5):
        request.progress(2)
        drain_thread(0.0)
        drain_thread(0.0)

    assert (10, 1) == (len(loop.log), loop.wakeups)
    loop.queue.drain()  # the loop goes on
    request.progress(1)
    assert 2 == loop.wakeups


def test_a_queue_keeps_no_interest_list(loop: Loop) -> None:
    """A request that the program keeps has its queue, and must not keep a descriptor open that the loop has left."""
    interest = Interest(lambda: None)
    loop.queue.interest_list = interest  # type: ignore[assignment]  # as much of one as is needed
    assert loop.queue.interest_list is interest
    del interest
    assert loop.queue.interest_list is None


class Interest:
    """An interest list that, when it is read, does something else."""

    def __init__(self, read: Callable[[], object]) -> None:
        self.read = read


def test_queue_2_what_a_drain_reads_needs_no_wake_up(loop: Loop) -> None:
    """QUEUE-2: it is delivered at once, by the thread that has read it; the next event sends a wake-up again."""
    request, another = loop.request("a"), loop.request("b")
    interest = Interest(request.settle)
    loop.queue.interest_list = interest  # type: ignore[assignment]  # as much of one as is needed
    loop.queue.drain()
    assert (0, [("a", "end")]) == (loop.wakeups, loop.log)
    loop.queue.interest_list = None
    another.settle()

    assert 1 == loop.wakeups


def test_queue_2_ctrl_c_while_a_drain_reads(loop: Loop) -> None:
    """QUEUE-2: what was read before Ctrl-C is delivered by the next drain, for which a wake-up has been sent."""
    request, another = loop.request("a"), loop.request("b")

    def read() -> None:
        request.settle()
        raise KeyboardInterrupt

    interest = Interest(read)
    loop.queue.interest_list = interest  # type: ignore[assignment]  # as above
    with pytest.raises(KeyboardInterrupt):
        loop.queue.drain()
    assert (1, []) == (loop.wakeups, loop.log)
    loop.queue.interest_list = None
    loop.queue.drain()
    another.settle()

    assert (2, [("a", "end")]) == (loop.wakeups, loop.log)


def test_8_3_a_served_queue_is_not_kept() -> None:
    """Contract 8.3: naming its thread keeps no queue alive."""
    queue = DispatchQueue(lambda: None)
    queue.serve_on(threading.get_ident())
    found = weakref.ref(queue)
    del queue

    assert is_collected(found)
    assert all(find() is not None for find in _detected)


class Shared(deque[Any]):
    """A deque that another thread changes while it is iterated over for the first time."""

    is_changed = False

    def __iter__(self) -> Iterator[Any]:
        if not self.is_changed:
            self.is_changed = True
            raise RuntimeError("deque mutated during iteration")
        return super().__iter__()


@pytest.mark.parametrize(
    "look",
    [lambda queue: queue.has_requests, lambda queue: queue.give_away(lambda _: None), lambda queue: queue.drain()],
    ids=["has_requests", "give_away", "drain"],
)
def test_a_queue_that_grows_is_looked_through(look: Any) -> None:
    """Without the GIL, another thread adds to a queue while one looks through it; it begins anew."""
    queue, log = DefaultQueue(), []
    request = Request("a", queue, log)
    request.settle()
    queue._ready = Shared(queue._ready)
    look(queue)
    queue.drain()

    assert [("a", "end")] == log
