"""Meters: bytes received or sent -> progress events (contract 5.2, 17.2, 17.3); SizeLimit (contract 17.6).

Each belongs to the worker of one request.
"""

from __future__ import annotations

from time import monotonic

from urlrequest._delivery.events import ProgressRun
from urlrequest.errors import ContentTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .observer import ProgressObserver

__all__ = ["ProgressMeter", "SizeLimit", "UploadMeter"]


class _Throttle:
    """Lets an event through when the last one was long enough ago."""

    def __init__(self, interval: float | None) -> None:
        self._interval = interval
        self._next = 0.0

    def is_due(self) -> bool:
        """Whether an event may come now; if so, the next one may come after the interval."""
        if self._interval is None:
            return True
        now = monotonic()
        if now < self._next:
            return False
        self._next = now + self._interval
        return True


class ProgressMeter:
    """Counts the bytes of a body as they are received, and reports each chunk_size of them.

    One `ProgressRun` stands for all events of a read, so that a small chunk_size costs callbacks but no objects.
    """

    def __init__(
        self,
        chunk_size: int | None,
        total: int | None,
        interval: float | None,
        observer: ProgressObserver,
        offset: int = 0,
    ) -> None:
        """Make a meter, and report the beginning.

        Args:
            chunk_size: Bytes from one event to the next; None: the whole body.
            total: Bytes to come; None: unknown.
            interval: The shortest time between two events, in seconds; the first and the last always come.
            offset: Bytes that are there already, of a download that is continued.
        """
        self._chunk_size = chunk_size
        self._total = -1 if total is None else total
        self._throttle = _Throttle(interval)
        self._is_throttled = interval is not None
        self._observer = observer
        self._received = observer.received = offset
        self._reported = offset
        self._throttle.is_due()
        self._report(offset, 1)

    def count(self, size: int) -> None:
        """Count bytes that were received."""
        self._received = self._observer.received = self._received + size
        step = self._chunk_size
        if step is not None and self._received - self._reported >= step:
            steps = (self._received - self._reported) // step
            first = self._reported + step
            self._reported += steps * step
            if not self._is_throttled:
                self._report(first, steps, step)
            elif self._throttle.is_due():
                self._report(self._reported, 1)

    def finish(self) -> None:
        """Report what is left, less than a whole chunk_size, and then the end."""
        if self._received > self._reported:
            self._report(self._received, 1)
        self._report(self._received, 1)

    def _report(self, first: int, count: int, step: int = 0) -> None:
        if self._observer.wants_progress():
            self._observer.progress_made(ProgressRun(first, step, count, self._total))


class UploadMeter:
    """Turns what is sent of a body into progress events; the first and the last always come."""

    def __init__(self, total: int | None, interval: float | None, observer: ProgressObserver) -> None:
        """Make a meter for all attempts to send a body; `total` None: its length is unknown."""
        self._total = -1 if total is None else total
        self._interval = interval
        self._throttle = _Throttle(interval)
        self._observer = observer

    def report(self, sent: int, is_end: bool) -> None:
        """Report the bytes sent so far, if an event is due; see `Body.on_sent`."""
        is_start = sent == 0
        if is_start:  # every attempt sends the whole body
            self._throttle = _Throttle(self._interval)
        is_due = self._throttle.is_due() and sent != self._total  # the whole is reported once, at its end
        if is_start or is_end or is_due:
            self._observer.progress_made(ProgressRun(sent, 0, 1, self._total, is_upload=True))


class SizeLimit:
    """Counts the bytes of a body, after decoding, against the largest size that the user allows."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._size = 0

    def check(self, size: int) -> None:
        """Refuse a size above the limit.

        Raises:
            ContentTooLarge: It is above.
        """
        if self._limit is not None and size > self._limit:
            raise ContentTooLarge(f"the body has {size} bytes or more; max_size is {self._limit}")

    def add(self, size: int) -> None:
        """Count bytes, and refuse those above the limit. Raises as `check()`."""
        self._size += size
        self.check(self._size)
