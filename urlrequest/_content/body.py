"""The body of a request: where its bytes come from, how many there are, and what type they have (contract 10.2).

A body is used on the worker. The user's objects are read, never changed and never closed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from urlrequest import errors
from urlrequest._http.fields import media_type_of

from .text import find_charset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Protocol

    class _Readable(Protocol):
        def read(self, size: int, /) -> Any: ...


__all__ = ["Body", "make_body", "make_json_body"]

PIECE_SIZE = 256 * 1024  # bytes read from a file at a time


class Body:
    """A request's content.

    Attributes:
        pieces: Returns an iterator over the content, from its beginning.
        length: Bytes in all; None: unknown, so they are sent in chunks (RFC 9112, section 7.1).
        content_type: The type of the content when the user names none.
        is_replayable: The content can be read a second time.
        is_begun: The sender has begun to read the content.
        on_sent: The sender calls it with the number of bytes sent so far, and whether these are all: before the first
            byte, after each piece, and at the end, when the system has taken the last one. None: no calls.
    """

    __slots__ = ("content_type", "is_begun", "is_replayable", "length", "on_sent", "pieces")

    def __init__(
        self,
        pieces: Callable[[], Iterator[bytes | memoryview]],
        length: int | None,
        content_type: str | None = None,
        *,
        is_replayable: bool = False,
    ) -> None:
        self.pieces: Callable[[], Iterator[bytes | memoryview]] = pieces
        self.length: int | None = length
        self.content_type: str | None = content_type
        self.is_replayable: bool = is_replayable
        self.is_begun: bool = False
        self.on_sent: Callable[[int, bool], None] | None = None


def make_body(source: object, content_type: str | None, name: str = "req_body") -> Body:
    """Make a body from what the user passed.

    Args:
        source: bytes-like, str, dict, a binary or text file, or an iterable of bytes or str.
        content_type: The user's Content-Type, which decides the charset of text and the form of a dict.
        name: What the source is called in messages.
    Raises:
        TypeError: Such an object cannot be sent.
        ValueError: The text cannot be encoded in its charset, or the dict not as JSON.
    """
    charset = _charset(content_type)
    if isinstance(source, str):
        return _whole(source.encode(charset))
    memory = _memory_of(source)
    if memory is not None:
        return _whole(memory)
    if isinstance(source, dict):
        return _dict_body(source, content_type, charset, name)
    if hasattr(source, "read"):
        return _file_body(source, charset)
    if isinstance(source, list | tuple):
        return _list_body(source, charset, name)
    if isinstance(source, Iterable):
        return Body(lambda: _encoded(source, charset, name), None)
    raise TypeError(f"{name} is {type(source).__name__}; bytes, str, dict, a file or an iterable of bytes is needed")


def make_json_body(value: Any) -> Body:
    """Make a body of JSON text.

    Raises:
        TypeError, ValueError: The value cannot be written as JSON.
    """
    return _whole(_json_text(value, "json").encode(), "application/json")


def _json_text(value: Any, name: str) -> str:
    """JSON text as other programs read it: NaN and infinities are none (RFC 8259, section 6)."""
    import json  # most requests send no JSON

    try:
        return json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise TypeError(f"{name} cannot be written as JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} cannot be written as JSON: {error}") from None


def _memory_of(source: Any) -> memoryview | None:
    """The bytes of an object with the buffer protocol: bytes, array, numpy; a mapped file is read as a file."""
    if hasattr(source, "read"):
        return None
    try:
        return memoryview(source)
    except TypeError:
        return None


def _charset(content_type: str | None) -> str:
    charset = find_charset(content_type)
    if charset is None:
        return "utf-8"
    try:
        "".encode(charset)
    except LookupError:
        raise ValueError(f"Content-Type has the charset {charset!r}, which has no encoder here") from None
    return charset


def _whole(octets: bytes | memoryview, content_type: str | None = None) -> Body:
    view = memoryview(octets).cast("B")
    return Body(lambda: iter((view,)), len(view), content_type, is_replayable=True)


def _dict_body(fields: Mapping[Any, Any], content_type: str | None, charset: str, name: str) -> Body:
    media_type = media_type_of(content_type)
    if media_type == "application/json" or media_type.endswith("+json"):
        return _whole(_json_text(fields, name).encode(charset))
    from .form import encode_form  # few requests send a form

    return _whole(encode_form(fields, name).encode("ascii"), "application/x-www-form-urlencoded")


def _list_body(items: list[Any] | tuple[Any, ...], charset: str, name: str) -> Body:
    for item in items:
        if not isinstance(item, str | bytes | bytearray | memoryview):
            raise TypeError(f"{name} holds {type(item).__name__}; bytes are needed (json= sends a list as JSON)")
    return Body(lambda: _encoded(items, charset, name), None, is_replayable=True)


def _encoded(items: Iterable[Any], charset: str, name: str) -> Iterator[bytes | memoryview]:
    for item in items:
        if type(item) is bytes:  # most are, and need no view
            yield item
        elif isinstance(item, str):
            yield item.encode(charset)
        elif isinstance(item, bytes | bytearray | memoryview):
            yield memoryview(item).cast("B")
        else:
            raise TypeError(f"{name} yielded {type(item).__name__}; bytes are needed")


def _file_body(file: Any, charset: str) -> Body:
    # Every text file has an encoding, wrapped ones too, and its size on disk is not that of what will be sent.
    if hasattr(file, "encoding"):
        return Body(lambda: _read(file, None, charset), None)
    length = _length_of(file)
    if length is None:
        length = _said_length(file)
        return Body(lambda: _read(file, length, charset), length)
    position = file.tell()
    return Body(lambda: _read_from(file, position, length, charset), length, is_replayable=True)


def _length_of(file: Any) -> int | None:
    """Bytes from the file's present position to its end; None where that cannot be known."""
    try:
        position = file.tell()
        file.seek(0, os.SEEK_END)
        end = file.tell()  # seek() does not return it in every class of files
        file.seek(position)
    except (AttributeError, OSError, ValueError):
        return None
    return max(0, int(end) - int(position))


def _said_length(file: Any) -> int | None:
    """Bytes of a file that cannot seek, as its `len()` or its attribute `len` says; None where it says nothing.

    Objects that make a form while they are read have one of these, as do files behind a progress bar.
    """
    length: Any
    try:
        length = len(file)
    except (TypeError, ValueError, OverflowError):
        length = getattr(file, "len", None)
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        return None
    try:
        position = int(file.tell())
    except (AttributeError, TypeError, OSError, ValueError):
        position = 0
    return max(0, length - position)


def _read_from(file: Any, position: int, length: int, charset: str) -> Iterator[bytes]:
    file.seek(position)
    yield from _read(file, length, charset)


def _read(file: _Readable, length: int | None, charset: str) -> Iterator[bytes]:
    sent = 0
    while piece := file.read(PIECE_SIZE):
        octets = piece.encode(charset) if isinstance(piece, str) else piece
        sent += len(octets)
        if length is not None and sent > length:
            raise errors.IncompleteContent(
                f"the file of req_body grew to {sent} bytes while its {length} were being sent"
            )
        yield octets
    if length is not None and sent < length:
        raise errors.IncompleteContent(f"the file of req_body ended after {sent} of {length} bytes")
