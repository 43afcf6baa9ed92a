from __future__ import annotations

import sys
import zipfile
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from urlrequest._content import known_encodings
from urlrequest._content.known_encodings import accepted_codings, codings_of, find_brotli, is_packed_file, knows_codings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def looked_again() -> Iterator[None]:
    """Packages are looked for anew, in the test and after it."""
    for finder in (accepted_codings, find_brotli):
        finder.cache_clear()
    yield
    for finder in (accepted_codings, find_brotli):
        finder.cache_clear()


@pytest.mark.usefixtures("looked_again")
def test_4_6_known_codings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Decoder would refuse by its name is known before one is made."""
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.setitem(sys.modules, "brotlicffi", None)

    assert all(map(knows_codings, ["", "gzip", " X-GZip,identity , deflate", ","]))
    assert not any(map(knows_codings, ["br", "compress", "gzip, br", "gzip deflate"]))


@pytest.mark.usefixtures("looked_again")
def test_brotli_without_a_limit_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that cannot bound its output would undo the guard against bombs: br is not asked for."""

    class Decompressor:
        def process(self, octets: bytes) -> bytes:
            return octets

    old = ModuleType("brotli")
    monkeypatch.setattr(old, "Decompressor", Decompressor, raising=False)
    monkeypatch.setitem(sys.modules, "brotli", old)
    monkeypatch.setitem(sys.modules, "brotlicffi", None)

    assert "br" not in accepted_codings().split(", ")


def test_a_decoder_is_looked_for_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To import the package of a decoder may take longer than a request: it is found in its folder or its archive."""
    folder = tmp_path / "folder" / "made_up"
    folder.mkdir(parents=True)
    for name in ("__init__", "zstd"):
        (folder / f"{name}.py").write_text("raise AssertionError('it was imported')", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr("zipped/zstd.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "folder"))
    monkeypatch.syspath_prepend(str(tmp_path / "made.zip"))
    monkeypatch.setitem(sys.modules, "made_up.barred", None)

    names = ["made_up.zstd", "zipped.zstd", "json", "made_up.other", "made_up.barred", "nowhere.zstd", "no_such_module"]
    assert [True] * 3 + [False] * 4 == [known_encodings._is_installed(name) for name in names]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", []),
        ("aws-chunked", []),
        ("aws-chunked, GZIP", ["gzip"]),
        ("UTF-8", []),
        ("none,identity, binary", []),
        (" br ,x-gzip", ["br", "x-gzip"]),
        ("compress", ["compress"]),
    ],
)
def test_4_8_what_is_no_coding(given: str, expected: list[str]) -> None:
    """Contract 4.8: aws-chunked is how S3 was sent an upload; identity and its like change no byte either."""
    assert expected == codings_of(given)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip"])
@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/gzip", True),
        ("application/x-gzip; a=b", True),
        ("Application/X-Tar+GZip", True),
        ("application/x-tgz", True),
        ("application/x-compressed-tar", True),
        ("application/vnd.some+gzip", True),
        ("application/x-tar", False),
        ("application/octet-stream", False),
        ("text/html", False),
        (None, False),
    ],
)
def test_4_8_files_that_are_gzip(coding: str, content_type: str | None, expected: bool) -> None:
    """Contract 4.8: the coding of such a type is the file itself, as in browsers; with and without a file."""
    assert expected is is_packed_file([coding], content_type, None)
    assert expected is is_packed_file([coding], content_type, "a.tar")
    assert is_packed_file([coding], content_type, "a.tar.GZ")
    assert not is_packed_file([coding, coding], content_type, "a.tar.gz")
    assert not is_packed_file(["br"], content_type, None)


@pytest.mark.parametrize(
    ("coding", "name", "expected"),
    [
        ("gzip", "a.tgz", True),
        ("gzip", "a.svgz", True),
        ("gzip", "a.br", False),
        ("br", "a.js.br", True),
        ("zstd", "a.tar.zst", True),
        ("deflate", "a.gz", False),
        ("gzip", "gz", False),
    ],
)
def test_4_8_names_of_packed_files(coding: str, name: str, expected: bool) -> None:
    """Contract 4.8: the name of the file says whether it is to be packed, where it ends in the coding's own ending."""
    assert expected is is_packed_file([coding], "application/octet-stream", name)
