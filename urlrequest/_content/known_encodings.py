"""Which content codings can be undone here: gzip, deflate, and br and zstd where a decoder is available (contract 4.6).

Every request asks; `_content.decoder`, which undoes them, is loaded with the first response that is coded. Any thread:
the module's only state is which packages it found.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module

from urlrequest._http.fields import media_type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["accepted_codings", "codings_of", "find_brotli", "is_packed_file", "knows_codings"]

# Decoders for zstd; `compression.zstd` of the standard library needs the first, which some systems leave out.
_ZSTD_MODULES = ("_zstd", "backports.zstd", "zstandard")


# What stands in Content-Encoding and changes no byte: aws-chunked is how S3 was sent an upload.
_NO_CODINGS = frozenset({"", "identity", "aws-chunked", "none", "binary", "utf-8"})

# Types of files that are gzip by themselves; servers that know `.tar.gz` by its ending call it a coding as well.
_GZIP_TYPES = frozenset(
    {
        "application/gzip",
        "application/gzip-compressed",
        "application/gzipped",
        "application/tar+gzip",
        "application/tgz",
        "application/x-compressed-tar",
        "application/x-gunzip",
        "application/x-gzip",
        "application/x-gzip-compressed",
        "application/x-tar+gzip",
        "application/x-tar-gz",
        "application/x-tgz",
        "gzip/document",
    }
)
_PACKED_NAMES = {
    "gzip": (".gz", ".gzip", ".tgz", ".svgz"),
    "br": (".br", ".tbr"),
    "zstd": (".zst", ".tzst"),
}  # endings of files, by coding


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
    known = {*accepted_codings().split(", "), "x-gzip"}
    return known.issuperset(codings_of(field_value))


def codings_of(field_value: str) -> list[str]:
    """The codings that a Content-Encoding field lists, in lower case; what changes no byte is left out."""
    return [name for item in field_value.split(",") if (name := item.strip().lower()) not in _NO_CODINGS]


def is_packed_file(codings: list[str], content_type: str | None, file_path: str | None) -> bool:
    """Whether the only coding is what makes the file: a `.tar.gz` is not unpacked (contract 4.8).

    Args:
        content_type: The field's value, or None.
        file_path: The file that the content is for, or None: then the type alone counts.
    """
    if len(codings) != 1:
        return False
    coding = codings[0].removeprefix("x-")
    media_type = media_type_of(content_type)
    if coding == "gzip" and (media_type in _GZIP_TYPES or media_type.endswith("+gzip")):
        return True
    return file_path is not None and file_path.lower().endswith(_PACKED_NAMES.get(coding, ()))


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
    return any(_is_installed(name) for name in _ZSTD_MODULES)


def _is_installed(name: str) -> bool:
    """Whether a module could be imported; unlike `importlib.util.find_spec()`, this does not import its package."""
    if name in sys.modules:
        return sys.modules[name] is not None  # None: it cannot be imported
    package = name.rpartition(".")[0]
    places = [os.path.join(place, package) for place in sys.path] if package else None
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    return any(finder.find_spec(name, places) is not None for finder in finders)
