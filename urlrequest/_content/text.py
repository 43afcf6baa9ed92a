"""The bytes of a body -> text or JSON: charset, byte order mark, and which types are binary (contract 4.1, 4.2).

Pure functions, run on the worker. Whatever a server sends, `decode_text` returns, and `parse_json` returns or raises
ValueError. `find_charset` is the one reader of a charset; requests use it too.

The encoding of a text is that of its byte order mark; else, for JSON, the one that the zeros among its first bytes
show; else the charset of its type; else UTF-8. `iso-8859-1` is exactly that, not windows-1252.
"""

from __future__ import annotations

import codecs
import re
from functools import cache, lru_cache

from urlrequest._http.fields import TCHARS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from json import JSONDecoder
    from typing import Any

__all__ = ["decode_text", "find_charset", "is_json", "parse_json"]

# The longer mark first: that of UTF-32-LE begins with that of UTF-16-LE. These codecs drop the mark.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ANY_MARK = tuple(mark for mark, _ in _MARKS)

_CHARSET = r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,39}"
# Codecs of Python that are not charsets; punycode, for one, takes quadratic time.
_NOT_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})

_MAX_CACHED = 256  # characters; a longer Content-Type is parsed each time

# A parameter of a media type (RFC 9110, section 5.6.6), or something else up to the next semicolon.
_PARAMETER = r';[ \t]*([^;="\s]*)[ \t]*(?:=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*))?'

# One of several types in a list: up to a comma that is not within quotes.
_ONE_TYPE = r'(?:"(?:[^"\\]|\\.)*"?|[^,"])+'

_BINARY_TYPES = frozenset({"binary/octet-stream", "model/gltf-binary"})
_BINARY_KINDS = frozenset({"image", "audio", "video", "font"})
# Below `application/`, with or without a leading `x-`.
_BINARY_SUBTYPES = frozenset(
    {
        "7z-compressed",
        "apple-diskimage",
        "bzip",
        "bzip2",
        "cbor",
        "compress",
        "cpio",
        "debian-package",
        "dicom",
        "executable",
        "flac",
        "font-sfnt",
        "font-ttf",
        "font-woff",
        "font-woff2",
        "grpc",
        "gtar",
        "gzip",
        "hdf5",
        "iso9660-image",
        "java-archive",
        "java-vm",
        "lzip",
        "lzma",
        "mp4",
        "msdownload",
        "msgpack",
        "msword",
        "octet-stream",
        "ogg",
        "pdf",
        "pkcs12",
        "pkcs7-mime",
        "protobuf",
        "rar-compressed",
        "redhat-package-manager",
        "rpm",
        "shockwave-flash",
        "sqlite3",
        "tar",
        "tgz",
        "vnd.android.package-archive",
        "vnd.apache.arrow.file",
        "vnd.apache.arrow.stream",
        "vnd.apache.parquet",
        "vnd.debian.binary-package",
        "vnd.google.protobuf",
        "vnd.mapbox-vector-tile",
        "vnd.ms-cab-compressed",
        "vnd.ms-excel",
        "vnd.ms-fontobject",
        "vnd.ms-powerpoint",
        "vnd.msgpack",
        "vnd.rar",
        "vnd.sqlite3",
        "vnd.visio",
        "wasm",
        "xz",
        "zip",
        "zip-compressed",
        "zlib",
        "zstd",
    }
)
# Office documents of all versions.
_BINARY_BEGINNINGS = (
    "grpc+",
    "vnd.ms-excel.",
    "vnd.ms-powerpoint.",
    "vnd.ms-word.",
    "vnd.oasis.opendocument.",
    "vnd.openxmlformats-officedocument.",
)
_BINARY_ENDINGS = ("+cbor", "+gzip", "+protobuf", "+zip", "+zstd")
# These are text, whatever the beginning is.
_TEXT_ENDINGS = ("+json", "+xml", "-flat-xml")


def decode_text(content: bytes, content_type: str | None) -> str | bytes:
    """Decode a body by its Content-Type; bytes are returned where the type is binary or the text does not decode.

    Args:
        content: The whole body, content codings undone.
        content_type: The field's value; None: there is no such field, and the body is text if it decodes as UTF-8.
    """
    kind = _kind_of(content_type)
    encoding = None if kind.is_binary else _find_encoding(content, kind)
    if encoding is None:
        return content
    try:
        return content.decode(encoding)
    except (LookupError, ValueError):
        return content


def find_charset(content_type: str | None) -> str | None:
    """The charset parameter of a Content-Type, as it stands; None where it has none. The first of several counts."""
    if not content_type or ";" not in content_type:
        return None
    for parameter in re.finditer(_PARAMETER, content_type):
        name, value = parameter.groups()
        if name.lower() == "charset" and value is not None:
            # Single quotes are not quotes in RFC 9110, but no charset has them either.
            return value.strip(" \t\"'") or None
    return None


def is_json(content_type: str | None) -> bool:
    """Whether it is `application/json`, with any parameters (contract 4.1); `+json` types are not (contract 4.4)."""
    return _kind_of(content_type).is_json


def parse_json(text: str | bytes) -> Any:
    """Parse JSON text, or bytes in any Unicode encoding, with or without a byte order mark.

    Raises:
        ValueError: It does not parse, nests too deeply, or has a number of too many digits.
    """
    try:
        if isinstance(text, str):
            return _json_decoder().decode(text.removeprefix("\ufeff"))
        import json  # here, as in _json_decoder()

        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON text nests too deeply") from None


@cache
def _json_decoder() -> JSONDecoder:
    from json import JSONDecoder  # here, since some programs only download files

    return JSONDecoder()


class _Kind:
    """What a Content-Type says."""

    __slots__ = ("encoding", "is_binary", "is_json")

    def __init__(self, content_type: str) -> None:
        if "," in content_type:
            content_type = _last_type(content_type)
        media_type = content_type.partition(";")[0].strip().lower()
        self.is_binary = _is_binary(media_type)
        self.is_json = media_type == "application/json"
        self.encoding = _find_codec(find_charset(content_type))  # None: its charset is unknown here


def _last_type(content_type: str) -> str:
    """Of several types the last valid one, with the charset of one like it before (WHATWG Fetch, section 2.2.2).

    Args:
        content_type: The values of repeated fields, joined with commas.
    """
    found, essence, charset = "", "", None
    for value in re.findall(_ONE_TYPE, content_type):
        this = value.partition(";")[0].strip(" \t").lower()
        if not re.fullmatch(f"{TCHARS}/{TCHARS}", this) or this == "*/*":
            continue
        own = find_charset(value)
        charset = charset if this == essence and own is None else own
        found, essence = value, this
    if not found:
        return content_type
    return f"{found};charset={charset}" if charset and find_charset(found) is None else found


def _kind_of(content_type: str | None) -> _Kind:
    """Parse a Content-Type; servers send the same few over and over."""
    text = content_type or ""
    return _cached_kind(text) if len(text) <= _MAX_CACHED else _Kind(text)


_cached_kind = lru_cache(maxsize=128)(_Kind)


def _find_codec(charset: str | None) -> str | None:
    """The name of the codec for a charset; utf-8 where there is none, None where the charset is unknown."""
    if charset is None:
        return "utf-8"
    # The codec registry remembers every name it is asked for: it must not grow with what servers invent.
    if not re.fullmatch(_CHARSET, charset):
        return None
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None
    return None if name in _NOT_CHARSETS else charset


def _is_binary(media_type: str) -> bool:
    kind, _, subtype = media_type.partition("/")
    if kind in _BINARY_KINDS:
        return media_type != "image/svg+xml"
    if kind != "application":
        return media_type in _BINARY_TYPES
    if subtype.endswith(_TEXT_ENDINGS):
        return False
    return (
        subtype.removeprefix("x-") in _BINARY_SUBTYPES
        or subtype.startswith(_BINARY_BEGINNINGS)
        or subtype.endswith(_BINARY_ENDINGS)
    )


def _find_encoding(content: bytes, kind: _Kind) -> str | None:
    """The name of the codec for a text, or None where the charset is unknown."""
    if content.startswith(_ANY_MARK):
        return next(encoding for mark, encoding in _MARKS if content.startswith(mark))
    # JSON text has no zero characters: zero bytes show its encoding, whatever the charset says.
    if kind.is_json and b"\0" in content[:4]:
        import json  # here, as in parse_json()

        encoding = json.detect_encoding(content)
        if encoding != "utf-8":
            return encoding
    return kind.encoding
