"""Parked: a body that streams, from which nothing comes, and which its worker has left (see `_engine.streaming`).

The watch waits for it. Whatever comes, or a time that is up, is for a worker, which goes on with `perform()`; a request
that was cancelled ends here.

Thread safety. The worker has let go of the request before the watch hears of this. From then on the watch alone ends it
or hands it over. A canceller only asks the watch to look: it sets its flag first and looks for a `Parked` then, and the
worker makes that known first and looks for the flag then, so one of them sees the other.
"""

from __future__ import annotations

from urlrequest._concurrency.deadline import earliest
from urlrequest._concurrency.watch import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from urlrequest._delivery.lifecycle import Lifecycle
    from urlrequest._engine.exchange import Lease
    from urlrequest._engine.streaming import Streaming
    from urlrequest._net.cancel_scope import CancelScope

    class Call(Protocol):
        """What this needs of the call of the request."""

        begun: Lease | Streaming | None
        leaving: Any
        lifecycle: Lifecycle
        parked: Parked | None
        scope: CancelScope
        worker: int | None

        def end_flight(self, outcome: None) -> None:
            """End the request, which was cancelled. On the watch's thread."""
            ...

        def resume(self, begun: Lease | Streaming | None) -> None:
            """Let a worker go on with what was begun."""
            ...


__all__ = ["Parked"]


class Parked:
    """A request without a worker, which the watch looks at.

    Attributes:
        until: When to look although nothing has come: the end of the step or of the request, on `time.monotonic()`.
    """

    __slots__ = ("_call", "_descriptor", "until")

    def __init__(self, call: Call, streaming: Streaming) -> None:
        self._call: Call | None = call
        self._descriptor = streaming.fileno()
        timeout = call.scope.timeout
        self.until = earliest(None if timeout is None else streaming.waits_since + timeout, call.scope.deadline.at)

    def fileno(self) -> int:
        """The descriptor of the connection's socket; -1 when there is nothing to wait for on it any more."""
        return self._descriptor

    def be_known(self, call: Call) -> None:
        """Let a canceller find it. On the worker, before `be_watched()`."""
        call.leaving, call.parked = None, self
        call.worker = None  # last: a canceller that is interrupted ends what has no worker and is not known

    def be_watched(self) -> None:
        """Let the watch look as soon as something comes. Any thread."""
        watch.add(self)

    def ask_for_a_look(self) -> None:
        """Let the watch look now: the request was cancelled. Any thread; never blocks."""
        watch.look_at(self)

    def look(self) -> None:
        """End the request if it was cancelled, else let a worker go on. On the watch's thread.

        Raises:
            MemoryError: The watch is to call this again.
        """
        call = self._call
        if call is None:
            return
        self._descriptor = -1
        if call.lifecycle.is_cancelled:
            call.end_flight(None)
        else:
            call.resume(call.begun)
        self._call = None  # no call: once a worker has the request, nothing may fail here

    def close(self) -> None:
        """Be over. In a forked child, or where a worker had no memory to leave the request."""
        self._call, self._descriptor = None, -1
