"""What the fault tests share: how a request must end, and what it must leave behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "behaviour"))
sys.path.insert(0, str(Path(__file__).parent))

from fault_rows import OLD, Target

from urlrequest import defaults


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A file with old content, alone in its folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "target"
    path.write_bytes(OLD)
    return Target(path)


@pytest.fixture(autouse=True)
def _without_keep_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection is closed at the end of its request, so that the tests can look for what is left."""
    monkeypatch.setattr(defaults, "keep_alive", False)
