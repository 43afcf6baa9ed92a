"""A script, and how a connection's thread plays it; without a script it responds to requests by the routes.

Invariants:
    SCRIPT-1  An error in a script or a route goes to `fail`, and the connection ends; it never leaves the thread.
    SCRIPT-2  Once the client has gone, only the steps that do not need it are run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._connection import ClientGone
from ._messages import MalformedRequest, Reply, read_request, write_reply
from ._signals import ServerClosed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from ._connection import ServerConnection
    from ._messages import RecordedRequest
    from ._routes import Routes
    from ._signals import Signals

__all__ = ["ScriptPlayer", "Step"]

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Step:
    """One step of a script; the functions of `urlrequest.testing` make them.

    Attributes:
        name: How it was written, for messages.
        run: What it does, on the connection's thread.
        needs_client: Whether it is skipped once the client has gone away.
    """

    name: str
    run: Callable[[ScriptPlayer], None]
    needs_client: bool = True

    def __repr__(self) -> str:
        return self.name


class ScriptPlayer:
    """One connection, and the parts of its server that the steps need.

    Attributes:
        connection: The connection's bytes.
        signals: The named events of the scripts.
        routes: They make the replies to requests.
        record: Keeps a received request.
        fail: Keeps an error on the server's side.
        tls_errors: Errors of TLS on the client's side.
        max_body: How many bytes of a request's body are kept.
    """

    def __init__(
        self,
        connection: ServerConnection,
        signals: Signals,
        routes: Routes,
        record: Callable[[RecordedRequest], None],
        fail: Callable[[Exception], None],
        tls_errors: list[Exception],
        max_body: int,
    ) -> None:
        self.connection = connection
        self.signals = signals
        self.routes = routes
        self.record = record
        self.fail = fail
        self.tls_errors = tls_errors
        self.max_body = max_body

    def run(self, script: Sequence[Step] | None, tls: ssl.SSLContext | None) -> None:
        """Perform a TLS handshake if `tls` is given, then play the script, or serve the routes if there is none."""
        try:
            is_lost = tls is not None and not self._secure(tls)
            if script is not None:
                self._play(script, is_lost=is_lost)
            elif not is_lost:
                self.serve_routes()
        except (ClientGone, ServerClosed):
            pass
        except MalformedRequest as error:
            if error.is_tls:
                self.tls_errors.append(error)
            else:
                self.fail(error)
            self._refuse()
        except Exception as error:  # noqa: BLE001 - scripts are the tests' own, and may raise anything
            self.fail(error)

    def serve_routes(self) -> None:
        """Respond to requests by the routes until one side closes the connection."""
        while True:
            request = read_request(self.connection, self.max_body)
            if request is None:
                return
            self.record(request)
            if not write_reply(self.connection, request, self._reply_to(request)):
                return

    def _secure(self, context: ssl.SSLContext) -> bool:
        """Perform the TLS handshake, and return whether the client is still there."""
        try:
            self.connection.start_tls(context)
        except ClientGone:
            return False
        return True

    def _play(self, script: Sequence[Step], *, is_lost: bool) -> None:
        for step in script:
            if is_lost and step.needs_client:
                continue
            try:
                step.run(self)
            except ClientGone:
                is_lost = True

    def _reply_to(self, request: RecordedRequest) -> Reply:
        route = self.routes.find(request)
        try:
            return route(request)
        except (ClientGone, ServerClosed):
            raise
        except Exception as error:  # noqa: BLE001 - routes are the tests' own, too
            self.fail(error)
            return Reply(500, f"{type(error).__name__}\n", {"Content-Type": "text/plain; charset=utf-8"})

    def _refuse(self) -> None:
        try:
            if self.connection.can_send:
                self.connection.send(BAD_REQUEST)
        except (ClientGone, ServerClosed):
            pass
