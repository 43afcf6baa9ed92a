"""The head of a response: octets -> ResponseHead, and how its content is framed. Pure, strict rules.

`http.client` believes heads that are cut off, splits values at a bare CR and takes `+5` for a length; what it accepts
also differs between Python's patch releases. So the head is read here, by RFC 9112, and anything doubtful is a
`ProtocolError` before it can corrupt this response or the next one on the connection.
"""

from __future__ import annotations

import re
from functools import lru_cache

from urlrequest._record import Record
from urlrequest.errors import ProtocolError

from .headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Framing", "ResponseHead", "content_length", "frame", "parse_head", "says_close"]

HEAD_LIMIT = 256 * 1024  # octets, interim responses included
LINE_LIMIT = 64 * 1024  # octets
FIELD_LIMIT = 1000  # fields
LONGEST_KEPT = 80  # characters of a status line

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# A line may end with a bare LF (RFC 9112, section 2.2); a bare CR is never part of a line.
_STATUS_LINE = re.compile(r"HTTP/(1\.[0-9]) ([1-9][0-9][0-9])(?: ([^\r\n\0]*))?\r?\n")
_FIELD = re.compile(rf"^({_NAME}):([^\r\n\0]*)\r?\n", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]+")
_LENGTH = re.compile(r"[0-9]{1,18}")


class ResponseHead(Record):
    """What precedes the content (RFC 9112, sections 4 and 5)."""

    __slots__ = ("headers", "reason", "status", "version")

    def __init__(self, version: str, status: int, reason: str, headers: Headers) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers


class Framing(Record):
    """Where the content ends, and whether another response may follow (RFC 9112, sections 6.3 and 9.3).

    Attributes:
        length: Octets of content; None: until the last chunk, or until the connection ends.
        is_chunked: The content comes in chunks.
        keeps_alive: The connection may be used again once the content was read.
    """

    __slots__ = ("is_chunked", "keeps_alive", "length")

    def __init__(self, length: int | None, is_chunked: bool, keeps_alive: bool) -> None:
        self.length = length
        self.is_chunked = is_chunked
        self.keeps_alive = keeps_alive


def parse_head(octets: bytes) -> ResponseHead:
    """Read a whole head, its empty line included.

    Raises:
        ProtocolError: It is not what RFC 9112 allows.
    """
    text = octets.decode("latin-1")
    start, end = _read_status_line(text)
    fields = _FIELD.findall(text, end)
    if not _is_all(fields, text, end):
        # Folded lines are obsolete and must be read as one (RFC 9112, section 5.2), but not before the first field.
        text = _FOLD.sub(" ", text[end:])
        fields = _FIELD.findall(text)
        if not _is_all(fields, text, 0):
            raise ProtocolError(f"the server sent a malformed header field: {_excerpt(_first_malformed(text))}")
    if len(fields) > FIELD_LIMIT:
        raise ProtocolError(f"the server sent {len(fields)} header fields; {FIELD_LIMIT} are allowed")
    if len(octets) > LINE_LIMIT and max(map(len, text.split("\n"))) > LINE_LIMIT:
        raise ProtocolError(f"the server sent a header line longer than {LINE_LIMIT} octets")
    return ResponseHead(*start, Headers([(name, value.strip(" \t")) for name, value in fields]))


def _read_status_line(text: str) -> tuple[tuple[str, int, str], int]:
    """Version, status and reason, and where the line ends."""
    end = text.find("\n") + 1
    start = _known_status(text[:end]) if end <= LONGEST_KEPT else _parse_status(text[:end])
    if start is None:
        raise ProtocolError(f"the server sent no HTTP/1 status line but {_excerpt(text)}")
    return start, end


def _parse_status(line: str) -> tuple[str, int, str] | None:
    start = _STATUS_LINE.fullmatch(line)
    return None if start is None else (start[1], int(start[2]), (start[3] or "").strip())


_known_status = lru_cache(maxsize=64)(_parse_status)  # there are few, and they come over and over


def _is_all(fields: list[tuple[str, str]], text: str, begin: int) -> bool:
    """Whether the fields are all that there is from a place on, but for the empty line at the end."""
    return text.count("\n", begin) == len(fields) + 1 and text.endswith(("\n\n", "\n\r\n"), max(0, begin - 1))


def _first_malformed(text: str) -> str:
    for line in text.splitlines(keepends=True):
        if line.strip("\r\n") and not _FIELD.fullmatch(line):
            return line
    return text


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


def frame(head: ResponseHead, method: str) -> Framing:
    """Decide where the content ends.

    Raises:
        ProtocolError: Content-Length or Transfer-Encoding cannot be trusted (contract 11.4).
    """
    headers = head.headers
    keeps_alive = _keeps_alive(head)
    if method == "HEAD" or head.status in {204, 304} or head.status < 200:
        return Framing(0, is_chunked=False, keeps_alive=keeps_alive and head.status != 101)
    if method == "CONNECT" and head.status < 300:
        # What follows is the tunnel's, whatever the fields say (RFC 9110, section 9.3.6).
        return Framing(0, is_chunked=False, keeps_alive=False)
    coding = headers.get("Transfer-Encoding", "").strip(" \t").lower()
    length = headers.get("Content-Length")
    if coding and coding != "identity":
        if coding != "chunked":
            raise ProtocolError(f"the server used the transfer coding {_excerpt(coding)}; only chunked is known")
        # With a length besides, or from HTTP/1.0, somebody on the way may see another end: RFC 9112, section 6.1.
        return Framing(None, is_chunked=True, keeps_alive=keeps_alive and length is None and head.version != "1.0")
    if length is not None:
        return Framing(_length(length), is_chunked=False, keeps_alive=keeps_alive)
    return Framing(None, is_chunked=False, keeps_alive=False)


def content_length(head: ResponseHead) -> int | None:
    """What the server says the content has, in octets, whether it comes or not (HEAD); None when it does not say."""
    value = head.headers.get("Content-Length", "")
    if "Transfer-Encoding" in head.headers or not _LENGTH.fullmatch(value):
        return None
    return int(value)


def _length(value: str) -> int:
    if _LENGTH.fullmatch(value):
        return int(value)
    # The same number twice is one number (RFC 9112, section 6.3); anything else would be a guess.
    lengths = {part.strip(" \t") for part in value.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise ProtocolError(f"the server sent the Content-Length {_excerpt(value)}")
    return int(length)


def _keeps_alive(head: ResponseHead) -> bool:
    connection = head.headers.get("Connection")
    if connection is None:
        return head.version != "1.0"
    if connection == "keep-alive":
        return True
    options = _options(connection)
    return "close" not in options and (head.version != "1.0" or "keep-alive" in options)


def says_close(fields: Iterable[tuple[str, str]]) -> bool:
    """Whether the fields of a message say that it is the last on its connection (RFC 9112, section 9.6)."""
    said = [value for name, value in fields if name.lower() == "connection"]
    return bool(said) and "close" in _options(",".join(said))


def _options(connection: str) -> set[str]:
    """What a Connection field lists (RFC 9110, section 7.6.1)."""
    return {option.strip(" \t") for option in connection.lower().split(",")}
