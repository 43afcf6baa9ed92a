"""Options: which requests are plain, and what is copied of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from urlrequest._engine.options import MAX_DATA, MAX_SHARED_URL, PLAIN, Options, PlainOptions

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


@pytest.mark.parametrize("first", [{}, {"decode": False}, {"ca_file": "a.pem"}, {"verify": None}])
def test_plain_requests_that_are_alike_share_their_options(first: dict[str, Any]) -> None:
    """A request that waits takes no memory for options that others have as well."""
    options = PLAIN._replace(url="http://a.test/", **first)

    assert options == options.detached() is options.detached()
    assert isinstance(options.detached(), PlainOptions)


@pytest.mark.parametrize(
    "first",
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
    ],
)
def test_what_is_not_shared(first: dict[str, Any]) -> None:
    """What holds a secret, is large, or is of another type is kept by its own request alone."""
    options = PLAIN._replace(**({"url": "http://a.test/"} | first))

    assert options == options.detached()
    assert type(options.detached()) is Options
    assert options.detached().is_plain


def test_shared_options_that_are_changed_are_plain_no_more() -> None:
    """What a session adds is not mistaken for the options that others share."""
    shared = PLAIN._replace(url="http://a.test/").detached()

    assert not shared._replace(method="PUT").is_plain
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
