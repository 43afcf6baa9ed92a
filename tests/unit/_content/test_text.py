from __future__ import annotations

import codecs
import json
import math
import sys
import time
import tracemalloc

import pytest

from urlrequest._content import text
from urlrequest._content.text import decode_text, find_charset, is_json, parse_json, parse_json_body


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"", None, ""),
        (b"", "text/html", ""),
        (b"", "image/png", b""),
        ("é€".encode(), None, "é€"),
        ("é€".encode(), "", "é€"),
        ("é€".encode(), "text/plain", "é€"),
        ("é€".encode(), "no media type; at=all; =", "é€"),
        ("é".encode("latin-1"), "text/plain; charset=ISO-8859-1", "é"),
        ("€".encode("cp1252"), 'TEXT/html; Charset="windows-1252"', "€"),
        ("語".encode("shift_jis"), "text/html;charset='Shift_JIS'", "語"),
        ("é".encode("utf-16-be"), "text/plain; charset=utf-16be", "é"),
        (b"\xff", None, b"\xff"),
        (b"\xff", "text/plain; charset=utf-8", b"\xff"),
        (b"\xff", "text/plain; charset=nonsense", b"\xff"),
        ("é€".encode(), "text/plain; charset=nonsense", "é€"),
        ("é€".encode(), "text/plain; charset=iso-2022-jp", "é€"),
        ("é€".encode(), "text/plain; charset=utf-16", "é€"),
        (b"a", "text/plain; charset=", "a"),
        (b"a", "text/plain; charset", "a"),
        (b"a", "text/plain; charset=nonsense", "a"),
        (b"a", "text/plain; charset=" + "x" * 10**6, "a"),
        (b"a", "text/plain; charset=a\0b", "a"),
        (b"a", "text/plain; charset=\ud800", "a"),
        (b"a", "text/plain; charset=../os", "a"),
        (b"a", "text/plain; charset=hex", "a"),
        (b"a", "text/plain; charset=rot13", "a"),
        (b"a", "text/plain; charset=punycode", "a"),
        (b"\\x41", "text/plain; charset=unicode_escape", "\\x41"),
        (b"a", "text/plain; charset=undefined", "a"),
        (b"a", "text/plain; charset=idna", "a"),
    ],
    ids=range(30),
)
def test_4_1_text(content: bytes, content_type: str | None, expected: str | bytes) -> None:
    """Text by the charset of its type; utf-8 where that is unknown or does not fit; else bytes (fault 80)."""
    assert expected == decode_text(content, content_type)


@pytest.mark.parametrize("declared", ["", "; charset=utf-8", "; charset=latin-1", "; charset=utf-16", "; charset=none"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_4_1_byte_order_mark(mark: bytes, encoding: str, declared: str) -> None:
    """It wins over any charset, and is dropped; alone it is empty text."""
    for media_type in ("text/plain", "application/json"):
        assert '["é€"]' == decode_text(mark + '["é€"]'.encode(encoding), media_type + declared)
        assert "" == decode_text(mark, media_type + declared)


def test_4_1_broken_text_after_a_mark_is_bytes() -> None:
    """A mark with something else behind it does not decode."""
    content = codecs.BOM_UTF8 + b"\xff"

    assert content == decode_text(content, "text/plain")


@pytest.mark.parametrize(
    "content_type",
    [
        "image/png",
        "IMAGE/JPEG; q=1",
        "audio/mpeg",
        "video/mp4",
        "font/woff2",
        "application/zip",
        "application/x-zip-compressed",
        "application/gzip",
        "application/x-gzip",
        "application/x-tar",
        "application/pdf",
        "application/wasm",
        "application/msgpack",
        "application/x-msgpack",
        "application/vnd.msgpack",
        "application/protobuf",
        "application/x-protobuf",
        "application/vnd.google.protobuf",
        "application/x-7z-compressed",
        "application/vnd.rar",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-excel.sheet.macroEnabled.12",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.oasis.opendocument.text",
        "application/epub+zip",
        "application/senml+cbor",
        "application/grpc",
        "application/grpc+proto",
        "application/vnd.android.package-archive",
        "model/gltf-binary",
    ],
)
def test_4_1_declared_binary(content_type: str) -> None:
    """A type that is declared binary gives bytes, though they would decode."""
    assert b"text" == decode_text(b"text", content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "image/svg+xml",
        "image/svg+xml; charset=utf-8",
        "image/x+xml",
        "image/svg",
        "image/svg-xml",
        "image/x-xbitmap",
        "audio/mpegurl",
        "audio/x-mpegurl",
        "Audio/X-MpegURL; charset=utf-8",
        "audio/x-mpeg-url",
        "audio/x-scpls",
        "audio/xspf+xml",
        "video/vnd.mpegurl",
        "video/x-ms-asx",
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
        "application/xspf+xml",
        "application/xml",
        "application/javascript",
        "application/x-www-form-urlencoded",
        "application/ld+json",
        "application/vnd.api+json",
        "application/vnd.openxmlformats-officedocument.custom+xml",
        "application/vnd.oasis.opendocument.text-flat-xml",
        "application/grpc+json",
        "multipart/form-data; boundary=x",
        "message/http",
        "model/obj",
        "application",
        "image",
        "unknown/unknown",
    ],
)
def test_4_1_declared_text(content_type: str) -> None:
    """Every other type is text where it decodes, svg and playlists among them."""
    if content_type == "image":
        assert b"text" == decode_text(b"text", content_type)
    else:
        assert "text" == decode_text(b"text", content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/octet-stream",
        "binary/octet-stream",
        "application/x-octet-stream",
        "video/x-ms-asf",
        "audio/x-pn-realaudio",
        "audio/vnd.rn-realaudio",
    ],
)
@pytest.mark.parametrize("declared", ["", "; charset=utf-8", "; charset=latin-1", "; charset=utf-16"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ""),
        ("é€".encode(), "é€"),
        (codecs.BOM_UTF8 + b"a", "a"),
        (b"\xff", b"\xff"),
        (codecs.BOM_UTF16_LE + b"a\0", codecs.BOM_UTF16_LE + b"a\0"),
        (codecs.BOM_UTF32_LE + b"a\0\0\0", codecs.BOM_UTF32_LE + b"a\0\0\0"),
        (b"a\0b", "a\0b"),
    ],
    ids=range(7),
)
def test_4_1_unknown_type(content_type: str, declared: str, content: bytes, expected: str | bytes) -> None:
    """An unknown type, or one of media and playlists: text if it is utf-8, else bytes, whatever charset it has."""
    assert expected == decode_text(content, content_type.title() + declared)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, None),
        ("", None),
        ("text/plain", None),
        ("charset=utf-8", None),
        ("text/plain;charset=utf-8", "utf-8"),
        ("text/plain ; format=flowed ; CHARSET = utf-8 ; x", "utf-8"),
        ('text/plain; x="; charset=a"; charset=b', "b"),
        ('text/plain; x="\\"; charset=a"; charset="b"', "b"),
        ('text/plain; x="open; charset=b', "b"),
        ("text/plain; charset=a; charset=b", "a"),
        ("text/plain; charset", None),
        ('text/plain; charset=""', None),
        ("text/plain; xcharset=a", None),
    ],
    ids=range(13),
)
def test_4_1_charset_of_a_type(content_type: str | None, expected: str | None) -> None:
    """The charset parameter is found past quoted strings and white space; the first one counts."""
    assert expected == find_charset(content_type)


@pytest.mark.clock
@pytest.mark.parametrize("part", [";", '"', ';a="', ';a="\\', "; ", ";\t=", ";a=b", '\\"'])
def test_charset_is_found_in_linear_time(part: str) -> None:
    """No field value makes the search slow."""
    began = time.thread_time()
    find_charset("text/plain" + part * 30_000)

    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON", True),
        (" application/json ; charset=utf-8", True),
        ("application/json;", True),
        (None, False),
        ("", False),
        ("application/ld+json", False),
        ("text/json", False),
        ("application/jsonp", False),
        ("text/plain; application/json", False),
    ],
    ids=range(10),
)
def test_4_1_json_type(content_type: str | None, expected: bool) -> None:
    """application/json in any case and with any parameters, and nothing else (contract 4.4)."""
    assert expected is is_json(content_type)


@pytest.mark.parametrize("declared", ["", "; charset=utf-8", "; charset=utf-16"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_4_2_json_in_another_encoding(encoding: str, declared: str) -> None:
    """JSON shows its own encoding by its zeros, whatever its charset says."""
    assert '{"é": 1}' == decode_text('{"é": 1}'.encode(encoding), "application/json" + declared)


def test_4_2_charset_of_json() -> None:
    """utf-8 comes first, whatever is declared (RFC 8259, section 11); where it does not decode, the charset counts."""
    for charset in ("latin-1", "windows-1252", "utf-16", "gb2312", "iso-2022-jp", "nonsense"):
        assert '"é€"' == decode_text('"é€"'.encode(), f"application/json; charset={charset}")
    assert '"語"' == decode_text('"語"'.encode("iso-2022-jp"), "application/json; charset=iso-2022-jp")
    assert '"é"' == decode_text(b'"\xe9"', "application/json; charset=latin-1")
    assert b'"\xe9"' == decode_text(b'"\xe9"', "application/json")
    assert "" == decode_text(b"", "application/json")


def test_4_4_parse_json_body() -> None:
    """Contract 4.4: whatever the type is, the body is read as JSON: utf-8 first, then the charset of the type."""
    assert "é€" == parse_json_body('"é€"'.encode(), "text/plain; charset=latin-1")
    assert "é" == parse_json_body(b'"\xe9"', "text/plain; charset=latin-1")
    assert "é" == parse_json_body('"é"'.encode("utf-16-le"), "image/png")
    assert [1] == parse_json_body(codecs.BOM_UTF8 + b"[1]", None)
    for content in (b"", b"{", b'"\xe9"'):
        with pytest.raises(ValueError, match=r"\w"):
            parse_json_body(content, "text/plain")


def test_4_2_zeros_are_looked_at_in_json_only() -> None:
    """Text of other types may hold zeros."""
    assert "a\0" == decode_text(b"a\0", "text/plain")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ('{"a": [null, true, 1.5, "é"]}', {"a": [None, True, 1.5, "é"]}),
        ("\ufeff[1]", [1]),
        (b"[1]", [1]),
        (codecs.BOM_UTF8 + b"[1]", [1]),
        ('["é"]'.encode("utf-16"), ["é"]),
        ('["é"]'.encode("utf-32-be"), ["é"]),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("1e999", math.inf),
        (" [1]\r\n", [1]),
    ],
    ids=range(10),
)
def test_4_2_json_parses(text: str | bytes, expected: object) -> None:
    """Text and bytes, with a byte order mark or without (fault 81)."""
    assert expected == parse_json(text)


def test_4_2_not_a_number_parses() -> None:
    """NaN is what Python writes, and what it reads."""
    assert math.isnan(parse_json("NaN"))


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[1", "nope", "\ufeff\ufeff1", b"", b'"\xff"', "9" * 5000, "[" * 100_000, '{"a":' * 100_000, "1 2"],
    ids=range(12),
)
def test_4_2_json_that_does_not_parse(text: str | bytes) -> None:
    """Whatever is wrong with it, it is a ValueError: 5,000 digits and 100,000 levels too (fault 82)."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(text)


def test_parse_json_lets_json_errors_say_where() -> None:
    """The standard library's own exception comes through with its position."""
    with pytest.raises(json.JSONDecodeError, match="column 5"):
        parse_json("[1, ")


@pytest.mark.parametrize(
    ("content_type", "content", "expected"),
    [
        ("text/plain, text/plain;charset=latin-1", b"\xe9", "é"),
        ("text/plain;charset=latin-1, text/plain", b"\xe9", "é"),
        ("text/plain;charset=latin-1, text/html", b"\xc3\xa9", "é"),
        ("text/html;charset=latin-1, text/html;charset=utf-8", b"\xc3\xa9", "é"),
        ("text/plain;charset=latin-1, nonsense", b"\xe9", "é"),
        ("text/plain;charset=latin-1, */*", b"\xe9", "é"),
        ("text/plain, image/png", b"a", b"a"),
        ("image/png, text/plain", b"a", "a"),
        ("image/png, ,", b"a", b"a"),
        ('image/png;a="text/html, text/plain"', b"a", b"a"),
        ('image/png;a="text/html, text/plain', b"a", b"a"),
        (",", b"a", "a"),
    ],
)
def test_11_6_several_types(content_type: str, content: bytes, expected: str | bytes) -> None:
    """Contract 11.6: of several types the last valid one counts (WHATWG Fetch, "extract a MIME type")."""
    assert expected == decode_text(content, content_type)


def test_11_6_json_among_several_types() -> None:
    """Contract 11.6: this decides about JSON too."""
    assert is_json("text/html, application/json")
    assert not is_json("application/json, text/html")


# Labels of the Encoding Standard


@pytest.mark.parametrize(
    ("label", "octets", "expected"),
    [
        ("gb2312", "\u9555".encode("gbk"), "\u9555"),
        ("gb2312", "\U0001f600".encode("gb18030"), "\U0001f600"),
        ("GBK", "\u4e02".encode("gb18030"), "\u4e02"),
        ("Shift_JIS", "\u2460\uff5e".encode("cp932"), "\u2460\uff5e"),
        ("windows-31j", "\u2460".encode("cp932"), "\u2460"),
        ("x-sjis", "\u2460".encode("cp932"), "\u2460"),
        ("euc-kr", "\ub620".encode("cp949"), "\ub620"),
        ("ks_c_5601-1987", "\ub620".encode("cp949"), "\ub620"),
        ("big5", "\u55ba".encode("big5hkscs"), "\u55ba"),
        ("iso-8859-1", b"\x80\x93\xe9", "\u20ac\u201c\xe9"),
        ("latin1", bytes(range(0xA0, 0x100)), bytes(range(0xA0, 0x100)).decode("latin-1")),
        ("us-ascii", b"caf\xe9", "caf\xe9"),
        ("iso-8859-1", b"\x81\x8d\x8f\x90\x9d", "\x81\x8d\x8f\x90\x9d"),
        ("windows-1253", b"\x81\xe1", "\x81\u03b1"),
        ("windows-1253", b"\xaa", b"\xaa"),
        ("iso-8859-9", b"\x80\xfd", "\u20ac\u0131"),
        ("tis-620", b"\x80\xa1", "\u20ac\u0e01"),
        ("x-cp1251", b"\xcf", "\u041f"),
        ("unicode-1-1-utf-8", b"\xc3\xa9", "\xe9"),
        ("utf-16", "a".encode("utf-16-le"), "a"),
        ("unicodefffe", "a".encode("utf-16-be"), "a"),
        ("x-mac-roman", b"\x8e", "\xe9"),
        ("iso-8859-8-i", b"\xe0", "\u05d0"),
        ("koi8-ru", b"\xa4", "\u0454"),
        ("cp437", b"\x80", "\xc7"),
        ("utf-32le", "a".encode("utf-32-le"), "a"),
    ],
)
def test_4_1_labels_of_the_web(label: str, octets: bytes, expected: str | bytes) -> None:
    """Contract 4.1: a charset means what the WHATWG Encoding Standard says; of other names, what Python says."""
    assert expected == decode_text(octets, f"text/plain; charset={label}")


@pytest.mark.parametrize(
    "name",
    [
        "utf-7", "unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined", "charmap", "mbcs", "oem",
        "rot13", "hex", "base64", "zlib", "bz2", "uu", "quopri", "hz", "hz-gb-2312", "iso-2022-kr", "palmos",
        "utf_8 ", "x" * 50, "../a", "martian",
    ],
)  # fmt: skip
def test_4_1_names_that_are_no_charset(name: str) -> None:
    """Contract 4.1: codecs that only Python has, and those in which markup can be hidden, count as unknown."""
    for given in (b"+ADw-script+AD4-", b"~{<", b"\x1b$)C\x0e!!"):
        assert given.decode() == decode_text(given, f"text/plain; charset={name}")
    assert b"\xff" == decode_text(b"\xff", f"text/plain; charset={name}")


def test_4_1_invented_charsets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 4.1: the codec registry does not grow with the names that servers invent; those of Python stay known."""
    monkeypatch.setattr(text, "_looked_up", set())
    decode_text(b"a", "text/plain; charset=cp720")  # the program may have registered it: it is asked for
    asked, lookup = list[str](), codecs.lookup
    monkeypatch.setattr(codecs, "lookup", lambda name: (asked.append(name), lookup(name))[1])
    for number in range(1000):
        assert "a" == decode_text(b"a", f"text/plain; charset=x-invented-{number}")

    assert text._MAX_LOOKED_UP - 1 == len(asked)
    for charset, character in (("cp437", "ü"), ("IBM437", "ü"), ("cp720", "\u0651")):
        octets = character.encode(charset)
        assert character == decode_text(octets, f"text/plain; charset={charset}")


def test_4_1_every_label_has_a_codec() -> None:
    """Contract 4.1: each label of the table leads to a codec that is here, and to one alone."""
    labels = [label for labels in text._LABELS.values() for label in labels.split()]

    assert len(labels) == len(set(labels)) == len(text._codecs_of_labels())
    assert all(codecs.lookup(codec) for codec in text._LABELS)
    assert labels == [label.lower() for label in labels]


@pytest.mark.parametrize("codec", sorted(text._WITH_GAPS))
def test_4_1_gaps_of_windows_codecs(codec: str) -> None:
    """Contract 4.1: with the gaps filled, the table agrees with the codec, and all bytes below 0xA0 decode."""
    for octet in range(256):
        single = bytes([octet])
        decoded = decode_text(single, f"text/plain; charset={codec.replace('cp', 'windows-')}")
        if octet < 0xA0 or single.decode(codec, "ignore"):
            assert isinstance(decoded, str)
            assert decoded[0] == (single.decode(codec, "ignore") or chr(octet))
        else:
            assert isinstance(decoded, bytes)


@pytest.mark.parametrize("head", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("encoding", "sample"),
    [
        ("utf-8", "aé€😀"),
        ("utf-16", "aé€😀"),
        ("utf-32-be", "aé€😀"),
        ("shift_jis", "a語ｱ"),
        ("iso-2022-jp", "a語あ"),
        ("gb18030", "a中é😀"),
        ("big5", "a中"),
        ("euc-kr", "a한"),
        ("windows-1252", "a€é"),
        ("koi8-r", "aж"),
    ],
)
def test_large_body_is_decoded_as_a_small_one(encoding: str, sample: str, head: str) -> None:
    """A body that is decoded in slices gives the same text, wherever a slice ends in a character."""
    written = sample * (3 * text.LARGE_SIZE // len(sample))
    if head and encoding.startswith("utf"):
        encoding, written = "utf-8", head + written
    content = written.encode(encoding)

    assert written.removeprefix("\ufeff") == decode_text(content, f"text/plain; charset={encoding}")


@pytest.mark.parametrize("at", [0, 1.5, 3], ids=["begin", "middle", "end"])
def test_large_binary_body_of_unknown_type_stays_bytes(at: float) -> None:
    """Contract 4.1: bytes that do not decode stay bytes, wherever the first of them is."""
    place = int(at * text.LARGE_SIZE)
    content = b"a" * place + b"\xff" + b"a" * (3 * text.LARGE_SIZE - place)

    assert content is decode_text(content, "application/octet-stream")


def test_large_binary_body_is_not_copied() -> None:
    """Finding out that a body is no text takes memory for a slice of it, not for another body."""
    content = b"\xff" + bytes(40 * text.LARGE_SIZE)
    tracemalloc.start()
    try:
        decode_text(content, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * text.LARGE_SIZE


def test_large_body_with_a_codec_that_is_not_for_text() -> None:
    """Such a codec counts as an unknown charset, as it does for a small body."""
    assert "6" * 2 * text.LARGE_SIZE == decode_text(b"6" * 2 * text.LARGE_SIZE, "text/plain; charset=hex")


def test_4_5_large_json_lets_other_threads_run() -> None:
    """Contract 4.5: within a large JSON text the parser calls Python for each object, where threads take turns."""
    written = json.dumps([{"a": {"b": 1}}] * (text.LARGE_SIZE // 10))
    calls = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(note)
    try:
        parsed = parse_json(written)
    finally:
        sys.setprofile(None)

    assert calls >= 2 * len(parsed)
    assert json.loads(written) == parsed
