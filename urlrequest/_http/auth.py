"""Credentials of a request: those of the URL, `auth`, Basic authorization (RFC 7617). Pure.

Loaded by the first request that has any.
"""

from __future__ import annotations

from base64 import b64encode

from .fields import read_fields, without
from .headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fields import Fields
    from .target import Target

__all__ = ["basic_credentials", "watched_auth", "with_auth", "with_userinfo"]


def with_auth(fields: Fields, auth: Any, target: Target) -> Fields:
    """Add the credentials: those of the URL win over `auth`, and `auth` over a header (contract 9.3, 10.4).

    Args:
        auth: (user, password), an object with `username` and `password`, a callable that changes the `Headers` it is
            given, or None.
    Raises:
        TypeError: `auth` is something else. ValueError: Credentials or changed fields cannot be sent.
    """
    if target.userinfo is not None:
        return with_userinfo(fields, target)
    if auth is None:
        return fields
    if isinstance(auth, tuple | list):
        if len(auth) != 2:
            raise TypeError(f"auth has {len(auth)} items; (user, password) is needed")
        return _with_credentials(fields, *auth)
    if _is_account(auth):
        return _with_credentials(fields, auth.username, auth.password)
    if callable(auth):
        headers = Headers(fields)
        auth(headers)
        return read_fields(headers, "auth")[0]
    raise TypeError(f"auth is {type(auth).__name__}; (user, password), an object with both, or a callable is needed")


def with_userinfo(fields: Fields, target: Target) -> Fields:
    """The fields with the URL's own credentials, if it has any."""
    return fields if target.userinfo is None else _with_credentials(fields, *target.userinfo)


def watched_auth(auth: Any, secrets: set[str]) -> Any:
    """A callable `auth` that also collects the names of the fields that it set; any other `auth` as it is.

    Whatever these fields are called, they hold credentials, and must not follow a redirect to another origin.

    Args:
        secrets: Takes the names, in lower case.
    """
    if not callable(auth) or _is_account(auth):
        return auth

    def watched(headers: Headers) -> None:
        before = set(headers.fields())
        auth(headers)
        secrets.update(name.lower() for name, value in headers.fields() if (name, value) not in before)

    return watched


def _is_account(auth: object) -> bool:
    return hasattr(auth, "username") and hasattr(auth, "password")


def _with_credentials(fields: Fields, user: object, password: object) -> Fields:
    return [*without(fields, {"authorization"}), ("Authorization", basic_credentials(user, password))]


def basic_credentials(user: object, password: object) -> str:
    """The value of an Authorization field, in UTF-8 (RFC 7617).

    Raises:
        TypeError: One of the two is not text or bytes. ValueError: The user's name has a colon.
    """
    name, secret = _encode(user), _encode("" if password is None else password)
    if b":" in name:
        raise ValueError("auth has a user with a colon, which Basic authorization cannot carry (RFC 7617, section 2)")
    return "Basic " + b64encode(name + b":" + secret).decode("ascii")


def _encode(text: object) -> bytes:
    if isinstance(text, str):
        return text.encode()
    if isinstance(text, bytes):
        return text
    raise TypeError(f"auth has a {type(text).__name__}; the user and the password must be text")
