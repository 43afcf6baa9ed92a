"""The programs of docs/examples for toolkits, each in its real toolkit, on a virtual screen."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.children import SYSTEM_PYTHON, environment
from support.programs import missing, virtual_screen

if TYPE_CHECKING:
    from urlrequest.testing import Server

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
HERE = Path(__file__).parent

# GTK and wxPython are Debian's, for the system's Python.
INTERPRETERS = {"gtk": SYSTEM_PYTHON, "wx": SYSTEM_PYTHON}
MODULES = {"tk": "tkinter", "qt": "PySide6.QtWidgets", "gtk": "gi", "wx": "wx", "kivy": "kivy", "pygame": "pygame"}


def output_of(driver: str, toolkit: str, home: Path, *arguments: str) -> str:
    """What a driver prints that runs a program for a toolkit; the test is skipped where the toolkit is missing."""
    python = INTERPRETERS.get(toolkit, sys.executable)
    variables = environment(KIVY_HOME=str(home), KIVY_NO_ARGS="1")
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
        command = [python, str(HERE / driver), toolkit, str(EXAMPLES), *arguments]
        run = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100, check=False)

    assert 0 == run.returncode, run.stderr
    return run.stdout


@pytest.mark.system
@pytest.mark.parametrize("toolkit", sorted(MODULES))
def test_recipes_show_what_came(toolkit: str, server: Server, tmp_path: Path) -> None:
    """The button of the small window makes a request, and a callback shows its outcome."""
    server.respond("/", bytes(5000))

    assert "5000 bytes" == output_of("drive_recipe.py", toolkit, tmp_path, server.url).splitlines()[-1]


@pytest.mark.system
@pytest.mark.parametrize("toolkit", sorted(MODULES))
def test_downloads_show_what_happened(toolkit: str, tmp_path: Path) -> None:
    """A window shows a finished, a resumed, a failed and a broken download; only complete files are there."""
    told = json.loads(output_of("drive_downloads.py", toolkit, tmp_path).splitlines()[-1])
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
    """A recipe for a toolkit has no more than 32 lines, a download manager no more than 119."""
    lengths = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*_*.py")}

    assert [] == [name for name, length in lengths.items() if name.startswith("downloads_") and length > 119]
    assert [] == [toolkit for toolkit in MODULES if lengths[f"recipe_{toolkit}.py"] > 32]
