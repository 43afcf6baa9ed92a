"""launch(): a plain request over a connection at hand, beside what perform() makes of the same bytes."""

from __future__ import annotations

import gzip
import socket
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from support.messages import head
from urlrequest import DigestAuth
from urlrequest._client.cookie_store import CookieStore
from urlrequest._content import decoder
from urlrequest._content.text import decode_json
from urlrequest._engine import launch as launch_module
from urlrequest._engine.exchange import pool_key
from urlrequest._engine.launch import MAX_CACHED_HEAD, MAX_PIECES, MAX_SIZE, launch
from urlrequest._engine.options import PLAIN, shared_options
from urlrequest._engine.perform import perform
from urlrequest._engine.pool import MAX_IDLE_TIME, Pool
from urlrequest._engine.prepare import prepare_request
from urlrequest._http1.connection import Connection
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.stream import NetworkStream
from urlrequest.errors import ContentDecodingError, DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nothing listens there: where a connection is replaced, the new one is refused.
OPTIONS: Any = shared_options("http://127.0.0.1:1/path", True, None, True)
OK = head(2) + b"ok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = gzip.compress(b"ok", mtime=0)
MUCH = gzip.compress(b"x" * (MAX_SIZE + 1), mtime=0)
SENT = b"GET /path HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"


class Observer:
    """Notes which heads it is notified of."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.target: Any = None
        self.received = 0

    def connection_class(self, _: str) -> type:
        return Connection

    def wants_progress(self) -> bool:
        return False

    wants_upload_progress = wants_chunks = wants_progress

    def request_prepared(self, prepared: Any) -> None:
        self.target = prepared.target

    def head_received(self, received: Any) -> None:
        self.statuses.append(received.status)

    def decode_result(self, result: Any, resp: Any) -> Any:
        return decode_json(result, resp.getheader("Content-Type"))


class Peer:
    """The other side of an idle connection, and what a request over it needs."""

    def __init__(self) -> None:
        OPTIONS.plan = None  # which remembers uncommon responses
        ours, self.socket = socket.socketpair()
        ours.setblocking(False)
        self.socket.settimeout(20)
        self.scope = CancelScope(timeout=20)
        self.observer = Observer()
        self.shared: Any = SimpleNamespace(pool=Pool(), cookie_store=None, tcp_keepalive=None)
        self.connection = Connection("127.0.0.1", 1)
        self.connection.sock = NetworkStream(ours, self.scope, "127.0.0.1:1")
        prepared = prepare_request(OPTIONS, has_progress=False, connection_class_for=self.observer.connection_class)
        self.key = pool_key(prepared.route)
        self.shared.pool.put(self.key, self.connection, 60)

    def launch(self, **options: Any) -> Any:
        first_four = dict(zip(OPTIONS._fields, OPTIONS[:4], strict=False))
        asked = shared_options(**(first_four | options)) if options else OPTIONS
        return launch(asked, self.shared, self.scope, self.observer)

    def perform(self, lease: Any = None) -> Any:
        return perform(OPTIONS, self.shared, self.scope, self.observer, lease)  # type: ignore[arg-type]

    def outcome(self, pieces: list[bytes], *, receives: bool) -> Any:
        """What becomes of a response that comes in pieces, after which the peer ends.

        Args:
            receives: It is received as it comes, before `perform()` goes on; False: `perform()` receives it all.
        """
        launched = self.launch()
        answer = None
        for piece in pieces:
            self.socket.sendall(piece)
            if receives and launched.is_common and answer is None:
                answer = launched.receive()
        self.socket.shutdown(socket.SHUT_WR)
        try:
            if answer is None:
                answer = self.perform(launched.hand_over())
            else:
                launched.give_back()
        except Exception as error:
            return type(error), str(error)
        head = answer.head.own()
        return type(answer), head, list(head.headers.items()), answer.content, answer.result

    def close(self) -> None:
        self.shared.pool.close()
        self.connection.close()
        self.socket.close()
        self.scope.release()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def test_it_is_sent_as_perform_sends_it() -> None:
    """Invariant LAUNCH-1: the bytes of the request are those that a worker would send."""
    sent = []
    for send in ("launch", "perform"):
        peer = Peer()
        thread = threading.Thread(target=getattr(peer, send))
        thread.start()
        sent.append(peer.socket.recv(1000))
        peer.socket.sendall(OK)
        thread.join(20)
        assert "http://127.0.0.1:1/path" == peer.observer.target.url
        peer.close()

    assert sent[0] == sent[1]
    assert sent[0].startswith(SENT)


RESPONSES = {
    "plain": OK,
    "json": head(8, "Content-Type: application/json") + b'{"a": 1}',
    "json that is none": head(3, "Content-Type: application/json") + b'{"a',
    "json in another encoding": head(18, "Content-Type: application/json; charset=latin-1")
    + '\ufeff{"a": 1}'.encode("utf-16-le"),
    "json without end": head(3000, "Content-Type: application/json") + b"[" * 3000,
    "charset": head(2, "Content-Type: text/plain; charset=latin-1") + b"\xe9x",
    "binary": head(2, "Content-Type: image/png") + b"\0\xff",
    "empty": head(0),
    "repeated": head(2, "X: 1", "x: 2", "Set-Cookie: a=1", "Set-Cookie: b=2") + b"ok",
    "closing": head(2, "Connection: close") + b"ok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no length": b"HTTP/1.1 200 OK\r\n\r\nok",
    "two lengths": head(2, "Content-Length: 3") + b"ok!",
    "one length twice": head(2, "Content-Length: 2") + b"ok",
    "chunks": CHUNKED + b"2\r\nok\r\n0\r\n\r\n",
    "more chunks": CHUNKED + b"2\r\nok\r\n0A\r\n0123456789\r\n0\r\n\r\n",
    "no chunk": CHUNKED + b"0\r\n\r\n",
    "chunk extension": CHUNKED + b"2;a=b\r\nok\r\n0\r\n\r\n",
    "trailer": CHUNKED + b"2\r\nok\r\n0\r\nA: b\r\n\r\n",
    "chunk size that is none": CHUNKED + b"x\r\nok\r\n0\r\n\r\n",
    "chunk of another size": CHUNKED + b"1\r\nok\r\n0\r\n\r\n",
    "too few chunks": CHUNKED + b"2\r\nok\r\n",
    "too much behind chunks": CHUNKED + b"2\r\nok\r\n0\r\n\r\nHTTP/1.1 200",
    "large chunk": CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (MAX_SIZE, b"x" * MAX_SIZE),
    "chunks and a length": head(2, "Transfer-Encoding: chunked") + b"2\r\nok\r\n0\r\n\r\n",
    "gzip": head(len(GZIP), "Content-Encoding: gzip") + GZIP,
    "gzip in chunks": GZIP_CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(GZIP), GZIP),
    "gzip that is cut off": head(len(GZIP) - 1, "Content-Encoding: gzip") + GZIP[:-1],
    "gzip of much": head(len(MUCH), "Content-Encoding: gzip") + MUCH,
    "two members of gzip": head(2 * len(GZIP), "Content-Encoding: gzip") + GZIP + GZIP,
    "something behind gzip": head(len(GZIP) + 4, "Content-Encoding: gzip") + GZIP + b"rest",
    "gzip that is a file": head(len(GZIP), "Content-Encoding: gzip", "Content-Type: application/gzip") + GZIP,
    "gzip of nothing": head(0, "Content-Encoding: gzip"),
    "two codings": head(len(GZIP), "Content-Encoding: identity, gzip") + GZIP,
    "odd coding": head(2, "Transfer-Encoding: gzip") + b"ok",
    "gzip that is none": head(2, "content-ENCODING: gzip") + b"ok",
    "unknown coding": head(2, "Content-Encoding: odd") + b"ok",
    "part": head(2, "content-range: bytes 0-1/9") + b"ok",
    "206": head(2, "Content-Range: bytes 0-1/9", status="206 Partial Content") + b"ok",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "201": head(2, status="201 Created") + b"ok",
    "404": head(2, status="404 Not Found") + b"no",
    "302": head(2, "Location: /", status="302 Found") + b"no",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK,
    "too much": OK + b"HTTP/1.1 200",
    "too little": head(5) + b"ok",
    "cut head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "line that is no field": b"HTTP/1.1 200 OK\r\nodd\r\nContent-Length: 2\r\n\r\nok",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "status in doubt": b"HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok",
    "large head": head(2, "X: " + "x" * MAX_CACHED_HEAD) + b"ok",
    "large": head(MAX_SIZE + 1) + b"x" * (MAX_SIZE + 1),
}


@pytest.mark.parametrize("name", RESPONSES)
def test_the_outcome_is_that_of_perform(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Invariant LAUNCH-1: whatever the server sends, in one piece or in two, the answer or error is the same."""
    monkeypatch.setattr(launch_module, "undone_codings", {"gzip"})
    octets = RESPONSES[name]
    peers = [Peer()]
    expected = peers[0].outcome([octets], receives=False)
    splits = range(len(octets)) if len(octets) < 200 else (10, len(octets) - 1)
    for at in splits:
        peer = Peer()
        peers.append(peer)
        assert expected == peer.outcome([octets[:at], octets[at:]], receives=True), at
        assert {*peer.observer.statuses} == {*peers[0].observer.statuses}  # a worker reads a head once more
        if "too much" not in name:  # what comes behind a response, the next look at the idle connection finds
            assert peer.shared.pool.count == peers[0].shared.pool.count
    for peer in peers:
        peer.close()


def test_what_is_common_needs_no_worker(peer: Peer) -> None:
    """A whole response is an answer at once; the connection goes on."""
    launched = peer.launch()
    assert launched.receive() is None
    assert launched.is_common
    peer.socket.sendall(head(2, "Keep-Alive: timeout=5") + b"ok")
    answer = launched.receive()
    launched.give_back()
    launched.close()  # it is the pool's

    assert (200, b"ok", "ok") == (answer.head.status, answer.content, answer.result)
    assert 4 == peer.connection.idle_until - peer.connection.idle_since
    assert {"send", "first_byte"} == peer.scope.timings.keys()


@pytest.mark.parametrize("name", ["chunks", "more chunks", "no chunk", "gzip", "gzip in chunks", "gzip that is a file"])
def test_chunks_and_codings_are_common(peer: Peer, name: str) -> None:
    """Most servers send chunks or a coding: such a response is an answer at once, but for the first of its coding."""
    launch_module.undone_codings.clear()
    octets = RESPONSES[name]
    launched = peer.launch()
    peer.socket.sendall(octets)
    if "gzip" in name and "file" not in name:
        assert launched.receive() is None
        assert not launched.is_common
        assert peer.perform(launched.hand_over()).content
        launched = peer.launch()
        peer.socket.sendall(octets)
    answer = launched.receive()
    launched.give_back()

    assert 200 == answer.head.status
    assert len(GZIP) == peer.observer.received or "gzip" not in name
    assert ("gzip" in name and "file" not in name) is ("gzip" in launch_module.undone_codings)


def test_chunks_in_pieces(peer: Peer) -> None:
    """A response in chunks may come in a few pieces; after one that does not, the next requests are for workers."""
    launched = peer.launch()
    for piece in (CHUNKED, b"2\r\nok", b"\r\n"):
        peer.socket.sendall(piece)
        assert launched.receive() is None
        assert launched.is_common
    peer.socket.sendall(b"0\r\n\r\n")
    assert "ok" == launched.receive().result
    launched.give_back()

    launched = peer.launch()
    for piece in (CHUNKED, b"2\r\nok", b"\r\n", b"0\r\n"):
        peer.socket.sendall(piece)
        assert launched.receive() is None
    assert not launched.is_common
    peer.socket.sendall(b"\r\n")
    assert "ok" == peer.perform(launched.hand_over()).result
    assert peer.launch() is None


@pytest.mark.parametrize(
    "name", ["gzip of much", "chunk extension", "trailer", "large chunk", "two codings", "json that is none"]
)
def test_what_a_server_sends_again(peer: Peer, name: str) -> None:
    """After a response of a kind that is never common, the next requests are for workers from their beginning."""
    launch_module.undone_codings.add("gzip")
    launched = peer.launch()
    thread = threading.Thread(target=peer.socket.sendall, args=(RESPONSES[name],))
    thread.start()
    while launched.is_common:
        assert launched.receive() is None
    assert 200 == peer.perform(launched.hand_over()).head.status
    thread.join(20)

    assert peer.launch() is None


def test_a_response_that_drips_is_not_common(peer: Peer) -> None:
    """Each receive costs a look, so a response in many pieces is handed over."""
    launched = peer.launch()
    for octet in OK[:MAX_PIECES]:
        assert launched.is_common
        peer.socket.sendall(bytes([octet]))
        assert launched.receive() is None

    assert not launched.is_common
    peer.socket.sendall(OK[MAX_PIECES:])
    assert "ok" == peer.perform(launched.hand_over()).result


def test_15_1_each_receive_has_its_time(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.1: a worker that goes on with a response that drips waits from its last piece on."""
    launched = peer.launch()
    for octet in OK[:MAX_PIECES]:
        monkeypatch.setattr(launch_module, "monotonic", lambda seconds=octet: seconds)
        peer.socket.sendall(bytes([octet]))
        assert launched.receive() is None
        assert octet == launched.since

    assert not launched.is_common


def test_3_4_the_head_counts_before_the_body(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 3.4: a response has a status from its head on, and the time of its first byte is that of the head."""
    launched = peer.launch()
    peer.socket.sendall(OK[:-1])
    assert launched.receive() is None
    assert [200] == peer.observer.statuses
    timings = dict(peer.scope.timings)
    monkeypatch.setattr(launch_module, "monotonic", lambda: 0.0)
    peer.socket.sendall(OK[-1:])

    assert "ok" == launched.receive().result
    assert timings == peer.scope.timings
    assert [200] == peer.observer.statuses


def test_4_6_a_decoder_that_cannot_be_loaded(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 4.6: a package that is installed and does not work makes the error that a worker raises."""

    def fail(*_: object) -> None:
        raise ContentDecodingError("no decoder")

    monkeypatch.setattr(launch_module, "undone_codings", {"gzip"})
    monkeypatch.setattr(decoder, "Decoder", fail)
    launched = peer.launch()
    peer.socket.sendall(RESPONSES["gzip"])

    assert launched.receive() is None
    with pytest.raises(ContentDecodingError):
        peer.perform(launched.hand_over())


def test_15_1_the_wait_goes_on(peer: Peer) -> None:
    """Contract 15.1: a worker that goes on with a wait does not begin its step anew."""
    launched = peer.launch()
    launched.since -= 21
    with pytest.raises(TimeoutError, match=r"waiting for a response from 127.0.0.1:1 timed out after 20 s"):
        peer.perform(launched.hand_over())

    assert (None, 0) == (peer.connection.sock, peer.shared.pool.count)


def test_15_2_the_deadline_is_seen(peer: Peer) -> None:
    """Contract 15.2: a deadline that has passed meanwhile is the worker's error."""
    from urlrequest._concurrency.deadline import Deadline

    launched = peer.launch()
    peer.scope.deadline = Deadline(0)
    with pytest.raises(DeadlineExceeded):
        peer.perform(launched.hand_over())


def test_17_10_a_connection_that_has_something_to_read(peer: Peer) -> None:
    """Contract 17.10: an idle connection that the server has closed is not used, and nothing is sent."""
    peer.socket.shutdown(socket.SHUT_WR)
    assert peer.launch() is None

    assert (0, b"") == (peer.shared.pool.count, peer.socket.recv(100))


def test_17_10_a_connection_that_must_settle_is_left(peer: Peer) -> None:
    """Contract 17.10: after 204 a connection is watched for a moment first, which only a worker may do."""
    peer.shared.pool.take(peer.key, None)
    peer.shared.pool.put(peer.key, peer.connection, MAX_IDLE_TIME, "204 or 304")
    assert peer.launch() is None

    assert 1 == peer.shared.pool.count


def test_a_send_that_would_block(peer: Peer) -> None:
    """A request that the system does not take at once is left to a worker, over another connection."""
    ours = peer.connection.sock._socket
    with suppress(BlockingIOError):
        while True:
            ours.send(b"x" * 100_000)
    assert peer.launch() is None

    assert (None, 0) == (peer.connection.sock, peer.shared.pool.count)


def test_a_send_that_fails(peer: Peer) -> None:
    """A connection that breaks while the request is sent is closed; the error is for a worker to find."""

    def send(_: bytes) -> bool:
        raise BrokenPipeError

    peer.connection.sock.send_now = send
    with pytest.raises(BrokenPipeError):
        peer.launch()

    assert peer.connection.sock is None


def test_17_11_cookies_of_the_session(peer: Peer) -> None:
    """Contract 17.11: the cookies of a session are sent; a response that sets some is for a worker."""
    store = peer.shared.cookie_store = CookieStore()
    store.set("a", "b", domain="127.0.0.1")
    launched = peer.launch()
    assert b"Cookie: a=b\r\n" in peer.socket.recv(1000)
    peer.socket.sendall(head(2, "set-COOKIE: c=d") + b"ok")
    assert launched.receive() is None
    assert not launched.is_common
    peer.perform(launched.hand_over())

    assert {"a": "b", "c": "d"} == {cookie.name: cookie.value for cookie in store}


def test_17_15_a_jar_of_the_program(peer: Peer) -> None:
    """Contract 17.15: a CookieJar may do anything, and so is used on workers only."""
    peer.shared.cookie_store = SimpleNamespace(is_prompt=False)
    assert peer.launch() is None


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"url": "http://127.0.0.1:1/" + "x" * 5000}, b"xxx HTTP/1.1"),
        ({"url": "http://ada:pw@127.0.0.1:1/"}, b"Authorization: Basic YWRhOnB3"),
        ({"req_headers": {"A": "b"}}, b"A: b"),
        ({"auth": ("ada", "pw")}, b"Authorization: Basic YWRhOnB3"),
    ],
)
def test_what_is_kept_by_its_request_alone(peer: Peer, options: dict[str, Any], sent: bytes) -> None:
    """What may hold a secret, or is long, is prepared each time, and nothing of it is kept."""
    asked = PLAIN._replace(**({"url": OPTIONS.url} | options)).detached()
    assert launch(asked, peer.shared, peer.scope, peer.observer) is not None
    assert sent in peer.socket.recv(10_000)
    assert not hasattr(asked, "plan")


def test_what_is_wrong_is_raised(peer: Peer) -> None:
    """The caller leaves it to a worker; nothing was sent, and the connection stays idle."""
    wrong = [
        ({"url": b"http://127.0.0.1:1/"}, "bytes"),
        ({"req_headers": {"A": "b\n"}}, "req_headers"),
        ({"retries": -1}, "retries"),
    ]
    for options, says in wrong:
        asked = PLAIN._replace(**({"url": OPTIONS.url} | options))
        with pytest.raises(ValueError, match=says):
            launch(asked, peer.shared, peer.scope, peer.observer)
    assert 1 == peer.shared.pool.count


@pytest.mark.parametrize(
    "options",
    [
        {"method": "HEAD"},
        {"req_body": "x"},
        {"req_headers": {"connection": "Close"}},
        {"req_headers": iter([("A", "b")])},
        {"auth": lambda request: None},
        {"auth": DigestAuth("ada", "pw")},
        {"trust_env": True},
        {"max_size": 10},
        {"retry_statuses": [202]},
    ],
)
def test_what_only_a_worker_can_do(peer: Peer, options: dict[str, Any]) -> None:
    """A request that sends more than a head, runs code of the user's or looks at a common response is declined."""
    asked = PLAIN._replace(url=OPTIONS.url, **options)
    assert launch(asked, peer.shared, peer.scope, peer.observer) is None
    assert 1 == peer.shared.pool.count
