"""Exchange: one request and the response to it, over a connection on loan from the pool.

A request may be sent more than once, for two reasons. A connection that was idle in the pool may turn out to be closed
by the server: then the request is sent again at once, over a new one. And the user may ask for retries: then it is sent
again after a pause, when an attempt failed in a way that may pass. Either happens only to a request that does no harm
when it is repeated, and before the user has heard of any response.

It is also sent again when a server or a proxy asks for credentials and `auth` has an answer, over the same connection
if that goes on: with some schemes the connection is what logs in.

Runs on the worker. A connection belongs to one exchange from `take_connection()` to the end of its `with` block.

Invariant:
    EXCHANGE-1  A connection goes back to the pool only when the request was sent as a whole, the content was read to
                its very end, and nothing went wrong (contract 17.10).
"""

from __future__ import annotations

from contextlib import suppress

from urlrequest import errors
from urlrequest._concurrency.sync import insist
from urlrequest._defaults import defaults
from urlrequest._http.framing import idle_time, says_close
from urlrequest._http.retry import back_off, is_end, is_worth_retrying, may_repeat, may_retry, retry_after
from urlrequest._http1.connection import Connection, SecureConnection
from urlrequest._http1.response_reader import Response
from urlrequest._net.connect import check_keepalive

from .places import Wait, close_idle
from .plan import request_line_and_fields
from .pool import AFTER_HEAD, AFTER_STATUS, MAX_IDLE_TIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from urlrequest._content.body import Body
    from urlrequest._http.challenges import Responder
    from urlrequest._http.fields import Fields
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http.retry import RetryRule
    from urlrequest._http1.response_reader import ResponseLike
    from urlrequest._net.cancel_scope import CancelScope
    from urlrequest._net.route import Route

    from .observer import Shared
    from .plan import PreparedRequest

__all__ = [
    "Exchange", "Lease", "depends_on_files", "kept_time", "pause_after_break", "pool_key", "send_ahead", "send_request",
]  # fmt: skip

MAX_DISCARDED = 16 * 1024  # bytes of a body that nobody wants and that are read to keep the connection
MAX_REFUSED = 64 * 1024  # bytes of a body after whose refusal the connection is kept
MAX_DRAINED = 256 * 1024  # bytes of the body of a challenge; some schemes need the connection for the answer
REQUEST_TIMEOUT = 408


class Exchange:
    """A request that was sent, and its response, of which the head was received.

    Use it as a context manager while the content is read: the connection goes back to the pool at the end if it can
    serve another request, and is closed if not.

    Attributes:
        is_left: The content is still to be read, by another worker: the end of the `with` block changes nothing.
    """

    __slots__ = ("_is_last", "_lease", "is_left", "response")

    def __init__(self, lease: Lease, response: ResponseLike, *, is_last: bool) -> None:
        """Make an exchange; `is_last`: the request says that it closes the connection."""
        self._lease = lease
        self._is_last = is_last
        self.is_left = False
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
        if error is not None:
            self._lease.fail(error)
        elif self.is_left:
            return
        elif self.response.is_reusable and not self._is_last:
            self._lease.give_back(self.response.head)
        else:
            self._lease.close()

    # Of one that was left

    def fileno(self) -> int:
        """The descriptor of the connection's socket."""
        return self._lease.connection.sock.fileno()  # type: ignore[no-any-return]  # a NetworkStream

    @property
    def waits_since(self) -> float:
        """When the wait for more of the content began, on `time.monotonic()`."""
        return self._lease.connection.sock.waits_since  # type: ignore[no-any-return]  # as above

    def close(self) -> None:
        """Close the connection."""
        self._lease.close()


class Lease:
    """A connection on loan: an idle one of the pool, or a new one.

    Attributes:
        connection: It connects when a request is sent over it.
        is_used: It has served another request before, so the server may have closed it meanwhile.
        is_left: The present request has been sent over it already (see `launch`), or the attempt has failed, and
            nothing has gone on with it since.
        send_error: What has kept it from being sent then; None: nothing has.
        key: What it is looked up by in the pool.
    """

    __slots__ = (
        "_pool", "_route", "_scope", "_tcp_keepalive", "_wait", "connection", "is_left", "is_used", "key", "send_error",
    )  # fmt: skip

    def __init__(
        self, shared: Shared, route: Route, scope: CancelScope, key: Hashable, idle: Connection | None
    ) -> None:
        """Hold a connection that was idle, or a new one.

        Args:
            key: What the connection is looked up by in the pool.
            idle: From the pool; None: a new connection is made.
        Raises:
            OSError, ssl.SSLError: The certificate files cannot be used.
        """
        self._pool = shared.pool
        self._tcp_keepalive = shared.tcp_keepalive
        self._route = route
        self._scope = scope
        self.key = key
        self._wait: Wait | None = None  # of a request on a new connection, for its response
        self.is_left = False
        self.send_error: Exception | None = None
        self.is_used = idle is not None
        self.connection: Any = idle
        if idle is None:
            self.connection = open_connection(route, scope, self._tcp_keepalive)
        else:
            idle.scope = scope

    def connect_at_once(self) -> None:
        """Open a new connection of ours to a server on this machine, without a wait.

        Raises:
            Exception: As of `Connection.connect_at_once()`.
        """
        self.connection.connect_at_once()
        self.begin_wait()

    def go_on_after_sending(self) -> None:
        """Make ready for the response to a request that has been sent already. Raises: What has kept it from that."""
        self.is_left = False
        if self.send_error is not None:
            raise self.send_error

    def may_replace(self, error: OSError | errors.BaseProtocolError, *, may_repeat: bool) -> bool:
        """Whether the request can be sent again at once, on a new connection, after an error on this one.

        A connection that was idle may have been closed meanwhile. One that is new may have been refused, because idle
        ones hold all the places that the server has: they are closed.
        """
        if isinstance(error, errors.BaseProtocolError):
            # What came on a used connection may be the rest of an earlier response, and no response to this request.
            if self.is_used:
                self._pool.note_rest(self.key)
            return self.is_used and may_repeat
        connection = self.connection
        is_unread = may_repeat and not getattr(connection, "has_received", True)
        if self.is_used:
            return is_unread and is_end(error)
        is_unsent = connection.sock is None if isinstance(connection, Connection) else False
        return (is_unsent or is_unread) and is_end(error) and close_idle(self._route.first_stop) > 0

    def go_on(self, response: ResponseLike, *, may_stay: bool) -> None:
        """Make ready for another request after a response that nobody wants.

        Args:
            may_stay: It may go over the same connection, if that can serve another one.
        """
        connection = self.connection
        if may_stay and isinstance(connection, Connection) and connection.is_intact and _drain(response):
            self.is_used = True
        else:
            self.replace()

    @property
    def peer_certificate(self) -> bytes | None:
        """The server's certificate in DER; None without TLS, and where the connection's class is not ours."""
        certificate: bytes | None = getattr(getattr(self.connection, "sock", None), "peer_certificate", None)
        return certificate

    def replace(self) -> None:
        """Close the connection, and make a new one: what else has been idle as long may be closed as well."""
        self._drop_older()
        self.close()
        self.is_used = False
        former, self.connection = self.connection, open_connection(self._route, self._scope, self._tcp_keepalive)
        if isinstance(former, Connection) and isinstance(self.connection, Connection):
            self.connection.speaks_http = former.speaks_http

    def give_back(self, head: ResponseHead) -> None:
        """Leave the connection to the pool after a response; one that cannot serve another request is closed."""
        connection = self.connection
        if isinstance(connection, Connection) and connection.is_intact and defaults.keep_alive:
            after = ""
            if connection.sent_method == "HEAD":
                after = AFTER_HEAD
            elif head.status in {204, 304}:
                after = AFTER_STATUS
            self._pool.put(self.key, connection, kept_time(head), after, self._scope.deadline.at)
        else:
            connection.close()

    def prepare_upload(self, *, is_login: bool) -> None:
        """Let the connection wait for 100 Continue only where the route may send it.

        Args:
            is_login: The connection logs in, so it must outlive a challenge.
        """
        if isinstance(self.connection, Connection):
            self.connection.expects_continue = self._pool.expects_continue(self.key)
            self.connection.is_login = is_login

    def note_continue(self) -> None:
        """Remember of the route if it did not send 100 Continue in time."""
        connection = self.connection
        if isinstance(connection, Connection) and connection.expects_continue and connection.lacked_continue:
            self._pool.note_silence(self.key)

    def begin_wait(self) -> None:
        """Note that a new connection waits for its response: idle ones make room for it meanwhile (see `places`)."""
        self._wait = Wait(self._route.first_stop)
        self._wait.begin(self._scope.deadline.at)

    def end_wait(self, *, is_answered: bool) -> None:
        """Note that the response has come, or that nothing waits for it any more. May be repeated."""
        wait = self._wait
        if wait is not None:
            try:
                if is_answered and isinstance(self.connection, Connection) and self.connection.sock is not None:
                    wait.was_answered(self.connection.sock)
            finally:
                insist(wait.end)  # a wait without an end would close idle connections for ever
            self._wait = None

    def close(self) -> None:
        """Close the connection."""
        self.end_wait(is_answered=False)
        self.connection.close()

    def fail(self, error: BaseException) -> None:
        """Close the connection after an error; what else has been idle as long is not waited for again."""
        try:
            if isinstance(error, OSError) and (isinstance(error, TimeoutError) or is_end(error)):
                self._drop_older()
        finally:
            self.close()

    def _drop_older(self) -> None:
        if self.is_used:
            self._pool.close_older(self.key, self.connection.idle_since)


def take_connection(
    shared: Shared,
    route: Route,
    scope: CancelScope,
    *,
    may_repeat: bool,
    is_new: bool,
    responder: Responder | None = None,
) -> Lease:
    """Take an idle connection, or make a new one.

    Args:
        may_repeat: The request may be sent again, if the connection turns out to be closed.
        is_new: Take none that has served another request.
        responder: Answers the challenges of the server, and may log the connection in: then no request without it
            gets the connection.
    Raises:
        RequestCancelled, DeadlineExceeded: From the scope.
        OSError, ssl.SSLError: The certificate files cannot be used.
    """
    key = pool_key(route)
    if responder is not None and responder.is_connection_bound:
        key = key, responder
    idle = None
    if defaults.keep_alive and not is_new:
        idle = shared.pool.take(key, scope) if may_repeat else shared.pool.take_proven(key, scope)
    return Lease(shared, route, scope, key, idle)


def kept_time(head: ResponseHead) -> float:
    """How long the connection of a response is worth keeping, in seconds."""
    announced = head.headers.get("Keep-Alive")
    return MAX_IDLE_TIME if announced is None else idle_time(announced, MAX_IDLE_TIME)


def _drain(response: ResponseLike) -> bool:
    """Read a body that nobody wants, unless it is large; whether the connection can serve the next request."""
    received = 0
    from http.client import HTTPException  # few responses ask for credentials

    # What is wrong with the body only costs the connection.
    with suppress(OSError, HTTPException):
        while not response.is_complete and received <= MAX_DRAINED:
            received += len(response.read_piece())
    return response.is_reusable


def depends_on_files(route: Route) -> bool:
    """Whether connections to a server, or to its proxy, are made with certificates from files."""
    return route.tls is not None or (route.proxy is not None and route.proxy.tls is not None)


def pool_key(route: Route) -> Hashable:
    """What a connection must have in common with a route to serve it (POOL-3).

    Raises:
        OSError: A certificate file is missing.
    """
    if not depends_on_files(route):
        return route.key
    tls, proxy = route.tls, route.proxy
    # The key of a context has the settings in it, and the state of the certificate files.
    context = None if tls is None else tls.context_key()
    proxy_context = None if proxy is None or proxy.tls is None else proxy.tls.context_key()
    return route.connection_class, route.host, route.port, context, proxy, proxy_context, route.family


def open_connection(route: Route, scope: CancelScope, tcp_keepalive: float | None = None) -> Any:
    """Make a connection of any class; one of ours connects when a request is sent over it.

    Args:
        tcp_keepalive: As of the session; None: that of `defaults`.
    Raises:
        TypeError, ValueError: `tcp_keepalive` is no number of seconds.
        OSError, ssl.SSLError: The certificate files cannot be used. ProxyError: The class cannot use such a proxy.
    """
    options: dict[str, Any] = {}
    if route.tls is not None and not issubclass(route.connection_class, Connection):
        from urlrequest._http1.foreign import tls_options  # few requests have a class that is not ours

        options = tls_options(route.connection_class, route.tls, route.host)
    connection = route.connection_class(*route.first_stop, timeout=scope.timeout, **options)
    if isinstance(connection, Connection):
        connection.tcp_keepalive = check_keepalive(defaults.tcp_keepalive if tcp_keepalive is None else tcp_keepalive)
        _set_up(connection, route, scope)
    elif route.proxy is not None:
        from urlrequest._http1.foreign import set_foreign_proxy

        set_foreign_proxy(connection, route, route.proxy)
    return connection


def _set_up(connection: Connection, route: Route, scope: CancelScope) -> None:
    """Give a connection of ours what it needs to connect."""
    connection.scope = scope
    connection.address_family = route.family
    if route.tls is not None and isinstance(connection, SecureConnection):
        from urlrequest._net.tls_contexts import lazy_context, warn_if_insecure  # plain http needs none of it

        warn_if_insecure(route.tls, route.host)
        connection.lazy_context = lazy_context(route.tls)
    if route.proxy is not None:
        origin = (route.host, route.port) if route.is_tunnelled and route.port else None
        connection.set_proxy(route.proxy, origin)


def send_request(prepared: PreparedRequest, shared: Shared, scope: CancelScope, lease: Lease | None = None) -> Exchange:
    """Send a request and read the head of its response, as often as the user allows and it is worth it.

    Args:
        lease: A connection over which the first attempt has been sent already: that of `send_ahead()`, or of `launch`.
    Returns:
        The exchange, of which the caller is the owner.
    Raises:
        Exception: What kept the response of the last attempt from coming.
    """
    if not prepared.retries:
        return _attempt(prepared, shared, scope, lease=lease)
    if not may_retry(prepared.method, prepared.body, prepared.retry_rule):
        return _attempt_once(prepared, shared, scope, lease)
    is_new = False
    for number in range(1, prepared.retries + 1):
        outcome = _attempt_or_pause(prepared, shared, scope, number, is_new=is_new, lease=lease)
        lease = None
        if isinstance(outcome, Exchange):
            return outcome
        pause, is_new = outcome
        scope.pause(pause)
    return _attempt(prepared, shared, scope, is_new=is_new)


def _attempt_once(prepared: PreparedRequest, shared: Shared, scope: CancelScope, lease: Lease | None) -> Exchange:
    """Make the only attempt of a request that cannot be repeated; an error says why there is no other, if it may."""
    try:
        return _attempt(prepared, shared, scope, lease=lease)
    except Exception as error:
        rule = prepared.retry_rule
        is_body = prepared.method in rule.methods  # else the method is the reason
        if is_body and is_worth_retrying(error, rule):
            from urlrequest._tracebacks import add_note  # few requests end so

            add_note(error, "not tried again: the body can be read only once")
        raise


def _attempt_or_pause(
    prepared: PreparedRequest,
    shared: Shared,
    scope: CancelScope,
    number: int,
    *,
    is_new: bool,
    lease: Lease | None,
) -> Exchange | tuple[float, bool]:
    """Make an attempt after which another one may follow.

    Returns:
        The exchange; or seconds to wait before the next attempt, where that is worth it and there is time for it, and
        whether that attempt needs a new connection.
    """
    rule = prepared.retry_rule
    try:
        exchange = _attempt(prepared, shared, scope, is_new=is_new, lease=lease)
    except Exception as error:
        pause = back_off(number)
        if is_worth_retrying(error, rule) and _has_time_for(pause, scope):
            return pause, True
        raise
    head = exchange.response.head
    if head.status not in rule.statuses:
        return exchange
    asked = retry_after(head, rule.longest_pause)
    pause = back_off(number) if asked is None else asked
    if not _has_time_for(pause, scope):
        return exchange
    from http.client import HTTPException  # few responses are worth a retry

    # A body that is cut off must not stop the retry: this response is discarded anyway.
    with suppress(OSError, HTTPException), exchange:
        exchange.discard_body()
    return pause, False


def pause_after_break(error: Exception, number: int, rule: RetryRule, scope: CancelScope) -> float:
    """Return how many seconds to wait before the rest of a body is asked for, after it has broken off.

    Args:
        number: How often that has happened to the request.
        rule: What is tried again.
    Raises:
        Exception: The error, where it is no break of the connection, or there is no time for the pause.
    """
    pause = back_off(number)
    is_passing = is_worth_retrying(error, rule) or isinstance(error, errors.IncompleteContent)
    if not is_passing or not _has_time_for(pause, scope):
        raise error
    return pause


def _has_time_for(pause: float, scope: CancelScope) -> bool:
    remaining = scope.deadline.remaining()
    return remaining is None or remaining > pause


def _attempt(
    prepared: PreparedRequest,
    shared: Shared,
    scope: CancelScope,
    *,
    is_new: bool = False,
    lease: Lease | None = None,
) -> Exchange:
    """Send the request with the cookies that the session has now, and keep those that come with the response.

    It is sent again as long as there is an answer to a response that asks for credentials.
    """
    can_repeat = may_repeat(prepared.method, prepared.body)
    if lease is None:
        scope.check()
        lease = take_connection(
            shared, prepared.route, scope, may_repeat=can_repeat, is_new=is_new, responder=prepared.responder
        )
    store = shared.cookie_store
    dialogues = None
    try:
        if prepared.responder is not None or prepared.route.proxy is not None:
            from .authentication import open_dialogues  # most requests wait for no challenge

            dialogues = open_dialogues(prepared, scope)
        while True:
            sent = prepared if dialogues is None else dialogues.next_request()
            cookies = None if store is None else store.cookies_for(prepared.target)
            target, fields = request_line_and_fields(sent, cookies)
            if sent.body is None:
                response = _send_or_replay(lease, sent, target, fields, may_repeat=can_repeat)
            else:
                is_login = dialogues is not None and dialogues.need_connection
                lease.prepare_upload(is_login=is_login)
                response = _send_with_body(lease, sent, target, fields, may_repeat=can_repeat)
            if store is not None:
                store.store(prepared.target, response.head)
            is_last = says_close(fields)
            is_refused = sent.body is not None and _is_refused(sent.body, response)
            if dialogues is None or not dialogues.answer(response.head, lease.peer_certificate):
                return Exchange(lease, response, is_last=is_last or is_refused)
            # A server may close the connection without saying so; and after HEAD a body may still come (POOL-4).
            is_safe = can_repeat and prepared.method != "HEAD" and not is_refused
            lease.go_on(response, may_stay=not is_last and (is_safe or dialogues.need_connection))
            scope.check()
    except BaseException as error:
        lease.fail(error)
        raise


def _is_refused(body: Body, response: ResponseLike) -> bool:
    """Whether a large body was refused: many servers close the connection then, although they do not say so."""
    is_large = body.length is None or body.length > MAX_REFUSED
    return response.head.status >= 400 and is_large


def _send_with_body(
    lease: Lease, prepared: PreparedRequest, target: str, fields: Fields, *, may_repeat: bool
) -> ResponseLike:
    """Send the request, and remember of the route whether it sends 100 Continue."""
    try:
        return _send_or_replay(lease, prepared, target, fields, may_repeat=may_repeat)
    finally:
        lease.note_continue()


def _send_or_replay(
    lease: Lease, prepared: PreparedRequest, target: str, fields: Fields, *, may_repeat: bool
) -> ResponseLike:
    """Send the request; over a new connection too, when the one on loan was idle and turns out to be closed.

    A server may close an idle connection at any time (RFC 9112, section 9.3.1); or it answers first that it has given
    up waiting (RFC 9110, section 15.5.9); or the body that it sends after a response to HEAD comes late.
    """
    try:
        response = _send_on_lease(lease, prepared, target, fields)
    except (OSError, errors.BaseProtocolError) as error:
        if not lease.may_replace(error, may_repeat=may_repeat):
            raise
    else:
        head = response.head
        has_given_up = head.status == REQUEST_TIMEOUT and says_close(head.headers.items())
        if not (has_given_up and lease.is_used and may_repeat):
            return response
    lease.replace()
    return _send_on_lease(lease, prepared, target, fields)


def _send_on_lease(lease: Lease, prepared: PreparedRequest, target: str, fields: Fields) -> ResponseLike:
    """Send the request, unless that was done, and read the head of the response."""
    try:
        if lease.is_left:
            lease.go_on_after_sending()
        else:
            _send(lease, prepared, target, fields)
        response = lease.connection.getresponse()
    except BaseException:
        lease.send_error = None
        lease.end_wait(is_answered=False)
        raise
    lease.end_wait(is_answered=True)
    if isinstance(response, Response):
        return response
    from urlrequest._http1.foreign import ForeignResponse  # a class of ours may return one, too

    return ForeignResponse(response, prepared.method, ":".join(map(str, prepared.route.first_stop)))


def _send(lease: Lease, prepared: PreparedRequest, target: str, fields: Fields) -> None:
    """Send the request over a connection of any class."""
    connection = lease.connection
    if not lease.is_used:
        lease.begin_wait()
    if isinstance(connection, Connection):
        connection.request(prepared.method, target, prepared.body, fields)
        return
    from urlrequest._http1.foreign import send_foreign  # as in open_connection()

    send_foreign(connection, prepared.method, target, fields, prepared.body)


def send_ahead(prepared: PreparedRequest, shared: Shared, scope: CancelScope) -> Lease:
    """Send a plain request, and leave its response for later.

    Returns:
        The connection, for `send_request()` to go on with; also after an error, for that has its rules of what is
        tried again.
    Raises:
        Exception: There is no connection to send it over, for the reason that `send_request()` would give.
    """
    scope.check()
    lease = take_connection(shared, prepared.route, scope, may_repeat=True, is_new=False)
    try:
        store = shared.cookie_store
        cookies = None if store is None else store.cookies_for(prepared.target)
        _send(lease, prepared, *request_line_and_fields(prepared, cookies))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is an error of the first attempt
        lease.send_error = error
    except BaseException:
        lease.close()
        raise
    lease.is_left = True
    return lease
