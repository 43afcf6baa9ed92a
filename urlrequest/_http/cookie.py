"""Cookie: one cookie, read from a Set-Cookie field, checked, and matched with a request (RFC 6265, section 5). Pure.

Where the RFC has been found too lenient, its successor (draft-ietf-httpbis-rfc6265bis) decides: control characters,
sizes, the prefixes `__Secure-` and `__Host-`, and `Secure` over plain http. A cookie without a name is ignored, as RFC
6265 says.

Invariants:
    COOKIE-1  `read_set_cookie()` and `parse_date()` take any text, raise nothing, and take linear time.
    COOKIE-2  No name or value has a control character or a semicolon, no name an equals sign. So a Cookie field made of
              pairs has exactly these cookies, whatever a server or a file put into them.
    COOKIE-3  A server sets cookies for its own host, or for a domain that its host lies within and that is more than
              one label. Nobody sets one for part of an IP address.
    COOKIE-4  A domain is what some request can have as its host, and nothing else: a name, an IP address, or, of other
              schemes than http, a percent-encoded path. So it has no character that ends or begins something in a file.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from math import ceil, isfinite
from time import time
from typing import NamedTuple

from urlrequest.errors import InvalidURL

from .fields import sent_text
from .target import DEFAULT_PORTS, parse_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .target import Target

__all__ = [
    "Cookie",
    "check_cookie",
    "check_host",
    "cookie_host",
    "domain_matches",
    "is_address",
    "parse_date",
    "path_matches",
    "read_set_cookie",
]

MAX_SIZE = 4096  # octets of name and value (RFC 6265, section 6.1)
MAX_ATTRIBUTE = 1024  # octets of an attribute's value; a longer one is ignored. Also of a path.
MAX_TIME = 253402300799  # seconds since 1970: the end of the year 9999
MIN_YEAR = 1601  # RFC 6265, section 5.1.1

_BLANKS = " \t"
# A tab is none of them, since blanks around names and values are stripped (RFC 6265bis, section 5.6).
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_AGE = re.compile(r"-?[0-9]+")
_VISIBLE = re.compile(r"[!-~]+")
_ENCODED_HOST = re.compile(r"([a-z0-9._-]|%[0-9a-f]{2})+")

# Delimiters of a date, and what its tokens begin with (RFC 6265, section 5.1.1).
_DELIMITERS = re.compile(r"[\t -/;-@\[-`{-~]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# Without the list of public suffixes: what registries of many countries sell names below, as in co.uk and com.au.
_REGISTRY_LABELS = frozenset(
    [
        "ac", "aero", "biz", "cat", "co", "com", "coop", "edu", "eu", "go", "gob", "gouv", "gov", "govt", "gub", "gv",
        "info", "int", "jobs", "ltd", "mil", "mobi", "museum", "name", "ne", "net", "nom", "or", "org", "plc", "pro",
        "sch", "travel",
    ]
)  # fmt: skip


class Cookie(NamedTuple):
    """One cookie.

    Attributes:
        name, value: As they are sent, with one character for each byte.
        domain: The host that gets it; with a leading dot, the hosts within that domain too.
        path: What the paths of requests that get it begin with.
        expires: Seconds since 1970; None: it has no end of its own.
        secure: It is sent over https only.
        http_only: The server wants it hidden from scripts in web pages, which makes no difference here.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    expires: int | None = None
    secure: bool = False
    http_only: bool = False

    @property
    def host(self) -> str:
        """The domain without its leading dot."""
        return self.domain.removeprefix(".")

    def is_expired(self, now: float | None = None) -> bool:
        """Whether its time is over; `now` is in seconds since 1970."""
        return self.expires is not None and self.expires <= (time() if now is None else now)

    def __repr__(self) -> str:
        # The value may be as good as a password.
        return f"Cookie({self.name!r}, '***', {self.domain!r}, {self.path!r})"


def read_set_cookie(text: str, target: Target, now: float) -> Cookie | None:
    """The cookie of a Set-Cookie field, or None where it must be ignored (sections 5.2 and 5.3).

    Args:
        target: Of the request whose response has the field.
        now: Seconds since 1970.
    Returns:
        The cookie, which may have expired: then it ends the one that is kept.
    """
    if _CONTROLS.search(text):
        return None
    pair, *rest = text.split(";")
    name, _, value = (part.strip(_BLANKS) for part in pair.partition("="))
    if not (name and "=" in pair) or len(name) + len(value) > MAX_SIZE or "\t" in name + value:
        return None
    attributes = _read_attributes(rest)
    host = cookie_host(target)
    domain = _domain_for(host, attributes.get("domain", ""))
    path = attributes.get("path", "")
    secure = "secure" in attributes
    if domain is None or (secure and target.scheme != "https"):
        return None
    if not _keeps_prefix(name, secure=secure, is_for_whole_host=domain == host and path == "/"):
        return None
    path = path if path.startswith("/") else default_path(target.path)
    # No request has another path than visible ASCII, so no other one can ever match (TARGET-3).
    if len(path) > MAX_ATTRIBUTE or not _VISIBLE.fullmatch(path):
        return None
    return Cookie(name, value, domain, path, _expiry(attributes, now), secure, "httponly" in attributes)


def _read_attributes(parts: list[str]) -> dict[str, Any]:
    """The attributes by their names in lower case: of each the last one whose value means something."""
    found: dict[str, Any] = {}
    for part in parts:
        name, _, value = (piece.strip(_BLANKS) for piece in part.partition("="))
        read = _READERS.get(name.lower())
        if read is not None and len(value) <= MAX_ATTRIBUTE and (meaning := read(value)) is not None:
            found[name.lower()] = meaning
    return found


def _read_domain(value: str) -> str | None:
    return value.removeprefix(".").lower() if value else None


def _read_age(value: str) -> int | None:
    return int(value) if _AGE.fullmatch(value) else None


def parse_date(text: str) -> int | None:
    """Seconds since 1970 of a date in any of the forms that servers write, or None (section 5.1.1)."""
    clock = day = month = year = None
    for token in _DELIMITERS.split(text):
        if clock is None and (found := _TIME.match(token)):
            clock = [int(digits) for digits in found.groups()]
        elif day is None and (found := _DAY.match(token)):
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)):
            year = _full_year(int(found[1]))
    if clock is None or day is None or month is None or year is None or year < MIN_YEAR:
        return None
    hour, minute, second = clock
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())
    except ValueError:  # such as the 30th of February
        return None


def _full_year(year: int) -> int:
    if year <= 69:
        return year + 2000
    return year + 1900 if year <= 99 else year


_READERS: dict[str, Callable[[str], Any]] = {
    "expires": parse_date,
    "max-age": _read_age,
    "domain": _read_domain,
    "path": str,
    "secure": bool,  # whatever its value is
    "httponly": bool,
}


def _expiry(attributes: dict[str, Any], now: float) -> int | None:
    """When the cookie ends; Max-Age counts more than Expires."""
    age: int | None = attributes.get("max-age")
    if age is not None:
        return 0 if age <= 0 else min(ceil(now) + age, MAX_TIME)
    expires: int | None = attributes.get("expires")
    return expires


def _domain_for(host: str, attribute: str) -> str | None:
    """The domain of a cookie; None: the host must not set it.

    Args:
        attribute: The Domain attribute; '' where there is none.
    """
    if not host:
        return None
    if not attribute or (attribute == host and (is_address(host) or _is_public_suffix(host))):
        return host
    if not domain_matches(host, attribute) or _is_public_suffix(attribute):
        return None
    return f".{attribute}"


def cookie_host(target: Target) -> str:
    """The host of a request as cookies have it; '' where it has none that they could be for (COOKIE-4)."""
    if target.scheme in DEFAULT_PORTS:
        return target.host.lower()  # a zone may have capitals
    try:
        return check_host(target.host)
    except ValueError:
        return ""


def check_host(text: str) -> str:
    """The host of a cookie, of a text that may be none.

    Raises:
        ValueError: It is none; the message does not show it.
    """
    host = text.lower()
    if "%" in host and _ENCODED_HOST.fullmatch(host):  # as that of http+unix://%2Frun%2Fsocket/
        return host
    try:
        return parse_host(text).lower()
    except InvalidURL:
        raise ValueError("the cookie's domain is no host name") from None


def _is_public_suffix(domain: str) -> bool:
    """Whether names of many owners lie below the domain, as far as that can be known without the list of them all."""
    label, _, last = domain.removesuffix(".").rpartition(".")
    return not label or (len(last) == 2 and label in _REGISTRY_LABELS)


def is_address(host: str) -> bool:
    """Whether a target's host is an IP address: those are IPv6 or four decimal numbers (TARGET-3)."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def domain_matches(host: str, domain: str) -> bool:
    """Whether a host is the domain or lies within it (section 5.1.3); both in lower case."""
    return host == domain or (host.endswith(f".{domain}") and not is_address(host))


def default_path(path: str) -> str:
    """The path of a cookie that names none, from the target's (section 5.1.4)."""
    folder = path.partition("?")[0].rpartition("/")[0]
    return folder if folder.startswith("/") else "/"


def path_matches(path: str, prefix: str) -> bool:
    """Whether a path, without query, is that of a cookie or lies below it (section 5.1.4)."""
    return path == prefix or (path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix)] == "/"))


def _keeps_prefix(name: str, *, secure: bool, is_for_whole_host: bool) -> bool:
    """Whether a cookie is what the beginning of its name promises (RFC 6265bis, section 4.1.3)."""
    start = name.lower()
    if start.startswith("__host-"):
        return secure and is_for_whole_host
    return secure or not start.startswith("__secure-")


def check_cookie(
    name: object,
    value: object,
    domain: object,
    path: object = "/",
    expires: object = None,
    *,
    secure: bool = False,
    http_only: bool = False,
) -> Cookie:
    """A cookie that a program or a file gives.

    Args:
        domain: A host; with a leading dot, the hosts within that domain too.
        expires: Seconds since 1970.
    Raises:
        TypeError, ValueError: A part cannot be a cookie's. The message shows none of them: a file may have them in
            another order, and the value is a secret.
    """
    texts = {"name": name, "value": value, "domain": domain, "path": path}
    for what, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"the cookie's {what} is {type(text).__name__}; text is needed")
    name, value = (_check_text(what, str(texts[what])) for what in ("name", "value"))
    if not name or "=" in name:
        raise ValueError("the cookie's name is empty or has an equals sign")
    if len(name) + len(value) > MAX_SIZE:
        raise ValueError(f"the cookie has {len(name) + len(value)} bytes; {MAX_SIZE} are allowed")
    domain, path = _check_domain(str(domain)), str(path)
    if not path.startswith("/") or len(path) > MAX_ATTRIBUTE or not _VISIBLE.fullmatch(path):
        raise ValueError("the cookie's path does not begin with a slash, is too long or is not percent-encoded")
    is_for_whole_host = not domain.startswith(".") and path == "/"
    if not _keeps_prefix(name, secure=secure, is_for_whole_host=is_for_whole_host):
        raise ValueError("a cookie __Secure-* must be secure; one __Host-* as well, for one host, and with the path /")
    return Cookie(name, value, domain, path, _check_expiry(expires), bool(secure), bool(http_only))


def _check_text(what: str, text: str) -> str:
    text = sent_text(text)
    if _CONTROLS.search(text) or "\t" in text or ";" in text or text != text.strip(_BLANKS):
        raise ValueError(f"the cookie's {what} has a control character, a semicolon, or blanks around it")
    return text


def _check_domain(domain: str) -> str:
    dot = "." if domain.startswith(".") else ""
    host = check_host(domain.removeprefix("."))
    return host if is_address(host) else dot + host


def _check_expiry(expires: object) -> int | None:
    if expires is None:
        return None
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise TypeError(f"the cookie's expires is {type(expires).__name__}; seconds since 1970 are needed")
    if isinstance(expires, float) and not isfinite(expires):
        raise ValueError("the cookie's expires is no point in time")
    return min(int(expires), MAX_TIME)


Cookie.__module__ = "urlrequest"  # where users find it
