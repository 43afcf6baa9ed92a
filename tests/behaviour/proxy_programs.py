"""Real proxies for tests: Debian's programs, each a process of its own on a free port of the loopback interface."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

STARTING_TIME = 30.0  # seconds
PORTS = range(20_000, 32_000)  # below those that systems give to connections, which come and go meanwhile


def program(name: str) -> str:
    """Where a program is. Without it a test is skipped, but for where everything has to be there."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        message = f"{name} is not installed (on Debian: apt-get install {name})"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def free_port() -> int:
    """A port for a program that has to be told one."""
    choice = random.SystemRandom()  # not the one of the tests, which may be the same in several processes
    while True:
        port = choice.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def mortal(command: Sequence[str]) -> list[str]:
    """The same, ended by the system when this process ends, killed or not; where it can do that."""
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", "TERM"] if setpriv else []), *command]


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """Have a program run, from when it accepts connections until the test is over."""
    with log.open("ab") as output, subprocess.Popen(mortal(command), stdout=output, stderr=output) as process:
        try:
            limit = time.monotonic() + STARTING_TIME
            while not accepts(port):
                assert process.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < limit, f"{command[0]} does not listen"
                time.sleep(0.01)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Tinyproxy:
    """What a running tinyproxy is reached by, and what it has written down."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log = port, log

    def told(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def tinyproxy(folder: Path, *settings: str) -> Iterator[Tinyproxy]:
    """Run tinyproxy with these lines in its configuration."""
    path, port = program("tinyproxy"), free_port()
    log, configuration = folder / "tinyproxy.log", folder / "tinyproxy.conf"
    lines = [f"Port {port}", "Listen 127.0.0.1", f'LogFile "{log}"', "LogLevel Info", "MaxClients 100", "Timeout 60"]
    configuration.write_text("\n".join([*lines, "Allow 127.0.0.1", *settings, ""]))
    with running([path, "-d", "-c", str(configuration)], port, folder / "tinyproxy.out"):
        yield Tinyproxy(port, log)


@contextmanager
def microsocks(folder: Path, *options: str) -> Iterator[int]:
    """Run microsocks, a SOCKS5 server; its port."""
    path, port = program("microsocks"), free_port()
    with running([path, "-i", "127.0.0.1", "-p", str(port), *options], port, folder / "microsocks.log"):
        yield port
