"""The requests that are not finished yet, and the functions that wait for all of them or cancel them.

Thread safety. The requests are in `active_calls`, whose single operations are atomic (see `call`); the functions here
look at copies of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from urlrequest._concurrency.sync import fork_watch, snapshot

from .call import active_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, overload

    from .request import UrlRequest
    from .shared import Shared

__all__ = ["ActiveRequests", "as_completed", "cancel_all", "cancel_requests", "g_requests", "wait_all"]


class ActiveRequests(Sequence["UrlRequest"]):
    """A live, read-only view of the requests that are not finished yet (contract 1.4)."""

    def __len__(self) -> int:
        return len(active_calls)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> UrlRequest: ...
        @overload
        def __getitem__(self, index: slice) -> list[UrlRequest]: ...

    def __getitem__(self, index: int | slice) -> Any:
        return snapshot(active_calls.values())[index]

    def __repr__(self) -> str:
        return f"<live requests: {snapshot(active_calls.values())!r}>"


g_requests: ActiveRequests = ActiveRequests()


def wait_all(requests: Iterable[UrlRequest], timeout: float | None = None) -> bool:
    """Run the callbacks of these requests on the calling thread until all of them are finished (contract 6.4).

    Args:
        timeout: When to give up, in seconds; None: never.
    Returns:
        True when all are finished, whatever their outcomes; False when the time ran out.
    Raises:
        BaseException: What a callback raised; the other requests go on, and `wait_all()` may be called again.
    """
    from urlrequest._delivery.waiting import wait_for  # a program with an event loop waits for nothing

    fork_watch.check()
    mailboxes = [request._urlrequest_call.mailbox for request in requests]  # noqa: SLF001 - of the same wing
    return wait_for(mailboxes, delay=0.5, timeout=timeout)


def as_completed(requests: Iterable[UrlRequest], timeout: float | None = None) -> Iterator[UrlRequest]:
    """Run the callbacks of these requests on the calling thread, and yield each request when it is finished.

    Args:
        timeout: The longest time until the last of them, in seconds; None: no limit.
    Raises:
        TimeoutError: The time ran out.
        BaseException: What a callback raised.
    """
    from urlrequest._delivery import waiting  # as above

    fork_watch.check()
    by_mailbox = {request._urlrequest_call.mailbox: request for request in requests}  # noqa: SLF001 - as above
    yield from waiting.as_completed(by_mailbox, timeout)


def cancel_all() -> int:
    """Cancel all requests that are not finished yet. Any thread; returns at once.

    Returns:
        How many it cancelled.
    """
    return cancel_requests(None)


def cancel_requests(shared: Shared | None) -> int:
    """Cancel the unfinished requests that share something (None: all), and return how many it cancelled. Any thread.

    Raises:
        Exception: What the `cancel()` of a subclass raised first; the other requests were cancelled all the same.
    """
    fork_watch.check()
    found = [request for call, request in snapshot(active_calls.items()) if shared is None or call.shared is shared]
    count, failure = 0, None
    for request in reversed(found):  # the latest first, so that no queued one starts
        try:
            count += request.cancel()
        except Exception as error:  # noqa: BLE001 - it may raise anything
            failure = error if failure is None else failure
    if failure is not None:
        raise failure
    return count
