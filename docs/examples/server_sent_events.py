"""Server-sent events (WHATWG HTML, section 9.2) over `on_chunk`: a browser's EventSource, for any program.

The callbacks run where the callbacks of a request run. A timer's thread opens connections again, so under asyncio pass
`hook=` too.
"""

from __future__ import annotations

import codecs
import re
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from urlrequest import UrlRequest, drain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Event(NamedTuple):
    """One event from the server."""

    type: str
    data: str
    last_id: str


class Parser:
    """Turns bytes, as they arrive, into events. An event that is incomplete when the stream ends is dropped."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id, self.retry = last_id, -1.0  # seconds; -1: unknown
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest, self._is_after_cr = "", False
        self._id, self._type, self._data = last_id, "", ""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        received = self._decoder.decode(chunk)
        text = received.removeprefix("\n") if self._is_after_cr else received  # the CR has already ended the line
        self._is_after_cr = received.endswith("\r") if received else self._is_after_cr
        *lines, self._rest = re.split("\r\n|\r|\n", self._rest + text)
        for line in lines:
            if line:
                self._take_field(*line.partition(":"))
                continue
            self.last_id = self._id
            if self._data:
                yield Event(self._type or "message", self._data.removesuffix("\n"), self.last_id)
            self._type = self._data = ""

    def _take_field(self, name: str, _: str, value: str) -> None:
        value = value.removeprefix(" ")
        if name == "data":
            self._data += value + "\n"
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and re.fullmatch("[0-9]{1,9}", value):
            self.retry = int(value) / 1000


class EventSource:
    """The events of one URL. If a connection ends or breaks, another continues after the last event, until `close()`.

    It stops for good when a response is anything but 200 and text/event-stream. on_stop gets the last request.
    """

    def __init__(
        self, url: str, on_event: Callable[[Event], object], on_stop: Callable[[UrlRequest], object], **options: Any
    ) -> None:
        self._url, self._on_event, self._on_stop, self._options = url, on_event, on_stop, options
        self._parser, self._pause = Parser(), 3.0  # seconds
        self._is_closed, self._timer = False, threading.Timer(0, self._connect)
        self._connect()

    def close(self) -> None:
        self._is_closed = True
        self._timer.cancel()
        self._request.cancel()

    def _connect(self) -> None:
        self._parser = Parser(self._parser.last_id)
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        headers |= {"Last-Event-ID": self._parser.last_id.encode()} if self._parser.last_id else {}
        options = {"req_headers": headers, "on_chunk": self._receive, "on_finish": self._end, **self._options}
        self._request = UrlRequest(self._url, **options)
        if self._is_closed:
            self.close()

    def _receive(self, request: UrlRequest, chunk: bytes) -> None:
        if is_event_stream(request):
            for event in self._parser.feed(chunk):
                self._on_event(event)
        else:
            request.cancel()

    def _end(self, request: UrlRequest) -> None:
        self._pause = self._pause if self._parser.retry < 0 else self._parser.retry
        is_refused = request.resp_status is not None and not is_event_stream(request)
        if self._is_closed or is_refused or isinstance(request.error, ValueError):  # a bad URL or option
            self._on_stop(request)
        else:
            self._timer = threading.Timer(self._pause, self._connect)
            self._timer.daemon = True
            self._timer.start()


def is_event_stream(request: UrlRequest) -> bool:
    content_type = (request.resp_headers or {}).get("Content-Type", "")
    return request.resp_status == 200 and content_type.partition(";")[0].strip().lower() == "text/event-stream"


if __name__ == "__main__":
    over = threading.Event()
    EventSource(sys.argv[1], on_event=print, on_stop=lambda request: over.set())
    while not over.wait(0.05):
        drain()
