"""Events (contract 3): which callbacks run, in which order, with what, and what is left afterwards."""

from __future__ import annotations

import contextvars
import gc
import logging
import re
import threading
import weakref
from typing import Any

import pytest

import urlrequest
from support.children import output_of
from support.messages import reply
from support.waiting import is_collected, wait_until
from urlrequest import Session, UrlRequest, wait_all
from urlrequest.testing import Reply, Server, hold, send, signal, wait_for

TERMINALS = ("success", "redirect", "failure", "error", "cancel")
STATUSES = {"success": 200, "redirect": 302, "failure": 500}


def bring_about(server: Server, terminal: str) -> None:
    """Script a server so that a request ends with this event."""
    if terminal == "error":
        server.play()
    elif terminal == "cancel":
        server.play(signal("sent"), hold())
    else:
        server.play(send(reply(status=f"{STATUSES[terminal]} X")))


def finish(server: Server, request: Any, terminal: str) -> None:
    if terminal == "cancel":
        server.wait("sent")
        request.cancel()


@pytest.mark.parametrize("terminal", TERMINALS)
def test_3_1_order_and_signatures(server: Server, recorder: Any, terminal: str) -> None:
    """Contract 3.1, 3.2: one terminal event with its own arguments, then on_finish, then nothing."""
    bring_about(server, terminal)
    request = recorder.get(server.url)
    finish(server, request, terminal)
    assert request.wait(timeout=20)
    request.join(20)
    urlrequest.drain()

    arguments = {"cancel": (), "error": (request.error,)}.get(terminal, ("hello",))
    assert [(terminal, arguments), ("finish", ())] == [event[:2] for event in recorder.events]
    assert (terminal == "error") is isinstance(request.error, ConnectionError)
    assert request.is_finished


def test_3_1_progress_comes_first(server: Server, recorder: Any) -> None:
    """Contract 3.1: on_progress(0, total) is the first event, and nothing comes after on_finish."""
    server.play(send(reply(b"a" * 20)))
    recorder.run(server.url, on_progress=lambda *_: None, chunk_size=8)

    assert ["progress"] * 5 + ["success", "finish"] == recorder.names
    assert (0, 20) == recorder.progress[0]


@pytest.mark.parametrize("late", [b"y" * 10, b""], ids=["more", "cut"])
def test_3_1_terminal_event_is_last(server: Server, recorder: Any, late: bytes) -> None:
    """Contract 3.1: no progress arrives after the terminal event, however late the chunk."""
    server.play(send(reply(b"x" * 10, length=20)), wait_for("cancelled"), send(late))
    request = recorder.get(server.url, on_progress=lambda req, *_: req.cancel())
    assert request.wait(timeout=20)
    server.signal("cancelled")
    request.join(20)
    urlrequest.drain()

    assert ["progress", "cancel", "finish"] == recorder.names


@pytest.mark.parametrize(
    ("status", "terminal"),
    [
        *((status, "success") for status in (200, 201, 204, 206, 226, 299)),
        *((status, "redirect") for status in (300, 301, 302, 303, 304, 307, 308, 399)),
        *((status, "failure") for status in (400, 401, 404, 418, 451, 499, 500, 503, 599, 600, 700, 999)),
    ],
)
def test_3_3_status(server: Server, recorder: Any, status: int, terminal: str) -> None:
    """Contract 3.3: 2xx is success, 3xx redirect, everything else failure."""
    part = ["Content-Range: bytes 0-0/9"] if status == 206 else []
    server.play(send(reply(b"x" if part else b"", *part, status=f"{status} X")))
    request = recorder.run(server.url, req_headers={"Range": "bytes=0-0"} if part else None)

    assert (terminal, status) == (recorder.terminal, request.resp_status)


@pytest.mark.parametrize("status", [100, 102, 103, 110, 199])
def test_3_3_interim_status_is_skipped(server: Server, recorder: Any, status: int) -> None:
    """Contract 3.3: 1xx other than 101 is not the answer."""
    server.play(send(f"HTTP/1.1 {status} X\r\n\r\n".encode() + reply()))

    assert 200 == recorder.run(server.url).resp_status


def test_3_3_switching_protocols(server: Server, recorder: Any) -> None:
    """Contract 3.3: 101 is a success without a body."""
    server.play(send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), hold())
    request = recorder.run(server.url)

    assert ("success", 101, "") == (recorder.terminal, request.resp_status, request.result)


@pytest.mark.parametrize("terminal", TERMINALS)
def test_3_4_attributes_appear_with_the_terminal_callback(server: Server, recorder: Any, terminal: str) -> None:
    """Contract 3.4: result, error, status and headers are unset until delivery, and set within the callbacks."""
    bring_about(server, terminal)
    seen: list[Any] = []

    def look(request: Any, *_: object) -> None:
        seen.append((request.is_finished, request.result, type(request.error), request.resp_status))

    request = recorder.get(server.url, **{f"on_{terminal}": look}, on_finish=look)
    finish(server, request, terminal)
    request.join(20)
    look(request)
    assert request.wait(timeout=20)

    error = type(request.error)
    status = STATUSES.get(terminal)
    assert [
        (False, None, type(None), None),
        (True, "hello" if status else None, error, status),
        (True, "hello" if status else None, error, status),
    ] == seen
    assert (request.resp_headers is None) is (status is None)


def test_3_4_status_within_progress(server: Server, recorder: Any) -> None:
    """Contract 3.4: within on_progress the response's head is there, the outcome is not."""
    server.play(send(reply()))
    seen = []
    recorder.run(
        server.url,
        on_progress=lambda request, *_: seen.append(
            (request.resp_status, request.resp_headers["content-length"], request.is_finished, request.result)
        ),
    )

    assert {(200, "5", False, None)} == set(seen)


@pytest.mark.parametrize("terminal", TERMINALS)
def test_3_4_without_callbacks_it_finishes_alone(server: Server, caplog: Any, terminal: str) -> None:
    """Contract 3.4: with no callback to run, join() and is_finished need no loop and no wait()."""
    bring_about(server, terminal)
    request = UrlRequest(server.url)
    finish(server, request, terminal)
    request.join(20)

    assert (True, False) == (request.is_finished, request.is_alive())
    assert STATUSES.get(terminal) == request.resp_status


@pytest.mark.parametrize("terminal", TERMINALS)
def test_3_4_an_unrelated_callback_does_not_delay(server: Server, terminal: str) -> None:
    """Contract 3.4: callbacks for other outcomes have nothing to run, so the request finishes alone."""
    bring_about(server, terminal)
    others = {f"on_{name}": lambda *_: None for name in TERMINALS if name != terminal}
    request = UrlRequest(server.url, **others)
    finish(server, request, terminal)
    request.join(20)

    assert request.is_finished


@pytest.mark.parametrize("terminal", TERMINALS)
def test_3_5_callbacks_run_where_events_are_drained(server: Server, recorder: Any, terminal: str) -> None:
    """Contract 3.5: no callback ever runs on the worker, for whatever outcome."""
    bring_about(server, terminal)
    request = recorder.get(server.url, on_progress=lambda *_: None)
    finish(server, request, terminal)
    assert request.wait(timeout=20)

    assert {threading.get_ident()} == {thread for _, _, thread in recorder.events}
    assert threading.get_ident() != request.ident


class Oops(Exception):
    """What a callback of these tests raises."""


def fail(*_: object) -> None:
    raise Oops


@pytest.mark.parametrize("terminal", TERMINALS)
def test_3_6_a_terminal_callback_raises(server: Server, recorder: Any, terminal: str) -> None:
    """Contract 3.6, fault 101: drain() raises the exception; on_finish still runs, once, and all is final."""
    bring_about(server, terminal)
    request = recorder.get(server.url, **{f"on_{terminal}": fail})
    finish(server, request, terminal)
    with pytest.raises(Oops):
        request.wait(timeout=20)

    assert [terminal, "finish"] == recorder.names
    assert (True, True) == (request.is_finished, request.wait(timeout=20))
    assert [terminal, "finish"] == recorder.names


def test_3_6_on_finish_raises(server: Server, recorder: Any) -> None:
    """Contract 3.6: on_finish that raises ends the request as well."""
    server.play(send(reply()))
    request = recorder.get(server.url, on_finish=fail)
    with pytest.raises(Oops):
        request.wait(timeout=20)

    assert (True, True) == (request.is_finished, request.wait(timeout=20))
    assert request not in urlrequest.g_requests


def test_3_6_both_raise(server: Server, recorder: Any) -> None:
    """Contract 3.6: where both raise, on_finish's exception has the other as its context."""
    server.play(send(reply()))
    request = recorder.get(server.url, on_success=fail, on_finish=lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError) as raised:
        request.wait(timeout=20)

    assert isinstance(raised.value.__context__, Oops)


def test_3_6_progress_raises(server: Server, recorder: Any) -> None:
    """Contract 3.6, fault 102: each exception of on_progress is reported, and none of the others is lost."""
    server.play(send(reply(b"a" * 20)))
    request = recorder.get(server.url, on_progress=fail, chunk_size=8)
    for _ in range(5):
        with pytest.raises(Oops):
            request.wait(timeout=20)
    assert request.wait(timeout=20)

    assert ["progress"] * 5 + ["success", "finish"] == recorder.names


def test_3_6_other_requests_lose_nothing(server: Server, recorder: Any) -> None:
    """Contract 3.6: drain() passes an exception on, and the next one delivers the rest."""
    server.respond("/", "hello")
    requests = [recorder.get(server.url, on_success=fail) for _ in range(3)]
    for request in requests:
        request.join(20)
    raised: list[Oops] = []

    def drain() -> bool:
        try:
            urlrequest.drain()
        except Oops as error:
            raised.append(error)
        return all(request.is_finished for request in requests)

    wait_until(drain)

    assert 3 == len(raised)
    assert ["success", "finish"] * 3 == recorder.names


def test_3_7_callbacks_may_be_replaced(server: Server, recorder: Any) -> None:
    """Contract 3.7: the on_* attributes are plain callables, and the ones of the moment of delivery run."""
    server.play(send(reply()))
    request = recorder.get(server.url)
    request.join(20)
    called: list[Any] = []
    request.on_success = lambda *arguments: called.append(arguments)
    request.on_finish = None
    assert request.wait(timeout=20)

    assert [(request, "hello")] == called
    assert [] == recorder.names


def test_3_7_on_finish_may_be_set_by_the_terminal_callback(server: Server) -> None:
    """Contract 3.7: a terminal callback may still choose the on_finish that follows it."""
    server.play(send(reply()))
    called = []

    def succeed(request: Any, _: object) -> None:
        request.on_finish = lambda _: called.append("finish")

    assert UrlRequest(server.url, on_success=succeed).wait(timeout=20)
    assert ["finish"] == called


class Widget:
    """Something whose method is a callback."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def show(self, _: object, result: Any) -> None:
        WIDGETS.append(result)


WIDGETS: list[Any] = []


def test_3_7_callbacks_are_held_strongly(server: Server) -> None:
    """Contract 3.7: a method of an object that nobody else holds is called all the same, and released then."""
    server.play(send(reply()))
    widget = Widget()
    dead = weakref.ref(widget)
    request = UrlRequest(server.url, on_success=widget.show)
    del widget
    gc.collect()
    assert request.wait(timeout=20)

    assert ("hello", True) == (WIDGETS.pop(), is_collected(dead))
    assert None is request.on_success


@pytest.mark.parametrize("terminal", TERMINALS)
def test_3_7_a_finished_request_is_collected(server: Server, terminal: str) -> None:
    """Contract 3.7: after on_finish nothing of the library holds a request that its user has dropped."""
    bring_about(server, terminal)
    request = UrlRequest(server.url, req_headers={"X": "1"}, **{f"on_{terminal}": lambda *_: None})
    finish(server, request, terminal)
    assert request.wait(timeout=20)
    request.join(20)
    dead = weakref.ref(request)
    del request

    assert is_collected(dead)


def test_3_7_a_body_is_released(server: Server) -> None:
    """Contract 3.7: what the worker needed of the options is let go of, even while the request itself is kept."""

    class Source:
        def __iter__(self) -> Any:
            return iter([b"a"])

    server.play(send(reply()))
    source = Source()
    dead = weakref.ref(source)
    request = UrlRequest(server.url, req_body=source)
    assert request.wait(timeout=20)
    request.join(20)
    kept = request.req_body is source  # contract 2.4: it reads back
    del source
    request.req_body = None

    assert (True, True) == (kept, is_collected(dead))


def test_3_7_a_dropped_request_completes(server: Server) -> None:
    """Contract 3.7: a request that nobody references is performed, and its callbacks run."""
    server.play(wait_for("dropped"), send(reply()))
    results: list[Any] = []
    done = UrlRequest(server.url, on_success=lambda _, result: results.append(result))
    dead = weakref.ref(done)
    del done
    gc.collect()
    server.signal("dropped")
    alive = dead()
    assert alive is not None
    assert alive.wait(timeout=20)

    assert ["hello"] == results


@pytest.mark.parametrize(
    ("terminal", "says"),
    [("redirect", "302"), ("failure", "500"), ("error", "without response")],
)
def test_3_8_what_nobody_hears_is_logged_once(server: Server, caplog: Any, terminal: str, says: str) -> None:
    """Contract 3.8: an error, failure or redirect without a callback is one WARNING on the logger `urlrequest`."""
    bring_about(server, terminal)
    with caplog.at_level(logging.DEBUG):
        request = UrlRequest(server.url, on_success=lambda *_: None)
        request.join(20)
        request.wait()

    (record,) = [record for record in caplog.records if record.name == "urlrequest"]
    assert logging.WARNING == record.levelno
    assert says in record.getMessage()


@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("callback", ["on_finish", None])
def test_3_8_what_is_heard_is_not_logged(server: Server, caplog: Any, terminal: str, callback: str | None) -> None:
    """Contract 3.8: with a callback for the outcome, or on_finish, nothing is logged; success and cancel never are."""
    bring_about(server, terminal)
    with caplog.at_level(logging.DEBUG):
        request = UrlRequest(server.url, **{callback or f"on_{terminal}": lambda *_: None})
        finish(server, request, terminal)
        assert request.wait(timeout=20)
        request.join(20)

    assert [] == [record for record in caplog.records if record.name == "urlrequest"]


def shown(request: Any) -> str:
    """The `repr()` of a request, without its number and port."""
    return re.sub(r"urlrequest-\d+|127\.0\.0\.1:\d+", "N", repr(request))


def test_16_3_repr_follows_a_request(server: Server) -> None:
    """Contract 16.3: it has state, method, URL without query, status, and the bytes of the body so far."""
    server.play(send(b"HTTP/1.1 404 N\r\nContent-Length: 9\r\n\r\nhello"), wait_for("rest"), send(b"more"))
    server.play(send(reply(b"x")))
    with Session(server.url, max_requests=1) as session:
        arrived = threading.Event()
        first = session.request("/a?key=1", chunk_size=1, on_progress=lambda _, now, __: now == 5 and arrived.set())
        second = session.request("/b", method="put")
        assert "<UrlRequest N: http://N/b, queued>" == shown(second)
        while not arrived.is_set():
            first.wait(timeout=0.01)
        assert "<UrlRequest N: GET http://N/a?..., running, 404, 5 bytes>" == shown(first)
        server.signal("rest")
        assert wait_all([first, second], timeout=20)

    assert "<UrlRequest N: GET http://N/a?..., finished, 404, 9 bytes>" == shown(first)
    assert "<UrlRequest N: PUT http://N/b, finished, 200, 1 bytes>" == shown(second)


def test_16_3_repr_of_a_request_without_a_response(server: Server) -> None:
    """Contract 16.3: it says which error ended the request, or that it was cancelled."""
    server.play(wait_for("never"))
    failed, bad, cancelled = UrlRequest("http://127.0.0.1:1/"), UrlRequest("http://:"), UrlRequest(server.url)
    cancelled.cancel()
    assert wait_all([failed, bad, cancelled], timeout=20)

    assert "<UrlRequest N: GET http://N/, finished, ConnectionRefusedError>" == shown(failed)
    assert "<UrlRequest N: an invalid URL, finished, InvalidURL>" == shown(bad)
    assert shown(cancelled).endswith("cancelled>")


def test_fault_106_a_request_within_a_callback(server: Server, recorder: Any) -> None:
    """Fault 106: a callback may make a request and wait for it."""
    server.respond("/", "outer")
    server.respond("/inner", "inner")
    inner: list[Any] = []

    def ask(*_: object) -> None:
        request = UrlRequest(f"{server.url}/inner")
        assert request.wait(timeout=20)
        inner.append(request.result)

    recorder.run(server.url, on_success=ask)

    assert (["inner"], ["success", "finish"]) == (inner, recorder.names)


def test_fault_106_a_thousand_requests_each_made_by_the_one_before(server: Server) -> None:
    """Fault 106: a chain of a thousand requests, each made in the callback of the last, is no recursion."""
    server.route("/", lambda _: Reply(body=b"x"))
    done = threading.Event()
    left = [1000]

    def ask(*_: object) -> None:
        left[0] -= 1
        if left[0]:
            UrlRequest(server.url, on_success=ask, on_error=lambda *_: done.set())
        else:
            done.set()

    UrlRequest(server.url, on_success=ask)
    while not done.is_set():
        urlrequest.wait_all(list(urlrequest.g_requests), timeout=20)

    assert 0 == left[0]


def test_3_5_a_lock_of_the_user_is_no_deadlock(server: Server, recorder: Any) -> None:
    """Contract 3.5: no lock of the library is held: a callback may wait for another thread that uses the request."""
    server.play(send(reply()))

    def hand_over(request: Any, *_: object) -> None:
        helper = threading.Thread(target=lambda: (request.cancel(), request.is_alive(), repr(request), request.timings))
        helper.start()
        helper.join(20)
        assert not helper.is_alive()

    recorder.run(server.url, on_success=hand_over, on_progress=hand_over)

    assert "cancel" == recorder.terminal


def test_8_9_context_of_the_maker(server: Server) -> None:
    """Contract 8.9: wait() runs callbacks in the context where the request was made, and what they set stays there."""
    server.play(send(reply(b"a" * 20)))
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    def progress(request: UrlRequest, current: int, total: int) -> None:
        seen.append(user.get())
        user.set(f"progress {current}")

    user.set("Ada")
    request = UrlRequest(
        server.url, on_progress=progress, chunk_size=10, on_finish=lambda _: seen.append(f"finish, {user.get()}")
    )
    user.set("Grace")
    assert request.wait(timeout=20)

    assert ["Ada", "progress 0", "progress 10", "progress 20", "finish, progress 20"] == seen
    assert "Grace" == user.get()


def test_8_9_wait_inside_a_callback(server: Server) -> None:
    """Contract 8.9, 6.3: a callback that waits for its own request runs the others in a copy of the context."""
    server.play(send(reply(b"a" * 20)))
    user = contextvars.ContextVar("user", default="nobody")
    seen: list[str] = []

    def progress(request: UrlRequest, current: int, total: int) -> None:
        if not current:
            user.set("Grace")
            request.wait(timeout=20)
            seen.append(user.get())

    def finish(_: UrlRequest) -> None:
        seen.append(user.get())
        user.set("nobody else")

    request = UrlRequest(server.url, on_progress=progress, on_finish=finish)
    assert request.wait(timeout=20)

    assert ["Grace", "Grace"] == seen


def test_8_9_nothing_is_kept(server: Server) -> None:
    """Contract 8.9, 3.7: a finished request keeps nothing that a context variable refers to."""
    server.respond("/", "hello")
    page = contextvars.ContextVar[Any]("page")

    class Page: ...

    def visit() -> weakref.ref[Page]:
        page.set(Page())
        requests.append(UrlRequest(server.url, on_finish=lambda _: None))
        requests[0].wait(timeout=20)
        return weakref.ref(page.get())

    requests: list[UrlRequest] = []
    found = contextvars.copy_context().run(visit)

    assert requests[0].is_finished
    assert is_collected(found)


def test_8_9_no_module_for_programs_without_variables() -> None:
    """Contract 8.9: a program that uses no context variables does not load contextvars for it.

    CPython 3.14 loads `_contextvars` with `threading`.
    """
    script = """
import sys, threading
before = "_contextvars" in sys.modules
from urlrequest import UrlRequest
UrlRequest("http://a b/", on_error=print).wait()
print("contextvars" in sys.modules or ("_contextvars" in sys.modules) != before)
"""
    assert "False" == output_of(script).splitlines()[-1]
