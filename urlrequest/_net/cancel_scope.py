"""The one place where a request waits: for a socket, a name, a pause, always together with its own wake-up.

A worker that waits looks at three things after every return: was the request cancelled, has its deadline passed, has
the single step taken too long. `cancel()` sets a flag and wakes the worker; it never touches a socket, so it works in
every phase and on every system (closing or shutting down a socket that another thread uses does not).

Thread safety. `cancel()` and `wake()` may be called from any thread and from signal handlers: they set the flag first,
then read `_waker`; `wait()` takes a waker first, then reads the flag. So one of the two always sees the other. All
the rest belongs to the worker.

Invariant:
    N   Every wait on the network is a `CancelScope.wait()`.
"""

from __future__ import annotations

import select
from time import monotonic

from urlrequest._concurrency.deadline import NO_DEADLINE, Deadline, earliest
from urlrequest._concurrency.wakeup import return_waker, sleep_time, take_waker
from urlrequest.errors import DeadlineExceeded, RequestCancelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from urlrequest._concurrency.wakeup import DescriptorWaker

__all__ = ["READ", "WRITE", "CancelScope", "is_ready"]

READ, WRITE = 1, 2


class CancelScope:
    """Lets one request's worker wait, until it is cancelled or out of time.

    Attributes:
        deadline: When the whole request must be over (contract 15.2).
        timeout: The longest single step, in seconds, or None (contract 15.1).
        timings: Seconds spent in each phase, by name; filled by whoever ends the phase.
    """

    __slots__ = ("_waker", "deadline", "is_cancelled", "timeout", "timings")

    def __init__(self, timeout: float | None = None, deadline: Deadline | None = None) -> None:
        self.timeout = timeout
        self.deadline = NO_DEADLINE if deadline is None else deadline
        self.is_cancelled = False
        self.timings: dict[str, float] = {}
        self._waker: DescriptorWaker | None = None

    def cancel(self) -> None:
        """End the present wait, and every later one, with `RequestCancelled`. Any thread; never blocks."""
        self.is_cancelled = True
        self.wake()

    def wake(self) -> None:
        """Have the waiting worker look again. Any thread; never blocks."""
        waker = self._waker
        if waker is not None:
            waker.wake()

    def arm(self) -> DescriptorWaker:
        """See to it that a `wake()` from now on ends the next wait; before anybody is asked to call it. Worker only."""
        if self._waker is None:
            self._waker = take_waker()
        return self._waker

    def step_end(self) -> float | None:
        """The moment when a step that begins now has taken too long."""
        return None if self.timeout is None else monotonic() + self.timeout

    def check(self) -> None:
        """Raise when the request is cancelled or out of time.

        Raises:
            RequestCancelled: It was cancelled.
            DeadlineExceeded: The deadline has passed.
        """
        if self.is_cancelled:
            raise RequestCancelled("the request was cancelled")
        if self.deadline.at is not None and self.deadline.has_passed():
            raise DeadlineExceeded(f"the request was not complete within its deadline of {self.deadline.seconds:g} s")

    def wait(
        self, interest: Mapping[int, int], until: float | None, what: str, *, is_pause: bool = False
    ) -> dict[int, int]:
        """Sleep until a descriptor is ready, or somebody wakes this worker.

        Args:
            interest: Descriptor -> READ, WRITE or both.
            until: End of the step, on `time.monotonic()`; from `step_end()`.
            what: What is being waited for, for the message: "connecting to host:80".
            is_pause: Reaching `until` is no error.
        Returns:
            The descriptors that are ready, and for what; empty after a wake-up, or at the end of a pause.
        Raises:
            RequestCancelled: The request was cancelled.
            DeadlineExceeded: The request's deadline passed.
            TimeoutError: The step took too long.
        """
        # The object itself would be held by the traceback of what is raised here, and its descriptor kept open.
        descriptor = (self._waker or self.arm()).descriptor
        self.check()
        end = earliest(until, self.deadline.at)
        ready = _poll(interest, descriptor, sleep_time(None if end is None else end - monotonic()))
        if descriptor in ready:
            del ready[descriptor]
            self.arm().drain()
        self.check()
        if not ready and not is_pause and until is not None and monotonic() >= until:
            raise TimeoutError(f"{what} took longer than {self.timeout:g} s")
        return ready

    def pause(self, seconds: float) -> None:
        """Sleep, but end with the request.

        Raises:
            RequestCancelled: The request was cancelled.
            DeadlineExceeded: The request's deadline passed.
        """
        until = monotonic() + seconds
        while monotonic() < until:
            self.wait({}, until, "a pause", is_pause=True)

    def release(self) -> None:
        """Give the waker back; the request is over."""
        waker, self._waker = self._waker, None
        if waker is not None:
            return_waker(waker)


def _is_ready_with_poll(descriptor: int) -> bool:
    """Whether a descriptor can be read without waiting."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _is_ready_with_select(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def _poll_with_poll(interest: Mapping[int, int], waker: int, seconds: float) -> dict[int, int]:
    poll = select.poll()
    poll.register(waker, select.POLLIN)
    for descriptor, wanted in interest.items():
        poll.register(descriptor, (select.POLLIN if wanted & READ else 0) | (select.POLLOUT if wanted & WRITE else 0))
    # Rounded up: waking a moment too early would make a busy loop of the last millisecond.
    ready = {}
    for descriptor, event in poll.poll(seconds * 1000 + 0.5):
        # An error or a hang-up is ready for both: the next call on the socket tells which.
        ready[descriptor] = (READ if event & ~select.POLLOUT else 0) | (WRITE if event & ~select.POLLIN else 0)
    return ready


def _poll_with_select(interest: Mapping[int, int], waker: int, seconds: float) -> dict[int, int]:
    readers = [waker, *(descriptor for descriptor, wanted in interest.items() if wanted & READ)]
    writers = [descriptor for descriptor, wanted in interest.items() if wanted & WRITE]
    # Windows reports a failed connect as exceptional only.
    readable, writable, failed = select.select(readers, writers, writers, seconds)
    ready = dict.fromkeys(readable, READ)
    for descriptor in (*writable, *failed):
        ready[descriptor] = ready.get(descriptor, 0) | WRITE
    return ready


_HAS_POLL = hasattr(select, "poll")
_poll = _poll_with_poll if _HAS_POLL else _poll_with_select
is_ready = _is_ready_with_poll if _HAS_POLL else _is_ready_with_select
