from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from urlrequest._content.codings import accepted_codings, find_brotli, knows_codings

if TYPE_CHECKING:
    from collections.abc import Iterator


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
