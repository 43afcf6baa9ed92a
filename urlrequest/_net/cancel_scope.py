"""CancelScope: the one place where a request waits, and the three things that end a wait: cancel, deadline, timeout.

A worker waits for a socket, for a name, or for a pause to end, and always for its own waker as well. After every wait
it asks: was the request cancelled, has its deadline passed, has this step taken too long? `cancel()` sets a flag and
wakes the worker. It never touches a socket, so it works in every phase and on every system; closing or shutting down a
socket that another thread is using does not.

Thread safety. Any thread and any signal handler may call `cancel()` and `wake()`: they set the flag first, then read
`_waker`. `wait()` takes a waker first, then reads the flag. So at least one side sees what the other has written, and
no cancel is missed. Everything else belongs to the worker.

Invariant:
    SCOPE-1  Every wait of a request is a `CancelScope.wait()`.
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

    from .low_speed import SpeedLimit

__all__ = ["READ", "WRITE", "CancelScope", "is_ready"]

READ, WRITE = 1, 2


class CancelScope:
    """Lets the worker of one request wait until the request is cancelled or out of time.

    Attributes:
        deadline: When the whole request must be complete (contract 15.2).
        is_cancelled: Whether `cancel()` was called.
        timeout: The longest single step, in seconds; None: no limit (contract 15.1).
        speed: How slow a transfer may be (contract 15.6); None: as slow as it likes.
        timings: How many seconds the request has spent in each phase: "queue", "dns", "connect", "tls", "send",
            "first_byte", "total". The worker sets a phase when it ends; any thread may copy them meanwhile.
    """

    __slots__ = ("_waker", "deadline", "is_cancelled", "speed", "timeout", "timings")

    def __init__(self, timeout: float | None = None, deadline: Deadline | None = None) -> None:
        self.timeout: float | None = timeout
        self.deadline: Deadline = NO_DEADLINE if deadline is None else deadline
        self.is_cancelled: bool = False
        self.speed: SpeedLimit | None = None
        self.timings: dict[str, float] = {}
        self._waker: DescriptorWaker | None = None

    def cancel(self) -> None:
        """End the present wait, and every later one, with `RequestCancelled`. Any thread; never blocks."""
        self.is_cancelled = True
        self.wake()

    def wake(self) -> None:
        """End the present wait, so that the worker looks again. Any thread; never blocks."""
        waker = self._waker
        if waker is not None:
            waker.wake()

    def arm(self) -> DescriptorWaker:
        """Take a waker, so that a `wake()` from now on ends the next wait. Worker only.

        Call it before another thread learns that it is to call `wake()`.
        """
        if self._waker is None:
            self._waker = take_waker()
        return self._waker

    def step_end(self) -> float | None:
        """Return when a step that begins now will have taken too long, on `time.monotonic()`; None: never."""
        return None if self.timeout is None else monotonic() + self.timeout

    def check(self) -> None:
        """Raise if the request is cancelled or out of time.

        Raises:
            RequestCancelled: The request was cancelled.
            DeadlineExceeded: Its deadline has passed.
        """
        if self.is_cancelled:
            raise RequestCancelled("the request was cancelled")
        if self.deadline.at is not None and self.deadline.has_passed():
            seconds = self.deadline.seconds
            raise DeadlineExceeded(f"the request timed out: it was not complete within its deadline of {seconds:g} s")

    def wait(
        self, interest: Mapping[int, int], until: float | None, what: str, *, is_pause: bool = False
    ) -> dict[int, int]:
        """Sleep until a descriptor is ready or another thread calls `wake()`. Worker only.

        Args:
            interest: Descriptor -> READ, WRITE or both.
            until: The end of the step, on `time.monotonic()`, from `step_end()`.
            what: The step, for the message: "connecting to host:80".
            is_pause: Reaching `until` is no error.
        Returns:
            The descriptors that are ready, and for what; empty after a wake-up, or at the end of a pause.
        Raises:
            RequestCancelled: The request was cancelled.
            DeadlineExceeded: The deadline of the request has passed.
            TimeoutError: The step has taken too long.
        """
        # A local variable for the waker would keep it, and its descriptor, alive in the traceback of an error.
        descriptor = (self._waker or self.arm()).descriptor
        self.check()
        end = earliest(until, self.deadline.at)
        ready = _poll(interest, descriptor, sleep_time(None if end is None else end - monotonic()))
        if descriptor in ready:
            del ready[descriptor]
            self.arm().drain()
        self.check()
        if not ready and not is_pause and until is not None and monotonic() >= until:
            raise TimeoutError(f"{what} timed out after {self.timeout:g} s")
        return ready

    def wait_for_transfer(self, interest: Mapping[int, int], until: float | None, what: str) -> dict[int, int]:
        """Wait as `wait()` does, for bytes of a transfer that must not be slower than `speed`.

        Raises:
            TransferTooSlow: It is. Exception: As `wait()`.
        """
        speed = self.speed
        left = None if speed is None else speed.left
        if speed is None or left is None:
            return self.wait(interest, until, what)
        began = monotonic()
        is_sooner = until is None or began + left < until
        ready = self.wait(interest, began + left if is_sooner else until, what, is_pause=is_sooner)
        speed.add_wait(monotonic() - began)
        if not ready:
            speed.check(what)
        return ready

    def pause(self, seconds: float) -> None:
        """Sleep for some seconds, or until the request is cancelled or out of time.

        Raises:
            RequestCancelled: The request was cancelled.
            DeadlineExceeded: The deadline of the request has passed.
        """
        until = monotonic() + seconds
        while monotonic() < until:
            self.wait({}, until, "a pause", is_pause=True)

    def release(self) -> None:
        """Give the waker back; the request is over."""
        waker, self._waker = self._waker, None
        if waker is not None:
            return_waker(waker)


def _is_ready_with_poll(descriptor: int, seconds: float = 0) -> bool:
    """Whether a read from the descriptor would return at once, with bytes, the end or an error; wait for it so long."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _is_ready_with_select(descriptor: int, seconds: float = 0) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


def _poll_with_poll(interest: Mapping[int, int], waker: int, seconds: float) -> dict[int, int]:
    poll = select.poll()
    poll.register(waker, select.POLLIN)
    for descriptor, wanted in interest.items():
        poll.register(descriptor, (select.POLLIN if wanted & READ else 0) | (select.POLLOUT if wanted & WRITE else 0))
    # Rounded up: waking a moment too early would make a busy loop of the last millisecond.
    ready = {}
    for descriptor, event in poll.poll(seconds * 1000 + 0.5):
        # After an error or a hang-up the socket is ready for both; the next call on it raises what happened.
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
