"""Plain requests that need no worker: who has their connection, step by step.

The watch is held: it only notes what it is asked to do, and the test makes its looks. So each order of events is made
on purpose.
"""

from __future__ import annotations

import os
import select
import signal as signals
import socket
import threading
from fractions import Fraction
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from support.deliveries import ReadingHook
from support.messages import head
from support.servers import full_port
from support.waiting import wait_until
from support.watches import HeldWatch, hold_watch, look_until_finished, slots
from urlrequest import HTTPConnection, Session, UrlRequest, hooks
from urlrequest._client import flight as flight_module
from urlrequest._concurrency import worker_pool
from urlrequest._concurrency.worker_pool import WorkerPool
from urlrequest._engine import exchange, places
from urlrequest._engine import launch as launch_module
from urlrequest._engine.launch import Launched
from urlrequest._engine.options import MAX_DATA
from urlrequest._http1.connection import Connection
from urlrequest._net import loopback
from urlrequest.errors import DeadlineExceeded
from urlrequest.testing import Server, close, finish, hold, receive, send, signal, wait_closed, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest._client.flight import Flight

OK = head(2) + b"ok"


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> HeldWatch:
    return hold_watch(monkeypatch)


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    """A session that has a connection to the server, over which the next plain request is launched."""
    with Session(server.url) as session:
        session.base_url = None  # a request with a whole URL is a plain one
        yield session


def connect(server: Server, session: Session, *steps: Any) -> None:
    """Make the first request, whose connection goes on with these steps when the next request has come."""
    server.play(send(OK), receive(), *steps)
    first = UrlRequest(server.url, session=session)
    assert first.wait(timeout=20)
    first.join(20)
    assert "ok" == first.result


def launch(server: Server, session: Session, **options: Any) -> UrlRequest:
    request = UrlRequest(server.url, session=session, **options)
    assert flight_of(request) is not None, "it was launched"
    return request


def flight_of(request: UrlRequest) -> Any:
    return request._urlrequest_call.mailbox.flight


def await_bytes(request: UrlRequest) -> None:
    """Wait until something has come on the connection of a flight."""
    poll = select.poll()
    poll.register(flight_of(request).fileno(), select.POLLIN)
    assert poll.poll(20_000), "the server has sent something"


def test_4_5_the_waiting_thread_reads(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 4.5: a thread that waits reads the response itself; no worker and no watch have anything to do."""
    connect(server, session, send(OK))
    request = launch(server, session)
    assert ((0, 1), "running") == (slots(session), request._urlrequest_call.lifecycle.state.value)
    assert request.wait(timeout=20)

    assert ("ok", 200, None, False) == (request.result, request.resp_status, request.ident, request.is_alive())
    assert (0, 0) == slots(session)
    assert 1 == server.connection_count
    assert {"queue", "send", "first_byte", "total"} == request.timings.keys()
    watch.look()
    assert [] == watch.items


def test_4_5_the_watch_reads(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 4.5: where nobody waits, the watch reads the response; joining and polling threads go on."""
    connect(server, session, send(OK))
    request = launch(server, session)
    await_bytes(request)
    watch.look()

    assert (True, "ok", False, []) == (request.is_finished, request.result, request.is_alive(), watch.items)
    request.join(20)
    assert request.wait(timeout=20)


def test_a_thread_that_has_waited_is_alone_with_the_next_response(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the watch reads what a thread waits for, that may sleep on: the watch leaves the next response to it."""
    connect(server, session, send(OK), receive(), send(OK))
    later: list[Flight] = []
    monkeypatch.setattr(flight_module, "_is_read_by_waiting", False)
    monkeypatch.setattr(watch, "add_later", later.append)

    def be_late(_descriptor: int, _seconds: float) -> bool:
        await_bytes(request)
        watch.look()
        return False

    request = launch(server, session)
    with monkeypatch.context() as patch:
        patch.setattr(flight_module, "is_ready", be_late)
        assert request.wait(timeout=20)
    assert [] == later
    assert launch(server, session).wait(timeout=20)

    assert 1 == len(later)


def test_3_2_callbacks_run_on_the_waiting_thread(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 3.1, 3.2, 6.3: the callbacks run on the thread that waits, whoever has read."""
    connect(server, session, send(OK))
    calls: list[Any] = []
    request = launch(
        server,
        session,
        on_success=lambda _, result: calls.append((result, threading.get_ident())),
        on_finish=lambda _: calls.append("finish"),
    )
    assert request.wait(timeout=20)

    assert [("ok", threading.get_ident()), "finish"] == calls


def test_8_1_events_go_to_the_hook(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 8.1: a request with a hook is watched at once, and its callbacks wait for the hook's drain."""
    connect(server, session, send(OK))
    results: list[Any] = []
    hook = hooks.ManualHook()
    request = launch(server, session, hook=hook, on_success=lambda _, result: results.append(result))
    await_bytes(request)
    watch.look()

    assert ([], False) == (results, request.is_alive())
    hook.drain()
    assert ["ok"] == results


@pytest.fixture
def reading() -> ReadingHook:
    if not hasattr(select, "epoll"):
        pytest.skip("this system has no epoll")
    return ReadingHook()


def test_4_5_the_loop_reads(
    server: Server, session: Session, watch: HeldWatch, reading: ReadingHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 4.5, 8.4: the loop's thread reads the response and runs its callback; no other thread is needed."""
    later: list[Flight] = []
    monkeypatch.setattr(watch, "add_later", later.append)
    connect(server, session, send(OK))
    results: list[Any] = []
    request = launch(server, session, hook=reading, on_success=lambda _, result: results.append(result))
    await_bytes(request)
    reading.drain()

    assert (["ok"], True, None, []) == (results, request.is_finished, request.ident, watch.items)
    assert ((0, 0), 1) == (slots(session), len(later)), "the watch would have had it as well"
    later[0].look()
    assert ["ok"] == results


def test_4_5_the_loop_finds_something_uncommon(
    server: Server, session: Session, watch: HeldWatch, reading: ReadingHook, recorder: Any
) -> None:
    """Contract 4.5: the loop's thread leaves it to the watch, and so to a worker; it reports no error itself."""
    connect(server, session, send(b"HTTP/1.1 404 Gone\r\nContent-Length: 2\r\n\r\nno"))
    request = recorder.get(server.url, session=session, hook=reading)
    await_bytes(request)
    reading.drain()
    assert not request.is_finished
    watch.look()
    request.join(20)
    wait_until(lambda: reading.drain() or request.is_finished)

    assert ("failure", 404) == (recorder.terminal, request.resp_status)


@pytest.mark.parametrize("leave", [hooks.Hook.close, hooks.Hook.leave_behind])
def test_8_4_a_hook_that_is_left_reads_no_more(
    server: Server, session: Session, watch: HeldWatch, reading: ReadingHook, leave: Callable[[hooks.Hook], None]
) -> None:
    """Contract 8.4, 2.6: a loop that was left, also that of the parent of a forked child, gets nothing more to read."""
    connect(server, session, send(OK))
    leave(reading)
    request = launch(server, session, hook=reading)
    assert (None, 1) == (reading.queue.interest_list, len(watch.items))

    assert request.wait(timeout=20)


def test_4_5_a_slow_server_is_left_to_the_watch(
    server: Server, session: Session, watch: HeldWatch, reading: ReadingHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 4.5: after a response that took long, the watch alone reads the next one; then the loop may again."""
    interest_list = reading.queue.interest_list
    assert interest_list is not None
    added: list[Any] = []
    monkeypatch.setattr(interest_list, "add", added.append)
    connect(server, session, send(OK), receive(), send(OK), receive(), send(OK))
    counts = []
    for grace in (0, inf, inf):
        monkeypatch.setattr(flight_module, "PROMPT", grace)
        request = launch(server, session, hook=reading)
        await_bytes(request)
        watch.look()
        assert "ok" == request.result
        counts.append((len(added), interest_list.is_prompt))

    assert [(1, False), (1, True), (2, True)] == counts


@pytest.mark.parametrize("has_callback", [False, True])
def test_a_connection_that_has_ended_is_not_polled_again(
    server: Server, session: Session, watch: HeldWatch, has_callback: bool
) -> None:
    """A thread that waits asks the watch once, and sleeps: the connection stays readable until the watch comes."""
    connect(server, session, close())
    server.play(send(OK))
    request = launch(server, session, **({"on_success": print} if has_callback else {}))
    await_bytes(request)
    for _ in range(2):
        assert not request.wait(timeout=0.02)
    assert 2 == len(watch.items), "it was added once, and to be looked at once"
    watch.look()
    assert request.wait(timeout=20)

    assert ("ok", 2) == (request.result, server.connection_count)


def test_two_threads_wait(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 6.3: of several threads that wait each returns, and the callback runs once."""
    connect(server, session, wait_for("go"), send(OK))
    results: list[Any] = []
    request = launch(server, session, on_success=lambda _, result: results.append(result))
    ended: list[bool] = []
    threads = [threading.Thread(target=lambda: ended.append(request.wait(timeout=20))) for _ in range(3)]
    for thread in threads:
        thread.start()
    server.signal("go")
    for thread in threads:
        thread.join(20)

    assert ([True] * 3, ["ok"], (0, 0)) == (ended, results, slots(session))


def test_one_reader_at_a_time(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant FLIGHT-1: while one thread reads, the watch and other waiting threads leave the connection alone."""
    connect(server, session, send(OK))
    request = launch(server, session)
    await_bytes(request)
    flight, others = flight_of(request), []

    def receive_meanwhile(launched: Launched, receive: Callable[[Launched], Any] = Launched.receive) -> Any:
        monkeypatch.setattr(Launched, "receive", receive)
        for read in (watch.look, flight.read):
            thread = threading.Thread(target=read)
            thread.start()
            thread.join(20)
            others.append(request.is_finished)
        flight.read()  # as a signal handler may, which waits for the request
        others.append(request.is_finished)
        return receive(launched)

    monkeypatch.setattr(Launched, "receive", receive_meanwhile)
    flight.read()

    assert ([False, False, False], "ok", [flight]) == (others, request.result, watch.items)
    watch.look()
    assert ([], (0, 0)) == (watch.items, slots(session))


@pytest.mark.parametrize("reader", ["watch", "waiting"])
def test_7_3_cancel_before_anything_has_come(
    server: Server, session: Session, watch: HeldWatch, recorder: Any, reader: str
) -> None:
    """Contract 7.1, 7.3, 7.4: on_cancel can be delivered at once; the watch closes the connection."""
    connect(server, session, signal("second"), wait_closed())
    request = recorder.get(server.url, session=session)
    server.wait("second", 20)
    assert request.cancel()
    if reader == "waiting":
        flight_of(request).read()
    assert request.wait(timeout=20)
    assert (["cancel", "finish"], True) == (recorder.names, request.is_alive())
    watch.look()

    server.wait("closed", 20)
    assert (False, (0, 0), []) == (request.is_alive(), slots(session), watch.items)


def test_7_3_cancel_while_a_thread_reads(
    server: Server, session: Session, watch: HeldWatch, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 7.3: a cancel between the last byte and the outcome wins; the connection is whole and goes on."""
    connect(server, session, send(OK), receive(), send(OK))
    request = recorder.get(server.url, session=session)
    await_bytes(request)

    def give_back(launched: Launched, give_back: Callable[[Launched], None] = Launched.give_back) -> None:
        give_back(launched)
        assert request.cancel()

    monkeypatch.setattr(Launched, "give_back", give_back)
    assert request.wait(timeout=20)
    monkeypatch.undo()

    assert (["cancel", "finish"], False, (0, 0)) == (recorder.names, request.is_alive(), slots(session))
    assert UrlRequest(server.url, session=session).wait(timeout=20)
    assert 1 == server.connection_count


def test_7_4_cancel_while_a_thread_finds_nothing(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 7.4: the watch closes the connection, also when it first looks while a thread reads it in vain."""
    connect(server, session, signal("second"), wait_closed())
    request, has_looked = launch(server, session), threading.Event()
    monkeypatch.setattr(flight_module.watch, "add_later", looked(flight_module.watch.add_later, has_looked))

    def receive_slowly(launched: Launched, receive: Callable[[Launched], Any] = Launched.receive) -> Any:
        answer = receive(launched)
        assert request.cancel()
        assert has_looked.wait(20)
        return answer

    monkeypatch.setattr(Launched, "receive", receive_slowly)
    flight_of(request).read()
    monkeypatch.undo()

    server.wait("closed", 20)
    request.join(20)
    assert (False, (0, 0)) == (request.is_alive(), slots(session))


def looked(method: Callable[[Any], None], has_looked: threading.Event) -> Callable[[Any], None]:
    """The same method of the watch, which says when it has run."""

    def run(item: Any) -> None:
        method(item)
        has_looked.set()

    return run


def test_7_3_cancel_after_the_outcome(server: Server, session: Session, watch: HeldWatch, recorder: Any) -> None:
    """Contract 7.3: a result that is settled and not delivered can still be cancelled."""
    connect(server, session, send(OK))
    request = recorder.get(server.url, session=session, hook=hooks.ManualHook())
    await_bytes(request)
    watch.look()
    assert request.cancel()
    assert request.wait(timeout=20)

    assert (["cancel", "finish"], (0, 0)) == (recorder.names, slots(session))


def test_7_1_cancel_comes_within_the_constructor(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 7.1: a cancel that comes while the request is being launched is not missed."""
    connect(server, session, signal("second"), wait_closed())

    def launch_and_cancel(*arguments: Any) -> Any:
        launched = launch_module.launch(*arguments)
        assert 1 == session.cancel_all()
        return launched

    monkeypatch.setattr(flight_module, "launch", launch_and_cancel)
    request = UrlRequest(server.url, session=session)
    watch.look()

    assert request.wait(timeout=20)
    server.wait("closed", 20)
    assert (True, False, (0, 0)) == (request.is_cancelled, request.is_alive(), slots(session))


def test_15_2_the_deadline_passes(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 15.2: at its deadline a worker ends the request, with the error that it always makes."""
    connect(server, session, wait_closed())
    request = launch(server, session, deadline=0.02)
    while request._urlrequest_call.scope.deadline.remaining():
        threading.Event().wait(0.001)
    watch.look()
    assert request.wait(timeout=20)
    request.join(20)

    assert isinstance(request.error, DeadlineExceeded)
    assert "0.02 s" in str(request.error)
    assert (0, 0) == slots(session)


def test_15_1_the_timeout_counts_from_the_sending(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 15.1: the wait of a worker goes on where that of the flight has ended; it is one step."""
    connect(server, session, wait_closed())
    request = launch(server, session, timeout=1000)
    flight = flight_of(request)
    launched = flight._launched
    launched.since -= 1001
    watch.look()
    assert request.wait(timeout=20)

    assert isinstance(request.error, TimeoutError)
    assert f"waiting for a response from 127.0.0.1:{server.port} timed out after 1000 s" == str(request.error)


UNCOMMON = {
    "extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\nok\r\n0\r\n\r\n", "ok"),
    "failure": (head(2, status="404 Not Found") + b"ok", "ok"),
    "redirect": (head(2, status="302 Found") + b"ok", "ok"),
    "interim": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, "ok"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
    "large": (head(300_000) + b"x" * 300_000, "x" * 300_000),
    "last": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok"),
    "leftover": (OK + b"HTTP", "ok"),
    "cookies": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok", "ok"),
}


@pytest.mark.parametrize("reader", ["watch", "waiting"])
@pytest.mark.parametrize("kind", UNCOMMON)
def test_a_worker_goes_on(server: Server, session: Session, watch: HeldWatch, kind: str, reader: str) -> None:
    """Invariant LAUNCH-2: a worker gets what is uncommon, with the bytes that were received; nothing is sent twice."""
    reply, result = UNCOMMON[kind]
    connect(server, session, send(reply), signal("sent"))
    request = launch(server, session)
    await_bytes(request)
    if reader == "waiting":
        flight_of(request).read()
    watch.look()
    assert request.wait(timeout=20)
    request.join(20)

    assert (result, None) == (request.result, request.error)
    assert (2, 1, (0, 0)) == (len(server.requests), server.connection_count, slots(session))
    assert request.ident is not None
    assert ({"a": "b"} if kind == "cookies" else {}) == {cookie.name: cookie.value for cookie in session.cookies}


def test_the_response_comes_in_pieces(server: Server, session: Session, watch: HeldWatch) -> None:
    """A response in a few pieces is read by several threads in turn."""
    reply = head(6) + b"abcdef"
    connect(server, session, send(reply[:20]), wait_for("1"), send(reply[20:-3]), wait_for("2"), send(reply[-3:]))
    request = launch(server, session)
    await_bytes(request)
    watch.look()
    assert not request.is_finished
    server.signal("1")
    await_bytes(request)
    flight_of(request).read()
    assert not request.is_finished
    server.signal("2")
    await_bytes(request)
    watch.look()

    assert ("abcdef", None) == (request.result, request.ident)


def test_a_response_that_drips(server: Server, session: Session, watch: HeldWatch) -> None:
    """What comes in more than a few pieces is for a worker."""
    reply = head(9) + b"abcdefghi"
    steps = [
        step for number in range(9) for step in (wait_for(str(number)), send(reply[len(reply) - 9 + number :][:1]))
    ]
    connect(server, session, send(reply[:-9]), *steps)
    request = launch(server, session)
    for number in range(9):
        if flight_of(request) is not None:
            await_bytes(request)
            watch.look()
        server.signal(str(number))
    assert request.wait(timeout=20)

    assert "abcdefghi" == request.result
    assert request.ident is not None


@pytest.mark.parametrize("reader", ["watch", "waiting"])
def test_17_10_a_connection_that_ends(server: Server, session: Session, watch: HeldWatch, reader: str) -> None:
    """Contract 17.10: a connection that the server closes in this moment is replaced without the user noticing."""
    connect(server, session, close())
    server.play(send(OK))
    request = launch(server, session)
    await_bytes(request)
    if reader == "waiting":
        flight_of(request).read()
    watch.look()
    assert request.wait(timeout=20)

    assert ("ok", None) == (request.result, request.error)
    assert 2 == server.connection_count


def test_11_2_a_body_that_is_cut(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 11.2: a body that ends too early is an error, whoever has read its beginning."""
    connect(server, session, send(head(10) + b"abc"), wait_for("read"), finish(), wait_closed())
    request = launch(server, session)
    await_bytes(request)
    watch.look()
    server.signal("read")
    await_bytes(request)
    watch.look()
    assert request.wait(timeout=20)

    assert "3 of 10 bytes" in str(request.error)


def test_fault_126_ctrl_c_before_the_watch_is_asked(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant FLIGHT-3: Ctrl-C between an uncommon response and the request for a look does not lose the look."""
    connect(server, session, send(head(2, "Content-Encoding: identity") + b"ok"))
    request = launch(server, session)
    await_bytes(request)
    watch.items.clear()
    monkeypatch.setattr(flight_module, "_readers", Readers())
    with pytest.raises(KeyboardInterrupt):
        flight_of(request).read()
    watch.look()
    assert request.wait(timeout=20)

    assert "ok" == request.result


class Readers(dict[Any, Any]):
    """Those of the flights; Ctrl-C comes right after the first is taken out."""

    is_interrupting = True

    def pop(self, *arguments: Any) -> Any:
        super().pop(*arguments)
        if self.is_interrupting:
            self.is_interrupting = False
            raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["receive", "give_back", "end_on_users_thread"])
@pytest.mark.parametrize("is_late", [False, True])
def test_fault_126_ctrl_c(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch, where: str, is_late: bool
) -> None:
    """Invariant FLIGHT-3: Ctrl-C while a waiting thread reads or ends a request loses neither it nor its slot."""
    owner: Any = flight_module_owner(where)
    connect(server, session, send(OK), receive(), send(OK))
    server.play(send(OK))
    request = launch(server, session)
    plain = getattr(owner, where)

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(owner, where, plain)
        if is_late:
            plain(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        request.wait(timeout=20)
    watch.look()
    assert request.wait(timeout=20)
    request.join(20)

    assert ("ok", None, (0, 0)) == (request.result, request.error, slots(session))


def flight_module_owner(where: str) -> type:
    from urlrequest._client.call import Call

    return Call if where == "end_on_users_thread" else Launched


def test_an_error_of_the_watch_is_left_to_a_worker(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong while the watch reads, the request does not hang."""
    connect(server, session, send(OK))
    server.play(send(OK))
    request = launch(server, session)
    await_bytes(request)

    def fail(_: Launched) -> None:
        monkeypatch.undo()
        raise MemoryError

    monkeypatch.setattr(Launched, "receive", fail)
    watch.look()
    assert request.wait(timeout=20)

    assert "ok" == request.result


def test_2_10_an_error_of_a_waiting_thread_is_left_to_a_worker(
    server: Server, session: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 2.10: a lack of memory while a thread waits and reads is an error of the request, not of its wait()."""
    connect(server, session, send(head(9) + b"part"), wait_for("more"), send(b"ial"), wait_closed())
    request = launch(server, session)
    await_bytes(request)
    flight_of(request).read()
    assert "200" in repr(request)

    receive_again = Launched.receive

    def fail(_: Launched) -> None:
        monkeypatch.setattr(Launched, "receive", receive_again)
        raise MemoryError

    monkeypatch.setattr(Launched, "receive", fail)
    server.signal("more")
    await_bytes(request)
    server.play(close())
    flight_of(request).read()
    watch.look()
    assert request.wait(timeout=20)

    assert "without response" in str(request.error)
    assert request.resp_status is None


@pytest.mark.parametrize("name", ["on_progress", "on_chunk"])
@pytest.mark.parametrize("reader", ["watch", "waiting"])
def test_3_7_a_callback_that_is_set_meanwhile(
    server: Server, session: Session, watch: HeldWatch, name: str, reader: str
) -> None:
    """Contract 3.7: one for the body counts if it is there when the response comes."""
    events: list[Any] = []
    connect(server, session, send(OK))
    request = launch(server, session)
    setattr(request, name, lambda _, *about: events.append(about))
    await_bytes(request)
    if reader == "waiting":
        flight_of(request).read()
    watch.look()
    assert request.wait(timeout=20)

    assert {"on_progress": [(0, 2), (2, 2), (2, 2)], "on_chunk": [(b"ok",)]}[name] == events


def test_3_4_the_status_of_a_request_that_is_cancelled(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 3.4: it is set whatever the outcome, once there was a head; and so are the times."""
    connect(server, session, send(head(9) + b"part"), wait_closed())
    request = launch(server, session)
    await_bytes(request)
    watch.look()
    assert request.cancel()
    watch.look()
    assert request.wait(timeout=20)

    assert 200 == request.resp_status
    assert ["queue", "send", "first_byte", "total"] == list(request.timings)


def test_2_3_a_method_that_refuses_to_be_compared(server: Server, session: Session) -> None:
    """Contract 2.3: it is an error of the request, and none of the constructor."""

    class Array:
        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth of an array is ambiguous")

        __hash__ = None  # type: ignore[assignment]  # as of arrays

    connect(server, session)
    request = UrlRequest(server.url, method=Array(), session=session)  # type: ignore[arg-type]
    assert request.wait(timeout=20)

    assert isinstance(request.error, TypeError)


def test_17_9_a_closed_session(server: Server, session: Session, watch: HeldWatch) -> None:
    """Contract 17.9: closing a session cancels what is in flight, and closes its connection."""
    connect(server, session, signal("second"), wait_closed())
    request = launch(server, session)
    server.wait("second", 20)
    session.close()
    watch.look()

    server.wait("closed", 20)
    assert (True, True, False) == (request.is_cancelled, request.is_finished, request.is_alive())


def test_17_9_flights_count(server: Server, watch: HeldWatch) -> None:
    """Contract 17.9: a request in flight has a slot; those beyond the limit start when it is over, in order."""
    with Session(max_requests=1) as session:
        connect(server, session, send(OK), receive(), send(OK), receive(), send(OK))
        first = launch(server, session)
        others = [UrlRequest(server.url, session=session) for _ in range(2)]
        assert [None, None] == [flight_of(request) for request in others]
        assert first.wait(timeout=20)
        assert (0, 1) == slots(session)
        watch.look()  # a thread that waits starts no worker: Ctrl-C may come to it
        for request in others:
            assert request.wait(timeout=20)
        assert ["ok"] * 3 == [request.result for request in (first, *others)]
        assert 1 == server.connection_count


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_fault_116_fork(server: Server, session: Session) -> None:
    """Fault 116: a forked child settles the requests in flight as errors; in the parent they go on."""
    connect(server, session, wait_for("go"), send(OK))
    request = launch(server, session)
    child = os.fork()
    if child == 0:
        has_failed = request.wait(timeout=10) and isinstance(request.error, OSError)
        again = UrlRequest(server.url, session=session, timeout=10)
        os._exit(0 if has_failed and again.wait(timeout=10) and again.result == "child" else 1)
    server.play(send(head(5) + b"child"))
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    server.signal("go")
    assert request.wait(timeout=20)

    assert ("ok", None) == (request.result, request.error)


@pytest.mark.skipif(not hasattr(signals, "pthread_kill"), reason="no signals between threads")
def test_fault_126_cancel_in_a_signal_handler(server: Server, session: Session, recorder: Any) -> None:
    """Fault 126, contract 7.1: a signal handler cancels the very request that its thread waits for."""
    connect(server, session, signal("second"), wait_closed())
    request = recorder.get(server.url, session=session)
    server.wait("second", 20)
    main = threading.get_ident()
    before = signals.signal(signals.SIGUSR1, lambda *_: request.cancel())
    try:
        helper = threading.Thread(target=lambda: signals.pthread_kill(main, signals.SIGUSR1))
        helper.start()
        assert request.wait(timeout=20)
        helper.join(20)
    finally:
        signals.signal(signals.SIGUSR1, before)

    server.wait("closed", 20)
    assert ["cancel", "finish"] == recorder.names


class Subclass(UrlRequest):
    """Any subclass goes the general way: its code must not hold up other requests."""


@pytest.mark.parametrize(
    ("options", "has_flight"),
    [
        ({}, True),
        ({"decode": False}, True),
        ({"timeout": 20, "deadline": 20}, True),
        ({"on_success": print, "on_finish": print}, True),
        ({"debug": True}, False),
        ({"on_progress": print}, False),
        ({"on_chunk": print}, False),
        ({"req_headers": {"A": "b"}, "user_agent": "me", "cookies": {"a": "b"}, "params": {"a": 1}}, True),
        ({"auth": ("ada", "pw")}, True),
        ({"params": [("a", 0.5), ("b", [True, None])]}, True),
        ({"params": {"a": iter([1, 2])}}, False),
        ({"params": {"a": Fraction(1, 2)}}, False),
        ({"req_headers": [("A", "b")] * MAX_DATA}, False),
        ({"retries": 1, "follow_redirects": True}, True),
        ({"method": "HEAD"}, False),
        ({"max_size": 10}, False),
    ],
)
def test_what_is_plain(server: Server, session: Session, options: dict[str, Any], has_flight: bool) -> None:
    """A request that asks for more than a URL, header fields and times is performed by a worker.

    So is one with values that cannot be read twice, or run code of their own.
    """
    connect(server, session, send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    request = UrlRequest(server.url, session=session, **options)
    assert has_flight is request._urlrequest_call.is_launched
    request.cancel()
    assert request.wait(timeout=20)


def test_what_is_not_launched(server: Server, session: Session, watch: HeldWatch) -> None:
    """Without an idle connection, with code of the user's, or where no more can be watched, a worker performs it."""
    server.respond("/", "ok")
    requests = [UrlRequest(server.url, session=session)]
    assert requests[0].wait(timeout=20)
    requests.append(Subclass(server.url, session=session))
    assert requests[1].wait(timeout=20)
    watch.has_room = False
    requests.append(UrlRequest(server.url, session=session))
    assert requests[2].wait(timeout=20)

    assert [False] * 3 == [request._urlrequest_call.is_launched for request in requests]


def test_a_url_with_uncommon_responses_is_left_to_workers(server: Server, session: Session) -> None:
    """After a response that only a worker can take, the next requests of that URL are not launched in vain."""
    server.respond("/", b"x" * 70_000)
    launched = []
    for _ in range(4):
        request = UrlRequest(server.url, session=session)
        launched.append(request._urlrequest_call.is_launched)
        assert request.wait(timeout=20)
        assert "x" * 70_000 == request.result

    assert [False, True, False, False] == launched


def test_a_server_with_uncommon_responses_is_left_to_workers(server: Server, session: Session) -> None:
    """The same for requests with header fields, whatever their URLs: they have the server in common."""
    server.respond("/1", b"x" * 70_000)
    server.respond("/2", b"x" * 70_000)
    launched = []
    for path in ("/1", "/2", "/1", "/2"):
        request = UrlRequest(server.url + path, req_headers={"A": "b"}, session=session)
        launched.append(request._urlrequest_call.is_launched)
        assert request.wait(timeout=20)
        assert "x" * 70_000 == request.result

    assert [False, True, False, False] == launched


@pytest.mark.parametrize(
    "options",
    [
        {"req_headers": {"A": "b", "Accept": b"x", "user-agent": None}},
        {"req_headers": [("A", "b"), ("A", "c")], "user_agent": "me"},
        {"cookies": {"a": "b"}, "params": {"a": [1, 2], "b": None}},
        {"auth": ("ada", "pw"), "params": "a=b"},
        {"follow_redirects": 3, "retries": 2},
    ],
)
def test_launch_1_the_same_is_sent(server: Server, options: dict[str, Any]) -> None:
    """Invariant LAUNCH-1: what a launch sends is what a worker sends, also of what the session adds."""
    server.respond("/api/items", "ok")
    with Session(server.url + "/api/", headers={"B": "c"}, cookies={"d": "e"}, retries=1) as session:
        launched = []
        for _ in range(2):
            request = session.request("items", **options)
            launched.append(request._urlrequest_call.is_launched)
            assert request.wait(timeout=20)
            request.join(20)
            assert "ok" == request.result
    by_worker, by_launch = server.requests

    assert [False, True] == launched
    assert (by_worker.target, by_worker.headers) == (by_launch.target, by_launch.headers)


def test_10_6_values_that_can_be_read_once(server: Server, session: Session) -> None:
    """Contract 10.6: an iterator within the parameters is read by the worker alone, wherever the request goes."""
    server.respond("/", "ok")
    with Server() as other:
        other.respond("/", "ok")
        UrlRequest(other.url, session=session).wait(timeout=20)
        request = UrlRequest(server.url, session=session, params={"a": iter([1, 2])})
        assert request.wait(timeout=20)

    assert ["/?a=1&a=2"] == [request.target for request in server.requests]


def test_the_watch_itself(server: Server, session: Session) -> None:
    """The same without a hand of the test in it: reading, cancelling and waiting for many."""
    server.respond("/", "ok")
    for _ in range(20):
        requests = [UrlRequest(server.url, session=session) for _ in range(3)]
        was_cancelled = requests[1].cancel()  # unless it was over
        for request in requests:
            assert request.wait(timeout=20)
            request.join(20)
        assert ["ok", None if was_cancelled else "ok", "ok"] == [request.result for request in requests]
    assert (0, 0) == slots(session)


# -- A connection to a server on this machine is opened by the thread that makes the request


@pytest.fixture
def known(server: Server) -> Server:
    """A server to which a worker has connected before, over a connection that is closed now."""
    server.play(send(OK), close())
    with Session() as other:
        assert UrlRequest(server.url, session=other).wait(timeout=20)
    if not loopback.IS_AT_ONCE:
        pytest.skip("connections are not there at once on this system")
    return server


def test_4_5_a_new_connection_to_this_machine(known: Server, fresh: Session, watch: HeldWatch) -> None:
    """Contract 4.5: no worker has to open it; it is kept, and its wait for a place ends with the response."""
    known.play(wait_for("go"), send(OK), receive(), send(OK))
    request = launch(known, fresh)
    assert (0, 1) == slots(fresh)
    assert [known.url.split("/")[2]] == [f"{host}:{port}" for host, port in places.waits]
    known.signal("go")
    assert request.wait(timeout=20)
    assert launch(known, fresh).wait(timeout=20)

    assert (200, "ok", type(None), None) == outcome(request)
    assert (request.ident, {}) == (None, places.waits)
    assert 2 == known.connection_count
    assert {"queue", "connect", "send", "first_byte", "total"} == request.timings.keys()
    assert (0, 0) == slots(fresh)


@pytest.mark.parametrize(
    "reply",
    [
        [send(b"HTTP/1.1 404 Gone\r\nContent-Length: 2\r\n\r\nno")],
        [close()],
        [send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"), close()],
        [send(b"SSH-2.0-server\r\n"), close()],
    ],
    ids=["failure", "nothing", "cut", "no http"],
)
def test_a_worker_goes_on_with_a_new_connection(
    known: Server, fresh: Session, watch: HeldWatch, reply: list[Any]
) -> None:
    """Invariant LAUNCH-1: with the outcome of a request that a worker has opened the connection for."""
    known.play(*reply)
    request = launch(known, fresh)
    look_until_finished(watch, request)
    assert 2 == known.connection_count
    loopback.servers.clear()
    known.play(*reply)
    with Session() as other:
        expected = UrlRequest(known.url, session=other)
        assert expected.wait(timeout=20)

    assert outcome(expected) == outcome(request)
    assert ((0, 0), {}) == (slots(fresh), places.waits)


def test_7_4_cancel_over_a_new_connection(known: Server, fresh: Session, watch: HeldWatch, recorder: Any) -> None:
    """Contract 7.4: the connection is closed, and the slot is free."""
    known.play(wait_closed(), signal("closed"))
    request = recorder.get(known.url, session=fresh)
    assert flight_of(request) is not None
    assert request.cancel()
    watch.look()
    known.wait("closed", 20)
    assert request.wait(timeout=20)

    assert ["cancel", "finish"] == recorder.names
    assert ((0, 0), {}) == (slots(fresh), places.waits)


def test_a_server_on_this_machine_that_has_gone(fresh: Session) -> None:
    """A worker says what is wrong, and notes the server again once it is back."""
    with Server() as first:
        first.respond("/", "first")
        assert UrlRequest(first.url, session=fresh).wait(timeout=20)
    request = UrlRequest(first.url, session=fresh)
    assert request.wait(timeout=20)

    assert isinstance(request.error, ConnectionRefusedError)
    assert ({}, {}, (0, 0)) == (loopback.servers, places.waits, slots(fresh))


@pytest.mark.no_leaks
def test_a_server_on_this_machine_with_too_much_to_do(fresh: Session) -> None:
    """A connection that is not there at once is given up; a worker waits for another one."""
    with full_port() as port:
        loopback.servers["127.0.0.1", port, 0] = socket.AF_INET, ("127.0.0.1", port)
        request = UrlRequest(f"http://127.0.0.1:{port}/", session=fresh, timeout=0.05)
        assert request.wait(timeout=20)
        request.join(20)

    assert isinstance(request.error, TimeoutError)
    assert f"connecting to 127.0.0.1:{port} timed out" in str(request.error)
    assert ({}, {}, (0, 0)) == (loopback.servers, places.waits, slots(fresh))


# -- A worker sends the request over a new connection, and leaves the wait for the response to the watch


@pytest.fixture
def _crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request is enough for its worker to leave it."""
    monkeypatch.setattr(worker_pool, "CROWD", 0)


@pytest.fixture
def fresh() -> Iterator[Session]:
    """A session that has no connection."""
    with Session() as session:
        yield session


def left(url: str, session: Session, **options: Any) -> UrlRequest:
    """A request that its worker has left."""
    request = UrlRequest(url, session=session, **options)
    wait_until(lambda: flight_of(request) is not None, "the worker leaves the request")
    return request


def outcome(request: UrlRequest) -> tuple[Any, ...]:
    error = request.error
    return request.resp_status, request.result, type(error), None if error is None else str(error)


@pytest.mark.usefixtures("_crowd")
def test_4_5_a_worker_leaves(server: Server, fresh: Session, watch: HeldWatch) -> None:
    """Contract 4.5: the worker is free while the response is waited for, and the connection is kept afterwards."""
    server.play(wait_for("go"), send(OK), receive(), send(OK))
    request = left(server.url, fresh)
    assert (0, 1) == slots(fresh)
    server.signal("go")
    look_until_finished(watch, request)

    assert (200, "ok", type(None), None) == outcome(request)
    assert (0, 0) == slots(fresh)
    assert 1 == fresh._urlrequest_shared.pool.count
    assert {"queue", "connect", "send", "first_byte", "total"} <= request.timings.keys()
    again = UrlRequest(server.url, session=fresh)
    assert again.wait(timeout=20)
    assert 1 == server.connection_count


@pytest.mark.usefixtures("_crowd")
def test_4_5_a_waiting_thread_is_told(server: Server, fresh: Session) -> None:
    """Contract 4.5: wait() and join() end as ever."""
    server.play(wait_for("go"), send(OK))
    request = left(server.url, fresh)
    server.signal("go")

    assert request.wait(timeout=20)
    request.join(20)
    assert (200, "ok", type(None), None) == outcome(request)


@pytest.mark.usefixtures("_crowd")
@pytest.mark.parametrize(
    "reply",
    [
        [send(b"HTTP/1.1 404 Gone\r\nContent-Length: 2\r\n\r\nno")],
        [send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")],
        [close()],
        [send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"), close()],
        [send(b"SSH-2.0-server\r\n"), close()],
    ],
    ids=["failure", "chunked", "nothing", "cut", "no http"],
)
def test_a_worker_goes_on_with_what_is_uncommon(
    server: Server, fresh: Session, watch: HeldWatch, reply: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant LAUNCH-1: over the same connection, with the outcome that a request has which is not left."""
    server.play(wait_for("go"), *reply)
    request = left(server.url, fresh)
    server.signal("go")
    look_until_finished(watch, request)
    connections = server.connection_count
    monkeypatch.setattr(worker_pool, "CROWD", 1000)
    server.play(*reply)
    loopback.servers.clear()  # a worker is to have this one from its beginning
    with Session() as other:
        expected = UrlRequest(server.url, session=other)
        assert expected.wait(timeout=20)

    assert outcome(expected) == outcome(request)
    assert connections == server.connection_count - connections == 1
    assert (0, 0) == slots(fresh)
    assert {} == places.waits


@pytest.mark.usefixtures("_crowd")
def test_15_1_a_silent_server(server: Server, fresh: Session, watch: HeldWatch) -> None:
    """Contract 15.1: the timeout counts from the sending, and its error is that of every other request."""
    server.play(hold())
    request = left(server.url, fresh, timeout=0.05)
    look_until_finished(watch, request)

    assert isinstance(request.error, TimeoutError)
    assert (0, 0) == slots(fresh)
    assert {} == places.waits


@pytest.mark.usefixtures("_crowd")
def test_a_connection_that_is_refused(fresh: Session) -> None:
    """What keeps the request from being sent ends it, with a second attempt only where `perform()` makes one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    request = UrlRequest(f"http://127.0.0.1:{port}/", session=fresh)
    assert request.wait(timeout=20)
    request.join(20)

    assert isinstance(request.error, ConnectionRefusedError)
    assert (0, 0) == slots(fresh)
    assert {} == places.waits


@pytest.mark.usefixtures("_crowd")
def test_17_5_a_connection_that_is_refused_is_tried_again(
    server: Server, fresh: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 17.5: a request whose worker was about to leave it has its retries."""
    attempts = []

    def refuse_once(connection: HTTPConnection) -> socket.socket:
        attempts.append(connection)
        if len(attempts) < 2:
            raise ConnectionRefusedError("refused")
        return open_socket(connection)

    open_socket = Connection.open_socket
    monkeypatch.setattr(Connection, "open_socket", refuse_once)
    monkeypatch.setattr(exchange, "back_off", lambda _: 0.0)
    server.play(send(OK))
    request = UrlRequest(server.url, session=fresh, retries=1)
    assert request.wait(timeout=20)
    request.join(20)

    assert ("ok", None) == (request.result, request.error)
    assert 2 == len(attempts)
    assert (0, 0) == slots(fresh)
    assert {} == places.waits


@pytest.mark.usefixtures("_crowd")
def test_7_4_cancel_while_nothing_has_come(server: Server, fresh: Session, watch: HeldWatch, recorder: Any) -> None:
    """Contract 7.4: the connection is closed, and the slot is free."""
    server.play(wait_closed(), signal("closed"))
    request = recorder.get(server.url, session=fresh)
    wait_until(lambda: flight_of(request) is not None, "the worker leaves the request")
    assert request.cancel()
    watch.look()
    server.wait("closed", 20)
    assert request.wait(timeout=20)

    assert ["cancel", "finish"] == recorder.names
    assert (0, 0) == slots(fresh)
    assert {} == places.waits


@pytest.mark.usefixtures("_crowd")
def test_7_3_cancel_while_the_worker_leaves(
    server: Server, fresh: Session, watch: HeldWatch, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 7.3: a canceller that comes before there is a flight finds none to look at; the worker sees to it."""
    next_task, cancelled = WorkerPool.next_task, []

    def cancel_before(pool: WorkerPool, *arguments: Any, has_left: bool) -> Any:
        if has_left:
            cancelled.append(request.cancel())
        return next_task(pool, *arguments, has_left=has_left)

    made = threading.Event()
    monkeypatch.setattr(WorkerPool, "next_task", cancel_before)
    server.play(wait_closed(), signal("closed"))
    monkeypatch.setattr(flight_module, "send_and_leave", _after(made, flight_module.send_and_leave))
    request = recorder.get(server.url, session=fresh)
    made.set()
    wait_until(lambda: cancelled and watch.items)
    watch.look()
    server.wait("closed", 20)
    assert request.wait(timeout=20)

    assert [True] == cancelled
    assert ["cancel", "finish"] == recorder.names
    assert (0, 0) == slots(fresh)


def _after(event: threading.Event, call: Any) -> Any:
    def wait(*arguments: Any) -> Any:
        assert event.wait(20)
        return call(*arguments)

    return wait


@pytest.mark.usefixtures("_crowd")
def test_17_9_a_request_that_is_left_keeps_its_slot(server: Server, watch: HeldWatch) -> None:
    """Contract 17.9: those beyond the limit start when it is over."""
    server.play(wait_for("go"), send(OK), receive(), send(OK))
    with Session(max_requests=1) as fresh:
        first = left(server.url, fresh)
        second = UrlRequest(server.url, session=fresh)
        assert (0, 1) == slots(fresh)
        assert not server.requests[1:]
        server.signal("go")
        look_until_finished(watch, first)
        assert second.wait(timeout=20)

    assert "ok" == second.result


@pytest.mark.usefixtures("_crowd")
def test_fault_116_a_fork_while_the_worker_leaves(server: Server, fresh: Session, watch: HeldWatch) -> None:
    """Fault 116: the child closes the connection of a request that has been sent, and is left to nobody yet."""
    server.play(hold())
    request = left(server.url, fresh)
    call = request._urlrequest_call
    call.leaving, call.mailbox.flight = flight_of(request), None
    flight: Any = call.leaving

    call.fail_forked(threading.get_ident())

    assert -1 == flight.fileno()
    assert isinstance(request.error, OSError)


@pytest.mark.usefixtures("_crowd")
def test_a_worker_stays_without_a_watch(server: Server, fresh: Session, watch: HeldWatch) -> None:
    """Where the system gives no thread to watch, the worker waits itself."""
    watch.has_room = False
    server.play(send(OK))
    request = UrlRequest(server.url, session=fresh)
    assert request.wait(timeout=20)

    assert ("ok", []) == (request.result, watch.items)


@pytest.mark.usefixtures("_crowd")
def test_what_is_followed_keeps_its_worker(server: Server, fresh: Session, watch: HeldWatch) -> None:
    """A request with on_progress is no simple one, nor is one with another method than GET."""
    server.play(send(OK))
    for options in ({"on_progress": print}, {"method": "OPTIONS"}):
        server.play(send(OK))
        request = UrlRequest(server.url, session=fresh, **options)
        assert request.wait(timeout=20)

    assert [] == watch.items


@pytest.mark.usefixtures("_crowd")
@pytest.mark.parametrize("name", ["get_connection_for_scheme", "_get_connection_for_scheme"])
@pytest.mark.parametrize("is_known", [False, True])
def test_18_1_another_connection_class(
    server: Server, fresh: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch, name: str, is_known: bool
) -> None:
    """Contract 18.1: a class that was put in the place of the library's own, as tests do, makes the connection."""

    class Other(HTTPConnection):
        made = 0

        def connect(self) -> None:
            type(self).made += 1
            super().connect()

    if is_known:
        server.play(send(OK), close())
        assert UrlRequest(server.url, session=fresh).wait(timeout=20)
        watch.items.clear()
    monkeypatch.setattr(UrlRequest, name, lambda *_: Other)
    server.play(send(OK))
    request = UrlRequest(server.url, session=fresh)
    assert request.wait(timeout=20)

    assert ("ok", 1, []) == (request.result, Other.made, watch.items)


@pytest.mark.usefixtures("_crowd")
@pytest.mark.parametrize("url", ["ftp://h/", "http://h:99999/"])
def test_2_3_a_bad_url(url: str, fresh: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.3: its error is that of a request which keeps its worker."""
    request = UrlRequest(url, session=fresh)
    assert request.wait(timeout=20)
    monkeypatch.setattr(worker_pool, "CROWD", 16)
    expected = UrlRequest(url, session=fresh)
    assert expected.wait(timeout=20)

    assert outcome(expected) == outcome(request)


@pytest.mark.usefixtures("_crowd")
def test_few_requests_keep_their_workers(
    server: Server, fresh: Session, watch: HeldWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as few requests are on their way, each has its worker: that is quicker."""
    monkeypatch.setattr(worker_pool, "CROWD", 16)
    server.play(send(OK))
    request = UrlRequest(server.url, session=fresh)
    assert request.wait(timeout=20)

    assert [] == watch.items
