"""Bells: what workers ring, and what the loop's thread looks at. They know no toolkit.

Thread safety. Any thread rings, which is one assignment or one system call that never blocks.

Invariant:
    B1  A pipe is closed when nobody has it any more, so that no thread writes to a descriptor that has meanwhile been
        given to somebody else.
"""

from __future__ import annotations

import os

__all__ = ["Bell", "PipeBell"]


class Bell:
    """A mark that says: there is something to do.

    Attributes:
        is_dismissed: Nobody is there to come for it any more.
    """

    def __init__(self) -> None:
        self.is_dismissed = False
        self._is_rung = False

    def ring(self) -> None:
        """Leave the mark. Any thread."""
        self._is_rung = True

    def hush(self) -> bool:
        """Take the mark away, before looking for work; whether it was there."""
        is_rung, self._is_rung = self._is_rung, False
        return is_rung


class PipeBell(Bell):
    """The same as a descriptor that a loop can watch. POSIX only.

    Attributes:
        descriptor: It is readable when the bell was rung.
    """

    def __init__(self) -> None:
        super().__init__()
        self.descriptor, self._out = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._out, False)

    def __del__(self) -> None:
        os.close(self.descriptor)
        os.close(self._out)

    def ring(self) -> None:
        try:
            os.write(self._out, b"\0")
        except BlockingIOError:
            pass  # it is readable as it is

    def hush(self) -> bool:
        try:
            return bool(os.read(self.descriptor, 4096))
        except BlockingIOError:
            return False
