from __future__ import annotations

import sys
from typing import Any

import pytest

from support.children import output_of
from urlrequest import hooks
from urlrequest.hooks import _detect
from urlrequest.hooks._classes import HOOK_CLASSES, hook_class


def test_8_4_there_is_a_class_for_each_public_name() -> None:
    """Contract 8.4: the hooks that are imported lazily are those that `hooks` names."""
    assert sorted(HOOK_CLASSES) == sorted(name for name in hooks.__all__ if name.endswith("Hook"))
    assert hooks.ManualHook is hook_class("ManualHook")
    assert "urlrequest.hooks" == hooks.ManualHook.__module__


def test_8_2_a_missing_module_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.2: in a program that was built without the hook of its loop, one warning names what is missing."""

    def missing() -> Any:
        raise ModuleNotFoundError("No module named 'urlrequest.hooks._tk'", name="urlrequest.hooks._tk")

    monkeypatch.setattr(_detect, "DETECTORS", {"sys": "TkHook"})
    monkeypatch.setitem(HOOK_CLASSES, "TkHook", missing)
    hook_class.cache_clear()
    _detect._warn_missing.cache_clear()
    try:
        assert None is _detect.detect_hook() is _detect.detect_hook()
    finally:
        hook_class.cache_clear()
        _detect._warn_missing.cache_clear()

    (logged,) = [record.getMessage() for record in caplog.records]
    expected = (
        "urlrequest: TkHook is not used, because the module urlrequest.hooks._tk is missing; "
        "include the whole package urlrequest in the program"
    )
    assert expected == logged


@pytest.mark.skipif(sys.platform == "win32", reason="one system is enough")
def test_8_4_hooks_are_imported_by_literal_names() -> None:
    """Contract 8.4: what follows import statements, as builders of programs do, finds the module of each hook."""
    script = """
import modulefinder, sys
from pathlib import Path
import urlrequest.hooks
finder = modulefinder.ModuleFinder(path=[str(Path(urlrequest.__file__).parent.parent)])
finder.import_hook("urlrequest.hooks._classes")
print(*finder.modules)
"""
    found = set(output_of(script).split())

    assert {HOOK_CLASSES[name].__name__ for name in HOOK_CLASSES} <= {name.rpartition(".")[2] for name in found}


def test_8_4_no_toolkit_comes_along() -> None:
    """Contract 8.4: what follows import statements finds no toolkit: built programs have only what they use."""
    script = """
import ast
from pathlib import Path
import urlrequest.hooks
names = set()
for path in Path(urlrequest.hooks.__file__).parent.glob("*.py"):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
print(*sorted(names & {"gi", "kivy", "pygame", "PyQt5", "PyQt6", "PySide2", "PySide6", "tkinter", "trio", "wx"}))
"""
    assert "" == output_of(script).strip()
