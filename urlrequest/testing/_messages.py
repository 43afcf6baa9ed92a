"""Requests as they were received, and replies to be sent (RFC 9112).

Values, and functions that read and write them on a `ServerConnection`; the connection's thread runs them. The parser is
strict: a request that this server does not understand is a fault of the client under test, and `MalformedRequest` says
which.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from ._connection import ServerConnection

__all__ = ["Body", "Fields", "MalformedRequest", "RecordedRequest", "Reply", "read_head", "read_request", "write_reply"]

Body: TypeAlias = bytes | bytearray | memoryview | str | Iterable[bytes]
Fields: TypeAlias = Sequence[tuple[str, str]] | Mapping[str, str]

MAX_HEAD = 1 << 20  # bytes
MAX_LINE = 1 << 16  # bytes
TLS_HANDSHAKE = 0x16  # content type of the first record (RFC 8446, section 5.1)

_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) (HTTP/1\.[01])")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*)")
_LENGTH = re.compile(r"[0-9]{1,18}")
_STATUSES = frozenset(HTTPStatus)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class MalformedRequest(ValueError):
    """The client sent something that is not an HTTP/1.1 request.

    Attributes:
        is_tls: Whether it began a TLS handshake with a server that does not speak TLS.
    """

    def __init__(self, message: str, *, is_tls: bool = False) -> None:
        super().__init__(message)
        self.is_tls = is_tls


@dataclass(frozen=True)
class RecordedRequest:
    """One request as the server received it.

    Example: ``assert server.requests[0].header("accept") == "*/*"``.

    Attributes:
        target: The request target as sent: ``/path?query``, an absolute URL (to a proxy) or ``host:port`` (CONNECT).
        headers: The headers in the order and spelling in which they were sent.
        body: The body, without the framing of chunks.
        raw: The exact bytes of head and body.
        connection: The number of the connection that it came on, from 0.
        is_cut: Whether the body was longer than the server's `max_body`: `body` and `raw` have its beginning.
    """

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes
    connection: int
    is_cut: bool = False

    def header(self, name: str) -> str | None:
        """Return the first value of a header, whatever the case of its name, or None."""
        return next(iter(self.header_values(name)), None)

    def header_values(self, name: str) -> list[str]:
        """Return all values of a header, in order."""
        return [value for field, value in self.headers if field.lower() == name.lower()]

    def json(self) -> Any:
        """The body, parsed as JSON.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)

    @property
    def path(self) -> str:
        """The path of the target, still percent-encoded; ``host:port`` for CONNECT."""
        return self._origin_form.partition("?")[0]

    @property
    def query(self) -> str:
        """The query of the target without its ``?``, still percent-encoded; '' when there is none."""
        return self._origin_form.partition("?")[2]

    @property
    def _origin_form(self) -> str:
        if self.method == "CONNECT" or self.target.startswith("/"):
            return self.target
        _, has_scheme, rest = self.target.partition("://")
        if not has_scheme:
            return self.target
        start = re.search(r"[/?]", rest)
        path = "" if start is None else rest[start.start() :]
        return path if path.startswith("/") else "/" + path


@dataclass
class Reply:
    """One reply of a route.

    Example: ``server.route("/slow", lambda request: Reply(503, b"later", {"Retry-After": "1"}))``.

    Attributes:
        status: The status code; any number.
        body: Bytes, text (sent as utf-8), or an iterable of bytes, which is sent chunked. An iterator serves once.
        headers: Pairs or a mapping, sent as they are. Content-Length or Transfer-Encoding is added unless one is here
            already; then the body is sent as it is, and the connection closed where it does not have that length.
        reason: The reason phrase; None: the usual one of the status.
    """

    status: int = 200
    body: Body = b""
    headers: Fields = ()
    reason: str | None = None


def read_request(connection: ServerConnection, max_body: int = sys.maxsize) -> RecordedRequest | None:
    """Receive one whole request; None when the client closed instead. 100 Continue is sent if the client expects it.

    Args:
        max_body: How many bytes of the body to keep.
    Raises:
        MalformedRequest: It is not a valid request.
        ClientGone: The client closed in its middle.
    """
    head = read_head(connection)
    if head is None:
        return None
    codings, lengths = head.header_values("transfer-encoding"), head.header_values("content-length")
    if codings and lengths:
        raise MalformedRequest(f"both Transfer-Encoding {codings} and Content-Length {lengths}")
    if not codings and not lengths:
        return head
    if (head.header("expect") or "").lower() == "100-continue" and not connection.has_buffered:
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    if not codings:
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            raise MalformedRequest(f"Content-Length {lengths}")
        body, is_cut = _take(connection, int(lengths[0]), max_body)
        raw = body
    elif [coding.lower() for coding in codings] == ["chunked"]:
        body, raw, is_cut = _read_chunks(connection, max_body)
    else:
        raise MalformedRequest(f"Transfer-Encoding {codings}")
    return replace(head, body=body, raw=head.raw + raw, is_cut=is_cut)


def read_head(connection: ServerConnection) -> RecordedRequest | None:
    """Receive a request's head, as a request without a body; None when the client closed instead."""
    first = connection.first_byte()
    if first is None:
        return None
    if first == TLS_HANDSHAKE:
        raise MalformedRequest("the client began a TLS handshake with a server of plain HTTP", is_tls=True)
    raw = connection.take_until(b"\r\n\r\n", MAX_HEAD)
    if raw is None:
        raise MalformedRequest(f"a head of more than {MAX_HEAD} bytes")
    request_line, *lines = raw[:-4].decode("latin-1").split("\r\n")
    request = _REQUEST_LINE.fullmatch(request_line)
    if request is None:
        raise MalformedRequest(f"request line {request_line[:200]!r}")
    method, target, version = request.groups()
    return RecordedRequest(method, target, version, [_parse_field(line) for line in lines], b"", raw, connection.number)


def _parse_field(line: str) -> tuple[str, str]:
    field = _FIELD.fullmatch(line)
    if field is None:
        raise MalformedRequest(f"field line {line[:200]!r}")
    return field[1], field[2].rstrip(" \t")


def _take(connection: ServerConnection, size: int, limit: int) -> tuple[bytes, bool]:
    """Receive exactly `size` bytes; those up to the limit, and whether there were more."""
    kept = connection.take(min(size, limit))
    connection.skip(size - len(kept))
    return kept, len(kept) < size


def _read_chunks(connection: ServerConnection, max_body: int) -> tuple[bytes, bytes, bool]:
    body, raw = bytearray(), bytearray()
    is_cut = False
    while True:
        line = _read_line(connection)
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise MalformedRequest(f"chunk size {line[:200]!r}")
        if int(size[1], 16) == 0:
            break
        kept, is_longer = _take(connection, int(size[1], 16), max_body - len(body))
        if connection.take(2) != b"\r\n":
            raise MalformedRequest(f"a chunk of {int(size[1], 16)} bytes does not end with CR LF")
        is_cut = is_cut or is_longer
        body += kept
        if not is_cut:
            raw += line + kept + b"\r\n"
    trailer = line  # whose fields are received but not kept apart from `raw`
    while line != b"\r\n":
        line = _read_line(connection)
        if line != b"\r\n":
            _parse_field(line[:-2].decode("latin-1"))
        trailer += line
    if not is_cut:
        raw += trailer
    return bytes(body), bytes(raw), is_cut


def _read_line(connection: ServerConnection) -> bytes:
    line = connection.take_until(b"\r\n", MAX_LINE)
    if line is None:
        raise MalformedRequest(f"a line of more than {MAX_LINE} bytes")
    return line


def write_reply(connection: ServerConnection, request: RecordedRequest, reply: Reply) -> bool:
    """Send a reply.

    Returns:
        Whether the connection can be used for another request.
    """
    fields = list(reply.headers.items() if isinstance(reply.headers, Mapping) else reply.headers)
    whole, pieces = _split_body(reply.body)
    has_content = _has_content(request, reply)
    keeps_alive = _keeps_alive(request, fields)
    is_chunked = False
    if has_content and not _has_field(fields, "content-length", "transfer-encoding"):
        framing = _framing(request, whole)
        if framing is None:
            keeps_alive = False
        else:
            fields.append(framing)
            is_chunked = whole is None
    if not keeps_alive and not _has_field(fields, "connection"):
        fields.append(("Connection", "close"))
    head = _encode_head(reply, fields)
    if not has_content or request.method == "HEAD":
        connection.send(head)
        return keeps_alive
    if whole is not None:
        connection.send(head + whole)
        return keeps_alive and _is_length(fields, len(whole))
    connection.send(head)
    return _send_pieces(connection, pieces, fields, is_chunked=is_chunked) and keeps_alive


def _has_field(fields: list[tuple[str, str]], *names: str) -> bool:
    return any(name.lower() in names for name, _ in fields)


def _framing(request: RecordedRequest, whole: bytes | None) -> tuple[str, str] | None:
    """Return the field that says where the body ends; None: the end of the connection does."""
    if whole is not None:
        return "Content-Length", str(len(whole))
    return ("Transfer-Encoding", "chunked") if request.version == "HTTP/1.1" else None  # HTTP/1.0 knows no chunks


def _send_pieces(
    connection: ServerConnection, pieces: Iterable[bytes], fields: list[tuple[str, str]], *, is_chunked: bool
) -> bool:
    """Send a body in pieces; whether it had the length that the fields announce."""
    sent = 0
    for piece in pieces:
        sent += len(piece)
        if piece:
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
    if is_chunked:
        connection.send(b"0\r\n\r\n")
    return _is_length(fields, sent)


def _has_content(request: RecordedRequest, reply: Reply) -> bool:
    """Whether such a reply has content, or would have it for a GET instead of HEAD (RFC 9110, section 6.4.1)."""
    if reply.status < HTTPStatus.OK or reply.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        return False
    return request.method != "CONNECT" or reply.status >= HTTPStatus.MULTIPLE_CHOICES


def _keeps_alive(request: RecordedRequest, fields: list[tuple[str, str]]) -> bool:
    """Whether both sides want to use the connection again (RFC 9112, section 9.3)."""
    values = [*request.header_values("connection"), *(value for name, value in fields if name.lower() == "connection")]
    options = {option.strip().lower() for value in values for option in value.split(",")}
    return "close" not in options and (request.version == "HTTP/1.1" or "keep-alive" in options)


def _split_body(body: Body) -> tuple[bytes | None, Iterable[bytes]]:
    """Return the body in one piece, or None and an iterable of pieces."""
    if isinstance(body, str):
        return body.encode(), ()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), ()
    return None, body


def _encode_head(reply: Reply, fields: list[tuple[str, str]]) -> bytes:
    reason = reply.reason
    if reason is None:
        reason = HTTPStatus(reply.status).phrase if reply.status in _STATUSES else ""
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _is_length(fields: list[tuple[str, str]], sent: int) -> bool:
    """Whether a Content-Length, if there is one, is right: else the client could not find the next reply."""
    return all(value == str(sent) for name, value in fields if name.lower() == "content-length")
