"""The child processes, one for each implementation, as the tests see them.

The test's thread writes to both and then reads from both, so that they work side by side. Invariants:
1. A process that ended, hung or was tainted is replaced before the next scenario.
2. What a process wrote to its standard error, stacks of all threads included, becomes the message of `Hung`.
"""

from __future__ import annotations

import importlib.metadata
import pickle
import subprocess
import sys
import tempfile
from typing import IO, TYPE_CHECKING, Any

from compat.catalogue import SCENARIOS
from support.children import environment

if TYPE_CHECKING:
    from pathlib import Path

    from compat.scenarios import Observation

__all__ = ["Hung", "Player", "Players", "kivy_is_installed"]

ENDING = 20.0  # seconds for a process to end by itself
KIVY_VERSION = "2.3.1"


class Hung(AssertionError):
    """A scenario did not end, or ended its process."""


def kivy_is_installed() -> bool:
    """Whether the version that the table speaks of is there; it is not imported."""
    try:
        return importlib.metadata.version("kivy") == KIVY_VERSION
    except importlib.metadata.PackageNotFoundError:
        return False


class Player:
    """One implementation in a process of its own, started when it is first needed."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._is_used = False

    def begin(self, scenario: str) -> None:
        """Let the process run a scenario; `end()` must follow."""
        if self._is_used and SCENARIOS[scenario].fresh:
            self.close()
        self.ask(scenario)

    def ask(self, line: str) -> None:
        """Write a line to the process, which is started if need be."""
        process = self._process or self._start()
        self._is_used = True
        assert process.stdin is not None
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()

    def end(self, scenario: str) -> Observation:
        """Return what was observed.

        Raises:
            Hung: With the stacks of all threads, if the scenario did not end.
        """
        answer = self._read(scenario)
        observation: Observation = answer[0]
        is_tainted: bool = answer[1]
        if is_tainted or SCENARIOS[scenario].fresh:
            self.close()
        return observation

    def close(self) -> None:
        """End the process; one whose call never returns is killed."""
        process, self._process, self._is_used = self._process, None, False
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        assert self._errors is not None
        process.stdin.close()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._errors.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = tempfile.TemporaryFile(dir=self._home)  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "compat.child", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(self._home),
            cwd=self._home,
        )
        self._read("the start")
        return self._process

    def _read(self, what: str) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._errors is not None
        try:
            return pickle.load(self._process.stdout)  # noqa: S301 - from our own child
        except EOFError:
            self._errors.seek(0)
            written = self._errors.read().decode(errors="replace")
            self.close()
            raise Hung(f"{self.name}: {what} ended the process or did not end\n{written}") from None


class Players:
    """Both implementations, and what was observed of them so far."""

    def __init__(self, home: Path) -> None:
        self.kivy, self.ours = Player("kivy", home), Player("ours", home)
        self._seen: dict[str, tuple[Observation, Observation]] = {}

    def play(self, scenario: str) -> tuple[Observation, Observation]:
        """Return what was observed of Kivy's class and of ours, at most once run for each scenario."""
        if scenario not in self._seen:
            self.kivy.begin(scenario)
            self.ours.begin(scenario)
            try:
                kivy = self.kivy.end(scenario)
            finally:  # What was begun is read, or it would be taken for the next scenario's.
                ours = self.ours.end(scenario)
            self._seen[scenario] = kivy, ours
        return self._seen[scenario]

    def close(self) -> None:
        """End both processes."""
        self.kivy.close()
        self.ours.close()


def _environment(home: Path) -> dict[str, str]:
    """Make the environment of a child: Kivy silent and without a window, no proxies, no certificates of others."""
    ignored = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")
    variables = environment(
        PYTHONIOENCODING="utf-8",
        KIVY_HOME=str(home),
        KIVY_NO_ARGS="1",
        KIVY_NO_CONSOLELOG="1",
        KIVY_NO_FILELOG="1",
    )
    return {name: value for name, value in variables.items() if name.lower() not in ignored}
