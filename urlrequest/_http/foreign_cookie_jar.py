"""JarStore: a `http.cookiejar.CookieJar` that a program gives to its session, with the rules of that class.

Thread safety. CookieJar has a lock of its own; this module keeps no state beside it. Called on workers only.
"""

from __future__ import annotations

from threading import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.cookiejar import CookieJar
    from typing import Any

    from .response_head import ResponseHead
    from .target import Target

__all__ = ["JarStore"]

MAX_RECEIVED = 50  # cookies that one response sets (CVE-2022-32205: a server could send any number)


class JarStore:
    """Cookies for the requests of a session, kept by a CookieJar.

    Attributes:
        jar: The one that was given.
    """

    is_prompt = False  # a jar may have a policy of the program's own, and keep its cookies anywhere

    def __init__(self, jar: CookieJar) -> None:
        self.jar = jar

    def cookies_for(self, target: Target) -> str | None:
        """The value of the Cookie field for a request, or None."""
        request = _Request(target)
        self.jar.add_cookie_header(request)  # type: ignore[arg-type]  # it uses only what _Request has
        return request.cookie

    def store(self, target: Target, head: ResponseHead) -> None:
        """Keep the cookies that a response sets."""
        if "Set-Cookie" in head.headers:
            self.jar.extract_cookies(_Response(head), _Request(target))  # type: ignore[arg-type]  # as above

    def reset_after_fork(self) -> None:
        """Make a new lock, since a thread that the fork has not copied may hold the old one. In a forked child."""
        # The class has no public way: it makes the lock in its constructor, and so do its subclasses.
        self.jar._cookies_lock = RLock()  # type: ignore[attr-defined]  # noqa: SLF001  # as said above


class _Request:
    """The methods of `urllib.request.Request` that CookieJar uses."""

    unverifiable = False

    def __init__(self, target: Target) -> None:
        self._target = target
        self.cookie: str | None = None
        self.host = target.host
        self.type = target.scheme
        self.origin_req_host = target.host

    def get_full_url(self) -> str:
        return self._target.url

    def has_header(self, name: str) -> bool:  # noqa: ARG002 - CookieJar asks for Cookie and Cookie2
        return False

    def get_header(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - as above
        return default

    def add_unredirected_header(self, name: str, value: str) -> None:
        if name == "Cookie":
            self.cookie = value


class _Response:
    """The methods of a response that CookieJar uses."""

    def __init__(self, head: ResponseHead) -> None:
        self._head = head

    def info(self) -> _Response:
        return self

    def get_all(self, name: str, default: Any = None) -> Any:
        return self._head.headers.get_all(name)[:MAX_RECEIVED] or default
