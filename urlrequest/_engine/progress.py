"""Meters: octets received or sent -> progress events (contract 5.2, 17.2, 17.3); SizeLimit (contract 17.6)."""

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
        if self._interval is None:
            return True
        now = monotonic()
        if now < self._next:
            return False
        self._next = now + self._interval
        return True


class ProgressMeter:
    """Counts a body's octets as they are received, and tells of every chunk.

    One run of events stands for all chunks that a read has completed, so that small chunks cost callbacks but no
    objects.
    """

    def __init__(
        self,
        chunk_size: int | None,
        total: int | None,
        interval: float | None,
        observer: ProgressObserver,
        offset: int = 0,
    ) -> None:
        """Begin, and tell so.

        Args:
            chunk_size: Octets from one event to the next; None: the whole body is one chunk.
            total: Octets to come; None: unknown.
            interval: The shortest time between two events, in seconds; first and last come always.
            offset: Octets that were there before, of a download that is continued.
        """
        self._chunk_size = chunk_size
        self._total = -1 if total is None else total
        self._pace = _Throttle(interval)
        self._is_paced = interval is not None
        self._observer = observer
        self._received = offset
        self._told = offset
        self._pace.is_due()
        self._tell(offset, 1)

    def count(self, octets: int) -> None:
        """Take note of octets received."""
        self._received += octets
        size = self._chunk_size
        if size is not None and self._received - self._told >= size:
            chunks = (self._received - self._told) // size
            first = self._told + size
            self._told += chunks * size
            if not self._is_paced:
                self._tell(first, chunks, size)
            elif self._pace.is_due():
                self._tell(self._told, 1)

    def finish(self) -> None:
        """Tell of the last, incomplete chunk, and of the end."""
        if self._received > self._told:
            self._tell(self._received, 1)
        self._tell(self._received, 1)

    def _tell(self, first: int, count: int, step: int = 0) -> None:
        if self._observer.wants_progress():
            self._observer.progress_made(ProgressRun(first, step, count, self._total))


class UploadMeter:
    """Turns what is sent of a body into progress events; the first and the last always come."""

    def __init__(self, total: int | None, interval: float | None, observer: ProgressObserver) -> None:
        """Make a meter for all attempts to send a body; `total` None: unknown."""
        self._total = -1 if total is None else total
        self._interval = interval
        self._pace = _Throttle(interval)
        self._observer = observer

    def report(self, sent: int, is_end: bool) -> None:
        """Take note of how many octets were sent so far, and whether these are all; see `Body.on_sent`."""
        is_start = sent == 0
        if is_start:  # every attempt sends all of it
            self._pace = _Throttle(self._interval)
        is_due = self._pace.is_due() and sent != self._total  # the whole is reported once, at its end
        if is_start or is_end or is_due:
            self._observer.progress_made(ProgressRun(sent, 0, 1, self._total, is_upload=True))


class SizeLimit:
    """Counts a body's octets, decoded ones, against the largest size that the user allows."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._size = 0

    def check(self, size: int) -> None:
        """Refuse a size.

        Raises:
            ContentTooLarge: It is above the limit.
        """
        if self._limit is not None and size > self._limit:
            raise ContentTooLarge(f"the body has {size} octets or more; max_size is {self._limit}")

    def add(self, octets: int) -> None:
        """Take note of octets. Raises as `check()`."""
        self._size += octets
        self.check(self._size)
