"""The body that the command sends: -d, --json, -F and -T -> Payload, with its files open.

Runs on the main thread; the worker reads the files.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentTypeError
from functools import cache

from urlrequest._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

__all__ = ["JSON", "FormPart", "Payload", "complete_fields", "make_payload", "query_of", "read_form_part", "read_text"]

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
STANDARD_INPUT = "-"

_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)
_UNSAFE = re.compile(rb"[^A-Za-z0-9._~-]")


class FormPart(Record):
    """One -F: a field, whose value may stand in a file, or a file."""

    __slots__ = ("content_type", "file_name", "is_file", "name", "path", "value")

    def __init__(
        self,
        name: str,
        value: bytes = b"",
        path: str | None = None,
        *,
        is_file: bool = False,
        content_type: str | None = None,
        file_name: str | None = None,
    ) -> None:
        self.name, self.value, self.path = name, value, path
        self.is_file, self.content_type, self.file_name = is_file, content_type, file_name


class Payload(Record):
    """The body to send.

    Attributes:
        body: For `req_body`.
        files: For `files`: (field, (file name, content, type)).
        name: What the progress of sending is shown under; None: it is not shown.
    """

    __slots__ = ("body", "files", "name")

    def __init__(
        self,
        body: bytes | IO[bytes] | list[tuple[str, bytes]] | None,
        files: list[tuple[str, tuple[str, Any, str | None]]] | None = None,
        name: str | None = None,
    ) -> None:
        self.body, self.files, self.name = body, files, name

    def close(self) -> None:
        """Close the files."""
        for source in (self.body, *(content for _, (_, content, _) in self.files or [])):
            close = getattr(source, "close", None)  # bytes and fields have none
            if close is not None:
                close()


def read_form_part(text: str) -> FormPart:
    """Read one -F: NAME=VALUE, NAME=<FILE, NAME=@FILE, the last one with ;type=TYPE and ;filename=NAME.

    Raises:
        ArgumentTypeError: It is none of these.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError("NAME=VALUE or NAME=@FILE is needed")
    if not value.startswith(("@", "<")):
        return FormPart(name, os.fsencode(value))
    path, content_type, file_name = value[1:], None, None
    if value.startswith("@"):
        path, content_type, file_name = _split_attributes(path)
    if not path or (content_type is not None and not _TYPE.fullmatch(content_type)):
        raise ArgumentTypeError("NAME=@FILE is needed, or NAME=@FILE;type=TYPE as in image/png")
    is_file = value.startswith("@")
    return FormPart(name, path=path, is_file=is_file, content_type=content_type, file_name=file_name)


def _split_attributes(text: str) -> tuple[str, str | None, str | None]:
    """Split PATH;type=TYPE;filename=NAME, whose path may have semicolons as well."""
    content_type = file_name = None
    while True:
        rest, mark, value = text.rpartition(";")
        if mark and value.startswith("type=") and content_type is None:
            content_type = value[5:]
        elif mark and value.startswith("filename=") and file_name is None:
            file_name = value[9:]
        else:
            return text, content_type, file_name
        text = rest


def complete_fields(
    headers: list[tuple[str, str | None]], ours: list[tuple[str, str | None]]
) -> list[tuple[str, str | None]]:
    """Add headers that follow from other options, unless the user has named them by -H."""
    named = {name.lower() for name, _ in headers}
    return [*(field for field in ours if field[0].lower() not in named), *headers]


def make_payload(
    data: list[tuple[str, str]] | None, json: list[str] | None, form: list[FormPart] | None, upload: str | None
) -> Payload:
    """Build the payload; at most one of the four is given.

    A single file is streamed, and so are the files of a form; everything else is read now.

    Args:
        data: The options of the -d family, each with its name: "-d", "--data-binary" ...
    Raises:
        OSError: A file cannot be read; `filename` says which, None: standard input.
    """
    if form:
        return _form_payload(form)
    if upload is not None:
        return _stream_standard_input() if upload == STANDARD_INPUT else _file_payload(upload)
    if json:
        return _file_payload(json[0][1:]) if _is_one_file(json) else Payload(b"".join(map(_read_argument, json)))
    if data is None:
        return Payload(None)
    binary = [text for option, text in data if option == "--data-binary"]
    return _file_payload(binary[0][1:]) if len(data) == 1 and _is_one_file(binary) else Payload(query_of(data))


def query_of(data: list[tuple[str, str]]) -> bytes:
    """Join what the options of the -d family give with "&".

    Raises:
        OSError: As `make_payload()`.
    """
    return b"&".join(_READERS[option](text) for option, text in data)


def read_text(text: str) -> bytes:
    """Read -d, or -w: as in curl, the text of a file loses its line breaks and NULs.

    Raises:
        OSError: As `make_payload()`.
    """
    octets = _read_argument(text)
    return octets.translate(None, b"\r\n\0") if text.startswith("@") else octets


def _encode(text: str) -> bytes:
    """Read --data-urlencode: TEXT, =TEXT, NAME=TEXT, @FILE, NAME@FILE; of a name nothing is encoded."""
    at, equals = text.find("@"), text.find("=")
    if equals >= 0 and (at < 0 or equals < at):
        name, octets = text[:equals], os.fsencode(text[equals + 1 :])
    elif at >= 0:
        name, octets = text[:at], _read_argument(text[at:])
    else:
        name, octets = "", os.fsencode(text)
    encoded = _UNSAFE.sub(lambda match: b"+" if match[0] == b" " else b"%%%02X" % match[0][0], octets)
    return (os.fsencode(name) + b"=" if name else b"") + encoded


def _is_one_file(texts: list[str]) -> bool:
    return len(texts) == 1 and texts[0].startswith("@") and texts[0] != "@-"


def _file_payload(path: str) -> Payload:
    return Payload(open(path, "rb"), name=os.path.basename(path))  # `Arguments` closes it


def _form_payload(form: list[FormPart]) -> Payload:
    payload = Payload([], files=[])
    assert isinstance(payload.body, list), "it was just made"
    assert payload.files is not None, "likewise"
    try:
        for part in form:
            if part.path is None:
                payload.body.append((part.name, part.value))
            elif part.is_file:
                file_name = os.path.basename(part.path) if part.file_name is None else part.file_name
                payload.files.append((part.name, (file_name, _open(part.path), part.content_type)))
            else:
                payload.body.append((part.name, _read_argument(f"@{part.path}")))
    except OSError:
        payload.close()
        raise
    names = [file_name for _, (file_name, _, _) in payload.files]
    if not names:
        return payload
    return payload.replace(name=names[0] if len(names) == 1 else f"{len(names)} files")


def _open(path: str) -> bytes | IO[bytes]:
    return _read_standard_input() if path == STANDARD_INPUT else open(path, "rb")


def _read_argument(text: str) -> bytes:
    if text == "@-":
        return _read_standard_input()
    if text.startswith("@"):
        with open(text[1:], "rb") as file:
            return file.read()
    return os.fsencode(text)


def _stream_standard_input() -> Payload:
    """Send standard input while it comes; -T - is for streams whose end is far."""
    if sys.stdin is None:
        raise OSError(0, "it is closed")
    return Payload(os.fdopen(os.dup(sys.stdin.fileno()), "rb"), name=STANDARD_INPUT)


@cache  # it can be read once only, but several URLs may get it
def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(0, "it is closed")
    return sys.stdin.buffer.read()


_READERS = {"-d": read_text, "--data-raw": os.fsencode, "--data-binary": _read_argument, "--data-urlencode": _encode}
