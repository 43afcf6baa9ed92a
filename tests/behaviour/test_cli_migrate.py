"""`migrate` (docs/reference/command-line.md): whole files and folders, reported and written."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from support.command import run

if TYPE_CHECKING:
    from pathlib import Path

APP = b"""\xef\xbb\xbf# -*- coding: utf-8 -*-\r
try:\r
    from kivy.network.urlrequest import UrlRequest  # the network\r
except ImportError:\r
    UrlRequest = None\r
\r
\r
class App:\r
    def load(self):\r
        self.req = UrlRequest( 'https://example.org/caf\xc3\xa9',\r
                on_success = self.done, verify = 'ca.pem')\r
\r
    def done(self, req, result):\r
        print(result.decode('utf-8'))\r
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_bytes(APP)
    (tmp_path / "rows.kv").write_text("#:import UrlRequest kivy.network.urlrequest.UrlRequest\n")
    (tmp_path / "old.py").write_text("# UrlRequest\nprint 'Python 2'\n")
    (tmp_path / "torn.py").write_text("# UrlRequest\n<<<<<<< HEAD\n")
    (tmp_path / "latin.py").write_bytes(b"# coding: latin-1\ns = '\xe9'\nimport kivy.network.urlrequest as ur\n")
    (tmp_path / "other.py").write_bytes(b"\xff\xfe nothing of ours\n")
    for folder in (".git", "__pycache__", "env/lib"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.py").write_text("from kivy.network.urlrequest import UrlRequest\n")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    return tmp_path


def test_report(project: Path) -> None:
    """Each import and each difference is told with its file and line, and nothing is written."""
    before = {path: path.read_bytes() for path in project.rglob("*.*") if path.is_file()}

    done = run("migrate", str(project))
    lines = [line.replace(f"{project}{os.sep}", "") for line in done.stdout.decode().splitlines()]

    assert [
        ("app.py:3", "kivy.network.urlrequest becomes urlrequest"),
        ("app.py:10", "[a bound method as callback]"),
        ("app.py:10", '[`verify="ca.pem"`, `verify=0`]'),
        ("app.py:10", "[spaces, non-ASCII text and other characters that no URL may have]"),
        ("app.py:14", "[text in another charset than utf-8]"),
        ("latin.py:3", "kivy.network.urlrequest becomes urlrequest"),
        ("rows.kv:1", "kivy.network.urlrequest becomes urlrequest"),
    ] == [(line.partition(": ")[0], re.sub(r".*: .*(?=\[)|.*: ", "", line)) for line in lines[:-3]]
    assert [
        "",
        "3 imports in 3 files to change, by --write; 4 places to look at.",
        "Add threaded-urlrequest to what the program requires.",
    ] == lines[-3:]
    assert 3 == done.returncode
    assert b"old.py: it cannot be read: " in done.stderr
    assert b"(line 2); is it Python 2?\n" in done.stderr
    assert b"torn.py: it cannot be read: invalid syntax (line 2)\n" in done.stderr
    assert before == {path: path.read_bytes() for path in before}


def test_changes_are_told_line_by_line(tmp_path: Path) -> None:
    """Imports in functions and blocks are told where they stand, not after those of the module."""
    (tmp_path / "a.py").write_text(
        "def f():\n    from kivy.network.urlrequest import UrlRequest\nfrom kivy.network.urlrequest import UrlRequest\n"
        "if f:\n    import kivy.network.urlrequest\nfrom kivy.network import urlrequest\n"
    )

    told = run("migrate", str(tmp_path)).stdout.decode()

    assert ["2", "3", "5", "6"] == re.findall(r"a\.py:(\d+): ", told)


def test_write(project: Path) -> None:
    """--write changes the imports and nothing else: byte order mark, line ends, encoding and mode stay."""
    app = project / "app.py"
    app.chmod(0o750)

    run("migrate", "--write", str(project))

    assert APP.replace(b"kivy.network.urlrequest", b"urlrequest") == app.read_bytes()
    assert sys.platform == "win32" or 0o750 == app.stat().st_mode & 0o777
    assert b"# coding: latin-1\ns = '\xe9'\nimport urlrequest as ur\n" == (project / "latin.py").read_bytes()
    assert "#:import UrlRequest urlrequest.UrlRequest\n" == (project / "rows.kv").read_text()
    assert "kivy" in (project / "env/lib/x.py").read_text()
    assert b"0 imports in 0 files to change" in run("migrate", str(project)).stdout


def test_nothing_to_do(tmp_path: Path) -> None:
    """A project without any use of the class is told in one line."""
    (tmp_path / "x.py").write_text("print(1)\n")

    done = run("migrate", str(tmp_path))

    assert (0, b"Nothing here uses Kivy's UrlRequest.\n") == (done.returncode, done.stdout)


def test_file_that_hides_the_package(tmp_path: Path) -> None:
    """A program's own urlrequest.py would be imported in the place of the package."""
    path = tmp_path / "urlrequest.py"
    path.write_text("from kivy.network.urlrequest import UrlRequest\n")

    assert b"urlrequest.py:1: a file of this name hides the package: rename it" in run("migrate", str(path)).stdout


@pytest.mark.parametrize("arguments", [[], ["--write"], ["--nonsense", "."], ["/nowhere/at/all"]])
def test_bad_usage(arguments: list[str]) -> None:
    """What cannot be understood is exit code 2 and one line."""
    done = run("migrate", *arguments)

    assert (2, b"", 1) == (done.returncode, done.stdout, done.stderr.count(b"\n"))
