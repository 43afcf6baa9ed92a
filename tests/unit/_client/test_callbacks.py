"""The callbacks of a request, and in which order they run."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from urlrequest._client.callbacks import (
    _NAMES,
    Callbacks,
    drop_callbacks,
    has_callback,
    has_callbacks,
    run_callbacks,
    run_progress,
)
from urlrequest._delivery.events import Cancel, Error, Failure, Outcome, ProgressRun, Redirect, Success
from urlrequest._delivery.lifecycle import Lifecycle

NOBODY = (None,) * 7
MAILBOX: Any = SimpleNamespace()


def callbacks(**given: Any) -> Callbacks:
    made = Callbacks(*NOBODY)
    for name, callback in given.items():
        setattr(made, name, callback)
    return made


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("value", ["name", b"body", bytearray(1), {"X": "y"}, [1], (1,), {1}], ids=count())
def test_2_3_an_argument_in_the_wrong_place(name: str, value: object) -> None:
    """Contract 2.3: text, bytes or a collection where a callback belongs is a TypeError that names the parameter."""
    options: dict[str, Any] = dict.fromkeys(_NAMES) | {name: value}
    with pytest.raises(TypeError, match=f"^{name} is {type(value).__name__}; a callable or None is needed$"):
        Callbacks(**options)


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("value", [5, 0.016, True, object()], ids=count())
def test_2_3_what_an_event_system_passes_on(name: str, value: object) -> None:
    """Contract 2.3: what else is no callback is ignored, with a warning that names the parameter."""
    options: dict[str, Any] = dict.fromkeys(_NAMES) | {name: value}
    what = f"^{name} is {type(value).__name__}; a callable or None is needed, and it is ignored$"
    with pytest.warns(RuntimeWarning, match=what):
        made = Callbacks(**options)

    assert getattr(made, name) is None


@pytest.mark.parametrize("value", ["text", b"name", [1, 2], {"a": 1}, 7], ids=count())
def test_2_3_what_follows_it_is_passed_on_too(value: object) -> None:
    """Contract 2.3: Kivy's properties pass on a widget and a value, which may be text or a list."""
    with pytest.warns(RuntimeWarning) as warned:
        made = Callbacks(print, object(), value, *[None] * 4)

    assert ["on_redirect is object", f"on_failure is {type(value).__name__}"] == [
        str(warning.message).partition(";")[0] for warning in warned
    ]
    assert (print, None, None) == (made.on_success, made.on_redirect, made.on_failure)


@pytest.mark.parametrize("value", [None, False, 0, "", []], ids=count())
def test_2_3_falsy_callbacks_are_none(value: Any) -> None:
    """Contract 2.3: whatever is falsy stands for no callback, in every place."""
    made = Callbacks(*[value] * 9)

    assert [None] * 9 == [getattr(made, name) or None for name in _NAMES]
    for outcome in (Success(), Cancel()):
        assert not has_callback(made, outcome.callback)
        run_callbacks(made, outcome, MAILBOX)
    for is_upload in (False, True):
        assert 2 == run_progress(made, ProgressRun(0, 1, 2, -1, is_upload=is_upload), 9, None, Lifecycle())


@pytest.mark.parametrize("name", _NAMES)
def test_any_callback_is_one(name: str) -> None:
    """Whether a request has callbacks is told by each of them, and all are let go of (contract 3.7)."""
    made = callbacks(**{name: print})
    assert has_callbacks(made)

    drop_callbacks(made)
    assert getattr(made, name) is None
    assert not has_callbacks(made)


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
    run_callbacks(made, outcome, MAILBOX)

    expected = (outcome.error,) if arguments is None else arguments
    assert [(outcome.callback, (made, *expected)), ("on_finish", (made,))] == log


def test_3_6_finish_runs_whatever_is_raised() -> None:
    """Contract 3.6, faults 101: on_finish runs though the callback raises; where both raise, both are reported."""
    log: list[str] = []
    made = callbacks(on_success=lambda *_: 1 / 0, on_finish=lambda _: log.append("finish"))
    with pytest.raises(ZeroDivisionError):
        run_callbacks(made, Success(), MAILBOX)
    assert ["finish"] == log

    made.on_finish = lambda _: [].pop()
    with pytest.raises(IndexError) as caught:
        run_callbacks(made, Success(), MAILBOX)
    assert isinstance(caught.value.__context__, ZeroDivisionError)


def test_3_7_callbacks_may_be_replaced() -> None:
    """Contract 3.7: what counts is the attribute at the time of delivery, on_finish's even within the callback."""
    log: list[str] = []
    made = callbacks(on_success=lambda *_: log.append("old"), on_finish=lambda _: log.append("old"))

    def new(*_: Any) -> None:
        log.append("new")
        made.on_finish = lambda _: log.append("newer")

    made.on_success = new
    run_callbacks(made, Success(), MAILBOX)

    assert ["new", "newer"] == log


# Progress


def run_of(count: int, *, is_upload: bool = False) -> ProgressRun:
    return ProgressRun(8, 8, count, 99, is_upload=is_upload)


@pytest.mark.parametrize("name", ["on_progress", "on_upload_progress"])
def test_3_2_a_run_of_progress(name: str) -> None:
    """Contract 3.2: each event of a run goes to the callback of its direction; a turn takes what it may take."""
    log: list[Any] = []
    made = callbacks(**{name: lambda *got: log.append(got)})
    run = run_of(3, is_upload=name == "on_upload_progress")

    assert 2 == run_progress(made, run, 2, None, Lifecycle())
    assert [(made, 8, 99), (made, 16, 99)] == log
    assert (24, 1) == (run.first, run.count)
    assert 1 == run_progress(made, run, 2, None, Lifecycle())
    assert (made, 24, 99) == log[-1]
    assert 0 == run_progress(made, run, 2, None, Lifecycle())


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
    assert 5 == run_progress(made, run_of(5), 9, None, Lifecycle())

    assert ["first", "second 16", "second 24"] == log


def test_7_3_a_cancel_within_a_run() -> None:
    """Contract 7.3: no event of a run follows the one whose callback cancelled the request."""
    lifecycle, log = Lifecycle(), list[int]()

    def take(_: Any, current: int, _total: int) -> None:
        log.append(current)
        if current == 16:
            lifecycle.cancel()

    made = callbacks(on_progress=take)

    assert 2 == run_progress(made, run_of(5), 9, None, lifecycle)
    assert 0 == run_progress(made, run_of(5), 9, None, lifecycle)
    assert [8, 16] == log


def test_6_3_a_run_that_a_callback_delivers_on() -> None:
    """Contract 6.3: an event is out of its run before its callback is called, which may deliver the rest."""
    log: list[int] = []
    run = run_of(4)

    def take(_: Any, current: int, _total: int) -> None:
        log.append(current)
        if current == 16:
            assert 2 == run_progress(made, run, 9, None, Lifecycle())

    made = callbacks(on_progress=take)

    assert 2 == run_progress(made, run, 9, None, Lifecycle())
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
        run_progress(made, run, 9, None, Lifecycle())
    assert 1 == run_progress(made, run, 9, None, Lifecycle())

    assert [8, 16, 24] == log


def test_8_5_the_budget_within_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.5: after each event the time is looked at; one event is delivered in any case."""
    now = 0.0

    def take(*_: Any) -> None:
        nonlocal now
        now += 1.0

    monkeypatch.setattr("urlrequest._client.callbacks.monotonic", lambda: now)
    made = callbacks(on_progress=take)

    assert 3 == run_progress(made, run_of(9), 9, 2.5, Lifecycle())
    assert 1 == run_progress(made, run_of(9), 9, 2.5, Lifecycle())


def test_3_7_callbacks_are_let_go_of() -> None:
    """Contract 3.7: once forgotten, no callback is held."""
    made = Callbacks(*[print] * 9)
    drop_callbacks(made)

    assert [None] * 9 == [getattr(made, name) for name in _NAMES]


def test_3_4_on_finish_is_a_callback_for_every_outcome() -> None:
    """Contract 3.4: a request with on_finish alone has a callback for every outcome."""
    assert has_callback(callbacks(on_finish=print), "on_error")
    assert has_callback(callbacks(on_error=print), "on_error")
    assert not has_callback(callbacks(on_error=print), "on_success")
