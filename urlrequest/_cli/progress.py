"""The progress of a request, on standard error: a bar on a terminal if tqdm is installed, else a few lines.

Used on the dispatch thread, which is the command's main thread.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Lines", "Progress", "size_text"]

MAX_LINES = 10  # of a download whose size is known
LINE_INTERVAL = 1.0  # seconds between two lines, so that a quick download gets one
FIRST_MARK = 1024 * 1024  # bytes; if the total is unknown, there is a line at this size, and at each doubling


class _Display(Protocol):
    """Shows the progress of one body."""

    def show(self, current: int, total: int) -> None:
        """Show how many bytes were sent or received, of how many; -1: unknown."""
        ...

    def close(self) -> None:
        """End the display, complete or not; may be called again."""
        ...


class Progress:
    """The displays of one request: of what it sends, then of what it receives."""

    def __init__(self, stream: TextIO | None, *, sent: str | None, received: str | None) -> None:
        """Make the displays, which show nothing yet.

        Args:
            sent, received: The names of the bodies; None: its progress is not shown.
        """
        self._sent = None if sent is None else _make_display(stream, sent, is_terse=True)
        self._received = None if received is None else _make_display(stream, received)

    def show_sent(self, _: Any, current: int, total: int) -> None:
        """The on_upload_progress callback."""
        if self._sent is not None:
            self._sent.show(current, total)

    def end_sent(self) -> None:
        """End the display of what is sent: the response is arriving."""
        if self._sent is not None:
            self._sent.close()

    def show_received(self, request: Any, current: int, total: int) -> None:
        """The on_progress callback. The body of a failure is not shown as a download."""
        self.end_sent()
        if self._received is not None and 200 <= (request.resp_status or 0) < 300:
            self._received.show(current, total)

    def close(self) -> None:
        self.end_sent()
        if self._received is not None:
            self._received.close()


def _make_display(stream: TextIO | None, name: str, *, is_terse: bool = False) -> _Display | None:
    """Return the display that suits the stream; None: there is no stream.

    Args:
        name: What is being sent or received.
        is_terse: Skip the line of a fast transfer when the stream is not a terminal.
    """
    if stream is None:
        return None
    if stream.isatty():
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            return _Bar(stream, name, tqdm)
    return Lines(stream, name, is_terse=is_terse)


class _Bar:
    """A bar of tqdm, made when the size is known."""

    def __init__(self, stream: TextIO, name: str, tqdm: Any) -> None:
        self._stream = stream
        self._name = name
        self._tqdm = tqdm
        self._bar: Any = None

    def show(self, current: int, total: int) -> None:
        if self._bar is None:
            self._tqdm.monitor_interval = 0  # no thread of its own
            self._bar = self._tqdm(
                initial=current,  # above 0 when a download is continued
                total=total if total >= 0 else None,
                desc=self._name,
                file=self._stream,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                dynamic_ncols=True,
            )
        self._bar.update(current - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class Lines:
    """At most ten lines for a body of known size, each with rate and time left; the last one when it is complete."""

    def __init__(
        self, stream: TextIO, name: str, clock: Callable[[], float] = monotonic, *, is_terse: bool = False
    ) -> None:
        self._stream = stream
        self._name = name
        self._clock = clock
        self._is_terse = is_terse
        self._first = 0  # bytes that were there before
        self._began: float | None = None
        self._printed_at = 0.0
        self._mark = 0
        self._current = 0
        self._total = -1

    def show(self, current: int, total: int) -> None:
        now = self._clock()
        self._current, self._total = current, total
        if self._began is None:
            self._began = self._printed_at = now
            self._first = current
            self._mark = self._next_mark()
        elif self._mark <= current < (total if total >= 0 else current + 1) and now - self._printed_at >= LINE_INTERVAL:
            self._printed_at = now
            self._is_terse = False
            self._mark = self._next_mark()
            self._print(self._describe(now - self._began))

    def close(self) -> None:
        if self._began is None or self._is_terse:
            return
        seconds = self._clock() - self._began
        size = self._current - self._first
        if self._current == self._total or self._total < 0:
            self._print(f"{size_text(size)} in {seconds:.1f} s{_rate(size, seconds)}")
        else:
            self._print(f"ended after {size_text(self._current)} of {size_text(self._total)}")
        self._began = None

    def _next_mark(self) -> int:
        """Return the number of bytes at which the next line is due."""
        if self._total < 0:
            return max(FIRST_MARK, self._current * 2)
        step = self._current * MAX_LINES // max(1, self._total) + 1
        return -(-self._total * step // MAX_LINES)

    def _describe(self, seconds: float) -> str:
        rate = _rate(self._current - self._first, seconds)
        if self._total < 0:
            return f"{size_text(self._current)}{rate}"
        left = seconds * (self._total - self._current) / max(1, self._current - self._first)
        part = f"{self._current * 100 // max(1, self._total)} %, {size_text(self._current)} of {size_text(self._total)}"
        return f"{part}{rate}, {left:.0f} s left"

    def _print(self, text: str) -> None:
        try:
            self._stream.write(f"{self._name}: {text}\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # the stream is closed; the download goes on without it


def _rate(size: int, seconds: float) -> str:
    return f", {size_text(size / seconds)}/s" if seconds > 0 else ""


def size_text(size: float) -> str:
    """Write a number of bytes for people, in units of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
