from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._client.callbacks import Callbacks, run_progress
from urlrequest._delivery.events import ProgressRun, Success
from urlrequest._delivery.lifecycle import Lifecycle
from urlrequest._delivery.mailbox import MAX_PROGRESS, Mailbox, Subscription
from urlrequest._delivery.queue import MAX_BATCH, DispatchQueue

if TYPE_CHECKING:
    from collections.abc import Callable


class Receiver(Callbacks):
    mailbox: Mailbox

    """Stands for a request: notes what is delivered, and does what a test wants meanwhile."""

    def __init__(self, *, callbacks: bool = True) -> None:
        self.on_progress = lambda _, current, _total: self._note(current)
        self.lifecycle = Lifecycle()
        self.callbacks = callbacks
        self.delivered: list[Any] = []
        self.during: Callable[[Any], object] = lambda event: None

    def has_callback(self) -> bool:
        return self.callbacks

    def _note(self, event: Any) -> None:
        self.delivered.append(event)
        self.during(event)

    def deliver_progress(self, run: ProgressRun, most: int, until: float | None) -> int:
        return run_progress(self, run, most, until, self.lifecycle)

    def deliver_chunk(self, chunk: bytes) -> None:
        self._note(chunk)

    def deliver_outcome(self) -> None:
        self.mailbox.is_ending = True
        self.delivered.append("end")
        self.during("end")

    def publish_outcome(self) -> bool:
        if self.callbacks:
            return False
        self.delivered.append("published")
        self.during("published")
        return True


class Desk:
    """A receiver, its mailbox, and the queue of its hook."""

    def __init__(self, *, callbacks: bool = True) -> None:
        self.wakeups = 0
        self.queue = DispatchQueue(self._count)
        self.receiver = Receiver(callbacks=callbacks)
        self.mailbox = self.receiver.mailbox = Mailbox(self.receiver, self.queue)
        self.ended: list[Mailbox] = []

    def _count(self) -> None:
        self.wakeups += 1

    def progress(self, first: int, count: int = 1, step: int = 1) -> None:
        self.mailbox.post_progress(ProgressRun(first, step, count, 99))

    def settle(self) -> None:
        self.receiver.lifecycle.is_settled = True
        self.mailbox.post_outcome()

    def cancel(self) -> None:
        self.receiver.lifecycle.cancel()
        self.settle()

    def subscribe(self) -> tuple[DispatchQueue, Subscription]:
        """What a waiting thread makes: a queue of its own, and a subscription in it."""
        queue = DispatchQueue(lambda: None)
        subscription = Subscription(self.mailbox, queue, self.ended)
        self.mailbox.subscribe(subscription)
        return queue, subscription

    @property
    def delivered(self) -> list[Any]:
        return self.receiver.delivered


def elsewhere(work: Callable[[], object]) -> Any:
    """What a function returns on another thread."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it hangs"
    return results[0]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def silent() -> Desk:
    return Desk(callbacks=False)


# Order


def test_3_1_order(desk: Desk) -> None:
    """Contract 3.1: progress in order, then the outcome, then nothing."""
    desk.progress(0)
    desk.progress(8, 3, 8)
    desk.settle()
    desk.queue.drain()

    assert [0, 8, 16, 24, "end"] == desk.delivered
    assert desk.mailbox.is_over
    assert not desk.mailbox.is_ready
    assert not desk.queue.drain()
    assert [0, 8, 16, 24, "end"] == desk.delivered


def test_7_3_nothing_but_the_end_follows_a_cancel(desk: Desk) -> None:
    """Contract 7.3: undelivered progress is dropped by a cancel, the rest of a run that has begun too."""
    desk.progress(0, 5)
    desk.progress(5, 5)
    desk.receiver.during = lambda event: event == 2 and desk.cancel()
    desk.queue.drain()

    assert [0, 1, 2, "end"] == desk.delivered


def test_7_3_progress_that_comes_after_a_cancel(desk: Desk) -> None:
    """Contract 7.3: what a worker posts before it has noticed the cancel is dropped."""
    desk.cancel()
    desk.progress(0, 5)
    desk.queue.drain()

    assert ["end"] == desk.delivered


def test_3_1_nothing_after_the_end(desk: Desk) -> None:
    """Contract 3.1: progress that comes after the outcome was delivered stays where it is."""
    desk.settle()
    desk.queue.drain()
    desk.progress(0)
    desk.settle()

    assert not desk.queue.drain()
    assert ["end"] == desk.delivered


# Finishing with nobody to be told


def test_3_4_finishes_when_it_settles(silent: Desk) -> None:
    """Contract 3.4: without a callback the thread that settles the request finishes it; no wake-up is needed."""
    silent.settle()

    assert (["published"], True, 0) == (silent.delivered, silent.mailbox.is_over, silent.wakeups)


def test_3_4_progress_is_delivered_first(silent: Desk) -> None:
    """Contract 3.4: while progress is undelivered, the outcome waits behind it, callback or not."""
    silent.progress(0)
    silent.settle()
    assert [] == silent.delivered

    silent.queue.drain()
    assert [0, "end"] == silent.delivered


def test_3_4_a_cancel_drops_progress_and_finishes(silent: Desk) -> None:
    """Contract 3.4: a cancel without a callback finishes the request, whatever was undelivered."""
    silent.progress(0)
    silent.cancel()

    assert ["published"] == silent.delivered
    assert not silent.queue.drain()
    assert ["published"] == silent.delivered


def test_7_3_a_cancel_overtakes_who_comes_to_deliver(silent: Desk) -> None:
    """Contract 3.1, 7.3: a cancel that finishes the request just before a thread takes the turn leaves it nothing."""
    silent.progress(0)
    lock = threading.Lock()

    class Overtaken:
        def acquire(self, blocking: bool) -> bool:
            silent.mailbox._turn = lock
            elsewhere(silent.cancel)
            return lock.acquire(blocking=blocking)

    turn: Any = Overtaken()
    silent.mailbox._turn = turn

    assert not silent.queue.drain()
    assert ["published"] == silent.delivered


def test_3_1_an_outcome_that_was_delivered_is_not_published_again(desk: Desk) -> None:
    """Contract 3.1: a thread that progress had woken may deliver the outcome before its worker comes to post it."""
    desk.receiver.lifecycle.is_settled = True
    desk.progress(0)
    desk.queue.drain()
    desk.receiver.callbacks = False  # they are let go of, having run
    desk.mailbox.post_outcome()

    assert [0, "end"] == desk.delivered


def test_3_1_both_who_settle_may_post(silent: Desk) -> None:
    """Contract 3.1: the worker and a canceller may both come to post the end; it is published once."""
    silent.settle()
    silent.cancel()

    assert ["published"] == silent.delivered


def test_3_4_a_callback_that_comes_in_between(silent: Desk) -> None:
    """Contract 3.4: where there is a callback after all when it is to be published, it waits for its delivery."""
    silent.receiver.publish_outcome = lambda: False  # type: ignore[method-assign]  # as when on_cancel is there
    silent.settle()
    assert ([], 1) == (silent.delivered, silent.wakeups)

    silent.queue.drain()
    assert ["end"] == silent.delivered


def test_3_4_publishing_while_somebody_delivers(silent: Desk) -> None:
    """MAILBOX-1: while another thread has the turn, nothing is published; that thread does it."""
    silent.progress(0)
    silent.receiver.during = lambda event: elsewhere(silent.cancel) if event == 0 else None

    assert silent.queue.drain()
    assert not silent.queue.drain()
    assert [0, "end"] == silent.delivered


# MAILBOX-1


def test_mailbox_1_one_thread_delivers(desk: Desk) -> None:
    """MAILBOX-1: a thread that comes while another one runs a callback leaves at once; no event is lost."""
    desk.progress(0, 2)
    desk.settle()
    served: list[int] = []
    desk.receiver.during = lambda event: served.append(elsewhere(lambda: desk.mailbox.deliver(9, None)))
    desk.queue.drain()

    assert [0, 1, "end"] == desk.delivered
    assert [0, 0, 0] == served


def test_mailbox_1_the_holder_looks_again(desk: Desk) -> None:
    """MAILBOX-1: an event that is posted while the holder is about to give the turn back has its wake-up."""
    desk.progress(0)

    class Overtaken:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def acquire(self, blocking: bool) -> bool:
            return self.lock.acquire(blocking=blocking)

        def release(self) -> None:
            desk.settle()  # the worker, in the very last moment
            elsewhere(desk.queue.drain)  # and a thread that comes for it, and finds the turn taken
            self.lock.release()

    turn: Any = Overtaken()
    desk.mailbox._turn = turn
    desk.mailbox.deliver(9, None)
    assert [0] == desk.delivered

    desk.mailbox._turn = threading.Lock()
    assert desk.queue.has_pending
    desk.queue.drain()
    assert [0, "end"] == desk.delivered


def test_mailbox_1_a_callback_that_raises_gives_the_turn_back(desk: Desk) -> None:
    """Contract 3.6, MAILBOX-1: an exception goes to the thread that drains; later events stay, with a wake-up."""
    desk.progress(0, 3)
    desk.settle()
    desk.receiver.during = lambda event: 1 / 0 if event in {1, "end"} else None

    for expected in ([0, 1], [0, 1, 2, "end"]):
        with pytest.raises(ZeroDivisionError):
            desk.queue.drain()
        assert expected == desk.delivered
    assert desk.mailbox.is_over
    assert not desk.queue.drain()


def test_mailbox_1_delivering_within_a_callback_is_for_subscribers(desk: Desk) -> None:
    """MAILBOX-1: within a callback of the same request a drain delivers nothing, a subscription the rest in order."""
    desk.progress(0, 4)
    desk.settle()
    queue, subscription = desk.subscribe()

    def nested(event: Any) -> None:
        if event == 1:
            assert 0 == desk.mailbox.deliver(9, None)
            assert 2 == desk.mailbox.deliver(2, None, subscription)
            assert [0, 1, 2, 3] == desk.delivered

    desk.receiver.during = nested
    queue.drain()

    assert [0, 1, 2, 3, "end"] == desk.delivered


def test_6_3_a_wait_within_progress_takes_all(desk: Desk) -> None:
    """Contract 6.3: a wait within on_progress delivers all the rest; the drain outside finds nothing left."""
    desk.progress(0, 3)
    desk.progress(3)
    desk.settle()
    queue, subscription = desk.subscribe()
    desk.receiver.during = lambda event: event == 0 and [desk.mailbox.deliver(9, None, subscription) for _ in range(3)]
    queue.drain()

    assert [0, 1, 2, 3, "end"] == desk.delivered


def test_6_3_end_within_the_terminal_callback(desk: Desk) -> None:
    """Contract 6.3: within the terminal callback its own thread need not wait, others do until it has ended."""
    desk.settle()
    ends: list[bool] = []

    def look(event: Any) -> None:
        ends.append(desk.mailbox.ends_for(threading.get_ident()))
        ends.append(elsewhere(lambda: desk.mailbox.ends_for(threading.get_ident())))

    desk.receiver.during = look
    assert not desk.mailbox.ends_for(threading.get_ident())
    desk.queue.drain()

    assert [True, False] == ends
    assert elsewhere(lambda: desk.mailbox.ends_for(threading.get_ident()))


# QUEUE-1


def test_queue_1_an_entry_is_queued_once(desk: Desk) -> None:
    """QUEUE-1: however many events are announced, the entry is in its queue once, and the wake-up is called once."""
    for number in range(10):
        desk.progress(number)

    assert (1, 1) == (len(desk.queue._ready), desk.wakeups)


def test_queue_1_an_event_during_the_last_look(desk: Desk) -> None:
    """QUEUE-1: an event that comes while its mailbox is being looked at puts the entry back into the queue."""
    desk.progress(0)
    desk.receiver.during = lambda event: desk.settle() if event == 0 else None
    assert desk.queue.drain(0)

    assert [desk.mailbox] == list(desk.queue._ready)
    desk.queue.drain()
    assert [0, "end"] == desk.delivered


def test_queue_1_the_lock_is_free_before_the_look(desk: Desk) -> None:
    """QUEUE-1: the mailbox is looked at with the lock free, so that an event behind the look is announced."""
    seen: list[bool] = []
    desk.progress(0)
    desk.receiver.during = lambda event: seen.append(desk.mailbox._queued.locked())
    desk.queue.drain()

    assert [False] == seen


# MAILBOX-2


def test_mailbox_2_only_subscribers_deliver(desk: Desk) -> None:
    """MAILBOX-2, contract 6.3: while a thread waits, the hook's thread delivers nothing, even what it was woken for."""
    desk.progress(0)
    queue, subscription = desk.subscribe()
    desk.queue.drain()
    assert [] == desk.delivered

    desk.settle()
    queue.drain()
    assert [0, "end"] == desk.delivered
    desk.mailbox.unsubscribe(subscription)


def test_mailbox_2_what_is_left_goes_to_the_hook(desk: Desk) -> None:
    """MAILBOX-2: when the last subscription ends with events undelivered, they are announced to the hook."""
    _, subscription = desk.subscribe()
    desk.progress(0)
    assert 0 == desk.wakeups

    desk.mailbox.unsubscribe(subscription)
    assert 1 == desk.wakeups
    desk.queue.drain()
    assert [0] == desk.delivered


def test_mailbox_2_what_is_left_goes_to_the_next_subscriber(desk: Desk) -> None:
    """MAILBOX-2: when one of two subscriptions ends, the other is woken for what is undelivered."""
    queue, subscription = desk.subscribe()
    other_queue, other = desk.subscribe()
    desk.progress(0)
    other_queue.drain()
    desk.settle()
    desk.mailbox.unsubscribe(other)
    queue.drain()

    assert [0, "end"] == desk.delivered
    desk.mailbox.unsubscribe(subscription)
    assert 0 == desk.wakeups


def test_6_3_every_subscriber_is_woken_for_the_end(desk: Desk) -> None:
    """Contract 6.3: all threads that wait are woken for the end, whichever delivered it."""
    subscribers = [desk.subscribe() for _ in range(3)]
    for queue, _ in subscribers:
        queue.drain()
    desk.settle()
    subscribers[0][0].drain()

    assert [True, True] == [queue.has_pending for queue, _ in subscribers[1:]]
    assert all(desk.mailbox.ends_for(number) for number in range(3))


def test_mailbox_2_subscribers_are_woken_for_an_end_that_was_published(silent: Desk) -> None:
    """MAILBOX-2: a request that finishes without a callback wakes the threads that wait for it."""
    queue, _ = silent.subscribe()
    queue.drain()
    silent.settle()

    assert queue.has_pending
    assert ["published"] == silent.delivered


# MAILBOX-3


def test_5_4_the_limit_holds_while_a_run_is_delivered(desk: Desk) -> None:
    """Contract 5.4, MAILBOX-3: of a run that is being delivered, what is left counts."""
    pending: list[int] = []

    def post_more(event: Any) -> None:
        if event == 9:
            desk.progress(MAX_PROGRESS, 20)
            pending.append(desk.mailbox.pending_count)

    desk.receiver.during = post_more
    desk.progress(0, MAX_PROGRESS)
    desk.queue.drain()
    desk.mailbox.deliver_all()

    assert [MAX_PROGRESS] == pending
    newest = MAX_PROGRESS + 19
    assert [*range(MAX_PROGRESS + 9), newest] == desk.delivered


def test_5_4_limit(desk: Desk) -> None:
    """Contract 5.4, MAILBOX-3: 1,024 undelivered events are kept, first and final too; the newest replaces the last."""
    for number in range(3000):
        desk.progress(number)
    assert MAX_PROGRESS == 1024 == desk.mailbox.pending_count
    desk.settle()
    desk.queue.drain()

    assert [*range(1023), 2999, "end"] == desk.delivered


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 1023, 1024, 1025, 5000])
def test_5_4_limit_with_runs(desk: Desk, size: int) -> None:
    """Contract 5.4: the limit holds for runs of any length, and the events stay in order."""
    for first in range(0, 6000, size):
        desk.progress(first, size)
        assert desk.mailbox.pending_count <= MAX_PROGRESS
        assert desk.mailbox.pending_count == sum(run.count for run in desk.mailbox._runs)
    final = (6000 + size - 1) // size * size - 1
    desk.settle()
    desk.queue.drain()

    assert [*range(1023), final, "end"] == desk.delivered


@pytest.mark.parametrize("room", [0, 1, 2, 3])
def test_5_4_a_run_that_does_not_fit(desk: Desk, room: int) -> None:
    """Contract 5.4: of a run that is too long the beginning is kept as far as there is room, and its last event."""
    desk.progress(0, MAX_PROGRESS - room)
    desk.progress(5000, 10)
    desk.queue.drain()

    kept = MAX_PROGRESS - room
    middle = [5000] if room == 2 else [5000, 5001] if room == 3 else []
    assert [*range(kept if room else kept - 1), *middle, 5009] == desk.delivered


def test_5_4_room_again_after_delivery(desk: Desk) -> None:
    """Contract 5.4: what was delivered makes room, event by event."""
    desk.progress(0, MAX_PROGRESS)
    desk.mailbox.deliver(2, None)
    desk.progress(5000, 5)

    assert desk.mailbox.pending_count == MAX_PROGRESS
    desk.queue.drain()
    assert [*range(1024), 5000, 5004] == desk.delivered


def test_5_4_newest_is_taken_in_the_same_moment(desk: Desk) -> None:
    """MAILBOX-3: where the dispatch thread takes the newest event while it is being replaced, both are delivered."""
    desk.progress(0, MAX_PROGRESS)
    desk.mailbox._current = desk.mailbox._runs.pop(0)  # as the dispatch thread does before it delivers
    desk.progress(5000)
    desk.queue.drain()

    assert [*range(1024), 5000] == desk.delivered


# Batches


def test_8_5_at_most_a_batch(desk: Desk) -> None:
    """Contract 8.5: no more than the asked-for number of events is delivered in one go."""
    desk.progress(0, 2 * MAX_BATCH)

    assert MAX_BATCH == desk.mailbox.deliver(MAX_BATCH, None)
    assert list(range(MAX_BATCH)) == desk.delivered
    assert desk.queue.has_pending


def test_8_5_time_is_up_after_one(desk: Desk) -> None:
    """Contract 8.5: with no time left, one event is delivered all the same."""
    desk.progress(0, 5)

    assert 1 == desk.mailbox.deliver(MAX_BATCH, 0.0)
    assert [0] == desk.delivered


def test_deliver_all(desk: Desk) -> None:
    """All that is pending can be delivered here and now, whatever the queue."""
    desk.progress(0, 3 * MAX_BATCH)
    desk.settle()
    desk.mailbox.deliver_all()

    assert [*range(3 * MAX_BATCH), "end"] == desk.delivered
    desk.mailbox.deliver_all()
    assert 3 * MAX_BATCH + 1 == len(desk.delivered)


# Chunks of the body


def test_17_2_chunks_come_in_order(desk: Desk) -> None:
    """Contract 17.2, 3.1: chunks and progress are delivered as they were posted, before the outcome."""
    desk.progress(0)
    desk.mailbox.post_chunk(b"ab")
    desk.progress(2)
    desk.mailbox.post_chunk(b"c")
    desk.settle()
    assert 5 == desk.mailbox.pending_count
    desk.queue.drain()

    assert [0, b"ab", 2, b"c", "end"] == desk.delivered


def test_17_2_at_most_1_mib_waits(desk: Desk) -> None:
    """Contract 17.2: there is room for 1 MiB of undelivered chunks, or for one chunk of any size."""
    assert desk.mailbox.has_room(10**9)
    desk.mailbox.post_chunk(bytes(2**20 - 1))
    assert desk.mailbox.has_room(1)
    assert not desk.mailbox.has_room(2)
    desk.mailbox.post_chunk(b"x")
    assert not desk.mailbox.has_room(1)

    desk.mailbox.announce_chunks()
    desk.queue.drain()
    assert desk.mailbox.has_room(2**20)


def test_one_wake_up_for_a_chunk_and_its_progress(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk wakes nobody by itself: the progress that follows does, or `announce_chunks()` where none follows."""
    announced: list[int] = []
    monkeypatch.setattr(Mailbox, "announce", lambda mailbox: announced.append(len(mailbox._runs)))
    desk.mailbox.post_chunk(b"a")
    assert [] == announced
    desk.progress(1)
    desk.mailbox.announce_chunks()
    assert [2] == announced
    desk.mailbox.post_chunk(b"b")
    desk.mailbox.announce_chunks()
    desk.mailbox.announce_chunks()

    assert [2, 3] == announced


def test_17_2_small_chunks_have_a_limit_too(desk: Desk) -> None:
    """Contract 17.2, MAILBOX-3: chunks of a byte each do not pile up in their thousands."""
    posted = 0
    while desk.mailbox.has_room(1):
        desk.mailbox.post_chunk(b"x")
        posted += 1

    assert posted <= MAX_PROGRESS


def test_17_2_a_cancel_drops_chunks(desk: Desk) -> None:
    """Contract 7.3, 17.2: undelivered chunks are dropped by a cancel."""
    desk.mailbox.post_chunk(b"x")
    desk.cancel()
    desk.queue.drain()

    assert ["end"] == desk.delivered


def test_17_2_chunks_are_never_replaced(desk: Desk) -> None:
    """Contract 17.2, 5.4: progress beyond its limit replaces progress, never a chunk of the body."""
    desk.progress(0, MAX_PROGRESS)
    desk.mailbox.post_chunk(b"x")
    desk.progress(5000)
    desk.queue.drain()

    assert b"x" in desk.delivered
    assert 5000 == desk.delivered[-1]


def test_17_2_time_is_up_after_a_chunk(desk: Desk) -> None:
    """Contract 8.5: a drain whose time is up stops after a chunk."""
    desk.mailbox.post_chunk(b"a")
    desk.mailbox.post_chunk(b"b")
    desk.mailbox.announce_chunks()

    assert desk.queue.drain(0)
    assert [b"a"] == desk.delivered


def test_6_3_a_subscriber_gets_the_mailbox_at_the_end(desk: Desk) -> None:
    """Contract 6.3: a waiting thread learns which of its requests are over, whichever thread delivered the end."""
    queue, _ = desk.subscribe()
    other_queue, _ = desk.subscribe()
    desk.progress(0)
    queue.drain()
    assert [] == desk.ended
    desk.settle()
    queue.drain()
    assert [desk.mailbox] == desk.ended

    other_queue.drain()
    assert [desk.mailbox] * 2 == desk.ended


def test_6_2_a_subscription_that_had_not_begun(desk: Desk) -> None:
    """Contract 6.2: Ctrl-C may come between the making of a subscription and its beginning; it can be ended."""
    desk.mailbox.unsubscribe(Subscription(desk.mailbox, DispatchQueue(lambda: None), desk.ended))
    desk.settle()
    desk.queue.drain()

    assert ["end"] == desk.delivered


def test_fault_116_a_mailbox_in_a_forked_child() -> None:
    """Fault 116: what other threads had of it is gone; the thread that lives on delivers the new outcome, once."""
    desk = Desk()
    home = DispatchQueue(lambda: None)
    mine, others = DispatchQueue(lambda: None), DispatchQueue(lambda: None)
    kept = Subscription(desk.mailbox, mine, desk.ended)
    lost = Subscription(desk.mailbox, others, [])
    lost.thread = 0
    desk.mailbox.enqueue()  # so the queue of its hook has it
    desk.mailbox.subscribe(lost)
    desk.mailbox.subscribe(kept)
    assert desk.mailbox._turn.acquire(blocking=False)  # another thread delivers
    assert kept._queued.acquire(blocking=False)  # and another one puts this in
    desk.mailbox.post_progress(ProgressRun(0, 1, 5, 5))
    desk.mailbox.reset_after_fork(threading.get_ident(), home)
    desk.receiver.lifecycle.settle(Success())
    desk.mailbox.announce()

    assert not desk.queue.drain()
    assert not home.drain()
    assert not mine.drain()
    assert (["end"], [desk.mailbox]) == (desk.receiver.delivered, desk.ended)
