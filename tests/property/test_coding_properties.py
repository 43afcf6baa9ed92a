from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from support.messages import raw_deflate
from urlrequest._content.decoder import Decoder
from urlrequest._content.text import decode_text, find_charset, is_json, parse_json
from urlrequest.errors import ContentDecodingError, ContentTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

# A busy machine is no failure.

# What is repeated how often: long content from a short description.
contents = st.tuples(st.binary(max_size=2000), st.just(1)) | st.tuples(st.binary(max_size=5), st.integers(0, 100_000))
# How many pieces: a size would make thousands of them, of some content.
cuts = st.integers(1, 40)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": lambda content: gzip.compress(content[:7]) + gzip.compress(content[7:]) + bytes(3),
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "identity": bytes,
}
chains = st.lists(st.sampled_from(list(PACKERS)), max_size=5)

content_types = st.text(max_size=20) | st.builds(
    "{};{}={}".format,
    st.sampled_from(["text/plain", "application/json", "image/png", "application/x-tar", ""]),
    st.sampled_from(["charset", " CharSet ", "x", ""]),
    st.sampled_from(["utf-8", "utf-16", '"latin-1"', "utf-32-be", "utf-7", "cp500", "hex", "idna", ""])
    | st.text(max_size=9),
)


def outcome(codings: str, content: bytes, pieces: int) -> bytes | str:
    """What comes out, or which error does."""
    decoder = Decoder(codings)
    size = len(content) // pieces + 1
    decoded = b""
    try:
        for start in range(0, len(content), size):
            decoded += b"".join(decoder.decode(memoryview(content)[start : start + size]))
        return decoded + b"".join(decoder.finish())
    except (ContentDecodingError, ContentTooLarge) as error:
        return type(error).__name__


@given(contents, chains, cuts)
def test_4_6_round_trip(described: tuple[bytes, int], chain: list[str], pieces: int) -> None:
    """Whatever was packed, in whatever chain, comes out as it was, in pieces of any size."""
    content = described[0] * described[1]
    packed = content
    for coding in chain:
        packed = PACKERS[coding](packed)

    assert content == outcome(", ".join(chain), packed, pieces)


@given(contents, st.sampled_from(["gzip", "deflate", "Deflate"]), st.data())
def test_4_6_every_cut_is_noticed(described: tuple[bytes, int], coding: str, data: st.DataObject) -> None:
    """No proper beginning of packed content but none of it passes for the whole."""
    packed = PACKERS[coding](described[0] * described[1])
    length = data.draw(st.integers(1, len(packed) - 1))

    assert "ContentDecodingError" == outcome(coding, packed[:length], 7)


@given(
    st.sampled_from(["gzip", "deflate", "gzip, deflate", "gzip, gzip"]),
    contents,
    st.binary(max_size=20),
    st.integers(0, 3000),
    cuts,
)
@example("gzip", (b"", 1), b"\0\0\x1f\x8b", 3000, 40)
def test_4_6_pieces_make_no_difference(
    codings: str, described: tuple[bytes, int], noise: bytes, at: int, pieces: int
) -> None:
    """Sound, corrupt or followed by garbage: the outcome is the same for every way of cutting it into pieces."""
    packed = described[0] * described[1]
    for coding in codings.split(", "):
        packed = PACKERS[coding](packed)
    packed = packed[:at] + noise + packed[at + len(noise) :]

    assert outcome(codings, packed, 1) == outcome(codings, packed, pieces)


@given(st.text() | st.sampled_from(["gzip", "deflate"]), st.binary())
def test_4_6_no_other_error(codings: str, content: bytes) -> None:
    """Whatever the field and the octets say, a ContentDecodingError is all that can happen."""
    try:
        outcome(codings, content, 3)
    except ContentDecodingError:
        return


@given(st.binary() | st.text().map(str.encode), st.none() | content_types)
def test_4_1_decode_text_always_returns(content: bytes, content_type: str | None) -> None:
    """Whatever the octets and the type, there is a result: text, or the octets themselves (fault 80)."""
    decoded = decode_text(content, content_type)

    assert isinstance(decoded, str) or decoded == content
    assert isinstance(is_json(content_type), bool)
    assert find_charset(content_type) != ""


@given(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not text.startswith("\ufeff")))
def test_4_1_utf8_round_trip(text: str) -> None:
    """Text in utf-8 comes back, with a byte order mark and without."""
    assert text == decode_text(text.encode(), "text/plain") == decode_text(text.encode("utf-8-sig"), "text/plain")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


@given(
    values,
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
)
def test_4_2_json_round_trip(value: object, ascii_only: bool, encoding: str) -> None:
    """JSON in any Unicode encoding, with a byte order mark or without, parses to what was written."""
    content = json.dumps(value, ensure_ascii=ascii_only).encode(encoding)

    assert value == parse_json(decode_text(content, "application/json"))


@given(st.text() | st.binary())
def test_4_2_parse_json_raises_value_error_only(text: str | bytes) -> None:
    """What does not parse is a ValueError."""
    try:
        parse_json(text)
    except ValueError:
        return
