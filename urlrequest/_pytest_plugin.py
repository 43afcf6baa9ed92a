"""The pytest plugin: the fixture `urlrequest_mock`. pytest finds it by the entry point of the distribution.

It loads nothing of the library until a test uses the fixture: pytest imports it in every project.
"""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .testing import MockNetwork


@pytest.fixture
def urlrequest_mock() -> Iterator[MockNetwork]:
    """Replies to the requests of a test, whatever hosts they name; the test fails if one was not expected."""
    from .testing import MockNetwork

    with MockNetwork() as mock:
        yield mock
