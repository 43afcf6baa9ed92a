"""Session: requests that share connections, worker threads, cookies, limits and settings.

Thread safety. The settings are one reference each, which the constructor of a request reads; the rest is `Shared`'s. A
session may be used from any thread.
"""

from __future__ import annotations

import sys

from urlrequest._concurrency.sync import fork_watch, snapshot
from urlrequest._log import log
from urlrequest.errors import InvalidURL

from .active import cancel_requests
from .call import active_calls
from .request import UrlRequest
from .settings import Settings
from .shared import MAX_REQUESTS, Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from http.cookiejar import CookieJar
    from types import TracebackType
    from typing import Any, Concatenate

    from typing_extensions import ParamSpec, Self

    from urlrequest._http.foreign_cookie_jar import JarStore
    from urlrequest.hooks import Hook

    from .argument_types import Auth, ClientCert, Context, Cookies, HeaderFields, Path
    from .cookie_store import CookieStore

    _P = ParamSpec("_P")

__all__ = ["Session"]


def _with_parameters_of(
    _: Callable[_P, UrlRequest],
) -> Callable[[Callable[..., UrlRequest]], Callable[Concatenate[Any, _P], UrlRequest]]:
    """Let type checkers and editors know that a method takes what the constructor takes; the method stays as it is."""
    return lambda method: method


class Session(Settings):
    """Requests that belong together (contract 17.9).

    All attributes may be changed at any time. A change counts for requests made from then on; one of `max_requests`,
    `max_per_host` and `max_idle` counts at once. A request's own argument wins over the session's; headers are merged.

    The parameters are attributes, too. A `with` block closes the session at its end.
    """

    base_url: str | None
    headers: HeaderFields | None
    timeout: float | None
    deadline: float | None
    ca_file: Path | None
    verify: bool | None
    client_cert: ClientCert | None
    ssl_context: Context | None
    fingerprint: str | None
    proxy_host: str | None
    proxy_port: int | None
    proxy_headers: HeaderFields | None
    trust_env: bool
    follow_redirects: bool | int
    retries: int
    hook: Hook | None
    user_agent: str | None
    auth: Auth | None
    proxy_auth: Auth | None
    address_family: str | None
    low_speed: tuple[float, float] | None
    retry_statuses: Collection[int] | None
    retry_methods: Collection[str] | None
    max_retry_after: float | None
    # The name of the package keeps this apart from what a subclass defines.
    _urlrequest_shared: Shared

    def __init__(
        self,
        base_url: str | None = None,
        headers: HeaderFields | None = None,
        cookies: Cookies | CookieStore | CookieJar | None = None,
        timeout: float | None = None,
        deadline: float | None = None,
        ca_file: Path | None = None,
        verify: bool | None = True,
        client_cert: ClientCert | None = None,
        *,
        ssl_context: Context | None = None,
        fingerprint: str | None = None,
        proxy_host: str | None = None,
        proxy_port: int | None = None,
        proxy_headers: HeaderFields | None = None,
        trust_env: bool = False,
        follow_redirects: bool | int = False,
        retries: int = 0,
        hook: Hook | None = None,
        user_agent: str | None = None,
        auth: Auth | None = None,
        proxy_auth: Auth | None = None,
        max_requests: int = MAX_REQUESTS,
        max_per_host: int | None = None,
        max_idle: int | None = None,
        tcp_keepalive: float | None = None,
        address_family: str | None = None,
        low_speed: tuple[float, float] | None = None,
        retry_statuses: Collection[int] | None = None,
        retry_methods: Collection[str] | None = None,
        max_retry_after: float | None = None,
    ) -> None:
        """Make a session; it opens nothing yet.

        All other parameters are as those of `UrlRequest`; the headers of a request are added to the session's.

        Args:
            base_url: What a request's URL is relative to.
            headers: Headers for every request.
            cookies: A `CookieStore` or a `http.cookiejar.CookieJar` to use, or cookies as str or dict to send with
                every request; cookies that servers set are kept in any case.
            max_requests: How many requests run at a time; the others are queued in order, without a thread.
            max_per_host: How many of them for one host; None: no limit.
            max_idle: How many idle connections are kept; None: `max_requests`, but 64 at the least.
            tcp_keepalive: After how many seconds without a word the system asks whether the peer of a connection is
                still there; 0: never; None: as `defaults` says (30). It counts for new connections.
        Raises:
            ValueError: A limit is below 1 (max_idle: below 0).
        """
        self.base_url, self.headers, self.timeout, self.deadline = base_url, headers, timeout, deadline
        self.ca_file, self.verify, self.client_cert, self.ssl_context = ca_file, verify, client_cert, ssl_context
        self.fingerprint = fingerprint
        self.proxy_host, self.proxy_port, self.proxy_headers = proxy_host, proxy_port, proxy_headers
        self.trust_env, self.follow_redirects, self.retries = trust_env, follow_redirects, retries
        self.hook, self.user_agent, self.auth, self.proxy_auth = hook, user_agent, auth, proxy_auth
        self.address_family, self.low_speed = address_family, low_speed
        self.retry_statuses, self.retry_methods = retry_statuses, retry_methods
        self.max_retry_after = max_retry_after
        from .cookie_store import CookieStore  # here, since requests without a session keep no cookies

        given = _as_store(cookies)
        store = CookieStore() if given is None else given
        shared = self._urlrequest_shared = Shared(max_requests, max_per_host, max_idle, store)
        shared.tcp_keepalive = tcp_keepalive
        shared.cookie_text = cookies if given is None else None

    @property
    def cookies(self) -> CookieStore | Any:
        """The `CookieStore` of the cookies that servers have set; or the CookieJar that the session was given."""
        store = self._urlrequest_shared.cookie_store
        return getattr(store, "jar", store)

    @property
    def max_requests(self) -> int:
        """How many requests run at a time."""
        return self._urlrequest_shared.max_requests

    @max_requests.setter
    def max_requests(self, limit: int) -> None:
        self._urlrequest_shared.max_requests = limit

    @property
    def max_per_host(self) -> int | None:
        """How many requests run at a time for one host; None: no limit."""
        return self._urlrequest_shared.max_per_host

    @max_per_host.setter
    def max_per_host(self, limit: int | None) -> None:
        self._urlrequest_shared.max_per_host = limit

    @property
    def max_idle(self) -> int:
        """How many idle connections are kept; unless it was set, `max_requests`, but 64 at the least."""
        return self._urlrequest_shared.max_idle

    @max_idle.setter
    def max_idle(self, limit: int) -> None:
        self._urlrequest_shared.max_idle = limit

    @property
    def tcp_keepalive(self) -> float | None:
        """As the parameter; it counts for new connections."""
        return self._urlrequest_shared.tcp_keepalive

    @tcp_keepalive.setter
    def tcp_keepalive(self, seconds: float | None) -> None:
        self._urlrequest_shared.tcp_keepalive = seconds

    @_with_parameters_of(UrlRequest)
    def request(self, *arguments: Any, **options: Any) -> UrlRequest:
        """Make a request of this session; the arguments are those of `UrlRequest`."""
        return UrlRequest(*arguments, session=self, **options)

    @_with_parameters_of(UrlRequest)
    def get(self, *arguments: Any, **options: Any) -> UrlRequest:
        """`request()` with the method GET."""
        return self.request(*arguments, **_with_method("GET", **options))

    @_with_parameters_of(UrlRequest)
    def head(self, *arguments: Any, **options: Any) -> UrlRequest:
        """`request()` with the method HEAD."""
        return self.request(*arguments, **_with_method("HEAD", **options))

    @_with_parameters_of(UrlRequest)
    def post(self, *arguments: Any, **options: Any) -> UrlRequest:
        """`request()` with the method POST."""
        return self.request(*arguments, **_with_method("POST", **options))

    @_with_parameters_of(UrlRequest)
    def put(self, *arguments: Any, **options: Any) -> UrlRequest:
        """`request()` with the method PUT."""
        return self.request(*arguments, **_with_method("PUT", **options))

    @_with_parameters_of(UrlRequest)
    def patch(self, *arguments: Any, **options: Any) -> UrlRequest:
        """`request()` with the method PATCH."""
        return self.request(*arguments, **_with_method("PATCH", **options))

    @_with_parameters_of(UrlRequest)
    def delete(self, *arguments: Any, **options: Any) -> UrlRequest:
        """`request()` with the method DELETE."""
        return self.request(*arguments, **_with_method("DELETE", **options))

    def cancel_all(self) -> int:
        """Cancel the session's unfinished requests, and return how many it cancelled. Any thread."""
        return cancel_requests(self._urlrequest_shared)

    def close(self) -> None:
        """Cancel the unfinished requests, and close the connections. A request made afterwards ends with an error."""
        fork_watch.check()
        shared = self._urlrequest_shared
        shared.is_closed = True
        try:
            self.cancel_all()
        finally:
            shared.pool.close()
            shared.workers.shut_down()

    def __repr__(self) -> str:
        shared = self._urlrequest_shared
        count = sum(call.shared is shared for call in snapshot(active_calls))
        state = "closed" if shared.is_closed else f"{count} unfinished"
        return f"<Session {_describe(self.base_url)}: {state}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            _warn_unfinished(self._urlrequest_shared)
        self.close()


def _warn_unfinished(shared: Shared) -> None:
    """Log that the end of a `with` block cancels requests which have no callback for that."""
    found = [request for call, request in snapshot(active_calls.items()) if call.shared is shared]
    unheard = [request for request in found if not (request.on_cancel or request.on_finish)]
    if unheard:
        from urlrequest._tracebacks import shown  # few programs do not wait

        what = "the end of a session's with block cancels unfinished requests (%d), such as %s; wait in the block"
        log("WARNING", what, len(unheard), shown(unheard[0]))


def _describe(base_url: str | None) -> str:
    from urlrequest._http.target import parse_target  # with the engine, which the first request loads

    try:
        return "without a base URL" if base_url is None else str(parse_target(base_url))
    except InvalidURL:
        return "with an invalid base URL"


def _with_method(method: str, /, **options: Any) -> dict[str, Any]:
    """The options of a short form, which sets the method itself.

    Raises:
        TypeError: They have a method, too.
    """
    if "method" in options:
        raise TypeError("the short forms of request() set method themselves")
    return {**options, "method": method}


def _as_store(cookies: Any) -> CookieStore | JarStore | None:
    """What keeps the cookies, where the program gives it."""
    from .cookie_store import CookieStore  # as above

    if isinstance(cookies, CookieStore):
        return cookies
    # Whoever has a jar has imported its class, and with it urllib.request, which other programs do not need.
    module = sys.modules.get("http.cookiejar")
    if module is not None and isinstance(cookies, module.CookieJar):
        from urlrequest._http.foreign_cookie_jar import JarStore

        return JarStore(cookies)
    return None
