"""Meter: octets received -> progress events (contract 5.2)."""

from __future__ import annotations

from typing import Protocol

from ._events import ProgressRun

__all__ = ["Meter", "ProgressWitness"]


class ProgressWitness(Protocol):
    """Who is told how far a body is."""

    def wants_progress(self) -> bool: ...
    def see_progress(self, run: ProgressRun) -> None: ...


class Meter:
    """Counts a body's octets and tells of every chunk.

    One run of events stands for all chunks that a read has completed, so that small chunks cost callbacks but no
    objects.
    """

    def __init__(self, chunk_size: int | None, total: int | None, witness: ProgressWitness) -> None:
        """Begin, and tell so.

        Args:
            chunk_size: Octets from one event to the next; None: the whole body is one chunk.
            total: Octets to come; None: unknown.
        """
        self._chunk_size = chunk_size
        self._total = -1 if total is None else total
        self._witness = witness
        self._received = 0
        self._told = 0
        self._tell(0, 1)

    def count(self, octets: int) -> None:
        """Take note of octets received."""
        self._received += octets
        size = self._chunk_size
        if size is not None and self._received - self._told >= size:
            chunks = (self._received - self._told) // size
            self._tell(self._told + size, chunks, size)
            self._told += chunks * size

    def finish(self) -> None:
        """Tell of the last, incomplete chunk, and of the end."""
        if self._received > self._told:
            self._tell(self._received, 1)
        self._tell(self._received, 1)

    def _tell(self, first: int, count: int, step: int = 0) -> None:
        if self._witness.wants_progress():
            self._witness.see_progress(ProgressRun(first, step, count, self._total))
