"""Cookies: which cookies are kept, and which of them a request gets (RFC 6265, sections 5.3 and 5.4).

It has no lock, reads no clock, and does no I/O: that is the business of whoever holds it.

Invariants:
    COOKIES-1  After each change at most `MAX_OF_HOST` cookies are kept of one host or domain, and `MAX_COOKIES` in all.
    COOKIES-2  A cookie goes to its own host only, or with a domain to hosts within it; one that is `secure` goes to
               https only. What another host sets neither replaces nor ends a cookie of this one.
    COOKIES-3  What comes over plain http neither replaces nor ends a `secure` cookie, hides none behind another one of
               its name, and makes none leave to get room.
"""

from __future__ import annotations

from itertools import count

from .cookie import cookie_host, domain_matches, is_address, path_matches, read_set_cookie

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .cookie import Cookie
    from .target import Target

__all__ = ["Cookies", "received_cookies"]

MAX_RECEIVED = 50  # cookies that one response sets (CVE-2022-32205: a server could send any number)
MAX_OF_HOST = 50  # cookies (RFC 6265, section 6.1)
MAX_COOKIES = 3000  # likewise
# Octets of a Cookie field's value: with "Cookie: " a line of 8,190, the most that Apache reads; nginx reads 8,192.
MAX_FIELD = 8182


class _Kept:
    """A cookie, when it came to be, and when it was last set or sent, in the order of these events."""

    __slots__ = ("cookie", "created", "used")

    def __init__(self, cookie: Cookie, created: int, used: int) -> None:
        self.cookie = cookie
        self.created = created
        self.used = used


_Bucket = dict[tuple[str, str, str], _Kept]  # by domain, path and name


class Cookies:
    """A bounded number of cookies. All times are seconds since 1970."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}  # by the domain without its dot
        self._clock = count()

    def all(self, now: float) -> list[Cookie]:
        """Those that have not expired, in the order in which they were first set."""
        kept = sorted(self._everything(), key=lambda each: each.created)
        return [each.cookie for each in kept if not each.cookie.is_expired(now)]

    def _everything(self) -> Iterator[_Kept]:
        for bucket in self._buckets.values():
            yield from bucket.values()

    # Sent

    def field_for(self, target: Target, now: float) -> str | None:
        """The value of a request's Cookie field, or None; cookies beyond `MAX_FIELD` are left out."""
        if not self._buckets:
            return None
        found = [
            each
            for each in self._reachable(cookie_host(target))
            if self._goes_to(each.cookie, target) and not each.cookie.is_expired(now)
        ]
        # Those of longer paths first, then the older ones (section 5.4): so these are not what is left out, either.
        found.sort(key=lambda each: (-len(each.cookie.path), each.created))
        pairs, room = [], MAX_FIELD
        for each in found:
            pair = f"{each.cookie.name}={each.cookie.value}"
            if len(pair) <= room:
                pairs.append(pair)
                room -= len(pair) + len("; ")
                each.used = next(self._clock)
        return "; ".join(pairs) or None

    def _reachable(self, host: str) -> Iterator[_Kept]:
        """What is kept for a host, and for the domains it lies within."""
        yield from self._buckets.get(host, {}).values()
        domain = "" if is_address(host) else host.partition(".")[2]
        while domain:
            for each in self._buckets.get(domain, {}).values():
                if each.cookie.domain.startswith("."):
                    yield each
            domain = domain.partition(".")[2]

    @staticmethod
    def _goes_to(cookie: Cookie, target: Target) -> bool:
        is_allowed = not cookie.secure or target.scheme == "https"
        return is_allowed and path_matches(target.path.partition("?")[0], cookie.path)

    # Kept

    def receive(self, cookies: list[Cookie], now: float, *, is_secure: bool) -> None:
        """Keep what a response sets.

        Args:
            cookies: From `received_cookies()`.
            is_secure: They came over https.
        """
        if not is_secure:
            secure = self._secure_ones({cookie.name for cookie in cookies})
            cookies = [cookie for cookie in cookies if not any(_is_shadowed(cookie, other) for other in secure)]
        self.put(cookies, now)

    def _secure_ones(self, names: set[str]) -> list[Cookie]:
        return [each.cookie for each in self._everything() if each.cookie.secure and each.cookie.name in names]

    def put(self, cookies: Iterable[Cookie], now: float) -> None:
        """Add cookies; one that has expired removes what it would replace."""
        changed = set()
        for cookie in cookies:
            changed.add(cookie.host)
            key = (cookie.domain, cookie.path, cookie.name)
            bucket = self._buckets.setdefault(cookie.host, {})
            old = bucket.pop(key, None)
            if not cookie.is_expired(now):
                created = next(self._clock) if old is None else old.created
                bucket[key] = _Kept(cookie, created, next(self._clock))
        for host in changed:
            self._trim([*self._buckets[host].values()], MAX_OF_HOST, now)
        if sum(map(len, self._buckets.values())) > MAX_COOKIES:
            self._trim([*self._everything()], MAX_COOKIES, now)
        self._drop_empty_buckets(changed)

    def _trim(self, kept: list[_Kept], limit: int, now: float) -> None:
        """Remove what is too much: expired ones, then those that are not secure, then those not used for longest."""
        excess = len(kept) - limit
        if excess > 0:
            kept.sort(key=lambda each: (not each.cookie.is_expired(now), each.cookie.secure, each.used))
            self._remove([each.cookie for each in kept[:excess]])

    def clear(self, domain: str | None, path: str | None, name: str | None) -> None:
        """Remove the cookies of which these are the parts, or all; the domain is one without its leading dot."""
        self._remove(
            [
                each.cookie
                for each in self._everything()
                if domain in {None, each.cookie.host}
                and path in {None, each.cookie.path}
                and name in {None, each.cookie.name}
            ]
        )

    def _remove(self, cookies: list[Cookie]) -> None:
        for cookie in cookies:
            del self._buckets[cookie.host][cookie.domain, cookie.path, cookie.name]
        self._drop_empty_buckets({cookie.host for cookie in cookies})

    def _drop_empty_buckets(self, hosts: Iterable[str]) -> None:
        for host in hosts:
            if not self._buckets.get(host, True):
                del self._buckets[host]


def received_cookies(target: Target, fields: list[str], now: float) -> list[Cookie]:
    """The cookies of a response.

    Args:
        fields: The values of its Set-Cookie fields.
    """
    read = (read_set_cookie(text, target, now) for text in fields[:MAX_RECEIVED])
    return [cookie for cookie in read if cookie is not None]


def _is_shadowed(cookie: Cookie, secure: Cookie) -> bool:
    """Whether a cookie that came over plain http would stand beside or before a secure one (RFC 6265bis, 5.7)."""
    return (
        cookie.name == secure.name
        and (domain_matches(cookie.host, secure.host) or domain_matches(secure.host, cookie.host))
        and path_matches(cookie.path, secure.path)
    )
