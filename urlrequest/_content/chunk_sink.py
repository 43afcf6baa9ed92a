"""ChunkSink: a body that is passed on piece by piece as it arrives, on the worker (contract 17.2)."""

from __future__ import annotations

import io
from functools import cache

from .checksum import compare_digest, new_digest
from .sinks import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ChunkSink"]

MAX_CHUNK = 512 * 1024  # bytes received at a time: half of what may wait for the user (contract 17.2)
LARGE_SIZE = 4 * 1024 * 1024  # bytes; more than all pieces that exist at a time


class ChunkSink(Sink):
    """Passes a body on piece by piece, as it arrives, and keeps nothing."""

    def __init__(
        self, pass_on: Callable[[bytes], None], end_piece: Callable[[], None], checksum: str | None = None
    ) -> None:
        """Make a sink.

        Args:
            pass_on: Takes a piece; blocks while the receiver is behind.
            end_piece: See `Sink.end_piece()`.
            checksum: What the whole body must have, from `check_checksum()`.
        """
        self._pass_on = pass_on
        self._end_piece = end_piece
        self._checksum = checksum
        self._digest = None if checksum is None else new_digest(checksum)
        self._store = _new_store()
        _keep_freed_memory()

    def expect(self, length: int | None) -> None:
        pass

    def room(self) -> memoryview:
        return self._store.getbuffer()

    def filled(self, count: int) -> None:
        if count == MAX_CHUNK:
            octets, self._store = self._store.getvalue(), _new_store()  # the room itself: nothing is copied
        else:
            with self._store.getbuffer() as room:
                octets = bytes(room[:count])
        self.write(octets)

    def write(self, octets: bytes) -> None:
        if octets:
            if self._digest is not None:
                self._digest.update(octets)
            self._pass_on(octets)

    def end_piece(self) -> None:
        self._end_piece()

    def verify(self) -> None:
        """Compare the whole body with the checksum. The receiver may have used the pieces by then.

        Raises:
            ChecksumMismatch: They differ.
        """
        if self._digest is not None and self._checksum is not None:
            compare_digest(self._digest, self._checksum)


def _new_store() -> io.BytesIO:
    return io.BytesIO(bytes(MAX_CHUNK))


@cache
def _keep_freed_memory() -> None:
    """Make the allocator keep the memory of a delivered piece for the next one.

    The GNU library returns freed blocks of our size to the system, which clears each page anew: half of the CPU time
    that a GiB takes over http (measured). Once a larger block has been freed, it keeps them.
    """
    bytes(LARGE_SIZE)
