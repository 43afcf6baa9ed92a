"""The window at the end of the tutorial, on a virtual screen."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.children import environment
from support.programs import missing, virtual_screen

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "tutorial_downloads.py"

DRIVER = """
import sys, tkinter
import tutorial_downloads as example

class Window(tkinter.Tk):
    def mainloop(self):
        first, second = downloads
        def run_until(condition):
            while not condition():
                self.update()
        run_until(lambda: first.bar["value"] > 0 and second.bar["value"] > 0)
        first.button.invoke()
        run_until(lambda: first.button["text"] == "Resume")
        had = float(first.bar["value"])
        print(first.label["text"])
        first.button.invoke()
        run_until(lambda: str(first.button["state"]) == str(second.button["state"]) == "disabled")
        print(first.label["text"], second.label["text"])
        print(sorted((path.name, path.stat().st_size) for path in first.path.parent.iterdir()))
        print(had > 0, first.request.resp_status)
        self.destroy()

downloads = []
make = example.Download.__init__
def note(self, *arguments):
    downloads.append(self)
    make(self, *arguments)
example.Download.__init__ = note
example.tk.Tk = Window
example.main()
"""


@pytest.mark.system
def test_downloads_can_be_paused() -> None:
    """A paused download shows that, goes on where it was, and both files are complete in the end."""
    if importlib.util.find_spec("tkinter") is None:
        missing("tkinter is missing")
    with virtual_screen() as display:
        variables = environment(DISPLAY=display)
        variables["PYTHONPATH"] = os.pathsep.join([str(EXAMPLE.parent), variables.get("PYTHONPATH", "")])
        command = [sys.executable, "-c", DRIVER]
        run = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100, check=False)

    assert 0 == run.returncode, run.stderr
    assert [
        "paused",
        "saved as one.bin saved as two.bin",
        "[('one.bin', 20000000), ('two.bin', 20000000)]",
        "True 206",
    ] == run.stdout.splitlines()
