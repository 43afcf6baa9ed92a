"""What the requests of a session share."""

from __future__ import annotations

from typing import Any

import pytest

from urlrequest._client.shared import Shared, all_shared, default_shared


def test_17_9_no_session_is_a_shared_one() -> None:
    """Contract 17.9: requests without a session share connections, 64 workers and no cookies."""
    assert (64, None, 64) == (default_shared.max_requests, default_shared.max_per_host, default_shared.max_idle)
    assert default_shared.cookie_store is None
    assert default_shared in all_shared


@pytest.mark.parametrize(("max_requests", "max_idle", "expected"), [(1, None, 64), (200, None, 200), (200, 3, 3)])
def test_17_9_idle_connections(max_requests: int, max_idle: int | None, expected: int) -> None:
    """Contract 17.9: as many idle connections are kept as can be in use, 64 at the least, unless the number is set."""
    assert expected == Shared(max_requests, None, max_idle).max_idle


def test_17_9_the_limit_of_idle_connections_follows() -> None:
    """Contract 17.9: where it was not set, the number of idle connections follows `max_requests`."""
    shared = Shared(8, 2, None)
    shared.max_requests, shared.max_per_host = 100, None
    assert (100, None, 100) == (shared.max_requests, shared.max_per_host, shared.max_idle)

    shared.max_idle = 0
    shared.max_requests = 200
    assert 0 == shared.max_idle


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((0, None, None), "max_requests is 0; 1 or more is needed"),
        ((1, -1, None), "max_per_host is -1; 1 or more is needed"),
        ((1, None, -1), "max_idle is -1; 0 or more is needed"),
    ],
    ids=["max_requests", "max_per_host", "max_idle"],
)
def test_17_9_a_limit_that_is_none(limits: tuple[Any, ...], message: str) -> None:
    """Contract 17.9: a limit below what makes sense is refused, at construction and afterwards."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        Shared(*limits)
    shared, name = Shared(1, None, None), message.partition(" ")[0]
    with pytest.raises(ValueError, match=f"^{message}$"):
        setattr(shared, name, limits[["max_requests", "max_per_host", "max_idle"].index(name)])
    assert (1, None, 64) == (shared.max_requests, shared.max_per_host, shared.max_idle)


def test_17_9_a_limit_that_is_no_number() -> None:
    """Contract 16.3, 17.9: a limit of another type is refused with its name, at construction and afterwards."""
    wrong: Any = "8"
    with pytest.raises(TypeError, match="max_requests is str; a number is needed"):
        Shared(wrong, None, None)
    with pytest.raises(TypeError, match="max_idle is str; a number is needed"):
        Shared(1, None, wrong)
    shared = Shared(1, None, None)
    with pytest.raises(TypeError, match="max_per_host is str; a number is needed"):
        shared.max_per_host = wrong
