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
MAX_STEP = 1024 * 1024  # bytes cleared or copied at a time; more would keep other threads waiting (measured: 20 ms)
RESERVED = 16  # an expected length is reserved, but not touched, when one part in so many has come


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
        rest = memoryview(octets)  # whose slices are no copies
        while rest:
            with self.room() as room:
                count = min(len(room), len(rest))
                room[:count] = rest[:count]
            self.filled(count)
            rest = rest[count:]

    def end_piece(self) -> None:  # noqa: B027 - most sinks have nothing to do
        """Note that all of what was received in one go has been taken, and its progress reported."""


class MemorySink(Sink):
    """Collects a body in memory that grows with it: a length that the server only claims takes no memory.

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
        """Make the memory larger: in small steps, until a part of an expected length has come."""
        size, expected = len(self._view), self._expected or 0
        if size < expected <= max(MAX_STEP, RESERVED * size):
            self._move_to(expected)
        elif expected and not size:
            self._move_to(MAX_STEP)
        else:  # when it is large, the system moves pages instead of bytes
            self._view.release()
            self._store.seek(size + min(max(FIRST_SIZE, size // 2), MAX_STEP) - 1)
            self._store.write(b"\0")
            self._view = self._store.getbuffer()

    def _move_to(self, capacity: int) -> None:
        """Go on in other memory, of so many bytes.

        The system provides zeros without touching them, and maps each page when bytes are received into it; memory that
        is extended is cleared as well, a fifth of the time that a body takes (measured).
        """
        store = io.BytesIO(bytes(capacity))
        view = store.getbuffer()
        for start in range(0, self._size, MAX_STEP):
            end = min(start + MAX_STEP, self._size)
            view[start:end] = self._view[start:end]
        self._view.release()
        self._store.close()
        self._store, self._view = store, view

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
