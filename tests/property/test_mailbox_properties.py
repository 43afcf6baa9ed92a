"""A mailbox against a model: whichever thread posts, cancels, waits and drains in whatever order, section 3 holds."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from urlrequest._client.callbacks import Callbacks, run_progress
from urlrequest._delivery.events import Cancel, Outcome, ProgressRun, Success
from urlrequest._delivery.lifecycle import Lifecycle
from urlrequest._delivery.mailbox import MAX_PROGRESS, Mailbox, Subscription
from urlrequest._delivery.queue import DispatchQueue


class Request(Callbacks):
    """A request without a network: the real lifecycle and the real mailbox."""

    def __init__(self, queue: DispatchQueue, *, has_callbacks: bool) -> None:
        self.lifecycle = Lifecycle()
        self.has_callbacks = has_callbacks
        self.progress: list[int] = []
        self.ends: list[Outcome] = []
        self.raises = False
        self.on_progress = lambda _, current, _total: self._note(current)
        self.mailbox = Mailbox(self, queue)

    def has_callback(self) -> bool:
        return self.has_callbacks and not self.lifecycle.is_finished

    def deliver_progress(self, run: ProgressRun, most: int, until: float | None) -> int:
        return run_progress(self, run, most, until, self.lifecycle)

    def _note(self, current: int) -> None:
        assert not self.ends, "progress after the end"
        assert not self.lifecycle.is_cancelled, "progress after a cancel"
        self.progress.append(current)
        if self.raises:
            self.raises = False
            raise ZeroDivisionError

    def deliver_outcome(self) -> None:
        self.mailbox.is_ending = True
        self._end()

    def publish_outcome(self) -> bool:
        if self.has_callback():
            return False
        self._end()
        return True

    def _end(self) -> None:
        self.ends.append(self.lifecycle.decide())
        self.lifecycle.finish()

    def cancel(self) -> bool:
        if not self.lifecycle.cancel():
            return False
        self.mailbox.post_outcome()
        return True


class MailboxMachine(RuleBasedStateMachine):
    """One request, the queue of its hook, and threads that come to wait for it."""

    subscribed = Bundle("subscribed")

    @initialize(has_callbacks=st.booleans())
    def begin(self, has_callbacks: bool) -> None:
        self.wakeups = 0
        self.home = DispatchQueue(self._wake)
        self.request = Request(self.home, has_callbacks=has_callbacks)
        self.request.lifecycle.start()
        self.posted = 0
        self.is_worker_done = self.was_cancelled_in_time = False
        self.subscriptions: list[Subscription] = []
        self.queues: dict[int, DispatchQueue] = {}

    def _wake(self) -> None:
        self.wakeups += 1

    # The worker

    @precondition(lambda self: not self.is_worker_done)
    @rule(count=st.integers(1, 700))
    def progress(self, count: int) -> None:
        self.request.mailbox.post_progress(ProgressRun(self.posted, 1, count, -1))
        self.posted += count

    @precondition(lambda self: not self.is_worker_done)
    @rule()
    def settle(self) -> None:
        self.is_worker_done = True
        if self.request.lifecycle.settle(Success(result="x")):
            self.request.mailbox.post_outcome()

    @precondition(lambda self: not self.is_worker_done)
    @rule()
    def settle_overtaken_by_a_drain(self) -> None:
        self.is_worker_done = True
        if self.request.lifecycle.settle(Success(result="x")):
            self._drain(self.home, None)
            self.request.mailbox.post_outcome()

    # Others

    @rule()
    def cancel(self) -> None:
        was_over = bool(self.request.ends)
        if self.request.cancel():
            assert not was_over
            self.was_cancelled_in_time = True

    @rule(budget=st.sampled_from([None, 0.0, 1.0]))
    def drain_home(self, budget: float | None) -> None:
        self._drain(self.home, budget)

    @rule()
    def a_callback_raises(self) -> None:
        self.request.raises = True

    def _drain(self, queue: DispatchQueue, budget: float | None) -> None:
        try:
            queue.drain(budget)
        except ZeroDivisionError:
            pass

    @rule(target=subscribed)
    def come(self) -> Subscription:
        queue = DispatchQueue(lambda: None)
        subscription = Subscription(self.request.mailbox, queue, [])
        self.request.mailbox.subscribe(subscription)
        self.queues[id(subscription)] = queue
        self.subscriptions.append(subscription)
        return subscription

    @rule(subscription=subscribed, budget=st.sampled_from([None, 0.0, 1.0]))
    def drain_subscribed(self, subscription: Subscription, budget: float | None) -> None:
        if subscription in self.subscriptions:
            self._drain(self.queues[id(subscription)], budget)

    @rule(subscription=subscribed)
    def go(self, subscription: Subscription) -> None:
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            self.request.mailbox.unsubscribe(subscription)

    # What always holds

    @invariant()
    def progress_is_in_order(self) -> None:
        progress = self.request.progress
        assert progress == sorted(set(progress))
        assert not progress or (progress[0] == 0 and progress[-1] < self.posted)

    @invariant()
    def at_most_one_end(self) -> None:
        assert len(self.request.ends) <= 1
        assert bool(self.request.ends) == self.request.mailbox.is_over

    @invariant()
    def no_more_than_the_limit(self) -> None:
        held = sum(run.count for run in self.request.mailbox._runs) + self.request.mailbox._current.count
        assert held <= MAX_PROGRESS

    @invariant()
    def a_cancel_is_kept(self) -> None:
        assert self.was_cancelled_in_time == self.request.lifecycle.is_cancelled
        for end in self.request.ends:
            assert isinstance(end, Cancel) == self.was_cancelled_in_time

    @invariant()
    def what_is_ready_is_announced(self) -> None:
        """Nothing is forgotten: some queue that will be drained has an entry of a request that has something."""
        if self.request.mailbox.is_ready:
            queues = [self.queues[id(subscription)] for subscription in self.subscriptions] or [self.home]
            assert all(queue._ready for queue in queues)
            assert self.subscriptions or self.home._is_armed.is_set()

    def teardown(self) -> None:
        """Whatever has happened, drains bring everything home in the end."""
        if not hasattr(self, "request"):
            return
        self.request.raises = False
        for subscription in self.subscriptions:
            self.request.mailbox.unsubscribe(subscription)
        if not self.is_worker_done:
            self.settle()
        while self.home.drain():
            pass
        events: list[Any] = self.request.progress
        assert len(self.request.ends) == 1
        if not self.was_cancelled_in_time and self.posted:
            assert (0, self.posted - 1) == (events[0], events[-1])
            assert self.posted > MAX_PROGRESS or events == list(range(self.posted))


MailboxMachine.TestCase.settings = settings(max_examples=settings().max_examples * 3 // 2, stateful_step_count=40)
TestMailbox = MailboxMachine.TestCase
