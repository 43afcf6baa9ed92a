from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._concurrency import wakeup
from urlrequest._concurrency.deadline import Deadline
from urlrequest._net import cancel_scope
from urlrequest._net.cancel_scope import READ, WRITE, CancelScope
from urlrequest.errors import DeadlineExceeded, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

WAKERS = [wakeup.SocketPairWaker, *([wakeup.EventFdWaker] if hasattr(os, "eventfd") else [])]
POLLS = [
    cancel_scope._poll_with_select,
    *([cancel_scope._poll_with_poll] if cancel_scope._poll is not cancel_scope._poll_with_select else []),
]
PATIENCE = 30.0  # seconds; only a failing test waits that long


@pytest.fixture(params=WAKERS, autouse=True)
def _each_waker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test runs with each kind of waker, and with none to spare."""
    spare, kept = wakeup._spare, list(wakeup._spare)
    spare.clear()
    monkeypatch.setattr(wakeup, "new_waker", request.param)
    yield
    spare.clear()
    spare.extend(kept)


@pytest.fixture(params=POLLS, autouse=True)
def _poll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with each way to poll."""
    monkeypatch.setattr(cancel_scope, "_poll", request.param)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a worker is about to sleep in the system."""
    about_to_sleep = threading.Event()
    poll = cancel_scope._poll

    def announced(*arguments: Any) -> Any:
        about_to_sleep.set()
        return poll(*arguments)

    monkeypatch.setattr(cancel_scope, "_poll", announced)
    return about_to_sleep


class Sleeper(threading.Thread):
    """Waits on a scope, and keeps what came of it."""

    def __init__(self, scope: CancelScope, interest: dict[int, int] | None = None) -> None:
        super().__init__(daemon=True)
        self.scope, self.interest = scope, interest or {}
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self.scope.wait(self.interest, None, "a test")
        except Exception as error:
            self.outcome = type(error)

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "it sleeps on"
        return self.outcome


def test_ready_descriptors(pair: tuple[socket.socket, socket.socket]) -> None:
    """A wait tells which descriptors are ready, and for what."""
    left, right = pair
    scope = CancelScope()

    assert {left.fileno(): WRITE} == scope.wait({left.fileno(): READ | WRITE}, None, "a test")
    right.send(b"x")
    assert {left.fileno(): READ | WRITE} == scope.wait({left.fileno(): READ | WRITE}, None, "a test")
    assert {left.fileno(): READ} == scope.wait({left.fileno(): READ, right.fileno(): READ}, None, "a test")


def test_a_closed_peer_is_ready(pair: tuple[socket.socket, socket.socket]) -> None:
    """The end of the stream ends a wait for octets."""
    left, right = pair
    right.close()

    assert waiter_ready(left) & READ


def waiter_ready(sock: socket.socket) -> int:
    return CancelScope().wait({sock.fileno(): READ}, None, "a test")[sock.fileno()]


def test_a_refused_connection_is_ready() -> None:
    """A connection that failed ends the wait for writing."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with socket.socket() as sock:
            sock.setblocking(False)
            sock.connect_ex(unused.getsockname())
            assert WRITE & CancelScope().wait({sock.fileno(): WRITE}, None, "a test")[sock.fileno()]


def test_7_2_cancel_ends_a_wait(asleep: threading.Event, pair: tuple[socket.socket, socket.socket]) -> None:
    """Contract 7.2: a cancel from another thread ends the wait for something that never comes."""
    scope = CancelScope()
    sleeper = Sleeper(scope, {pair[0].fileno(): READ})
    asleep.wait(PATIENCE)
    scope.cancel()

    assert RequestCancelled is sleeper.result()


def test_7_2_cancel_before_the_wait() -> None:
    """Contract 7.2: a request that was cancelled waits for nothing any more."""
    scope = CancelScope()
    scope.cancel()

    with pytest.raises(RequestCancelled):
        scope.wait({}, None, "a test")
    with pytest.raises(RequestCancelled):
        scope.check()
    with pytest.raises(RequestCancelled):
        scope.pause(60)


@pytest.mark.parametrize("moment", ["arm", "check"])
def test_7_2_cancel_just_before_the_sleep(moment: str) -> None:
    """SCOPE-1: a cancel in the middle of going to sleep, before or behind the look at it, is heard."""

    class Overtaken(CancelScope):
        __slots__ = ()

        def arm(self) -> Any:
            if moment == "arm":
                self.cancel()
            return super().arm()

        def check(self) -> None:
            super().check()
            if moment == "check":
                self.cancel()  # the waker has been taken before the look: it wakes

    with pytest.raises(RequestCancelled):
        Overtaken().wait({}, None, "a test")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals between threads")
def test_7_1_cancel_from_a_signal_handler(asleep: threading.Event) -> None:
    """Contract 7.1, fault 126: a signal handler may cancel; here it interrupts the very thread that waits."""
    scope = CancelScope()
    before = signal.signal(signal.SIGUSR1, lambda *_: scope.cancel())
    main = threading.get_ident()

    def send() -> None:
        asleep.wait(PATIENCE)
        while not scope.is_cancelled:  # in the last moment before the sleep it would be seen to after the sleep
            signal.pthread_kill(main, signal.SIGUSR1)
            time.sleep(0.01)

    sender = threading.Thread(target=send)
    try:
        sender.start()
        with pytest.raises(RequestCancelled):
            scope.wait({}, time.monotonic() + PATIENCE, "a test")
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_ringing_has_the_worker_look_again(asleep: threading.Event) -> None:
    """Somebody may wake the worker without a cancel: the wait ends with nothing ready, once."""
    scope = CancelScope()
    sleeper = Sleeper(scope)
    asleep.wait(PATIENCE)
    scope.wake()
    assert {} == sleeper.result()

    asleep.clear()
    sleeper = Sleeper(scope)
    asleep.wait(PATIENCE)
    assert sleeper.is_alive()
    scope.cancel()
    assert RequestCancelled is sleeper.result()


def test_wake_ups_before_there_is_a_waker_are_nothing() -> None:
    """Waking a request that does not wait, not yet or not any more, does no harm."""
    scope = CancelScope()
    scope.wake()
    scope.arm()
    scope.release()
    scope.wake()
    scope.release()


def test_armed_before_others_are_asked_to_wake() -> None:
    """A wake-up between `arm()` and the wait ends the wait: an answer that is faster than the wait is not missed."""
    scope = CancelScope()
    scope.arm()
    scope.wake()

    assert {} == scope.wait({}, None, "a test")


def test_wakers_are_used_again() -> None:
    """The waker of a request that is over serves the next one; no more descriptors are made."""
    scope = CancelScope()
    scope.arm()
    waker = scope._waker
    scope.release()
    other = CancelScope()
    other.arm()

    assert waker is other._waker


def test_a_late_ring_wakes_for_nothing() -> None:
    """A canceller that took hold of the waker in the last moment wakes the next request, which sleeps on."""
    scope = CancelScope()
    scope.arm()
    late = scope._waker
    scope.release()
    other = CancelScope(timeout=0.01)
    other.arm()
    assert late is not None
    late.wake()

    assert {} == other.wait({}, None, "a test")
    with pytest.raises(TimeoutError, match=r"a test timed out after 0.01 s"):
        other.wait({}, other.step_end(), "a test")


def test_wakers_can_be_woken_for_ever() -> None:
    """`wake()` never blocks and never fails, however often nobody sleeps; `drain()` uses all of it up."""
    scope = CancelScope()
    scope.arm()
    waker = scope._waker
    assert waker is not None
    if isinstance(waker, wakeup.EventFdWaker):
        os.eventfd_write(waker.descriptor, 2**64 - 2)
    for _ in range(5000):
        scope.wake()
    while scope.wait({}, time.monotonic(), "a test", is_pause=True):
        pass
    waker.drain()

    for _ in range(10):
        waker.drain()
    assert {} == cancel_scope._poll({}, waker.descriptor, 0)


@pytest.mark.no_leaks
def test_wakers_close_themselves() -> None:
    """Wakers that nobody holds any more are closed; no more than 64 are kept to spare."""
    scopes = [CancelScope() for _ in range(100)]
    for scope in scopes:
        scope.arm()
    for scope in scopes:
        scope.release()
    assert 64 == len(wakeup._spare)

    wakeup.drop_spare_wakers()
    assert 0 == len(wakeup._spare)
    gc.collect()


def wait_on(scope: CancelScope, *arguments: Any) -> None:
    """Wait again and again, as a stream does."""
    while True:
        scope.wait(*arguments)


def test_15_1_a_step_takes_its_time_and_no_longer() -> None:
    """Contract 15.1: a step ends at `timeout` with a TimeoutError that says what was waited for, not before."""
    scope = CancelScope(timeout=0.02)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"^connecting to h:80 timed out after 0.02 s$"):
        wait_on(scope, {}, began + 0.02, "connecting to h:80")

    assert 0.02 <= time.monotonic() - began


def test_15_1_no_timeout_is_no_end() -> None:
    """Contract 15.1: without a timeout a step has no end."""
    assert CancelScope().step_end() is None


def test_15_2_a_deadline_ends_a_wait() -> None:
    """Contract 15.2: the deadline ends a wait whose step would last longer, as DeadlineExceeded, in time."""
    scope = CancelScope(timeout=1000, deadline=Deadline(0.02))
    with pytest.raises(DeadlineExceeded, match=r"deadline of 0.02 s"):
        wait_on(scope, {}, scope.step_end(), "a test")


def test_15_2_a_deadline_that_has_passed_while_octets_come(pair: tuple[socket.socket, socket.socket]) -> None:
    """Contract 15.2: a peer that always has something does not stretch the deadline."""
    pair[1].send(b"x")
    scope = CancelScope(deadline=Deadline(0.001))
    with pytest.raises(DeadlineExceeded):
        wait_on(scope, {pair[0].fileno(): READ}, None, "a test")


def test_7_3_a_cancel_goes_before_the_deadline() -> None:
    """A request that is both cancelled and too late was cancelled."""
    scope = CancelScope(deadline=Deadline(0.0))
    scope.cancel()

    with pytest.raises(RequestCancelled):
        scope.check()


def test_pause() -> None:
    """A pause lasts as long as it should, whoever wakes the worker meanwhile."""
    scope = CancelScope()
    scope.arm()
    scope.wake()
    began = time.monotonic()
    scope.pause(0.02)

    assert 0.02 <= time.monotonic() - began
    scope.pause(0)
    scope.pause(-1)


def test_7_2_cancel_ends_a_pause(asleep: threading.Event) -> None:
    """Contract 7.2: a pause ends with the request (fault 127)."""
    scope = CancelScope()
    canceller = threading.Thread(target=lambda: (asleep.wait(PATIENCE), scope.cancel()))
    canceller.start()
    with pytest.raises(RequestCancelled):
        scope.pause(PATIENCE)
    canceller.join()


def test_waits_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that ends in a hundred years is more than the system can count, and no error."""
    asked: list[float] = []
    monkeypatch.setattr(cancel_scope, "_poll", lambda interest, waker, seconds: asked.append(seconds) or {})
    CancelScope().wait({}, time.monotonic() + 1e300, "a test")
    CancelScope().wait({}, None, "a test")

    assert [wakeup.MAX_POLL] * 2 == asked
