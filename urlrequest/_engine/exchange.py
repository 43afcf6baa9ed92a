"""Exchange: one request and the response to it, over a connection on loan from the pool.

A request may be sent more than once, for two reasons. A connection that was idle in the pool may turn out to be closed
by the server: then the request is sent again at once, over a new one. And the user may ask for retries: then it is sent
again after a pause, when an attempt failed in a way that may pass. Either happens only to a request that does no harm
when it is repeated, and before the user has heard of any response.

Runs on the worker. A connection belongs to one exchange from `Lease()` to the end of its `with` block.

Invariant:
    EXCHANGE-1  A connection goes back to the pool only when the request was sent as a whole, the content was read to
                its very end, and nothing went wrong (contract 17.10).
"""

from __future__ import annotations

import http.client
import ssl
from contextlib import suppress

from urlrequest._defaults import defaults
from urlrequest._http.framing import idle_time, says_close
from urlrequest._http.retry import back_off, is_worth_retrying, may_repeat, retry_after, wants_retry
from urlrequest._http1.connection import HTTPConnection, HTTPSConnection
from urlrequest._http1.response_reader import Response
from urlrequest.errors import IncompleteContent

from .plan import request_line_and_fields
from .pool import MAX_IDLE_TIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from urlrequest._http.fields import Fields
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http1.response_reader import ResponseLike
    from urlrequest._net.cancel_scope import CancelScope
    from urlrequest._net.route import Route

    from .observer import Shared
    from .plan import PreparedRequest
    from .pool import Pool

__all__ = ["Exchange", "Lease", "pause_after_break", "send_request"]

MAX_DISCARDED = 16 * 1024  # bytes of a body that nobody wants and that are read to keep the connection
REQUEST_TIMEOUT = 408


class Exchange:
    """A request that was sent, and its response, of which the head was received.

    Use it as a context manager while the content is read: the connection goes back to the pool at the end if it can
    serve another request, and is closed if not.
    """

    __slots__ = ("_is_last", "_lease", "response")

    def __init__(self, lease: Lease, response: ResponseLike, *, is_last: bool) -> None:
        """Make an exchange; `is_last`: the request says that it closes the connection."""
        self._lease = lease
        self._is_last = is_last
        self.response = response

    def discard_body(self) -> None:
        """Read a small body that nobody wants, so that its connection can serve again; a large one is not worth it."""
        response = self.response
        if response.expected is not None and response.expected <= MAX_DISCARDED:
            while not response.is_complete:
                response.read_piece()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.response.is_reusable and not self._is_last:
            self._lease.give_back(self.response.head)
        else:
            self._lease.close()


class Lease:
    """A connection on loan: an idle one of the pool, or a new one.

    Attributes:
        connection: It connects when a request is sent over it.
        is_used: It has served another request before, so the server may have closed it meanwhile.
    """

    __slots__ = ("_key", "_pool", "_route", "_scope", "connection", "is_used")

    def __init__(self, pool: Pool, route: Route, scope: CancelScope) -> None:
        """Take a connection.

        Raises:
            OSError, ssl.SSLError: The certificate files cannot be used.
        """
        self._pool = pool
        self._route = route
        self._scope = scope
        self._key = _pool_key(route)
        idle = pool.take(self._key) if defaults.keep_alive else None
        self.is_used = idle is not None
        self.connection: Any = idle
        if idle is None:
            self.connection = open_connection(route, scope)
        else:
            idle.scope = scope

    def replace(self) -> None:
        """Close the connection, and make a new one: what else is idle in the pool may be closed as well."""
        self.connection.close()
        self.is_used = False
        self.connection = open_connection(self._route, self._scope)

    def give_back(self, head: ResponseHead) -> None:
        """Leave the connection to the pool after a response; one that cannot serve another request is closed."""
        connection = self.connection
        if isinstance(connection, HTTPConnection) and connection.is_intact and defaults.keep_alive:
            announced = head.headers.get("Keep-Alive")
            seconds = MAX_IDLE_TIME if announced is None else idle_time(announced, MAX_IDLE_TIME)
            self._pool.put(self._key, connection, seconds)
        else:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _pool_key(route: Route) -> Hashable:
    """What a connection must have in common with a route to serve it (POOL-3).

    Raises:
        OSError: A certificate file is missing.
    """
    proxy_tls = None if route.proxy is None else route.proxy.tls
    if route.tls is None and proxy_tls is None:
        return route.key
    from urlrequest._net.tls_contexts import lazy_context  # plain http needs none of it

    # The key of a context has the settings in it, and the state of the certificate files.
    context = None if route.tls is None else lazy_context(route.tls).key
    proxy_context = None if proxy_tls is None else lazy_context(proxy_tls).key
    return route.connection_class, route.host, route.port, context, route.proxy, proxy_context


def open_connection(route: Route, scope: CancelScope) -> Any:
    """Make a connection of any class; one of ours connects when a request is sent over it.

    Raises:
        OSError, ssl.SSLError: The certificate files cannot be used. ProxyError: The class cannot use such a proxy.
    """
    options: dict[str, Any] = {}
    if route.tls is not None and issubclass(route.connection_class, http.client.HTTPSConnection):
        from urlrequest._http1.foreign import tls_options  # few requests have a class that is not ours

        options = tls_options(route.tls, route.host)
    connection = route.connection_class(*route.first_stop, timeout=scope.timeout, **options)
    if isinstance(connection, HTTPConnection):
        _set_up(connection, route, scope)
    elif route.proxy is not None:
        from urlrequest._http1.foreign import set_foreign_proxy

        set_foreign_proxy(connection, route, route.proxy)
    return connection


def _set_up(connection: HTTPConnection, route: Route, scope: CancelScope) -> None:
    """Give a connection of ours what it needs to connect."""
    connection.scope = scope
    if route.tls is not None and isinstance(connection, HTTPSConnection):
        from urlrequest._net.tls_contexts import lazy_context, warn_if_insecure  # plain http needs none of it

        warn_if_insecure(route.tls, route.host)
        connection.lazy_context = lazy_context(route.tls)
    if route.proxy is not None:
        origin = (route.host, route.port) if route.is_tunnelled and route.port else None
        connection.set_proxy(route.proxy, origin)


def send_request(prepared: PreparedRequest, shared: Shared, scope: CancelScope) -> Exchange:
    """Send a request and read the head of its response, as often as the user allows and it is worth it.

    Returns:
        The exchange, of which the caller is the owner.
    Raises:
        Exception: What kept the response of the last attempt from coming.
    """
    if not prepared.retries:
        return _attempt(prepared, shared, scope)
    if not may_repeat(prepared.method, prepared.body):
        return _attempt_once(prepared, shared, scope)
    for number in range(1, prepared.retries + 1):
        outcome = _attempt_or_pause(prepared, shared, scope, number)
        if isinstance(outcome, Exchange):
            return outcome
        scope.pause(outcome)
    return _attempt(prepared, shared, scope)


def _attempt_once(prepared: PreparedRequest, shared: Shared, scope: CancelScope) -> Exchange:
    """Make the only attempt of a request that cannot be repeated; an error says why there is no other, if it may."""
    try:
        return _attempt(prepared, shared, scope)
    except Exception as error:
        if prepared.body is not None and not prepared.body.is_replayable:
            _add_note(error, "not tried again: the body can be read only once")
        raise


def _add_note(error: Exception, note: str) -> None:
    """Say more than an error of somebody else's does; tracebacks show it from Python 3.11 on."""
    add_note = getattr(error, "add_note", None)
    if add_note is not None:
        add_note(note)


def _attempt_or_pause(prepared: PreparedRequest, shared: Shared, scope: CancelScope, number: int) -> Exchange | float:
    """Make an attempt after which another one may follow.

    Returns:
        The exchange; or seconds to wait before the next attempt, where that is worth it and there is time for it.
    """
    try:
        exchange = _attempt(prepared, shared, scope)
    except Exception as error:
        pause = back_off(number)
        if is_worth_retrying(error) and _has_time_for(pause, scope):
            return pause
        raise
    head = exchange.response.head
    if not wants_retry(head):
        return exchange
    asked = retry_after(head)
    pause = back_off(number) if asked is None else asked
    if not _has_time_for(pause, scope):
        return exchange
    # A body that is cut off must not stop the retry: this response is discarded anyway.
    with suppress(OSError, http.client.HTTPException), exchange:
        exchange.discard_body()
    return pause


def pause_after_break(error: Exception, number: int, scope: CancelScope) -> float:
    """Return how many seconds to wait before the rest of a body is asked for, after it has broken off.

    Args:
        number: How often that has happened to the request.
    Raises:
        Exception: The error, where it is no break of the connection, or there is no time for the pause.
    """
    pause = back_off(number)
    if not (is_worth_retrying(error) or isinstance(error, IncompleteContent)) or not _has_time_for(pause, scope):
        raise error
    return pause


def _has_time_for(pause: float, scope: CancelScope) -> bool:
    remaining = scope.deadline.remaining()
    return remaining is None or remaining > pause


def _attempt(prepared: PreparedRequest, shared: Shared, scope: CancelScope) -> Exchange:
    """Send the request with the cookies that the session has now, and keep those that come with the response."""
    scope.check()
    lease = Lease(shared.pool, prepared.route, scope)
    store = shared.cookie_store
    try:
        cookies = None if store is None else store.cookies_for(prepared.target)
        target, fields = request_line_and_fields(prepared, cookies)
        response = _send_or_replay(lease, prepared, target, fields)
        if store is not None:
            store.store(prepared.target, response.head)
    except BaseException:
        lease.close()
        raise
    return Exchange(lease, response, is_last=says_close(fields))


def _send_or_replay(lease: Lease, prepared: PreparedRequest, target: str, fields: Fields) -> ResponseLike:
    """Send the request; over a new connection too, when the one on loan was idle and turns out to be closed.

    A server may close an idle connection at any time (RFC 9112, section 9.3.1); or it answers first that it has given
    up waiting (RFC 9110, section 15.5.9).
    """
    may_replay = lease.is_used and may_repeat(prepared.method, prepared.body)
    try:
        response = _send(lease.connection, prepared, target, fields)
    except (ConnectionError, ssl.SSLError):
        if not may_replay or lease.connection.has_received:
            raise
    else:
        head = response.head
        has_given_up = head.status == REQUEST_TIMEOUT and says_close(head.headers.items())
        if not may_replay or not has_given_up:
            return response
    lease.replace()
    return _send(lease.connection, prepared, target, fields)


def _send(connection: Any, prepared: PreparedRequest, target: str, fields: Fields) -> ResponseLike:
    """Send the request over a connection of any class, and read the head of the response."""
    if isinstance(connection, HTTPConnection):
        connection.request(prepared.method, target, prepared.body, fields)
    else:
        from urlrequest._http1.foreign import send_foreign  # as in open_connection()

        send_foreign(connection, prepared.method, target, fields, prepared.body)
    response = connection.getresponse()
    if isinstance(response, Response):
        return response
    from urlrequest._http1.foreign import ForeignResponse  # a class of ours may return one, too

    return ForeignResponse(response, prepared.method)
