"""All scenarios, by name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from compat.behaviour import BEHAVIOUR
from compat.beyond import BEYOND
from compat.generated import GENERATED
from compat.replies import REPLIES
from compat.requests import REQUESTS

if TYPE_CHECKING:
    from compat.scenarios import Scenario

__all__ = ["SCENARIOS"]

_ALL = (*GENERATED, *REQUESTS, *REPLIES, *BEHAVIOUR, *BEYOND)
SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}

_twice = [name for name, count in Counter(scenario.name for scenario in _ALL).items() if count > 1]
assert not _twice, f"names of scenarios are theirs alone: {_twice}"
