"""The bytes of a body -> text or JSON: charset, byte order mark, and which types are binary (contract 4.1, 4.2).

Pure functions, run on the worker. Whatever a server sends, `decode_text` returns, and `parse_json` returns or raises
ValueError. `find_charset` is the one reader of a charset; requests use it too.

The encoding of a text is that of its byte order mark. Without one it is the first of these that decodes the text: the
charset of its type, UTF-8. For JSON it is the one that the zeros among its first bytes show, else UTF-8, else the
charset (RFC 8259, section 11: JSON has no charset). A charset means what the Encoding Standard of the WHATWG says, as
in browsers: `iso-8859-1` is windows-1252, `gb2312` is GB 18030, `shift_jis` is windows-31j. A charset that it does not
know is a codec of Python, if it is one for text.
"""

from __future__ import annotations

import codecs
import re
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import cache, lru_cache

from urlrequest._http.fields import TCHARS, media_type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from json import JSONDecoder
    from typing import Any

__all__ = [
    "BodyKind", "decode_json", "decode_text", "decode_text_of", "find_charset", "is_json", "kind_of", "load_json",
    "parse_json", "parse_json_body",
]  # fmt: skip

LARGE_SIZE = 256 * 1024  # bytes; a larger body is decoded in slices, and parsed so that other threads have their turns
MAX_SLICES = 64  # more would move the text in memory more often than it is worth

# The longer mark first: that of UTF-32-LE begins with that of UTF-16-LE. These codecs drop the mark.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ANY_MARK = tuple(mark for mark, _ in _MARKS)
_UTF_8_WITH_MARK = "utf-8-sig"  # or without one

_CHARSET = r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,39}"
# Codecs of Python that are not charsets: punycode, for one, takes quadratic time; `mbcs` and `oem` are what the system
# is set to. The others the Encoding Standard replaces or has dropped: markup can be hidden in them.
_NOT_CHARSETS = frozenset(
    {
        "charmap", "hz", "idna", "iso2022_kr", "mbcs", "oem", "palmos", "punycode", "raw-unicode-escape", "undefined",
        "unicode-escape", "utf-7",
    }
)  # fmt: skip
# Labels of the Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels) that Python does not know, or
# understands in another way; by the codec that decodes most like the standard's decoder.
_LABELS = {
    "cp1252": """ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591
        iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252""",
    "cp1254": """cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5
        windows-1254 x-cp1254""",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874",
    "gb18030": """chinese csgb2312 csiso58gb231280 gb18030 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk""",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis",
    "cp949": """cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601
        windows-949""",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp": "csiso2022jp iso-2022-jp",
    "utf-8": "unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859_2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859_3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859_4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859_5": """csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5
        iso_8859-5:1988""",
    "iso8859_6": """arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e
        iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987""",
    "iso8859_7": """csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597
        iso_8859-7 iso_8859-7:1987 sun_eu_greek""",
    "iso8859_8": """csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598
        iso_8859-8 iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical""",
    "iso8859_10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859_13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859_14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859_15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859_16": "iso-8859-16",
    "koi8_r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8_u": "koi8-ru koi8-u",
    "mac_roman": "csmacintosh mac macintosh x-mac-roman",
    "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
}

# Codecs of Windows that leave out some bytes, which the Encoding Standard has as control characters.
_WITH_GAPS = frozenset({"cp1252", "cp1253", "cp1254", "cp1255", "cp1257", "cp1258", "cp874"})

_JSON_SPACE = " \t\n\r"
_MAX_LOOKED_UP = 100  # charsets, in a process
_MAX_CACHED = 256  # characters; a longer Content-Type is parsed each time

# A parameter of a media type (RFC 9110, section 5.6.6), or something else up to the next semicolon.
_PARAMETER = r';[ \t]*([^;="\s]*)[ \t]*(?:=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*))?'

# One of several types in a list: up to a comma that is not within quotes.
_ONE_TYPE = r'(?:"(?:[^"\\]|\\.)*"?|[^,"])+'

# "Unknown", says a server by this; Amazon S3 says it with the type `binary`. The others name media and playlists alike:
# Apache's table has .asf and .asx, .ra and .ram under one type each. With or without a leading `x-`.
_UNKNOWN_TYPES = frozenset(
    {
        "application/octet-stream",
        "audio/pn-realaudio",
        "audio/pn-realaudio-plugin",
        "audio/vnd.rn-realaudio",
        "binary/octet-stream",
        "video/ms-asf",
    }
)
_BINARY_TYPES = frozenset({"model/gltf-binary"})
# Playlists, images in the syntax of C, and names that SVG had before; with or without a leading `x-`.
_TEXT_TYPES = frozenset(
    {
        "audio/m3u",
        "audio/mpeg-url",
        "audio/mpegurl",
        "audio/ms-wax",
        "audio/pls",
        "audio/scpls",
        "image/svg",
        "image/svg-xml",
        "image/xbitmap",
        "image/xpixmap",
        "image/xpm",
        "video/mpegurl",
        "video/ms-asx",
        "video/ms-wmx",
        "video/ms-wvx",
        "video/vnd.mpegurl",
    }
)
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
    return decode_text_of(kind_of(content_type), content)


def decode_text_of(kind: BodyKind, content: bytes) -> str | bytes:
    """The same by what the Content-Type says."""
    for encoding in _find_encodings(content, kind):
        try:
            return content.decode(encoding) if len(content) <= LARGE_SIZE else _decode_slices(content, encoding)
        except (LookupError, ValueError):
            text = _decode_gaps(content, encoding)
            if text is not None:
                return text
    return content


def _decode_slices(content: bytes, encoding: str) -> str:
    """Decode a large body as `bytes.decode()` does, but let other threads have their turns.

    Nor does an error copy the whole body, as it does in `bytes.decode()`: binary bodies of unknown type are common.
    """
    content[:1].decode(encoding, "ignore")  # raises LookupError for a codec that is not for text
    make_decoder: Any = codecs.lookup(encoding).incrementaldecoder  # typeshed does not know that it may be None
    if make_decoder is None:
        return content.decode(encoding)
    size = len(content)
    decoder, step = make_decoder(), max(LARGE_SIZE, size // MAX_SLICES)
    text = ""
    for start in range(0, size, step):
        # CPython appends in place to a local variable. To join the pieces would copy all of them in one step.
        text += decoder.decode(content[start : start + step], start + step >= size)
    return text


def _decode_gaps(content: bytes, encoding: str) -> str | None:
    """Decode with a codec of Windows whose gaps are filled; None where it has none, or this does not help."""
    if encoding not in _WITH_GAPS:
        return None
    table: Any = _table(encoding)  # typeshed does not know that a str will do
    try:
        return codecs.charmap_decode(content, "strict", table)[0]
    except ValueError:
        return None


@cache
def _table(encoding: str) -> str:
    """The characters of a codec of Windows; for bytes from 0x80 to 0x9F that it leaves out, control characters."""
    single = [bytes([octet]).decode(encoding, "ignore") for octet in range(256)]
    # U+FFFE is how a table says that a byte is none.
    return "".join(char or (chr(octet) if octet < 0xA0 else "\ufffe") for octet, char in enumerate(single))


@cache
def _codecs_of_labels() -> dict[str, str]:
    return {label: codec for codec, labels in _LABELS.items() for label in labels.split()}


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
    return kind_of(content_type).is_json


def parse_json(text: str | bytes) -> Any:
    """Parse JSON text, or bytes in any Unicode encoding, with or without a byte order mark.

    Raises:
        ValueError: It does not parse, nests too deeply, or has a number of too many digits.
    """
    try:
        if isinstance(text, str):
            return _parse_with(_json_decoder(is_large=len(text) > LARGE_SIZE), text.removeprefix("\ufeff"))
        import json  # here, as in _json_decoder()

        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON text nests too deeply") from None


def _parse_with(decoder: JSONDecoder, text: str) -> Any:
    """The same as `decoder.decode()`, which searches for white space first: that takes as long as to parse little."""
    try:
        value, end = decoder.raw_decode(text)
        if not text[end:].strip(_JSON_SPACE):
            return value
    except ValueError:
        pass
    return decoder.decode(text)


def parse_json_body(content: bytes, content_type: str | None) -> Any:
    """Parse a body as JSON, whatever its type is; of that, only the charset counts (contract 4.4).

    Raises:
        ValueError: As `parse_json()`.
    """
    charset = find_charset(content_type)
    return parse_json(decode_text(content, f"application/json;charset={charset}" if charset else "application/json"))


def decode_json(text: str | bytes, content_type: str | None) -> Any:
    """Parse the text of a body where its type is JSON; what does not parse stays as it is (contract 4.2)."""
    if is_json(content_type):
        try:
            return parse_json(text)
        except ValueError:
            pass
    return text


def load_json() -> None:
    """Load what `decode_json()` needs, so that it imports nothing. Raises ImportError: The files are out of reach."""
    _json_decoder(is_large=False)


@cache
def _json_decoder(*, is_large: bool) -> JSONDecoder:
    from json import JSONDecoder  # here, since some programs only download files

    return JSONDecoder(object_hook=_let_others_run) if is_large else JSONDecoder()


def _let_others_run(parsed: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it is. The parser is written in C; only where it calls Python can other threads run."""
    return parsed


class BodyKind:
    """What a Content-Type says.

    Attributes:
        is_json: Whether the body is to be parsed as JSON.
        encodings: The codecs to try, in this order; none: the type is binary.
        has_mark: Whether the body may begin with a byte order mark of any Unicode encoding.
    """

    __slots__ = ("encodings", "has_mark", "is_json")

    def __init__(self, content_type: str) -> None:
        if "," in content_type:
            content_type = _last_type(content_type)
        media_type = media_type_of(content_type)
        self.is_json = media_type == "application/json"
        is_unknown = _without_x(media_type) in _UNKNOWN_TYPES
        self.has_mark = not is_unknown and not _is_binary(media_type)
        self.encodings: tuple[str, ...] = (_UTF_8_WITH_MARK,) if is_unknown else ()
        if self.has_mark:
            self.encodings = self._text_encodings(find_charset(content_type))

    def _text_encodings(self, charset: str | None) -> tuple[str, ...]:
        codec = _find_codec(charset) or "utf-8"
        if codec == "utf-8":
            return (codec,)
        # UTF-8 would decode the escapes of ISO-2022-JP, which decodes no UTF-8 beyond ASCII.
        return ("utf-8", codec) if self.is_json and codec != "iso2022_jp" else (codec, "utf-8")


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


def kind_of(content_type: str | None) -> BodyKind:
    """Parse a Content-Type, as of `decode_text()`; servers send the same few over and over."""
    text = content_type or ""
    return _cached_kind(text) if len(text) <= _MAX_CACHED else BodyKind(text)


_cached_kind = lru_cache(maxsize=128)(BodyKind)

_looked_up: set[str] = set()  # charsets that Python has no name for; the program may have registered a codec


def _find_codec(charset: str | None) -> str | None:
    """The name of the codec for a charset; None where there is none, or the charset is unknown."""
    if charset is None:
        return None
    codec = _codecs_of_labels().get(charset.lower())
    if codec is not None:
        return codec
    if not re.fullmatch(_CHARSET, charset) or not _may_look_up(normalize_encoding(charset.lower())):
        return None
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None
    return None if name in _NOT_CHARSETS else charset


def _may_look_up(name: str) -> bool:
    """Whether to ask the codec registry for a name. It remembers every name, also those that servers invent."""
    if name.replace(".", "_") in _names_in_python() or name in _looked_up:
        return True
    if len(_looked_up) >= _MAX_LOOKED_UP:
        return False
    _looked_up.add(name)
    return True


@cache
def _names_in_python() -> frozenset[str]:
    return frozenset({*aliases, *aliases.values()})


def _without_x(media_type: str) -> str:
    kind, _, subtype = media_type.partition("/")
    return f"{kind}/{subtype.removeprefix('x-')}"


def _is_binary(media_type: str) -> bool:
    kind, _, subtype = media_type.partition("/")
    if subtype.endswith(_TEXT_ENDINGS):
        return False
    if kind in _BINARY_KINDS:
        return _without_x(media_type) not in _TEXT_TYPES
    if kind != "application":
        return media_type in _BINARY_TYPES
    return (
        subtype.removeprefix("x-") in _BINARY_SUBTYPES
        or subtype.startswith(_BINARY_BEGINNINGS)
        or subtype.endswith(_BINARY_ENDINGS)
    )


def _find_encodings(content: bytes, kind: BodyKind) -> tuple[str, ...]:
    """The codecs for a text, in the order in which to try them."""
    if kind.has_mark and content.startswith(_ANY_MARK):
        return (next(encoding for mark, encoding in _MARKS if content.startswith(mark)),)
    # JSON text has no zero characters: zero bytes show its encoding, whatever the charset says.
    if kind.is_json and b"\0" in content[:4]:
        import json  # here, as in parse_json()

        return (json.detect_encoding(content), *kind.encodings)
    return kind.encodings
