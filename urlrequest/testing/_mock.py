"""MockNetwork: answers the requests of this process, whatever hosts they name; nothing is looked up or connected to.

While a `MockNetwork` is active, the requests of `UrlRequest` get connection classes whose connections are anonymous
pairs of sockets within the process. A connection of the scripted server is at the other end. So all of the library runs
as in life, but for name resolution, TLS and proxies: what is sent and received, redirects, cookies, retries, progress.

Thread safety. Tests add replies while connections look them up, and workers open connections: `_changed` guards both.
"""

from __future__ import annotations

import json as json_module
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeVar

from ._connection import ClientGone
from ._messages import RecordedRequest, Reply
from ._server import ScriptError, Server, close_after
from ._signals import ServerClosed

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator
    from types import TracebackType
    from typing import NoReturn, TypedDict

    from typing_extensions import Self, Unpack

    from ._messages import Body, Fields

    class Options(TypedDict, total=False):
        """What `MockNetwork.add()` takes beside method and URL."""

        match: Callable[[MockedRequest], Any] | None
        status: int
        body: Body
        json: Any
        headers: Fields
        reply: ReplyTo | None
        error: Exception | None
        delay: float
        bytes_per_second: int | None
        drop_after: int | None


__all__ = ["MockNetwork", "MockedRequest", "UnexpectedRequest"]

STEPS_PER_SECOND = 20  # pieces that a slow body is sent in

ReplyTo = Callable[["MockedRequest"], Reply]
_C = TypeVar("_C", bound=type)


class UnexpectedRequest(AssertionError):
    """A request to a `MockNetwork` for which it has no reply; also the error of that request."""


@dataclass(frozen=True)
class MockedRequest(RecordedRequest):
    """One request as a `MockNetwork` received it.

    Attributes:
        url: The whole URL, percent-encoded.
    """

    url: str = ""


@dataclass(frozen=True)
class _Planned:
    """A reply that a test has registered."""

    method: str
    url: str | re.Pattern[str]  # text as of `_normal()`; one that ends with * is for all that begin so
    match: Callable[[MockedRequest], Any] | None
    reply: ReplyTo
    error: Exception | None
    delay: float

    def __str__(self) -> str:
        url = self.url if isinstance(self.url, str) else f"the pattern {self.url.pattern!r}"
        return f"{self.method} {url}{'' if self.match is None else ' that matches'}"

    def matches(self, request: MockedRequest) -> bool:
        if request.method != self.method or not self._matches_url(request.url):
            return False
        return self.match is None or bool(self.match(request))

    def _matches_url(self, url: str) -> bool:
        if not isinstance(self.url, str):
            return self.url.match(url) is not None
        if self.url.endswith("*"):
            return url.startswith(self.url[:-1])
        return self.url in {url, url.partition("?")[0]}

    def rank(self) -> tuple[int, int, bool]:
        """What goes first among those that match: a whole URL, a pattern, a beginning; the longer; one with `match`."""
        if not isinstance(self.url, str):
            return 1, -len(self.url.pattern), self.match is None
        return 2 if self.url.endswith("*") else 0, -len(self.url), self.match is None

    def is_followed_by(self, other: _Planned) -> bool:
        """Whether the other one is for the same requests, so that they are sent one after the other."""
        return (self.url, self.match) == (other.url, other.match)


class MockNetwork:
    """Replies to requests for any host, without a network; the pytest fixture `urlrequest_mock` is one.

    Example::

        with MockNetwork() as mock:
            mock.get("https://api.example.com/user", json={"name": "Ada"})
            request = UrlRequest("https://api.example.com/user")
            request.wait()
            assert request.result == {"name": "Ada"}
            assert mock.requests[0].header("Accept-Encoding")

    A request for which there is no reply ends with `UnexpectedRequest`, and `close()` raises a `ScriptError`.

    Attributes:
        requests: The received requests, in order of completion, as `MockedRequest`.
    """

    def __init__(self) -> None:
        self.requests: list[MockedRequest] = []
        self._server = Server(handler=self._reply_to)
        self._changed = threading.Lock()
        self._unexpected: list[UnexpectedRequest] = []
        self._planned: list[_Planned] = []
        self._used: set[int] = set()  # indices of replies that were sent
        self._connections: dict[int, Any] = {}  # the client's side, by number
        self._ends = threading.Event()
        self._restore: Callable[[], None] | None = None

    # Starting and closing

    def start(self) -> Self:
        """Reply to the requests that are made from now on, until `close()`; ``with`` does both.

        Raises:
            RuntimeError: Another one is active.
        """
        from urlrequest._client.request import UrlRequest

        choose = UrlRequest.get_connection_for_scheme
        if hasattr(choose, "network"):
            raise RuntimeError("another MockNetwork is active; a process has one at a time")
        classes: dict[type, type] = {}

        def choose_mocked(request: UrlRequest, scheme: str) -> type[Any]:
            chosen = choose(request, scheme)
            if chosen not in classes:
                classes[chosen] = self._mocked(chosen)
            return classes[chosen]

        choose_mocked.network = self  # type: ignore[attr-defined]  # so that another one sees that it is active
        UrlRequest.get_connection_for_scheme = choose_mocked  # type: ignore[assignment, method-assign]

        def restore() -> None:
            UrlRequest.get_connection_for_scheme = choose  # type: ignore[method-assign]

        self._restore = restore
        return self

    def close(self) -> None:
        """Let requests go to the network again; may be called again.

        Raises:
            ScriptError: A request was not expected, or a function that makes replies has failed.
        """
        self._ends.set()
        if self._restore is not None:
            self._restore()
            self._restore = None
        self._server.close()
        self._connections.clear()
        if self._unexpected:
            unexpected, self._unexpected = self._unexpected, []
            raise ScriptError("; ".join(map(str, unexpected)))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        close_after(self, error, "The requests were not as expected, too")

    # Replies

    def add(
        self,
        method: str,
        url: str | re.Pattern[str],
        *,
        match: Callable[[MockedRequest], Any] | None = None,
        status: int = 200,
        body: Body = b"",
        json: Any = None,
        headers: Fields = (),
        reply: ReplyTo | None = None,
        error: Exception | None = None,
        delay: float = 0.0,
        bytes_per_second: int | None = None,
        drop_after: int | None = None,
    ) -> None:
        """Register a reply.

        Several replies for the same method, URL and `match` are sent one after the other; the last one stays.

        Args:
            method: Such as "GET".
            url: With a query only that query matches, without one every query does. A ``*`` at the end matches all URLs
                that begin so. A compiled pattern matches from the beginning of the whole URL. The whole URL goes first,
                then patterns, then the others; of two alike the longer one.
            match: Gets the `MockedRequest`; the reply is for those for which it returns a true value, and goes before
                one without `match`. Called on the connection's thread.
            status: As in `Reply`.
            body: As in `Reply`; text is text/plain unless the headers say otherwise.
            json: The body as JSON.
            headers: As in `Reply`.
            reply: Makes the `Reply` instead, on the connection's thread, from the `MockedRequest`.
            error: The request ends with this error instead of a response.
            delay: Seconds before the reply.
            bytes_per_second: How fast the body comes.
            drop_after: Close the connection after so many bytes of the body; its length was announced as it is.
        """
        if reply is None:
            made = _make_reply(status, body, json, headers)
            reply = lambda _: made  # noqa: E731 - a fixed reply, where the other one is computed
        if bytes_per_second is not None or drop_after is not None:
            reply = self._slowed(reply, bytes_per_second, drop_after)
        with self._changed:
            named = _normal(url) if isinstance(url, str) else url
            self._planned.append(_Planned(method.upper(), named, match, reply, error, delay))

    def get(self, url: str | re.Pattern[str], **options: Unpack[Options]) -> None:
        """Register a reply to GET; the options are those of `add()`."""
        self.add("GET", url, **options)

    def head(self, url: str | re.Pattern[str], **options: Unpack[Options]) -> None:
        """Register a reply to HEAD; the options are those of `add()`."""
        self.add("HEAD", url, **options)

    def post(self, url: str | re.Pattern[str], **options: Unpack[Options]) -> None:
        """Register a reply to POST; the options are those of `add()`."""
        self.add("POST", url, **options)

    def put(self, url: str | re.Pattern[str], **options: Unpack[Options]) -> None:
        """Register a reply to PUT; the options are those of `add()`."""
        self.add("PUT", url, **options)

    def patch(self, url: str | re.Pattern[str], **options: Unpack[Options]) -> None:
        """Register a reply to PATCH; the options are those of `add()`."""
        self.add("PATCH", url, **options)

    def delete(self, url: str | re.Pattern[str], **options: Unpack[Options]) -> None:
        """Register a reply to DELETE; the options are those of `add()`."""
        self.add("DELETE", url, **options)

    def assert_all_requested(self) -> None:
        """Assert that every reply was sent.

        Raises:
            AssertionError: One was not; the message names it.
        """
        with self._changed:
            unused = [str(each) for number, each in enumerate(self._planned) if number not in self._used]
        if unused:
            raise AssertionError(f"never requested: {', '.join(unused)}")

    # On workers

    def _mocked(self, chosen: _C) -> _C:
        """A connection class like the chosen one, whose connections lead to this object."""
        from urlrequest._http1.public_connection import HTTPConnection

        if not issubclass(chosen, HTTPConnection):
            raise TypeError(
                f"{chosen.__name__} is no urlrequest.HTTPConnection; a MockNetwork replies to no other class"
            )
        network = self

        class MockedConnection(chosen):  # type: ignore[misc, valid-type]  # a class that is known when a test runs
            planned_error: Exception | None = None

            def connect(self) -> None:
                network.connect(self)

            def getresponse(self) -> Any:
                try:
                    return super().getresponse()
                except (OSError, HTTPException):
                    planned, self.planned_error = self.planned_error, None
                    if planned is None:
                        raise
                    raise planned from None

        return MockedConnection  # type: ignore[return-value]

    def connect(self, connection: Any) -> None:
        """Connect a connection of the client to this object. The library calls it."""
        from urlrequest._net.stream import NetworkStream

        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        try:
            number = self._server.serve_socket(theirs)
        except BaseException:
            ours.close()
            raise
        self._connections[number] = connection
        ours.setblocking(False)
        connection.sock = NetworkStream(ours, connection.scope, connection.peer)

    # On the threads of the connections

    def _with_url(self, request: RecordedRequest) -> MockedRequest:
        values = {field.name: getattr(request, field.name) for field in fields(request)}
        if "://" in request.target:  # to a proxy
            return MockedRequest(**values, url=_normal(request.target))
        connection = self._connections[request.connection]
        tunnel = connection._tunnel  # noqa: SLF001 - the origin, where the connection is one to a proxy
        host, port = (connection.host, connection.port) if tunnel is None else tunnel[:2]
        scheme = "https" if connection.default_port == 443 else "http"
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return MockedRequest(**values, url=_normal(f"{scheme}://{place}{request.target}"))

    def _reply_to(self, recorded: RecordedRequest) -> Reply:
        request = self._with_url(recorded)
        self.requests.append(request)
        planned = self._take(request)
        if planned is None:
            unexpected = UnexpectedRequest(self._describe(request))
            self._unexpected.append(unexpected)
            self._end_with(request, unexpected)
        self._pause(planned.delay)
        if planned.error is not None:
            self._end_with(request, planned.error)
        return planned.reply(request)

    def _end_with(self, request: MockedRequest, error: Exception) -> NoReturn:
        """End the request with an error: its connection is closed, and then raises the error."""
        self._connections[request.connection].planned_error = error
        raise ClientGone("the reply is an error")

    def _take(self, request: MockedRequest) -> _Planned | None:
        """The reply whose turn it is."""
        with self._changed:
            planned = list(self._planned)
        matching = [number for number, each in enumerate(planned) if each.matches(request)]
        if not matching:
            return None
        first = planned[min(matching, key=lambda number: planned[number].rank())]
        in_order = [number for number in matching if first.is_followed_by(planned[number])]
        with self._changed:
            number = next((number for number in in_order if number not in self._used), in_order[-1])
            self._used.add(number)
        return planned[number]

    def _describe(self, request: MockedRequest) -> str:
        with self._changed:
            known = sorted({str(each) for each in self._planned})
        return f"{request.method} {request.url} is not expected; there are replies to {', '.join(known) or 'nothing'}"

    def _slowed(self, reply_to: ReplyTo, bytes_per_second: int | None, drop_after: int | None) -> ReplyTo:
        """The same replies, with bodies that come slowly or end too early."""

        def slowed(request: MockedRequest) -> Reply:
            reply = reply_to(request)
            body = reply.body.encode() if isinstance(reply.body, str) else reply.body
            if not isinstance(body, bytes | bytearray | memoryview):
                body = b"".join(body)
            whole = bytes(body)
            named = reply.headers.items() if isinstance(reply.headers, Mapping) else reply.headers
            return replace(
                reply,
                headers=[*named, ("Content-Length", str(len(whole)))],
                body=self._pieces(whole[:drop_after], bytes_per_second),
            )

        return slowed

    def _pieces(self, body: bytes, bytes_per_second: int | None) -> Iterator[bytes]:
        if bytes_per_second is None:
            yield body
            return
        size = max(1, bytes_per_second // STEPS_PER_SECOND)
        for start in range(0, len(body), size):
            yield body[start : start + size]
            self._pause(size / bytes_per_second)

    def _pause(self, seconds: float) -> None:
        if seconds and self._ends.wait(seconds):
            raise ServerClosed("the MockNetwork was closed during a pause")


def _normal(url: str) -> str:
    """A URL as it is compared: percent-encoded, with a path, without a default port and a fragment."""
    from urlrequest._http.target import parse_target

    return parse_target(url).url


def _make_reply(status: int, body: Body, json: Any, headers: Fields) -> Reply:
    given = list(headers.items() if isinstance(headers, Mapping) else headers)
    kind = None
    if json is not None:
        body, kind = json_module.dumps(json), "application/json"
    elif isinstance(body, str):
        kind = "text/plain; charset=utf-8"
    elif body and isinstance(body, bytes):
        kind = "application/octet-stream"
    if kind is not None and "content-type" not in {name.lower() for name, _ in given}:
        given.append(("Content-Type", kind))
    return Reply(status, body, given)
