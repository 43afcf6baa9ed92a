"""`urlrequest migrate PATH...`: finds imports of Kivy's UrlRequest, and with --write changes them.

It reads Python and kv files, and never runs them. A file is written in one step, only if Python can still read it.
"""

from __future__ import annotations

import ast
import io
import os
import re
import sys
import tokenize
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from urlrequest._content.file_sink import FileSink

from .kivy_imports import MODULE, Change, Remark, changed, changes_of, changes_of_kv, line_after
from .kivy_uses import findings_in
from .verbose import print_error, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["migrate"]

SUCCESS, BAD_USAGE, ERROR = 0, 2, 3  # exit codes
SUFFIXES = {".py", ".pyw", ".pyi", ".kv", ".spec"}
SKIPPED = {"__pycache__", "node_modules", "site-packages"}  # folders of other people's files
SETTINGS = "buildozer.spec"  # is no Python, as the .spec files of PyInstaller are
# What Python 3 says of what Python 2 alone reads.
OF_PYTHON_2 = re.compile(
    "Missing parentheses in call to|leading zeros in decimal|multiple exception types must be parenthesized$"
)
MARKS = (b"urlrequest", b"UrlRequest")  # a file that has none of them has nothing to do with it


class Report(NamedTuple):
    """What was found in a file.

    Attributes:
        text: With all changes made.
    """

    changes: list[Change]
    remarks: list[Remark]
    text: str


def migrate(arguments: Sequence[str], *, is_writing: bool) -> int:
    """Report, and change the files if `is_writing`; return the exit code."""
    paths = [Path(text) for text in arguments]
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        print_error(f"{missing}: there is no such file or folder")
        return BAD_USAGE
    code, files, imports, places = SUCCESS, 0, 0, 0
    for path in sorted({file for given in paths for file in _files(given)}):
        try:
            report = _migrate_file(path, is_writing=is_writing)
        except (OSError, SyntaxError, ValueError) as error:
            print_error(f"{path}: it cannot be read: {_describe(error)}")
            code = ERROR
            continue
        files += bool(report.changes)
        imports += len(report.changes)
        places += len(report.remarks)
    _print_summary(files, imports, places, is_writing=is_writing)
    return code


def _files(path: Path) -> Iterator[Path]:
    """The files of a project: not those of its virtual environments, and nothing hidden."""
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [
            name
            for name in folders
            if name not in SKIPPED and not name.startswith(".") and not (Path(folder) / name / "pyvenv.cfg").exists()
        ]
        yield from (Path(folder) / name for name in names if Path(name).suffix in SUFFIXES and name != SETTINGS)


def _migrate_file(path: Path, *, is_writing: bool) -> Report:
    octets = path.read_bytes()
    if not any(mark in octets for mark in MARKS):
        return Report([], [], "")
    encoding = "utf-8" if path.suffix == ".kv" else tokenize.detect_encoding(io.BytesIO(octets).readline)[0]
    mark = b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b""
    encoding = "utf-8" if mark else encoding
    text = octets.removeprefix(mark).decode(encoding)
    if mark + text.encode(encoding) != octets:  # as in ISO-2022, which can write one text in several ways
        raise ValueError(f"its bytes in {encoding} could not be kept as they are")
    report = _read(path, text)
    verb = "changed to" if is_writing else "becomes"
    told = sorted(
        (each.line, f"the import {verb}: {each.text}" if " " in each.text else f"{MODULE} {verb} {each.text}")
        for each in report.changes
    )
    for line, what in [*told, *report.remarks]:
        _print(path, line_after(text, report.changes, line) if is_writing else line, what)
    if is_writing and report.changes:
        _write(path, mark + report.text.encode(encoding))
    return report


def _read(path: Path, text: str) -> Report:
    """Find what is to be changed and said.

    Raises:
        SyntaxError: It is not Python, or would not be any more.
    """
    if path.suffix == ".kv":
        changes, remarks = changes_of_kv(text)
        return Report(changes, remarks, changed(text, changes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in strings, which are not our business
        tree = ast.parse(text)
        changes, remarks = changes_of(text, tree)
        result = changed(text, changes)
        ast.parse(result)
    found = [Remark(finding.line, f"{finding.text} [{finding.row}]") for finding in findings_in(tree)]
    if path.name == "urlrequest.py":
        found.append(Remark(1, "a file of this name hides the package: rename it"))
    return Report(changes, sorted([*remarks, *found]), result)


def _write(path: Path, octets: bytes) -> None:
    with FileSink(str(path)) as sink:
        sink.expect(len(octets))
        sink.write(octets)
        sink.commit()


def _describe(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        hint = "; is it Python 2?" if OF_PYTHON_2.match(error.msg) else ""
        return f"{error.msg} (line {error.lineno}){hint}"
    return getattr(error, "strerror", None) or str(error)


def _print(path: Path, line: int, text: str) -> None:
    sys.stdout.write(printable(f"{path}:{line}: {text}") + "\n")


def _print_summary(files: int, imports: int, places: int, *, is_writing: bool) -> None:
    if not imports and not places:
        sys.stdout.write("Nothing here uses Kivy's UrlRequest.\n")
        return
    what = f"{imports} import{'s' * (imports != 1)} in {files} file{'s' * (files != 1)}"
    sys.stdout.write(f"\n{what} {'changed' if is_writing else 'to change, by --write'}; ")
    sys.stdout.write(f"{places} place{'s' * (places != 1)} to look at.\n")
    if imports:
        sys.stdout.write("Add threaded-urlrequest to what the program requires.\n")
