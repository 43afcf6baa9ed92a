"""Requests that have no loop when they need one: a loop that appears later gets their events (contract 8.10)."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from hooks.children import Missing, environment_of, find_python
from hooks.late import LONGEST
from hooks.loops import LOOPS
from hooks.test_hooks import EVERYWHERE
from support.programs import missing, virtual_screen

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.hooks


def loops(*titles: str) -> list[Any]:
    """What a test is run with; toolkits are not on every machine."""
    return [pytest.param(title, marks=() if title in EVERYWHERE else pytest.mark.system) for title in titles]


def outcome(scene: str, title: str, folder: Path) -> str:
    """What a program prints: where the callback ran, and how many warnings it logged."""
    loop = LOOPS[title]
    try:
        python = find_python(loop)
    except Missing as error:
        missing(str(error))
    with virtual_screen() if loop.display else nullcontext() as display:
        ran = subprocess.run(
            [python, "-m", "hooks.late", scene, title],
            env=environment_of(loop, display, folder),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=3 * LONGEST,
            check=False,
        )
    assert 0 == ran.returncode, ran.stderr
    assert "urlrequest" not in ran.stderr
    return ran.stdout.strip()


@pytest.mark.parametrize("title", loops("asyncio", "trio", "tk", "PySide6", "PyQt6", "GLib", "wx", "Kivy"))
def test_8_10_made_before_the_toolkit_is_imported(title: str, tmp_path: Path) -> None:
    """Contract 8.10: a request that was made, and had ended, before there was a loop is delivered by the loop."""
    assert "main 0" == outcome("made_first", title, tmp_path)


@pytest.mark.parametrize("title", loops("asyncio", "trio"))
def test_8_10_made_on_a_thread_without_a_loop(title: str, tmp_path: Path) -> None:
    """Contract 8.10: one that was made on a thread of the program's is delivered by the loop of the main thread."""
    assert "main 0" == outcome("made_on_a_thread", title, tmp_path)


@pytest.mark.parametrize("title", loops("asyncio", "tk", "PySide6", "Kivy"))
def test_8_10_the_loop_of_the_thread_ends_before_the_answer(title: str, tmp_path: Path) -> None:
    """Contract 8.2, 8.10: when asyncio's loop of the thread ends, the process's or another delivers."""
    warnings = 0 if LOOPS[title].owns_all_threads else 1

    assert f"main {warnings}" == outcome("made_in_a_loop_that_ends", title, tmp_path)


@pytest.mark.parametrize(
    "title", loops("asyncio", "trio", "tk", "PySide6", "PyQt6", "GLib", "GTK 3", "wx", "Kivy", "pygame")
)
def test_3_9_a_window_that_closes_in_mid_download(title: str, tmp_path: Path) -> None:
    """Contract 3.9: whatever the toolkit, nothing is logged at WARNING when its window closes during a download."""
    assert outcome("closed_in_mid_download", title, tmp_path) == "0"


ASKED_TOO_LATE = """
import gc, threading, time, tkinter
from urlrequest.hooks import TkHook, _tk

root = tkinter.Tk()
asking = threading.Thread(target=_tk._visit, args=(_tk._ask_for_hook,))
asking.start()
while not _tk._asking.locked():
    time.sleep(0.001)
time.sleep(0.05)
root.destroy()
del root
gc.collect()
kept = len(_tk._visited)
root = tkinter.Tk()
root.after(50, root.quit)
root.mainloop()  # answers the call
asking.join(10)
TkHook()
print(kept, asking.is_alive(), len(_tk._visited))
"""


@pytest.mark.system
def test_8_10_a_root_that_ends_while_it_is_asked(tmp_path: Path) -> None:
    """TK-2: the interpreter of a root is freed on its own thread, though another one was the last that used it."""
    with virtual_screen() as display:
        ran = subprocess.run(
            [sys.executable, "-c", ASKED_TOO_LATE],
            env=environment_of(LOOPS["tk"], display, tmp_path),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=3 * LONGEST,
            check=False,
        )

    assert (0, "1 False 0") == (ran.returncode, ran.stdout.strip()), ran.stderr
