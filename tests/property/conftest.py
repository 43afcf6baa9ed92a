"""How many examples: `pytest tests/property --hypothesis-profile=long` tries many more than CI does.

Examples may take their time: how long one takes depends on what else the machine does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    import pytest

settings.register_profile("unhurried", deadline=None)
settings.register_profile("long", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow])


def pytest_configure(config: pytest.Config) -> None:
    """Use the first profile where the command line names none."""
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("unhurried")
