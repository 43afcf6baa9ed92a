"""The server: its listening socket, its routes, its queue of scripts and its threads.

One thread accepts; each connection has a thread of its own. Tests call the public methods from any thread.

Invariants:
    SERVER-1  `_changed` guards the scripts, their progress and the errors; no script or route runs under
              it.
    SERVER-2  A script is taken when its connection is accepted, so scripts are played in the order of the connections.
    SERVER-3  After `close()` no thread and no socket of this server is left, unless a route of the test itself does not
              return.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
from collections import deque
from contextlib import closing, suppress
from time import monotonic
from typing import TYPE_CHECKING

from ._connection import ClientGone, ServerConnection
from ._messages import Reply
from ._routes import Routes, fixed_reply
from ._script import ScriptPlayer
from ._signals import ServerClosed, Signals
from ._steps import receive

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Protocol

    from typing_extensions import Self

    from ._messages import Body, Fields, RecordedRequest
    from ._routes import Route
    from ._script import Step

    class _Opened(Protocol):
        def close(self) -> None: ...


__all__ = ["ScriptError", "Server", "close_after", "serve"]

BACKLOG = 1024  # connections that wait to be accepted
MAX_ERRORS = 100  # of each kind that a server keeps
NO_DESCRIPTOR_PAUSE = 0.05  # seconds


class ScriptError(AssertionError):
    """A script or a route of a test failed, or a request that the server received was not valid."""


def close_after(opened: _Opened, error: BaseException | None, note: str) -> None:
    """Close at the end of a `with` block. The test's own failure is raised; a note on it often has its cause.

    Args:
        error: What the block has raised, or None.
        note: How the note begins.
    Raises:
        ScriptError: From `close()`, after a block that has raised nothing.
    """
    try:
        opened.close()
    except ScriptError as script_error:
        if error is None:
            raise
        if sys.version_info >= (3, 11):
            error.add_note(f"{note}: {script_error}")


class _FirstErrors(list[Exception]):
    """The first errors of a server: more say nothing new, and would fill the memory where it runs for long."""

    def append(self, error: Exception) -> None:
        if len(self) < MAX_ERRORS:
            super().append(error)


class Server:
    """A scripted HTTP/1.1 server on the loopback interface.

    Example::

        with Server() as server:
            server.respond("/hello", "Hello", headers={"Content-Type": "text/plain"})
            request = UrlRequest(server.url + "/hello")
            request.wait()
            assert server.requests[0].method == "GET"

    Args:
        tls: Speak TLS with this context from the first byte.
        host: The address to listen on, such as ``127.0.0.1`` or ``::1``.
        port: The port to listen on; 0: a free one.
        handler: Makes the replies to requests that have no route; None: they get a 404.
        is_recording: Keep the received requests; False for a server that runs for long.
        max_body: How many bytes of a request's body to keep; the rest is received and forgotten. None: all of it.

    Attributes:
        requests: The received requests, in order of completion.
        errors: Errors in scripts and routes, the first 100; `close()` raises `ScriptError` if there are any.
        tls_errors: TLS handshakes and records that failed, the first 100.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        handler: Route | None = None,
        is_recording: bool = True,
        max_body: int | None = None,
    ) -> None:
        self.host = host
        self._wanted_port = port
        self.requests: list[RecordedRequest] = []
        self._is_recording = is_recording
        self._max_body = sys.maxsize if max_body is None else max_body
        self.errors: list[Exception] = _FirstErrors()
        self.tls_errors: list[Exception] = _FirstErrors()
        self._tls = tls
        self._routes = Routes(handler)
        self._scripts: deque[tuple[Step, ...]] = deque()
        self._playing: dict[int, tuple[Step, ...]] = {}
        self._threads: list[threading.Thread] = []  # the acceptor's, until it has ended
        self._connection_count = 0
        self._changed = threading.Condition()
        self._signals = Signals()
        self._address: tuple[str, int] | None = None
        self._acceptor: threading.Thread | None = None

    def __repr__(self) -> str:
        place = "not started" if self._address is None else self.url
        return f"<Server: {place}, {len(self.requests)} requests received>"

    # Starting and closing

    def start(self) -> Self:
        """Listen and accept, until `close()`. A server starts once; ``with`` does both."""
        if self._address is not None or self._signals.is_closed:
            raise RuntimeError("a server starts once; make another one")
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server((self.host, self._wanted_port), family=family, backlog=BACKLOG)
        listener.setblocking(False)
        self._address = listener.getsockname()[:2]
        self._signals.open_wake()
        name = f"urlrequest-testing-{self.port}"
        self._acceptor = threading.Thread(target=self._accept, args=(listener,), name=name, daemon=True)
        self._acceptor.start()
        return self

    def close(self, timeout: float = 10) -> None:
        """End all threads and sockets, at once; may be called again.

        Args:
            timeout: The longest wait, in seconds; only a route that hangs takes it all.
        Raises:
            ScriptError: A script or a route failed, or has not ended within `timeout` seconds.
        """
        self._signals.close()
        limit = monotonic() + timeout
        if self._acceptor is not None:
            self._acceptor.join(timeout)
            self._threads.append(self._acceptor)
            self._acceptor = None
        with self._changed:  # after which no thread is started any more
            threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(max(0.0, limit - monotonic()))
        stuck = [thread.name for thread in threads if thread.is_alive()]
        if stuck:
            self._fail(RuntimeError(f"a route did not return within {timeout} s after close(): {stuck}"))
        self._signals.release()
        if self.errors:
            errors, self.errors = self.errors, _FirstErrors()
            raise ScriptError("; ".join(f"{type(error).__name__}: {error}" for error in errors)) from errors[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        close_after(self, error, "The server's script failed as well")

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        if self._address is None:
            raise RuntimeError("the server has not been started")
        return self._address[1]

    @property
    def url(self) -> str:
        """``http://host:port`` or ``https://host:port``, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"

    @property
    def connection_count(self) -> int:
        """How many connections were accepted."""
        return self._connection_count

    def serve_socket(self, sock: socket.socket) -> int:
        """Serve a socket that is connected already, such as one of a pair; there is no need to start the server.

        Returns:
            The number of the connection, from 0.
        Raises:
            ServerClosed: The server was closed; the socket is closed as well.
        """
        with self._changed:
            if not self._signals.is_closed:
                self._signals.open_wake()
        return self._open(sock)

    # Responses

    def respond(
        self, path: str, body: Body = b"", *, status: int = 200, headers: Fields = (), reason: str | None = None
    ) -> None:
        """Send the same reply to every request for a path, whatever its method.

        Example: ``server.respond("/user", b'{"name": "Ada"}', headers={"Content-Type": "application/json"})``.

        Args:
            path: As in `route`.
            body: As in `Reply`.
            status: As in `Reply`.
            headers: As in `Reply`.
            reason: As in `Reply`.
        """
        reply = Reply(status, body, headers, reason)
        self.route(path, lambda _: reply)

    def route(self, path: str, handler: Route) -> None:
        """Send to every request for a path the reply that a function makes, on the connection's thread.

        Example: ``server.route("/echo/*", lambda request: Reply(body=request.body))``.

        Args:
            path: Percent-encoded. With a query only that query matches, without one every query does. A ``*`` at the
                end matches all paths that begin so; an exact path goes first, then the longest prefix.
            handler: Makes the reply. When it raises, the client gets a 500 and the test a `ScriptError`.
        """
        self._routes.add(path, handler)

    def play(self, *steps: Step, read_request: bool = True) -> None:
        r"""Script the next connection; several calls queue up, one for each connection in the order of acceptance.

        After the last step the connection is closed with a FIN, unless a step ended it otherwise. Connections without
        a script get replies from the routes.

        Example: ``server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), reset())``.

        Args:
            steps: What to do, in order.
            read_request: Whether one whole request is read and recorded before the first step.
        """
        with self._changed:
            self._scripts.append((receive(), *steps) if read_request else steps)

    # Moments that a test and a script agree on

    def signal(self, name: str) -> None:
        """Set an event that scripts wait for with the step `wait_for`.

        Example: ``request.cancel(); server.signal("cancelled")``.
        """
        self._signals.set(name)

    def wait(self, name: str, timeout: float = 10) -> None:
        """Wait until a script has reached its step `signal` of that name.

        Example: ``server.wait("head sent"); request.cancel()``.

        Raises:
            TimeoutError: That did not happen within `timeout` seconds, or the server was closed.
        """
        if not self._signals.wait(name, timeout):
            cause = self.errors[0] if self.errors else None
            raise TimeoutError(f"no script signalled {name!r} within {timeout} s") from cause

    def assert_idle(self, timeout: float = 10) -> None:
        """Assert that every script was played to its end and nothing went wrong.

        A script that is still being played has `timeout` seconds to end.

        Example: ``request.wait(); server.assert_idle()``.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._playing, timeout)
            waiting, playing, errors = list(self._scripts), dict(self._playing), list(self.errors)
        for what, found in (("failed", errors), ("still being played", playing), ("never played", waiting)):
            if found:
                raise AssertionError(f"{what}: {found}")

    # The accepting thread

    def _accept(self, listener: socket.socket) -> None:
        with listener, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(self._signals, selectors.EVENT_READ)
            while not self._signals.is_closed:
                selector.select()
                try:
                    sock, _ = listener.accept()
                except (BlockingIOError, ConnectionError):
                    continue  # the client was gone before it was accepted
                except OSError:
                    # No descriptor is left (EMFILE), and the system does not report when there is one again.
                    self._pause()
                    continue
                with suppress(ServerClosed):
                    self._open(sock)

    def _pause(self) -> None:
        with suppress(ServerClosed):
            self._signals.pause(NO_DESCRIPTOR_PAUSE)

    def _open(self, sock: socket.socket) -> int:
        with self._changed:
            if self._signals.is_closed:
                sock.close()
                raise ServerClosed("the server was closed before it had a thread for the connection")
            number, self._connection_count = self._connection_count, self._connection_count + 1
            script = self._scripts.popleft() if self._scripts else None
            if script is not None:
                self._playing[number] = script
            connection = ServerConnection(sock, number, self._signals, self.tls_errors)
            place = "" if self._address is None else f"{self.port}-"
            name = f"urlrequest-testing-{place}{number}"
            thread = threading.Thread(target=self._serve, args=(connection, script), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system has no thread left
                connection.close()
                self._playing.pop(number, None)
                self.errors.append(error)
                self._changed.notify_all()
            else:
                self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        return number

    # The threads of the connections

    def _serve(self, connection: ServerConnection, script: tuple[Step, ...] | None) -> None:
        with closing(connection), suppress(ClientGone, ServerClosed):
            player = ScriptPlayer(
                connection, self._signals, self._routes, self._record, self._fail, self.tls_errors, self._max_body
            )
            player.run(script, self._tls)
            self._end_script(connection.number)
            connection.end()

    def _record(self, request: RecordedRequest) -> None:
        if self._is_recording:
            self.requests.append(request)

    def _end_script(self, number: int) -> None:
        with self._changed:
            self._playing.pop(number, None)
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self.errors.append(error)
            self._changed.notify_all()


def serve(routes: Mapping[str, Reply | bytes | str | object]) -> Server:
    """Make a server of fixed replies, to be started by ``with``.

    Example::

        with serve({"/": b"bytes", "/text": "text", "/user": {"name": "Ada"}, "/gone": Reply(410)}) as server:
            ...

    Args:
        routes: Replies by path: a `Reply`, bytes, text (as text/plain in utf-8), or anything else as JSON.
    """
    server = Server()
    for path, content in routes.items():
        reply = fixed_reply(content)
        server.respond(path, reply.body, status=reply.status, headers=reply.headers, reason=reply.reason)
    return server
