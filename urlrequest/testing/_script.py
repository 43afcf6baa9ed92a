"""What is said on one connection: a script, or answers from the routes.

The connection's thread runs it. Invariants:
1. What goes wrong in a script or a route is told to `fail`, and the connection ends; it never gets out of here.
2. Once the client has gone, only the steps that do not need it are run.
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

    from ._connection import Link
    from ._messages import RecordedRequest
    from ._routes import Routes
    from ._signals import Signals
    from ._steps import Step

__all__ = ["Conversation"]

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Conversation:
    """One connection, and the parts of its server that it has to do with.

    Attributes:
        link: The connection's octets.
        signals: The named events of the scripts.
        routes: What answers requests.
        record: Keeps a request that was received.
        fail: Keeps what went wrong on the server's side.
        tls_errors: What went wrong on the client's side of TLS.
    """

    link: Link
    signals: Signals
    routes: Routes
    record: Callable[[RecordedRequest], None]
    fail: Callable[[Exception], None]
    tls_errors: list[Exception]

    def run(self, script: Sequence[Step] | None, tls: ssl.SSLContext | None) -> None:
        """Perform the handshake, if there is one, then play the script or, where there is none, answer requests."""
        try:
            is_lost = tls is not None and not self._secure(tls)
            if script is not None:
                self._play(script, is_lost=is_lost)
            elif not is_lost:
                self.answer()
        except (ClientGone, ServerClosed):
            pass
        except MalformedRequest as error:
            if error.is_tls:
                self.tls_errors.append(error)
            else:
                self.fail(error)
            self._refuse()
        except Exception as error:  # noqa: BLE001 - scripts are the tests' own: anything can come out of them
            self.fail(error)

    def answer(self) -> None:
        """Answer requests from the routes until one side wants to close."""
        while True:
            request = read_request(self.link)
            if request is None:
                return
            self.record(request)
            if not write_reply(self.link, request, self._reply_to(request)):
                return

    def _secure(self, context: ssl.SSLContext) -> bool:
        """Perform the handshake and return whether the client is still there."""
        try:
            self.link.start_tls(context)
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
        except ServerClosed:
            raise
        except Exception as error:  # noqa: BLE001 - so are routes
            self.fail(error)
            return Reply(500, f"{type(error).__name__}\n", {"Content-Type": "text/plain; charset=utf-8"})

    def _refuse(self) -> None:
        try:
            if self.link.can_send:
                self.link.send(BAD_REQUEST)
        except (ClientGone, ServerClosed):
            pass
