"""multipart/form-data: fields and files -> a body, streamed from disk, of a known length (RFC 7578; WHATWG).

The user's files are read when they are sent; those given by path are opened only then.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from urlrequest._http.fields import read_pairs

from .body import Body, make_body
from .form import read_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["make_multipart"]

# The three characters that would end a quoted name (WHATWG, multipart/form-data encoding algorithm).
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class _BodyPart(NamedTuple):
    """A field or a file, as it is sent (RFC 7578, section 4)."""

    head: bytes
    content: Body


def make_multipart(files: object, fields: object) -> Body:
    """Make the body of a form with files.

    Args:
        files: A dict or a list of pairs: the field's name, and a path, an open binary file, bytes, or a tuple
            (file name, one of these[, content type]).
        fields: The form's other fields: a dict or a list of pairs, or None.
    Raises:
        TypeError: One of them is of another type. OSError: A file cannot be read.
    """
    boundary = f"urlrequest-{os.urandom(16).hex()}"
    body_parts = [_field(name, value) for name, value in read_entries(fields, "with files, req_body")]
    body_parts += [_file(name, source) for name, source in _file_pairs(files)]
    opening, end = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()
    lengths = [each.content.length for each in body_parts]
    total = None
    if None not in lengths:
        total = sum(len(opening) + len(each.head) + (each.content.length or 0) + 2 for each in body_parts) + len(end)

    def pieces() -> Iterator[bytes | memoryview]:
        for each in body_parts:
            yield opening + each.head
            yield from each.content.pieces()
            yield b"\r\n"
        yield end

    is_replayable = all(each.content.is_replayable for each in body_parts)
    return Body(pieces, total, f"multipart/form-data; boundary={boundary}", is_replayable=is_replayable)


def _file_pairs(files: Any) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in read_pairs(files, "files"):
        if not isinstance(name, str):
            raise TypeError(f"files has a name of type {type(name).__name__}; text is needed")
        # A list of files is one part for each, as in a form.
        pairs.extend((name, single) for single in (value if isinstance(value, list) else [value]))
    return pairs


def _field(name: bytes, value: bytes) -> _BodyPart:
    quoted = _quoted(name.decode("utf-8", "surrogateescape"))
    return _BodyPart(f'Content-Disposition: form-data; name="{quoted}"\r\n\r\n'.encode(), make_body(value, None))


def _file(name: str, source: Any) -> _BodyPart:
    file_name, content_type = None, None
    if isinstance(source, tuple):
        if len(source) not in {2, 3}:
            raise TypeError(f"files has a tuple of {len(source)} for {name!r}; (file name, content[, type]) is needed")
        file_name, source, content_type = (*source, None)[:3]
    if isinstance(source, str | os.PathLike):
        path = os.fsdecode(source)
        content = _path_body(path)
        file_name = os.path.basename(path) if file_name is None else file_name
    else:
        content = make_body(source, None, f"files[{name!r}]")
        origin = getattr(source, "name", None)
        if file_name is None:
            file_name = os.path.basename(origin) if isinstance(origin, str) else name
    if not isinstance(file_name, str):
        raise TypeError(f"files has a file name of type {type(file_name).__name__} for {name!r}; text is needed")
    if content_type is None:
        content_type = _guess_type(file_name)
    if not isinstance(content_type, str) or not content_type.isprintable():
        raise ValueError(f"files has the content type {content_type!r} for {name!r}")
    disposition = f'form-data; name="{_quoted(name)}"; filename="{_quoted(file_name)}"'
    head = f"Content-Disposition: {disposition}\r\nContent-Type: {content_type}\r\n\r\n"
    return _BodyPart(head.encode(), content)


def _quoted(text: str) -> str:
    # A name from disk may have bytes that are not text; browsers send U+FFFD for them.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").translate(_ESCAPES)


def _guess_type(file_name: str) -> str:
    import mimetypes  # only requests with files need it

    return mimetypes.guess_type(file_name)[0] or "application/octet-stream"


def _open_regular(path: str) -> BinaryIO:
    """Open a file, but none that has no size and may block when it is opened: pipes, devices.

    Raises:
        OSError: It is such a file, is not there, or cannot be read.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # to open a folder fails anyway
            return open(path, "rb")
    except OSError as error:
        raise OSError(error.errno, f"files has a path that cannot be opened: {error.strerror}", path) from error
    raise OSError(errno.EINVAL, "files has a path that is not a regular file", path)


def _path_body(path: str) -> Body:
    """A file that is opened when it is sent, as often as it is sent."""
    with _open_regular(path) as file:  # so that an unreadable file is known before anything is sent
        length = os.fstat(file.fileno()).st_size

    def pieces() -> Iterator[bytes | memoryview]:
        with _open_regular(path) as file:
            body = make_body(file, None)
            yield from body.pieces()

    return Body(pieces, length, is_replayable=True)
