from __future__ import annotations

from typing import Any

import pytest

from urlrequest._net.low_speed import SpeedLimit, check_low_speed
from urlrequest.errors import TransferTooSlow


@pytest.fixture
def limit() -> SpeedLimit:
    """100 bytes in 10 seconds."""
    made = SpeedLimit(10, 10)
    made.begin()
    return made


def test_15_6_too_few_bytes(limit: SpeedLimit) -> None:
    """Contract 15.6: bytes of the time in which they were too few are counted together, and named."""
    limit.count(50)
    limit.add_wait(6)
    limit.check("receiving")
    assert 4 == limit.left
    limit.count(49)
    limit.add_wait(4)

    assert 0 == limit.left
    with pytest.raises(
        TransferTooSlow, match=r"receiving timed out: 99 bytes in 10 s; low_speed is 10 bytes per second"
    ):
        limit.check("receiving")


def test_15_6_enough_bytes(limit: SpeedLimit) -> None:
    """Contract 15.6: when enough bytes have passed, the time begins anew."""
    limit.add_wait(9.9)
    limit.count(100)

    assert 10 == limit.left
    limit.check("receiving")


def test_15_6_a_pause(limit: SpeedLimit) -> None:
    """Contract 15.6: while a response is waited for, nothing is too slow; then it begins anew."""
    limit.add_wait(9)
    limit.pause()
    assert limit.left is None
    limit.add_wait(1000)
    limit.check("waiting")
    limit.begin()

    assert 10 == limit.left


@pytest.mark.parametrize(
    ("value", "expected"), [((1, 2), (1.0, 2.0)), ([0.5, 0.1], (0.5, 0.1)), ((1, float("inf")), None)]
)
def test_15_6_values(value: Any, expected: tuple[float, float] | None) -> None:
    """Contract 15.6: two numbers above 0; a time without an end is no limit."""
    assert expected == check_low_speed(value)
