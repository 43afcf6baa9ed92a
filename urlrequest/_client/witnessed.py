"""WorkerSide: what `perform()` tells a request on the worker, and asks it: the points where a subclass takes part.

Thread safety. `_target`, `_head` and `_history` are written by the worker, before the event that tells of them
is posted; the dispatch thread reads them when it delivers that event.
"""

from __future__ import annotations

from urlrequest._content.text import is_json, parse_json
from urlrequest._http1.connection import HTTPConnection, HTTPSConnection
from urlrequest._log import log
from urlrequest.errors import UnsupportedScheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest._engine.plan import PreparedRequest
    from urlrequest._http.redirect import Hop
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http.target import Target

__all__ = ["WorkerSide"]


class WorkerSide:
    """What is known of a request's way so far."""

    name: str
    url: str
    debug: bool

    _target: Target | None = None  # of the whole prepared request, which holds the body, nothing else is kept
    _head: ResponseHead | None = None
    _history: tuple[Hop, ...] = ()

    @property
    def history(self) -> list[Hop]:
        """The redirects that were followed, with `url`, `status` and `headers` each."""
        return list(self._history)

    def get_connection_for_scheme(self, scheme: str) -> type:
        """Return the connection class for a scheme; override it for schemes of your own (contract 18.1).

        The class has the interface of `http.client.HTTPConnection`; best, it derives from `urlrequest.HTTPConnection`
        and overrides `open_socket()`. Runs on the worker.

        Raises:
            UnsupportedScheme: There is none.
        """
        if scheme == "http":
            return HTTPConnection
        if scheme == "https":
            return HTTPSConnection
        raise UnsupportedScheme(f"no connection class for the scheme {scheme}")

    def _get_connection_for_scheme(self, scheme: str) -> type:
        """The same under the other name that subclasses know (contract 1.4)."""
        return self.get_connection_for_scheme(scheme)

    def decode_result(self, result: Any, resp: Any) -> Any:
        """Make the result of the body's text (or octets); override it for types of your own. Runs on the worker.

        Args:
            result: What contract 4.1 makes of the body.
            resp: The response, with the interface of `http.client.HTTPResponse`.
        """
        if is_json(resp.getheader("Content-Type")):
            try:
                return parse_json(result)
            except ValueError:
                return result  # text that is no JSON stays text (contract 4.2)
        return result

    def connection_class(self, scheme: str) -> type:
        """Which class to use; an override of either name above counts."""
        return self._get_connection_for_scheme(scheme)

    def request_prepared(self, prepared: PreparedRequest) -> None:
        self._target = prepared.target
        if self.debug:
            self._log("%s %s", prepared.method, prepared.target.url)

    def redirect_followed(self, hop: Hop) -> None:
        self._history += (hop,)
        if self.debug:
            self._log("%d, followed", hop.status)

    def head_received(self, head: ResponseHead) -> None:
        self._head = head
        if self.debug:
            self._log("%d %s", head.status, head.reason)

    def _log(self, message: str, *arguments: object) -> None:
        log("DEBUG", f"%s: {message}", self.name, *arguments)  # not made here: an error may have no text
