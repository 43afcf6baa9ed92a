"""The parts of a request that are classes of their own: callbacks, the Thread it looks like, what it publishes."""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

import pytest

from urlrequest import Headers
from urlrequest._client.callbacks import _NAMES, Callbacks
from urlrequest._client.response_attributes import ResponseAttributes
from urlrequest._client.thread_facade import ThreadFacade
from urlrequest._delivery.events import Cancel, Error, Failure, Outcome, ProgressRun, Redirect, Success
from urlrequest._delivery.lifecycle import Lifecycle
from urlrequest._http.response_head import ResponseHead
from urlrequest._http.target import parse_target

PATIENCE = 30.0  # seconds; only a failing test waits that long
NOBODY = (None,) * 7


def callbacks(**given: Any) -> Callbacks:
    made = Callbacks(*NOBODY)
    for name, callback in given.items():
        setattr(made, name, callback)
    return made


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("value", [5, "name", object()], ids=count())
def test_2_3_what_is_no_callback(name: str, value: object) -> None:
    """Contract 2.3: a callback that is neither callable nor falsy is a TypeError that names it."""
    options: dict[str, Any] = dict.fromkeys(_NAMES) | {name: value}
    with pytest.raises(TypeError, match=f"^{name} is {type(value).__name__}; a callable or None is needed$"):
        Callbacks(**options)


@pytest.mark.parametrize("value", [None, False, 0, "", []], ids=count())
def test_2_3_falsy_callbacks_are_none(value: Any) -> None:
    """Contract 2.3: whatever is falsy stands for no callback, in every place."""
    made = Callbacks(*[value] * 9)

    assert not made.wants_progress()
    assert not made.wants_upload_progress()
    assert not made.wants_chunks()
    for outcome in (Success(), Cancel()):
        assert not made._has_callback(outcome.callback)
        made._run_callbacks(outcome)
    for is_upload in (False, True):
        assert 2 == made._run_progress(ProgressRun(0, 1, 2, -1, is_upload=is_upload), 9, None, Lifecycle())


@pytest.mark.parametrize(
    ("outcome", "arguments"),
    [
        (Success(result="r"), ("r",)),
        (Redirect(result="r"), ("r",)),
        (Failure(result="r"), ("r",)),
        (Error(error=KeyError("e")), None),
        (Cancel(), ()),
    ],
    ids=count(),
)
def test_3_1_outcome_then_finish(outcome: Outcome, arguments: tuple[Any, ...] | None) -> None:
    """Contract 3.1, 3.2: the outcome's own callback runs with its arguments, then on_finish, and no other."""
    log: list[Any] = []
    made = Callbacks(*NOBODY)
    for name in _NAMES:
        setattr(made, name, lambda *got, name=name: log.append((name, got)))
    made._run_callbacks(outcome)

    expected = (outcome.error,) if arguments is None else arguments
    assert [(outcome.callback, (made, *expected)), ("on_finish", (made,))] == log


def test_3_6_finish_runs_whatever_is_raised() -> None:
    """Contract 3.6, fault 101: on_finish runs though the callback raises; where both raise, both are told."""
    log: list[str] = []
    made = callbacks(on_success=lambda *_: 1 / 0, on_finish=lambda _: log.append("finish"))
    with pytest.raises(ZeroDivisionError):
        made._run_callbacks(Success())
    assert ["finish"] == log

    made.on_finish = lambda _: [].pop()
    with pytest.raises(IndexError) as caught:
        made._run_callbacks(Success())
    assert isinstance(caught.value.__context__, ZeroDivisionError)


def test_3_7_callbacks_may_be_replaced() -> None:
    """Contract 3.7: what counts is the attribute at the time of delivery, on_finish's even within the callback."""
    log: list[str] = []
    made = callbacks(on_success=lambda *_: log.append("old"), on_finish=lambda _: log.append("old"))

    def new(*_: Any) -> None:
        log.append("new")
        made.on_finish = lambda _: log.append("newer")

    made.on_success = new
    made._run_callbacks(Success())

    assert ["new", "newer"] == log


# Progress


def run_of(count: int, *, is_upload: bool = False) -> ProgressRun:
    return ProgressRun(8, 8, count, 99, is_upload=is_upload)


@pytest.mark.parametrize("name", ["on_progress", "on_upload_progress"])
def test_3_2_a_run_of_progress(name: str) -> None:
    """Contract 3.2: each event of a run is told to the callback of its direction; a turn takes what it may take."""
    log: list[Any] = []
    made = callbacks(**{name: lambda *got: log.append(got)})
    run = run_of(3, is_upload=name == "on_upload_progress")

    assert 2 == made._run_progress(run, 2, None, Lifecycle())
    assert [(made, 8, 99), (made, 16, 99)] == log
    assert (24, 1) == (run.first, run.count)
    assert 1 == made._run_progress(run, 2, None, Lifecycle())
    assert (made, 24, 99) == log[-1]
    assert 0 == made._run_progress(run, 2, None, Lifecycle())


def test_3_7_on_progress_may_be_replaced_within_a_run() -> None:
    """Contract 3.7: what counts is the attribute at the time of each event; with none the events pass unheard."""
    log: list[str] = []

    def first(*_: Any) -> None:
        log.append("first")
        made.on_progress = second

    def second(_: Any, current: int, _total: int) -> None:
        log.append(f"second {current}")
        made.on_progress = None if current == 24 else second

    made = callbacks(on_progress=first)
    assert 5 == made._run_progress(run_of(5), 9, None, Lifecycle())

    assert ["first", "second 16", "second 24"] == log


def test_7_3_a_cancel_within_a_run() -> None:
    """Contract 7.3: no event of a run follows the one whose callback cancelled the request."""
    lifecycle, log = Lifecycle(), list[int]()

    def take(_: Any, current: int, _total: int) -> None:
        log.append(current)
        if current == 16:
            lifecycle.cancel()

    made = callbacks(on_progress=take)

    assert 2 == made._run_progress(run_of(5), 9, None, lifecycle)
    assert 0 == made._run_progress(run_of(5), 9, None, lifecycle)
    assert [8, 16] == log


def test_6_3_a_run_that_a_callback_delivers_on() -> None:
    """Contract 6.3: an event is out of its run before its callback is called, which may deliver the rest."""
    log: list[int] = []
    run = run_of(4)

    def take(_: Any, current: int, _total: int) -> None:
        log.append(current)
        if current == 16:
            assert 2 == made._run_progress(run, 9, None, Lifecycle())

    made = callbacks(on_progress=take)

    assert 2 == made._run_progress(run, 9, None, Lifecycle())
    assert [8, 16, 24, 32] == log


def test_3_6_an_exception_within_a_run() -> None:
    """Contract 3.6: a callback that raises loses its own event and no other."""
    log: list[int] = []

    def take(_: Any, current: int, _total: int) -> None:
        log.append(current)
        if current == 16:
            raise ZeroDivisionError

    made, run = callbacks(on_progress=take), run_of(3)
    with pytest.raises(ZeroDivisionError):
        made._run_progress(run, 9, None, Lifecycle())
    assert 1 == made._run_progress(run, 9, None, Lifecycle())

    assert [8, 16, 24] == log


def test_8_5_the_budget_within_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.5: after each event the time is looked at; one event is delivered in any case."""
    now = 0.0

    def take(*_: Any) -> None:
        nonlocal now
        now += 1.0

    monkeypatch.setattr("urlrequest._client.callbacks.monotonic", lambda: now)
    made = callbacks(on_progress=take)

    assert 3 == made._run_progress(run_of(9), 9, 2.5, Lifecycle())
    assert 1 == made._run_progress(run_of(9), 9, 2.5, Lifecycle())


def test_3_7_callbacks_are_let_go_of() -> None:
    """Contract 3.7: once forgotten, no callback is held."""
    made = Callbacks(*[print] * 9)
    made._forget_callbacks()

    assert [None] * 9 == [getattr(made, name) for name in _NAMES]


def test_3_4_on_finish_is_a_callback_for_every_outcome() -> None:
    """Contract 3.4: a request with on_finish alone has somebody to tell."""
    assert callbacks(on_finish=print)._has_callback("on_error")
    assert callbacks(on_error=print)._has_callback("on_error")
    assert not callbacks(on_error=print)._has_callback("on_success")


# The Thread


@pytest.fixture
def thread() -> ThreadFacade:
    return ThreadFacade("urlrequest-test")


def test_2_2_is_a_thread(thread: ThreadFacade) -> None:
    """Contract 2.2: a request is a Thread: daemon, named, hashable, equal to itself, with room for attributes."""
    thread.mine = 1  # type: ignore[attr-defined]  # that is the promise

    assert isinstance(thread, threading.Thread)
    assert (True, "urlrequest-test") == (thread.daemon, thread.name)
    assert thread == thread  # noqa: PLR0124 - the promise
    assert thread != ThreadFacade("urlrequest-test")
    assert {thread: 1}[thread]
    assert thread not in threading.enumerate()


def test_2_2_has_started(thread: ThreadFacade) -> None:
    """Contract 2.2: it cannot be started, and its daemon flag cannot be changed any more."""
    with pytest.raises(RuntimeError, match="start\\(\\) must not be called"):
        thread.start()
    with pytest.raises(RuntimeError, match="is a daemon"):
        thread.daemon = False


def test_2_2_identifiers(thread: ThreadFacade) -> None:
    """Contract 2.2: the identifiers are those of the thread that runs it, None before."""
    assert (None, None) == (thread.ident, thread.native_id)
    thread._begin()

    assert (threading.get_ident(), threading.get_native_id()) == (thread.ident, thread.native_id)


def test_2_2_alive_until_the_end(thread: ThreadFacade) -> None:
    """Contract 2.2: it is alive from the beginning, while it waits for a slot too, until its end."""
    seen = [thread.is_alive()]
    thread._begin()
    seen.append(thread.is_alive())
    thread._end()
    seen.append(thread.is_alive())

    assert [True, True, False] == seen
    thread._end()


@pytest.mark.parametrize("timeout", [0, 0.001, -1])
def test_2_2_join_gives_up(thread: ThreadFacade, timeout: float) -> None:
    """Contract 2.2: join() returns when its time is up; is_alive() tells."""
    thread.join(timeout)

    assert thread.is_alive()


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_2_2_join_waits_for_the_end(thread: ThreadFacade, timeout: float | None) -> None:
    """Contract 2.2: any number of threads can join; all of them go on at the end, and later ones at once."""
    start, joined = threading.Barrier(4), []

    def join() -> None:
        start.wait()
        thread.join(timeout)
        joined.append(thread.is_alive())

    joiners = [threading.Thread(target=join) for _ in range(3)]
    for joiner in joiners:
        joiner.start()
    start.wait()
    thread._end()
    for joiner in joiners:
        joiner.join(PATIENCE)
    thread.join()

    assert [False] * 3 == joined


def test_2_2_join_within_itself(thread: ThreadFacade) -> None:
    """Contract 2.2: joining on the worker that runs it would never end, and is an error, as of Thread."""
    thread._begin()
    with pytest.raises(RuntimeError, match="cannot join the current thread"):
        thread.join()


def test_2_2_join_sleeps_in_slices(thread: ThreadFacade, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sleeping thread does not notice Ctrl-C, it looks up now and then, and sleeps on."""
    monkeypatch.setattr("urlrequest._client.thread_facade.MAX_SLEEP", 0.001)
    joiner = threading.Thread(target=thread.join)
    joiner.start()
    joiner.join(0.02)
    assert joiner.is_alive()

    thread._end()
    joiner.join(PATIENCE)
    assert not joiner.is_alive()


# What is published


def published(content: bytes | None, content_type: str | None = None) -> ResponseAttributes:
    made = ResponseAttributes()
    if content_type is not None:
        head = ResponseHead("1.1", 200, "OK", Headers({"content-type": content_type}))
        made._publish_response(parse_target("u"), head)
    made._publish_outcome(Success(content=content))
    return made


def test_3_4_nothing_before() -> None:
    """Contract 3.4: before delivery all is None."""
    made = ResponseAttributes()
    names = ("result", "error", "content", "text", "resp_status", "resp_reason", "resp_headers", "resp_url")

    assert [None] * len(names) == [getattr(made, name) for name in names]
    with pytest.raises(ValueError, match="no body"):
        made.json()


def test_11_2_response() -> None:
    """Contract 11.2: status, reason, fields and URL of the response, and the outcome, can be read."""
    made, headers, error = ResponseAttributes(), Headers({"A": "1"}), OSError()
    made._publish_response(parse_target("http://h/"), ResponseHead("1.1", 404, "Gone", headers))
    made._publish_outcome(Error(error=error))

    assert (404, "Gone", "http://h/") == (made.resp_status, made.resp_reason, made.resp_url)
    assert made.resp_headers is headers
    assert made.error is error


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"", None, ""),
        ("é".encode(), None, "é"),
        (b"\xe9", "text/plain; charset=latin-1", "é"),
        (b"\xe9", None, "�"),
        (b"abc", "image/png", "abc"),
        (b"\xff", "application/octet-stream", "�"),
    ],
)
def test_4_4_text(content: bytes, content_type: str | None, expected: str) -> None:
    """Contract 4.4: `text` is always text, whatever the type says and however broken the octets are."""
    assert expected == published(content, content_type).text


@pytest.mark.parametrize("content_type", [None, "application/problem+json", "text/plain", "image/png"])
def test_4_4_json(content_type: str | None) -> None:
    """Contract 4.4: `json()` parses on demand, whatever the type says; what is none is a ValueError."""
    assert {"a": [1]} == published(b'{"a": [1]}', content_type).json()
    with pytest.raises(ValueError):  # noqa: PT011 - of the standard library
        published(b"{", content_type).json()
