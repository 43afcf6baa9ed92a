"""The head of a response: bytes -> ResponseHead. Pure.

`http.client` accepts heads that are cut off, splits values at a bare CR and takes `+5` for a length; what it accepts
also differs between Python's patch releases. So the head is read here, by RFC 9112, and anything that puts the end of
the body in doubt is a `ProtocolError` before it can corrupt this response or the next one on the connection.

Devices send lines that are no fields, and names that are no tokens. Where the end of the body does not depend on them,
the response is read all the same (contract 11.5), and its connection is not used again.
"""

from __future__ import annotations

import re
from functools import lru_cache

from urlrequest import errors
from urlrequest._record import Record

from .fields import TCHARS
from .headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .fields import Fields

__all__ = ["END_OF_HEAD", "MAX_HEAD_SIZE", "ResponseHead", "excerpt", "parse_head"]

MAX_HEAD_SIZE = 256 * 1024  # bytes, interim responses included
MAX_LINE_SIZE = 64 * 1024  # bytes
MAX_FIELDS = 1000
MAX_CACHED_LINE = 80  # characters of a status line; a longer one is parsed each time
MAX_SHOWN = 60  # characters of a line in a message

# The empty line behind a head; what precedes it does not matter. A search is ten times faster with a fixed beginning.
END_OF_HEAD = re.compile(rb"\n\r?\n")
# A line may end with a bare LF (RFC 9112, section 2.2); a bare CR is never part of a line.
_STATUS_LINE = re.compile(r"HTTP/(1\.[0-9])[ \t]+([1-9][0-9][0-9])(?:[ \t]([^\r\n\0]*))?\r?\n")
_FIELD = re.compile(rf"^({TCHARS}):([^\r\n\0]*)\r?\n", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]+")
# What a name that says where the body ends looks like once everything but its letters is gone.
_FRAMING_LETTERS = ("contentlength", "transferencoding")


class ResponseHead(Record):
    """What precedes the content (RFC 9112, sections 4 and 5).

    Attributes:
        is_malformed: It has lines that are no fields by RFC 9112.
        is_shared: It belongs to several responses that begin alike; what one of them changes must be `own()`.
    """

    __slots__ = ("headers", "is_malformed", "is_shared", "reason", "status", "version")

    def __init__(
        self,
        version: str,
        status: int,
        reason: str,
        headers: Headers,
        *,
        is_malformed: bool = False,
        is_shared: bool = False,
    ) -> None:
        self.version: str = version
        self.status: int = status
        self.reason: str = reason
        self.headers: Headers = headers
        self.is_malformed: bool = is_malformed
        self.is_shared: bool = is_shared

    def own(self) -> ResponseHead:
        """The same head for one response alone: itself, or a copy of one that is shared."""
        return self.replace(headers=self.headers.copy(), is_shared=False) if self.is_shared else self

    def describe_status(self) -> str:
        """Status and reason for a message: a long reason is cut, and one with control characters is quoted."""
        is_plain = self.reason.isprintable() and len(self.reason) <= MAX_SHOWN
        return f"{self.status} {self.reason if is_plain else excerpt(self.reason)}".rstrip()


def parse_head(octets: bytes) -> ResponseHead:
    """Read a whole head, its empty line included.

    Raises:
        ProtocolError: It is no head of HTTP/1, or something that it says about the end of the body is in doubt.
    """
    text = octets.decode("latin-1")
    start, end = _read_status_line(text)
    fields = _FIELD.findall(text, end)
    is_malformed = False
    if not _is_all(fields, text, end):
        # Folded lines are obsolete and must be read as one (RFC 9112, section 5.2), but not before the first field.
        text = _FOLD.sub(" ", text[end:])
        fields = _FIELD.findall(text)
        is_malformed = not _is_all(fields, text, 0)
        if is_malformed:
            fields = _read_tolerantly(text)
    if len(fields) > MAX_FIELDS:
        raise errors.ProtocolError(f"the server sent {len(fields)} headers; {MAX_FIELDS} are allowed")
    if len(octets) > MAX_LINE_SIZE and max(map(len, text.split("\n"))) > MAX_LINE_SIZE:
        raise errors.ProtocolError(f"the server sent a header line longer than {MAX_LINE_SIZE} bytes")
    headers = Headers([(name, value.strip(" \t")) for name, value in fields])
    return ResponseHead(*start, headers, is_malformed=is_malformed)


def _read_status_line(text: str) -> tuple[tuple[str, int, str], int]:
    """Version, status and reason, and where the line ends."""
    end = text.find("\n") + 1
    start = _cached_status(text[:end]) if end <= MAX_CACHED_LINE else _parse_status(text[:end])
    if start is None:
        raise errors.ProtocolError(f"the server sent no HTTP/1 status line but {excerpt(text)}")
    return start, end


def _parse_status(line: str) -> tuple[str, int, str] | None:
    start = _STATUS_LINE.fullmatch(line)
    return None if start is None else (start[1], int(start[2]), (start[3] or "").strip())


_cached_status = lru_cache(maxsize=64)(_parse_status)  # servers send the same few over and over


def _is_all(fields: Fields, text: str, begin: int) -> bool:
    """Whether the text holds nothing but the fields from a position on, and the empty line at the end."""
    return text.count("\n", begin) == len(fields) + 1 and text.endswith(("\n\n", "\n\r\n"), max(0, begin - 1))


def _read_tolerantly(text: str) -> Fields:
    """The fields of a head in which some lines are none, as `http.client` and curl read it (contract 11.5).

    A line without a colon or a name is left out. Blanks behind a name go; other characters that it must not have stay.

    Raises:
        ProtocolError: A line could hide or make fields, or one that says where the body ends is not spelt properly; or
            the head does not end with its first empty line.
    """
    lines = text.split("\n")
    if len(lines) < 2 or lines[-1] or lines[-2] not in {"", "\r"}:
        raise _malformed(text)
    fields: Fields = []
    for line in lines[:-2]:
        content = line.removesuffix("\r")
        if not content or content[0] in " \t" or "\r" in content or "\0" in content:
            raise _malformed(line)
        name, colon, value = content.partition(":")
        if not colon or re.fullmatch(TCHARS, name) is None:
            letters = re.sub("[^a-z]", "", name.lower())
            if any(framing in letters for framing in _FRAMING_LETTERS):
                raise _malformed(line)
        name = name.rstrip(" \t")
        if colon and name:
            fields.append((name, value))
    return fields


def _malformed(line: str) -> errors.ProtocolError:
    return errors.ProtocolError(f"the server sent a malformed header: {excerpt(line)}")


def excerpt(text: str) -> str:
    """What a message shows of something that the server sent."""
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…")
