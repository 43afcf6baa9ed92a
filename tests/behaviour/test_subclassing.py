"""Subclassing (contract 18): subclasses of UrlRequest, and connection classes of other people."""

from __future__ import annotations

import asyncio
import http.client
import io
import itertools
import json
import os
import socket
import ssl
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import urlrequest
from urlrequest import Session, UrlRequest
from urlrequest._client.call import Call
from urlrequest._concurrency.deadline import Deadline
from urlrequest._engine import pool as pool_module
from urlrequest.errors import DeadlineExceeded, IncompleteContent, UnsupportedScheme
from urlrequest.testing import Reply, Server, hold, receive, send, signal, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\nhello"
CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n"


class Duck:
    """The least that a connection class has to have; it speaks no protocol at all."""

    made: ClassVar[list[tuple[Any, ...]]] = []
    body = b"quack"
    length: int | None = 5

    def __init__(self, host: str, port: int | None = None, timeout: float | None = None) -> None:
        self.made.append((host, port, timeout))

    def request(self, method: str, url: str, body: Any = None, headers: Any = None) -> None:
        octets = b"".join(body) if body is not None and not isinstance(body, bytes) else body
        self.made.append((method, url, octets, dict(headers)))

    def getresponse(self) -> Duck:
        self._rest = io.BytesIO(self.body)
        return self

    status = 200
    reason = "Quack"

    def getheaders(self) -> list[tuple[str, str]]:
        return [] if self.length is None else [("Content-Length", str(self.length))]

    def getheader(self, name: str, default: Any = None) -> Any:
        return dict(self.getheaders()).get(name, default)

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(size)

    def close(self) -> None:
        self.made.append(("closed",))


def requesting(connection_class: type, name: str = "get_connection_for_scheme") -> type[UrlRequest]:
    """A UrlRequest whose connections are of this class."""
    return type("Own", (UrlRequest,), {name: lambda self, scheme: connection_class})


@pytest.fixture(params=["http", "https"])
def foreign(
    request: pytest.FixtureRequest, server: Server, tls_server: Server, ca_file: str
) -> tuple[Server, type[UrlRequest], dict[str, Any]]:
    """A server, a request class that reaches it by http.client's own connections, and its options."""
    if request.param == "http":
        return server, requesting(http.client.HTTPConnection), {}
    return tls_server, requesting(http.client.HTTPSConnection), {"ca_file": ca_file}


def test_18_1_foreign_class(foreign: Any, recorder: Any) -> None:
    """Contract 18.1: http.client's own classes serve, with progress, chunks and JSON."""
    server, cls, options = foreign
    server.route("/json", lambda _: Reply(body=b'{"a": [1]}', headers={"Content-Type": "application/json"}))
    server.route("/echo", lambda request: Reply(body=iter([request.body, b"!"]), headers={"X": request.method}))

    assert {"a": [1]} == recorder.run(f"{server.url}/json", cls=cls, **options).result
    echoed = recorder.run(
        f"{server.url}/echo",
        cls=cls,
        req_body=iter([b"ab", b"cd"]),
        on_progress=lambda *_: None,
        chunk_size=2,
        **options,
    )
    assert ("abcd!", "POST") == (echoed.result, echoed.resp_headers["x"])
    assert [(0, -1), (2, -1), (4, -1), (5, -1), (5, -1)] == recorder.progress
    sent = server.requests[1]
    assert (b"abcd", ["chunked"], []) == (
        sent.body,
        sent.header_values("Transfer-Encoding"),
        sent.header_values("Content-Length"),
    )
    recorder.run(f"{server.url}/json", cls=cls, req_body="sized", **options)
    assert ["5"] == server.requests[2].header_values("Content-Length")


@pytest.mark.parametrize("octets", [SHORT, CUT], ids=["sized", "chunked"])
def test_18_1_foreign_class_and_a_truncated_body(foreign: Any, recorder: Any, tmp_path: Path, octets: bytes) -> None:
    """Contract 18.1, 11.3: a truncated body is an error there too, in memory and in a file."""
    server, cls, options = foreign
    for more in ({}, {"file_path": tmp_path / "file"}, {"on_progress": lambda *_: None}):
        server.play(send(octets))
        request = recorder.run(server.url, cls=cls, **options, **more)
        assert isinstance(request.error, IncompleteContent)
    assert [] == list(tmp_path.iterdir())


def test_18_1_foreign_class_and_certificates(tls_server: Server, recorder: Any) -> None:
    """Contract 18.1, 13.1: http.client's HTTPS class checks certificates as ours does."""
    request = recorder.run(tls_server.url, cls=requesting(http.client.HTTPSConnection))

    assert isinstance(request.error, ssl.SSLCertVerificationError)


def test_18_1_foreign_class_is_cancelled(server: Server, recorder: Any) -> None:
    """Contract 18.1, 7.2: on_cancel does not wait for a connection class that blocks where it blocks."""
    server.play(signal("sent"), wait_for("delivered"))
    request = recorder.get(server.url, cls=requesting(http.client.HTTPConnection), timeout=30)
    server.wait("sent")
    request.cancel()

    assert request.wait(timeout=20)
    assert request.is_alive()
    assert ["cancel", "finish"] == recorder.names
    server.signal("delivered")
    request.join(20)


def test_18_1_duck(recorder: Any) -> None:
    """Contract 18.1: cls(host, port, timeout=...), request, getresponse and close are all that a scheme needs."""
    Duck.made.clear()
    cls = requesting(Duck)
    request = recorder.run("duck://Pond:7/a?b", cls=cls, timeout=3, req_body=b"bread", req_headers={"X": "1"})

    assert ("success", "quack") == (recorder.terminal, request.result)
    opened, sent, closed = Duck.made
    assert (("Pond", 7, 3.0), ("POST", "/a?b", b"bread"), ("closed",)) == (opened, sent[:3], closed)
    assert ("1", "5") == (sent[3]["X"], sent[3]["Content-Length"])


@pytest.mark.parametrize(("length", "is_complete"), [(5, True), (None, True), (6, False), (99, False)])
def test_18_1_duck_that_says_its_length(
    monkeypatch: pytest.MonkeyPatch, recorder: Any, length: int | None, is_complete: bool
) -> None:
    """Contract 18.1, 11.3: what a class claims as its length is counted."""
    monkeypatch.setattr(Duck, "length", length)
    request = recorder.run("duck://pond/", cls=requesting(Duck))

    assert is_complete is (request.error is None)
    assert is_complete or isinstance(request.error, IncompleteContent)


@pytest.mark.parametrize("name", ["get_connection_for_scheme", "_get_connection_for_scheme"])
def test_1_4_both_names_may_be_overridden(recorder: Any, name: str) -> None:
    """Contract 1.4, 18.1: both names of the method count."""
    assert "quack" == recorder.run("duck://pond/", cls=requesting(Duck, name)).result


@pytest.mark.parametrize("name", ["get_connection_for_scheme", "_get_connection_for_scheme"])
def test_18_1_http_may_be_overridden(recorder: Any, name: str) -> None:
    """Contract 1.4, 18.1: an override counts for http as well, be it a class's or one that its constructor sets."""

    class Own(UrlRequest):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            setattr(self, name, lambda scheme: Duck)
            super().__init__(*arguments, **options)

    for cls in (requesting(Duck, name), Own):
        assert "quack" == recorder.run("http://pond.test/", cls=cls).result


def test_18_1_unknown_scheme_asks_the_base(recorder: Any) -> None:
    """Contract 18.1, 9.4: an override may leave other schemes to the base class."""

    class Own(UrlRequest):
        def get_connection_for_scheme(self, scheme: str) -> type:
            return Duck if scheme == "duck" else super().get_connection_for_scheme(scheme)

    assert "quack" == recorder.run("DUCK://pond/", cls=Own).result
    assert isinstance(recorder.run("goose://pond/", cls=Own).error, UnsupportedScheme)


class UnixConnection(urlrequest.HTTPConnection):
    """HTTP over the Unix socket of the class."""

    path = ""

    def open_socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        self.connect_socket(sock, self.path)
        return sock


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[tuple[socket.socket, type[UrlRequest]]]:
    """A listening Unix socket, and a request class that knows its scheme."""
    if sys.platform == "win32":
        pytest.skip("no Unix sockets")
    path = os.path.relpath(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        connection = type("Own", (UnixConnection,), {"path": path})
        yield listener, requesting(connection)


def test_18_1_own_scheme(unix: Any, recorder: Any) -> None:
    """Contract 18.1: a class derived from ours needs open_socket() alone to speak through a Unix socket."""
    listener, cls = unix
    received = []

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            received.append(sock.recv(65536))
            sock.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()
    request = recorder.run("unix://somewhere/path?q", cls=cls)
    thread.join(20)

    assert {} == request.result
    assert received[0].startswith(b"GET /path?q HTTP/1.1\r\nHost: somewhere\r\n")


@pytest.mark.parametrize("end", ["cancel", "deadline"])
def test_18_1_own_scheme_is_interrupted(unix: Any, recorder: Any, end: str) -> None:
    """Contract 18.1: it keeps prompt cancel and the deadline."""
    listener, cls = unix
    request = recorder.get("unix://somewhere/", cls=cls, deadline=60)
    sock, _ = listener.accept()
    with sock:
        assert sock.recv(65536)
        if end == "cancel":
            assert request.cancel()
        else:
            request._urlrequest_call.scope.deadline = Deadline(0.01)
            request._urlrequest_call.scope.wake()
        assert request.wait(timeout=20)
        request.join(20)
        assert b"" == sock.recv(1)

    assert not request.is_alive()
    assert ("cancel" if end == "cancel" else "error") == recorder.terminal
    assert end == "cancel" or isinstance(request.error, DeadlineExceeded)


def test_18_1_own_scheme_that_is_not_there(unix: Any, recorder: Any) -> None:
    """Contract 18.1, 16.1: what open_socket() raises is the request's error."""
    listener, cls = unix
    listener.close()

    assert isinstance(recorder.run("unix://somewhere/", cls=cls).error, ConnectionRefusedError)


def test_18_1_a_connection_by_hand(server: Server) -> None:
    """Contract 18.1: our classes are http.client connections to those who use them by hand."""
    server.route("/*", lambda request: Reply(body=request.body or b"hello"))
    connection = urlrequest.HTTPConnection("127.0.0.1", server.port, timeout=5)
    bodies = []
    for body in (None, b"octets", iter([b"a", b"b"])):
        connection.request("POST", "/", body, {"X": "1"}, encode_chunked=True)
        response = connection.getresponse()
        bodies.append((response.status, response.getheader("content-length"), response.read()))
    connection.close()

    assert [(200, "5", b"hello"), (200, "6", b"octets"), (200, "2", b"ab")] == bodies
    assert isinstance(connection, http.client.HTTPConnection)


def test_18_1_head_by_hand(server: Server) -> None:
    """Contract 18.1: a request that is put together by hand is framed by its own method, and by no other's."""
    server.respond("/", "hello")
    connection = urlrequest.HTTPConnection("127.0.0.1", server.port, timeout=5)
    bodies = []
    for method in ("HEAD", "GET", "HEAD"):
        connection.putrequest(method, "/")
        connection.endheaders()
        bodies.append(connection.getresponse().read())
    connection.close()

    assert ([b"", b"hello", b""], 1) == (bodies, server.connection_count)


class WithMapping(urlrequest.HTTPConnection):
    """Sends with a field of its own, as a subclass of http.client's class would."""

    def request(self, method: str, url: str, body: Any = None, headers: Any = (), **options: Any) -> None:
        super().request(method, url, body, {**dict(headers), "X-Own": "1"}, **options)


def test_18_1_own_request_on_a_used_connection(server: Server) -> None:
    """Contract 18.1: where a subclass sends the request itself, cancel and timeout end it on a used connection too."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), receive(), hold())
    cls = requesting(WithMapping)
    with Session() as session:
        first = cls(server.url, session=session)
        assert first.wait(timeout=20)
        second = cls(server.url, session=session, timeout=0.05, on_error=lambda *_: None)
        assert second.wait(timeout=20)

    assert ("ok", True) == (first.result, isinstance(second.error, TimeoutError))
    assert [("1", 0)] * 2 == [(request.header("X-Own"), request.connection) for request in server.requests]


@pytest.mark.parametrize("make", [lambda: b"octets", lambda: iter([b"oct", b"ets"])], ids=["sized", "chunked"])
def test_18_1_own_request_with_a_body(
    server: Server, recorder: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 18.1: a body comes to such a subclass as well, and is framed as its fields say."""
    monkeypatch.setattr(pool_module._History, "proves", lambda history, seconds: True)  # a POST shares a connection
    server.route("/", lambda request: Reply(body=request.body))
    results = [recorder.run(server.url, cls=requesting(WithMapping), req_body=make()).result for _ in range(2)]

    assert ["octets"] * 2 == results
    assert [("1", 0)] * 2 == [(request.header("X-Own"), request.connection) for request in server.requests]


class WithToken(urlrequest.HTTPConnection):
    """Adds a field to those that it is given."""

    def request(self, method: str, url: str, body: Any = None, headers: Any = (), **options: Any) -> None:
        headers.append(("X-Token", "secret"))
        super().request(method, url, body, headers, **options)


def test_18_1_fields_that_a_connection_adds(server: Server, recorder: Any) -> None:
    """What a connection class adds to one request's fields is in no other request."""
    server.respond("/", "hello")
    for _ in range(3):
        recorder.run(server.url, cls=requesting(WithToken))

    assert [["secret"]] * 3 == [request.header_values("X-Token") for request in server.requests]


# decode_result and run


def test_18_2_decode_result(server: Server, recorder: Any) -> None:
    """Contract 18.2, 4.5: decode_result() runs on the worker and gets a response like http.client's."""
    seen = []

    class Own(UrlRequest):
        def decode_result(self, result: Any, resp: Any) -> Any:
            seen.append(
                (result, resp.status, resp.reason, resp.getheader("content-length"), resp.getheader("x", "none"))
            )
            seen.append(threading.get_ident() == self.ident)
            return super().decode_result(result, resp), "mine"

    server.play(send(OK))
    request = recorder.run(server.url, cls=Own)

    assert [("{}", 200, "OK", "2", "none"), True] == seen
    assert (({}, "mine"), b"{}") == (request.result, request.content)


def test_18_2_decode_result_raises(server: Server, recorder: Any) -> None:
    """Contract 18.2: what an override raises is the request's error."""

    class Own(UrlRequest):
        def decode_result(self, result: Any, resp: Any) -> Any:
            raise json.JSONDecodeError("mine", "", 0)

    server.play(send(OK))
    server.play(send(OK))
    request = recorder.run(server.url, cls=Own)
    assert isinstance(request.error, json.JSONDecodeError)
    assert "{}" == recorder.run(server.url, cls=Own, decode=False).result


def test_18_2_run(server: Server, recorder: Any) -> None:
    """Contract 18.2: run() may be overridden and call the base's, once."""
    order = []

    class Own(UrlRequest):
        before = "class"

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.before = "set"  # contract 2.5
            super().__init__(*arguments, **options)

        def run(self) -> None:
            order.append(self.before)
            super().run()
            order.append("after")

    server.play(send(OK))
    request = recorder.run(server.url, cls=Own)
    request.join(20)

    assert (["set", "after"], {}) == (order, request.result)


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, SystemExit, KeyboardInterrupt])
def test_fault_120_run_raises(server: Server, recorder: Any, error: type[BaseException]) -> None:
    """Fault 120, contract 18.2: whatever run() raises ends the request with it, before or after the base's."""

    class Own(UrlRequest):
        def run(self) -> None:
            raise error

    request = recorder.run(server.url, cls=Own)
    request.join(20)

    assert ("error", error, False) == (recorder.terminal, type(request.error), request.is_alive())


@pytest.mark.parametrize("error", [MemoryError, SystemExit])
def test_fault_120_the_engine_raises(server: Server, recorder: Any, error: type[BaseException]) -> None:
    """Fault 120: even what is no Exception ends the request, not the worker."""

    class Own(UrlRequest):
        def get_connection_for_scheme(self, scheme: str) -> type:
            raise error

    request = recorder.run(server.url, cls=Own)
    assert ("error", error) == (recorder.terminal, type(request.error))
    server.play(send(OK))
    assert {} == recorder.run(server.url).result


def test_18_2_run_that_does_nothing(server: Server, recorder: Any) -> None:
    """Contract 18.2, 3.1: a run() that never performs the request ends it with an error that says so."""

    class Idle(UrlRequest):
        def run(self) -> None:
            pass

    request = recorder.run(server.url, cls=Idle)

    assert ("error", RuntimeError, 0) == (recorder.terminal, type(request.error), server.connection_count)
    assert "Idle.run()" in str(request.error)


def test_2_5_attributes_after_the_constructor_are_late(server: Server, recorder: Any) -> None:
    """Contract 2.5: class attributes are there for the worker, as are those set before super().__init__()."""

    class Own(UrlRequest):
        answer = 42

        def decode_result(self, result: Any, resp: Any) -> Any:
            return self.answer

    server.play(send(OK))
    assert 42 == recorder.run(server.url, cls=Own).result


def test_18_1_upload_that_a_foreign_class_reads_slowly(recorder: Any) -> None:
    """Contract 18.1, 10.2: a body of unknown length comes to a foreign class as pieces of bytes."""
    Duck.made.clear()
    recorder.run("duck://pond/", cls=requesting(Duck), req_body=itertools.repeat(b"ab", 3))

    assert b"ababab" == Duck.made[1][2]


# Names of a subclass's own

# What the library's own parts are or were called, and what they use of a request; and what Thread keeps in itself.
OWN_NAMES = sorted(
    {
        "_admit", "_argument_error", "_attempt", "_begin", "_bind", "_call", "_content", "_content_type", "_end",
        "_fail", "_forget_callbacks", "_has_callback", "_has_ended", "_head", "_history", "_let_go", "_lifecycle",
        "_log", "_made_at", "_options", "_publish", "_publish_outcome", "_publish_response", "_report", "_resp_head",
        "_resp_target", "_run_callbacks", "_run_progress", "_scope", "_settle", "_target", "_waiter", "_worker",
        "begin_commit", "connection_class", "deliver_chunk", "deliver_outcome", "deliver_progress", "expire",
        "fail_forked", "has_callback", "host", "is_quiet", "is_settled", "mailbox", "publish_outcome", "see_chunk",
        "see_head", "see_hop", "see_plan", "see_progress", "session", "tell", "wants_chunks", "wants_progress",
        "wants_upload_progress", "work",
        *(name for name in dir(Call) if not name.startswith("__")),
        *(name for name in {*dir(threading.Thread), *vars(threading.Thread())} if name.startswith("_")),
    }
    - {name for name in {*dir(UrlRequest), *dir(threading.Thread)} if name.startswith("__") or name[0] != "_"}
    - {"_get_connection_for_scheme", "_dispatch_result"}
)  # fmt: skip


def never(self: Any, *_: Any, **__: Any) -> Any:
    raise AssertionError("the library takes this for its own")


def set_all(request: Any) -> None:
    for name in OWN_NAMES:
        setattr(request, name, "mine")


class SetBefore(UrlRequest):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        set_all(self)
        super().__init__(*arguments, **options)


class SetAfter(UrlRequest):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        set_all(self)


TAKING: dict[str, Any] = {
    "methods": type("Taking", (UrlRequest,), dict.fromkeys(OWN_NAMES, never)),
    "values": type("Taking", (UrlRequest,), dict.fromkeys(OWN_NAMES, "mine")),
    "properties": type("Taking", (UrlRequest,), {name: property(never) for name in OWN_NAMES}),
    "before": SetBefore,
    "after": SetAfter,
}


@pytest.mark.parametrize("cls", TAKING.values(), ids=TAKING)
@pytest.mark.parametrize(
    ("path", "options", "terminal", "others"),
    [
        ("/ok", {}, "success", {"progress"}),
        ("/ok", {"on_progress": None}, "success", set()),
        ("/ok", {"req_body": b"body", "on_upload_progress": ...}, "success", {"progress", "upload_progress"}),
        ("/ok", {"on_chunk": ...}, "success", {"progress", "chunk"}),
        ("/ok", {"file_path": "file"}, "success", {"progress"}),
        ("/moved", {}, "redirect", {"progress"}),
        ("/moved", {"follow_redirects": True, "debug": True}, "success", {"progress"}),
        ("/missing", {}, "failure", {"progress"}),
        ("unknown://", {}, "error", set()),
        ("/held", {}, "cancel", set()),
    ],
    ids=["success", "plain", "upload", "chunks", "file", "redirect", "followed", "failure", "error", "cancel"],
)
def test_18_3_any_other_name_is_a_subclasss_own(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cls: Any, path: str, options: Any, terminal: str,
    others: set[str],
) -> None:  # fmt: skip
    """Contract 18.3, 6.1: whatever else a subclass defines, and however, every event arrives and wait() ends."""
    monkeypatch.chdir(tmp_path)
    server.respond("/ok", "hello")
    server.respond("/missing", status=404)
    server.respond("/moved", status=302, headers={"Location": "/ok"})
    if terminal == "cancel":
        server.play(signal("held"), hold())
    told: list[str] = []
    callbacks = {
        f"on_{name}": lambda *_, name=name: told.append(name)
        for name in ("success", "redirect", "failure", "error", "cancel", "finish", "progress")
    }
    for name in ("upload_progress", "chunk"):
        if options.get(f"on_{name}") is ...:
            callbacks[f"on_{name}"] = lambda *_, name=name: told.append(name)
    request = cls(path if "://" in path else server.url + path, **{**options, **callbacks, **{
        name: None for name, value in options.items() if value is None
    }})  # fmt: skip
    if terminal == "cancel":
        server.wait("held")
        assert request.cancel()

    assert request.wait(timeout=20)
    assert [terminal, "finish"] == told[-2:]
    assert others == set(told[:-2])
    assert (True, terminal == "cancel") == (request.is_finished, request.is_cancelled)
    request.join(20)
    assert not request.is_alive()
    assert repr(request).startswith(f"<{cls.__name__} urlrequest-")
    if cls in {SetBefore, SetAfter}:
        assert {"mine"} == {getattr(request, name) for name in OWN_NAMES}


@pytest.mark.parametrize("cls", TAKING.values(), ids=TAKING)
def test_18_3_any_other_name_is_an_awaited_subclasss_own(server: Server, cls: Any) -> None:
    """Contract 17.8, 18.3: such a request can be awaited, waited for with others, and cancelled with all."""
    server.respond("/ok", "hello")

    async def run() -> Any:
        return await cls(f"{server.url}/ok")

    assert "hello" == asyncio.run(run()).result
    requests = [cls(f"{server.url}/ok") for _ in range(3)]
    assert requests == sorted(urlrequest.as_completed(requests, timeout=20), key=requests.index)
    assert urlrequest.wait_all(requests, timeout=20)
    with Session(max_requests=1) as session:
        server.play(signal("busy"), hold())
        requests = [session.request(server.url), *(cls(server.url, session=session) for _ in range(2))]
        server.wait("busy")
        assert 3 == session.cancel_all()
        assert urlrequest.wait_all(requests, timeout=20)


def test_18_3_a_subclass_of_the_same_name(server: Server, recorder: Any) -> None:
    """Contract 18.3: a class may be called UrlRequest, too, and have private names of its own."""
    server.respond("/", "hello")

    class UrlRequest(urlrequest.UrlRequest):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.__call = self._call = "mine"
            super().__init__(*arguments, **options)

        def decode_result(self, result: Any, resp: Any) -> Any:
            return result, self.__call, self._call

    assert ("hello", "mine", "mine") == recorder.run(server.url, cls=UrlRequest).result


def test_18_3_a_subclass_without_a_hash(server: Server, recorder: Any) -> None:
    """Contract 18.3: a class that compares by value cannot be hashed; the library does not need to."""
    server.respond("/", "hello")

    class Equal(UrlRequest):
        __hash__ = None  # type: ignore[assignment]  # as Python does for a class with __eq__

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    assert "hello" == recorder.run(server.url, cls=Equal, deadline=20).result


@pytest.mark.parametrize("how", ["method", "class attribute", "before"])
def test_2_5_callbacks_of_a_subclass(server: Server, how: str) -> None:
    """Contract 2.5, 18.3: a callback that a subclass defines is passed to the constructor, or set once it is made."""
    server.play(signal("received"), wait_for("go"), send(OK))
    log: list[Any] = []

    class Own(UrlRequest):
        if how == "method":

            def on_success(self, _: Any, result: Any) -> None:
                log.append(result)

        elif how == "class attribute":
            on_success = staticmethod(lambda _, result: log.append(result))

        def __init__(self, url: str) -> None:
            if how == "before":
                self.on_success = lambda _, result: log.append(result)
            super().__init__(url, on_success=self.on_success)

    request = Own(server.url)
    server.wait("received")
    server.signal("go")

    assert request.wait(timeout=20)
    assert [{}] == log


@pytest.mark.parametrize("how", ["wait", "cancel"])
def test_18_2_wait_and_cancel_may_be_overridden(server: Server, recorder: Any, how: str) -> None:
    """Contract 18.2: an override of wait() or cancel() runs, the base's does the work, and cancel_all() uses it."""
    server.play(signal("received"), hold())
    called: list[str] = []

    class Own(UrlRequest):
        def wait(self, delay: float | None = 0.5, timeout: float | None = None) -> bool:
            called.append("wait")
            return super().wait(delay, timeout)

        def cancel(self) -> bool:
            called.append("cancel")
            return super().cancel()

    request = recorder.get(server.url, cls=Own)
    server.wait("received")
    assert request.cancel() if how == "cancel" else 1 == urlrequest.cancel_all()

    assert request.wait(timeout=20)
    assert (["cancel", "wait"], "cancel") == (called, recorder.terminal)


# Methods of Kivy's class that are not ours


@pytest.mark.parametrize(
    "name",
    ["_dispatch_result", "_fetch_url", "_parse_url", "call_request", "close_connection", "get_all_headers",
     "get_chunks", "get_content_type", "get_response", "get_status_code", "get_total_size"],
)  # fmt: skip
def test_18_4_methods_that_kivy_would_call(name: str) -> None:
    """Contract 18.4: a subclass that defines one is warned of when it is made; one derived from it is not."""
    with pytest.warns(RuntimeWarning, match=rf"^Own\.{name}\(\) overrides a method of Kivy's UrlRequest") as warned:
        own = type("Own", (UrlRequest,), {name: never})
    assert 1 == len(warned)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        type("Further", (own,), {name: never, "run": never})


def test_18_4_methods_of_a_mixin(server: Server, recorder: Any) -> None:
    """Contract 18.4: whichever class the method comes from; every event arrives all the same."""
    server.respond("/", "hello")

    class Mixin:
        get_chunks = get_response = never

    with pytest.warns(RuntimeWarning, match="that urlrequest never calls") as warned:

        class Own(Mixin, UrlRequest):
            pass

    assert 2 == len(warned)
    assert {__file__} == {warning.filename for warning in warned}
    assert "hello" == recorder.run(server.url, cls=Own).result
