"""The download managers of docs/examples, each in its real toolkit, on a virtual screen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hooks_children import Missing, Screen

import urlrequest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
DRIVER = Path(__file__).with_name("drive_downloads.py")

# GTK and wxPython are Debian's, for the system's Python.
INTERPRETERS = {"gtk": "/usr/bin/python3", "wx": "/usr/bin/python3"}
MODULES = {"tk": "tkinter", "qt": "PySide6.QtWidgets", "gtk": "gi", "wx": "wx", "kivy": "kivy", "pygame": "pygame"}


def need(is_there: bool, what: str) -> None:
    """Skip where something is missing, but never in CI, which installs it."""
    if is_there:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.mark.parametrize("toolkit", sorted(MODULES))
def test_downloads_show_what_happened(toolkit: str, tmp_path: Path) -> None:
    """A window shows a finished, a cancelled, a failed and a broken download; only the finished file is there."""
    python = INTERPRETERS.get(toolkit, sys.executable)
    package = str(Path(urlrequest.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": package, "KIVY_HOME": str(tmp_path), "KIVY_NO_ARGS": "1"}
    for name in ("SDL_VIDEODRIVER", "QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    probe = [python, "-c", f"import {MODULES[toolkit]}"]
    is_there = (
        shutil.which(python) is not None
        and not subprocess.run(probe, env=environment, capture_output=True, check=False).returncode
    )
    need(is_there, MODULES[toolkit])

    try:
        screen = Screen()
    except Missing as error:
        need(False, str(error))
        return
    try:
        command = [python, str(DRIVER), toolkit, str(EXAMPLES)]
        environment["DISPLAY"] = screen.name
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    finally:
        screen.close()

    assert 0 == run.returncode, run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    assert ["done", "cancelled", "failed: 404 Not Found", "error: ConnectionRefusedError"] == told["shown"]
    assert {"quick.bin": 300_000} == told["files"]


def test_examples_are_short() -> None:
    """Each example stays below 120 lines."""
    assert [] == [path.name for path in EXAMPLES.glob("downloads_*.py") if len(path.read_text().splitlines()) >= 120]
