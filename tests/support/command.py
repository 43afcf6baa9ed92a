"""The command as a process of its own: run to its end, started, or on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

import pytest

from .children import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BODY", "COMMAND", "PATIENCE", "needs_posix", "on_terminal", "run", "start"]

COMMAND = [sys.executable, "-m", "urlrequest"]
PATIENCE = 60  # seconds; only a failing test waits that long
BODY = bytes(range(256)) * 400

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


def run(*arguments: str, stdin: bytes = b"", command: list[str] = COMMAND) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    return subprocess.run(
        [*command, *arguments],
        input=stdin,
        capture_output=True,
        env=environment(COLUMNS="80"),
        timeout=PATIENCE,
        check=False,
    )


def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command, with pipes for what it says."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([*COMMAND, *arguments], env=environment(COLUMNS="80"), **options)


def on_terminal(*arguments: str, command: list[str] = COMMAND, columns: int = 80, **variables: Any) -> tuple[int, str]:
    """Run the command with all three streams on a terminal; its exit code and what it shows."""
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(leader, "rb", buffering=0) as screen:
        with os.fdopen(follower, "wb", buffering=0) as terminal:
            process = subprocess.Popen(
                [*command, *arguments],
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                env=environment(TERM="xterm", **variables),
            )
        shown = b"".join(read_terminal(screen))
        return process.wait(PATIENCE), shown.decode()


def read_terminal(screen: IO[bytes]) -> Iterator[bytes]:
    while True:
        try:
            piece = screen.read(65536)
        except OSError:  # the last process has closed it (Linux)
            return
        if not piece:
            return
        yield piece
