from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING, Any

import pytest

from support.messages import head
from urlrequest._content.body import make_body
from urlrequest._http1.public_connection import HTTPConnection, HTTPSConnection
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.low_speed import SpeedLimit
from urlrequest.errors import ProtocolError, ProxyError

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = head(2) + b"ok"


class Connection(HTTPConnection):
    """A connection over one half of a socket pair; notes the steps of opening it."""

    def __init__(self, host: str = "a.test", port: int = 80) -> None:
        super().__init__(host, port, timeout=20)
        self.steps: list[str] = []
        self.near, self.far = socket.socketpair()

    def open_socket(self) -> socket.socket:
        self.steps.append("open")
        return self.near

    def _open_tunnel(self, sock: socket.socket, host: str, port: int, headers: Any, dialogue: Any) -> bool:
        self.steps.append(f"tunnel to {host}:{port} with {list(headers)}")
        return True

    def secure_socket(self, sock: socket.socket) -> socket.socket:
        self.steps.append("secure")
        return sock

    def sent(self) -> bytes:
        return self.far.recv(1_000_000)


@pytest.fixture
def connection() -> Iterator[Connection]:
    connection = Connection()
    yield connection
    connection.close()
    connection.near.close()
    connection.far.close()
    connection.scope.release()


def test_connect_opens_tunnels_and_secures(connection: Connection) -> None:
    """Opening a connection goes from the socket over the proxy to the origin; the socket does not block then."""
    connection.set_tunnel("origin.test", 443, headers={"A": "b"})
    connection.connect()

    assert ["open", "tunnel to origin.test:443 with [('A', 'b')]", "secure"] == connection.steps
    assert not connection.near.getblocking()


@pytest.mark.parametrize(("headers", "fields"), [(None, []), ({}, []), ([("A", "b")], [("A", "b")])])
def test_tunnels_take_fields_of_any_kind(connection: Connection, headers: Any, fields: Any) -> None:
    """Contract 18.2: set_tunnel() takes a dict, pairs or nothing, and the scheme's port where none is given."""
    connection.set_tunnel("origin.test", headers=headers)
    connection.connect()

    assert f"tunnel to origin.test:80 with {fields}" == connection.steps[1]


@pytest.mark.no_leaks
def test_a_connection_that_cannot_be_opened_is_closed(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step fails, the socket is closed."""

    def refuse(*arguments: Any) -> None:
        raise ProxyError("no")

    monkeypatch.setattr(Connection, "_open_tunnel", refuse)
    connection.set_tunnel("origin.test", 443)
    with pytest.raises(ProxyError):
        connection.connect()

    assert -1 == connection.near.fileno()
    assert connection.sock is None


@pytest.mark.parametrize(("host", "peer"), [("a.test", "a.test:80"), ("::1", "[::1]:80")])
def test_16_3_peer(host: str, peer: str) -> None:
    """Contract 16.3: messages name host and port, an IPv6 address in brackets."""
    assert peer == HTTPConnection(host, 80).peer


def test_exchanges_follow_each_other(connection: Connection) -> None:
    """One connection serves one request after the other, and notes how long it took."""
    for _ in range(2):
        connection.request("GET", "/", None, [("Host", "a.test")])
        assert b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" == connection.sent()
        assert not connection.has_received
        connection.far.send(OK)
        response = connection.getresponse()
        assert (200, b"ok", True) == (response.status, response.read(), response.is_reusable)
        assert connection.has_received

    assert ["open", "secure"] == connection.steps
    assert {"send", "first_byte"} == set(connection.scope.timings)


def test_18_2_by_hand_as_http_client(connection: Connection) -> None:
    """Contract 18.2: putrequest() and its companions work, more than once."""
    for _ in range(2):
        connection.putrequest("GET", "/", skip_accept_encoding=True)
        connection.putheader("A", "b")
        connection.endheaders()
        assert b"GET / HTTP/1.1\r\nHost: a.test\r\nA: b\r\n\r\n" == connection.sent()
        connection.far.send(OK)
        assert b"ok" == connection.getresponse().read()


BAD_TEXTS = ["a\r\nX: y", "a\nX: y", "a\rX: y", "a\0b"]


@pytest.mark.parametrize("make", [dict, list], ids=["dict", "list"])
@pytest.mark.parametrize("bad", BAD_TEXTS)
@pytest.mark.parametrize(
    ("method", "target", "name", "value"),
    [
        ("{}", "/", "A", "b"),
        ("GET /", "/", "A", "b"),
        ("", "/", "A", "b"),
        ("GET", "/{}", "A", "b"),
        ("GET", "/ HTTP/1.0", "A", "b"),
        ("GET", "/", "{}", "b"),
        ("GET", "/", "A b", "b"),
        ("GET", "/", "A", "{}"),
        ("GET", "/", "A", "{}\r\n b"),
    ],
)
def test_security_c20_nothing_slips_through_the_public_class(
    connection: Connection, method: str, target: str, name: str, value: str, bad: str, make: Any
) -> None:
    """Security C17, C18, C20: request() sends no method, target or header that is another one to the server."""
    method, target, name, value = (text.format(bad) for text in (method, target, name, value))
    with pytest.raises((ValueError, http.client.HTTPException)):
        connection.request(method, target, None, make([(name, value)]))
    connection.far.setblocking(False)
    with pytest.raises(BlockingIOError):
        connection.sent()


@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_security_c20_step_by_step(connection: Connection, bad: str) -> None:
    """Security C18, C20: putrequest() and putheader() refuse the same, folded lines and NUL among it."""
    for method in (bad, "GET /", ""):
        with pytest.raises(ValueError, match="method"):
            connection.putrequest(method, "/")
    connection.putrequest("GET", "/")
    for name, value in ((bad, "b"), ("A b", "b"), ("A", bad), ("A", "a\r\n b")):
        with pytest.raises(ValueError, match="headers has"):
            connection.putheader(name, value)


@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_security_c19_tunnels_are_checked(bad: str) -> None:
    """Security C19: set_tunnel() takes no header for the proxy, and no host, that has the end of a line."""
    connection = HTTPConnection("proxy.test", 80)
    for headers in ({"A": bad}, [("A", bad)], {bad: "b"}):
        with pytest.raises(ValueError, match="headers has"):
            connection.set_tunnel("a.test", 443, headers)


def test_18_2_bodies_as_http_client(connection: Connection) -> None:
    """Contract 18.2: a body and headers of any kind that http.client takes are sent as it sends them."""
    connection.request("POST", "/", b"abc", {"A": "b"})
    assert connection.sent().endswith(b"Content-Length: 3\r\nA: b\r\n\r\nabc")


def test_18_2_a_subclass_may_make_a_dict_of_the_fields(connection: Connection) -> None:
    """Contract 18.2: a body of ours goes with a dict as well, as a subclass passes it on."""
    connection.request("POST", "/", make_body(b"abc", None), {"Host": "a.test", "Content-Length": "3"})

    assert b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc" == connection.sent()


def test_no_response_without_a_request(connection: Connection) -> None:
    """As of http.client, a response that nobody asked for is an error of the caller."""
    with pytest.raises(http.client.ResponseNotReady):
        connection.getresponse()


def test_10_5_a_response_to_what_could_not_be_sent(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: a connection that breaks while sending may have a response; it is read, and nothing is reused."""
    connection.connect()
    connection.far.send(OK.replace(b"200 OK", b"413 No"))

    def broken(*arguments: Any, **options: Any) -> bool:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(connection.sock, "send_all", broken)
    connection.request("POST", "/", make_body(b"abc", None), [("Content-Length", "3")])
    assert not connection.is_intact
    assert 413 == connection.getresponse().status


@pytest.mark.parametrize("octets", [b"", b"HTTP/1.1 4", b"noise"])
def test_10_5_the_first_error_counts(connection: Connection, monkeypatch: pytest.MonkeyPatch, octets: bytes) -> None:
    """Contract 10.5: where no response can be read after a failed send, the error is what the send failed with."""
    connection.connect()
    connection.far.send(octets)
    connection.far.close()

    def broken(*arguments: Any, **options: Any) -> bool:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(connection.sock, "send_all", broken)
    connection.request("GET", "/", None, [])
    with pytest.raises(BrokenPipeError):
        connection.getresponse()


def test_11_4_errors_of_the_response(connection: Connection) -> None:
    """Contract 11.4: after a send that went well, the error is the response's."""
    connection.request("GET", "/", None, [])
    connection.far.send(b"noise")
    with pytest.raises(ProtocolError):
        connection.getresponse()


def test_17_10_an_idle_connection_serves_nobody(connection: Connection) -> None:
    """Contract 17.10: between two requests a connection does not refer to the scope of the last one."""
    scope = connection.scope
    connection.connect()
    connection.become_idle(1.0, 2.0)

    assert scope is not connection.scope
    assert connection.scope is connection.sock.scope
    assert (1.0, 2.0) == (connection.idle_since, connection.idle_until)
    connection.scope = other = CancelScope()
    connection.request("GET", "/", None, [])
    assert other is connection.sock.scope


def test_13_1_https_needs_a_context(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 16.1: a certificate file that cannot be used is an error before anything is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    near, far = socket.socketpair()
    connection = HTTPSConnection("a.test")
    monkeypatch.setattr(connection, "open_socket", lambda: near)
    with far, pytest.raises(FileNotFoundError):
        connection.connect()

    assert -1 == near.fileno()


def test_15_6_connecting_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.6: what a transfer before has counted does not end the making of the next connection."""
    connection = HTTPConnection("a.test", 80)
    speed = connection.scope.speed = SpeedLimit(1000, 10)
    speed.begin()
    speed.add_wait(9)
    left: list[float | None] = []

    def connect() -> None:
        left.append(speed.left)
        raise ConnectionRefusedError

    monkeypatch.setattr(connection, "connect", connect)
    with pytest.raises(ConnectionRefusedError):
        connection.request("GET", "/", None, [("Host", "a.test")])

    assert [None] == left
