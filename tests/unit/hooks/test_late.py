from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import urlrequest
from support.waiting import wait_until
from urlrequest import UrlRequest
from urlrequest._delivery.queue import DefaultQueue
from urlrequest.hooks import ManualHook, _late

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._delivery.queue import DispatchQueue
    from urlrequest.hooks import Hook


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> DefaultQueue:
    """The queue of requests without a hook; the thread that looks for a loop is the test's own."""
    queue = DefaultQueue()
    monkeypatch.setattr("urlrequest._client.call.default_queue", queue)
    monkeypatch.setattr(_late, "default_queue", queue)
    monkeypatch.setattr(_late, "sleep", lambda _: None)
    return queue


def pending(queue: DispatchQueue, on_error: Callable[..., object] = print) -> UrlRequest:
    """A request that found no hook, with an outcome to deliver."""
    request = UrlRequest("http://a b/", on_error=on_error)
    wait_until(lambda: queue.has_pending)
    return request


@pytest.fixture(autouse=True)
def _no_loop() -> None:
    urlrequest.uninstall()


def test_8_10_events_go_to_a_loop_that_appears(queue: DefaultQueue) -> None:
    """Contract 8.10: it is looked for again and again, for the thread that made the request, until none is pending."""
    hook, errors, threads = ManualHook(), [], []
    request = pending(queue, lambda _, error: errors.append(error))

    def find(thread: int) -> Hook | None:
        threads.append(thread)
        return hook if len(threads) == 3 else None

    _late.watch(find)
    assert [threading.get_ident()] * 3 == threads
    assert not queue.has_pending
    hook.drain()
    assert [request.error] == errors


def test_8_10_later_events_of_the_request_go_there_too(queue: DefaultQueue) -> None:
    """Contract 8.10: the request belongs to that hook from then on."""
    hook = ManualHook()
    request = pending(queue)
    _late.watch(lambda _: hook)
    hook.queue.remove(request._urlrequest_call.mailbox)
    request._urlrequest_call.mailbox._queued.release()
    request._urlrequest_call.mailbox.announce()

    assert hook.queue.has_pending
    hook.drain()


def test_8_10_a_program_that_drains_keeps_its_events(queue: DefaultQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.10: within a second of a `drain()` no loop is looked for."""
    pending(queue)
    now = [100.0]

    def sleep(_: float) -> None:
        now[0] += 0.4

    monkeypatch.setattr(_late, "sleep", sleep)
    monkeypatch.setattr(_late, "monotonic", lambda: now[0])
    queue.drained_at = 100.0
    looks: list[float] = []
    hook = ManualHook()
    _late.watch(lambda _: (looks.append(round(now[0], 1)), hook)[1])

    assert [101.2] == looks
    hook.drain()


def test_8_10_the_pauses_grow_with_the_wait(queue: DefaultQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.10: a loop is looked for every eighth of the time that was waited, every second at the least."""
    pending(queue)
    now, pauses = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds
        pauses.append(seconds)

    monkeypatch.setattr(_late, "sleep", sleep)
    monkeypatch.setattr(_late, "monotonic", lambda: now[0])
    hook = ManualHook()
    _late.watch(lambda _: hook if now[0] > 20 else None)

    assert (0.05, 1.0) == (pauses[0], pauses[-1])
    assert sorted(pauses) == pauses
    assert len(pauses) < 60
    hook.drain()


def test_8_10_not_where_detection_is_off(queue: DefaultQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.10: with `defaults.detect_hook = False` the events wait for `wait()` and `drain()`."""
    pending(queue)
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    _late.watch(lambda _: ManualHook())

    assert queue.has_pending
    queue.drain()


def test_8_10_waiting_for_long_is_logged_once(
    queue: DefaultQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Contract 3.9, 8.10: callbacks that have waited for half a minute are a line in the log, once in a process."""
    _late._warn.cache_clear()
    now = [1000.0]
    monkeypatch.setattr(_late, "monotonic", lambda: now[0])
    lines: list[int] = []
    hook = ManualHook()

    def find(_: int) -> Hook | None:
        lines.append(sum("the callbacks of 1 requests wait: " in record.getMessage() for record in caplog.records))
        now[0] += 10
        return hook if len(lines) in {6, 12} else None

    for _ in range(2):
        pending(queue)
        _late.watch(find)
        hook.drain()

    assert [0, 0, 0, 0, 1, 1, *[1] * 6] == lines
    _late._warn.cache_clear()
