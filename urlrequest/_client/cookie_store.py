"""CookieStore: the cookies of a session, for its requests and for programs.

Thread safety. Workers of a session use it at once, and any thread may read, set, save and load. One lock guards
`_cookies`, which has none of its own. It is held while cookies are looked through or moved, of which there are 3,000 at
the most (COOKIES-1). Set-Cookie fields and files are read without it, and files are written without it. `cancel()`
never takes it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from time import time

from urlrequest._concurrency.sync import ScopedLock, fork_watch
from urlrequest._http.cookie import Cookie, check_cookie, check_host
from urlrequest._http.cookies import Cookies, received_cookies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http.target import Target

__all__ = ["Cookie", "CookieStore"]


class CookieStore:
    """The cookies of a session (contract 17.11 to 17.14). It may be used from any thread.

    Iterating gives each `Cookie` that has not expired, in the order in which they were first set; `len()` is their
    number.
    """

    is_prompt = True  # see `urlrequest._engine.observer.CookieStore`

    def __init__(self) -> None:
        self._lock = ScopedLock()
        self._cookies = Cookies()

    def __iter__(self) -> Iterator[Cookie]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> list[Cookie]:
        fork_watch.check()
        with self._lock:
            return self._cookies.all(time())

    def __repr__(self) -> str:
        return f"<CookieStore with {len(self)} cookies>"

    def set(
        self,
        name: str,
        value: str,
        domain: str,
        path: str = "/",
        *,
        expires: float | None = None,
        secure: bool = False,
        http_only: bool = False,
    ) -> None:
        """Set a cookie, in the place of the one with the same name, domain and path.

        Args:
            domain: A host; with a leading dot, the hosts within that domain too.
            expires: Seconds since 1970; None: it has no end of its own.
            secure: It is sent over https only.
        Raises:
            ValueError, TypeError: It cannot be sent, or is larger than 4,096 bytes.
        """
        cookie = check_cookie(name, value, domain, path, expires, secure=secure, http_only=http_only)
        fork_watch.check()
        with self._lock:
            self._cookies.put([cookie], time())

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove all cookies, or those of a domain, a path, a name; the domain may have a leading dot.

        Raises:
            ValueError: The domain is no host name, so that no cookie can be of it.
        """
        host = None if domain is None else check_host(domain.removeprefix("."))
        fork_watch.check()
        with self._lock:
            self._cookies.clear(host, path, name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all cookies to a file, in one step; only its owner can read it (mode 0600).

        The format is JSON where the name ends in ".json", else that of cookies.txt files. Cookies without an end of
        their own are written as well, since most logins are such cookies. A link at the path is replaced, not followed.

        Raises:
            OSError: The file cannot be written; the one that was there is as it was.
        """
        from urlrequest._http.cookie_file import write_json, write_netscape  # few programs save cookies

        name = os.fspath(path)
        write = write_json if name.lower().endswith(".json") else write_netscape
        octets = write(self._all())
        try:
            _write_private(name, octets)
        except OSError as error:  # with the name that the program knows, not that of the temporary file
            raise OSError(error.errno, f"the cookies cannot be saved: {error.strerror}", name) from error

    def load(self, path: str | os.PathLike[str]) -> None:
        """Add the cookies of a file, in either format of `save()`; those that have expired are left out.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is malformed; the message says where. No cookie is added.
        """
        from urlrequest._http.cookie_file import read_cookies  # as above

        with open(path, "rb") as file:
            octets = file.read()
        try:
            cookies = read_cookies(octets)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)} is no file of cookies: {error}") from None
        fork_watch.check()
        with self._lock:
            self._cookies.put(cookies, time())

    # For requests

    def cookies_for(self, target: Target) -> str | None:
        """The value of the Cookie field for a request, or None."""
        with self._lock:
            return self._cookies.field_for(target, time())

    def store(self, target: Target, head: ResponseHead) -> None:
        """Keep the cookies that a response sets."""
        fields = head.headers.get_all("Set-Cookie")
        if fields:
            now = time()
            cookies = received_cookies(target, fields, now)
            with self._lock:
                self._cookies.receive(cookies, now, is_secure=target.scheme == "https")

    def reset_after_fork(self) -> None:
        """Make a new lock, since a thread that the fork has not copied may hold the old one. In a forked child."""
        self._lock = ScopedLock()


def _write_private(path: str, octets: bytes) -> None:
    """Put a file of mode 0600 in the place of another, in one step."""
    from urlrequest._content.file_sink import replace_file  # few programs save cookies

    temporary = os.path.join(os.path.dirname(path), f".urlrequest-{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            with suppress(OSError):  # some file systems cannot
                os.fsync(descriptor)
        replace_file(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


CookieStore.__module__ = "urlrequest"  # where users find it
