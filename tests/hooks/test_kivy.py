"""Programs of Kivy's (`kivy_programs.py`), each in a process of its own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from hooks.children import environment_of, find_python
from hooks.kivy_programs import LONGEST, PROGRAMS
from hooks.loops import LOOPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.hooks, pytest.mark.system]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_8_kivy(program: Callable[[], None], tmp_path: Path) -> None:
    """Contract 8.2, 8.6, 8.7: what the program of that name promises."""
    environment = environment_of(LOOPS["Kivy"], None, tmp_path)
    del environment["KIVY_NO_CONSOLELOG"]
    ran = subprocess.run(
        [find_python(LOOPS["Kivy"]), "-m", "hooks.kivy_programs", program.__name__],
        env={**environment, "KIVY_LOG_MODE": "PYTHON"},  # else Kivy takes what is printed
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=3 * LONGEST,
        check=False,
    )

    assert 0 == ran.returncode, ran.stderr
