"""UrlRequest: one HTTP request, with the interface of a Thread.

What a user may call, read, set or override is here and in the four classes that it derives from. All state, and all
methods that the library calls for itself, are in its `Call`. So a subclass may take every name that is not documented.

Thread safety. `_urlrequest_call` is set by the constructor, and not changed any more. The arguments are kept as plain
attributes; once the request has started, the library reads only `debug`, `name` and the callbacks.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from os import getpid

from urlrequest._concurrency.sync import fork_watch
from urlrequest._engine.options import PLAIN, Options, shared_options
from urlrequest.errors import RequestCancelled

from .call import Call
from .callbacks import Callbacks
from .connection_choice import ConnectionChoice
from .response_attributes import ResponseAttributes
from .settings import complete
from .shared import default_shared
from .thread_facade import ThreadFacade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator
    from typing import Any

    from typing_extensions import Self

    from urlrequest.hooks import Hook

    from .argument_types import (
        Auth,
        Body,
        ClientCert,
        Context,
        Cookies,
        ErrorT,
        Files,
        HeaderFields,
        Ignored,
        MediaTypes,
        Params,
        Path,
    )
    from .settings import Settings

__all__ = ["KIVYS_OWN", "UrlRequest"]

_numbers = count(1)

# What a subclass of Kivy's class may override, and this library never calls.
KIVYS_OWN = (
    "_dispatch_result", "_fetch_url", "_parse_url", "call_request", "close_connection", "get_all_headers", "get_chunks",
    "get_content_type", "get_response", "get_status_code", "get_total_size",
)  # fmt: skip


def _overrides(cls: type, name: str) -> bool:
    """Whether a subclass of `UrlRequest` has a method of its own under this name."""
    return getattr(cls, name, None) is not getattr(UrlRequest, name, None)


class UrlRequest(ThreadFacade, ConnectionChoice, Callbacks, ResponseAttributes):
    """An HTTP request that starts when it is made, and reports its outcome to callbacks.

    Exactly one of on_success, on_redirect, on_failure, on_error and on_cancel is called, then on_finish (contract 3.1).
    They run on the dispatch thread: that of the event loop (see `urlrequest.hooks`), or the one that calls `wait()` or
    `drain()`.

    A subclass may override the methods that are documented, and define any other name. It sets its own attributes
    before it calls `super().__init__()`, as the request starts there (contract 2.5).

    Attributes:
        url, req_body, req_headers: As passed to the constructor.
        on_success, on_redirect, on_failure, on_error, on_progress, on_cancel, on_finish, on_upload_progress, on_chunk:
            The callbacks. They may be replaced until they are called; a finished request has none any more.
        decode, debug, file_path, ca_file, verify, timeout, deadline: As passed to the constructor.
    """

    # The name of the package keeps this apart from a subclass's own `_call`.
    _urlrequest_call: Call

    name: str
    url: str
    req_body: Body | None
    req_headers: HeaderFields | None
    decode: bool
    debug: bool
    file_path: Path | None
    ca_file: Path | None
    verify: bool | None
    timeout: float | None
    deadline: float | None

    def __init_subclass__(cls, **options: Any) -> None:
        """Warn of methods that Kivy would call, and this library does not (contract 18.4)."""
        super().__init_subclass__(**options)
        known = [base for base in cls.__bases__ if issubclass(base, UrlRequest)]
        for name in KIVYS_OWN:
            if _overrides(cls, name) and not any(_overrides(base, name) for base in known):
                import warnings  # hardly any program needs it

                what = f"{cls.__name__}.{name}() overrides a method of Kivy's UrlRequest that urlrequest never calls"
                warnings.warn(what, RuntimeWarning, stacklevel=2)

    def __init__(
        self,
        url: str,
        on_success: Callable[[Self, Any], Ignored] | None = None,
        on_redirect: Callable[[Self, Any], Ignored] | None = None,
        on_failure: Callable[[Self, Any], Ignored] | None = None,
        on_error: Callable[[Self, ErrorT], Ignored] | None = None,
        on_progress: Callable[[Self, int, int], Ignored] | None = None,
        req_body: Body | None = None,
        req_headers: HeaderFields | None = None,
        chunk_size: int | None = 8192,
        timeout: float | None = None,
        method: str | None = None,
        decode: bool = True,
        debug: bool = False,
        file_path: Path | None = None,
        ca_file: Path | None = None,
        verify: bool | None = True,
        proxy_host: str | None = None,
        proxy_port: int | None = None,
        proxy_headers: HeaderFields | None = None,
        user_agent: str | None = None,
        on_cancel: Callable[[Self], Ignored] | None = None,
        on_finish: Callable[[Self], Ignored] | None = None,
        cookies: Cookies | None = None,
        auth: Auth | None = None,
        *,
        deadline: float | None = None,
        client_cert: ClientCert | None = None,
        ssl_context: Context | None = None,
        fingerprint: str | None = None,
        hook: Hook | None = None,
        session: Settings | None = None,
        follow_redirects: bool | int | None = None,
        retries: int | None = None,
        trust_env: bool | None = None,
        params: Params | None = None,
        json: Any = None,
        files: Files | None = None,
        on_upload_progress: Callable[[Self, int, int], Ignored] | None = None,
        on_chunk: Callable[[Self, bytes], Ignored] | None = None,
        progress_interval: float | None = None,
        max_size: int | None = None,
        resume: bool = False,
        checksum: str | None = None,
        expect_type: MediaTypes | None = None,
        proxy_auth: Auth | None = None,
        address_family: str | None = None,
        low_speed: tuple[float, float] | None = None,
        retry_statuses: Collection[int] | None = None,
        retry_methods: Collection[str] | None = None,
        max_retry_after: float | None = None,
        resume_key: str | None = None,
    ) -> None:  # pyright: ignore[reportMissingSuperCall]  # see `ThreadFacade`
        """Make the request and start it.

        Args:
            url: What to request; without a scheme, http.
            on_success: Called as `on_success(request, result)` for a status of 2xx.
            on_redirect: Called as `on_redirect(request, result)` for a status of 3xx.
            on_failure: Called as `on_failure(request, result)` for any other status.
            on_error: Called as `on_error(request, exception)` when there is no complete response.
            on_progress: Called as `on_progress(request, current, total)`, in bytes; total is -1 when unknown.
            req_body: bytes, str, a dict (sent as a form, or as JSON where Content-Type says so), a file, or an iterable
                of bytes.
            req_headers: A dict or a list of pairs; a value of None leaves a header out.
            chunk_size: Bytes from one on_progress to the next; None or -1: the whole body.
            timeout: The longest single step (resolving, connecting, one receive ...), in seconds; None: as
                `socket.setdefaulttimeout()` says, else no limit.
            method: GET, or POST with a body, when None.
            decode: Parse a body of type application/json.
            debug: Log what happens on the logger `urlrequest`, at DEBUG.
            file_path: Put a complete 2xx body there instead of in `result`; the file appears at once and only then.
            ca_file: Trust the certificates in this file, or in this folder of hashed ones, only.
            verify: False: check no certificate at all, but for `fingerprint`.
            proxy_host: An HTTP proxy; its userinfo is sent to it.
            proxy_port: The proxy's port, 80 when None.
            proxy_headers: Headers for the proxy alone.
            user_agent: The User-Agent header; '' sends none.
            on_cancel: Called as `on_cancel(request)` after `cancel()`.
            on_finish: Called as `on_finish(request)` after any of the others.
            cookies: The Cookie header, as str or dict.
            auth: (user, password), an object that has both as attributes, a callable that may change the headers, or an
                object that answers challenges, such as `DigestAuth`.
            deadline: The longest time for the whole request, in seconds; None: no limit.
            client_cert: The path of a certificate with its key, the paths of both, or these and the pass phrase of the
                key.
            ssl_context: Use this instead of all other TLS options but `fingerprint`.
            fingerprint: The server's certificate must be the one with this fingerprint, "sha256:<hex>".
            hook: The event loop whose thread runs the callbacks; None: the installed or the detected one.
            session: The `Session` whose connections, cookies, limits and settings to use; None: those that all requests
                without a session share.
            follow_redirects: False; True: up to 20; or a number. None: as in the session.
            retries: How often an idempotent request is tried again (contract 17.5). None: as in the session.
            trust_env: Take the proxy from the environment where none is given. None: as in the session.
            params: The query, or more of it: a dict, a list of pairs, or text.
            json: The body, written as JSON.
            files: Files for a form (multipart/form-data): a dict of paths, open files, bytes, or tuples (file name, one
                of these[, type]); the other fields of the form are a dict in req_body.
            on_upload_progress: Called as `on_upload_progress(request, sent, total)`, in bytes.
            on_chunk: Called as `on_chunk(request, chunk)` with the bytes of a 2xx body as they arrive; the body is not
                kept.
            progress_interval: The shortest time between progress events, in seconds; the first and the last always
                come.
            max_size: The largest body, in bytes, decoded or not.
            resume: Keep what was received of a file when the request fails, and continue there the next time.
            checksum: The checksum that a 2xx body must have, as "sha256:<hex>", by any algorithm of hashlib.
            expect_type: The media type that a 2xx response must have, or a list of them; "image/*" is any image.
            proxy_auth: Credentials for the proxy, in any form that `auth` takes.
            address_family: "IPv4" or "IPv6": connect to such addresses only; "any". None: as in the session.
            low_speed: (bytes per second, seconds): give up when fewer bytes were sent or received for so long. None: as
                in the session.
            retry_statuses: Statuses after which a request is tried again; None: as in the session, or 408, 429, 500,
                502, 503 and 504.
            retry_methods: Methods of requests that are tried again; None: as in the session, or the idempotent ones.
            max_retry_after: The longest time that a server may ask for by Retry-After, in seconds; more counts as so
                much. None: as in the session, or 3600.
            resume_key: Stands for the URL where a download is continued: for URLs that change from one attempt to the
                next.
        Raises:
            TypeError: A callback is not callable. Every other bad value arrives through on_error (contract 2.3).
        """
        Callbacks.__init__(
            self, on_success, on_redirect, on_failure, on_error, on_progress, on_cancel, on_finish,
            on_upload_progress, on_chunk,
        )  # fmt: skip
        self.name = f"urlrequest-{next(_numbers)}"
        self.url, self.req_body, self.req_headers = url, req_body, req_headers
        self.decode, self.debug, self.file_path = decode, debug, file_path
        self.ca_file, self.verify, self.timeout, self.deadline = ca_file, verify, timeout, deadline
        call = self._urlrequest_call = Call(self, session, hook, timeout, deadline)
        call.chunk_size = chunk_size
        call.is_own_class = type(self) is UrlRequest and _OWN_METHODS == (
            UrlRequest.run, UrlRequest.decode_result, UrlRequest.get_connection_for_scheme,
            UrlRequest._get_connection_for_scheme,
        )  # fmt: skip
        if (  # one after the other: to gather them all and to look at them then takes five times as long (measured)
            req_body is None
            and req_headers is None
            and (method is None or (type(method) is str and method == "GET"))
            and file_path is None
            and proxy_host is None
            and proxy_port is None
            and proxy_headers is None
            and user_agent is None
            and cookies is None
            and auth is None
            and client_cert is None
            and ssl_context is None
            and fingerprint is None
            and trust_env is None
            and params is None
            and json is None
            and files is None
            and progress_interval is None
            and max_size is None
            and resume is False
            and checksum is None
            and expect_type is None
            and proxy_auth is None
            and address_family is None
            and low_speed is None
            and retry_statuses is None
            and retry_methods is None
            and max_retry_after is None
            and resume_key is None
            and chunk_size == PLAIN.chunk_size
        ):
            options = shared_options(url, decode, ca_file, verify, follow_redirects, retries)
        else:
            options = Options(  # by position, in the order of its fields: see there
                url, decode, ca_file, verify, chunk_size, req_body, req_headers, method, file_path, proxy_host,
                proxy_port, proxy_headers, user_agent, cookies, auth, client_cert, ssl_context, fingerprint,
                follow_redirects, retries, trust_env, params, json, files, progress_interval, max_size, resume,
                checksum, expect_type, proxy_auth, address_family, low_speed, retry_statuses, retry_methods,
                max_retry_after, resume_key,
            ).detached()  # fmt: skip
        if call.shared is not default_shared:
            options = complete(options, session)
        call.submit(options)

    def __repr__(self) -> str:
        call = self._urlrequest_call
        parts = [call.describe(self.url), "cancelled" if call.lifecycle.is_cancelled else call.lifecycle.state.value]
        if call.head is not None:
            parts += [str(call.head.status), f"{call.received} bytes"]
        if call.error is not None:
            parts.append(type(call.error).__name__)
        return f"<{type(self).__name__} {self.name}: {', '.join(parts)}>"

    @property
    def chunk_size(self) -> int | None:
        """Bytes from one on_progress to the next, as passed to the constructor."""
        return self._urlrequest_call.chunk_size

    def wait(self, delay: float | None = 0.5, timeout: float | None = None) -> bool:
        """Run this request's callbacks on the calling thread until it is finished (contract 6).

        Args:
            delay: The longest sleep between two looks, in seconds. It is no polling interval: events are seen at once.
            timeout: When to give up, in seconds; None: never.
        Returns:
            True when the request is finished, whatever its outcome; False when the time ran out.
        Raises:
            BaseException: What a callback raised.
        """
        if getpid() != fork_watch.pid:
            fork_watch.enter_child()
        return _load_wait()(self._urlrequest_call.mailbox, delay=delay, timeout=timeout)

    def raise_for_status(self) -> Self:
        """Return the request if it was a success; else raise what kept it from being one (contract 11.8).

        Raises:
            Exception: The request's error.
            RequestCancelled: It was cancelled.
            HTTPStatusError: The status is not 2xx; that of a redirect which was not followed is not, either.
            RuntimeError: The request is not finished yet.
        """
        if self.ok:
            return self
        call = self._urlrequest_call
        if not call.lifecycle.is_finished:
            raise RuntimeError("the request has not finished; wait() waits for it")
        if call.lifecycle.is_cancelled:
            raise RequestCancelled(f"{self!r} was cancelled")
        if call.error is not None:
            raise call.error
        raise call.status_error(self.url)

    def __await__(self) -> Generator[Any, Any, Self]:
        """Make `await request` return the finished request, under asyncio and trio (contract 17.8).

        The awaiting loop runs the callbacks; cancelling the task cancels the request.

        Raises:
            BaseException: The request's error, or what a callback raised.
            RequestCancelled: It was cancelled.
        """
        from urlrequest._delivery.awaiting import await_end  # most programs await nothing

        fork_watch.check()
        call = self._urlrequest_call
        call.is_quiet = True
        yield from await_end(call.mailbox, self.cancel).__await__()
        if call.lifecycle.is_cancelled:
            raise RequestCancelled(f"{self!r} was cancelled")
        if call.error is not None:
            raise call.error
        return self

    def cancel(self) -> bool:
        """End the request, whatever it is doing: on_cancel and on_finish follow, and nothing else (contract 7).

        It may be called on any thread, in signal handlers too, and returns at once.

        Returns:
            Whether this call decided the outcome; False once the terminal callback has begun, or after a cancel.
        """
        return self._urlrequest_call.cancel()

    def __enter__(self) -> Self:
        """Return the request. The end of the `with` block cancels it, unless it is finished (contract 7.5)."""
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def run(self) -> None:
        """Perform the request. Runs on the worker thread; an override calls it once."""
        self._urlrequest_call.perform()

    def decode_result(self, result: Any, resp: Any) -> Any:
        """Turn a body's text (or bytes) into the result: parse JSON. Override it for types of your own.

        Runs on the worker thread.

        Args:
            result: The text; bytes where the type is binary or the text does not decode (contract 4.1).
            resp: The response, with the interface of `http.client.HTTPResponse`.
        """
        from urlrequest._content.text import decode_json

        return decode_json(result, resp.getheader("Content-Type"))

    # Names that programs written for Kivy use (contract 1.4)

    def _dispatch_result(self, dt: float | None = None) -> None:  # noqa: ARG002 - Kivy's clock passes it
        """Run the pending callbacks on this thread; it has the signature that Kivy's clock calls."""
        fork_watch.check()
        self._urlrequest_call.mailbox.deliver_all()


# What `MockNetwork`, and other mocks, put in their place counts for all requests.
_OWN_METHODS = (
    UrlRequest.run, UrlRequest.decode_result, UrlRequest.get_connection_for_scheme,
    UrlRequest._get_connection_for_scheme,  # noqa: SLF001 - of this module
)  # fmt: skip


@cache
def _load_wait() -> Callable[..., bool]:
    """Load what a program with an event loop does not need; an import statement would take a microsecond each time."""
    from urlrequest._delivery.waiting import wait_for_one

    return wait_for_one
