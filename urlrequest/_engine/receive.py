"""receive(): the final response, from its head to the answer, into a file or into memory.

What goes to the user piece by piece, `streaming` receives.

Runs on the worker.

Invariants:
    RECEIVE-1  Every byte of content is counted (see `_http1.response_reader`), and only a complete body becomes an
               answer.
    RECEIVE-2  Nothing appears under file_path except by `FileSink.commit()`, and only after the observer agreed to it.
"""

from __future__ import annotations

from urlrequest._content.known_encodings import codings_of, is_packed_file, knows_codings
from urlrequest._content.sinks import MemorySink
from urlrequest._content.text import decode_text
from urlrequest._delivery.events import answer_class
from urlrequest._http.framing import content_length
from urlrequest.errors import RequestCancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from urlrequest._content.decoder import Decoder
    from urlrequest._content.file_sink import FileSink
    from urlrequest._content.sinks import Sink
    from urlrequest._delivery.events import Answer
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http1.response_reader import ResponseLike
    from urlrequest._net.cancel_scope import CancelScope

    from .observer import Observer
    from .options import Options
    from .plan import PreparedRequest
    from .progress import ProgressMeter, SizeLimit

__all__ = ["Transfer", "has_content", "is_coded", "receive", "undone_codings"]

undone_codings: set[str] = set()
"""Those that a worker has undone, so that what undoes them is loaded. Its single operations are atomic."""


def receive(
    response: ResponseLike,
    prepared: PreparedRequest,
    file: FileSink | None,
    options: Options,
    scope: CancelScope,
    observer: Observer,
) -> Answer:
    """Receive the content of the final response, and make of it what the user asked for.

    Args:
        file: Where the content of a response with a status of 2xx goes, if anywhere.
    Raises:
        Exception: Whatever kept the content from being complete, or wanted.
    """
    head = response.head
    observer.head_received(head)
    is_wanted = 200 <= head.status < 300
    content = result = b""
    if is_wanted and file is not None:
        _receive_file(response, prepared, file, scope, observer)
    else:
        content = _receive_into_memory(response, prepared, observer)
        scope.check()
        if is_wanted and prepared.checksum is not None and has_content(response, prepared):
            _verify(content, prepared.checksum)
        result = _make_result(content, response, options, observer)
    return answer_class(head.status)(head=head, content=content, result=result)


def has_content(response: ResponseLike, prepared: PreparedRequest) -> bool:
    """Whether the response can have a body at all: without one, a file stays what it was (RFC 9110, section 6.4.1)."""
    return prepared.method != "HEAD" and response.head.status != 204


# Where the content goes


def _receive_file(
    response: ResponseLike, prepared: PreparedRequest, file: FileSink, scope: CancelScope, observer: Observer
) -> None:
    _receive_content(response, file, prepared, observer, file.offset)
    scope.check()
    if has_content(response, prepared):
        if file.is_unproven:  # if it is wrong, the whole is requested
            file.verify()
        if not observer.begin_commit():
            raise RequestCancelled("the request was cancelled")
        file.commit()


def _receive_into_memory(response: ResponseLike, prepared: PreparedRequest, observer: Observer) -> bytes:
    if not (prepared.max_size is not None or observer.wants_progress() or is_coded(response.head, prepared)):
        whole = response.take_whole()
        if whole is not None:
            observer.received = len(whole)
            return whole
    with MemorySink() as memory:
        _receive_content(response, memory, prepared, observer)
        return memory.content()


def _verify(content: bytes, checksum: str) -> None:
    from urlrequest._content.checksum import compare_digest, new_digest  # few requests have one

    digest = new_digest(checksum)
    digest.update(content)
    compare_digest(digest, checksum)


# From the connection to the sink


def is_coded(head: ResponseHead, prepared: PreparedRequest) -> bool:
    """Whether there are content codings to undo."""
    field_value = head.headers.get("Content-Encoding")
    if not field_value or not prepared.decodes_content or not knows_codings(field_value):
        return False
    codings = codings_of(field_value)
    is_success = 200 <= head.status < 300
    file_path = prepared.file_path if is_success else None
    return bool(codings) and not is_packed_file(codings, head.headers.get("Content-Type"), file_path)


def _receive_content(
    response: ResponseLike, sink: Sink, prepared: PreparedRequest, observer: Observer, offset: int = 0
) -> None:
    """Bring the whole content to the sink; `offset` as of `Transfer`."""
    transfer = Transfer(response, sink, prepared, observer, offset)
    is_over = False
    while not is_over:
        transfer.take_piece()
        is_over = response.is_complete
    transfer.finish()


class Transfer:
    """Content on its way from the connection to a sink: it is counted, limited and decoded, and progress is reported.

    Call `take_piece()` once or more, until the response is complete, then `finish()`.
    """

    __slots__ = ("_decoder", "_is_begun", "_limit", "_meter", "_response", "_sink")

    def __init__(
        self, response: ResponseLike, sink: Sink, prepared: PreparedRequest, observer: Observer, offset: int = 0
    ) -> None:
        """Begin, and report that.

        Args:
            offset: Bytes that the sink has already, of a download that is continued.
        Raises:
            ContentTooLarge: The response says that it has more than is allowed.
        """
        from .progress import ProgressMeter, SizeLimit  # most small bodies come whole, with the head

        self._response = response
        self._sink = sink
        self._is_begun = False
        self._limit: SizeLimit = SizeLimit(prepared.max_size)
        if response.expected is not None:
            self._limit.check(offset + response.expected)
        self._limit.add(offset)
        length = content_length(response.head)
        total = None if length is None else offset + length
        self._meter: ProgressMeter = ProgressMeter(
            prepared.chunk_size, total, prepared.progress_interval, observer, offset
        )
        self._decoder: Decoder | None = None
        if is_coded(response.head, prepared):
            from urlrequest._content.decoder import Decoder  # many responses are not coded

            self._decoder = Decoder(response.head.headers["Content-Encoding"], prepared.max_size)
            sink.expect(None)
        else:
            sink.expect(response.expected)

    def take_piece(self) -> None:
        """Receive some of the content."""
        if self._decoder is not None:
            self._take_coded(self._decoder)
        elif self._is_begun:
            with self._sink.room() as room:
                count = self._response.read_into(room)
            self._limit.add(count)
            self._sink.filled(count)
            self._meter.count(count)
        else:
            self._is_begun = True
            piece = self._response.read_piece()  # as a rule it came along with the head
            self._limit.add(len(piece))
            self._sink.write(piece)
            self._meter.count(len(piece))
        self._sink.end_piece()

    def _take_coded(self, decoder: Decoder) -> None:
        piece = self._response.read_piece()
        self._pass_on(decoder.decode(piece))
        self._meter.count(len(piece))

    def _pass_on(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            self._limit.add(len(part))
            self._sink.write(part)

    def finish(self) -> None:
        """Report the end, and pass on what decoding has held back."""
        if self._decoder is not None:
            self._pass_on(self._decoder.finish())
            self._sink.end_piece()
            undone_codings.update(codings_of(self._response.head.headers["Content-Encoding"]))
        self._meter.finish()


# What the user gets


def _make_result(content: bytes, response: ResponseLike, options: Options, observer: Observer) -> Any:
    """The result of a body in memory (contract 4.1 to 4.3)."""
    result = decode_text(content, response.head.headers.get("Content-Type"))
    if options.decode:
        return observer.decode_result(result, getattr(response, "wrapped", response))
    return result
