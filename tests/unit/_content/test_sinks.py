from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from support.bodies import fill, pattern
from urlrequest._content.sinks import FIRST_SIZE, MAX_STEP, RESERVED, MemorySink

if TYPE_CHECKING:
    from collections.abc import Iterator


SIZES = [0, 1, 7, FIRST_SIZE - 1, FIRST_SIZE, FIRST_SIZE + 1, 3 * FIRST_SIZE + 5, 1_000_003]


@pytest.fixture
def memory() -> Iterator[MemorySink]:
    with MemorySink() as sink:
        yield sink


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("expected", ["unknown", "right", "too small", "too large"])
def test_memory(memory: MemorySink, size: int, expected: str) -> None:
    """What is put into memory comes out, whatever length was announced before."""
    length = {"unknown": None, "right": size, "too small": size // 2 or None, "too large": 2 * size + 9}[expected]
    memory.expect(length)
    octets = pattern(size)
    memory.write(octets[: size // 3])
    fill(memory, octets[size // 3 :], 10_007)

    assert octets == memory.content()


def test_memory_small_body_is_not_copied(memory: MemorySink) -> None:
    """A body that came in one piece is handed on as it is."""
    memory.expect(3)
    octets = b"abc"
    memory.write(octets)

    assert octets is memory.content()


@pytest.mark.parametrize("octets", [b"abc", b"", pattern(200_000)], ids=count())
def test_memory_takes_pieces(memory: MemorySink, octets: bytes) -> None:
    """Pieces of any size come out in order."""
    memory.expect(None)
    for _ in range(3):
        memory.write(octets)

    assert octets * 3 == memory.content()


def test_fault_59_a_claimed_length_costs_nothing(memory: MemorySink) -> None:
    """Fault 59, sockets E10: a length that the server only claims takes next to no memory."""
    memory.expect(10**18 - 1)
    memory.write(b"abc")

    assert MAX_STEP == len(memory._view)  # of which nothing has been touched
    assert b"abc" == memory.content()


def test_memory_is_reserved_when_a_part_has_come(memory: MemorySink) -> None:
    """A length that was announced is reserved once a sixteenth of it is here, and what is here moves there."""
    expected = 2 * RESERVED * MAX_STEP
    octets = pattern(2 * MAX_STEP)
    memory.expect(expected)
    memory.write(octets)
    before = len(memory._view)
    memory.write(octets)

    assert before <= 3 * MAX_STEP
    assert expected == len(memory._view)
    rest = bytes(expected - 2 * len(octets))
    memory.write(rest)
    assert octets * 2 + rest == memory.content()


def test_memory_grows_with_the_body(memory: MemorySink) -> None:
    """Memory is never more than half as large again as the body, or by a little."""
    memory.expect(None)
    piece = pattern(FIRST_SIZE)
    for number in range(1, 200):
        memory.write(piece)
        held = number * len(piece)
        assert held <= len(memory._view) <= max(2 * FIRST_SIZE, min(held * 3 // 2, held + MAX_STEP))


def test_memory_is_never_more_than_was_told(memory: MemorySink) -> None:
    """Memory does not grow beyond the length that was announced."""
    memory.expect(FIRST_SIZE + 100)
    memory.write(pattern(FIRST_SIZE))
    memory.write(b"x" * 100)

    assert FIRST_SIZE + 100 == len(memory._view)


def test_memory_is_let_go_of() -> None:
    """A sink that is left without its content having been taken holds no memory."""
    with MemorySink() as sink:
        sink.expect(None)
        sink.write(b"abc")

    assert sink._store.closed
