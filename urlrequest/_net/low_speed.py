"""SpeedLimit: how slow a transfer may be before it is given up (contract 15.6). One request's; its worker uses it.

It counts bytes on their way, codings included, and the time for which the worker waits for them. So a transfer is not
slow because the program is: the time in which callbacks hold it up, or a disk, does not count. Nor does the time for
which a server thinks, which `timeout` is for.
"""

from __future__ import annotations

from urlrequest._concurrency.deadline import check_seconds
from urlrequest.errors import TransferTooSlow

__all__ = ["SpeedLimit", "check_low_speed"]

MAX_SPEED = 1e15  # bytes per second


def check_low_speed(low_speed: object) -> tuple[float, float] | None:
    """Check bytes per second and seconds, and return them; None: there is no limit, as the time has none.

    Raises:
        TypeError, ValueError: These are no two numbers above 0.
    """
    if not isinstance(low_speed, tuple | list):
        raise TypeError(f"low_speed is {type(low_speed).__name__}; (bytes_per_second, seconds) is needed")
    if len(low_speed) != 2:
        raise ValueError(f"low_speed has {len(low_speed)} items; (bytes_per_second, seconds) is needed")
    speed, seconds = low_speed
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        raise TypeError(f"low_speed has {type(speed).__name__} for the bytes per second; a number is needed")
    if not 0 < speed <= MAX_SPEED:
        raise ValueError(f"low_speed has {speed} for the bytes per second; a number above 0 is needed")
    if seconds is None:
        raise TypeError("low_speed has None for the seconds; a number is needed")
    duration = check_seconds("the time of low_speed", seconds)
    return None if duration is None else (float(speed), duration)


class SpeedLimit:
    """Ends a transfer in which fewer than `speed` bytes per second have come, or gone, for `seconds`."""

    __slots__ = ("_count", "_is_counting", "_quota", "_seconds", "_speed", "_waited")

    def __init__(self, speed: float, seconds: float) -> None:
        self._speed = speed
        self._seconds = seconds
        self._quota = speed * seconds  # bytes that must pass in that time
        self._count = 0  # bytes since the time began
        self._waited = 0.0  # seconds of waiting since then
        self._is_counting = False

    def begin(self) -> None:
        """Count from now on: something is being sent, or the head of a response has come."""
        self._count, self._waited, self._is_counting = 0, 0.0, True

    def pause(self) -> None:
        """Count no more: a response is waited for."""
        self._is_counting = False

    def count(self, size: int) -> None:
        """Count bytes that were sent or received."""
        self._count += size
        if self._count >= self._quota:
            self._count, self._waited = 0, 0.0

    @property
    def left(self) -> float | None:
        """Seconds for which the transfer may go on waiting; None: for as long as it likes."""
        return max(0.0, self._seconds - self._waited) if self._is_counting else None

    def add_wait(self, seconds: float) -> None:
        """Count seconds for which the worker has waited for the network."""
        self._waited += seconds

    def check(self, what: str) -> None:
        """Raise if too few bytes have passed in that time.

        Args:
            what: The step, for the message: "receiving from host:80".
        Raises:
            TransferTooSlow: They are too few.
        """
        if self._is_counting and self._waited >= self._seconds:
            raise TransferTooSlow(
                f"{what} timed out: {self._count} bytes in {self._seconds:g} s; "
                f"low_speed is {self._speed:g} bytes per second"
            )
