"""Options: what the user asked for, as it was passed. Nothing is checked here; see `_engine.prepare`."""

from __future__ import annotations

from collections import namedtuple
from functools import lru_cache
from operator import is_, itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest._http.target import Target

__all__ = ["PLAIN", "Options", "SharedOptions", "shared_options"]

MAX_SHARED_URL = 2048  # characters; the options of a longer URL are not kept for the next request
MAX_DATA = 1000  # values within the options of a launched request, pairs included

# What a launch prepares as `perform()` does, or leaves to it with a response that is not common.
_LAUNCHED = (
    "url", "decode", "ca_file", "verify", "chunk_size", "req_headers", "method", "user_agent", "cookies", "auth",
    "params", "follow_redirects", "retries", "base_url", "session_headers", "session_cookies",
)  # fmt: skip
# Whatever has one of these types can be read twice, and reading it runs no code of the user's.
_DATA = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict})
_FLAGS = frozenset({type(None), bool, int})
_CONTAINERS = (
    "req_body", "req_headers", "proxy_headers", "cookies", "params", "json", "files", "expect_type", "retry_statuses",
    "retry_methods", "session_headers", "session_cookies",
)  # fmt: skip


class Options(
    namedtuple(  # noqa: PYI024 - each may be anything, and `typing` is slow to import
        "Options",
        [
            # Of a plain request the first four may be anything, chunk_size equals its default ...
            "url", "decode", "ca_file", "verify", "chunk_size",
            # ... and these are the very objects that they are by default: see `is_plain`.
            "req_body", "req_headers", "method", "file_path", "proxy_host", "proxy_port", "proxy_headers",
            "user_agent", "cookies", "auth", "client_cert", "ssl_context", "fingerprint", "follow_redirects", "retries",
            "trust_env", "params", "json", "files", "progress_interval", "max_size", "resume", "checksum",
            "expect_type", "proxy_auth", "address_family", "low_speed", "retry_statuses", "retry_methods",
            "max_retry_after", "resume_key",
            "base_url", "session_headers", "session_cookies",  # these the session adds: see `Session.complete()`
        ],
        defaults=(None, None, None),
    )
):  # fmt: skip
    """The constructor's arguments as the user passed them (contract 2.1), completed by what the session says.

    Made from positions: from keywords it would take three times as long, 1.7 us of a request (measured).
    """

    __slots__ = ()

    target: Target | None = None  # see `SharedOptions`

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for but a URL: then there is nothing to check, and nothing of the user's to keep."""
        # By identity: what the user passed may be equal to anything, or refuse to be compared, as arrays of numpy do.
        return self.chunk_size == PLAIN.chunk_size and all(map(is_, self[_AFTER_CHUNK_SIZE:], _DEFAULTS))

    @property
    def is_launchable(self) -> bool:
        """Whether nothing is asked for but a GET of a common response: with header fields, parameters, a password."""
        if not all(map(is_, _declined(self), _THEIR_DEFAULTS)):
            return False
        values = list(_given(self))
        for value in values:  # what containers hold joins the list: no call for each
            kind = type(value)
            if kind not in _DATA or len(values) > MAX_DATA:  # a list may even hold itself
                return False
            if kind is dict:
                values += value.items()
            elif kind is list or kind is tuple:
                values += value
        return self.method is None or bool(self.method == "GET")  # it is data by now, and runs no code

    def detached(self) -> Options:
        """The same with containers of our own: the user may change theirs while the request runs."""
        if (
            self.req_body is self.req_headers is self.proxy_headers is self.cookies is self.params is self.json
            is self.files is self.expect_type is self.retry_statuses is self.retry_methods
            is self.session_headers is self.session_cookies is None
        ):  # fmt: skip
            return self
        copies = {
            name: value.copy() for name in _CONTAINERS if isinstance(value := getattr(self, name), dict | list | set)
        }
        return self._replace(**copies) if copies else self


PLAIN = Options(*[None] * len(Options._fields))._replace(decode=True, verify=True, chunk_size=8192, resume=False)
_declined = itemgetter(*[index for index, name in enumerate(Options._fields) if name not in _LAUNCHED])
_THEIR_DEFAULTS = _declined(PLAIN)
_given = itemgetter(*map(Options._fields.index, _LAUNCHED[5:]))
_AFTER_CHUNK_SIZE = 1 + Options._fields.index("chunk_size")
_DEFAULTS = PLAIN[_AFTER_CHUNK_SIZE:]


class SharedOptions(Options):
    """Options that ask for a URL and no more than a few flags: one object for all requests that are alike.

    So it takes no memory of a request that waits, and what is found out about the first one is at hand for the next.
    They are launchable.

    Attributes:
        plan: What `launch` makes of them; it is set by any thread.
        target: That of the plan; None: there is no plan yet.
    """

    # No property again: asking it would be another call in each request.
    is_launchable = True  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]  # see above
    plan: Any = None

    def _replace(self, **changes: Any) -> Options:  # type: ignore[override]  # mypy wants each field named
        return Options(*self)._replace(**changes)  # which others do not share


class _PlainOptions(SharedOptions):
    """Those of a request that asks for nothing but a URL."""

    is_plain = True  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]  # as above


def shared_options(
    url: Any, decode: Any, ca_file: Any, verify: Any, follow_redirects: Any = None, retries: Any = None
) -> Options:
    """Return the options of a request that asks for a URL, and no more than these flags.

    They are shared unless they may hold a secret, or something that cannot be a key of a dictionary.
    """
    if (
        type(url) is str
        and len(url) <= MAX_SHARED_URL
        and "@" not in url
        and (decode is True or decode is False)
        and (ca_file is None or type(ca_file) is str)
        and (verify is True or verify is False or verify is None)
    ):
        if follow_redirects is retries is None:
            return _plain(url, decode, ca_file, verify)
        if _FLAGS.issuperset((type(follow_redirects), type(retries))):
            return _flagged(url, decode, ca_file, verify, follow_redirects, retries)
    options = Options(url, decode, ca_file, verify, PLAIN.chunk_size, *_DEFAULTS)
    return options._replace(follow_redirects=follow_redirects, retries=retries)


@lru_cache(maxsize=256)
def _plain(url: str, decode: bool, ca_file: str | None, verify: bool | None) -> Options:
    return _PlainOptions(url, decode, ca_file, verify, PLAIN.chunk_size, *_DEFAULTS)


@lru_cache(maxsize=256, typed=True)  # True redirects are 20, 1 is one
def _flagged(
    url: str,
    decode: bool,
    ca_file: str | None,
    verify: bool | None,
    follow_redirects: bool | int | None,
    retries: bool | int | None,
) -> Options:
    return SharedOptions(
        *_plain(url, decode, ca_file, verify)._replace(follow_redirects=follow_redirects, retries=retries)
    )
