from __future__ import annotations

import asyncio
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.servers import closed_port
from support.waiting import wait_until
from urlrequest import UrlRequest, hooks
from urlrequest._delivery.mailbox import Mailbox
from urlrequest._delivery.queue import QueueEntry, default_queue
from urlrequest.hooks import Hook, ManualHook, check_hook, current_hook
from urlrequest.hooks._frames import HAS_GIL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest.testing import Server


class Loop(Hook):
    """A loop that is woken by being counted, or is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.wakeups = 0
        self.gone: Exception | None = None
        self.reported: list[BaseException] = []

    def wakeup(self) -> None:
        if self.gone is not None:
            raise self.gone
        self.wakeups += 1

    def handle_exception(self, error: BaseException) -> None:
        self.reported.append(error)


class Reporting(Loop):
    """The same with the base class's way to report."""

    handle_exception = Hook.handle_exception


PATIENCE = 30.0  # seconds; only a failing test waits that long

_entries: set[object] = set()  # what this test's workers have put into a queue, the wake-up included
_requests: list[UrlRequest] = []  # of this test


@pytest.fixture(autouse=True)
def _watched_queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Note each request's entry once it is in its queue; that of a hook is put into another one's before it is done."""
    enqueue = QueueEntry.enqueue

    def enqueue_and_note(entry: QueueEntry) -> None:
        enqueue(entry)
        if isinstance(entry, Mailbox):
            _entries.add(entry)

    monkeypatch.setattr(QueueEntry, "enqueue", enqueue_and_note)
    yield
    _entries.clear()
    _requests.clear()


def announced(*requests: UrlRequest) -> None:
    """Wait until the workers have announced the ends of these requests: a request's thread has ended before that."""
    _requests.extend(requests)
    for request in requests:
        request.join()
    wait_until(lambda: len(_entries) >= len(_requests), "no worker has announced the end of a request")


@pytest.fixture(autouse=True)
def _uninstalled(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test leaves a hook installed, or finds a toolkit's; each sees what is logged at INFO."""
    caplog.set_level("INFO", logger="urlrequest")
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    urlrequest.uninstall()
    default_queue.reset_after_fork()
    yield
    urlrequest.uninstall()


def finished(server: Server, **options: Any) -> UrlRequest:
    """A request that has settled, its callbacks undelivered."""
    server.respond("/", "x")
    request = UrlRequest(server.url, **options)
    announced(request)
    return request


def test_8_1_hook_of_the_request_then_installed(server: Server) -> None:
    """Contract 8.1: the request's own hook goes before the installed one; without either nobody is woken."""
    own, installed = Loop(), Loop()
    assert urlrequest.install(installed) is installed is current_hook()
    first = finished(server, on_success=print, hook=own)
    second = finished(server, on_finish=print)
    urlrequest.uninstall()
    third = finished(server, on_finish=print)

    assert (1, 1, None) == (own.wakeups, installed.wakeups, current_hook())
    assert urlrequest.wait_all([first, second, third], timeout=30)


def test_8_1_bound_at_construction(server: Server) -> None:
    """Contract 8.1: installing another hook later changes nothing for a request that exists."""
    before, after, log = Loop(), Loop(), []
    urlrequest.install(before)
    request = UrlRequest(server.url, on_finish=log.append)
    urlrequest.install(after)
    announced(request)
    before.drain()

    assert [request] == log
    assert 0 == after.wakeups


@pytest.mark.parametrize("value", [5, "asyncio", ManualHook, object()], ids=["int", "str", "class", "object"])
def test_8_1_what_is_no_hook(value: Any) -> None:
    """Contract 8.1: installing what is no hook is a TypeError; for a request it arrives through on_error."""
    with pytest.raises(TypeError, match=r"hook is .*; a urlrequest.hooks.Hook is needed"):
        urlrequest.install(value)
    check_hook(None)
    errors: list[BaseException] = []
    request = UrlRequest("http://127.0.0.1:1/", on_error=lambda _, error: errors.append(error), hook=value)
    request.wait()

    assert [TypeError] == [type(error) for error in errors]


def test_8_8_delivered_on_the_hooks_thread(server: Server) -> None:
    """Contract 8.8, 3.5: a request made on any thread is delivered on the thread that drains the hook."""
    hook, threads = Loop(), []
    made: list[UrlRequest] = []

    def make() -> None:
        made.append(finished(server, on_success=lambda *_: threads.append(threading.current_thread()), hook=hook))

    maker = threading.Thread(target=make)
    maker.start()
    maker.join()
    hook.run()

    assert [threading.current_thread()] == threads


def test_8_4_manual_hook(server: Server) -> None:
    """Contract 8.4: ManualHook delivers when the program drains it, and not before."""
    hook, log = ManualHook(), []
    request = finished(server, on_finish=log.append, hook=hook)
    assert [] == log

    assert not hook.drain()
    assert [request] == log
    assert hook.detect() is None


def pending(hook: Hook, *callbacks: Callable[[Any], object]) -> list[UrlRequest]:
    """Settled requests on a hook, each with an on_finish."""
    requests = [UrlRequest("no scheme://", on_finish=callback, hook=hook) for callback in callbacks]
    announced(*requests)
    return requests


def test_8_5_budget() -> None:
    """Contract 8.5: run() delivers for 8 ms, at least one event, and has the loop called again for the rest."""
    assert 0.008 == Hook.budget
    hook, log = Loop(), []
    hook.budget = 0.0
    requests = pending(hook, *[log.append] * 3)
    for number in range(1, 4):
        before = hook.wakeups
        hook.run()
        assert number == len(log)
        assert hook.wakeups > before or number == 3

    assert set(requests) == set(log)


def test_8_7_exceptions_are_reported() -> None:
    """Contract 8.7, 3.6: what a callback raises goes to handle_exception(); the loop and the other events go on."""
    hook, log = Loop(), []
    pending(hook, lambda _: 1 / 0, log.append)
    hook.run()
    hook.run()

    assert [ZeroDivisionError] == [type(error) for error in hook.reported]
    assert 1 == len(log)


def test_8_7_excepthook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.7: the base class reports to sys.excepthook, with the traceback."""
    hook, seen = Reporting(), []
    monkeypatch.setattr(sys, "excepthook", lambda *arguments: seen.append(arguments))
    pending(hook, lambda _: 1 / 0)
    hook.run()

    ((kind, error, trace),) = seen
    assert (ZeroDivisionError, trace) == (kind, error.__traceback__)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_8_7_the_end_of_the_program_passes(error: type[BaseException]) -> None:
    """Contract 8.7: Ctrl-C and exit() within a callback are not swallowed; the rest stays pending."""
    hook, log = Loop(), []

    def leave(_: Any) -> None:
        raise error

    pending(hook, leave, log.append)
    with pytest.raises(error):
        hook.run()
    hook.run()

    assert ([], 1) == (hook.reported, len(log))


def test_8_7_a_report_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 8.7: a handle_exception() that raises itself ends no loop; it is logged."""
    hook = Loop()
    hook.handle_exception = lambda error: 1 / 0  # type: ignore[method-assign,assignment]  # that is the fault
    pending(hook, lambda _: [].pop())
    hook.run()

    assert "Loop.handle_exception() failed" in caplog.text


def test_drain_raises() -> None:
    """Contract 3.6: who calls drain() gets what a callback raises."""
    hook = Loop()
    pending(hook, lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hook.drain()

    assert [] == hook.reported
    assert not hook.drain()


def test_8_6_a_lost_loop(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Contract 8.6, fault 111: a loop that is gone is logged once, raises nothing, and its events stay for drain()."""
    hook, log = Loop(), []
    hook.gone = RuntimeError("the loop is closed")
    requests = pending(hook, *[log.append] * 3)

    assert [("urlrequest", logging.INFO)] == [(name, level) for name, level, _ in caplog.record_tuples]
    logged = "Loop: the event loop is gone (the loop is closed); another loop, wait() or drain() runs the callbacks"
    assert logged in caplog.text
    assert not urlrequest.drain()
    assert set(requests) == set(log)
    finished(server, on_finish=log.append, hook=hook).wait()
    assert 4 == len(log)


def test_8_6_what_was_pending_comes_along() -> None:
    """Contract 8.6: events that had their wake-up already are not lost with the loop."""
    hook, log = Loop(), []
    requests = pending(hook, log.append)
    hook.gone = RuntimeError()
    requests += pending(hook, log.append)  # no wake-up is due: the loop's end is not known yet
    hook._wake()
    urlrequest.drain()

    assert requests == log


def test_8_6_close() -> None:
    """Contract 8.6: a hook that is closed hands its events, present and future, to wait() and drain()."""
    hook, log = Loop(), []
    requests = pending(hook, log.append)
    hook.close()
    requests += pending(hook, log.append)
    assert 1 == hook.wakeups

    assert not hook.drain()
    urlrequest.drain()
    assert requests == log


def test_8_6_a_loop_that_ended_is_looked_at() -> None:
    """Contract 8.6: where events wait for a loop that may have ended, its wake-up is tried; else nobody is asked."""
    hook, log = Loop(), []
    hook._on_loop_end()
    assert 0 == hook.wakeups
    pending(hook, log.append)
    hook.gone = RuntimeError()
    hook._on_loop_end()
    urlrequest.drain()

    assert 1 == len(log)


class Dropping(asyncio.SelectorEventLoop):
    """Drops what it is given once it has ended, without an error, as some loops do."""

    def __init__(self) -> None:
        super().__init__()
        self.has_ended, self.dropped = False, 0

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        if not self.has_ended:
            return super().call_soon_threadsafe(callback, *args, context=context)
        self.dropped += 1
        return None


def test_8_6_a_loop_that_drops_its_calls(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 8.6: the first wake-up that is dropped ends the loop: one warning, and drain() runs the callbacks."""
    loop, log = Dropping(), []
    hook = hooks.AsyncioHook(loop)
    loop.has_ended = True
    pending(hook, *[log.append] * 3)
    urlrequest.drain()
    loop.close()

    assert (3, 1) == (len(log), loop.dropped)
    assert 1 == len(caplog.records)
    assert "AsyncioHook: the event loop is gone (it drops its calls); another loop" in caplog.text


def test_8_6_a_wake_up_dropped_with_nothing_to_deliver(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 8.6: a loop that is closed while nothing is pending is noticed with the next event."""
    loop, log = asyncio.new_event_loop(), []
    hook = hooks.AsyncioHook(loop)
    pending(hook, log.append).pop().wait()
    loop.close()
    assert [] == caplog.records
    pending(hook, log.append)
    urlrequest.drain()

    assert 2 == len(log)
    assert "the event loop is gone (it is closed)" in caplog.text


def test_8_3_drain_leaves_hooks_alone_that_were_named() -> None:
    """Contract 8.3: a hook that the program has chosen is drained by its loop, or by itself."""
    hook, log = Loop(), []
    pending(hook, log.append)
    urlrequest.drain()

    assert [] == log
    hook.drain()
    assert 1 == len(log)


def test_8_3_a_loop_that_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.3: drain() serves an asyncio loop that is stopped but not closed."""
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", True)
    loop, log = asyncio.new_event_loop(), []

    async def main() -> UrlRequest:
        return UrlRequest("no scheme://", on_finish=log.append)

    request = loop.run_until_complete(main())
    announced(request)
    urlrequest.drain()
    loop.close()

    assert [request] == log


def paired() -> tuple[Loop, Loop]:
    """The hooks of two loops of this thread."""
    first, second = Loop(), Loop()
    for hook in (first, second):
        hook.queue.serve_on(threading.get_ident())
    first.pair_with(second)
    first.pair_with(second)
    return first, second


@pytest.mark.parametrize("turning", [0, 1], ids=["first", "second"])
def test_8_11_the_loop_that_turns_delivers(turning: int) -> None:
    """Contract 8.11: both loops are woken, either delivers, and the one that stands still is woken once."""
    loops, log = paired(), []
    turns, stands = loops[turning], loops[1 - turning]
    for number in range(3):
        pending(loops[0], log.append)
        assert number + 1 == turns.wakeups
        turns.run()
        assert number + 1 == len(log)
    assert 1 == stands.wakeups

    stands.run()  # it has nothing to deliver, and is woken again from now on
    pending(loops[0], log.append)
    assert 2 == stands.wakeups
    stands.run()
    assert 4 == len(log)


def test_8_11_what_waits_already() -> None:
    """Contract 8.11: events that were pending before the other loop was found are delivered by either, too."""
    first, second, log = Loop(), Loop(), []
    pending(first, log.append)
    first.queue.serve_on(threading.get_ident())
    first.pair_with(second)
    second.run()

    assert 1 == len(log)


def test_8_11_exceptions_go_to_the_loop_that_turns() -> None:
    """Contract 8.11, 8.7: an exception is reported by the loop that ran the callback; the rest stays pending."""
    first, second = paired()
    log: list[UrlRequest] = []
    pending(first, lambda _: 1 / 0, log.append)
    second.run()
    second.run()

    assert ([], [ZeroDivisionError]) == (first.reported, [type(error) for error in second.reported])
    assert 1 == len(log)


def test_8_11_the_other_loop_inherits(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 8.11, 8.6: when the first loop is gone, its events are the second one's, without a warning."""
    first, second = paired()
    log: list[UrlRequest] = []
    first.gone = RuntimeError("closed")
    pending(first, log.append)
    second.run()
    assert 1 == len(log)
    pending(first, log.append)
    second.run()

    assert (2, []) == (len(log), caplog.records)


def test_8_11_the_second_loop_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 8.11, 8.6: when the second loop is gone, the first goes on, and no other thread gets its events."""
    first, second = paired()
    log: list[UrlRequest] = []
    second.gone = RuntimeError("closed")
    pending(first, log.append)
    thread = threading.Thread(target=urlrequest.drain)
    thread.start()
    thread.join()
    assert [] == log
    first.run()

    assert (1, []) == (len(log), caplog.records)


def test_8_11_budget() -> None:
    """Contract 8.11, 8.5: what the other loop delivers is within its budget, and the rest follows."""
    first, second = paired()
    log: list[UrlRequest] = []
    second.budget = 0.0
    pending(first, *[log.append] * 3)
    for number in range(1, 4):
        second.run()
        assert number == len(log)


def test_8_4_a_missing_toolkit() -> None:
    """Contract 8.4: a toolkit that is not installed is an ImportError that names the package."""
    with pytest.raises(ImportError, match="this hook needs the package some-package"):
        hooks._base.import_toolkit("urlrequest_no_such_module", "some-package")
    with pytest.raises(AttributeError, match="has no attribute 'NoHook'"):
        hooks.NoHook  # noqa: B018 - that is the access


@pytest.mark.skipif(not HAS_GIL, reason="without the GIL, calls of other threads cannot be read")
def test_8_12_a_loop_that_was_left_behind_is_not_found() -> None:
    """Contract 8.12: in a forked child, a loop of asyncio or trio that the parent had a hook for is found no more."""
    trio = pytest.importorskip("trio")
    thread = threading.get_ident()

    def look(hook_class: Any) -> None:
        hook = hook_class()
        assert hook is hook_class.find(thread)
        hook.leave_behind()
        assert hook_class.find(thread) is None

    async def in_asyncio() -> None:
        look(hooks.AsyncioHook)

    async def in_trio() -> None:
        look(hooks.TrioHook)

    asyncio.run(in_asyncio())
    trio.run(in_trio)


class ForgetfulLoop(Hook):
    """A loop that has no memory to be woken, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times
        self.woken = threading.Event()

    def wakeup(self) -> None:
        if self.left:
            self.left -= 1
            raise MemoryError("made to fail")
        self.woken.set()


def test_2_10_no_memory_to_wake_a_loop() -> None:
    """Contract 2.10: the loop is not taken for one that is gone; it is woken, and runs the callbacks, once each."""
    with closed_port() as port:
        ends: list[Any] = []
        loop = ForgetfulLoop(3)
        request = UrlRequest(
            f"http://127.0.0.1:{port}/", hook=loop, on_error=lambda *_: ends.append("error"),
            on_finish=lambda _: ends.append("finish"),
        )  # fmt: skip
        assert loop.woken.wait(30)
        request.join(30)
        loop.run()

    assert (["error", "finish"], False) == (ends, loop.queue.is_forwarded)
