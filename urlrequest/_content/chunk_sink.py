"""ChunkSink: a body that is passed on piece by piece as it arrives, on the worker (contract 17.2)."""

from __future__ import annotations

import io
from collections import deque
from functools import cache

from .checksum import compare_digest, new_digest
from .sinks import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ChunkSink"]

MAX_CHUNK = 512 * 1024  # bytes received at a time: half of what may wait for the user (contract 17.2)
MAX_STORES = 4  # of sinks that rest; as many pieces are received at the same time
LARGE_SIZE = 4 * 1024 * 1024  # bytes; more than all pieces that exist at a time

_stores: deque[io.BytesIO] = deque(maxlen=MAX_STORES)  # its single operations are atomic


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
        self._store: io.BytesIO | None = None
        _keep_freed_memory()

    def expect(self, length: int | None) -> None:
        pass

    def room(self) -> memoryview:
        if self._store is None:
            self._store = _take_store()
        return self._store.getbuffer()

    def filled(self, count: int) -> None:
        assert self._store is not None, "there is a room"
        if count == MAX_CHUNK:
            octets, self._store = self._store.getvalue(), None  # the room itself: nothing is copied
        else:
            with self._store.getbuffer() as room:
                octets = bytes(room[:count])
        self.write(octets)

    def rest(self) -> None:
        """Keep no memory while nothing comes: there may be thousands of such sinks."""
        if self._store is not None:
            store, self._store = self._store, None
            _stores.append(store)

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


def _take_store() -> io.BytesIO:
    """Memory for a piece: that of a sink that rests, for to clear as much anew takes long."""
    try:
        return _stores.pop()
    except IndexError:
        return io.BytesIO(bytes(MAX_CHUNK))


@cache
def _keep_freed_memory() -> None:
    """Make the allocator keep the memory of a delivered piece for the next one.

    The GNU library returns freed blocks of our size to the system, which clears each page anew: half of the CPU time
    that a GiB takes over http (measured). Once a larger block has been freed, it keeps them.
    """
    bytes(LARGE_SIZE)
