"""The progress of a request, on standard error: a bar on a terminal, else a few lines.

Used on the dispatch thread, which is the command's main thread.
"""

from __future__ import annotations

import os
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol, TextIO

    class Display(Protocol):
        """Shows the progress of one body."""

        def show(self, current: int, total: int) -> None:
            """Show how many bytes were sent or received, of how many; -1: unknown."""
            ...

        def close(self) -> None:
            """End the display, complete or not; may be called again."""
            ...


__all__ = ["Bar", "Lines", "Progress", "Total", "has_colours", "make_display", "size_text", "time_text"]

MAX_LINES = 10  # of a download whose size is known
LINE_INTERVAL = 1.0  # seconds between two lines, so that a quick download gets one
FIRST_MARK = 1024 * 1024  # bytes; if the total is unknown, there is a line at this size, and at each doubling

DRAW_INTERVAL = 0.1  # seconds between two drawings of a bar
RATE_TIME = 5.0  # seconds; the rate that a bar shows is that of the last ones
COLUMNS = (40, 200)  # the narrowest and the widest bar line
BAR_WIDTH = (10, 40)  # columns; below the first one there is no bar
NAME_WIDTH = (6, 24)  # columns
ECHO_WIDTH = 2  # columns that are free behind the bar, where a terminal writes ^C


class Progress:
    """The displays of one request: of what it sends, then of what it receives.

    Attributes:
        sent, received: Bytes so far.
    """

    def __init__(self, sent: Display | None, received: Display | None) -> None:
        """Make the progress; None: that direction is not shown."""
        self._sent, self._received = sent, received
        self.sent = self.received = 0

    def show_sent(self, _: Any, current: int, total: int) -> None:
        """The on_upload_progress callback."""
        self.sent = current
        if self._sent is not None:
            self._sent.show(current, total)

    def end_sent(self) -> None:
        """End the display of what is sent: the response is arriving."""
        if self._sent is not None:
            self._sent.close()

    def show_received(self, request: Any, current: int, total: int) -> None:
        """The on_progress callback. The body of a failure is not shown as a download."""
        self.end_sent()
        self.received = current
        if self._received is not None and 200 <= (request.resp_status or 0) < 300:
            self._received.show(current, total)

    def close(self) -> None:
        self.end_sent()
        if self._received is not None:
            self._received.close()


def make_display(
    stream: TextIO | None, name: str, *, is_terse: bool = False, is_bar_allowed: bool = True
) -> Display | None:
    """Return the display that suits the stream; None: there is no stream.

    Args:
        name: What is being sent or received.
        is_terse: Skip the line of a fast transfer when the stream is not a terminal.
        is_bar_allowed: Nothing else writes lines meanwhile.
    """
    if stream is None:
        return None
    if stream.isatty() and is_bar_allowed:
        return Bar(stream, name)
    return Lines(stream, name, is_terse=is_terse)


def has_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours, and the user wants them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


class Total:
    """The progress of several bodies at the same time, in one display."""

    def __init__(self, display: Display | None, expected: int) -> None:
        """Make the total of so many bodies; None: it is not shown."""
        self._display = display
        self._missing = expected  # bodies of which nothing has come
        self._figures: dict[int, tuple[int, int]] = {}  # by part: bytes so far, and in total

    def part(self) -> Display:
        """Return what one of the bodies reports to."""
        return _Part(self)

    def update(self, part: int, current: int, total: int) -> None:
        if part not in self._figures:
            self._missing -= 1
        self._figures[part] = current, total
        if self._display is not None:
            is_known = not self._missing and all(total >= 0 for _, total in self._figures.values())
            whole = sum(total for _, total in self._figures.values()) if is_known else -1
            self._display.show(sum(current for current, _ in self._figures.values()), whole)

    def close(self) -> None:
        if self._display is not None:
            self._display.close()


class _Part:
    def __init__(self, whole: Total) -> None:
        self._whole = whole

    def show(self, current: int, total: int) -> None:
        self._whole.update(id(self), current, total)

    def close(self) -> None:
        """The whole is closed when all parts have ended."""


class _Meter:
    """How much of a body has passed, how fast, and how long the rest will take."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None
        self._recent: list[tuple[float, int]] = []
        self.first = 0  # bytes that were there before
        self.current = 0
        self.total = -1

    @property
    def has_begun(self) -> bool:
        return self._began is not None

    def update(self, current: int, total: int) -> float:
        """Take new figures; return the time."""
        now = self._clock()
        if self._began is None:
            self._began, self.first = now, current
        self.current, self.total = current, total
        self._recent.append((now, current))
        while now - self._recent[0][0] > RATE_TIME and len(self._recent) > 2:
            del self._recent[0]
        return now

    def elapsed(self) -> float:
        assert self._began is not None, "it has begun"
        return self._clock() - self._began

    def recent_rate(self) -> float:
        """Bytes per second, lately."""
        (began, first), (ended, last) = self._recent[0], self._recent[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def percent(self) -> int:
        return 100 if self.total == 0 else self.current * 100 // self.total

    def summary(self) -> str:
        """Say how it ended."""
        if self.current != self.total and self.total >= 0:
            return f"ended after {size_text(self.current)} of {size_text(self.total)}"
        size, seconds = self.current - self.first, self.elapsed()
        return f"{size_text(size)} in {seconds:.1f} s{_rate(size, seconds)}"


class Bar:
    """A line that is drawn over itself, and a line that sums up at the end."""

    def __init__(self, stream: TextIO, name: str, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._name = name
        self._meter = _Meter(clock)
        self._is_coloured = has_colours(stream) and os.name != "nt"
        self._drawn_at = 0.0
        self._width = 0  # columns on the screen now

    def show(self, current: int, total: int) -> None:
        is_first = not self._meter.has_begun
        now = self._meter.update(current, total)
        if is_first or now - self._drawn_at >= DRAW_INTERVAL:
            self._drawn_at = now
            self._draw(_terminal_width(self._stream))

    def close(self) -> None:
        if not self._meter.has_begun:
            return
        blank = " " * (self._width + ECHO_WIDTH)
        _write(self._stream, f"\r{blank}\r{self._name}: {self._meter.summary()}\n")
        self._meter = _Meter(monotonic)

    def _draw(self, columns: int) -> None:
        # A terminal that has written its last column may go to the next line.
        columns = max(COLUMNS[0], min(columns, COLUMNS[1])) - ECHO_WIDTH - 1
        text, before, filled = self._layout(columns)
        padding = " " * max(0, self._width - len(text))
        self._width = len(text)
        if self._is_coloured and filled:
            text = f"{text[:before]}\x1b[32m{text[before : before + filled]}\x1b[0m{text[before + filled :]}"
        _write(self._stream, f"\r{text}{padding}")

    def _layout(self, columns: int) -> tuple[str, int, int]:
        """Return the line, and where the filled part of the bar begins and how long it is."""
        figures = self._fitting_figures(columns)
        room = columns - len(figures) - 1
        beside_bar = room - BAR_WIDTH[0] - 3  # a blank, and the brackets
        if self._meter.total < 0 or beside_bar < NAME_WIDTH[0]:
            return f"{_shortened(self._name, min(NAME_WIDTH[1], room))} {figures}", 0, 0
        name = _shortened(self._name, min(NAME_WIDTH[1], beside_bar))
        room -= len(name) + 3
        width = min(room, BAR_WIDTH[1])
        filled = width * self._meter.current // max(1, self._meter.total)
        bar = f"[{'#' * filled}{'.' * (width - filled)}]"
        return f"{name} {bar} {figures}", len(name) + 2, filled

    def _fitting_figures(self, columns: int) -> str:
        """Return as many figures as there is room for."""
        short = ""
        for short in self._figures():
            if len(short) + 1 + NAME_WIDTH[0] <= columns:
                return short
        return short

    def _figures(self) -> Iterator[str]:
        """The figures, from all of them to the least."""
        meter = self._meter
        rate = meter.recent_rate()
        speed = f"{size_text(rate)}/s"
        if meter.total < 0:
            yield f"{size_text(meter.current)}  {speed}"
            yield size_text(meter.current)
            return
        left = time_text((meter.total - meter.current) / rate) if rate > 0 else "--:--"
        percent = f"{meter.percent():3} %"
        # Aligned, so that the bar keeps its width.
        yield f"{percent}  {size_text(meter.current):>10} of {size_text(meter.total)}  {speed:>12}  {left:>6} left"
        yield f"{percent}  {speed}  {left} left"
        yield percent


def _terminal_width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 5]}..{text[-3:]}"


class Lines:
    """At most ten lines for a body of known size, each with rate and time left; the last one when it is complete."""

    def __init__(
        self, stream: TextIO, name: str, clock: Callable[[], float] = monotonic, *, is_terse: bool = False
    ) -> None:
        self._stream = stream
        self._name = name
        self._clock = clock
        self._is_terse = is_terse
        self._meter = _Meter(clock)
        self._printed_at = 0.0
        self._mark = 0

    def show(self, current: int, total: int) -> None:
        is_first, is_new_total = not self._meter.has_begun, total != self._meter.total
        now = self._meter.update(current, total)
        if is_first:
            self._printed_at = now
        if is_first or is_new_total:
            self._mark = self._next_mark()
        elif self._mark <= current < (total if total >= 0 else current + 1) and now - self._printed_at >= LINE_INTERVAL:
            self._printed_at = now
            self._is_terse = False
            self._mark = self._next_mark()
            self._print(self._describe(self._meter.elapsed()))

    def close(self) -> None:
        if not self._meter.has_begun or self._is_terse:
            return
        self._print(self._meter.summary())
        self._meter = _Meter(self._clock)

    def _next_mark(self) -> int:
        """Return the number of bytes at which the next line is due."""
        current, total = self._meter.current, self._meter.total
        if total < 0:
            return max(FIRST_MARK, current * 2)
        step = current * MAX_LINES // max(1, total) + 1
        return -(-total * step // MAX_LINES)

    def _describe(self, seconds: float) -> str:
        meter = self._meter
        came = meter.current - meter.first
        rate = _rate(came, seconds)
        if meter.total < 0:
            return f"{size_text(meter.current)}{rate}"
        left = seconds * (meter.total - meter.current) / max(1, came)
        part = f"{meter.percent()} %, {size_text(meter.current)} of {size_text(meter.total)}"
        return f"{part}{rate}, {time_text(left)} left"

    def _print(self, text: str) -> None:
        _write(self._stream, f"{self._name}: {text}\n")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except UnicodeError:  # a name that the stream's encoding does not have
        _write(stream, text.encode("ascii", "replace").decode())
    except (OSError, ValueError):
        pass  # the stream is closed; the transfer goes on without it


def _rate(size: int, seconds: float) -> str:
    return f", {size_text(size / seconds)}/s" if seconds > 0 else ""


def size_text(size: float) -> str:
    """Write a number of bytes for people, in units of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def time_text(seconds: float) -> str:
    """Write a time for people: minutes and seconds, with hours or days where it is long."""
    whole = round(seconds)
    if whole >= 100 * 3600:
        return f"{whole // 86400} days"
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
