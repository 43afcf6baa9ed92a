"""Where the content of a response ends, and whether its connection may be used again (RFC 9112, sections 6 and 9).

Pure, strict rules: where the end of the content is in doubt, the octets of one response would be taken for those of the
next, so such a head is a `ProtocolError`.
"""

from __future__ import annotations

import re

from urlrequest import errors
from urlrequest._record import Record

from .fields import LENGTH
from .response_head import excerpt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .response_head import ResponseHead

__all__ = ["Framing", "body_framing", "content_length", "idle_time", "says_close"]

_LENGTH = re.compile(LENGTH)
_TIMEOUT = r"(?i)timeout\s*=\s*\"?([0-9]{1,6})"  # compiled with its first use: many servers do not send it


class Framing(Record):
    """Where the content ends, and whether another response may follow (RFC 9112, sections 6.3 and 9.3).

    Attributes:
        length: Bytes of content; None: until the last chunk, or until the connection ends.
        is_chunked: The content comes in chunks.
        keeps_alive: The connection may be used again once the content was read.
    """

    __slots__ = ("is_chunked", "keeps_alive", "length")

    def __init__(self, length: int | None, is_chunked: bool, keeps_alive: bool) -> None:
        self.length = length
        self.is_chunked = is_chunked
        self.keeps_alive = keeps_alive


def body_framing(head: ResponseHead, method: str) -> Framing:
    """Decide where the content ends.

    Args:
        method: Of the request.
    Raises:
        ProtocolError: Content-Length or Transfer-Encoding cannot be trusted (contract 11.4).
    """
    headers = head.headers
    keeps_alive = _keeps_alive(head)
    if method == "HEAD" or head.status in {204, 304} or head.status < 200:
        return Framing(0, is_chunked=False, keeps_alive=keeps_alive and head.status != 101)
    if method == "CONNECT" and head.status < 300:
        # What follows belongs to the tunnel, whatever the fields say (RFC 9110, section 9.3.6).
        return Framing(0, is_chunked=False, keeps_alive=False)
    coding = headers.get("Transfer-Encoding", "").strip(" \t").lower()
    if "," in coding:
        # The same field twice stands for one coding, but some intermediary may see it otherwise.
        codings = {each.strip(" \t").lower() for each in headers.get_all("Transfer-Encoding")}
        if len(codings) == 1:
            coding, keeps_alive = codings.pop(), False
    length = headers.get("Content-Length")
    if coding and coding != "identity":
        if coding != "chunked":
            raise errors.ProtocolError(f"the server used the transfer coding {excerpt(coding)}; only chunked is known")
        # With a length besides, or from HTTP/1.0, some intermediary may see another end: RFC 9112, section 6.1.
        return Framing(None, is_chunked=True, keeps_alive=keeps_alive and length is None and head.version != "1.0")
    if length is not None:
        return Framing(_read_length(length), is_chunked=False, keeps_alive=keeps_alive)
    return Framing(None, is_chunked=False, keeps_alive=False)


def content_length(head: ResponseHead) -> int | None:
    """The size of the content in bytes as the server announces it, sent or not (HEAD); None: it does not say."""
    value = head.headers.get("Content-Length", "")
    if "Transfer-Encoding" in head.headers or not _LENGTH.fullmatch(value):
        return None
    return int(value)


def _read_length(value: str) -> int:
    if _LENGTH.fullmatch(value):
        return int(value)
    # The same number twice is one number (RFC 9112, section 6.3); anything else would be a guess.
    lengths = {number.strip(" \t") for number in value.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise errors.ProtocolError(f"the server sent the Content-Length {excerpt(value)}")
    return int(length)


def _keeps_alive(head: ResponseHead) -> bool:
    if head.is_malformed:  # what else such a server does with its lines is unknown
        return False
    connection = head.headers.get("Connection")
    if connection is None:
        return head.version != "1.0"
    if connection == "keep-alive":
        return True
    options = _options(connection)
    return "close" not in options and (head.version != "1.0" or "keep-alive" in options)


def says_close(fields: Iterable[tuple[str, str]]) -> bool:
    """Whether a message is the last one on its connection, by its own fields (RFC 9112, section 9.6)."""
    options: set[str] = set()
    for name, value in fields:
        if name.lower() == "connection" and value != "keep-alive":  # as we say ourselves
            options |= _options(value)
    return "close" in options


def _options(connection: str) -> set[str]:
    """The options that a Connection field lists, in lower case (RFC 9110, section 7.6.1)."""
    return {option.strip(" \t") for option in connection.lower().split(",")}


def idle_time(keep_alive: str, longest: float) -> float:
    """How long an idle connection is worth keeping, in seconds: one less than the server keeps it, or half of less.

    Servers round down: one that keeps connections for half a second says 0.

    Args:
        keep_alive: The response's Keep-Alive field (RFC 2068, section 19.7.1.1).
        longest: The time to keep it where the server keeps it longer, or does not say how long, in seconds.
    """
    timeout = re.search(_TIMEOUT, keep_alive)
    if timeout is None:
        return longest
    told = max(0.5, float(timeout[1]))
    return min(longest, max(told - 1, told / 2))
