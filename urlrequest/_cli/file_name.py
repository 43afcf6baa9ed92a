"""The file name that a server gives by Content-Disposition (RFC 6266), made harmless."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["file_name_of"]

MAX_BYTES = 200  # of a name, so that a suffix fits on every file system

_PARAMETER = re.compile(r';\s*(filename\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))', re.IGNORECASE)
# What Windows forbids, and control characters.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def file_name_of(field: str) -> str | None:
    """Return the name that a Content-Disposition field gives, as a name within a folder; None: it gives none.

    Path separators end the part before them, as of a path. A name that would be hidden, or that of a device of
    Windows, gets an underscore.
    """
    found: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(field[:4096]):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else token)
    text = _decode_extended(found.get("filename*", ""))
    if text is None:
        text = _decode_plain(found.get("filename", ""))
    name = _FORBIDDEN.sub("_", re.split(r"[/\\]", text)[-1]).strip(" .")
    is_odd = re.split(r"[/\\]", text)[-1].startswith(".") or _DEVICES.fullmatch(name)
    name = f"_{name}" if name and is_odd else name
    while len(name.encode()) > MAX_BYTES:
        name = name[1:]
    return name or None


def _decode_extended(value: str) -> str | None:
    """Decode UTF-8''percent-encoded text (RFC 8187); None: there is none, or it is malformed."""
    charset, _, rest = value.partition("'")
    _, quote, encoded = rest.partition("'")
    if not quote or charset.lower() not in {"utf-8", "iso-8859-1"}:
        return None
    try:
        return unquote(encoded, charset, "strict")
    except UnicodeDecodeError:
        return None


def _decode_plain(value: str) -> str:
    """Decode the bytes of a field, which are utf-8 with most servers."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
