from __future__ import annotations

import hashlib
import tracemalloc

import pytest

from urlrequest._content import chunk_sink as sink_module
from urlrequest._content.checksum import check_checksum
from urlrequest._content.chunk_sink import MAX_CHUNK, ChunkSink
from urlrequest.errors import ChecksumMismatch


def test_17_2_pieces_are_our_own() -> None:
    """Contract 17.2: what was handed over does not change when the next bytes are received."""
    pieces: list[bytes] = []
    sink = ChunkSink(pieces.append, lambda: None)
    sink.expect(None)
    for octets in (b"one", b"three"):
        with sink.room() as room:
            room[: len(octets)] = octets
        sink.filled(len(octets))
    sink.write(b"four")

    assert [b"one", b"three", b"four"] == pieces
    assert {bytes} == {type(piece) for piece in pieces}


def test_17_2_large_pieces_are_our_own() -> None:
    """Contract 17.2: the same where the room was filled to its end, and the piece is the room itself."""
    pieces: list[bytes] = []
    sink = ChunkSink(pieces.append, lambda: None)
    for octet in (b"a", b"b"):
        with sink.room() as room:
            room[:] = octet * MAX_CHUNK
        sink.filled(MAX_CHUNK)
    with sink.room() as room:
        room[:4] = b"rest"
    sink.filled(4)

    assert [b"a" * MAX_CHUNK, b"b" * MAX_CHUNK, b"rest"] == pieces
    assert {bytes} == {type(piece) for piece in pieces}


def test_17_2_no_empty_piece() -> None:
    """Contract 17.2: on_chunk is not called for nothing."""
    pieces: list[bytes] = []
    sink = ChunkSink(pieces.append, lambda: None)
    with sink.room():
        pass
    sink.filled(0)
    sink.write(b"")

    assert [] == pieces


def test_17_9_a_sink_that_rests_keeps_no_memory() -> None:
    """Contract 17.9: thousands of streams that say nothing hold no room for what they may say."""
    sinks = [ChunkSink(lambda octets: None, lambda: None) for _ in range(100)]
    sink_module._stores.clear()
    tracemalloc.start()
    try:
        for sink in sinks:
            with sink.room() as room:
                room[:1] = b"x"
            sink.filled(1)
            sink.rest()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        sink_module._stores.clear()

    assert taken < 2 * MAX_CHUNK  # they have used the same


def test_17_2_a_sink_goes_on_after_a_rest() -> None:
    """Contract 17.2: what another sink has received in the same memory is not seen."""
    pieces: list[bytes] = []
    sink, other = ChunkSink(pieces.append, lambda: None), ChunkSink(lambda octets: None, lambda: None)
    for each, octets in ((sink, b"one"), (other, b"secret"), (sink, b"two")):
        with each.room() as room:
            room[: len(octets)] = octets
        each.filled(len(octets))
        each.rest()
    sink.rest()  # without anything to give up

    assert [b"one", b"two"] == pieces


def test_room_is_always_there() -> None:
    """A piece that was handed over makes room for as much again."""
    sink = ChunkSink(lambda octets: None, lambda: None)
    for _ in range(3):
        with sink.room() as room:
            assert MAX_CHUNK == len(room)
        sink.filled(MAX_CHUNK)


@pytest.mark.parametrize("is_right", [True, False])
def test_12_4_checksum(is_right: bool) -> None:
    """Contract 12.4: all pieces count, in order."""
    digest = hashlib.md5(b"onetwo" if is_right else b"twoone", usedforsecurity=False).hexdigest()
    sink = ChunkSink(lambda octets: None, lambda: None, check_checksum(f"md5:{digest}"))
    sink.write(b"one")
    sink.write(b"two")
    if is_right:
        sink.verify()
    else:
        with pytest.raises(ChecksumMismatch):
            sink.verify()


def test_12_4_without_a_checksum() -> None:
    """Contract 12.4: nothing is compared where nothing was given."""
    ChunkSink(lambda octets: None, lambda: None).verify()
