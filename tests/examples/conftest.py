"""Lets the tests use the virtual screens of the hooks' tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "hooks"))
