"""Where a body goes: Sink, what every destination offers; MemorySink, a body in memory. Runs on the worker.

A sink lends memory for bytes to be received into, so that a body is copied as rarely as possible. Other sinks:
`file_sink`, `resumable_file`, `chunk_sink`; they are loaded by requests that need them.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["MemorySink", "Sink"]

FIRST_SIZE = 64 * 1024  # bytes of memory at first, where the length is not known
MAX_STEP = 1024 * 1024  # bytes by which it grows; more would keep other threads waiting (measured: 20 ms)


class Sink(ABC):
    """Takes the bytes of a body, by lending room for them or piece by piece."""

    @abstractmethod
    def expect(self, length: int | None) -> None:
        """Prepare for so many bytes; None: the number is unknown. Call it before the first byte."""

    @abstractmethod
    def room(self) -> memoryview:
        """Memory for the next bytes, at least one. Release it before any other call."""

    @abstractmethod
    def filled(self, count: int) -> None:
        """Take the first `count` bytes of the room that was lent last."""

    def write(self, octets: bytes) -> None:
        """Take a piece."""
        written = 0
        while written < len(octets):
            with self.room() as room:
                count = min(len(room), len(octets) - written)
                room[:count] = octets[written : written + count]
            self.filled(count)
            written += count


class MemorySink(Sink):
    """Collects a body in memory that grows with it: a length that the server only claims costs nothing.

    Use it as a context manager: the exception that ends a request refers to its frames, and so to the sink, in a cycle,
    and collecting a BytesIO that has an open view crashes the interpreter (measured: CPython 3.12.1).
    """

    def __init__(self) -> None:
        self._store = io.BytesIO()
        self._view = memoryview(b"")
        self._size = 0
        self._whole: bytes | None = None
        self._expected: int | None = None

    def expect(self, length: int | None) -> None:
        self._expected = length

    def write(self, octets: bytes) -> None:
        if self._size == 0 and len(octets) == self._expected:
            self._whole = octets  # a small body that came in one piece is never copied
            return
        super().write(octets)

    def room(self) -> memoryview:
        if self._size == len(self._view):
            self._grow()
        return self._view[self._size :]

    def filled(self, count: int) -> None:
        self._size += count

    def _grow(self) -> None:
        """Make the memory larger, in small steps when it is large: the system then moves pages instead of bytes."""
        size = len(self._view)
        self._view.release()
        if self._expected and not size:
            # The system provides zeros without touching them; it maps each page when bytes are received into it.
            self._store = io.BytesIO(bytes(min(self._expected, MAX_STEP)))
        else:
            capacity = size + min(max(FIRST_SIZE, size // 2), MAX_STEP)
            if self._expected is not None and self._expected > size:
                capacity = min(capacity, self._expected)
            self._store.seek(capacity - 1)
            self._store.write(b"\0")
        self._view = self._store.getbuffer()

    def content(self) -> bytes:
        """The body. The sink is empty afterwards."""
        if self._whole is not None:
            return self._whole
        self._view.release()
        self._store.truncate(self._size)
        return self._store.getvalue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._view.release()
        self._store.close()
