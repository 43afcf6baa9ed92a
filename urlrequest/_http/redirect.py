"""Redirects: (request, response head) -> the next request, or None (RFC 9110, section 15.4). Pure.

Invariants:
    REDIRECT-1  When scheme, host or port changes, Authorization, Cookie, Proxy-Authorization and the fields that `auth`
                set are dropped, and stay dropped for the rest of the chain (contract 17.4).
    REDIRECT-2  Only redirects to http and https are followed, and never from https to http.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin

from urlrequest.errors import InvalidURL, UnsafeRedirect

from .fields import CONTROL
from .target import DEFAULT_PORTS, Target, parse_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .response_head import ResponseHead

__all__ = [
    "CONTENT_FIELDS",
    "Hop",
    "NextRequest",
    "find_location",
    "find_redirect",
    "redirect_hint",
    "resolve_reference",
]

CONTENT_FIELDS = frozenset(
    {
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-type",
        "expect",
        "transfer-encoding",
    }
)
STATUSES = frozenset({301, 302, 303, 307, 308})

_CONTROL = re.compile(CONTROL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Browsers read a host behind any number of slashes and backslashes, RFC 3986 behind two slashes; where there is none,
# browsers refuse the URL, and `urljoin()` stays at the present host.
_ODD_SLASHES = re.compile(r"(?:https?:)?(?!//[^/\\?#])[/\\]{2}", re.IGNORECASE)


class Hop(NamedTuple):
    """A redirect that was followed, as `UrlRequest.history` shows it."""

    url: str
    status: int
    headers: dict[str, str]

    def __repr__(self) -> str:
        return f"<Hop {self.status}: {parse_target(self.url)}>"


class NextRequest(NamedTuple):
    """The request that a redirect leads to.

    Attributes:
        keeps_body: The body is sent again; False: the method is GET, and there is none.
        leaves_origin: Scheme, host or port differ, so credentials must be dropped.
    """

    target: Target
    method: str
    keeps_body: bool
    leaves_origin: bool


def resolve_reference(base: Target, reference: str) -> Target:
    """The target of a relative or absolute URL (RFC 3986, section 5).

    Raises:
        InvalidURL: It cannot be requested.
    """
    text = reference.strip(" \t")
    if _CONTROL.search(text):  # urljoin() would silently delete some of them
        raise InvalidURL("a URL with control characters cannot be followed")
    if _ODD_SLASHES.match(text):
        raise InvalidURL("a URL whose host depends on who reads it cannot be followed: it begins with odd slashes")
    try:
        following = parse_target(_join(base, text))
    except InvalidURL:
        raise
    except ValueError as error:
        raise InvalidURL(f"the URL cannot be joined to {base}: {error}") from None
    has_authority = _SCHEME.match(text) or text.startswith("//")
    if has_authority and (following.origin != base.origin or following.userinfo is not None):
        return following
    # The host of the base: a URL that is sent never has the zone of an IPv6 address (RFC 6874, section 4).
    return Target(base.scheme, base.host, base.port, following.path, base.userinfo)


def _join(base: Target, text: str) -> str:
    if _SCHEME.match(text):
        return text
    # urljoin() knows a few schemes only; with any other it does not join, and the result would mean another host.
    return base.scheme + urljoin(f"http{base.url[len(base.scheme) :]}", text)[len("http") :]


def _location_text(location: str) -> str:
    """A Location, which was read as Latin-1, as text that stands for the same bytes: UTF-8, else percent-encoded."""
    try:
        return location.encode("latin-1").decode()
    except UnicodeEncodeError:  # a user's connection class has decoded it
        return location
    except UnicodeDecodeError:
        return "".join(character if character.isascii() else f"%{ord(character):02X}" for character in location)


def find_location(target: Target, head: ResponseHead) -> Target | None:
    """Where a response redirects to; None when it is not a redirect, has no Location, or several that differ.

    Raises:
        InvalidURL: Location cannot be requested.
    """
    if head.status not in STATUSES:
        return None
    locations = {location for value in head.headers.get_all("Location") if (location := value.strip(" \t"))}
    if len(locations) != 1:
        return None
    location = _location_text(locations.pop())
    following = resolve_reference(target, location)
    # `name:80` is a host and its port where a user writes it, but a scheme where a browser reads it.
    is_host = following.scheme in DEFAULT_PORTS and not location.lower().startswith(f"{following.scheme}://")
    if is_host and _SCHEME.match(location):
        raise InvalidURL(f"the redirect leads to the scheme {location.partition(':')[0]}; a host stands behind http://")
    return following


def redirect_hint(target: Target, head: ResponseHead) -> str:
    """For messages about a redirect that was not followed: where it leads, and how to go there; '' for all others."""
    try:
        location = find_location(target, head)
    except InvalidURL:
        return ""
    if location is None:
        return ""
    return f" to {location}" + ("; follow_redirects=True would follow" if _is_followed(target, location) else "")


def _is_followed(target: Target, following: Target) -> bool:
    return following.scheme in DEFAULT_PORTS and (target.scheme, following.scheme) != ("https", "http")


def find_redirect(method: str, target: Target, head: ResponseHead) -> NextRequest | None:
    """The request that a response redirects to; None as in `find_location()`.

    Raises:
        InvalidURL: Location cannot be requested. UnsafeRedirect: It leads from https to http.
    """
    following = find_location(target, head)
    if following is None:
        return None
    if following.scheme not in DEFAULT_PORTS:
        raise InvalidURL(f"the redirect leads to the scheme {following.scheme}; only http and https are followed")
    if not _is_followed(target, following):
        raise UnsafeRedirect(f"{target} redirects from https to {following}")
    becomes_get = (head.status == 303 and method != "HEAD") or (head.status in {301, 302} and method == "POST")
    return NextRequest(
        following,
        "GET" if becomes_get else method,
        keeps_body=not becomes_get,
        leaves_origin=following.origin != target.origin,
    )
