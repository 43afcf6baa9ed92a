"""What the engine needs of its caller, as protocols for type checkers: a running program never imports this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from urlrequest._delivery.events import ProgressRun
    from urlrequest._http.redirect import Hop
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http.target import Target

    from .plan import PreparedRequest
    from .pool import Pool

__all__ = ["CookieStore", "Observer", "ProgressObserver", "Shared"]


class CookieStore(Protocol):
    """Cookies that several requests share; any thread may call it.

    Attributes:
        is_prompt: Its methods return at once: they run code of the library alone.
    """

    is_prompt: bool

    def cookies_for(self, target: Target) -> str | None:
        """The value of the Cookie field for a request, or None."""

    def store(self, target: Target, head: ResponseHead) -> None:
        """Keep the cookies that a response sets."""

    def reset_after_fork(self) -> None: ...


class Shared(Protocol):
    """What the requests of a session share.

    Attributes:
        pool: Where connections come from and go to.
        tcp_keepalive: As of `defaults`, for the connections of a session; None: that of `defaults`.
        cookie_store: The cookies of the session, or None.
    """

    pool: Pool
    tcp_keepalive: float | None
    cookie_store: CookieStore | None


class ProgressObserver(Protocol):
    """Is notified of the progress of a body.

    Attributes:
        received: Bytes of the body so far; the engine counts them here.
    """

    received: int

    def wants_progress(self) -> bool: ...
    def progress_made(self, run: ProgressRun) -> None: ...


class Observer(ProgressObserver, Protocol):
    """Is notified of what happens to a request, on the worker thread, and asked for what a subclass may decide.

    Attributes:
        begun: A new connection of a request that is being launched, for the observer to close, whatever comes.
    """

    begun: Any

    def connection_class(self, scheme: str) -> type:
        """The connection class for a scheme.

        Raises:
            UnsupportedScheme: There is none.
        """
        ...

    def wants_upload_progress(self) -> bool: ...
    def wants_chunks(self) -> bool: ...
    def may_leave(self) -> bool:
        """Whether the worker is to leave a body from which nothing comes: many other requests need one."""
        ...

    def request_prepared(self, prepared: PreparedRequest) -> None:
        """Before the request is sent; again for the request that follows a redirect."""

    def redirect_followed(self, hop: Hop) -> None: ...

    def head_received(self, head: ResponseHead) -> None:
        """Of the final response, before its body is read."""

    def download_noted(self, note: str) -> None:
        """Why a download starts over, or will."""

    def chunk_received(self, chunk: bytes) -> None:
        """A piece of the body; blocks while too many wait to be delivered. `chunks_passed()` must follow."""

    def chunks_passed(self) -> None:
        """What came in one piece has been passed on, and its progress was reported: one wake-up serves for both."""

    def begin_commit(self) -> bool:
        """Whether a verified file may be put in its place; False when the request was cancelled."""
        ...

    def decode_result(self, result: Any, resp: Any) -> Any:
        """The result made of the body's text or bytes; see `UrlRequest.decode_result()`."""
        ...
