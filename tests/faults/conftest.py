"""What the fault tests share: a target of downloads, and connections that end with their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.rows import Target
from support.files import make_target

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A file with old content, alone in its folder."""
    return Target(make_target(tmp_path))


@pytest.fixture(autouse=True)
def _without_keep_alive(without_keep_alive: None) -> None:
    """Here no connection is kept."""
