from __future__ import annotations

import sys
import time
from itertools import count
from time import monotonic

import pytest

from urlrequest._concurrency import deadline
from urlrequest._concurrency.deadline import Deadline, check_seconds, earliest


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (1, 1.0),
        (0.5, 0.5),
        (sys.float_info.min, sys.float_info.min),
        (1e308, 1e308),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_15_1_seconds(value: object, expected: float | None) -> None:
    """Contract 15.1: a number above 0 is that many seconds; None, infinity and what is beyond floats are no limit."""
    assert expected == check_seconds("timeout", value)


@pytest.mark.parametrize("value", [0, 0.0, -0.0, -1, -0.001, float("nan"), float("-inf"), -(10**400)])
def test_15_1_numbers_that_are_no_time(value: float) -> None:
    """Contract 15.1: 0, negative and NaN are errors that name the argument and the value (sockets E34)."""
    with pytest.raises(ValueError, match="deadline is"):
        check_seconds("deadline", value)


@pytest.mark.parametrize("value", ["5", b"5", True, False, [], object(), 1j], ids=count())
def test_15_1_types_that_are_no_time(value: object) -> None:
    """Contract 15.1: what is no number is a TypeError that names the argument (sockets E34)."""
    with pytest.raises(TypeError, match=f"timeout is {type(value).__name__}"):
        check_seconds("timeout", value)


def test_15_2_deadlines_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.2: a deadline counts down from when it was made, and stays passed."""
    now = monotonic()
    monkeypatch.setattr("urlrequest._concurrency.deadline.monotonic", lambda: now)
    deadline = Deadline(2.0)
    assert (2.0, now + 2.0) == (deadline.seconds, deadline.at)

    seen = []
    for elapsed in (0.0, 1.5, 2.0, 3.0):
        monkeypatch.setattr("urlrequest._concurrency.deadline.monotonic", lambda elapsed=elapsed: now + elapsed)
        seen.append((pytest.approx(deadline.remaining()), deadline.has_passed()))

    assert [(2.0, False), (0.5, False), (0.0, True), (0.0, True)] == seen


def test_no_deadline_never_passes() -> None:
    """None is no limit."""
    deadline = Deadline(None)

    assert deadline.at is None
    assert deadline.remaining() is None
    assert not deadline.has_passed()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(None, None, None), (1.0, None, 1.0), (None, 2.0, 2.0), (1.0, 2.0, 1.0), (2.0, 1.0, 1.0), (0.0, None, 0.0)],
)
def test_earliest(first: float | None, second: float | None, expected: float | None) -> None:
    """The earlier of two moments, None being never."""
    assert expected == earliest(first, second)


def test_the_clock_of_a_system_without_a_better_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no clock goes on while the machine sleeps, or the system refuses it, `time.monotonic()` serves."""

    def refuse(number: int) -> float:
        raise OSError("made to fail")

    monkeypatch.setattr(time, "clock_gettime", refuse, raising=False)
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    assert deadline._find_suspend_clock() is None
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert deadline._find_suspend_clock() is None
