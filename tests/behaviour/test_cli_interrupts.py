"""Ctrl-C on a terminal (docs/reference/command-line.md): once, and again while the command ends."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from support.children import environment
from support.command import COMMAND, PATIENCE, needs_posix, read_terminal
from support.files import part_paths
from support.messages import head
from urlrequest.testing import Server, hold, send, signal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Runs the command, and after the first Ctrl-C presses it again wherever Python calls a function, up to its last moment.
PRESSED_AGAIN = """
import os, select, signal, sys
from urlrequest._cli import main

main.MAX_ENDING = 60.0  # the workers end, however slow the machine is

received, told = os.pipe()
os.set_blocking(told, False)
signal.set_wakeup_fd(told, warn_on_full_buffer=False)

def press(frame, event, argument):
    if event == "call" and select.select([received], [], [], 0)[0]:
        signal.raise_signal(signal.SIGINT)

sys.setprofile(press)
sys.exit(main.main(sys.argv[1:]))
"""
COMMAND_PRESSED_AGAIN = [sys.executable, "-c", PRESSED_AGAIN]


class Terminal:
    """The command on a terminal of its own.

    Attributes:
        shown: What it has shown so far.
    """

    def __init__(self, child: int, screen: Any) -> None:
        self._child = child
        self._screen = screen
        self._pieces: Iterator[bytes] = read_terminal(screen)
        self.shown = b""

    def await_text(self, text: bytes) -> None:
        """Wait until it shows a text."""
        while text not in self.shown:
            self.shown += next(self._pieces)

    def press_ctrl_c(self) -> None:
        self._screen.write(b"\x03")

    def end(self) -> tuple[int, list[str]]:
        """Wait for its end; its exit code and the lines that it has shown, as they were at last."""
        self.shown += b"".join(self._pieces)
        code = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        lines = self.shown.decode().replace("\r\n", "\n").split("\n")
        return code, [line.rpartition("\r")[2] for line in lines]


@contextmanager
def on_terminal(command: list[str], folder: Path) -> Iterator[Terminal]:
    """Start a command in a folder, on a terminal."""
    import pty

    child, leader = pty.fork()
    if child == 0:  # pragma: no cover - another program takes its place
        os.chdir(folder)
        os.execve(sys.executable, command, environment(TERM="xterm", NO_COLOR="1"))  # noqa: S606 - no shell is needed
    with os.fdopen(leader, "r+b", buffering=0) as screen:
        yield Terminal(child, screen)


@needs_posix
def test_interrupt_leaves_a_clean_line(server: Server, tmp_path: Path) -> None:
    """Ctrl-C on a terminal: the bar goes, and lines say how far the download came and why it ended."""
    server.play(send(head(100_000) + bytes(50_000)), signal("half"), hold())
    with on_terminal([*COMMAND, "-o", "x", server.url], tmp_path) as terminal:
        terminal.await_text(b"x [")
        server.wait("half", PATIENCE)
        terminal.press_ctrl_c()
        code, lines = terminal.end()

    assert 130 == code
    assert re.fullmatch(r"x: ended after .* of 97\.7 KiB", lines[-3])
    assert ["urlrequest: interrupted", ""] == lines[-2:]


@needs_posix
@pytest.mark.parametrize("options", [[], ["-v"], ["-c", "cookies.txt"], ["-Z", "-o", "y", "{url}/y"]], ids=" ".join)
def test_ctrl_c_again(server: Server, tmp_path: Path, options: list[str]) -> None:
    """Whenever Ctrl-C is pressed again while the command ends: exit code 130, the same line, and no file is left."""
    for _ in range(2):
        server.play(send(head(100_000) + bytes(50_000)), signal("half"), hold())
    arguments = [option.format(url=server.url) for option in options]
    with on_terminal([*COMMAND_PRESSED_AGAIN, *arguments, "-o", "x", f"{server.url}/x"], tmp_path) as terminal:
        server.wait("half", PATIENCE)
        terminal.press_ctrl_c()
        code, lines = terminal.end()

    assert 130 == code
    assert "" == lines[-1]
    assert lines[-2] in {"urlrequest: interrupted", "^Curlrequest: interrupted"}  # the terminal may show the key
    assert not re.search("Traceback|Exception|Error", "\n".join(lines))
    assert set() == {path.name for path in tmp_path.iterdir()} - {"cookies.txt"}


@needs_posix
def test_ctrl_c_again_keeps_the_part(server: Server, tmp_path: Path) -> None:
    """With -C - the part stays as after the first Ctrl-C, and the line says how much it is."""
    path = tmp_path / "x"
    server.play(send(head(100_000, 'ETag: "1"') + bytes(50_000)), signal("half"), hold())
    with on_terminal([*COMMAND_PRESSED_AGAIN, "-C", "-", "-o", "x", server.url], tmp_path) as terminal:
        terminal.await_text(b"x [")
        terminal.press_ctrl_c()
        code, lines = terminal.end()
    part, sidecar = part_paths(path)

    assert 130 == code
    assert re.fullmatch(r"urlrequest: interrupted; kept .* KiB, run again with -C - to continue", lines[-2])
    assert {part.name, sidecar.name} == {path.name for path in tmp_path.iterdir()}


@needs_posix
@pytest.mark.parametrize(("word", "text", "code"), [("serve", b"Ctrl-C ends it", 0), ("demo", b"1. ", 130)])
def test_ctrl_c_again_at_the_end_of_a_word(tmp_path: Path, word: str, text: bytes, code: int) -> None:
    """The same for what serves and what shows: the end has no traceback."""
    with on_terminal([*COMMAND_PRESSED_AGAIN, word], tmp_path) as terminal:
        terminal.await_text(text)
        terminal.press_ctrl_c()
        ended, lines = terminal.end()

    assert code == ended
    assert not re.search("Traceback|Exception|Error", "\n".join(lines))
    assert [] == list(tmp_path.iterdir())
