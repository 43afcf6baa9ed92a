"""The bytes of HTTP messages, as scripted servers send them, and as tests expect them."""

from __future__ import annotations

import base64
import zlib

__all__ = ["CONTINUE", "ESTABLISHED", "basic", "chunked", "frame_chunks", "head", "raw_deflate", "reply"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"  # a proxy's response to CONNECT


def head(length: int, *fields: str, status: str = "200 OK") -> bytes:
    """The head of a response with a body of so many bytes; the connection stays open unless a field says otherwise."""
    return _head(f"HTTP/1.1 {status}", f"Content-Length: {length}", *fields)


def reply(body: bytes = b"hello", *fields: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole response after which the server closes; `length` may be a lie."""
    return head(len(body) if length is None else length, "Connection: close", *fields, status=status) + body


def chunked(octets: bytes, *fields: str) -> bytes:
    """The head of a chunked response after which the server closes, and bytes behind it as they are."""
    return _head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Connection: close", *fields) + octets


def frame_chunks(*chunks: bytes, is_whole: bool = True) -> bytes:
    """Frame a body as chunks, with the last one unless it is to be cut off."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + (b"0\r\n\r\n" if is_whole else b"")


def basic(userinfo: str) -> str:
    """The value of an Authorization header for "user:password"."""
    return "Basic " + base64.b64encode(userinfo.encode()).decode("ascii")


def raw_deflate(content: bytes) -> bytes:
    """Compress as some servers do that say `deflate`: without zlib's header and checksum."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def _head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
