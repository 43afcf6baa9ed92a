"""Second implementations that follow a grammar by the letter, for what properties and fuzzers compare."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import ada_url

if TYPE_CHECKING:
    from urlrequest._http.target import Target

__all__ = ["is_newer_than_whatwg", "literal_chunks", "our_origin", "whatwg_origin", "with_known_letters"]

HEXADECIMAL = b"0123456789abcdefABCDEF"


def literal_line(octets: bytes, at: int) -> tuple[bytes, int] | None:
    """A line that ends with CRLF and has no CR or LF within, and where the next one begins."""
    end = at
    while end < len(octets) and octets[end] not in b"\r\n":
        end += 1
    return (octets[at:end], end + 2) if octets[end : end + 2] == b"\r\n" else None


def literal_chunks(octets: bytes) -> bytes | None:
    """The content of a chunked body (RFC 9112, section 7.1); None where it is not one, or not all of one."""
    content, at = b"", 0
    while True:
        line = literal_line(octets, at)
        if line is None:
            return None
        text, at = line
        count = 0
        while count < len(text) and text[count] in HEXADECIMAL:
            count += 1
        rest = text[count:].lstrip(b" \t")
        if not count or len(text[:count].lstrip(b"0")) > 15 or (rest and not rest.startswith(b";")):
            return None
        size = int(text[:count], 16)
        if not size:
            break
        data = octets[at : at + size]
        if len(data) < size or octets[at + size : at + size + 2] != b"\r\n":
            return None
        content += data
        at += size + 2
    while (trailer := literal_line(octets, at)) is not None:
        if not trailer[0]:
            return content
        at = trailer[1]
    return None


def whatwg_origin(text: str, base: str | None = None) -> tuple[str, str, int | None] | None:
    """Scheme, host and port as browsers read them, or None where they read no URL of http and https."""
    try:
        url = ada_url.URL(text, base)
    except ValueError:  # a UnicodeError, too
        return None
    scheme = url.protocol.removesuffix(":")
    if scheme not in {"http", "https"}:
        return None
    return scheme, url.hostname.strip("[]"), int(url.port or {"http": 80, "https": 443}[scheme])


def with_known_letters(text: str) -> str:
    """A text with an "x" for each character that is newer than the Unicode data of the library for `whatwg_origin()`.

    That library refuses every host with such a character, which the package `idna` may know already.
    """
    return "".join("x" if is_newer_than_whatwg(character) else character for character in text)


def is_newer_than_whatwg(character: str) -> bool:
    """Whether Python does not know a character, and no name may have it: what is known and refused stays a find."""
    return unicodedata.category(character) == "Cn" and whatwg_origin(f"http://a{character}b.test/") is None


def our_origin(target: Target | None) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of a target, in the same form."""
    if target is None or target.scheme not in {"http", "https"}:
        return None
    scheme, host, port = target.origin
    return scheme, host.partition("%")[0], port
