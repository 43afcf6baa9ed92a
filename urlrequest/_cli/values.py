"""The values of options: text of the command line -> what a request takes, checked.

Of a ValueError, argparse would print the argument; of an ArgumentTypeError it prints the message. No message repeats a
text that may be secret: a URL, a proxy, a header, a body.
"""

from __future__ import annotations

import os
import re
from argparse import ArgumentTypeError

from urlrequest._concurrency.deadline import check_seconds
from urlrequest._http.fields import read_fields
from urlrequest._http.request_head import check_method
from urlrequest._http.target import parse_target
from urlrequest.errors import InvalidURL

__all__ = [
    "read_certificate",
    "read_checksum",
    "read_continue",
    "read_count",
    "read_header",
    "read_method",
    "read_path",
    "read_port",
    "read_proxy",
    "read_range",
    "read_rate",
    "read_seconds",
    "read_size",
    "read_text",
    "read_url",
]

MAX_PORT = 65535

_SIZE = re.compile(r"([0-9]{1,15})([kmg]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_RANGE = re.compile(r"[0-9]*-[0-9]*(,[0-9]*-[0-9]*)*")


def read_url(text: str) -> str:
    """Read a URL of http or https."""
    try:
        target = parse_target(text)
    except InvalidURL as error:
        raise ArgumentTypeError(str(error)) from None
    if target.scheme not in {"http", "https"}:
        raise ArgumentTypeError(f"the scheme {target.scheme} is not supported; http or https is needed")
    return text


def read_proxy(text: str) -> str:
    """Read the URL of a proxy; the empty text means no proxy, not even one of the environment."""
    if not text:
        return ""
    from urlrequest._engine.proxies import choose_proxy  # few runs name a proxy

    try:
        choose_proxy(text, None, None, parse_target("http://origin"), is_environment_trusted=False)
    except InvalidURL as error:
        raise ArgumentTypeError(str(error)) from None
    return text


def read_path(text: str) -> str:
    if not text:
        raise ArgumentTypeError("a path is needed")
    return text


def read_method(text: str) -> str:
    try:
        return check_method(text, has_body=False)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def read_seconds(text: str) -> float | None:
    try:
        return check_seconds("the time", float(text))
    except ValueError:
        raise ArgumentTypeError(f"expected a positive number of seconds, got {text[:40]!r}") from None


def read_checksum(text: str) -> str | None:
    from urlrequest._content.checksum import check_checksum  # few runs check one

    try:
        return check_checksum(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def read_size(text: str) -> int:
    read = _SIZE.fullmatch(text)
    if read is None:
        raise ArgumentTypeError(f"expected a number of bytes, such as 1000 or 20M, got {text[:40]!r}")
    return int(read[1]) * _UNITS[read[2].lower()]


def read_rate(text: str) -> int:
    rate = read_size(text)
    if not rate:
        raise ArgumentTypeError("a rate above 0 is needed")
    return rate


def read_count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ArgumentTypeError(f"expected a number of 0 or more, got {text[:40]!r}")
    return int(text)


def read_port(text: str) -> int:
    """Read a port to listen on; 0: a free one."""
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > MAX_PORT:
        raise ArgumentTypeError(f"expected a port from 0 to {MAX_PORT}, got {text[:40]!r}")
    return int(text)


def read_continue(text: str) -> bool:
    """Read the offset of -C, which is found automatically."""
    if text != "-":
        raise ArgumentTypeError("only - can be given: the offset is that of the part that was kept")
    return True


def read_range(text: str) -> str:
    if not _RANGE.fullmatch(text) or text == "-":
        raise ArgumentTypeError("a range of bytes is needed, such as 0-499, 500- or -500")
    return f"bytes={text}"


def read_text(text: str) -> str:
    """Read the text of a header: the bytes that were typed are sent."""
    return _checked("x", os.fsencode(text).decode("latin-1"))[1] or ""


def read_certificate(text: str) -> tuple[str, str | None]:
    r"""Read --cert: the file, and the password of its key after a colon; `\:` is a colon of the file's name."""
    drive, rest = os.path.splitdrive(text)
    parts = re.split(r"(?<!\\):", rest, maxsplit=1)
    path = drive + parts[0].replace("\\:", ":")
    return read_path(path), parts[1] if len(parts) > 1 else None


def read_header(text: str) -> tuple[str, str | None]:
    """Read a header as curl does: `Name: value`, `Name:` to leave it out, `Name;` to send it empty."""
    name, colon, value = text.partition(":")
    if not colon and name.endswith(";"):
        return _checked(name[:-1], "")
    if not colon:
        raise ArgumentTypeError("'Name: value' is needed, or 'Name:' to leave a header out")
    # The bytes that were typed are sent.
    return _checked(name, os.fsencode(value.strip(" \t")).decode("latin-1") or None)


def _checked(name: str, value: str | None) -> tuple[str, str | None]:
    try:
        read_fields([(name, value)], "the header")
    except ValueError:
        # Not with the name: whoever types a value before the colon has typed a secret there.
        raise ArgumentTypeError("a name of letters, digits and - is needed, and a value without line breaks") from None
    return name, value
