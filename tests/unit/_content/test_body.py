from __future__ import annotations

import array
import codecs
import io
import json
import mmap
import os
import tempfile
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from urlrequest._content.body import PIECE_SIZE, Body, make_body, make_json_body
from urlrequest._content.text import decode_text
from urlrequest.errors import IncompleteContent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def octets(body: Body) -> bytes:
    return b"".join(map(bytes, body.pieces()))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"a": -float("inf")}], {"a": float("nan")}])
def test_10_6_json_has_no_such_numbers(value: object) -> None:
    """Contract 10.6: NaN and infinities are no JSON (RFC 8259, section 6), whatever JSON a body is made from."""
    with pytest.raises(ValueError, match="JSON"):
        make_json_body(value)
    if isinstance(value, dict):
        with pytest.raises(ValueError, match="JSON"):
            make_body(value, "application/problem+json; charset=utf-8")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"", b""),
        (b"abc", b"abc"),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abc"), b"abc"),
        (memoryview(b"abcdef")[1:3], b"bc"),
        (memoryview(array.array("H", [1, 2])), array.array("H", [1, 2]).tobytes()),
        (array.array("B", b"abc"), b"abc"),
        (array.array("I", [7]), array.array("I", [7]).tobytes()),
        ("", b""),
        ("é€", "é€".encode()),
    ],
    ids=count(),
)
def test_10_2_octets_and_text(source: object, expected: bytes) -> None:
    """Contract 10.2: whatever is bytes-like or text is sent with its length, and can be sent again."""
    body = make_body(source, None)

    assert expected == octets(body) == octets(body)
    assert len(expected) == body.length
    assert body.content_type is None


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, "é".encode()),
        ("text/plain", "é".encode()),
        ("text/plain; charset=latin-1", b"\xe9"),
        ('text/plain; Charset="UTF-16-LE"', b"\xe9\0"),
        ("text/plain;charset = iso-8859-1; x=y", b"\xe9"),
        ("text/plain; charset=", "é".encode()),
    ],
)
def test_10_2_charset(content_type: str | None, expected: bytes) -> None:
    """Contract 10.2: text is sent in the charset of Content-Type, else in utf-8, pieces and files of text too."""
    assert expected == octets(make_body("é", content_type))
    assert expected == octets(make_body(["é"], content_type))
    assert expected == octets(make_body(iter(["é"]), content_type))
    assert expected == octets(make_body(io.StringIO("é"), content_type))


# Each names UTF-16 first, or hides something that is no parameter.
CHARSETS = [
    ("text/plain; charset=utf-16-le", "utf-16-le"),
    ("text/plain; charset=utf-16-le; charset=latin-1", "utf-16-le"),
    ('text/plain; a="; charset=latin-1"; charset=utf-16-le', "utf-16-le"),
    ('text/plain; a="\\"; charset=latin-1"; charset="utf-16-le"', "utf-16-le"),
    ('text/plain; a="open; charset=utf-16-le', "utf-16-le"),
    ("text/plain; Charset = 'UTF-16-LE' ; x=y", "utf-16-le"),
    ("text/plain; charset", "utf-8"),
    ('text/plain; charset=""', "utf-8"),
    ("text/plain; xcharset=utf-16-le", "utf-8"),
    ("charset=utf-16-le", "utf-8"),
]


@pytest.mark.parametrize(("content_type", "encoding"), CHARSETS, ids=count())
def test_10_2_charset_is_the_same_in_both_directions(content_type: str, encoding: str) -> None:
    """Contract 10.2, 4.1: what is sent in the charset of a Content-Type is received as the same text."""
    sent = octets(make_body("aé", content_type))

    assert "aé".encode(encoding) == sent
    assert "aé" == decode_text(sent, content_type)


@pytest.mark.parametrize("charset", ["none-such", "hex", "a\0b", "undefined"])
def test_10_2_charsets_that_are_none(charset: str) -> None:
    """Contract 10.2: text in a charset that nobody knows is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - of the codec, or ours
        make_body("é", f"text/plain; charset={charset}")


def test_10_2_text_that_does_not_fit_its_charset() -> None:
    """Contract 10.2: characters that the charset has not are an error before anything is sent."""
    with pytest.raises(UnicodeEncodeError):
        make_body("€", "text/plain; charset=latin-1")


@pytest.mark.parametrize(
    "fields", [{}, {"a": "b"}, {"a": ["1", "2"], "ü": "€ &=+"}, {"n": 1, "b": b"\xff"}], ids=count()
)
def test_10_2_dictionaries_are_forms(fields: dict[str, Any]) -> None:
    """Contract 10.2: a dictionary is sent as a form, lists as repeated fields, with its type."""
    body = make_body(fields, None)
    expected = {
        name: [each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in value]
        if isinstance(value, list)
        else [value.decode("latin-1") if isinstance(value, bytes) else str(value)]
        for name, value in fields.items()
    }

    encoding = "latin-1" if "b" in fields else "utf-8"
    assert expected == parse_qs(octets(body).decode("ascii"), encoding=encoding)
    assert (len(octets(body)), "application/x-www-form-urlencoded") == (body.length, body.content_type)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "application/json;x"],
)
def test_10_2_dictionaries_are_json_where_the_type_says_so(content_type: str) -> None:
    """Contract 10.2: with a JSON type a dictionary is sent as JSON; the type is the caller's own."""
    body = make_body({"a": [1, None, "é"]}, content_type)

    assert {"a": [1, None, "é"]} == json.loads(octets(body))
    assert body.content_type is None
    assert len(octets(body)) == body.length


def test_10_2_json_that_is_none() -> None:
    """Contract 10.2: a dictionary that JSON cannot say is an error."""
    with pytest.raises(TypeError):
        make_body({"a": object()}, "application/json")


@pytest.mark.parametrize("source", [1, 1.5, True, object(), lambda: b""], ids=count())
def test_10_2_what_cannot_be_sent(source: object) -> None:
    """Contract 10.2: anything else is a TypeError that names its type."""
    with pytest.raises(TypeError, match=f"req_body is {type(source).__name__}"):
        make_body(source, None)


# Iterables


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_10_2_iterables(kind: Callable[[Any], Any]) -> None:
    """Contract 10.2: an iterable of bytes and text has no known length; its pieces are sent as they come."""
    body = make_body(kind([b"a", bytearray(b"b"), memoryview(b"c"), "é", b""]), None)

    assert body.length is None
    assert [b"a", b"b", b"c", "é".encode(), b""] == [bytes(piece) for piece in body.pieces()]


def test_10_2_lists_can_be_sent_again() -> None:
    """A list of pieces can be had a second time; what an iterator gave is gone."""
    assert make_body([b"a"], None).is_replayable
    assert make_body(b"a", None).is_replayable
    assert not make_body(iter([b"a"]), None).is_replayable


def test_10_2_generators_are_not_read_ahead() -> None:
    """A generator is asked for a piece when the one before has been sent."""
    asked: list[int] = []

    def generate() -> Iterator[bytes]:
        for number in range(3):
            asked.append(number)
            yield b"x"

    pieces = make_body(generate(), None).pieces()
    assert [] == asked
    next(pieces)
    assert [0] == asked


@pytest.mark.parametrize("item", [1, None, 1.5, [b"a"]], ids=count())
def test_10_2_items_that_cannot_be_sent(item: object) -> None:
    """A list with something else in it is an error at once, an iterator's item when its turn comes."""
    with pytest.raises(TypeError, match=f"req_body holds {type(item).__name__}"):
        make_body([b"a", item], None)
    body = make_body(iter([b"a", item]), None)
    with pytest.raises(TypeError, match=f"req_body yielded {type(item).__name__}"):
        octets(body)


# Files


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "body"
    found.write_bytes(b"0123456789")
    return found


def test_10_2_binary_files(path: Path) -> None:
    """Contract 10.2: a file is sent from where it stands to its end, with its length, and stays open."""
    with path.open("rb") as file:
        file.seek(4)
        body = make_body(file, None)

        assert (6, b"456789") == (body.length, octets(body))
        assert not file.closed


@pytest.mark.parametrize("position", [0, 10, 99])
def test_10_2_lengths_of_files(path: Path, position: int) -> None:
    """The length is what is left, nothing where the position is beyond the end."""
    with path.open("rb") as file:
        file.seek(position)
        body = make_body(file, None)

        assert max(0, 10 - position) == body.length == len(octets(body))


def test_10_2_large_files_come_in_pieces() -> None:
    """A file is read a piece at a time, so that memory does not hold all of it."""
    body = make_body(io.BytesIO(bytes(2 * PIECE_SIZE + 1)), None)

    assert [PIECE_SIZE, PIECE_SIZE, 1] == [len(piece) for piece in body.pieces()]


def test_10_2_text_files(path: Path) -> None:
    """Contract 10.2: a file of text has no known length: its bytes may be others in the charset that is sent."""
    path.write_bytes(b"caf\xe9\r\n")
    with path.open(encoding="latin-1", newline="") as file:
        body = make_body(file, None)

        assert (None, "café\r\n".encode()) == (body.length, octets(body))


def test_10_2_wrapped_text_files() -> None:
    """A temporary file and a codec's reader are files of text as well, whatever they derive from."""
    with tempfile.NamedTemporaryFile("w+", encoding="utf-16") as file:
        file.write("é")
        file.seek(0)
        body = make_body(file, None)
        assert (None, "é".encode()) == (body.length, octets(body))
    reader = codecs.getreader("latin-1")(io.BytesIO(b"\xe9"))
    wrapped = codecs.StreamReaderWriter(io.BytesIO(b"\xe9"), codecs.getreader("latin-1"), codecs.getwriter("latin-1"))
    assert "é".encode() == octets(make_body(wrapped, None))
    assert "é" == reader.read()


def test_10_2_spooled_files() -> None:
    """A file whose seek() returns nothing (Python 3.10's SpooledTemporaryFile) has its length all the same."""

    class Silent(io.BytesIO):
        def seek(self, *where: int) -> None:  # type: ignore[override]  # that is the point
            super().seek(*where)

    assert 3 == make_body(Silent(b"abc"), None).length
    with tempfile.SpooledTemporaryFile() as file:
        file.write(b"abc")
        file.seek(1)
        body = make_body(file, None)
        assert (2, b"bc") == (body.length, octets(body))


def test_10_2_mapped_files(path: Path) -> None:
    """A mapped file is a file: it is sent from its position on."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        mapped.seek(8)
        body = make_body(mapped, None)

        assert (2, b"89") == (body.length, octets(body))


@pytest.mark.skipif(not hasattr(os, "pipe"), reason="no pipes")
def test_10_2_pipes() -> None:
    """A pipe's length nobody knows; it is sent until its end."""
    reading, writing = os.pipe()
    with open(reading, "rb") as file:
        os.write(writing, b"abc")
        os.close(writing)
        body = make_body(file, None)

        assert (None, b"abc") == (body.length, octets(body))


@pytest.mark.parametrize("broken", ["tell", "seek"])
def test_10_2_objects_that_only_read(broken: str) -> None:
    """Anything with `read()` is a file; where its `tell()` fails, the length is unknown."""

    class Reader:
        def __init__(self) -> None:
            self.pieces = [b"ab", "é", b""]

        def read(self, size: int) -> Any:
            return self.pieces.pop(0)

    if broken == "seek":

        class Refusing(Reader):
            def tell(self) -> int:
                return 0

            def seek(self, *where: int) -> int:
                raise io.UnsupportedOperation

        reader: Reader = Refusing()
    else:
        reader = Reader()
    body = make_body(reader, None)

    assert (None, "abé".encode()) == (body.length, octets(body))


class Reading:
    """An object that can only be read."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


class WithLength(Reading):
    def __len__(self) -> int:
        return 3


class WithAttribute(Reading):
    len = 3


class WithPlace(WithLength):
    def tell(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("file", "content"), [(WithLength(b"abc"), b"abc"), (WithAttribute(b"abc"), b"abc"), (WithPlace(b"bc"), b"bc")]
)
def test_10_2_length_that_an_object_says(file: Any, content: bytes) -> None:
    """Contract 10.2: the size of a file that cannot seek is known where `len()` or its attribute `len` says it."""
    body = make_body(file, None)

    assert (len(content), False, content) == (body.length, body.is_replayable, octets(body))


@pytest.mark.parametrize("length", [-1, True, "3", None, 2.0, lambda: 3])
def test_10_2_length_that_is_none(length: Any) -> None:
    """Contract 10.2: an attribute `len` that is no number of bytes says nothing."""
    file = Reading(b"abc")
    file.len = length  # type: ignore[attr-defined]  # objects of users have any

    assert (None, b"abc") == (make_body(file, None).length, octets(make_body(file, None)))


def test_fault_39_length_that_is_wrong() -> None:
    """Fault 39: an object that has less than its length says, or more, is IncompleteContent."""
    for content in (b"ab", b"abcd"):
        with pytest.raises(IncompleteContent):
            octets(make_body(WithLength(content), None))


@pytest.mark.parametrize("size", [0, 9])
def test_files_that_shrink(path: Path, size: int) -> None:
    """Fault 39: a file that has less than its length is IncompleteContent, with both figures."""
    with path.open("rb") as file:
        body = make_body(file, None)
        os.truncate(path, size)

        with pytest.raises(IncompleteContent, match=f"ended after {size} of 10 bytes"):
            octets(body)


def test_files_that_grow(path: Path) -> None:
    """Fault 39: a file that has more than its length is IncompleteContent, and not one byte beyond it is sent."""
    with path.open("rb") as file:
        body = make_body(file, None)
        with path.open("ab") as other:
            other.write(b"x")
        pieces: list[bytes] = []
        with pytest.raises(IncompleteContent, match="grew to 11 bytes while its 10"):
            pieces.extend(map(bytes, body.pieces()))

        assert len(b"".join(pieces)) <= 10


def test_2_4_dictionaries_are_not_changed() -> None:
    """Contract 2.4: making a body changes neither a dictionary nor a list."""
    fields, items = {"a": ["b"]}, [b"a"]
    octets(make_body(fields, None))
    octets(make_body(items, None))

    assert ({"a": ["b"]}, [b"a"]) == (fields, items)


def test_10_3_a_subclass_of_bytes_counts_as_its_bytes() -> None:
    """Contract 10.3: whatever a class of the program's says of its length, a chunk has the bytes that are sent."""

    class Odd(bytes):
        def __len__(self) -> int:
            return 1

    pieces = list(make_body(iter([Odd(b"abc"), b"d"]), None).pieces())

    assert [3, 1] == [len(piece) for piece in pieces]
    assert b"abcd" == b"".join(pieces)
