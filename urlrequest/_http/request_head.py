"""Request fields and head: what will be sent, checked before a single octet leaves (RFC 9110, RFC 9112). Pure.

Invariant:
    V   Whatever reaches a connection is valid: the method and the field names are tokens, the values and the target
        hold no CR, LF or NUL, Host is there once, and the body's framing is ours (contract 10.1, 10.3).
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache

from .headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from urlrequest._content.body import Body

    from .target import Target

__all__ = [
    "basic_credentials",
    "build_fields",
    "check_method",
    "cookie_text",
    "head_octets",
    "join_cookies",
    "read_fields",
    "with_userinfo",
]

CONTINUE_SIZE = 1024 * 1024  # octets; a larger body is announced before it is sent

# Compiled with their first use: most requests have neither fields nor a method of their own.
_TCHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LENGTH = r"[0-9]{1,18}"

# What every request needs, whether its caller wants it or not (RFC 9112, sections 3.2 and 6.1).
_NECESSARY = frozenset({"host", "content-length", "transfer-encoding"})

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
    if not _is_token(method):
        raise ValueError(f"method is {method[:40]!r}; a token such as 'GET' is needed")
    return method.upper()


@lru_cache(maxsize=256)
def _is_token(text: str) -> bool:
    """Whether it may be a method or a field's name (RFC 9110, section 5.6.2); programs use the same over and over."""
    return re.fullmatch(_TCHARS, text) is not None


def read_fields(given: object, what: str) -> tuple[list[tuple[str, str]], set[str]]:
    """Check header fields given by the user (contract 10.3).

    Args:
        given: A dict or an iterable of pairs; values are str, bytes, int or None.
        what: The argument's name, for messages.
    Returns:
        The fields; and, in lower case, the names that the user wants left out.
    Raises:
        TypeError: Of the wrong type. ValueError: No token for a name, or CR, LF or NUL in a value.
    """
    fields: list[tuple[str, str]] = []
    suppressed: set[str] = set()
    for name, value in _pairs(given, what):
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        if not isinstance(text, str):
            raise TypeError(f"{what} has a name of type {type(name).__name__}; text is needed")
        if not _is_token(text):
            raise ValueError(f"{what} has the name {text[:40]!r}, which is not a token (RFC 9110, section 5.1)")
        if value is None:
            suppressed.add(text.lower())
        else:
            fields.append((text, _field_value(text, value, what)))
    return fields, suppressed


def _pairs(given: Any, what: str) -> Iterator[tuple[Any, Any]]:
    if given is None:
        return
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise TypeError(f"{what} is {type(given).__name__}; a dict or a list of pairs is needed")
    if isinstance(given, Headers):
        given = given.fields()
    elif hasattr(given, "items"):
        given = given.items()
    for pair in given:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"{what} holds {type(pair).__name__} where a pair of name and value is needed")
        yield pair[0], pair[1]


def _field_value(name: str, value: object, what: str) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(int(value))  # an enum of numbers has its own way of becoming text
    if not isinstance(value, str):
        raise TypeError(f"{what} has a value of type {type(value).__name__} for {name}; text is needed")
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError(f"{what} has CR, LF or NUL in the value of {name}")
    return value


def build_fields(
    target: Target,
    method: str,
    given: tuple[list[tuple[str, str]], set[str]],
    *,
    body: Body | None,
    defaults: Iterable[tuple[str, str]],
    cookies: object,
    auth: object,
) -> list[tuple[str, str]]:
    """All fields of a request: the caller's win over ours, whatever their spelling.

    Args:
        given: From `read_fields()`.
        defaults: Fields that are sent unless the caller has them, or has suppressed them.
        cookies: str or dict, appended to a Cookie field of the caller's.
        auth: (user, password), an object with `username` and `password`, or a callable that changes the fields.
    """
    fields, suppressed = given
    names = {name.lower() for name, _ in fields} | (suppressed - _NECESSARY)
    ours = [("Host", target.authority), *defaults, *_framing(method, fields, body)]
    fields = [field for field in ours if field[0].lower() not in names] + fields
    if cookies is not None:
        fields = join_cookies(fields, cookie_text(cookies))
    if auth is not None or target.userinfo is not None:
        framing = _framing_fields(fields)
        fields = _with_auth(fields, auth, target)
        if _framing_fields(fields) != framing:
            raise ValueError("auth changed Content-Length or Transfer-Encoding, which tell where the body ends")
    hosts = [name for name, _ in fields if name.lower() == "host"]
    if len(hosts) != 1:
        raise ValueError(f"req_headers has {len(hosts)} Host fields; a request has one (RFC 9112, section 3.2)")
    return fields


def _framing_fields(fields: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(name.lower(), value) for name, value in fields if name.lower() in {"content-length", "transfer-encoding"}}


def _framing(method: str, fields: list[tuple[str, str]], body: Body | None) -> list[tuple[str, str]]:
    """How the server is told where the body ends. What the caller says of it must be true."""
    said = [field for field in fields if field[0].lower() in {"content-length", "transfer-encoding"}]
    if body is None and not said:  # as a rule
        return [("Content-Length", "0")] if method in _METHODS_WITH_CONTENT else []
    joined = Headers(said)
    length, coding = joined.get("Content-Length"), joined.get("Transfer-Encoding")
    if length is not None and not re.fullmatch(_LENGTH, length):
        raise ValueError(f"req_headers has the Content-Length {length[:40]!r}; a number of octets is needed")
    if coding is not None and (coding.lower() != "chunked" or body is None or length is not None):
        raise ValueError(f"req_headers has the Transfer-Encoding {coding[:40]!r}; it is added where it is needed")
    if body is None:
        if length not in {None, "0"}:
            raise ValueError(f"req_headers has the Content-Length {length}, but there is no body")
        return [("Content-Length", "0")] if method in _METHODS_WITH_CONTENT else []
    if length is not None and body.length is not None and int(length) != body.length:
        raise ValueError(f"req_headers has the Content-Length {length}, but the body has {body.length} octets")
    ours = [] if body.content_type is None else [("Content-Type", body.content_type)]
    if body.length is not None and body.length > CONTINUE_SIZE:
        # A server that will refuse the body can say so before it is sent (RFC 9110, section 10.1.1).
        ours.append(("Expect", "100-continue"))
    if body.length is not None and coding is None:
        return [("Content-Length", str(body.length)), *ours]
    return ours if length is not None else [("Transfer-Encoding", "chunked"), *ours]


def cookie_text(cookies: object) -> str:
    """The value of a Cookie field for cookies given as str or dict.

    Raises:
        TypeError, ValueError: They cannot be written so.
    """
    if not isinstance(cookies, dict):
        return _field_value("Cookie", cookies, "cookies")
    pairs = [[_field_value("Cookie", part, "cookies") for part in pair] for pair in cookies.items()]
    return "; ".join("=".join(pair) for pair in pairs)


def join_cookies(fields: list[tuple[str, str]], text: str) -> list[tuple[str, str]]:
    """The fields with more cookies; there is one Cookie field at most (RFC 6265, section 5.4)."""
    given = [value for name, value in fields if name.lower() == "cookie"]
    others = [field for field in fields if field[0].lower() != "cookie"]
    joined = "; ".join(part for part in (*given, text) if part)
    return [*others, ("Cookie", joined)] if joined else others


def _with_auth(fields: list[tuple[str, str]], auth: Any, target: Target) -> list[tuple[str, str]]:
    """Add the credentials: those of the URL win over `auth`, and `auth` over a header (contract 9.3, 10.4)."""
    if target.userinfo is not None:
        return with_userinfo(fields, target)
    if auth is None:
        return fields
    if isinstance(auth, tuple | list):
        if len(auth) != 2:
            raise TypeError(f"auth has {len(auth)} items; (user, password) is needed")
        return _with_credentials(fields, *auth)
    if hasattr(auth, "username") and hasattr(auth, "password"):
        return _with_credentials(fields, auth.username, auth.password)
    if callable(auth):
        headers = Headers(fields)
        auth(headers)
        return read_fields(headers, "auth")[0]
    raise TypeError(f"auth is {type(auth).__name__}; (user, password), an object with both, or a callable is needed")


def with_userinfo(fields: list[tuple[str, str]], target: Target) -> list[tuple[str, str]]:
    """The fields with the URL's own credentials, if it has any."""
    return fields if target.userinfo is None else _with_credentials(fields, *target.userinfo)


def _with_credentials(fields: list[tuple[str, str]], user: object, password: object) -> list[tuple[str, str]]:
    others = [field for field in fields if field[0].lower() != "authorization"]
    return [*others, ("Authorization", basic_credentials(user, password))]


def basic_credentials(user: object, password: object) -> str:
    """The value of an Authorization field, in utf-8 (RFC 7617).

    Raises:
        TypeError: One of the two is not text or bytes. ValueError: The user's name has a colon.
    """
    name, secret = _octets(user), _octets("" if password is None else password)
    if b":" in name:
        raise ValueError("auth has a user with a colon, which Basic authorization cannot carry (RFC 7617, section 2)")
    return "Basic " + b64encode(name + b":" + secret).decode("ascii")


def _octets(part: object) -> bytes:
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytes):
        return part
    raise TypeError(f"auth has a {type(part).__name__}; the user and the password must be text")


def head_octets(method: str, target: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """The head of a request as it is sent (RFC 9112, section 3)."""
    parts = [method, " ", target, " HTTP/1.1\r\n"]
    for name, value in fields:
        parts += (name, ": ", value, "\r\n")  # joined, not formatted: an enum of text is sent as its text
    parts.append("\r\n")
    text = "".join(parts)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()  # RFC 9110, section 5.5, wants ASCII; utf-8 is what servers take for the rest
