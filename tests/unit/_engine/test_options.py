"""Options: which requests are plain, and what is copied of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from urlrequest._engine.options import MAX_DATA, MAX_SHARED_URL, PLAIN, Options, SharedOptions, shared_options

FREE = {"url", "decode", "ca_file", "verify"}


@pytest.mark.parametrize("name", Options._fields)
def test_what_plain_requests_differ_in(name: str) -> None:
    """A request is plain whatever these four are, and with any other option it is not."""
    options = PLAIN._replace(**{name: "something"})

    assert (name in FREE) == options.is_plain


SIMPLE = {
    *FREE, "chunk_size", "req_headers", "user_agent", "cookies", "auth", "params", "follow_redirects", "retries",
    "base_url", "session_headers", "session_cookies",
}  # fmt: skip


@pytest.mark.parametrize("name", Options._fields)
def test_what_is_launchable(name: str) -> None:
    """A launch does what needs no worker, where reading it twice gives the same and runs no code of the user's."""
    assert (name in SIMPLE) == PLAIN._replace(**{name: "something"}).is_launchable
    assert (name in {*FREE, "chunk_size"}) == PLAIN._replace(**{name: iter("ab")}).is_launchable


def test_plain_is_seen_without_comparing() -> None:
    """What refuses to be compared, as arrays do, is a body like any other."""

    class Array:
        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth of an array is ambiguous")

        __hash__ = None  # type: ignore[assignment]  # as of arrays

    assert not PLAIN._replace(req_body=Array()).is_plain


@pytest.mark.parametrize("value", [{"a": "b"}, [("a", "b")]])
@pytest.mark.parametrize("name", ["req_body", "req_headers", "proxy_headers", "cookies", "params", "json", "files"])
def test_containers_are_copied(name: str, value: Any) -> None:
    """The user may change dicts and lists once the request is made."""
    options = PLAIN._replace(**{name: value}).detached()

    assert value == getattr(options, name)
    assert value is not getattr(options, name)


def test_options_without_containers_are_not_copied() -> None:
    """Where there is nothing to copy, the options stay the same object."""
    options = PLAIN._replace(method="PUT")

    assert options is options.detached()


ALIKE: dict[str, Any] = {"url": "http://a.test/", "decode": True, "ca_file": None, "verify": True}


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"decode": False}, {"ca_file": "a.pem"}, {"verify": None}, {"follow_redirects": True}, {"retries": 2},
        {"follow_redirects": 1, "retries": 0},
    ],
    ids=str,
)  # fmt: skip
def test_requests_that_are_alike_share_their_options(changed: dict[str, Any]) -> None:
    """A request that waits takes no memory for options that others have as well."""
    options = shared_options(**ALIKE | changed)

    assert options is shared_options(**ALIKE | changed)
    assert isinstance(options, SharedOptions)
    assert PLAIN._replace(**ALIKE | changed) == options
    assert options.is_launchable
    assert options.is_plain is changed.keys().isdisjoint({"follow_redirects", "retries"})
    assert options.detached() is options


def test_flags_that_are_equal_are_told_apart() -> None:
    """True is 20 redirects, 1 is one."""
    shared = [shared_options(**ALIKE, follow_redirects=flag) for flag in (True, 1)]

    assert ["True", "1"] == [str(options.follow_redirects) for options in shared]


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://ada:secret@a.test/"},
        {"url": "http://a.test/" + MAX_SHARED_URL * "x"},
        {"url": b"http://a.test/"},
        {"url": ["http://a.test/"]},
        {"url": None},
        {"decode": 1},
        {"decode": []},
        {"ca_file": Path("a.pem")},
        {"verify": "no"},
        {"verify": []},
        {"retries": "2"},
        {"follow_redirects": []},
    ],
)
def test_what_is_not_shared(changed: dict[str, Any]) -> None:
    """What holds a secret, is large, or is of another type is kept by its own request alone."""
    options = shared_options(**ALIKE | changed)

    assert PLAIN._replace(**ALIKE | changed) == options
    assert type(options) is Options


def test_shared_options_that_are_changed_are_shared_no_more() -> None:
    """What a session adds is not mistaken for the options that others share."""
    shared = shared_options(**ALIKE)
    changed = shared._replace(method="PUT")

    assert type(changed) is Options
    assert not changed.is_plain
    assert not changed.is_launchable
    assert shared.is_plain


@pytest.mark.parametrize(
    ("value", "is_data"),
    [
        ({"a": [1, 0.5, True, None, b"x"]}, True),
        ([("a", "b"), ["c", {"d": ("e",)}]], True),
        ({"a": iter("b")}, False),
        ({("a", object()): "b"}, False),
        ({"a": type("Text", (str,), {})("b")}, False),
        (list(range(MAX_DATA)), False),
    ],
)
def test_what_containers_hold(value: Any, is_data: bool) -> None:
    """A launch reads options that a worker reads again: so they are data all through, and not too much of it."""
    assert is_data is PLAIN._replace(params=value).is_launchable


def test_a_list_that_holds_itself() -> None:
    """It is looked at, and left to the worker, which finds what is wrong with it."""
    endless: list[Any] = []
    endless.append(endless)

    assert not PLAIN._replace(params=endless).is_launchable


@pytest.mark.parametrize(("method", "expected"), [(None, True), ("GET", True), ("get", False), ("HEAD", False)])
def test_which_methods_are_launchable(method: str | None, expected: bool) -> None:
    """GET is what a request without a body is by itself."""
    assert expected is PLAIN._replace(method=method, req_headers={"A": "b"}).is_launchable
