"""Examples may take their time: how long one takes depends on what else the machine does."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
