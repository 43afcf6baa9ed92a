"""Which content codings can be undone here: gzip, deflate, and br and zstd where a decoder is available (contract 4.6).

Every request asks; `_content.decoder`, which undoes them, is loaded with the first response that is coded. Any thread:
the module's only state is which packages it found.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["accepted_codings", "find_brotli", "knows_codings"]

# Decoders for zstd; `compression.zstd` of the standard library needs the first, which some systems leave out.
_ZSTD_MODULES = ("_zstd", "backports.zstd", "zstandard")


@cache
def accepted_codings() -> str:
    """The value of Accept-Encoding: what a Decoder can undo here."""
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
    """The package for br, if there is one that can bound its output; neither could before version 1.2."""
    for name in ("brotli", "brotlicffi"):
        try:
            module = import_module(name)
            module.Decompressor().process(b"", output_buffer_limit=1)
        except (ImportError, TypeError):
            continue
        return module
    return None


def _has_zstd() -> bool:
    """Whether there is a decoder for zstd. It is not imported: that takes longer than a request, and few need it."""
    from importlib.util import find_spec  # here, since it is called once

    for name in _ZSTD_MODULES:
        try:
            if find_spec(name) is not None:
                return True
        except (ImportError, ValueError):  # there is no `backports`; or a test has put a module without a spec there
            continue
    return False
