"""One request as worker threads, the mailbox and the engine see it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import Session
from urlrequest._client import call as call_module
from urlrequest._client.call import Call, active_calls
from urlrequest._client.callbacks import Callbacks
from urlrequest._client.shared import Shared
from urlrequest._delivery.events import Error, Success
from urlrequest._engine.options import PLAIN
from urlrequest.hooks import ManualHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest._delivery.queue import DispatchQueue

NOBODY = (None,) * 7


class Request(Callbacks, threading.Thread):
    """A request that sends nothing: what its worker does is the test's."""

    debug, url = False, "http://a.test/"

    def __init__(self, run: Callable[[], object] = lambda: None) -> None:
        threading.Thread.__init__(self, name="request")
        Callbacks.__init__(self, *NOBODY)
        self.do = run

    def run(self) -> None:
        self.do()

    def cancel(self) -> bool:
        raise NotImplementedError

    def decode_result(self, result: Any, resp: Any) -> Any:
        return "decoded", result, resp

    def get_connection_for_scheme(self, scheme: str) -> type:
        raise NotImplementedError

    def _get_connection_for_scheme(self, scheme: str) -> type:
        return {"http": int}[scheme]


@pytest.fixture
def request_() -> Request:
    return Request()


@pytest.fixture
def call(request_: Request) -> Iterator[Call]:
    """The call of `request_`; no worker has it, no thread delivers it."""
    made = Call(request_)
    active_calls[made] = request_
    yield made
    active_calls.pop(made, None)


def ends(call: Call) -> dict[str, Callable[[], object]]:
    """The two ends of a call, which come in either order."""
    call.lifecycle.settle(Success(result="x"))
    return {"worker": call.announce, "delivery": call.mailbox.deliver_all}


@pytest.mark.parametrize("order", [["worker", "delivery"], ["delivery", "worker"]], ids=str)
def test_3_7_a_call_lets_go_of_its_request_at_the_end(call: Call, request_: Request, order: list[str]) -> None:
    """Contract 3.7, CALL-2: a call keeps its request until the worker has ended and the outcome is delivered."""
    steps = ends(call)
    assert call.request is request_
    steps[order[0]]()
    assert call.request is request_
    steps[order[1]]()

    assert call.request is not request_
    assert call not in active_calls
    assert (None, True, True) == (call.options, call.has_ended, call.is_delivered)


@pytest.mark.parametrize("first", ["worker", "delivery"])
def test_3_7_one_of_two_that_end_together_lets_go(call: Call, request_: Request, first: str) -> None:
    """Contract 3.7: where one end comes between the other's note and its look, the request is let go of, too."""
    steps = ends(call)
    second = steps["delivery" if first == "worker" else "worker"]

    class Overtaken(Call):
        __slots__ = ()

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == {"worker": "has_ended", "delivery": "is_delivered"}[first]:
                call.__class__ = Call
                second()

    call.__class__ = Overtaken
    steps[first]()

    assert call.request is not request_


def test_7_1_a_canceller_that_comes_after_the_end_finds_nobody(call: Call) -> None:
    """Contract 3.7, CALL-2: one end between the note and the look of the other lets go of the request, too."""
    for step in ends(call).values():
        step()

    told = [call.has_callback(), call.wants_progress(), call.wants_upload_progress(), call.wants_chunks()]
    assert [False] * 4 == told


# On the worker


def test_6_1_a_run_that_settles_nothing_is_an_error(call: Call, request_: Request) -> None:
    """Contract 6.1, 18.2, CALL-1: whatever run() does, the request has an outcome afterwards."""
    log: list[Any] = []
    request_.on_error = lambda _, error: log.append(str(error))
    call.run()
    call.announce()
    call.mailbox.deliver_all()

    assert ["Request.run() ended without performing the request"] == log
    assert threading.get_ident() == call.worker


def test_fault_120_what_run_raises_after_the_outcome_is_reported(
    call: Call, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 120: an exception that no event can report any more goes to threading.excepthook, with the request."""
    log: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: log.append((told.exc_type, told.thread)))

    def run() -> None:
        call.lifecycle.settle(Success())
        raise ZeroDivisionError

    request_.do = run
    call.run()

    assert [(ZeroDivisionError, request_)] == log


class NeitherTrueNorFalse(Exception):
    def __bool__(self) -> bool:
        raise TypeError("it is neither true nor false")


class Odd(Request):
    """A request whose properties raise, each from the moment when the test names it."""

    raising = ""

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "raising"):
            raise ZeroDivisionError(name)
        return object.__getattribute__(self, name)


@pytest.mark.parametrize("name", ["debug", "name", "on_error", "on_chunk"])
@pytest.mark.parametrize("has_error", [True, False], ids=["error", "success"])
def test_6_1_a_property_that_raises_costs_no_outcome(
    name: str, has_error: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 6.1, CALL-1: whatever attributes of a subclass raise on the worker, the request ends, once."""
    log: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: log.append(told.exc_type))
    request = Odd()
    request.debug = True  # type: ignore[misc]  # an attribute of the class
    made = Call(request)
    monkeypatch.setitem(active_calls, made, request)

    def run() -> None:
        request.raising = name
        made._settle(Error(error=OSError()) if has_error else Success())

    request.do = run
    made.run()
    made.announce()
    with suppress(ZeroDivisionError):  # what a callback raises, its dispatch thread gets
        made.mailbox.deliver_all()

    assert (True, True, True) == (made.lifecycle.is_finished, made.has_ended, made.is_delivered)
    assert made not in active_calls
    assert {ZeroDivisionError} >= set(log)


def test_6_1_an_error_that_is_neither_true_nor_false(call: Call, request_: Request) -> None:
    """Contract 6.1: what an exception says of its truth is not asked, whether it is logged or not."""
    request_.debug = True  # type: ignore[misc]  # an attribute of the class
    error = NeitherTrueNorFalse()

    def run() -> None:
        raise error

    request_.do = run
    call.run()

    assert (True, error) == (call.lifecycle.is_finished, call.error)


def test_18_1_the_engine_asks_the_request(call: Call) -> None:
    """Contract 18.1, 18.2: the classes of connections, and the result, are what the request's methods say."""
    assert int is call.connection_class("http")
    assert ("decoded", 1, 2) == call.decode_result(1, 2)


@pytest.mark.parametrize("name", ["on_progress", "on_upload_progress", "on_chunk"])
def test_3_7_the_engine_sees_callbacks_that_are_replaced(call: Call, request_: Request, name: str) -> None:
    """Contract 3.7: the engine learns whether there is a callback from the attribute as it is now."""
    wants = {
        "on_progress": call.wants_progress,
        "on_upload_progress": call.wants_upload_progress,
        "on_chunk": call.wants_chunks,
    }[name]
    seen = [wants()]
    setattr(request_, name, print)
    seen.append(wants())
    setattr(request_, name, None)
    seen.append(wants())

    assert [False, True, False] == seen


# What is wrong with the arguments


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"session": 5}, TypeError),
        ({"hook": 5}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": "1"}, TypeError),
        ({"deadline": -1}, ValueError),
    ],
    ids=str,
)
def test_2_3_a_bad_argument_is_kept_for_on_error(
    request_: Request, arguments: dict[str, Any], error: type[Exception]
) -> None:
    """Contract 2.3: a bad value raises nothing here; performing the request brings it to on_error."""
    made = Call(request_, **arguments)
    made.is_quiet = True  # nothing is to be logged
    made.perform()
    made.announce()
    made.mailbox.deliver_all()

    assert isinstance(made.argument_error, error)
    assert made.error is made.argument_error


def test_8_1_the_queue_is_the_hooks(request_: Request) -> None:
    """Contract 8.1: a request's own hook comes before its session's, and brings the events to its queue."""
    own, of_session = ManualHook(), ManualHook()
    session = Session(hook=of_session)

    def queue_of(**arguments: Any) -> DispatchQueue:
        return Call(request_, **arguments).mailbox._queue

    assert (own.queue, of_session.queue) == (queue_of(session=session, hook=own), queue_of(session=session))


# Three races of a request that is submitted


class Workers:
    """A worker pool without a free worker."""

    def __init__(self) -> None:
        self.waiting: list[Call] = []
        self.on_admit: Callable[[Call], object] = lambda call: None

    def submit(self, call: Call) -> bool:
        self.on_admit(call)
        self.waiting.append(call)
        return False

    def remove(self, call: Call) -> bool:
        if call not in self.waiting:
            return False
        self.waiting.remove(call)
        return True


@pytest.fixture
def workers(call: Call, monkeypatch: pytest.MonkeyPatch) -> Workers:
    call.is_quiet = True  # nothing is to be logged
    workers = Workers()
    call.shared = Shared(1, None, None)
    monkeypatch.setattr(call.shared, "workers", workers)
    return workers


class Timer:
    """A timer that never comes due."""

    def __init__(self) -> None:
        self.calls: dict[Any, Any] = {}
        self.on_call: Callable[[], object] = lambda: None

    def call_at(self, when: float, key: Any, call: Any, *, until: float | None = None) -> None:
        self.on_call()
        self.calls[key] = call

    def cancel(self, key: Any) -> None:
        self.calls.pop(key, None)


@pytest.fixture
def timer(call: Call, monkeypatch: pytest.MonkeyPatch) -> Timer:
    timer = Timer()
    monkeypatch.setattr(call_module, "timer", timer)
    call.scope.deadline = type(call.scope.deadline)(1000)
    return timer


def submit(call: Call) -> None:
    call.submit(PLAIN._replace(url="http://h/"))


def test_7_2_a_cancel_before_the_request_is_in_the_queue(call: Call, workers: Workers) -> None:
    """Contract 7.2: a canceller that finds the request not yet queued leaves it to submit() to end it."""
    workers.on_admit = Call.cancel
    submit(call)

    assert ([], True, True) == (workers.waiting, call.has_ended, call.lifecycle.is_finished)


def test_15_2_a_timer_that_cannot_start(call: Call, workers: Workers, timer: Timer) -> None:
    """Contract 15.2: a queued request whose deadline nobody can keep is an error, not one without a deadline."""

    def fail() -> None:
        raise RuntimeError("no more threads")

    timer.on_call = fail
    submit(call)

    assert ([], True, "no more threads") == (workers.waiting, call.has_ended, str(call.error))


def test_15_2_an_end_before_the_timer_is_set(call: Call, workers: Workers, timer: Timer) -> None:
    """Contract 3.7, 15.2: a request that ends while its timer is being set leaves none behind."""
    timer.on_call = call.cancel
    submit(call)

    assert ({}, True) == (timer.calls, call.has_ended)


def test_15_2_the_deadline_of_a_queued_request(call: Call, workers: Workers, timer: Timer) -> None:
    """Contract 15.2: at its deadline a queued request ends with an error that says so."""
    submit(call)
    timer.calls[call]()

    assert "the request timed out: no worker thread was free within 1000 s" == str(call.error)
    assert ([], {}, True) == (workers.waiting, timer.calls, call.has_ended)


def test_fault_116_a_forked_child(call: Call, request_: Request) -> None:
    """Fault 116: in a forked child a request is an error, whatever had become of it."""
    request_.on_error = lambda *_: None
    call.lifecycle.settle(Error(error=OSError("of the parent")))
    call.fail_forked(threading.get_ident())
    call.mailbox.deliver_all()

    assert "the process was forked; the request goes on in the parent" == str(call.error)


@pytest.mark.parametrize(
    ("default", "of_session", "given", "expected"),
    [
        (None, None, None, None),
        (5.0, None, None, 5.0),
        (0.0, None, None, None),
        (5.0, 3, None, 3),
        (5.0, 3, 2, 2),
    ],
)
def test_15_1_default_timeout(
    request_: Request, default: float | None, of_session: float | None, given: float | None, expected: float | None
) -> None:
    """Contract 15.1: `socket.setdefaulttimeout()` counts where neither the request nor its session has a timeout."""
    session = Session(timeout=of_session)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(default)
    try:
        call = Call(request_, session, None, given)
    finally:
        socket.setdefaulttimeout(before)

    assert expected == call.scope.timeout
