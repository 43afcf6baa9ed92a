"""The body that the command sends: -d, --json and -F -> Payload, with its files open.

Runs on the main thread; the worker reads the files.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentTypeError
from typing import IO, Any, NamedTuple

__all__ = ["Payload", "complete_fields", "form_part", "make_payload"]

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
STANDARD_INPUT = "-"

_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)


class _FormPart(NamedTuple):
    """One -F: a field, or a file if `path` is given."""

    name: str
    value: bytes
    path: str | None
    content_type: str | None


class Payload(NamedTuple):
    """The body to send.

    Attributes:
        body: For `req_body`.
        files: For `files`: (field, (file name, content, type)).
        name: What the progress of sending is shown under; None: it is not shown.
    """

    body: bytes | IO[bytes] | list[tuple[str, bytes]] | None
    files: list[tuple[str, tuple[str, Any, str | None]]] | None = None
    name: str | None = None

    def close(self) -> None:
        """Close the files."""
        for source in (self.body, *(content for _, (_, content, _) in self.files or [])):
            close = getattr(source, "close", None)  # bytes and fields have none
            if close is not None:
                close()


def form_part(text: str) -> _FormPart:
    """Read one -F: NAME=VALUE, NAME=@FILE, NAME=@FILE;type=TYPE.

    Raises:
        ArgumentTypeError: It is none of these.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError("NAME=VALUE or NAME=@FILE is needed")
    if not value.startswith("@"):
        return _FormPart(name, os.fsencode(value), None, None)
    path, mark, content_type = value[1:].rpartition(";type=")
    if not mark:
        path, content_type = value[1:], ""
    if not path or (mark and not _TYPE.fullmatch(content_type)):
        raise ArgumentTypeError("NAME=@FILE is needed, or NAME=@FILE;type=TYPE as in image/png")
    return _FormPart(name, b"", path, content_type or None)


def complete_fields(
    headers: list[tuple[str, str | None]], *, is_json: bool, is_form: bool
) -> list[tuple[str, str | None]]:
    """Add the headers that go with the body, unless the user has named them."""
    named = {name.lower() for name, _ in headers}
    ours: list[tuple[str, str | None]] = []
    if is_json:
        ours = [("Content-Type", JSON), ("Accept", JSON)]
    elif is_form:
        ours = [("Content-Type", FORM)]
    return [*(field for field in ours if field[0].lower() not in named), *headers]


def make_payload(data: list[str] | None, json: list[str] | None, form: list[_FormPart] | None) -> Payload:
    """Build the payload; at most one of the three is given.

    A single file is streamed, and so are the files of a form; everything else is read now.

    Raises:
        OSError: A file cannot be read; `filename` says which, None: standard input.
    """
    if form:
        return _form_payload(form)
    texts = json or data
    if texts is None:
        return Payload(None)
    if len(texts) == 1 and texts[0].startswith("@") and texts[0] != "@-":
        path = texts[0][1:]
        return Payload(open(path, "rb"), name=os.path.basename(path))  # `Arguments` closes it
    return Payload((b"" if json else b"&").join(map(_read_argument, texts)))


def _form_payload(form: list[_FormPart]) -> Payload:
    fields = [(part.name, part.value) for part in form if part.path is None]
    payload = Payload(fields, files=[])
    assert payload.files is not None, "it was just made"
    try:
        for name, _, path, content_type in form:
            if path is not None:
                payload.files.append((name, (os.path.basename(path), _open(path), content_type)))
    except OSError:
        payload.close()
        raise
    names = [file_name for _, (file_name, _, _) in payload.files]
    if not names:
        return payload
    return payload._replace(name=names[0] if len(names) == 1 else f"{len(names)} files")


def _open(path: str) -> bytes | IO[bytes]:
    return _read_standard_input() if path == STANDARD_INPUT else open(path, "rb")


def _read_argument(text: str) -> bytes:
    if text == "@-":
        return _read_standard_input()
    if text.startswith("@"):
        with open(text[1:], "rb") as file:
            return file.read()
    return os.fsencode(text)


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(0, "it is closed")
    return sys.stdin.buffer.read()
