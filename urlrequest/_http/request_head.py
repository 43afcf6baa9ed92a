"""The head of a request: its method, its fields, how its body is framed, and the bytes that are sent. Pure.

Everything is checked before the first byte is sent (RFC 9110, RFC 9112).

Invariant:
    HEAD-1  What reaches a connection is valid: the method and the names of fields are tokens, the values and the target
            hold no CR, LF or NUL, Host is there once, and what says where the body ends is true (contract 10.1, 10.3).
"""

from __future__ import annotations

import re

from .fields import LENGTH, all_values, cookie_text, field_names, is_token, join_cookies, sent_text, shown_name, without
from .headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from .fields import Fields
    from .target import Target

    class _Body(Protocol):
        """What a head says about a body; see `urlrequest._content.body.Body`."""

        @property
        def length(self) -> int | None: ...
        @property
        def content_type(self) -> str | None: ...


__all__ = ["authorize", "build_fields", "check_method", "encode_head"]

MIN_ANNOUNCED = 1024 * 1024  # bytes; a larger body is announced before it is sent

_FRAMING = frozenset({"content-length", "transfer-encoding"})
# What every request needs, even where its caller passes None for it (RFC 9112, sections 3.2 and 6.1).
_REQUIRED = _FRAMING | {"host"}

# Methods whose meaning expects content: without any, a length of 0 is sent (RFC 9110, section 8.6).
_METHODS_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})


def check_method(method: object, *, has_body: bool) -> str:
    """The method in capitals; GET or POST when the user named none (contract 10.1).

    Raises:
        ValueError: It is not a token (RFC 9110, section 9.1). TypeError: It is not text.
    """
    if method is None:
        return "POST" if has_body else "GET"
    if not isinstance(method, str):
        raise TypeError(f"method is {type(method).__name__}; text such as 'GET' is needed")
    if not is_token(method):
        raise ValueError(f"method is {method[:40]!r}; a token such as 'GET' is needed")
    return method.upper()


def build_fields(
    target: Target,
    method: str,
    given: tuple[Fields, set[str]],
    *,
    body: _Body | None,
    defaults: Iterable[tuple[str, str]],
    cookies: object,
    auth: object,
) -> Fields:
    """All fields of a request: the caller's win over ours, whatever their spelling.

    Args:
        given: From `read_fields()`.
        defaults: Fields that are sent unless the caller has them, or has suppressed them.
        cookies: str or dict, appended to the caller's Cookie field.
        auth: As of `with_auth()`.
    Raises:
        ValueError, TypeError: One of these cannot be sent.
    """
    fields, suppressed = given
    names = field_names(fields)
    if not names.isdisjoint(_FRAMING):
        _check_framing(fields, body)
    ours = [("Host", target.authority), *defaults, *_choose_framing(method, names, body), *_describe(body)]
    fields = without(ours, names | (suppressed - _REQUIRED)) + fields
    if cookies is not None:
        fields = join_cookies(fields, cookie_text(cookies))
    if auth is not None or target.userinfo is not None:
        fields = authorize(fields, auth, target)
    hosts = all_values(fields, "host")
    if len(hosts) != 1:
        raise ValueError(f"req_headers has {len(hosts)} Host headers; a request has one (RFC 9112, section 3.2)")
    return fields


def authorize(fields: Fields, auth: object, target: Target) -> Fields:
    """Add the credentials of `auth`, or those of the URL.

    Raises:
        ValueError, TypeError: As of `with_auth()`; or `auth` changes where the body ends.
    """
    from .auth import with_auth  # most requests have no credentials

    framing = _framing_of(fields)
    fields = with_auth(fields, auth, target)
    if _framing_of(fields) != framing:
        raise ValueError("auth changed Content-Length or Transfer-Encoding, which say where the body ends")
    return fields


def _framing_of(fields: Fields) -> set[tuple[str, str]]:
    return {(name.lower(), value) for name, value in fields if name.lower() in _FRAMING}


def _check_framing(fields: Fields, body: _Body | None) -> None:
    """Check what the caller says about the end of the body.

    Raises:
        ValueError: It is not true, or it is said in two ways.
    """
    said = Headers([field for field in fields if field[0].lower() in _FRAMING])
    length, coding = said.get("Content-Length"), said.get("Transfer-Encoding")
    if length is not None:
        _check_length(length, body)
    if coding is not None and (coding.lower() != "chunked" or body is None or length is not None):
        raise ValueError(f"req_headers has the Transfer-Encoding {coding[:40]!r}; it is added where it is needed")


def _check_length(length: str, body: _Body | None) -> None:
    if not re.fullmatch(LENGTH, length):
        raise ValueError(f"req_headers has the Content-Length {length[:40]!r}; a number of bytes is needed")
    if body is None and length != "0":
        raise ValueError(f"req_headers has the Content-Length {length}, but there is no body")
    if body is not None and body.length is not None and int(length) != body.length:
        raise ValueError(f"req_headers has the Content-Length {length}, but the body has {body.length} bytes")


def _choose_framing(method: str, names: set[str], body: _Body | None) -> Fields:
    """The field that tells the server where the body ends, unless the caller's own fields do.

    Args:
        names: Of the caller's fields, in lower case.
    """
    if not names.isdisjoint(_FRAMING):
        return []
    if body is None:
        return [("Content-Length", "0")] if method in _METHODS_WITH_CONTENT else []
    return [("Transfer-Encoding", "chunked") if body.length is None else ("Content-Length", str(body.length))]


def _describe(body: _Body | None) -> Fields:
    """The other fields about the body: its type, and the announcement of a large one."""
    if body is None:
        return []
    ours = [] if body.content_type is None else [("Content-Type", body.content_type)]
    if body.length is not None and body.length > MIN_ANNOUNCED:
        # A server that will refuse the body can say so before it is sent (RFC 9110, section 10.1.1).
        ours.append(("Expect", "100-continue"))
    return ours


def encode_head(method: str, target: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """The head of a request as it is sent (RFC 9112, section 3).

    Fields of the user's were checked before; these checks are for what a connection class adds (HEAD-1).

    Raises:
        ValueError: Something would end a line, or be read as another part of it. TypeError: A part is no text.
    """
    if not is_token(method):
        raise ValueError(f"method is {method[:40]!r}; a token such as 'GET' is needed")
    if not (target.isascii() and target.isprintable()) or " " in target:
        raise ValueError("the request's target has a blank, a control character, or one that is not ASCII")
    pieces = [method, " ", target, " HTTP/1.1\r\n"]
    for name, value in fields:
        if not is_token(name):
            raise ValueError(f"a header has the name {shown_name(name)}, which is not a token (RFC 9110, section 5.1)")
        pieces += (name, ": ", value, "\r\n")  # joined, not formatted: an enum of text is sent as its text
    pieces.append("\r\n")
    text = "".join(pieces)
    lines = len(pieces) // 4 + 1
    if text.count("\r") != lines or text.count("\n") != lines or "\0" in text:
        raise ValueError("a header has CR, LF or NUL in its value")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # a user's connection class has added a field
        return "".join(map(sent_text, pieces)).encode("latin-1")
