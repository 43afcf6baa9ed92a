"""The download managers of docs/examples, each in its real toolkit, on a virtual screen."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.children import SYSTEM_PYTHON, environment
from support.programs import missing, virtual_screen

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
DRIVER = Path(__file__).with_name("drive_downloads.py")

# GTK and wxPython are Debian's, for the system's Python.
INTERPRETERS = {"gtk": SYSTEM_PYTHON, "wx": SYSTEM_PYTHON}
MODULES = {"tk": "tkinter", "qt": "PySide6.QtWidgets", "gtk": "gi", "wx": "wx", "kivy": "kivy", "pygame": "pygame"}


@pytest.mark.system
@pytest.mark.parametrize("toolkit", sorted(MODULES))
def test_downloads_show_what_happened(toolkit: str, tmp_path: Path) -> None:
    """A window shows a finished, a resumed, a failed and a broken download; only complete files are there."""
    python = INTERPRETERS.get(toolkit, sys.executable)
    variables = environment(KIVY_HOME=str(tmp_path), KIVY_NO_ARGS="1")
    for name in ("SDL_VIDEODRIVER", "QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        variables.pop(name, None)
    probe = [python, "-c", f"import {MODULES[toolkit]}"]
    is_there = (
        shutil.which(python) is not None
        and not subprocess.run(probe, env=variables, capture_output=True, check=False).returncode
    )
    if not is_there:
        missing(f"{MODULES[toolkit]} is missing")

    with virtual_screen() as display:
        variables["DISPLAY"] = display
        command = [python, str(DRIVER), toolkit, str(EXAMPLES)]
        run = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100, check=False)

    assert 0 == run.returncode, run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    quick, slow, missing_file, lost = told["shown"]
    assert ["done", "Done"] == [quick[0], quick[2]]
    assert (["done", 1.0, "Done"], True) == (slow, told["paused"].startswith("paused at "))
    assert ["404 Not Found", 0, "Retry"] == missing_file
    assert (True, [0, "Retry"]) == ("connecting to 127.0.0.1:" in lost[0], lost[1:])
    assert {"quick.bin": 300_000, "slow.bin": 32 * 1024 * 1024} == told["files"]
    first, second = told["ranges"]
    assert first is None
    assert re.fullmatch(r"bytes=[1-9]\d*-", second)


def test_examples_are_short() -> None:
    """Each example stays below 120 lines."""
    assert [] == [path.name for path in EXAMPLES.glob("downloads_*.py") if len(path.read_text().splitlines()) >= 120]
