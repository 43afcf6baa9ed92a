"""Dialogues: a request that answers the challenges of its server, and of a proxy that reads it.

What is said in them is the business of the `auth` object and of `_http.challenges`. A proxy that opens a tunnel has its
dialogue while the connection is made; see `_http1.tunnel`. Runs on the worker. Loaded by the first request that has an
`auth` object which answers challenges, or a proxy with credentials.
"""

from __future__ import annotations

from urlrequest._http.challenges import Dialogue, Subject
from urlrequest._http.fields import without
from urlrequest.errors import AuthenticationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest._content.body import Body
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._net.cancel_scope import CancelScope

    from .plan import PreparedRequest

__all__ = ["Dialogues", "open_dialogues"]


def open_dialogues(prepared: PreparedRequest, scope: CancelScope) -> Dialogues | None:
    """The dialogues of a request; None where nobody could answer a challenge."""
    proxy = prepared.route.proxy
    is_proxy_asked = proxy is not None and proxy.responder is not None and not prepared.route.is_tunnelled
    return Dialogues(prepared, scope) if prepared.responder is not None or is_proxy_asked else None


class Dialogues:
    """The dialogue with the server, and that with a proxy which reads the request; either may be missing.

    Attributes:
        need_connection: Whether an answer counts only on the connection of its challenge.
    """

    def __init__(self, prepared: PreparedRequest, scope: CancelScope) -> None:
        target, proxy = prepared.target, prepared.route.proxy
        responders = [prepared.responder, None if proxy is None or prepared.route.is_tunnelled else proxy.responder]
        self.need_connection = any(responder is not None and responder.is_connection_bound for responder in responders)
        if self.need_connection and "expect" in prepared.own_fields:
            # What a server refuses before the body must be followed by the body, or by the end of the connection.
            prepared = prepared.replace(fields=without(prepared.fields, {"expect"}))
        self._prepared = prepared
        pieces = _pieces_of(prepared.body, scope)
        self._origin = self._proxy = None
        if prepared.responder is not None:
            subject = Subject(target.origin, prepared.method, target.url, target.path, "Authorization", pieces)
            self._origin = Dialogue(prepared.responder, subject, prepared.fields)
        if proxy is not None and proxy.responder is not None and not prepared.route.is_tunnelled:
            space = proxy.scheme, proxy.host, proxy.port
            # The path alone, as browsers and curl have it, although the proxy is sent the whole URL.
            subject = Subject(space, prepared.method, target.url, target.path, "Proxy-Authorization", pieces)
            self._proxy = Dialogue(proxy.responder, subject, list(proxy.fields))

    def next_request(self) -> PreparedRequest:
        """The request as it is to be sent now."""
        request = self._prepared
        if self._origin is not None:
            request = request.replace(fields=self._origin.fields)
        if self._proxy is not None and request.route.proxy is not None:
            proxy = request.route.proxy.replace(fields=tuple(self._proxy.fields))
            request = request.replace(route=request.route.replace(proxy=proxy))
        return request

    def answer(self, head: ResponseHead, peer_certificate: bytes | None) -> bool:
        """Answer a challenge; whether the request is to be sent again. If not, the response is the last one.

        Raises:
            AuthenticationError: The body would have to be sent again, but can be read only once.
        """
        route = self._prepared.route
        origin, proxy = self._origin, self._proxy
        if origin is not None and origin.answer(head, None if route.tls is None else peer_certificate):
            self._check_replay("the server", head)
            if proxy is not None:
                proxy.sign()
            return True
        is_secure = route.proxy is not None and route.proxy.tls is not None
        if proxy is not None and proxy.answer(head, peer_certificate if is_secure else None):
            self._check_replay("the proxy", head)
            if origin is not None:
                origin.sign()
            return True
        for dialogue in (origin, proxy):
            if dialogue is not None:
                dialogue.finish(head)
        return False

    def _check_replay(self, who: str, head: ResponseHead) -> None:
        body, target = self._prepared.body, self._prepared.target
        if body is not None and not body.is_replayable:
            raise AuthenticationError(
                f"{target}: {who} asks for credentials ({head.status}), and the body cannot be sent again with them, "
                "as it can be read only once"
            )


def _pieces_of(body: Body | None, scope: CancelScope) -> Callable[[], Iterator[bytes | memoryview]] | None:
    """What returns the content of a body in pieces, for a hash of it; None: it can be read only once."""
    if body is None:
        return lambda: iter(())
    if not body.is_replayable:
        return None

    def pieces() -> Iterator[bytes | memoryview]:
        for piece in body.pieces():
            scope.check()
            yield piece

    return pieces
