"""ChunkSink: a body that is handed over as it arrives, on the worker (contract 17.2)."""

from __future__ import annotations

import io
from functools import cache

from .checksum import compare_digest, new_digest
from .sinks import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ChunkSink"]

CHUNK_SIZE = 512 * 1024  # octets received at a time, at most: half of what may wait (contract 17.2)
LARGE_SIZE = 4 * 1024 * 1024  # octets; above all pieces that exist at a time


class ChunkSink(Sink):
    """Hands a body over piece by piece, as it arrives, and keeps nothing."""

    def __init__(self, hand_over: Callable[[bytes], None], checksum: str | None = None) -> None:
        """Make a sink.

        Args:
            hand_over: Takes a piece; blocks while the receiver is behind.
            checksum: What the whole must have, from `check_checksum()`.
        """
        self._hand_over = hand_over
        self._checksum = checksum
        self._digest = None if checksum is None else new_digest(checksum)
        self._store = _new_store()
        _have_memory_kept()

    def expect(self, length: int | None) -> None:
        pass

    def room(self) -> memoryview:
        return self._store.getbuffer()

    def filled(self, count: int) -> None:
        if count == CHUNK_SIZE:
            octets, self._store = self._store.getvalue(), _new_store()  # the room itself: nothing is copied
        else:
            with self._store.getbuffer() as room:
                octets = bytes(room[:count])
        self.write(octets)

    def write(self, octets: bytes) -> None:
        if octets:
            if self._digest is not None:
                self._digest.update(octets)
            self._hand_over(octets)

    def verify(self) -> None:
        """Compare the whole with the checksum, which comes too late for whoever used the pieces already.

        Raises:
            ChecksumMismatch: They differ.
        """
        if self._digest is not None and self._checksum is not None:
            compare_digest(self._digest, self._checksum)


def _new_store() -> io.BytesIO:
    return io.BytesIO(bytes(CHUNK_SIZE))


@cache
def _have_memory_kept() -> None:
    """Have the memory of a delivered piece used for the next one.

    The GNU library gives freed blocks of our size back to the system, which clears each page anew: half of the CPU time
    that a GiB takes over http (measured). Once a larger block has been freed it keeps them.
    """
    bytes(LARGE_SIZE)
