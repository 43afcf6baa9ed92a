"""Streams of text, read as they arrive: lines, and server-sent events (WHATWG HTML, section 9.2).

`LineReader` and `EventReader` take what `on_chunk` gets. `EventSource` makes requests itself, one after the other.

Thread safety. A reader belongs to one thread: that which runs the callbacks of its request. `EventSource.close()` may
be called on any thread: it sets `_is_closed` first, then looks for a request and a timer to end; what makes a request
or sets the timer does that first, then looks at `_is_closed`. So at least one side sees what the other has done.

Invariant:
    STREAMS-1  Whatever a server sends is read in linear time, and no more than `max_size` of it is kept.
"""

from __future__ import annotations

import re
from http.client import HTTPException
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from urlrequest._concurrency.timer import timer
from urlrequest._http.fields import media_type_of
from urlrequest._public import UrlRequest
from urlrequest.errors import ContentDecodingError, ContentTooLarge
from urlrequest.hooks._detect import current_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["Event", "EventReader", "EventSource", "LineReader"]

MAX_SIZE = 16 * 1024 * 1024  # bytes of a line, and of the data of an event
FIRST_PAUSE = 3.0  # seconds before the next connection, unless the server says otherwise
MIN_PAUSE, MAX_PAUSE = 0.1, 60.0  # seconds; a connection that fails doubles the pause

_END_OF_LINE = re.compile(rb"\r\n|\r|\n")
# Arguments of a request that an EventSource sets itself, or that would make each connection do something again.
_TAKEN = frozenset({
    "on_success", "on_redirect", "on_failure", "on_error", "on_progress", "on_cancel", "on_finish", "on_chunk",
    "on_upload_progress", "req_body", "method", "json", "files", "file_path",
})  # fmt: skip


class LineReader:
    """Turns the chunks of a body into lines. They end with LF, CR or CRLF, and are utf-8."""

    def __init__(self, max_size: int = MAX_SIZE) -> None:
        """Make a reader for one body.

        Args:
            max_size: The longest line, in bytes.
        """
        self._max_size = max_size
        self._held = bytearray()  # the line that has not ended yet
        self._is_after_cr = False  # which has ended a line: an LF that follows is no other one
        self._is_first = True

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Take the next chunk, and yield the lines that end in it. Exhaust it before the next call.

        A byte order mark at the beginning is dropped. What is no utf-8 becomes U+FFFD.

        Raises:
            ContentTooLarge: A line is too long.
        """
        if not chunk:
            return
        octets = chunk.removeprefix(b"\n") if self._is_after_cr else chunk
        self._is_after_cr = chunk.endswith(b"\r")
        *lines, rest = _END_OF_LINE.split(octets)
        for line in lines:
            self._hold(line)
            yield self._take_line()
        self._hold(rest)

    def finish(self) -> str:
        """Return what stands behind the last end of a line: a line that the body does not end."""
        return self._take_line()

    def _hold(self, octets: bytes) -> None:
        if len(self._held) + len(octets) > self._max_size:
            raise ContentTooLarge(f"the stream has a line of more than {self._max_size} bytes")
        self._held += octets

    def _take_line(self) -> str:
        line = self._held.decode("utf-8", "replace")
        self._held.clear()
        if self._is_first:
            self._is_first = False
            return line.removeprefix("\ufeff")
        return line


class Event(NamedTuple):
    """One event from a server.

    Attributes:
        type: "message", unless the server says otherwise.
        data: The text of the event; its lines are joined by LF.
        last_id: The id of this event, or else of the last one that had any.
    """

    type: str
    data: str
    last_id: str


class EventReader:
    """Turns the chunks of a body of type text/event-stream into events.

    An event that is incomplete when the body ends is no event.

    Attributes:
        last_id: The id of the last event, from which a server can go on; "" if there was none.
        retry: How long to wait before the next connection, in seconds, as the server says; None: it did not say.
    """

    def __init__(self, last_id: str = "", max_size: int = MAX_SIZE) -> None:
        """Make a reader for one body.

        Args:
            last_id: That of the last event of an earlier body, if this one goes on from there.
            max_size: The longest line, in bytes, and the longest data of an event, in characters.
        """
        self.last_id: str = last_id
        self.retry: float | None = None
        self._max_size = max_size
        self._lines = LineReader(max_size)
        self._id, self._type = last_id, ""
        self._data: list[str] = []  # the lines of the event that has not ended yet
        self._size = 0  # characters of it

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next chunk, and yield the events that end in it. Exhaust it before the next call.

        Raises:
            ContentTooLarge: A line or an event is too long.
        """
        for line in self._lines.feed(chunk):
            if line:
                self._take_field(*line.partition(":"))
                continue
            self.last_id = self._id
            data, kind = "\n".join(self._data), self._type or "message"
            has_data = bool(self._data)
            self._data, self._size, self._type = [], 0, ""
            if has_data:
                yield Event(kind, data, self.last_id)

    def _take_field(self, name: str, _: str, value: str) -> None:
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(value) + 1
            if self._size > self._max_size:
                raise ContentTooLarge(f"the stream has an event of more than {self._max_size} characters")
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and re.fullmatch("[0-9]{1,9}", value):
            self.retry = int(value) / 1000


class EventSource:
    """The events of one URL, as in a browser: when a connection ends or breaks, the next one goes on from there.

    It stops by itself, for good, when a response is anything but 200 with the type text/event-stream, or when a request
    cannot be made at all. The callbacks run where those of a request run.

    Attributes:
        request: The present request, or the last one.
    """

    def __init__(
        self,
        url: str,
        on_event: Callable[[Event], object],
        on_stop: Callable[[UrlRequest], object] | None = None,
        *,
        last_id: str = "",
        max_size: int = MAX_SIZE,
        **options: Any,
    ) -> None:
        """Open the first connection.

        Args:
            on_event: Called with each `Event`.
            on_stop: Called with the last request, when it has stopped by itself.
            last_id: The id of the event after which to begin.
            max_size: As of `EventReader`; a longer event stops it.
            options: Those of `UrlRequest`, for each connection: `req_headers`, `auth`, `session`, `hook`, `timeout` ...
                Without `follow_redirects`, redirects are followed.
        Raises:
            TypeError: A callback cannot be called, or an option is none of an event source's.
        """
        callbacks: dict[str, object] = {"on_event": on_event, "on_stop": _ignore if on_stop is None else on_stop}
        for name, callback in callbacks.items():
            if not callable(callback):
                raise TypeError(f"{name} is {type(callback).__name__}; a function is needed")
        taken = _TAKEN.intersection(options)
        if taken:
            raise TypeError(f"an EventSource takes no {min(taken)}; for other requests there is EventReader")
        self._url, self._on_event, self._on_stop, self._max_size = url, on_event, on_stop or _ignore, max_size
        self._options = {"follow_redirects": True, "hook": _hook_of(options.get("session")), **options}
        self._reader = EventReader(last_id, max_size)
        self._pause = FIRST_PAUSE
        self._failures = 0  # connections without a stream, one after the other
        self._is_closed = False
        self._connect()

    def close(self) -> None:
        """End it: no callback follows, unless one runs at the moment on another thread. Any thread."""
        self._is_closed = True
        timer.cancel(self)
        self.request.cancel()

    def _connect(self) -> None:
        """Make the next request: where it was constructed, and later on the timer's thread."""
        self._reader = EventReader(self._reader.last_id, self._max_size)
        options = {**self._options, "req_headers": self._headers(self._options.get("req_headers"))}
        self.request: UrlRequest = UrlRequest(self._url, on_chunk=self._receive, on_finish=self._end, **options)
        if self._is_closed:
            self.request.cancel()

    def _headers(self, given: Any) -> Any:
        """The headers of a request: the program's, and those of an event source that it does not name."""
        if given is not None and not isinstance(given, dict | list | tuple):
            return given  # the request refuses them
        pairs = list(given.items() if isinstance(given, dict) else given or ())
        own: list[tuple[str, str | bytes]] = [("Accept", "text/event-stream"), ("Cache-Control", "no-store")]
        if self._reader.last_id:
            own.append(("Last-Event-ID", self._reader.last_id.encode()))
        named = {str(pair[0]).lower() for pair in pairs if isinstance(pair, tuple | list) and pair}
        return [*pairs, *(pair for pair in own if pair[0].lower() not in named)]

    def _receive(self, request: UrlRequest, chunk: bytes) -> None:
        """Deliver the events of a chunk: each of them, even when a callback raises."""
        if not _is_event_stream(request):
            request.cancel()
            return
        self._failures = 0
        failure: BaseException | None = None
        try:
            for event in self._reader.feed(chunk):
                if self._is_closed:
                    break
                try:
                    self._on_event(event)
                except Exception as error:  # noqa: BLE001 - it is raised again, once the other events are delivered
                    failure = failure or error
        except ContentTooLarge:
            request.cancel()
            raise
        if failure is not None:
            raise failure

    def _end(self, request: UrlRequest) -> None:
        """Stop, or connect again after the pause."""
        if self._is_closed:
            return
        if self._reader.retry is not None:
            self._pause = max(MIN_PAUSE, self._reader.retry)
        if request.is_cancelled or not _may_connect_again(request):
            self._is_closed = True
            self._on_stop(request)
            return
        pause = min(self._pause * 2.0 ** min(self._failures, 10), max(self._pause, MAX_PAUSE))
        self._failures += 1
        timer.call_at(monotonic() + pause, self, self._connect)
        self._cancel_timer_if_closed()

    def _cancel_timer_if_closed(self) -> None:
        if self._is_closed:  # by another thread, meanwhile
            timer.cancel(self)


def _ignore(request: UrlRequest) -> None:
    """Stand in for `on_stop` where nobody asks for it."""


def _hook_of(session: Any) -> Any:
    """The hook for all connections: that which a request would have that is made here, on this thread."""
    return getattr(session, "hook", None) or current_hook()


def _is_event_stream(request: UrlRequest) -> bool:
    headers = request.resp_headers
    media_type = media_type_of(None if headers is None else headers.get("Content-Type"))
    return request.resp_status == 200 and media_type == "text/event-stream"


def _may_connect_again(request: UrlRequest) -> bool:
    """Whether a stream has ended, or a connection failed in a way that may pass; a bad URL does not."""
    error = request.error
    if error is None:
        return _is_event_stream(request)
    if isinstance(error, ContentDecodingError):
        return True
    return isinstance(error, (OSError, HTTPException)) and not isinstance(error, ValueError)
