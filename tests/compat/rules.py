"""The contract's rules about results (4.1 to 4.3, 4.7), written a second time to foretell what ours must give.

Plain and slow on purpose: nothing of it is shared with the library, so that an error in one of them shows.
"""

from __future__ import annotations

import codecs
import json
import re

__all__ = ["result_by_type", "result_of"]

BINARY = re.compile(r"(image/(?!svg)|audio/(?!x-mpegurl|x-pn-)|video/(?!x-ms-asf)|font/|application/(zip|pdf|wasm)\b)")

# Longer ones first. These codecs drop the mark.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def result_by_type(body: bytes, content_type: str | None, *, decode: bool) -> object:
    """Apply 4.1 with utf-8 for the charset of everything, as Kivy has it."""
    kind = (content_type or "").lower()
    text = bytes(body) if BINARY.match(kind) else _decode(body, "utf-8")
    if decode and kind.partition(";")[0] == "application/json":
        return _parse(text)
    return text


def result_of(body: bytes, content_type: str | None, *, decode: bool) -> object:
    """Apply the whole of 4.1: charsets, byte order marks, and JSON in its other encodings."""
    kind = (content_type or "").lower()
    if decode and kind.partition(";")[0] == "application/json":
        try:
            return json.loads(body)
        except (ValueError, UnicodeDecodeError):
            pass  # 4.2: the text.
    if BINARY.match(kind):
        return bytes(body)
    if "octet-stream" in kind or kind == "video/x-ms-asf" or "realaudio" in kind:
        return _decode(body, "utf-8-sig")
    found = re.search(r'charset="?([^";]+)', kind)
    charset = found[1] if found else "utf-8"
    for mark, encoding in MARKS.items():
        if body.startswith(mark):
            return _decode(body, encoding)
    if kind.partition(";")[0] == "application/json":
        text = _decode(body, "utf-8", charset)
        return _parse(text) if decode else text
    return _decode(body, charset, "utf-8")


def _decode(body: bytes, *charsets: str) -> str | bytes:
    for charset in charsets:
        try:
            return body.decode(charset)
        except (ValueError, LookupError):
            continue
    return body


def _parse(text: str | bytes) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
