"""Connection and SecureConnection: one connection to an origin, direct, to a proxy, or through a tunnel.

Each of its waits can be ended, and its responses are strictly framed. What programs get and derive from is in
`public_connection`: these classes with the whole interface of `http.client`, which takes longer to import than all that
a first request needs of this library.

Thread safety. A connection belongs to one worker at a time, and no other thread touches it: a cancel wakes the worker
through the scope (SCOPE-1). Between two requests it lies in a pool.
"""

from __future__ import annotations

import ssl
from time import monotonic

from urlrequest import errors
from urlrequest._http.request_head import encode_head
from urlrequest._http.target import DEFAULT_PORTS, bracketed
from urlrequest._net import loopback
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.connect import connect_socket, connect_to_host, watch_peer
from urlrequest._net.stream import NetworkStream

from .response_reader import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Hashable
    from typing import Any

    from urlrequest._content.body import Body
    from urlrequest._http.challenges import Dialogue
    from urlrequest._http.fields import Fields
    from urlrequest._net.route import Proxy
    from urlrequest._net.tls_contexts import LazyContext
    from urlrequest._net.tls_settings import TlsSettings

    from .interim import InterimResponses

__all__ = ["CLASSES", "Connection", "SecureConnection"]

# A server that speaks TLS ends the connection at the first bytes of plain text: within these seconds, and before more
# than these bytes have been sent.
TLS_REFUSAL_TIME = 5.0
TLS_REFUSAL_SIZE = 1024 * 1024

_IDLE_SCOPE = CancelScope()  # of connections that serve no request


class Connection:
    """A connection that can be cancelled and keeps deadlines. Every method runs on the worker thread."""

    default_port: int = DEFAULT_PORTS["http"]
    host: str
    port: int
    sock: Any
    scope: CancelScope
    is_intact: bool
    sent_at: float
    sent_method: str
    idle_since: float
    idle_until: float
    idle_since = idle_until = 0.0  # when it became idle, and until when it is kept, on `suspend_clock()`
    expects_continue: bool = True  # a 100 Continue is waited for; False: the server sent none before
    is_login: bool = False  # a challenge is no reason to stop sending
    speaks_http: bool = False  # the peer has responded to a request, on this connection or on the one that it replaces
    tcp_keepalive: float = 0.0  # seconds of silence after which the system asks whether the peer is there; 0: never
    address_family: int = 0  # AF_INET or AF_INET6, if only such addresses may be connected to
    after: str = ""  # why the last response had no body, for the pool

    def __init__(self, host: str, port: int | None = None, timeout: float | None = None) -> None:
        """Make a connection; the first request opens it.

        Args:
            timeout: The longest single step, in seconds, for requests that set no other; None: no limit.
        """
        self.host, self.port, self.sock = host, self.default_port if port is None else port, None
        self.scope = CancelScope(timeout)  # ends the waits of the present request: cancel, deadline, timeout
        self.is_intact = True  # whether the present request was sent as a whole
        self._proxy: Proxy | None = None
        self._tunnel: tuple[str, int, Fields] | None = None  # host and port of the origin, headers for the proxy
        self.sent_method = ""
        self.sent_at = 0.0  # when the present request was sent, on `time.monotonic()`; 0: it was sent step by step
        self._interim: InterimResponses | None = None  # to the present request, if it has a body
        self._send_error: OSError | None = None

    # Opening

    def open_socket(self) -> socket.socket:
        """Return a connected socket. Override this for a scheme of your own.

        Use `connect_socket()` to connect, so that cancel and deadline end the wait.

        Raises:
            OSError: The socket cannot be connected.
        """
        return connect_to_host(self.host, self.port, self.scope, self.address_family)

    def connect_socket(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket of any address family. Call this from `open_socket()`.

        Raises:
            OSError: The socket cannot be connected; it has been closed.
        """
        try:
            connect_socket(sock, address, self.scope)
        except BaseException:
            sock.close()
            raise

    def secure_socket(self, sock: socket.socket) -> socket.socket:
        """Return the socket, or a TLS socket over it if the scheme needs TLS."""
        return sock

    def _await_context(self) -> None:
        """Wait until the TLS context is loaded, if the scheme needs TLS."""

    def connect(self) -> None:
        """Open the connection, through a proxy if one is set."""
        dialogue = self._open_proxy_dialogue()
        while not self._try_connect(dialogue):
            self.scope.check()  # the proxy wants the answer to its challenge on a new connection

    def _try_connect(self, dialogue: Dialogue | None) -> bool:
        """Open the connection; False: the proxy has asked for credentials, and closes this one."""
        try:
            sock = self.open_socket()
        except OSError as error:
            raise self._name_proxy(error)  # noqa: B904 - it is the same exception
        return self._set_up(sock, dialogue)

    def _set_up(self, sock: socket.socket, dialogue: Dialogue | None) -> bool:
        """Make the stream of the connection over a socket; False: as of `_try_connect()`."""
        try:
            if sock.gettimeout() != 0:  # a user's open_socket() has made it
                sock.setblocking(False)
            watch_peer(sock, self.tcp_keepalive)
            self._await_context()  # files that cannot be used are an error before anything is sent
            if self._proxy is not None and self._proxy.tls is not None:
                sock = self._secure_proxy(sock, self._proxy.tls)
            if self._tunnel is not None and not self._open_tunnel(sock, *self._tunnel, dialogue):
                sock.close()
                return False
            sock = self.secure_socket(sock)
        except BaseException:
            sock.close()
            raise
        self.sock = NetworkStream(sock, self.scope, self._place)
        return True

    def connect_at_once(self) -> None:
        """Open the connection to a server on this machine without a wait, if there is neither proxy nor TLS.

        Raises:
            Exception: As of `loopback.connect_at_once()`.
        """
        began = monotonic()
        self._set_up(loopback.connect_at_once(self.host, self.port, self.address_family), None)
        self.scope.timings["connect"] = monotonic() - began

    def _open_proxy_dialogue(self) -> Dialogue | None:
        """What answers a proxy that asks for credentials before it opens a tunnel, if there are any."""
        proxy, tunnel = self._proxy, self._tunnel
        if proxy is None or proxy.responder is None or tunnel is None:
            return None
        from urlrequest._http.challenges import Dialogue, Subject  # few requests have such a proxy

        authority = f"{bracketed(tunnel[0])}:{tunnel[1]}"
        space = proxy.scheme, proxy.host, proxy.port
        subject = Subject(space, "CONNECT", authority, authority, "Proxy-Authorization", lambda: iter(()))
        return Dialogue(proxy.responder, subject, list(proxy.fields))

    def _secure_proxy(self, sock: socket.socket, settings: TlsSettings) -> Any:
        """Make the TLS handshake with the proxy."""
        from urlrequest._net.tls_contexts import lazy_context, warn_if_insecure  # plain http needs none of it
        from urlrequest._net.tls_handshake import secure

        warn_if_insecure(settings, self.host)
        try:
            return secure(sock, self.host, self.port, lazy_context(settings), self.scope)
        except OSError as error:
            raise self._name_proxy(error)  # noqa: B904 - it is the same exception

    def _open_tunnel(self, sock: socket.socket, host: str, port: int, headers: Any, dialogue: Dialogue | None) -> bool:
        """Make the proxy connect to the origin; False: the proxy has asked for credentials, and closes."""
        stream = NetworkStream(sock, self.scope, f"the proxy {self.peer}")
        if self._proxy is not None and self._proxy.is_socks:
            from urlrequest._net.socks import open_socks_tunnel  # few requests go through such a proxy

            open_socks_tunnel(stream, self._proxy.scheme, host, port, self._proxy.userinfo)
            return True
        from .tunnel import open_http_tunnel  # most requests go straight

        return open_http_tunnel(stream, f"{bracketed(host)}:{port}", headers, dialogue)

    def set_tunnel(self, host: str, port: int | None = None, headers: Fields | None = None) -> None:
        """Send requests through a tunnel: the host that the connection was made for is a proxy, this one the origin.

        Args:
            headers: For the proxy.
        """
        self._tunnel = (host, self.default_port if port is None else port, headers or [])

    def set_proxy(self, proxy: Proxy, origin: tuple[str, int] | None) -> None:
        """Send requests to a proxy, for whose host and port the connection was made.

        Args:
            origin: Host and port for a tunnel; None: the proxy reads the requests itself.
        """
        self._proxy = proxy
        if origin is not None:
            self.set_tunnel(*origin, headers=list(proxy.fields))

    @property
    def peer(self) -> str:
        """Host and port of the server or proxy that the socket is connected to, for messages."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def _place(self) -> str:
        """Whom the requests of this connection are sent to, for messages."""
        if self._tunnel is not None:
            return f"{bracketed(self._tunnel[0])}:{self._tunnel[1]} through the proxy {self.peer}"
        return self.peer if self._proxy is None else f"the proxy {self.peer}"

    def _name_proxy(self, error: OSError) -> OSError:
        """Return an error of connecting; it says that the host which it names is the proxy, if there is one."""
        if (self._proxy is None and self._tunnel is None) or isinstance(error, errors.DeadlineExceeded):
            return error
        from urlrequest._net.tls_errors import add_text  # few connections fail

        return add_text(error, f"; {self.peer} is the proxy")

    # One exchange

    def request(self, method: str, url: str, body: Body | None, headers: Fields) -> None:
        """Send a request.

        If the server refuses the request before all was sent, sending ends, and `getresponse()` reads the response
        (contract 10.5).

        Raises:
            OSError: The connection cannot be opened.
        """
        self._begin_exchange(method)
        if self.sock is None:
            self.connect()
        stream: NetworkStream = self.sock  # pyright: ignore[reportAssignmentType]  # connect() has made it
        began = monotonic()
        speed = self.scope.speed
        try:
            if speed is not None:
                speed.begin()
            head = encode_head(method, url, headers)
            if body is None:
                self.is_intact = stream.send_all(head)
            else:
                from .interim import InterimResponses  # most requests have no body
                from .request_writer import send_with_body

                self._interim = InterimResponses(
                    stream.peer, expects_continue=self.expects_continue, is_login=self.is_login
                )
                self.is_intact = send_with_body(stream, head, body, headers, self._interim)
                if not self.is_intact:
                    stream.give_up_sending()
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            # The server may have responded before it closed (measured: an early 413 can still be read then).
            self.is_intact, self._send_error = False, error
        self.sent_at = monotonic()
        self.scope.timings["send"] = self.sent_at - began

    def send_now(self, method: str, head: bytes) -> bool:
        """Send a request without a body over the open connection, if the system takes it at once.

        Args:
            head: As of `encode_head()`.
        Returns:
            False: it has not taken all of it, and the connection is of no more use.
        Raises:
            OSError: The connection broke.
        """
        self._begin_exchange(method)
        began = monotonic()
        is_sent: bool = self.sock.send_now(head)
        self.sent_at = monotonic()
        self.scope.timings["send"] = self.sent_at - began
        return is_sent

    def getresponse(self) -> Response:
        """Read the head of the response.

        Raises:
            ProtocolError: The server does not speak HTTP/1.
            OSError: The connection broke.
        """
        if self.sock is None:
            from http.client import ResponseNotReady  # only a program's own calls come in the wrong order

            raise ResponseNotReady("no request was sent")
        began = self.sent_at or monotonic()
        speed = self.scope.speed
        try:
            if speed is not None:
                speed.pause()  # the server may think for as long as `timeout` allows
            response = Response(self.sock, self.sent_method, self._interim)
        except (OSError, errors.BaseProtocolError) as error:
            if self._send_error is not None:
                raise self._explain(self._send_error) from None
            self._explain(error)
            raise
        if speed is not None:
            speed.begin()
        self.speaks_http = True
        self.scope.timings["first_byte"] = monotonic() - began
        if not self.is_intact and response.ends_with_connection:
            self.sock.end_sending()  # the server may read all of the request before it closes
        return response

    def was_answered(self) -> None:
        """Note that a response has come, which was read without `getresponse()`."""
        self.speaks_http = True

    def _explain(self, error: Exception) -> Exception:
        """Return an error of the exchange, with a hint if it may mean that the server speaks TLS."""
        if isinstance(error, ConnectionError) and self._may_speak_tls():
            from urlrequest._net.tls_errors import add_text  # few exchanges fail

            add_text(error, f"; if {self._place} speaks TLS, its URL must begin with https://")
        return error

    def _may_speak_tls(self) -> bool:
        """Whether nothing that is known of a connection that broke speaks against a server of TLS."""
        if self.speaks_http or self.has_received or type(self).open_socket is not Connection.open_socket:
            return False
        if self.lacked_continue or (self.sock is not None and self.sock.sent_size > TLS_REFUSAL_SIZE):
            return False  # it has taken more than the first bytes, or waited for more
        began = self.sent_at - self.scope.timings.get("send", 0.0)
        return not self.sent_at or monotonic() - began <= TLS_REFUSAL_TIME

    def _begin_exchange(self, method: str) -> None:
        """Begin an exchange, whether `request()` sends it or the caller does so step by step."""
        self._send_error, self._interim, self.is_intact, self.sent_method = None, None, True, method
        self.sent_at = 0.0
        if self.scope.speed is not None:
            self.scope.speed.pause()  # while it connects
        if self.sock is not None:
            self.sock.has_received = self.sock.has_acknowledged = False
            self.sock.sent_size = 0
            self.sock.waits_since = None
            self.sock.scope = self.scope

    @property
    def lacked_continue(self) -> bool:
        """Whether no 100 Continue came in time to the present request, which waited for one."""
        return self._interim is not None and self._interim.is_overdue

    @property
    def has_received(self) -> bool:
        """Whether any byte of the response has come."""
        return self.sock is not None and self.sock.has_received

    def become_idle(self, since: float, until: float) -> None:
        """Let go of the scope of the last request; the connection is idle now.

        Args:
            since: When that is, on `suspend_clock()`.
            until: Until when the connection is worth keeping.
        """
        self.scope = self.sock.scope = _IDLE_SCOPE
        self.idle_since, self.idle_until = since, until

    def close(self) -> None:
        """Close the connection; a request opens it again."""
        sock, self.sock = self.sock, None
        if sock is not None:
            sock.close()


class SecureConnection(Connection):
    """A `Connection` over TLS."""

    default_port: int = DEFAULT_PORTS["https"]
    # Used if there is no context of its own; None: that of a request without TLS options.
    lazy_context: LazyContext | None = None
    _context: ssl.SSLContext | None = None
    _session_key: Hashable | None = None  # of the TLS session, until it has been kept

    def _lazy_context(self) -> LazyContext:
        from urlrequest._net.tls_contexts import lazy_context  # plain http needs none of it
        from urlrequest._net.tls_settings import TlsSettings

        if self._context is None:
            return self.lazy_context or lazy_context(TlsSettings())
        fingerprint = None if self.lazy_context is None else self.lazy_context.settings.fingerprint
        return lazy_context(TlsSettings(ssl_context=self._context, fingerprint=fingerprint))

    def _await_context(self) -> None:
        self._lazy_context().get()

    def _explain(self, error: Exception) -> Exception:
        return error

    def secure_socket(self, sock: socket.socket) -> socket.socket:
        from urlrequest._net.tls_handshake import secure
        from urlrequest._net.tls_sessions import session_key

        lazy = self._lazy_context()
        host, port = (self.host, self.port) if self._tunnel is None else self._tunnel[:2]
        secured: socket.socket = secure(sock, host, port, lazy, self.scope)
        self._session_key = session_key(lazy.get(), host, port)
        return secured

    def getresponse(self) -> Response:
        response = super().getresponse()
        self._keep_session()
        return response

    def was_answered(self) -> None:
        super().was_answered()
        self._keep_session()

    def _keep_session(self) -> None:
        """Keep the TLS session after the first response: servers send session tickets before it."""
        key, self._session_key = self._session_key, None
        if key is not None:
            from urlrequest._net.tls_sessions import keep_session, needs_session

            if needs_session(key, is_resumed=self.sock.is_tls_resumed):
                keep_session(key, self.sock.tls_session)


CLASSES: dict[str, type[Connection]] = {"http": Connection, "https": SecureConnection}
"""The class for each scheme, of requests that choose none."""
