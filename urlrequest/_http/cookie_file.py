"""Files of cookies: their octets <-> cookies. Pure: it opens none.

Two formats. Netscape's `cookies.txt`, a line a cookie, is what curl, wget and exports of browsers have. The JSON is an
object whose "cookies" is a list of objects, with the keys that Playwright's storage state has.
"""

from __future__ import annotations

import re

from .cookie import check_cookie

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .cookie import Cookie

__all__ = ["read_cookies", "write_json", "write_netscape"]

_TITLE = "# Netscape HTTP Cookie File"
_WARNING = "# Whoever can read this file can use the logins in it."
_HTTP_ONLY = "#HttpOnly_"  # stands before the domain
_FLAGS = {"TRUE": True, "FALSE": False}
# wget writes the port behind the host, where it is not 80; a cookie belongs to no port (RFC 6265, section 8.5).
_HOST_AND_PORT = re.compile(r"(\[[^]]*\]|[^:]*):[0-9]{1,5}")
_TIME = re.compile(r"-?[0-9]{1,15}(\.[0-9]*)?")  # some programs write fractions


def write_netscape(cookies: Iterable[Cookie]) -> bytes:
    """The lines of a cookies.txt; a cookie that has no end of its own expires at 0, as curl has it."""
    lines = [_TITLE, _WARNING, ""]
    for cookie in cookies:
        columns = (
            (_HTTP_ONLY if cookie.http_only else "") + cookie.domain,
            "TRUE" if cookie.domain.startswith(".") else "FALSE",
            cookie.path,
            "TRUE" if cookie.secure else "FALSE",
            str(cookie.expires or 0),
            cookie.name,
            cookie.value,
        )
        lines.append("\t".join(columns))
    return "\n".join([*lines, ""]).encode("latin-1")


def write_json(cookies: Iterable[Cookie]) -> bytes:
    """A JSON object; a cookie that has no end of its own expires at -1."""
    import json

    entries = [
        {
            "name": _decode(cookie.name),
            "value": _decode(cookie.value),
            "domain": cookie.domain,
            "path": cookie.path,
            "expires": -1 if cookie.expires is None else cookie.expires,
            "httpOnly": cookie.http_only,
            "secure": cookie.secure,
        }
        for cookie in cookies
    ]
    return json.dumps({"cookies": entries}, indent=2).encode("ascii") + b"\n"


def read_cookies(octets: bytes) -> list[Cookie]:
    """The cookies of a file in either format.

    Raises:
        ValueError: It is neither, or has something that is no cookie; the message says where, and shows no value.
    """
    octets = octets.removeprefix(b"\xef\xbb\xbf")  # a byte order mark
    if octets.lstrip()[:1] in {b"{", b"["}:
        return _read_json(octets)
    cookies = []
    for number, line in enumerate(octets.decode("latin-1").split("\n"), 1):
        text = line.removesuffix("\r")
        if text.strip() and (not text.startswith("#") or text.startswith(_HTTP_ONLY)):
            try:
                cookies.append(_read_line(text))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
    return cookies


def _read_line(line: str) -> Cookie:
    columns = line.removeprefix(_HTTP_ONLY).split("\t")
    if len(columns) == 6:  # editors strip the tab before an empty value
        columns.append("")
    if len(columns) != 7:
        raise ValueError(f"{len(columns)} columns; a line of a cookies.txt has 7, with tabs between them")
    domain, has_subdomains, path, secure, expires, name, value = columns
    if has_subdomains.upper() not in _FLAGS or secure.upper() not in _FLAGS:
        raise ValueError("the second and the fourth column are TRUE or FALSE")
    if expires and not _TIME.fullmatch(expires):
        raise ValueError("the fifth column is no time in seconds since 1970")
    with_port = _HOST_AND_PORT.fullmatch(domain)
    host = (domain if with_port is None else with_port[1]).removeprefix(".")
    return check_cookie(
        name,
        value,
        f".{host}" if _FLAGS[has_subdomains.upper()] else host,
        path,
        _end_of(float(expires or 0)),
        secure=_FLAGS[secure.upper()],
        http_only=line.startswith(_HTTP_ONLY),
    )


def _read_json(octets: bytes) -> list[Cookie]:
    import json

    try:
        document = json.loads(octets)
    except (ValueError, RecursionError) as error:
        # Without its cause, which carries the whole text.
        raise ValueError(f"not JSON: {error}") from None
    entries = document.get("cookies") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise ValueError('the JSON has no list "cookies"')  # noqa: TRY004  # it is the file's content that is wrong
    cookies = []
    for number, entry in enumerate(entries, 1):
        try:
            cookies.append(_read_entry(entry))
        except (TypeError, ValueError) as error:
            raise ValueError(f"cookie {number}: {error}") from None
    return cookies


def _read_entry(entry: Any) -> Cookie:
    if not isinstance(entry, dict):
        raise TypeError(f"{type(entry).__name__} where an object is needed")
    expires, secure, http_only = (entry.get(what) for what in ("expires", "secure", "httpOnly"))
    if not isinstance(secure, bool | None) or not isinstance(http_only, bool | None):
        raise TypeError("secure and httpOnly are true or false")
    return check_cookie(
        _encode(entry.get("name")),
        _encode(entry.get("value")),
        entry.get("domain"),
        entry.get("path", "/"),
        _end_of(expires) if isinstance(expires, int | float) else expires,
        secure=bool(secure),
        http_only=bool(http_only),
    )


def _end_of(expires: float) -> float | None:
    """When a cookie of a file ends; 0 and -1 stand for those that have no end of their own."""
    if expires <= 0:
        return None
    return max(expires, 1)  # less would be written as 0


def _decode(text: str) -> str:
    """A text with one character for each octet, as JSON has it: as utf-8, other octets so that they can be restored."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def _encode(text: object) -> object:
    """The opposite of `_decode()`; what is no text stays as it is.

    Raises:
        ValueError: The text has half a surrogate pair.
    """
    return text.encode("utf-8", "surrogateescape").decode("latin-1") if isinstance(text, str) else text
