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

__all__ = [
    "account_of",
    "answers_challenges",
    "apply_auth",
    "basic_credentials",
    "watched_auth",
    "with_auth",
    "with_userinfo",
]


def with_auth(fields: Fields, auth: Any, target: Target) -> Fields:
    """Add the credentials: those of the URL win over `auth`, and `auth` over a header (contract 9.3, 10.4).

    Args:
        auth: (user, password), an object with `username` and `password`, a callable that changes the `Headers` it is
            given, an object that answers challenges (it may be callable as well), or None.
    Raises:
        TypeError: `auth` is something else. ValueError: Credentials or changed fields cannot be sent.
    """
    if target.userinfo is not None:
        return with_userinfo(fields, target)
    return apply_auth(fields, auth, "Authorization", "auth")


def apply_auth(fields: Fields, auth: Any, header: str, what: str) -> Fields:
    """Add the credentials of `auth`, which takes the place of a header.

    Args:
        header: Authorization or Proxy-Authorization.
        what: The argument's name, for messages.
    Raises:
        TypeError, ValueError: As of `with_auth()`.
    """
    if auth is None:
        return fields
    account = account_of(auth, what)
    if account is not None:
        return _with_credentials(fields, header, *account)
    if callable(auth):
        headers = Headers(fields)
        auth(headers)
        return read_fields(headers, what)[0]
    if answers_challenges(auth):
        return without(fields, {header.lower()})  # it sets the field when it is asked
    raise TypeError(
        f"{what} is {type(auth).__name__}; (user, password), an object with both, a callable, or an object that "
        "answers challenges is needed"
    )


def account_of(auth: Any, what: str) -> tuple[Any, Any] | None:
    """User and password, where `auth` is nothing but these; else None.

    Raises:
        TypeError: It has another number of items.
    """
    if isinstance(auth, tuple | list):
        if len(auth) != 2:
            raise TypeError(f"{what} has {len(auth)} items; (user, password) is needed")
        return auth[0], auth[1]
    return (auth.username, auth.password) if _is_account(auth) else None


def with_userinfo(fields: Fields, target: Target) -> Fields:
    """The fields with the URL's own credentials, if it has any."""
    return fields if target.userinfo is None else _with_credentials(fields, "Authorization", *target.userinfo)


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


def answers_challenges(auth: object) -> bool:
    """Whether an `auth` object wants to be given the responses that ask for credentials; see `_http.challenges`."""
    return callable(getattr(auth, "answer_challenge", None))


def _is_account(auth: object) -> bool:
    # An object that answers challenges may have both for its own use.
    return hasattr(auth, "username") and hasattr(auth, "password") and not answers_challenges(auth)


def _with_credentials(fields: Fields, header: str, user: object, password: object) -> Fields:
    return [*without(fields, {header.lower()}), (header, basic_credentials(user, password))]


def basic_credentials(user: object, password: object) -> str:
    """The value of an Authorization field, in UTF-8 (RFC 7617).

    Raises:
        TypeError: One of the two is not text or bytes. ValueError: The user's name has a colon.
    """
    name, secret = _encode(user), _encode(password)
    if b":" in name:
        raise ValueError("auth has a user with a colon, which Basic authorization cannot carry (RFC 7617, section 2)")
    return "Basic " + b64encode(name + b":" + secret).decode("ascii")


def _encode(text: object) -> bytes:
    if isinstance(text, str):
        return text.encode()
    if isinstance(text, bytes):
        return text
    raise TypeError(f"auth has a {type(text).__name__}; the user and the password must be text")
