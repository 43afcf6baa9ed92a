"""How the demo writes: colours, rows and the bar."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from urlrequest._cli.demo_screen import ProgressBar, Screen

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal(io.StringIO):
    """A terminal that remembers what was written."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("make_stream", "variables", "has_colours"),
    [
        (Terminal, {"TERM": "xterm"}, True),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"TERM": "xterm"}, False),
    ],
)
def test_colours(
    monkeypatch: pytest.MonkeyPatch,
    make_stream: Callable[[], io.StringIO],
    variables: dict[str, str],
    has_colours: bool,
) -> None:
    """There are colours on a terminal that can show them, unless NO_COLOR says no."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = make_stream()

    Screen(stream).line("text", "1")

    assert ("\x1b[1mtext\x1b[0m\n" if has_colours else "text\n") == stream.getvalue()


def test_bar_is_drawn_over_itself_on_a_terminal() -> None:
    """A terminal sees one bar that grows, once for each percent."""
    stream = Terminal()
    bar = ProgressBar(Screen(stream))
    for current in (0, 1, 500, 1000, 1000):
        bar.show(None, current, 1000)

    assert [f"[{'.' * 40}]   0 %", f"[{'#' * 20}{'.' * 20}]  50 %", f"[{'#' * 40}] 100 %"] == [
        line.strip() for line in stream.getvalue().replace("\n", "\r").split("\r") if line
    ]
    assert stream.getvalue().endswith("\n")


def test_long_text_stays_in_its_column() -> None:
    """A row is never wider than the screen."""
    stream = io.StringIO()

    Screen(stream).row("on_success", "x" * 200, "MainThread")

    assert len(stream.getvalue()) <= 81
    assert "xxx... " in stream.getvalue()
