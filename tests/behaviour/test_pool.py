"""Connections that are used again (contract 17.10), their TLS settings and sessions (contract 13.3 and 17.9)."""

from __future__ import annotations

import os
import random
import shutil
import socket
import ssl
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from support.certificates import context_of
from support.clients import get
from support.messages import head
from support.patience import let_retries_take_their_time
from urlrequest import HTTPConnection, Session, UrlRequest, defaults, wait_all
from urlrequest._engine import launch
from urlrequest._engine import pool as pool_module
from urlrequest._http1 import interim
from urlrequest._net import tls_sessions
from urlrequest._net.stream import NetworkStream
from urlrequest.errors import IncompleteContent, ProtocolError
from urlrequest.testing import (
    Server,
    close,
    finish,
    hold,
    receive,
    receive_head,
    receive_some,
    reset,
    routes,
    send,
    signal,
    start_tls,
    wait_closed,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

REPLY = head(2) + b"ok"


def connections(server: Server) -> list[int]:
    """On which connection each request came."""
    return [request.connection for request in server.requests]


def wait_readable(session: Session) -> None:
    """Wait until something has happened on the session's idle connection."""
    (stack,) = session._urlrequest_shared.pool._idle.values()
    (connection,) = stack
    with socket.socket(fileno=os.dup(connection.sock.fileno())) as sock:
        sock.settimeout(10)
        sock.recv(1, socket.MSG_PEEK)


def test_17_10_connection_is_reused(server: Server, session: Session) -> None:
    """Requests one after the other share a connection."""
    server.respond("/", "hello")
    results = [get(session, server.url).result for _ in range(3)]

    assert ["hello"] * 3 == results
    assert [0, 0, 0] == connections(server)


@pytest.mark.parametrize("body", [b"", b"x" * 100_000])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_17_10_reused_after_bodies(
    monkeypatch: pytest.MonkeyPatch, server: Server, session: Session, method: str, body: bytes
) -> None:
    """Bodies in both directions, empty or large, leave the connection where the next request begins."""
    # Else a POST shares a connection only after another one has lasted, which depends on how fast all goes.
    monkeypatch.setattr(pool_module._History, "proves", lambda history, seconds: True)
    server.route("/*", lambda request: _reply(request.body))
    for _ in range(4):
        assert body == get(session, server.url, req_body=body, method=method).content

    assert [0, 0, 0, 0] == connections(server)


def _reply(body: bytes) -> Any:
    from urlrequest.testing import Reply

    return Reply(200, iter([body]))


def test_17_10_defaults_turn_it_off(server: Server, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """`defaults.keep_alive = False`: nothing is kept, and what was kept before is not used."""
    server.respond("/", "hello")
    get(session, server.url)
    monkeypatch.setattr(defaults, "keep_alive", False)
    get(session, server.url)
    get(session, server.url)

    assert [0, 1, 2] == connections(server)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEVIL",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
    ],
)
def test_17_10_what_cannot_be_reused(server: Server, session: Session, reply: bytes) -> None:
    """Contract 4.7 and 11.4: a doubtful end of a response is the end of its connection."""
    server.play(send(reply), hold())
    server.respond("/", "hello")
    get(session, server.url)

    assert "hello" == get(session, server.url).result
    assert [0, 1] == connections(server)


@pytest.mark.parametrize("field", [("Connection", "close"), ("connection", "Upgrade, Close")])
def test_17_10_the_request_says_that_it_is_the_last(server: Server, session: Session, field: tuple[str, str]) -> None:
    """`Connection: close` in a request ends the connection, whatever the server makes of it (RFC 9112, section 9.6)."""
    server.play(send(REPLY), wait_closed())

    assert "ok" == get(session, server.url, req_headers=[field]).result
    server.wait("closed", 20)


def test_17_10_a_body_that_was_not_read_to_its_end(server: Server, session: Session) -> None:
    """A request that is cancelled within the body takes its connection along."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), hold())
    server.respond("/", "hello")
    request = session.request(server.url, on_progress=lambda request, *_: request.cancel(), chunk_size=2)
    request.wait()

    assert request.is_cancelled
    assert "hello" == get(session, server.url).result
    assert [0, 1] == connections(server)


# Stale connections


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param([finish(), hold()], id="FIN"),
        pytest.param([reset()], id="RST"),
        pytest.param([send(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"), finish()], id="408"),
        pytest.param([send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"), hold()], id="extra octets"),
        pytest.param([send(b"\r\n"), hold()], id="an empty line"),
    ],
)
def test_17_10_what_ended_while_idle_is_replaced(
    server: Server, session: Session, ending: list[Any], method: str
) -> None:
    """Security G42: an idle connection that has something to read is not used, and nobody notices; POST neither."""
    server.play(send(REPLY), wait_for("idle"), *ending)
    server.respond("/", "hello")
    get(session, server.url)
    server.signal("idle")
    try:
        wait_readable(session)
    except ConnectionResetError:
        pass  # that is what it was waited for
    request = get(session, server.url, method=method, req_body=b"body" if method != "GET" else None)

    assert "hello" == request.result
    assert [0, 1] == connections(server)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param([close()], id="closed"),
        pytest.param([receive(), close()], id="closed after the request came"),
        pytest.param([receive(), reset()], id="RST after the request came"),
        pytest.param([receive(), send(b"HTTP/1.1 408 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")], id="408"),
    ],
)
def test_17_10_what_ends_in_the_same_moment_is_replaced(
    server: Server, session: Session, ending: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9112, section 9.3.1: a GET on a used connection that ends without an answer is sent again, once."""
    server.play(send(REPLY), wait_for("idle"), *ending)
    server.respond("/", "hello")
    get(session, server.url)
    server.signal("idle")
    # The moment between the look at the connection and its closing.
    monkeypatch.setattr(NetworkStream, "is_readable", lambda stream: False)

    assert "hello" == get(session, server.url).result
    assert 2 == server.connection_count


@pytest.mark.parametrize("ending", [close(), reset()])
@pytest.mark.parametrize("options", [{"method": "POST", "req_body": b"x"}, {"method": "PUT", "req_body": iter([b"x"])}])
def test_17_10_post_is_never_repeated(
    server: Server, session: Session, ending: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9110, section 9.2.2: what may have been done already is not done twice, nor is a body that is spent."""
    server.play(send(REPLY), receive(), ending)
    server.respond("/", "hello")
    get(session, server.url)
    monkeypatch.setattr(NetworkStream, "is_readable", lambda stream: False)
    monkeypatch.setattr(pool_module._History, "proves", lambda history, seconds: True)
    request = get(session, server.url, on_error=print, **options)

    assert isinstance(request.error, ConnectionError)
    assert 1 == server.connection_count
    assert 2 == len(server.requests)


class ClosingServer:
    """Answers POSTs, and closes each connection some milliseconds after its answer, without saying so."""

    def __init__(self, longest: float) -> None:
        self.bodies: list[bytes] = []
        self._longest = longest
        self._random = random.Random(7)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        served: list[threading.Thread] = []
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if not self._serve_one(connection):
                    break
                pause = self._random.uniform(0.001, self._longest)
                served.append(threading.Timer(pause, socket.socket.close, [connection.dup()]))
                served[-1].start()
        for timer in served:
            timer.join()

    def _serve_one(self, connection: socket.socket) -> bool:
        octets = b""
        while not octets.endswith(b"."):
            received = connection.recv(65536)
            if not received:
                return False
            octets += received
        self.bodies.append(octets.partition(b"\r\n\r\n")[2])
        connection.sendall(REPLY)
        return True

    def close(self) -> None:
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


def test_17_10_a_server_that_ends_tls_and_waits(server_context: ssl.SSLContext, ca_file: str, session: Session) -> None:
    """Contract 17.10: close_notify ends a connection, also where the server waits for ours before it closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def serve() -> None:
        for number in (2, 1):  # requests on the first connection, and on the second
            accepted, _ = listener.accept()
            accepted.settimeout(20)
            with server_context.wrap_socket(accepted, server_side=True) as connection:
                for _ in range(number - 1):
                    connection.recv(1000)
                    connection.sendall(REPLY)
                connection.recv(1000)
                if number == 1:
                    connection.sendall(REPLY)
                with suppress(OSError):
                    connection.unwrap()

    thread = threading.Thread(target=serve)
    thread.start()
    with listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        results = [get(session, url, ca_file=ca_file, deadline=20).result for _ in range(2)]
        session.close()
        thread.join(20)

    assert ["ok", "ok"] == results


@pytest.mark.clock  # a busy machine lets the server close later than it means to
def test_17_10_posts_and_a_server_that_closes_early(session: Session) -> None:
    """Contract 17.10: of 300 POSTs to a server that closes 1 to 20 ms after each answer all succeed, each sent once."""
    server = ClosingServer(longest=0.020)
    try:
        bodies = [b"%d." % number for number in range(300)]
        errors = [get(session, server.url, req_body=body).error for body in bodies]
    finally:
        server.close()

    assert [None] * 300 == errors
    assert bodies == server.bodies


def test_17_10_posts_and_a_server_that_keeps(server: Server, session: Session) -> None:
    """Contract 17.10: where connections last, POSTs share them: after a few that prove it one serves all the others."""
    server.respond("/", "hello")
    for number in range(300):
        assert "hello" == get(session, server.url, req_body=b"%d" % number).result

    assert server.connection_count < 10  # three, and one more on a busy machine


def test_17_10_a_fresh_connection_is_not_replaced(server: Server, session: Session) -> None:
    """What ends without an answer on a new connection is an error: only idle ones can be stale."""
    server.play(close())
    request = get(session, server.url, on_error=print)

    assert isinstance(request.error, ConnectionError)
    assert 1 == server.connection_count


def test_17_10_nothing_is_repeated_once_an_answer_has_begun(server: Server, session: Session) -> None:
    """An answer that breaks off on a used connection is an error."""
    server.play(send(REPLY), receive(), send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), finish())
    get(session, server.url)
    request = get(session, server.url, on_error=print)

    assert isinstance(request.error, IncompleteContent)
    assert 1 == server.connection_count


def test_17_10_keep_alive_timeout_of_the_server(server: Server, session: Session) -> None:
    """A connection that the server keeps for a second is used again at once, and kept for half of it."""
    server.respond("/", "hello", headers={"Keep-Alive": "timeout=1"})
    get(session, server.url)
    get(session, server.url)
    ((connection,),) = session._urlrequest_shared.pool._idle.values()

    assert [0, 0] == connections(server)
    assert 0.5 == pytest.approx(connection.idle_until - connection.idle_since)


@pytest.mark.parametrize(
    ("size", "status", "is_kept"), [(65_537, 413, False), (65_536, 413, True), (65_537, 200, True)]
)
def test_17_10_refused_upload(server: Server, session: Session, size: int, status: int, is_kept: bool) -> None:
    """After a large upload that was refused the connection is not kept: many servers close it all the same."""
    server.respond("/", "answer", status=status)
    get(session, server.url, method="PUT", req_body=b"x" * size)

    assert is_kept == (1 == session._urlrequest_shared.pool.count)


def test_10_5_refused_upload_of_unknown_length(server: Server, session: Session) -> None:
    """The same for a body whose length is not known before."""
    server.respond("/", "answer", status=413)
    get(session, server.url, method="PUT", req_body=iter([b"x"]))

    assert 0 == session._urlrequest_shared.pool.count


def test_10_5_route_without_100_continue(server: Server, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: where no 100 Continue came in time once, the next body is sent without waiting for it."""
    monkeypatch.setattr(interim, "CONTINUE_TIME", 0.01)
    body = b"x" * 2_000_000
    reply = head(2, "Connection: close") + b"ok"
    for _ in range(2):
        server.play(receive_head(), receive_some(len(body)), send(reply), read_request=False)
    assert "ok" == get(session, server.url, method="PUT", req_body=body).result
    monkeypatch.setattr(interim, "CONTINUE_TIME", 1000)

    assert "ok" == get(session, server.url, method="PUT", req_body=body).result


# Peers that are gone


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="no such option")
@pytest.mark.parametrize(
    ("default", "own", "expected"), [(30.0, None, 30), (12.0, None, 12), (30.0, 7, 7), (30.0, 0, None)]
)
def test_15_4_the_system_asks(
    server: Server, monkeypatch: pytest.MonkeyPatch, default: float, own: float | None, expected: int | None
) -> None:
    """Contract 15.4: the system asks whether the peer is there; `defaults` and a session say when."""
    monkeypatch.setattr(defaults, "tcp_keepalive", default)
    server.respond("/", "hello")
    with Session(tcp_keepalive=own) as session:
        get(session, server.url)
        ((connection,),) = session._urlrequest_shared.pool._idle.values()
        with socket.socket(fileno=os.dup(connection.sock.fileno())) as sock:
            asks = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            seconds = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) if asks else None

    assert expected == seconds


def test_15_4_bad_setting(server: Server) -> None:
    """Contract 2.3, 15.4: a value that is no number of seconds arrives through on_error."""
    with Session() as session:
        session.tcp_keepalive = "soon"  # type: ignore[assignment]  # that is the test

        assert isinstance(get(session, server.url, on_error=print).error, TypeError)


# What comes late


@pytest.mark.parametrize(
    "rest", [b"yyyy", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"], ids=["body", "response"]
)
@pytest.mark.parametrize(
    ("method", "reply"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    ],
    ids=["HEAD", "204", "304"],
)
def test_4_7_late_body_is_no_response(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch, method: str, reply: bytes, rest: bytes
) -> None:
    """Contract 4.7: a body that comes a moment after HEAD, 204 or 304 is never taken for the next response."""
    monkeypatch.setattr(pool_module, "SETTLING_TIME", 60.0)  # however late a busy machine sends it
    server.play(send(reply), wait_for("rest"), send(rest), hold())
    server.respond("/", "hello")
    get(session, server.url, method=method)
    threading.Timer(0.02, server.signal, ["rest"]).start()

    assert "hello" == get(session, server.url).result
    assert "hello" == get(session, server.url, method="POST").result


def test_17_10_what_is_no_response_on_a_used_connection(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 17.10: a request is silently sent again where the rest of an earlier response comes instead of one."""
    server.play(send(REPLY), receive(), send(b"yyyy"), hold())
    server.respond("/", "hello")
    get(session, server.url)

    assert "hello" == get(session, server.url).result
    assert [0, 0, 1] == connections(server)


def test_17_10_what_is_no_response_to_a_post(server: Server, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.10: a request that must be sent once is not sent again then; the error is the outcome."""
    monkeypatch.setattr("urlrequest._engine.pool._History.proves", lambda history, seconds: True)
    server.play(send(REPLY), receive(), send(b"yyyy"), hold())
    get(session, server.url)

    assert isinstance(get(session, server.url, method="POST", on_error=print).error, ProtocolError)
    assert 2 == len(server.requests)


# Connections that hold a place, or are old


class OneByOne:
    """A server of HTTP/1.1 that serves one connection until its end, and then the next."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                requests = 0
                while received := connection.recv(65536):
                    requests += 1
                    assert received.endswith(b"\r\n\r\n")
                    connection.sendall(REPLY)
                if not requests:
                    return

    def close(self) -> None:
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def one_by_one() -> Iterator[OneByOne]:
    server = OneByOne()
    yield server
    server.close()


def test_17_10_idle_connection_makes_room(one_by_one: OneByOne) -> None:
    """A server with one place answers three requests made at once, and then those of another session, and POSTs."""
    with Session(timeout=15) as session, Session(timeout=15) as other:
        requests = [session.request(one_by_one.url) for _ in range(3)]
        assert wait_all(requests, timeout=20)
        assert ["ok"] * 3 == [request.result for request in requests]
        assert "ok" == get(other, one_by_one.url).result
        for _ in range(3):
            assert "ok" == get(session, one_by_one.url, method="POST").result


def test_17_10_idle_connection_is_closed_by_itself(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle connection is closed when its time is up, although nobody uses the pool."""
    monkeypatch.setattr("urlrequest._engine.exchange.MAX_IDLE_TIME", 0.01)
    server.play(send(REPLY), wait_closed())
    get(session, server.url)

    server.wait("closed", 20)
    assert 0 == session._urlrequest_shared.pool.count


def test_17_10_retry_opens_a_new_connection(server: Server, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a timeout on a used connection the retry opens a new one, and others that are as old are closed."""
    let_retries_take_their_time(monkeypatch)
    for name in ("first", "second"):
        server.play(signal(name), wait_for("go"), send(REPLY), wait_closed(f"{name} closed"))
    server.respond("/", "hello")
    requests = [session.request(server.url) for _ in range(2)]
    for name in ("first", "second"):
        server.wait(name, 20)
    server.signal("go")
    assert wait_all(requests, timeout=20)

    assert "hello" == get(session, server.url, timeout=0.05, retries=1).result
    for name in ("first", "second"):
        server.wait(f"{name} closed", 20)


def test_17_10_refused_while_others_are_idle(server: Server, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts no more while a connection of ours is idle is asked again once that is closed."""
    server.respond("/", "hello")
    get(session, server.url)
    connect = HTTPConnection.connect

    def connect_if_there_is_room(connection: HTTPConnection) -> None:
        if session._urlrequest_shared.pool.count:
            raise ConnectionRefusedError("refused")
        connect(connection)

    monkeypatch.setattr(HTTPConnection, "connect", connect_if_there_is_room)

    assert "hello" == get(session, server.url, method="POST").result


# The key


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Path:
    """A folder with the authority's certificate under two names, and a client's certificate."""
    folder = tmp_path_factory.mktemp("files")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    shutil.copy(folder / "ca.pem", folder / "other.pem")
    authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(str(folder / "client.pem"))
    return folder


@pytest.mark.parametrize(
    "change",
    [
        {"verify": False},
        {"ca_file": "other.pem"},
        {"client_cert": "client.pem"},
        {"ssl_context": "own"},
        {"url": "https://localhost"},
    ],
)
@pytest.mark.filterwarnings("ignore:verify=False")
def test_13_3_differences_in_tls(tls_server: Server, session: Session, files: Path, change: dict[str, Any]) -> None:
    """Security F34 and F35: a connection made with other TLS settings is never shared, in either direction."""
    tls_server.respond("/", "hello")
    settings: dict[str, Any] = {"url": tls_server.url, "ca_file": files / "ca.pem"}
    other = settings | {name: files / value if value.endswith("pem") else value for name, value in change.items()
                        if isinstance(value, str)} | {name: value for name, value in change.items()
                                                      if not isinstance(value, str)}  # fmt: skip
    if "ssl_context" in change:
        other["ssl_context"] = ssl.create_default_context(cafile=str(files / "ca.pem"))
    if "url" in change:
        other["url"] = f"{change['url']}:{tls_server.port}"
    for options in (settings, other, settings, other):
        assert "hello" == get(session, **options).result

    assert [0, 1, 0, 1] == connections(tls_server)


@pytest.mark.filterwarnings("ignore:verify=False")
def test_13_3_verify_false_opens_no_door(tls_server: Server, session: Session) -> None:
    """Security F34: after a request with verify=False the next one to the same host is checked all the same."""
    tls_server.respond("/", "hello")

    assert "hello" == get(session, tls_server.url, verify=False).result
    assert isinstance(get(session, tls_server.url, on_error=print).error, ssl.SSLCertVerificationError)


def test_13_3_a_changed_ca_file(tls_server: Server, session: Session, files: Path, tmp_path: Path) -> None:
    """A certificate file that has changed makes new connections."""
    path = tmp_path / "ca.pem"
    shutil.copy(files / "ca.pem", path)
    tls_server.respond("/", "hello")
    get(session, tls_server.url, ca_file=path)
    os.utime(path, (1, 1))
    get(session, tls_server.url, ca_file=path)

    assert [0, 1] == connections(tls_server)


def test_13_3_a_ca_file_that_changes_between_plain_requests(
    tls_server: Server, session: Session, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it does for requests that need no worker, which look at the file once in a while."""
    monkeypatch.setattr(launch, "KEY_TIME", 0.0)
    path = tmp_path / "ca.pem"
    shutil.copy(files / "ca.pem", path)
    tls_server.respond("/", "hello")
    for _ in range(3):
        request = get(session, tls_server.url, ca_file=str(path))
    assert request._urlrequest_call.is_launched
    os.utime(path, (1, 1))
    get(session, tls_server.url, ca_file=str(path))

    assert [0, 0, 0, 1] == connections(tls_server)


def test_17_10_connection_classes_are_apart(server: Server, session: Session) -> None:
    """Connections of one class never serve requests that asked for another."""

    class Other(HTTPConnection):
        pass

    class OtherRequest(UrlRequest):
        def get_connection_for_scheme(self, scheme: str) -> type:
            return Other

    server.respond("/", "hello")
    get(session, server.url)
    OtherRequest(server.url, session=session).wait()
    OtherRequest(server.url, session=session).wait()

    assert [0, 1, 1] == connections(server)


def test_17_9_sessions_share_no_connections(server: Server) -> None:
    """A connection belongs to its session."""
    server.respond("/", "hello")
    with Session() as one, Session() as other:
        for session in (one, other, one):
            get(session, server.url)

    assert [0, 1, 0] == connections(server)


def test_17_9_max_idle_follows_max_requests() -> None:
    """Unless it was said, as many connections stay as can be in use: none is closed between two of many requests."""
    with Session(max_requests=100) as session, Session(max_requests=100, max_idle=3) as other:
        assert [100, 3] == [session.max_idle, other.max_idle]
        session.max_requests = other.max_requests = 200
        assert [200, 3] == [session.max_idle, other.max_idle]
        session.max_requests = 1
        assert 64 == session.max_idle == session._urlrequest_shared.pool._limit


def test_17_9_max_idle_counts(server: Server) -> None:
    """`max_idle` is how many connections stay, and may be changed at any time."""
    server.respond("/", "hello")
    with Session(max_idle=0) as session:
        get(session, server.url)
        assert 0 == session._urlrequest_shared.pool.count
        session.max_idle = 1
        get(session, server.url)
        assert 1 == session._urlrequest_shared.pool.count
        session.max_idle = 0
        assert 0 == session._urlrequest_shared.pool.count
        with pytest.raises(ValueError, match="max_idle is -1"):
            session.max_idle = -1


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_13_3_fork_uses_its_own_connections(server: Server, session: Session) -> None:
    """Contract 13.3 (process id): a forked child opens a connection of its own, and the parent's still works."""
    server.respond("/", "hello")
    get(session, server.url)
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if get(session, server.url).result == "hello" else 2
        finally:
            os._exit(status)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    get(session, server.url)

    assert [0, 1, 0] == connections(server)


# TLS sessions


@pytest.fixture
def _no_tls_sessions() -> None:
    tls_sessions.reset_after_fork()


@pytest.mark.usefixtures("_no_tls_sessions")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_sessions_are_resumed(authority: trustme.CA, ca_file: str, version: ssl.TLSVersion) -> None:
    """A new connection to a known server resumes its TLS session, across sessions of requests too."""
    context = context_of(authority.issue_cert("127.0.0.1"))
    context.minimum_version = context.maximum_version = version
    with Server(tls=context) as server:
        server.respond("/", "hello", headers={"Connection": "close"})
        for _ in range(3):
            with Session(ca_file=ca_file) as session:
                assert "hello" == get(session, server.url).result

        assert 3 == server.connection_count
    assert 2 == context.session_stats()["hits"]


@pytest.mark.usefixtures("_no_tls_sessions")
@pytest.mark.filterwarnings("ignore:verify=False")
def test_13_3_an_unchecked_tls_session_is_not_resumed(tls_server: Server, session: Session, ca_file: str) -> None:
    """Security F35: what was agreed on without a check, or for another name, does not spare the check."""
    tls_server.respond("/", "hello", headers={"Connection": "close"})
    get(session, tls_server.url, verify=False)

    assert isinstance(get(session, tls_server.url, on_error=print).error, ssl.SSLCertVerificationError)
    get(session, tls_server.url, ca_file=ca_file)
    keys = list(tls_sessions._sessions)
    assert 2 == len(keys)
    assert {ssl.CERT_NONE, ssl.CERT_REQUIRED} == {key[1] for key in keys}


@pytest.mark.usefixtures("_no_tls_sessions")
def test_tls_sessions_that_fail_are_dropped(
    authority: trustme.CA, ca_file: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot go on with its session costs one request, not all."""
    with Server(tls=context_of(authority.issue_cert("127.0.0.1"))) as server:
        server.respond("/", "hello", headers={"Connection": "close"})
        get(session, server.url, ca_file=ca_file)
        assert 1 == len(tls_sessions._sessions)
        monkeypatch.setattr(
            "ssl.SSLSocket.do_handshake",
            lambda sock: (_ for _ in ()).throw(ssl.SSLError(1, "no")),
        )
        request = session.request(server.url, ca_file=ca_file, on_error=print)
        request.wait()

    assert isinstance(request.error, ssl.SSLError)
    assert 0 == len(tls_sessions._sessions)


def test_17_10_unasked_octets_within_a_tls_record(
    session: Session, server_context: ssl.SSLContext, ca_file: str
) -> None:
    """Security G42 over TLS: octets behind a response, in its own record, are not the next response."""
    with Server() as server:
        server.play(start_tls(server_context), receive(), send(REPLY + REPLY), hold(), read_request=False)
        server.play(start_tls(server_context), routes(), read_request=False)
        server.respond("/", "hello")
        url = server.url.replace("http:", "https:")
        get(session, url, ca_file=ca_file)

        assert "hello" == get(session, url, ca_file=ca_file).result


def test_17_10_a_tls_connection_that_was_closed(session: Session, tls_server: Server, ca_file: str) -> None:
    """A close_notify while idle is noticed; a session ticket is no reason to drop a connection."""
    tls_server.play(send(REPLY), receive(), send(REPLY), signal("sent"), wait_for("idle"), finish())
    tls_server.respond("/", "hello")
    for _ in range(2):
        get(session, tls_server.url, ca_file=ca_file)
    tls_server.signal("idle")
    wait_readable(session)

    assert "hello" == get(session, tls_server.url, ca_file=ca_file).result
    assert [0, 0, 1] == connections(tls_server)


@pytest.mark.usefixtures("without_keep_alive")
def test_17_10_new_connections_start_no_timer_thread(
    server: Server, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 17.10: where no connection is idle, none has to make room for a request, and nothing is to be timed."""
    started: list[str] = []
    start = threading.Thread.start

    def start_and_note(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_and_note)
    server.respond("/", "x")
    for _ in range(3):
        assert "x" == get(session, server.url).result

    assert 3 == server.connection_count
    assert "urlrequest-timer" not in started
