"""Scenarios that are made from tables: status x progress x file_path, type x body x progress x decode, size x framing.

Their wants are not written out: the rows of the table that may explain a difference know the rules (`rules.py`).
"""

from __future__ import annotations

from itertools import product

from compat.scenarios import Scenario, Want, reply
from support.messages import frame_chunks
from urlrequest.testing import send

__all__ = ["GENERATED"]

RULES = ("one result type rule (4.1)", "charset honoured")
FILES = "file_path atomic and 2xx only"
STATUS = "status 600+ is a failure, 1xx skipped"

STATUSES = (200, 201, 204, 206, 299, 300, 301, 302, 304, 307, 399, 400, 404, 499, 500, 503, 599, 600, 999)
EMPTY = (204, 304)
BODY = b"nine octs"

CONTENTS: dict[str, tuple[str | None, bytes]] = {
    "text": ("text/plain", b"abc"),
    "text utf-8": ("text/plain; charset=utf-8", "caf\u00e9".encode()),
    "text utf-8 unsaid": ("text/html", "caf\u00e9".encode()),
    "text latin-1": ("text/plain; charset=iso-8859-1", b"caf\xe9"),
    "text latin-1 quoted": ('text/plain; charset="ISO-8859-1"', b"caf\xe9"),
    "text utf-8 that says latin-1": ("text/plain; charset=iso-8859-1", "caf\u00e9".encode()),
    "text cp1251": ("text/plain; charset=windows-1251", b"\xcf\xf0\xe8"),
    "text utf-16": ("text/plain; charset=utf-16", "caf\u00e9".encode("utf-16")),
    "text with a BOM": ("text/plain", b"\xef\xbb\xbfabc"),
    "text that does not decode": ("text/plain", b"caf\xe9"),
    "text of an unknown charset": ("text/plain; charset=martian", b"abc"),
    "no type": (None, b"abc"),
    "no type, octets": (None, b"\xff\xfe\xfd"),
    "empty text": ("text/plain", b""),
    "svg": ("image/svg+xml", b"<svg/>"),
    "png": ("image/png", b"\x89PNG\r\n"),
    "png in ASCII": ("image/png", b"abc"),
    "octet-stream in ASCII": ("application/octet-stream", b"abc"),
    "octet-stream utf-8": ("binary/octet-stream", "caf\u00e9".encode()),
    "octet-stream": ("application/octet-stream", b"\xff\xfe"),
    "playlist": ("audio/x-mpegurl", b"#EXTM3U"),
    "playlist or media": ("video/x-ms-asf", b"[Reference]"),
    "media or playlist": ("audio/x-pn-realaudio", b".ra\xfd"),
    "zip": ("application/zip", b"PK\x03\x04"),
    "empty png": ("image/png", b""),
    "json object": ("application/json", b'{"a": [1, null, "caf\xc3\xa9"]}'),
    "json with parameters": ("application/json; charset=utf-8", b"[1.5, true]"),
    "json in capitals": ("Application/JSON", b"[1]"),
    "json null": ("application/json", b"null"),
    "json, bad": ("application/json", b'{"a": '),
    "json, empty": ("application/json", b""),
    "json with a BOM": ("application/json", b"\xef\xbb\xbf{}"),
    "json utf-16": ("application/json", '{"a": 1}'.encode("utf-16")),
    "json that does not decode": ("application/json", b"\xff{}"),
    "json utf-8 that says latin-1": ("application/json; charset=iso-8859-1", b'"caf\xc3\xa9"'),
    "json latin-1": ("application/json; charset=iso-8859-1", b'"caf\xe9"'),
    "+json": ("application/vnd.api+json", b'{"a": 1}'),
}

SIZES = (0, 1, 8, 9, 16, 17)
FRAMINGS = ("length", "chunked", "closed")


def _of_statuses() -> list[Scenario]:
    made = []
    for status, progress, to_file in product(STATUSES, (False, True), (False, True)):
        body = b"" if status in EMPTY else BODY
        part = ["Content-Range: bytes 0-8/20"] if status == 206 else []
        octets = reply(status, body, "Location: /elsewhere", *part, length=status not in EMPTY)
        asked = {"req_headers": {"Range": "bytes=0-8"}} if part else {}
        made.append(
            Scenario(
                f"status {status}{' progress' * progress}{' file' * to_file}",
                (send(octets),),
                options={"file_path": "{folder}/target", **asked} if to_file else asked,
                progress=progress,
                existing=b"old" if to_file else None,
                body=body,
                content_type="text/plain",
                differs=(STATUS, *RULES, FILES),
                optional=True,
            )
        )
    return made


def _of_contents() -> list[Scenario]:
    made = []
    for (name, (content_type, body)), progress, decode in product(CONTENTS.items(), (False, True), (True, False)):
        made.append(
            Scenario(
                f"{name}{' progress' * progress}{' undecoded' * (not decode)}",
                (send(reply(200, body, content_type=content_type)),),
                options={"decode": decode},
                progress=progress,
                body=body,
                content_type=content_type,
                differs=RULES,
                optional=True,
                want=Want(fields=_fields(body, content_type)),
            )
        )
    for name, status, progress in product(
        ("json object", "json, bad", "png", "text latin-1"), (302, 404), (False, True)
    ):
        content_type, body = CONTENTS[name]
        made.append(
            Scenario(
                f"{name} with {status}{' progress' * progress}",
                (send(reply(status, body, content_type=content_type)),),
                progress=progress,
                body=body,
                content_type=content_type,
                differs=RULES,
                optional=True,
            )
        )
    return made


def _fields(body: bytes, content_type: str | None) -> tuple[tuple[str, str], ...]:
    length = ("Content-Length", str(len(body)))
    return (length,) if content_type is None else (length, ("Content-Type", content_type))


def _of_sizes() -> list[Scenario]:
    made = []
    for size, framing, chunk_size in product(SIZES, FRAMINGS, (8, None, -1)):
        if framing == "chunked" and chunk_size == -1:
            continue  # A scenario of its own: Kivy takes the framing for content.
        body = b"x" * size
        if framing == "length":
            octets = reply(200, body)
        elif framing == "closed":
            octets = reply(200, body, length=False)
        else:
            pieces = [body[:5], body[5:]] if size > 5 else [body] * bool(size)
            octets = reply(200, frame_chunks(*pieces), "Transfer-Encoding: chunked", length=False)
        made.append(
            Scenario(
                f"{size} octets {framing} by {chunk_size}",
                (send(octets),),
                options={"chunk_size": chunk_size},
                progress=True,
                body=body,
                content_type="text/plain",
                differs=RULES,
                optional=True,
            )
        )
    return made


def _of_heads() -> list[Scenario]:
    made = []
    product_of_all = product((False, 9), ("text/plain", "image/png"), (False, True), (False, True))
    for length, content_type, progress, to_file in product_of_all:
        made.append(
            Scenario(
                f"HEAD {length or 'no'} length {content_type}{' progress' * progress}{' file' * to_file}",
                (send(reply(200, b"", content_type=content_type, length=length)),),
                options={"method": "HEAD", **({"file_path": "{folder}/target"} if to_file else {})},
                progress=progress,
                existing=b"old" if to_file else None,
                body=b"",
                content_type=content_type,
                differs=(*RULES, FILES),
                optional=True,
            )
        )
    return made


GENERATED = (*_of_statuses(), *_of_contents(), *_of_sizes(), *_of_heads())
