"""Response: one response read from a NetworkStream, head and content, strictly framed (RFC 9112, sections 6 and 7).

It has the interface of `http.client.HTTPResponse`, but reads bodies itself: the methods of that class take a cut
connection for the end of the content. Runs on the worker.

Invariants:
    READER-1  Every byte of content is counted. If the stream ends before the content does, `IncompleteContent` is
              raised.
    READER-2  `is_reusable` is True only after the content was read to its very end, and if nothing came after it.
"""

from __future__ import annotations

import re
import ssl

from urlrequest import errors
from urlrequest._http.framing import Framing, body_framing
from urlrequest._http.response_head import END_OF_HEAD, MAX_HEAD_SIZE, ResponseHead, parse_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from urlrequest._http.headers import Headers
    from urlrequest._net.stream import NetworkStream

    from .interim import InterimResponses

    class ResponseLike(Protocol):
        """What the engine needs of a response, of whatever class.

        Attributes:
            expected: How many bytes of content there are in all; None: that is not known.
            is_complete: Whether the content was read to its end.
        """

        head: ResponseHead
        expected: int | None
        is_complete: bool

        @property
        def is_reusable(self) -> bool: ...  # whether the connection may serve another request

        def take_whole(self) -> bytes | None:
            """Return the content, if all of it came along with the head; None: it must be read."""
            ...

        def is_silent(self, seconds: float) -> bool:
            """Whether nothing of the content is here, nor comes within so many seconds. False: that is not known."""
            ...

        def read_piece(self) -> bytes:
            """Return some bytes of content, as soon as there are any; b"" at its end."""
            ...

        def read_into(self, room: memoryview) -> int:
            """Read some bytes of content into `room`, and return their number; 0 at its end."""
            ...


__all__ = ["Response", "find_chunks"]

MAX_TRAILER_SIZE = 16 * 1024  # bytes of all trailer fields together
MAX_CHUNK_LINE = 16 * 1024  # bytes of the line before a chunk, extensions included
PIECE_SIZE = 256 * 1024  # bytes read at a time
DIRECT_SIZE = 64 * 1024  # bytes; at least so many of a chunk are received straight into their place

_CHUNK_LINE = re.compile(rb"0*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_NEXT_CHUNK = re.compile(rb"\r\n" + _CHUNK_LINE.pattern)  # behind the data of another one
_PLAIN_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_BEGUN_CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{0,8}|[0-9A-Fa-f]{1,8}\r")
_TLS_RECORD = re.compile(rb"[\x15\x16]\x03[\x00-\x04]")  # an alert or a message of a handshake
_LINE = re.compile(rb"[^\r\n]*\r\n")  # an LF alone is an error: an intermediary may see another end there


class Response:
    """A response on one of our connections; `status`, `headers`, `getheader()` and others are as in http.client."""

    def __init__(self, stream: NetworkStream, method: str, interim: InterimResponses | None = None) -> None:
        """Read the head.

        Args:
            method: Of the request: the response to HEAD has no content, for one.
            interim: What came while the request was being sent; None: nothing was received then.
        Raises:
            ProtocolError: The server does not speak HTTP/1. OSError: The connection broke.
            RequestCancelled, DeadlineExceeded, TimeoutError: From the stream's scope.
        """
        self._stream = stream
        self._rest = b"" if interim is None else interim.unread  # bytes received, read up to `_at`
        self._at = 0
        self._chunk_left = 0  # bytes of the present chunk that are still to be read
        self._is_first_chunk = True
        self.head: ResponseHead = self._read_head(interim)
        framing = body_framing(self.head, method)
        self.expected: int | None = framing.length
        self._framing: Framing = framing
        self._received = 0  # bytes of content
        self._left = framing.length  # bytes of content that are still to be read; None: that is not known
        self.is_complete: bool = framing.length == 0

    # As of http.client.HTTPResponse

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def reason(self) -> str:
        return self.head.reason

    @property
    def version(self) -> int:
        return int(self.head.version.replace(".", ""))

    @property
    def headers(self) -> Headers:
        return self.head.headers

    msg = headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return self.head.headers.get(name, default)  # type: ignore[no-any-return]  # dict.get() of a dict of str

    def getheaders(self) -> list[tuple[str, str]]:
        return list(self.head.headers.items())

    def read(self, amount: int | None = None) -> bytes:
        """Read the content, or its next `amount` bytes; fewer only at its end."""
        pieces: list[bytes] = []
        wanted = amount
        while wanted is None or wanted > 0:
            piece = self.read_piece() if wanted is None else self._read_at_most(wanted)
            if not piece:
                break
            pieces.append(piece)
            if wanted is not None:
                wanted -= len(piece)
        return b"".join(pieces)

    def _read_at_most(self, amount: int) -> bytes:
        room = bytearray(min(amount, PIECE_SIZE))
        with memoryview(room) as view:
            count = self.read_into(view)
        return bytes(room[:count])

    def isclosed(self) -> bool:
        return self.is_complete

    def close(self) -> None:
        """Do nothing: the connection owns the socket."""

    def _read_head(self, interim: InterimResponses | None) -> ResponseHead:
        block = self._read_head_block(MAX_HEAD_SIZE if interim is None else interim.head_limit)
        head = parse_head(block)
        if head.status >= 200:  # a final response, as nearly all are; `interim` is not loaded for them
            return head
        if interim is None:
            from .interim import InterimResponses

            interim = InterimResponses(self._stream.peer)
        while interim.pass_over(head, len(block)):
            block = self._read_head_block(interim.head_limit)
            head = parse_head(block)
        return head

    def _read_head_block(self, limit: int) -> bytes:
        octets = self._rest[self._at :] or self._stream.receive()
        if not octets:
            from http.client import RemoteDisconnected  # few connections end so

            raise RemoteDisconnected(f"Remote end closed connection without response ({self._stream.peer})")
        searched = 0
        while (end := END_OF_HEAD.search(octets, searched)) is None:
            if not b"HTTP/1.".startswith(octets[:7]):
                is_record = _TLS_RECORD.match(octets) and not self._stream.is_tls
                hint = "; it speaks TLS: its URL must begin with https://" if is_record else ""
                raise errors.ProtocolError(f"{self._stream.peer} does not speak HTTP/1: it sent {octets[:30]!r}{hint}")
            if len(octets) > limit:
                raise errors.ProtocolError(f"{self._stream.peer} sent a head of more than {MAX_HEAD_SIZE} bytes")
            searched = max(0, len(octets) - 3)
            octets += self._receive_more(len(octets))
        if end.end() > limit:
            raise errors.ProtocolError(f"{self._stream.peer} sent a head of more than {MAX_HEAD_SIZE} bytes")
        self._rest, self._at = octets[end.end() :], 0
        return octets[: end.end()]

    def _receive_more(self, received: int) -> bytes:
        """Receive more of a head, of which there are some bytes."""
        place = f"within the head, after {received} bytes"
        try:
            more = self._stream.receive()
        except ConnectionError as error:
            from urlrequest._net.tls_errors import add_text  # few connections break

            raise add_text(error, f", {place}") from None
        if not more:
            if self._stream.cut is not None:
                # A copy: the stream's own would hold this frame by its traceback, and so the stream.
                number, text = self._stream.cut.args
                raise ssl.SSLEOFError(number, f"{text}, {place}")
            raise errors.ProtocolError(f"{self._stream.peer} closed the connection {place}")
        return more

    # The content

    @property
    def is_reusable(self) -> bool:
        return self.is_complete and self._framing.keeps_alive and not self.has_leftover

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection ends the content."""
        return self._left is None and not self._framing.is_chunked

    @property
    def has_leftover(self) -> bool:
        """Whether bytes have come after those that were read."""
        return self._at < len(self._rest)

    def take_whole(self) -> bytes | None:
        if self._left is None or self._left > len(self._rest) - self._at:
            return None
        octets = self._take_rest(self._left)
        self._left, self.is_complete = 0, True
        return octets

    def is_silent(self, seconds: float) -> bool:
        held = self._rest[self._at : self._at + 3]
        # The end of a chunk comes along with its data as a rule, and nothing can be read before the next one begins.
        is_between = self._framing.is_chunked and not self._chunk_left and not self._is_first_chunk
        if held and not (held == b"\r\n" and is_between):
            return False
        self._rest, self._at = held, 0  # what was read takes no memory meanwhile
        return not self.is_complete and self._stream.is_silent(seconds)

    def read_piece(self) -> bytes:
        size = PIECE_SIZE if self._left is None else min(self._left, PIECE_SIZE)
        if not self.is_complete and not self._framing.is_chunked and self._at < len(self._rest):
            octets = self._take_rest(size)
            self._count(len(octets))
            return octets
        return self._read_at_most(size)

    def read_into(self, room: memoryview) -> int:
        try:
            return self._read_into(room)
        except ConnectionError as error:
            from urlrequest._net.tls_errors import add_text  # few connections break

            raise add_text(error, f", within the body, after {self._progress}") from None

    def _read_into(self, room: memoryview) -> int:
        if self.is_complete:
            return 0
        if self._framing.is_chunked:
            return self._read_chunk_into(room)
        octets = self._take_rest(len(room) if self._left is None else min(len(room), self._left))
        if octets:
            count = len(octets)
            room[:count] = octets
        else:
            with room[: self._left] as part:  # a view that a traceback holds would keep the memory from being freed
                count = self._stream.receive_into(part)
        self._count(count)
        return count

    def _take_rest(self, size: int) -> bytes:
        octets = self._rest[self._at : self._at + size]
        self._at += len(octets)
        return octets

    def _count(self, received: int) -> None:
        self._received += received
        if self._left is None:
            if received == 0 and self._stream.cut is not None:
                # Anyone on the way can cut a connection; only the peer can say close_notify (RFC 9112, section 9.8).
                raise self._cut_off()
            self.is_complete = received == 0  # the content ends with the stream (RFC 9112, section 6.3)
            return
        self._left -= received
        if received == 0:
            raise self._cut_off()
        self.is_complete = self._left == 0

    @property
    def _progress(self) -> str:
        """How much of the content has come, for messages."""
        if self.expected is not None:
            return f"{self._received} of {self.expected} bytes"
        return f"{self._received} bytes of a body " + ("in chunks" if self._framing.is_chunked else "without a length")

    def _cut_off(self) -> errors.IncompleteContent:
        cut = self._stream.cut
        notice = "" if cut is None else "; TLS ended without notice (close_notify)"
        error = errors.IncompleteContent(
            f"{self._stream.peer} closed the connection within the body, after {self._progress}{notice}"
        )
        error.__cause__ = cut
        return error

    def _read_chunk_into(self, room: memoryview) -> int:
        if not self._chunk_left and not self._begin_chunk():
            return 0
        size = min(len(room), self._chunk_left)
        if self._at == len(self._rest) and size >= DIRECT_SIZE:
            with room[:size] as part:
                count = self._stream.receive_into(part)
        else:
            if self._at == len(self._rest):
                self._rest, self._at = self._stream.receive(PIECE_SIZE), 0
            octets = self._take_rest(size)
            count = len(octets)
            room[:count] = octets
        if not count:
            raise self._cut_off()
        self._chunk_left -= count
        if not self._chunk_left and self._at < len(self._rest):
            count = self._add_chunks(room, count)
        self._received += count
        return count

    def _add_chunks(self, room: memoryview, filled: int) -> int:
        """Add the chunks that are here already, whole: a million chunks of one byte are read as a few large ones are.

        Returns:
            How much of the room is filled now.
        """
        rest, at = self._rest, self._at
        while (line := _NEXT_CHUNK.match(rest, at)) is not None:
            size, begin = int(line[1], 16), line.end()
            is_here = 0 < size <= min(len(room) - filled, len(rest) - begin)
            if not is_here or begin - at > MAX_CHUNK_LINE:
                break
            room[filled : filled + size] = rest[begin : begin + size]
            filled, at = filled + size, begin + size
        self._at = at
        return filled

    def _begin_chunk(self) -> bool:
        """Read the line before a chunk; False: it was the last chunk, and the trailers were read and dropped."""
        if not self._is_first_chunk and self._read_line(MAX_CHUNK_LINE) != b"\r\n":
            raise errors.ProtocolError(f"{self._stream.peer} sent a chunk that does not end where its size says")
        self._is_first_chunk = False
        line = self._read_line(MAX_CHUNK_LINE)
        size = _CHUNK_LINE.fullmatch(line)
        if size is None:
            raise errors.ProtocolError(f"{self._stream.peer} sent the chunk size {line[:40]!r}")
        self._chunk_left = int(size[1], 16)
        if self._chunk_left:
            return True
        limit = MAX_TRAILER_SIZE
        while (line := self._read_line(limit)) != b"\r\n":
            limit -= len(line)
        self.is_complete = True
        return False

    def _read_line(self, limit: int) -> bytes:
        while (line := _LINE.match(self._rest, self._at)) is None:
            held = self._rest[self._at :]
            if len(held) > limit:
                raise errors.ProtocolError(f"{self._stream.peer} sent more than {limit} bytes between chunks")
            if b"\n" in held or b"\r" in held[:-1]:
                raise errors.ProtocolError(f"{self._stream.peer} sent {held[:40]!r} between chunks")
            more = self._stream.receive(PIECE_SIZE)
            if not more:
                raise self._cut_off()
            self._rest, self._at = held + more, 0
        if len(line[0]) > limit:
            raise errors.ProtocolError(f"{self._stream.peer} sent more than {limit} bytes between chunks")
        self._at = line.end()
        return line[0]


def find_chunks(octets: bytes, at: int) -> tuple[list[bytes], int] | None:
    """The content of a body that is here in whole chunks, as nearly all servers send them.

    Args:
        at: Where the body begins.
    Returns:
        The chunks, and where the body ends, which is -1 as long as more must come. None: this is not such a body; it
        has extensions, trailers or a fault, and is for `Response`.
    """
    chunks: list[bytes] = []
    while (line := _PLAIN_CHUNK_LINE.match(octets, at)) is not None:
        begin = line.end()
        at = begin + int(line[1], 16)
        mark = octets[at : at + 2]
        if mark != b"\r\n":
            return (chunks, -1) if b"\r\n".startswith(mark) else None
        if at == begin:
            return chunks, at + 2
        chunks.append(octets[begin:at])
        at += 2
    return (chunks, -1) if _BEGUN_CHUNK_LINE.fullmatch(octets, at) else None
