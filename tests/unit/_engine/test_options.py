"""Options: which requests are plain, and what is copied of the user's."""

from __future__ import annotations

from typing import Any

import pytest

from urlrequest._engine.options import PLAIN, Options

FREE = {"url", "decode", "ca_file", "verify"}


@pytest.mark.parametrize("name", Options._fields)
def test_what_plain_requests_differ_in(name: str) -> None:
    """A request is plain whatever these four are, and with any other option it is not."""
    options = PLAIN._replace(**{name: "something"})

    assert (name in FREE) == options.is_plain


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


def test_plain_options_are_not_copied() -> None:
    """Where there is nothing to copy, the options stay the same object."""
    assert PLAIN is PLAIN.detached()
