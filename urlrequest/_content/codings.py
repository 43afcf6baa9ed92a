"""Which content codings can be undone here: gzip, deflate, and br and zstd where a decoder is at hand (contract 4.6).

Every request asks; `_content.decoder`, which undoes them, comes with the first response that is coded. Any thread; the
module only remembers which packages it found.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["accepted_codings", "find_brotli", "knows_codings"]

# What undoes zstd; the first is what the standard library's `compression.zstd` needs, and some systems leave out.
_ZSTD_MODULES = ("_zstd", "backports.zstd", "zstandard")


@cache
def accepted_codings() -> str:
    """The value of Accept-Encoding that says what a Decoder can undo here."""
    names = ["gzip", "deflate"]
    if find_brotli() is not None:
        names.append("br")
    if _has_zstd():
        names.append("zstd")
    return ", ".join(names)


def knows_codings(field_value: str) -> bool:
    """Whether a Decoder can undo all codings of a Content-Encoding field."""
    known = {*accepted_codings().split(", "), "x-gzip", "identity", ""}
    return all(name.strip().lower() in known for name in field_value.split(","))


@cache
def find_brotli() -> ModuleType | None:
    """The package for br, if there is one whose output can be bounded: before 1.2 neither could."""
    for name in ("brotli", "brotlicffi"):
        try:
            module = import_module(name)
            module.Decompressor().process(b"", output_buffer_limit=1)
        except (ImportError, TypeError):
            continue
        return module
    return None


def _has_zstd() -> bool:
    """Whether there is something for zstd. To import it takes longer than a request, and few responses need it."""
    from importlib.util import find_spec  # here, since it is needed once

    for name in _ZSTD_MODULES:
        try:
            if find_spec(name) is not None:
                return True
        except (ImportError, ValueError):  # there is no `backports`; somebody put the module there by hand
            continue
    return False
