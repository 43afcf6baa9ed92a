"""How the demo writes: lines, rows and a progress bar, in 80 columns of ASCII, with colours only on a terminal.

Used on the main thread only.
"""

from __future__ import annotations

from typing import Any, TextIO

from .progress import has_colours

__all__ = ["ProgressBar", "Screen"]

TEXT_WIDTH = 46  # columns
BAR_WIDTH = 40  # columns


class Screen:
    """Writes the demo's lines to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self._has_colours = has_colours(stream)

    def write(self, text: str) -> None:
        """Write a text at once."""
        self._stream.write(text)
        self._stream.flush()

    def line(self, text: str = "", colour: str = "") -> None:
        """Write a line, in a colour (an SGR parameter) if the stream has colours."""
        self.write(f"\x1b[{colour}m{text}\x1b[0m\n" if colour and self._has_colours else f"{text}\n")

    def row(self, name: str, text: str, thread: str) -> None:
        """Write which callback ran, with what, and on which thread."""
        text = text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 3] + "..."
        self.line(f"   {name:<11} {text:<{TEXT_WIDTH}} thread: {thread}")


class ProgressBar:
    """The bar of the download: redrawn in place on a terminal, else a line for each quarter."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last_step = -1

    def show(self, _: Any, current: int, total: int) -> None:
        """The on_progress callback."""
        percent = current * 100 // total
        step = percent if self._screen.is_terminal else percent // 25
        if step == self._last_step:
            return
        self._last_step = step
        filled = BAR_WIDTH * current // total
        bar = f"   [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {percent:3} %"
        is_redrawn = self._screen.is_terminal and current < total
        self._screen.write(bar + ("\r" if is_redrawn else "\n"))
