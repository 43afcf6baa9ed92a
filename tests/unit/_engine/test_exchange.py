"""send_request(): which requests are sent again, when, and what becomes of the connection."""

from __future__ import annotations

import errno
import ssl
import sys
import weakref
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from urlrequest import Headers, HTTPConnection, defaults
from urlrequest._engine import exchange as exchange_module
from urlrequest._engine import places
from urlrequest._engine.exchange import MAX_DISCARDED, open_connection, send_request
from urlrequest._engine.options import PLAIN
from urlrequest._engine.pool import Pool
from urlrequest._engine.prepare import prepare_request
from urlrequest._http.response_head import ResponseHead
from urlrequest._http1.response_reader import Response
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.route import Proxy, Route
from urlrequest.errors import IncompleteContent, ProxyError

CLOSED = ConnectionResetError("closed")


class Scope(CancelScope):
    """Notes its pauses instead of sleeping."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class Received(Response):
    """A response whose content is a number of bytes, of which the last is missing if it is cut off."""

    is_reusable = True  # type: ignore[assignment]  # as a test wants it

    def __init__(self, status: int = 200, size: int = 0, *fields: tuple[str, str], is_cut: bool = False) -> None:
        self.head = ResponseHead("1.1", status, "", Headers(list(fields)))
        self.expected, self.is_complete, self.is_cut = size, size == 0, is_cut

    def read_piece(self) -> bytes:
        if self.is_cut:
            raise IncompleteContent("cut off")
        self.is_complete = True
        return b""


class Scripted(HTTPConnection):
    """Plays the next step of the script with each request: raises an error, or returns a response."""

    script: ClassVar[list[Any]] = []
    made: ClassVar[list[Scripted]] = []
    has_received = False

    class Stream:
        """As much of a stream as pools use."""

        def is_readable(self) -> bool:
            return False

        def fileno(self) -> int:
            return 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.is_open, self.sock = True, self.Stream()
        self.made.append(self)

    def request(self, *arguments: Any, **options: Any) -> None:
        self.step = self.script.pop(0)
        if isinstance(self.step, Exception):
            raise self.step

    def getresponse(self) -> Any:
        return self.step

    def close(self) -> None:
        self.is_open = False


@pytest.fixture(autouse=True)
def _script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins without connections, and pauses are as long as their number says."""
    monkeypatch.setattr(Scripted, "made", [])
    monkeypatch.setattr(places, "pools", weakref.WeakSet())  # those of other tests have idle connections, too
    monkeypatch.setattr(exchange_module, "back_off", float)


class World:
    """Sends requests over scripted connections."""

    def __init__(self) -> None:
        self.shared: Any = SimpleNamespace(pool=Pool(), cookie_store=None, tcp_keepalive=None)
        self.scope = Scope()

    def send(self, *script: Any, **options: Any) -> Any:
        """Send a request; its exchange."""
        Scripted.script = list(script)
        asked = PLAIN._replace(url="http://a.test/", **options)
        prepared = prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: Scripted)
        return send_request(prepared, self.shared, self.scope)

    def leave_idle(self) -> None:
        """Leave a used connection in the pool."""
        with self.send(Received()):
            pass

    @property
    def open_connections(self) -> list[bool]:
        return [connection.is_open for connection in Scripted.made]


@pytest.fixture
def world() -> World:
    return World()


# A connection that was idle


@pytest.mark.parametrize(
    "error", [CLOSED, ssl.SSLEOFError("closed"), TimeoutError(errno.ETIMEDOUT, "no acknowledgement")]
)
def test_17_10_closed_idle_connection_is_replaced(world: World, error: Exception) -> None:
    """Contract 17.10: the user does not notice that the server had closed an idle connection."""
    world.leave_idle()
    with world.send(error, Received(201)) as exchange:
        assert 201 == exchange.response.head.status

    assert [False, True] == world.open_connections
    assert [] == world.scope.pauses


def test_17_10_slow_response_is_no_end(world: World) -> None:
    """Contract 15.1, 17.10: the timeout of a request is no sign that its connection was closed."""
    world.leave_idle()
    with pytest.raises(TimeoutError):
        world.send(TimeoutError("timed out after 1 s"), Received())


def test_17_10_server_that_has_given_up_waiting(world: World) -> None:
    """Contract 17.10: a 408 that closes an idle connection is not the response to this request."""
    world.leave_idle()
    with world.send(Received(408, 0, ("Connection", "close")), Received(201)) as exchange:
        assert 201 == exchange.response.head.status


@pytest.mark.parametrize("fields", [[], [("Connection", "keep-alive")]])
def test_17_10_other_408_is_the_response(world: World, fields: list[tuple[str, str]]) -> None:
    """RFC 9110, section 15.5.9: a 408 that leaves the connection open was meant for this request."""
    world.leave_idle()
    with world.send(Received(408, 0, *fields)) as exchange:
        assert 408 == exchange.response.head.status


@pytest.mark.parametrize(
    "options", [{"method": "POST"}, {"method": "PUT", "req_body": iter([b"once"])}], ids=["POST", "body"]
)
def test_17_10_what_cannot_be_repeated_is_not(
    world: World, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9110, section 9.2.2: a request that could do harm, or cannot be sent again, is sent once."""
    world.leave_idle()
    monkeypatch.setattr("urlrequest._engine.pool._History.proves", lambda history, seconds: True)
    with pytest.raises(ConnectionResetError):
        world.send(CLOSED, Received(), **options)

    assert 1 == len(Scripted.made)


def test_17_10_after_an_answer_there_is_no_second_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has begun to answer has read the request."""
    world.leave_idle()
    monkeypatch.setattr(Scripted, "has_received", True)
    with pytest.raises(ConnectionResetError):
        world.send(CLOSED, Received())


def test_17_10_new_connection_is_not_replaced(world: World) -> None:
    """What goes wrong with a new connection is no matter of its having been idle."""
    with pytest.raises(ConnectionResetError):
        world.send(CLOSED, Received())

    assert [False] == world.open_connections


# Retries


def test_17_5_retry_after_an_error(world: World) -> None:
    """Contract 17.5: an attempt that failed is followed by another one, as often as retries says."""
    with world.send(CLOSED, CLOSED, Received(201), retries=2) as exchange:
        assert 201 == exchange.response.head.status

    assert [1.0, 2.0] == world.scope.pauses


def test_17_5_last_error_is_raised(world: World) -> None:
    """Contract 17.5: when all attempts have failed, the last error is the outcome."""
    with pytest.raises(ConnectionAbortedError):
        world.send(CLOSED, ConnectionAbortedError("last"), retries=1)

    assert [False, False] == world.open_connections


def test_17_5_retry_after_a_response(world: World) -> None:
    """Contract 17.5: a 503 is tried again after the time that the server asks for, over the same connection."""
    with world.send(Received(503, 5, ("Retry-After", "7")), Received(201), retries=1) as exchange:
        assert 201 == exchange.response.head.status

    assert [7.0] == world.scope.pauses
    assert 1 == len(Scripted.made)


def test_17_5_broken_body_does_not_stop_the_retry(world: World) -> None:
    """A response that is discarded anyway may be cut off; its connection is closed."""
    with world.send(Received(503, 5, is_cut=True), Received(201), retries=1) as exchange:
        assert 201 == exchange.response.head.status

    assert [False, True] == world.open_connections


@pytest.mark.parametrize("first", [CLOSED, Received(503)], ids=["error", "response"])
def test_17_5_no_time_for_a_pause(world: World, first: Any) -> None:
    """Contract 15.2, 17.5: where the deadline comes before the next attempt, the outcome is the present one."""
    world.scope.deadline = SimpleNamespace(remaining=lambda: 0.5, at=None)  # type: ignore[assignment]  # as is needed
    if first is CLOSED:
        with pytest.raises(ConnectionResetError):
            world.send(first, retries=1)
    else:
        with world.send(first, retries=1) as exchange:
            assert 503 == exchange.response.head.status
    assert [] == world.scope.pauses


def test_17_5_error_that_stays(world: World) -> None:
    """Contract 17.5: what will be wrong the next time too is not tried again."""
    with pytest.raises(ssl.SSLCertVerificationError):
        world.send(ssl.SSLCertVerificationError("not trusted"), Received(), retries=1)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="errors have no notes")
@pytest.mark.parametrize(
    ("method", "error", "says"),
    [
        ("PUT", ConnectionResetError("closed"), ["not tried again: the body can be read only once"]),
        ("POST", ConnectionResetError("closed"), []),
        ("PUT", ssl.SSLCertVerificationError("not trusted"), []),
    ],
)
def test_17_5_why_there_was_no_second_attempt(world: World, method: str, error: Exception, says: list[str]) -> None:
    """Contract 17.5: the body is named only where it was the reason: not the method, and not the error."""
    with pytest.raises(type(error)) as caught:
        world.send(error, Received(), retries=1, method=method, req_body=iter([b"once"]))

    assert says == getattr(caught.value, "__notes__", [])


def test_17_5_cookies_of_a_response_are_kept_before_the_next_attempt(world: World) -> None:
    """Contract 17.9: what a server sets with a 503 goes with the second request."""
    kept: list[str] = []
    world.shared.cookie_store = SimpleNamespace(
        cookies_for=lambda target: "; ".join(kept) or None,
        store=lambda target, head: kept.append(f"status={head.status}"),
    )
    with world.send(Received(503), Received(201), retries=1):
        pass

    assert ["status=503", "status=201"] == kept


# What becomes of the connection (EXCHANGE-1)


def test_exchange_1_intact_connection_goes_back(world: World) -> None:
    """EXCHANGE-1: after a response that was read to its end another request has the connection."""
    world.leave_idle()
    world.leave_idle()

    assert [True] == world.open_connections


@pytest.mark.parametrize("spoil", ["error", "unread", "not sent", "last", "switched off"])
def test_exchange_1_other_connections_are_closed(world: World, spoil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXCHANGE-1: anything else ends the connection."""
    monkeypatch.setattr(defaults, "keep_alive", spoil != "switched off")
    headers = {"Connection": "close"} if spoil == "last" else None
    exchange = world.send(Received(), req_headers=headers)
    exchange.response.is_reusable = spoil != "unread"
    Scripted.made[0].is_intact = spoil != "not sent"
    if spoil == "error":
        with pytest.raises(KeyError), exchange:
            raise KeyError
    else:
        with exchange:
            pass

    assert [False] == world.open_connections


@pytest.mark.parametrize(("size", "is_read"), [(0, True), (MAX_DISCARDED, True), (MAX_DISCARDED + 1, False)])
def test_small_bodies_are_discarded_by_reading(world: World, size: int, is_read: bool) -> None:
    """A body that nobody wants is read if that is quicker than a new connection."""
    with world.send(Received(302, size)) as exchange:
        exchange.discard_body()

        assert is_read == exchange.response.is_complete


# Making connections


class Foreign:
    """As much of a connection class as `cls(host, port, timeout=...)` and proxies need."""

    tunnel: Any = None

    def __init__(self, host: str, port: int | None, timeout: float | None) -> None:
        self.stop = host, port

    def set_tunnel(self, host: str, port: int, headers: Any) -> None:
        self.tunnel = host, port, headers


def test_18_1_foreign_connections() -> None:
    """Contract 18.1: a class that is not ours is given host, port and timeout, and no more."""
    connection = open_connection(Route(Foreign, "a.test", 80), CancelScope())

    assert ("a.test", 80) == connection.stop
    assert not hasattr(connection, "scope")


def test_14_1_foreign_connections_and_proxies() -> None:
    """Contract 14.1, 18.1: it goes to an http proxy, and through a tunnel; another proxy is an error."""
    proxy = Proxy("http", "proxy.test", 3128, (("X-A", "1"),))
    straight = open_connection(Route(Foreign, "a.test", 80, None, proxy), CancelScope())
    through = open_connection(Route(Foreign, "a.test", 443, object(), proxy), CancelScope())  # type: ignore[arg-type]

    assert (("proxy.test", 3128), None) == (straight.stop, straight.tunnel)
    assert (("proxy.test", 3128), ("a.test", 443, {"X-A": "1"})) == (through.stop, through.tunnel)
    with pytest.raises(ProxyError, match="Foreign can be used with http proxies only, not with socks5"):
        open_connection(Route(Foreign, "a.test", 80, None, proxy.replace(scheme="socks5")), CancelScope())
