"""Bell: a descriptor that a loop watches, and any thread rings.

Thread safety. Ringing and hushing are one system call each, which never blocks. The descriptors are closed when nobody
has the bell any more, so that no thread rings one that has been given to somebody else.
"""

from __future__ import annotations

import os

__all__ = ["Bell"]


class Bell:
    """A pipe of which one octet at a time is used. POSIX only."""

    __slots__ = ("_out", "descriptor")

    def __init__(self) -> None:
        self.descriptor, self._out = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._out, False)

    def __del__(self) -> None:
        os.close(self.descriptor)
        os.close(self._out)

    def ring(self) -> None:
        """Make the descriptor readable. Any thread."""
        try:
            os.write(self._out, b"\0")
        except BlockingIOError:
            pass  # it is readable

    def hush(self) -> None:
        """Make it unreadable. The loop's thread, before it looks for work."""
        try:
            os.read(self.descriptor, 4096)
        except BlockingIOError:
            pass
