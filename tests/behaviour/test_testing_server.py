"""The scripted server (docs/reference/testing.md), seen by clients made of the standard library."""

from __future__ import annotations

import itertools
import socket
import ssl
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from support.messages import head
from urlrequest.testing import (
    MalformedRequest,
    RecordedRequest,
    Reply,
    ScriptError,
    Server,
    close,
    close_without_notify,
    finish,
    hold,
    receive,
    receive_head,
    receive_some,
    reset,
    routes,
    send,
    serve,
    signal,
    start_tls,
    trickle,
    wait_closed,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest.testing import Step

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
REPLY = head(2) + b"ok"
PATIENCE = 20  # seconds; only a failing test waits that long


def connect(server: Server, octets: bytes = b"") -> socket.socket:
    sock = socket.create_connection((server.host, server.port), PATIENCE)
    if octets:
        sock.sendall(octets)
    return sock


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def read_exactly(sock: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += sock.recv(size - len(received))
    return received


def exchange(server: Server, octets: bytes) -> bytes:
    """Everything that the server sends on one connection, which it must close."""
    with connect(server, octets) as sock:
        return read_all(sock)


@contextmanager
def broken(message: str, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that must report a broken script when it is closed."""
    with Server(tls=tls) as server:
        yield server
        with pytest.raises(ScriptError, match=message):
            server.close()


@pytest.fixture
def client(server: Server) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection(server.host, server.port, timeout=PATIENCE)) as connection:
        yield connection


@pytest.fixture
def trust(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # Debian 12's Python sets it: it hides a cut
    return context


def secure(server: Server, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(connect(server), server_hostname="localhost", suppress_ragged_eofs=False)


# -- Requests


def test_request_is_recorded_as_it_was_on_the_wire(server: Server) -> None:
    """Spelling, order and repetition of fields survive, and `raw` has every octet."""
    octets = b"PUT /a%20b?c=d?e HTTP/1.1\r\nHost: x\r\nx-TWO:  2 \r\nX-Two: 3\r\nContent-Length: 3\r\n\r\nabc"
    server.play(send(REPLY))
    exchange(server, octets)

    (request,) = server.requests
    fields = [("Host", "x"), ("x-TWO", "2"), ("X-Two", "3"), ("Content-Length", "3")]
    assert RecordedRequest("PUT", "/a%20b?c=d?e", "HTTP/1.1", fields, b"abc", octets, 0) == request
    assert ("/a%20b", "c=d?e") == (request.path, request.query)
    assert ("2", ["2", "3"], None) == (
        request.header("X-TWO"),
        request.header_values("x-two"),
        request.header("Accept"),
    )


@pytest.mark.parametrize(
    ("method", "target", "path", "query"),
    [
        ("GET", "http://host:80/a/b?c", "/a/b", "c"),
        ("GET", "http://host", "/", ""),
        ("GET", "http://host?c", "/", "c"),
        ("CONNECT", "host:443", "host:443", ""),
        ("OPTIONS", "*", "*", ""),
    ],
)
def test_path_of_every_form_of_target(method: str, target: str, path: str, query: str) -> None:
    """Path and query are found in the absolute form too, which proxies get."""
    request = RecordedRequest(method, target, "HTTP/1.1", [], b"", b"", 0)

    assert (path, query) == (request.path, request.query)


def test_chunked_request_with_trailers(server: Server) -> None:
    """Chunks are joined, extensions and trailers stay in `raw` only, and the next request is found after them."""
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"
    server.play(receive(), send(REPLY))
    exchange(server, head + body + REQUEST)

    assert [b"abc0123456789", b""] == [request.body for request in server.requests]
    assert head + body == server.requests[0].raw


def test_json_of_a_request(server: Server) -> None:
    """The body parsed, whatever its type is said to be; a ValueError where it is not JSON."""
    server.play(receive())
    exchange(server, b'POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n{"a": 1}' + REQUEST)
    sent, empty = server.requests

    assert {"a": 1} == sent.json()
    with pytest.raises(ValueError, match="Expecting value"):
        empty.json()


@pytest.mark.parametrize(
    ("framing", "body", "kept"),
    [
        (b"Content-Length: 13", b"abc0123456789", b"abc01"),
        (b"Transfer-Encoding: chunked", b"3\r\nabc\r\nA\r\n0123456789\r\n1\r\nx\r\n0\r\nX: 1\r\n\r\n", b"3\r\nabc\r\n"),
    ],
)
def test_body_beyond_the_limit_is_forgotten(framing: bytes, body: bytes, kept: bytes) -> None:
    """With `max_body` a longer body is received to its end, and its beginning is kept; so is one of just that size."""
    fitting = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde"
    with Server(max_body=5) as server:
        server.respond("/", "done", headers={"Connection": "close"})
        server.play(receive(), routes())
        exchange(server, b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n" + body + fitting + REQUEST)
        cut, whole, _ = server.requests

    assert (b"abc01", True) == (cut.body, cut.is_cut)
    assert b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n" + kept == cut.raw
    assert (b"abcde", fitting, False) == (whole.body, whole.raw, whole.is_cut)


def test_expectation_is_met_before_the_body(server: Server) -> None:
    """A client that waits for 100 gets it and is then read."""
    server.respond("/", "done", headers={"Connection": "close"})
    with connect(server, b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n") as sock:
        interim = read_exactly(sock, 25)
        sock.sendall(b"ab")
        final = read_all(sock)

    assert b"HTTP/1.1 100 Continue\r\n\r\n" == interim
    assert final.endswith(b"done")
    assert [b"ab"] == [request.body for request in server.requests]


def test_big_upload(server: Server, client: HTTPConnection) -> None:
    """Many megabytes arrive whole."""
    body = bytes(range(256)) * (1 << 15)
    server.respond("/", "got it")
    client.request("POST", "/", body)

    assert b"got it" == client.getresponse().read()
    assert body == server.requests[0].body


@pytest.mark.parametrize(
    "octets",
    [
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX : 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + bytes(2 << 20),
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * (1 << 17),
    ],
)
def test_malformed_request_fails_the_test(octets: bytes) -> None:
    """A client that sends nonsense gets a 400, and the test that made it do so fails."""
    with broken("MalformedRequest: ") as server:
        assert exchange(server, octets).startswith(b"HTTP/1.1 400 ")
        assert isinstance(server.errors[0], MalformedRequest)


# -- Replies


def test_keep_alive(server: Server, client: HTTPConnection) -> None:
    """Requests of one connection get their replies in turn, and have the number of the connection."""
    server.respond("/", "one")
    for _ in range(3):
        client.request("GET", "/")
        assert b"one" == client.getresponse().read()

    assert [0, 0, 0] == [request.connection for request in server.requests]
    assert 1 == server.connection_count


@pytest.mark.parametrize(
    ("octets", "headers"),
    [
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", {}),
        (b"GET / HTTP/1.0\r\n\r\n", {}),
        (REQUEST, {"Connection": "close"}),
        (REQUEST, {"Content-Length": "10"}),
    ],
)
def test_connection_is_closed(server: Server, octets: bytes, headers: dict[str, str]) -> None:
    """Either side can ask for the end of the connection; a false length ends it as well."""
    server.respond("/", "body", headers=headers)

    assert exchange(server, octets).endswith(b"\r\n\r\nbody")


def test_http_1_0_keep_alive(server: Server) -> None:
    """HTTP/1.0 keeps a connection that was asked to be kept."""
    server.respond("/", "body")
    kept = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    assert 2 == exchange(server, kept + b"GET / HTTP/1.0\r\n\r\n").count(b"body")


@pytest.mark.parametrize(
    ("reply", "octets"),
    [
        (Reply(), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (Reply(body="é"), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xc3\xa9"),
        (Reply(299, memoryview(b"a")), b"HTTP/1.1 299 \r\nContent-Length: 1\r\n\r\na"),
        (Reply(404, reason="Gone Fishing"), b"HTTP/1.1 404 Gone Fishing\r\nContent-Length: 0\r\n\r\n"),
        (Reply(204, b"no"), b"HTTP/1.1 204 No Content\r\n\r\n"),
        (Reply(304, b"no", {"ETag": '"1"'}), b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'),
        (
            Reply(headers=[("set-cookie", "a"), ("Set-Cookie", "b")]),
            b"HTTP/1.1 200 OK\r\nset-cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            Reply(body=[b"abc", b"", b"0123456789"]),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n",
        ),
        (
            Reply(body=[b"ab", b"cd"], headers={"content-length": "4"}),
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd",
        ),
        (
            Reply(body=b"0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ],
)
def test_reply_is_framed(server: Server, reply: Reply, octets: bytes) -> None:
    """A reply goes out with the framing it needs, and the connection lives on."""
    server.route("/", lambda request: reply)
    with connect(server, REQUEST * 2) as sock:
        sock.shutdown(socket.SHUT_WR)
        received = read_all(sock)

    assert octets * 2 == received


@pytest.mark.parametrize(
    ("body", "framing"), [(b"four", b"Content-Length: 4"), ([b"four"], b"Transfer-Encoding: chunked")]
)
def test_head_has_the_fields_of_get_and_no_body(server: Server, body: bytes, framing: bytes) -> None:
    """HEAD is answered with the framing fields alone."""
    server.respond("/", body)
    octets = exchange(server, b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")

    assert b"HTTP/1.1 200 OK\r\n" + framing + b"\r\nConnection: close\r\n\r\n" == octets


def test_pieces_to_an_old_client_end_with_the_connection(server: Server) -> None:
    """HTTP/1.0 knows no chunks."""
    server.respond("/", [b"ab", b"cd"])

    octets = exchange(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcd" == octets


# -- Routes


def test_routes(server: Server, client: HTTPConnection) -> None:
    """A path with its query goes first, then the path, then the longest prefix, then 404."""
    for path in ["/a", "/a?b=1", "/a/*", "/a/long/*"]:
        server.respond(path, path)

    def ask(target: str) -> tuple[int, bytes]:
        client.request("GET", target)
        response = client.getresponse()
        return response.status, response.read()

    assert (200, b"/a") == ask("/a")
    assert (200, b"/a?b=1") == ask("/a?b=1")
    assert (200, b"/a") == ask("/a?b=2")
    assert (200, b"/a/*") == ask("/a/x")
    assert (200, b"/a/long/*") == ask("/a/long/x")
    assert 404 == ask("/b")[0]


def test_handlers_see_the_request() -> None:
    """A route's function and the server's own one get what was recorded."""
    with Server(handler=lambda request: Reply(202, request.body)) as server:
        server.route("/up", lambda request: Reply(body=request.body.upper()))
        octets = exchange(
            server,
            b"PUT /up HTTP/1.1\r\nContent-Length: 2\r\n\r\nab"
            b"PUT /else HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\ncd",
        )

    assert octets.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nABHTTP/1.1 202 Accepted\r\n")
    assert octets.endswith(b"cd")


def test_handler_that_raises_fails_the_test(client: HTTPConnection, server: Server) -> None:
    """The client gets a 500 and the test the exception."""

    def fail(request: RecordedRequest) -> Reply:
        raise LookupError(request.path)

    server.route("/broken", fail)
    client.request("GET", "/broken")

    assert 500 == client.getresponse().status
    with pytest.raises(AssertionError, match="LookupError"):
        server.assert_idle()
    with pytest.raises(ScriptError, match="LookupError: /broken"):
        server.close()


def test_serve() -> None:
    """Replies, octets, text and JSON are served from one mapping."""
    with serve({"/reply": Reply(410, "x"), "/octets": b"\x00", "/text": "é", "/json": {"a": [1]}}) as server:
        client = HTTPConnection(server.host, server.port, timeout=PATIENCE)
        found = {}
        for path in ["/reply", "/octets", "/text", "/json"]:
            client.request("GET", path)
            response = client.getresponse()
            found[path] = (response.status, response.getheader("Content-Type"), response.read())
        client.close()

    assert (410, None, b"x") == found["/reply"]
    assert (200, "application/octet-stream", b"\x00") == found["/octets"]
    assert (200, "text/plain; charset=utf-8", "é".encode()) == found["/text"]
    assert (200, "application/json", b'{"a": [1]}') == found["/json"]


# -- Scripts


def test_scripts_are_played_in_the_order_of_connections(server: Server) -> None:
    """One script per connection; what comes after them is answered from the routes."""
    server.respond("/", "route", headers={"Connection": "close"})
    server.play(send(b"first"))
    server.play(send(b"second"))

    assert [b"first", b"second"] == [exchange(server, REQUEST) for _ in range(2)]
    assert exchange(server, REQUEST).endswith(b"route")
    assert [0, 1, 2] == [request.connection for request in server.requests]
    server.assert_idle()


def test_script_can_speak_first(server: Server) -> None:
    """With read_request=False nothing is read or recorded before the first step."""
    server.play(send(b"hello"), read_request=False)

    assert b"hello" == exchange(server, b"")
    assert [] == server.requests


def test_send_takes_an_endless_iterable(server: Server) -> None:
    """A flood lasts until the client goes away, which is no error."""
    server.play(send(itertools.repeat(b"x" * 1000)), wait_closed("gone"))
    with connect(server, REQUEST) as sock:
        read_exactly(sock, 1_000_000)
    server.wait("gone")

    server.assert_idle()


def test_trickle_sends_pieces(server: Server) -> None:
    """Every octet arrives, with the pause after each piece."""
    server.play(trickle(b"abcde", piece=2, pause=0.01))
    started = time.monotonic()

    assert b"abcde" == exchange(server, REQUEST)
    assert time.monotonic() - started >= 0.03


def test_trickle_needs_a_piece() -> None:
    """A piece of nothing would never end."""
    with pytest.raises(ValueError, match="piece is 0"):
        trickle(b"a", piece=0)


def test_receive_reads_one_more_request(server: Server) -> None:
    """A script can hold a dialogue on one connection."""
    server.play(send(b"1"), receive(), send(b"2"))

    assert b"12" == exchange(server, REQUEST * 2)
    assert 2 == len(server.requests)


def test_receive_head_leaves_the_body(server: Server) -> None:
    """The head is recorded at once, without a 100 and without waiting for the body; the rest can be taken later."""
    server.play(receive_head(), signal("head"), receive_some(3), send(b"read"), read_request=False)
    head = b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with connect(server, head) as sock:
        server.wait("head")
        sock.sendall(b"abc")
        received = read_all(sock)

    assert b"read" == received
    assert [(head, b"")] == [(request.raw, request.body) for request in server.requests]


@pytest.mark.parametrize("step", [receive(), receive_head(), receive_some(100)], ids=repr)
def test_client_that_closes_instead_is_no_error(server: Server, step: Step) -> None:
    """A request that never comes, or comes in part, ends the script quietly; its signals are still given."""
    server.play(step, send(b"not sent"), signal("after"), read_request=False)
    with connect(server, REQUEST[:10] if step.name != "receive()" else b"") as sock:
        sock.shutdown(socket.SHUT_WR)
        received = read_all(sock)

    assert b"" == received
    server.wait("after")
    server.assert_idle()
    assert [] == server.requests


def test_signals_go_both_ways(server: Server) -> None:
    """The script waits for the test and the test for the script, with nothing left to chance."""
    server.play(send(b"1"), signal("sent"), wait_for("go"), send(b"2"))
    with connect(server, REQUEST) as sock:
        server.wait("sent")
        assert b"1" == sock.recv(10)
        server.signal("go")
        assert b"2" == read_all(sock)


def test_wait_has_an_end(server: Server) -> None:
    """What nobody signals is a TimeoutError that names it."""
    with pytest.raises(TimeoutError, match="'never'"):
        server.wait("never", timeout=0.01)


def test_reset(server: Server) -> None:
    """The client sees a reset, not an end."""
    server.play(send(b"half"), wait_for("seen"), reset(), signal("reset"))
    with connect(server, REQUEST) as sock:
        assert b"half" == sock.recv(10)
        server.signal("seen")
        with pytest.raises(ConnectionResetError):
            sock.recv(10)
    server.wait("reset")


def test_finish_still_receives(server: Server) -> None:
    """After a FIN the script can read on."""
    server.play(send(b"end"), finish(), receive(), signal("received"))
    with connect(server, REQUEST) as sock:
        assert b"end" == read_all(sock)
        sock.sendall(REQUEST)
        server.wait("received")

    assert 2 == len(server.requests)


def test_end_of_script_loses_nothing(server: Server) -> None:
    """The client reads all that was sent, even when the server has not read what the client sent."""
    reply = b"x" * (1 << 20)
    server.play(receive_head(), send(reply), read_request=False)

    with connect(server, b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n12345678") as sock:
        sock.sendall(b"y" * 1000)
        assert len(reply) == len(read_all(sock))


def test_close_is_abrupt(server: Server) -> None:
    """With unread octets the system answers a close with a reset."""
    server.play(receive_head(), signal("head"), wait_for("arrived"), close(), read_request=False)
    with connect(server, REQUEST) as sock:
        server.wait("head")
        sock.sendall(b"unread")
        server.signal("arrived")
        with pytest.raises(ConnectionResetError):
            sock.recv(10)


def test_hold_reads_nothing_and_ends_with_the_client(server: Server) -> None:
    """A held connection stays open and unread; the client's going away ends it."""
    server.play(receive_head(), signal("held"), hold(), signal("gone"), read_request=False)
    with connect(server, REQUEST) as sock:
        server.wait("held")
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.sendall(bytes(64 << 20))
        with pytest.raises(TimeoutError):
            sock.recv(1)
        with pytest.raises(TimeoutError):
            server.wait("gone", timeout=0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server.wait("gone")


def test_hold_ends_where_unread_octets_wait(server: Server) -> None:
    """The client's orderly close is noticed behind octets that nobody reads."""
    server.play(receive_head(), signal("head"), hold(), signal("gone"), read_request=False)
    with connect(server, REQUEST) as sock:
        server.wait("head")
        sock.sendall(b"unread")
    server.wait("gone")


def test_wait_closed_discards_and_signals(server: Server) -> None:
    """What the client still sends is discarded; its close is signalled."""
    server.play(send(REPLY), wait_closed())
    with connect(server, REQUEST) as sock:
        read_exactly(sock, len(REPLY))
        sock.sendall(bytes(1 << 20))
        with pytest.raises(TimeoutError):
            server.wait("closed", timeout=0)
    server.wait("closed")


def test_client_that_vanishes_in_mid_send_is_no_error(server: Server) -> None:
    """The script's waits and signals go on, so that the test is not left waiting."""
    server.play(signal("sending"), send(bytes(64 << 20)), wait_for("go"), signal("done"), wait_closed())
    with connect(server, REQUEST):
        server.wait("sending")
    server.signal("go")
    server.wait("done")
    server.wait("closed")

    server.assert_idle()


def test_step_after_the_end_fails_the_test() -> None:
    """A script that contradicts itself is reported when the server closes."""
    with broken("after the sending side was closed") as server:
        server.play(finish(), send(b"too late"))
        exchange(server, REQUEST)

    server.close()


@pytest.mark.parametrize("step", [receive(), hold(), send(b"x")], ids=repr)
def test_step_after_reset_fails_the_test(step: Step) -> None:
    """Nothing can be done on a closed connection."""
    with broken("RuntimeError") as server:
        server.play(wait_for("connected"), reset(), step, read_request=False)
        with connect(server) as sock:
            server.signal("connected")
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        with pytest.raises(AssertionError):
            server.assert_idle()


def test_assert_idle_tells_what_is_left(server: Server) -> None:
    """A script that nobody played, or that still waits, is no idle server."""
    server.play(signal("there"), wait_for("go"), read_request=False)
    with pytest.raises(AssertionError, match=r"never played: .*wait_for\('go'\)"):
        server.assert_idle()
    with connect(server) as sock:
        server.wait("there")
        with pytest.raises(AssertionError, match=r"still being played.*wait_for\('go'\)"):
            server.assert_idle(timeout=0.01)
        server.signal("go")
        read_all(sock)
    server.assert_idle()


# -- TLS


def test_tls_server(tls_server: Server, trust: ssl.SSLContext) -> None:
    """Requests are answered over TLS, and the end is a clean one."""
    tls_server.respond("/", "secret", headers={"Connection": "close"})
    with secure(tls_server, trust) as sock:
        sock.sendall(REQUEST)
        assert read_all(sock).endswith(b"secret")

    assert tls_server.url.startswith("https://127.0.0.1:")
    assert [] == tls_server.tls_errors


def test_record_that_is_corrupt_is_recorded(tls_server: Server, trust: ssl.SSLContext) -> None:
    """What breaks after the handshake is the client's fault too."""
    tls_server.play(signal("over"))
    with secure(tls_server, trust) as sock:
        socket.socket.sendall(sock, b"\x17\x03\x03\x00\x20" + bytes(32))
        tls_server.wait("over")

    assert 1 == len(tls_server.tls_errors)


def test_big_exchange_over_tls(tls_server: Server, trust: ssl.SSLContext) -> None:
    """Many megabytes go both ways."""
    body = bytes(8 << 20)
    tls_server.route("/", lambda request: Reply(body=request.body, headers={"Connection": "close"}))
    with secure(tls_server, trust) as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        received = read_all(sock)

    assert body == received.partition(b"\r\n\r\n")[2]


def test_failed_handshake_is_recorded(tls_server: Server) -> None:
    """A client that does not trust the certificate is no error of the server; its script's signals are given."""
    tls_server.play(send(b"never"), signal("over"))
    with pytest.raises(ssl.SSLCertVerificationError):
        secure(tls_server, ssl.create_default_context())
    tls_server.wait("over")

    assert 1 == len(tls_server.tls_errors)
    assert [] == tls_server.requests


def test_client_that_leaves_the_handshake_is_recorded(tls_server: Server) -> None:
    """So is one that goes away or speaks plain HTTP."""
    for octets in (b"", REQUEST):
        tls_server.play(signal("over"))
        with connect(tls_server, octets) as sock:
            sock.shutdown(socket.SHUT_WR)
            read_all(sock)
    tls_server.assert_idle()

    assert 2 == len(tls_server.tls_errors)


def test_tls_client_at_a_plain_server(server: Server, trust: ssl.SSLContext) -> None:
    """A handshake with a plain server is answered in plain HTTP at once, and no failure of the test."""
    with pytest.raises(ssl.SSLError):
        secure(server, trust)

    assert 1 == len(server.tls_errors)


def test_start_tls_within_a_tunnel(server: Server, server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """A proxy is a script: CONNECT, 200, handshake, and the routes within."""
    server.respond("/", "inner", headers={"Connection": "close"})
    server.play(send(b"HTTP/1.1 200 OK\r\n\r\n"), start_tls(server_context), routes())
    sock = connect(server, b"CONNECT localhost:443 HTTP/1.1\r\n\r\n")
    read_exactly(sock, 19)
    with trust.wrap_socket(sock, server_hostname="localhost") as inner:
        inner.sendall(REQUEST)
        assert read_all(inner).endswith(b"inner")

    assert ["CONNECT", "GET"] == [request.method for request in server.requests]


def test_close_without_notify(tls_server: Server, trust: ssl.SSLContext) -> None:
    """To the client a cut differs from an end."""
    tls_server.play(send(b"half"), close_without_notify(), signal("cut"))
    with secure(tls_server, trust) as sock:
        sock.sendall(REQUEST)
        assert b"half" == sock.recv(10)
        tls_server.wait("cut")
        # A plain SSLError in Python 3.11.2, else SSLEOFError.
        with pytest.raises(ssl.SSLError, match=r"EOF occurred|unexpected eof"):
            sock.recv(10)


@pytest.mark.parametrize("step", [finish(), reset(), wait_closed()], ids=repr)
def test_endings_over_tls(tls_server: Server, trust: ssl.SSLContext, step: Step) -> None:
    """FIN comes with a close_notify, a reset is one, and the client's close is noticed."""
    tls_server.play(send(b"half"), step, signal("over"))
    with secure(tls_server, trust) as sock:
        sock.sendall(REQUEST)
        assert b"half" == sock.recv(10)
        if step.name == "finish()":
            assert b"" == sock.recv(10)
        elif step.name == "reset()":
            with pytest.raises(OSError, match=r"reset|EOF"):
                sock.recv(10)
    tls_server.wait("over")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((close_without_notify(),), "without TLS"),
        ((receive_head(), start_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))), "received already"),
    ],
)
def test_tls_steps_in_the_wrong_place(steps: tuple[Step, ...], message: str) -> None:
    """A script that takes a connection for what it is not fails the test."""
    with broken(message) as server:
        server.play(*steps, read_request=False)
        exchange(server, REQUEST + b"more")


def test_tls_is_started_once(server_context: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    """TLS within TLS is not what this server does, and it says so."""
    with broken("already", server_context) as server:
        server.play(start_tls(server_context), read_request=False)
        with secure(server, trust) as sock:
            read_all(sock)


# -- Life


def test_ipv6() -> None:
    """The URL of an IPv6 address has brackets."""
    try:
        server = Server(host="::1").start()
    except OSError:
        pytest.skip("the machine has no IPv6")
    with closing(server):
        server.respond("/", "six", headers={"Connection": "close"})
        assert exchange(server, REQUEST).endswith(b"six")
        assert f"http://[::1]:{server.port}" == server.url


BLOCKED = {
    "hold": [hold()],
    "wait_for": [wait_for("never")],
    "receive": [receive()],
    "receive_head": [receive_head()],
    "receive_some": [receive_some(100)],
    "send": [send(bytes(64 << 20))],
    "trickle": [trickle(b"abc", pause=3600)],
    "wait_closed": [wait_closed()],
    "start_tls": [start_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))],
    "routes": [routes()],
    "lingering": [],
}


@pytest.mark.no_leaks
@pytest.mark.parametrize("name", BLOCKED)
def test_close_ends_whatever_waits(name: str, server: Server) -> None:
    """Closing takes no time and leaves no thread and no socket, whatever the script was waiting for."""
    server.play(signal("there"), *BLOCKED[name], read_request=False)
    with connect(server):
        server.wait("there")
        server.close()

    assert [] == [thread for thread in threading.enumerate() if thread.name.startswith("urlrequest-testing")]


@pytest.mark.no_leaks
def test_close_ends_connections_without_a_script(server_context: ssl.SSLContext) -> None:
    """Handshakes that never come and kept connections end as well."""
    for tls in (None, server_context):
        with Server(tls=tls) as server, connect(server), connect(server):
            server.close()

    assert [] == [thread for thread in threading.enumerate() if thread.name.startswith("urlrequest-testing")]


@pytest.mark.no_leaks
def test_close_ends_a_flood(server: Server) -> None:
    """A script that never has to wait, because the client reads all, ends as well."""
    server.play(send(itertools.repeat(bytes(1000))), read_request=False)
    with connect(server) as sock:
        reader = threading.Thread(target=read_to_any_end, args=(sock,))
        reader.start()
        server.close()
        reader.join()


def read_to_any_end(sock: socket.socket) -> None:
    with suppress(ConnectionResetError):
        read_all(sock)


def test_close_wakes_a_test_that_waits(server: Server) -> None:
    """`wait()` does not outlive the server."""
    caught: list[BaseException] = []

    def wait() -> None:
        with pytest.raises(TimeoutError, match="closed") as error:
            server.wait("never", timeout=3600)
        caught.append(error.value)

    waiting = threading.Thread(target=wait)
    waiting.start()
    server.close()
    waiting.join(PATIENCE)

    assert 1 == len(caught)


def test_route_that_waits_is_woken(server: Server) -> None:
    """A route may wait for a signal; the closing of the server wakes it, and that is no failure."""

    def wait(request: RecordedRequest) -> Reply:
        server.signal("entered")
        server.wait("never", timeout=3600)
        return Reply()

    server.route("/", wait)
    with connect(server, REQUEST):
        server.wait("entered")
        server.close()


def test_route_that_does_not_return_fails_the_test() -> None:
    """What cannot be woken is reported after a while instead of hanging."""
    entered, release = threading.Event(), threading.Event()

    def block(request: RecordedRequest) -> Reply:
        entered.set()
        release.wait()
        return Reply()

    with Server() as server:
        server.route("/", block)
        with connect(server, REQUEST):
            entered.wait(PATIENCE)
        with pytest.raises(ScriptError, match=r"did not return within 0\.1 s"):
            server.close(timeout=0.1)
    release.set()


@pytest.mark.no_leaks
def test_connection_without_a_thread_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no thread for a connection, that is closed, and the test learns why."""
    with broken("no thread") as server:
        server.play(hold(), read_request=False)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert b"" == exchange(server, b"")
        monkeypatch.undo()
        with pytest.raises(AssertionError, match="no thread"):
            server.assert_idle()


def refuse(thread: threading.Thread) -> None:
    raise RuntimeError("no thread is left")


@pytest.mark.no_leaks
def test_server_that_never_started() -> None:
    """It has no address, owns nothing, and can be closed."""
    server = Server()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = server.url
    server.close()

    with pytest.raises(RuntimeError, match="starts once"):
        server.start()


def test_failing_test_is_not_hidden_by_its_script() -> None:
    """The test's own exception goes first; that of the script is a note to it."""
    with pytest.raises(KeyError) as caught:
        fail_with_a_broken_script()

    if sys.version_info >= (3, 11):
        assert "script failed as well" in caught.value.__notes__[0]


def fail_with_a_broken_script() -> None:
    with Server() as server:
        server.play(finish(), send(b"too late"))
        exchange(server, REQUEST)
        raise KeyError


@pytest.mark.no_leaks
def test_many_connections_at_once(server: Server) -> None:
    """Two hundred clients are served side by side, each recorded once."""
    server.respond("/", "ok", headers={"Connection": "close"})
    clients = [connect(server, REQUEST) for _ in range(200)]
    try:
        assert all(read_all(sock).endswith(b"ok") for sock in clients)
    finally:
        for sock in clients:
            sock.close()

    assert list(range(200)) == sorted(request.connection for request in server.requests)
    assert 200 == server.connection_count


def test_server_without_records() -> None:
    """With is_recording=False a server replies, and keeps no request."""
    with Server(is_recording=False) as server:
        server.respond("/", b"octets")
        with closing(HTTPConnection(server.host, server.port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/")

            assert b"octets" == connection.getresponse().read()
        assert [] == server.requests
