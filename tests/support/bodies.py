"""Bodies of responses, and how a stream puts them into a sink."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urlrequest._content.file_sink import FileSink
    from urlrequest._content.sinks import MemorySink

__all__ = ["fill", "pattern"]


def pattern(size: int) -> bytes:
    """So many bytes, no two stretches alike where they are cut at round numbers."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def fill(sink: MemorySink | FileSink, octets: bytes, piece: int) -> None:
    """Put bytes into the room that a sink lends, at most so many at a time, as a stream does."""
    done = 0
    while done < len(octets):
        with sink.room() as room:
            assert len(room)
            size = min(piece, len(room), len(octets) - done)
            room[:size] = octets[done : done + size]
        sink.filled(size)
        done += size
