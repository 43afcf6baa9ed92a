"""Requests with what the command adds to a connection: -v, --limit-rate and --connect-timeout.

Everything here runs on the worker thread of the request.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from urlrequest import HTTPConnection, HTTPSConnection, UrlRequest
from urlrequest._concurrency.deadline import Deadline, earliest
from urlrequest._net.stream import RECEIVE_SIZE, NetworkStream
from urlrequest.errors import DeadlineExceeded

from .verbose import print_received, print_redirect, print_sent

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CommandRequest", "Settings", "connection_classes"]

SLICE_TIME = 0.1  # seconds between two pauses of a limited connection


class Settings(NamedTuple):
    """What the connections of a run do.

    Attributes:
        is_verbose: The headers are printed.
        rate: Bytes per second at most, in each direction; None: no limit.
        connect_timeout: Seconds until a connection must be open, TLS and proxies included; None: no limit.
    """

    is_verbose: bool
    rate: int | None
    connect_timeout: float | None


class CommandRequest(UrlRequest):
    """A request over connections of the command's own classes; with -v it prints the redirects as well."""

    def __init__(self, url: str, *, classes: dict[type, type], is_verbose: bool, **options: Any) -> None:
        self.classes = classes
        self.is_verbose = is_verbose
        super().__init__(url, **options)

    def get_connection_for_scheme(self, scheme: str) -> type:
        history = self.history
        if history and self.is_verbose:  # it is called again after each redirect
            hop = history[-1]
            print_redirect(hop.status, hop.url, hop.headers.get("Location", ""))
        return self.classes[super().get_connection_for_scheme(scheme)]


def connection_classes(settings: Settings) -> dict[type, type]:
    """Make the classes that stand in for the library's; those of one run, so that requests share connections."""

    class Plain(_CommandConnection):
        pass

    class Secure(_CommandConnection, HTTPSConnection):
        pass

    Plain.settings = Secure.settings = settings
    return {HTTPConnection: Plain, HTTPSConnection: Secure}


class _CommandConnection(HTTPConnection):
    settings: Settings

    def connect(self) -> None:
        """Open the connection, within the time that there is for that."""
        seconds, scope = self.settings.connect_timeout, self.scope
        if seconds is None:
            super().connect()
        else:
            whole, limit = scope.deadline, Deadline(seconds)
            scope.deadline = limit if earliest(whole.at, limit.at) == limit.at else whole
            try:
                super().connect()
            except DeadlineExceeded:
                if scope.deadline is whole:
                    raise
                raise TimeoutError(f"connecting to {self.peer} took longer than {seconds:g} s") from None
            finally:
                scope.deadline = whole
        if self.settings.rate is not None:
            self.sock = _LimitedStream(self.sock, self.settings.rate)

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, *, encode_chunked: bool = False
    ) -> None:
        if self.settings.is_verbose:
            print_sent(method, url, headers)
        super().request(method, url, body, headers, encode_chunked=encode_chunked)

    def getresponse(self) -> Any:
        response = super().getresponse()
        if self.settings.is_verbose:
            head = response.head
            print_received(head.version, head.status, head.reason, head.headers.fields())
        return response


class _Pace:
    """Counts bytes, and says how long to pause after them."""

    def __init__(self, rate: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = 0.0  # when as many bytes have passed as the rate allows

    def count(self, size: int) -> float:
        now = self._clock()
        self._free_at = max(now, self._free_at) + size / self._rate
        return self._free_at - now


class _LimitedStream(NetworkStream):
    """A stream with a limited rate. It takes the place of another one, whose socket it goes on using."""

    def __init__(self, stream: NetworkStream, rate: int) -> None:
        vars(self).update(vars(stream))
        self.takes_pieces = False  # so that all is sent by `send_all()`
        self._sending, self._receiving = _Pace(rate), _Pace(rate)
        self._slice = min(RECEIVE_SIZE, max(1, int(rate * SLICE_TIME)))  # bytes

    def send_all(
        self, octets: bytes | bytearray | memoryview, on_received: Callable[[bytes], bool] | None = None
    ) -> bool:
        view = memoryview(octets)
        for start in range(0, len(view), self._slice):
            part = view[start : start + self._slice]
            if not super().send_all(part, on_received):
                return False
            self.scope.pause(self._sending.count(len(part)))
        return True

    sendall = send_all

    def receive(self, size: int = RECEIVE_SIZE) -> bytes:
        octets = super().receive(min(size, self._slice))
        self.scope.pause(self._receiving.count(len(octets)))
        return octets

    def receive_into(self, room: memoryview) -> int:
        with room[: self._slice] as part:
            received = super().receive_into(part)
        self.scope.pause(self._receiving.count(received))
        return received
