from __future__ import annotations

import io
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._content.multipart import make_multipart

if TYPE_CHECKING:
    from pathlib import Path

    from urlrequest._content.body import Body


def octets(body: Body) -> bytes:
    return b"".join(map(bytes, body.pieces()))


def boundary(body: Body) -> str:
    found = re.fullmatch("multipart/form-data; boundary=([a-zA-Z0-9-]{20,70})", body.content_type or "")
    assert found is not None
    return found[1]


def test_17_1_layout() -> None:
    """RFC 7578: each part has its head and its bytes, fields before files, and the end is marked."""
    body = make_multipart({"f": ("a.txt", b"octets", "text/x")}, {"a": "1"})
    mark = boundary(body)

    assert (
        f'--{mark}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/x\r\n\r\n'
        f"octets\r\n--{mark}--\r\n"
    ).encode() == octets(body)


@pytest.mark.parametrize("files", [{}, [], {"f": b""}, {"f": [b"1", b"22"]}, {"f": ("ü", b"3" * 100_000)}])
@pytest.mark.parametrize("fields", [None, {}, {"a": ""}, [("a", "ä"), ("a", b"\xff")]])
def test_17_1_length_is_the_length(files: Any, fields: Any) -> None:
    """Contract 17.1: the length that is announced is that of the bytes, and they can be had again."""
    body = make_multipart(files, fields)

    assert len(octets(body)) == body.length
    assert octets(body) == octets(body)
    assert body.is_replayable


def test_boundaries_differ() -> None:
    """RFC 2046, section 5.1: nobody can foresee the boundary, so nobody can put it into a file."""
    assert 100 == len({boundary(make_multipart({}, None)) for _ in range(100)})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", b"plain"),
        ("ü", "ü".encode()),
        ('a"b', b"a%22b"),
        ("a\rb\nc", b"a%0Db%0Ac"),
        ("a%22b", b"a%22b"),
        ("a\\b", b"a\\b"),
        (os.fsdecode(b"a\xff"), "a�".encode()),
    ],
)
def test_17_1_names(name: str, expected: bytes) -> None:
    """WHATWG, multipart/form-data encoding algorithm: names in utf-8, the quote and line ends escaped, nothing else."""
    body = octets(make_multipart({name: (name, b"")}, {name: ""}))

    assert 2 == body.count(b'; name="' + expected + b'"\r\n') + body.count(b'; name="' + expected + b'"; filename="')
    assert b'filename="' + expected + b'"\r\n' in body


def test_17_1_file_is_read_when_it_is_sent(tmp_path: Path) -> None:
    """Contract 17.1: a path is opened for each sending, an open file is read from where it stood and stays open."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(5)
        body = make_multipart({"open": file, "path": path}, None)
        path.write_bytes(b"abcdefghij")
        assert b"\r\n\r\nfghij\r\n" in octets(body)
        assert b"\r\n\r\nabcdefghij\r\n" in octets(body)
        assert not file.closed


def test_17_1_large_files_come_in_pieces(tmp_path: Path) -> None:
    """Contract 17.1: no piece is larger than 256 KiB and the part's head."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(3_000_000)
    body = make_multipart({"f": path}, None)

    assert max(map(len, body.pieces())) <= 256 * 1024


@pytest.mark.parametrize("source", [io.StringIO("text"), iter([b"x"])])
def test_17_1_what_has_no_length(source: Any) -> None:
    """Contract 17.1: one part of unknown length makes the whole so, and what can be read once cannot be had again."""
    body = make_multipart({"f": ("name", source), "g": b"x"}, None)

    assert (None, False) == (body.length, body.is_replayable)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (("given", b""), "given"),
        ((None, b""), "field"),
        (("", b""), ""),
        (b"", "field"),
        (io.BytesIO(b""), "field"),
    ],
)
def test_17_1_file_names(source: Any, expected: str) -> None:
    """Contract 17.1: the name that is given, that of the file, or the field's; an empty one is one, too."""
    assert f'filename="{expected}"'.encode() in octets(make_multipart({"field": source}, None))


def test_17_1_name_of_an_open_file(tmp_path: Path) -> None:
    """Contract 17.1: of a file's path only the last part is sent; a descriptor's number is no name."""
    with (tmp_path / "secret.txt").open("wb+") as file:
        body = octets(make_multipart({"f": file}, None))
        with os.fdopen(os.dup(file.fileno()), "rb") as numbered:
            other = octets(make_multipart({"f": numbered}, None))

    assert b'filename="secret.txt"' in body
    assert str(tmp_path).encode() not in body
    assert b'filename="f"' in other
