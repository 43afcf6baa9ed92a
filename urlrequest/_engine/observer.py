"""What the engine wants of those who use it, for type checkers: nothing imports this module when a program runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from urlrequest._delivery.events import ProgressRun
    from urlrequest._http.cookies import CookieStore
    from urlrequest._http.redirect import Hop
    from urlrequest._http.response_head import ResponseHead

    from .plan import PreparedRequest
    from .pool import Pool

__all__ = ["Observer", "ProgressObserver", "Shared"]


class Shared(Protocol):
    """What the requests of a session share.

    Attributes:
        pool: Where connections come from and go to.
        cookie_store: The cookies of the session, or None.
    """

    pool: Pool
    cookie_store: CookieStore | None


class ProgressObserver(Protocol):
    """Is notified how far a body is."""

    def wants_progress(self) -> bool: ...
    def progress_made(self, run: ProgressRun) -> None: ...


class Observer(ProgressObserver, Protocol):
    """Is notified of what happens to a request, on the worker thread, and asked for what a subclass may decide."""

    def connection_class(self, scheme: str) -> type:
        """The connection class for a scheme.

        Raises:
            UnsupportedScheme: There is none.
        """
        ...

    def wants_upload_progress(self) -> bool: ...
    def wants_chunks(self) -> bool: ...

    def request_prepared(self, prepared: PreparedRequest) -> None:
        """Before the request is sent; again for the request that follows a redirect."""

    def redirect_followed(self, hop: Hop) -> None: ...

    def head_received(self, head: ResponseHead) -> None:
        """Of the final response, before its body is read."""

    def download_noted(self, note: str) -> None:
        """Why a download starts over, or will."""

    def chunk_received(self, chunk: bytes) -> None:
        """A piece of the body; blocks while too many wait to be delivered."""

    def begin_commit(self) -> bool:
        """Whether a verified file may be put in its place; False when the request was cancelled."""
        ...

    def decode_result(self, result: Any, resp: Any) -> Any:
        """The result made of the body's text or bytes; see `UrlRequest.decode_result()`."""
        ...
