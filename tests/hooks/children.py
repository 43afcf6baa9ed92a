"""Processes of loops: which Python has the toolkit, questions and answers."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import certifi

import urlrequest
from support.children import SYSTEM_PYTHON, TESTS

if TYPE_CHECKING:
    from hooks.loops import Loop

CASE_TIME = 60.0  # seconds for one case, the start of the process included
ENDING_TIME = 30.0  # seconds
MARKS = {"passed": "ok", "failed": "FAILED", "absent": "-"}
FIGURES = ("latency_us", "p95_us")


class Table:
    """What came out: a row for each case, a column for each loop."""

    def __init__(self) -> None:
        self._marks: dict[str, dict[str, str]] = {}
        self._figures: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._marks)

    def note(self, loop: str, case: str, answer: dict[str, Any]) -> None:
        self._marks.setdefault(case, {})[loop] = MARKS[answer["status"]]
        figures = answer.get("figures", {})
        if "latency_us" in figures:
            self._figures[loop] = f"{figures['latency_us']}/{figures['p95_us']}"

    def lines(self) -> list[str]:
        loops = list(dict.fromkeys(loop for marks in self._marks.values() for loop in marks))
        width = max(map(len, self._marks)) + 1
        rows = [("", loops), *((case, [marks.get(loop, "") for loop in loops]) for case, marks in self._marks.items())]
        rows.append(("latency us, p50/p95", [self._figures.get(loop, "") for loop in loops]))
        return [f"{name:{width}}" + "".join(f"{cell:>12}" for cell in cells) for name, cells in rows]


TABLE = Table()


class Missing(Exception):
    """Something that the loop needs is not installed."""


def find_python(loop: type[Loop]) -> str:
    """The Python that has a loop's toolkit."""
    pythons = [sys.executable, SYSTEM_PYTHON] if loop.system else [sys.executable]
    wanted = f"import {', '.join(loop.modules or ('sys',))}"
    for python in pythons:
        if Path(python).exists():
            # Toolkits ask for the screen when they are imported; here it is enough that they are there.
            names = [module.partition(".")[0] for module in loop.modules]
            # A file of that name in the folder in which this runs is no toolkit.
            script = f"import importlib.util as u, sys; del sys.path[0]; sys.exit(None in map(u.find_spec, {names!r}))"
            if not subprocess.run([python, "-c", script], check=False, cwd=tempfile.gettempdir()).returncode:
                return python
    raise Missing(f"{loop.title}: not installed: {wanted} ({' or '.join(pythons)})")


def environment_of(loop: type[Loop], display: str | None, folder: Path) -> dict[str, str]:
    """The environment of a process for a loop, whichever Python has it."""
    library = folder / "library"
    library.mkdir()
    for package in (urlrequest, certifi):  # they alone: the rest of the folder is for this Python
        place = Path(package.__file__ or "").parent
        (library / place.name).symlink_to(place)
    environment = {
        **os.environ,
        **loop.environment,
        "PYTHONPATH": os.pathsep.join([str(library), str(TESTS)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
    }
    environment.pop("PYTHONPYCACHEPREFIX", None)  # it is for folders that stay
    environment.pop("DISPLAY", None)
    if display is not None:
        environment["DISPLAY"] = display
    return environment


class Child:
    """The process of one loop; a new one where the one before has ended."""

    def __init__(self, loop: type[Loop], python: str, display: str | None, folder: Path) -> None:
        self._loop = loop
        self._python = python
        self._errors = folder / "stderr"
        self._process: subprocess.Popen[str] | None = None
        self._environment = environment_of(loop, display, folder)

    def ask(self, case: str, *, says_close: bool) -> dict[str, Any]:
        """Run a case; its answer, or a made-up one when the process has ended or hangs."""
        process = self._process
        if process is None:
            process = self._process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(case + "\n")
        process.stdin.flush()
        line = read_line(process.stdout)
        if line:
            answer: dict[str, Any] = json.loads(line)
            if says_close or answer["status"] == "failed":
                self.close()
            return answer
        hangs = process.poll() is None and line is None
        if hangs:
            process.send_signal(signal.SIGUSR1)  # the stacks of all threads
            read_line(process.stdout, 0.5)
        code = self.close()
        if code == 3 and case == "system_exit" and self._loop.exits:
            return {"status": "passed", "reason": "", "figures": {}}
        what = f"no answer in {CASE_TIME} s" if hangs else f"the process ended with {code}"
        tail = self._errors.read_text(encoding="utf-8", errors="replace")[-6000:]
        return {"status": "failed", "reason": f"{what}\n{tail}", "figures": {}}

    def _start(self) -> subprocess.Popen[str]:
        command = [self._python, "-m", "hooks.child", self._loop.title]
        with self._errors.open("w") as errors:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                cwd=self._errors.parent,
                text=True,
                bufsize=1,
            )

    def close(self) -> int:
        """End the process; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            return process.wait(ENDING_TIME)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            process.stdout.close()


def read_line(stream: IO[str], seconds: float = CASE_TIME) -> str | None:
    """A line; '' at the end, None when none comes in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return stream.readline() if selector.select(seconds) else None
