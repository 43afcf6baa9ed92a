from __future__ import annotations

from typing import Any

import pytest

from urlrequest._http.headers import Headers
from urlrequest._http.media_type import check_content_type, check_media_ranges
from urlrequest._http.response_head import ResponseHead
from urlrequest.errors import UnexpectedContentType


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ("application/zip", ("application/zip",)),
        (" Image/* ", ("image/*",)),
        (["a/b", "C/D+e"], ("a/b", "c/d+e")),
        (("*/*",), ("*/*",)),
        ({"a/b"}, ("a/b",)),
    ],
)
def test_12_5_types(given: Any, expected: tuple[str, ...]) -> None:
    """Contract 12.5: one type or several; case and blanks around do not matter."""
    assert expected == check_media_ranges(given)


@pytest.mark.parametrize("given", [1, True, b"a/b", {"a/b": 1}, ["a/b", 1], [None], object()])
def test_12_5_what_is_no_type(given: Any) -> None:
    """Contract 12.5: anything else than text is a TypeError."""
    with pytest.raises(TypeError, match="expect_type is "):
        check_media_ranges(given)


@pytest.mark.parametrize(
    "given",
    ["", "zip", "a/", "/b", "a/b/c", "a b/c", "a/b; c=d", "*/zip", "ima*/png", "image/p*", "image/**", [], ["a/b", ""]],
)
def test_12_5_texts_that_are_no_type(given: Any) -> None:
    """Contract 12.5: a text that no Content-Type can match is a ValueError."""
    with pytest.raises(ValueError, match="expect_type"):
        check_media_ranges(given)


def matches(content_type: str | None, *ranges: str) -> bool:
    fields = [] if content_type is None else [("Content-Type", content_type)]
    try:
        check_content_type(ResponseHead("1.1", 200, "", Headers(fields)), check_media_ranges(ranges))
    except UnexpectedContentType:
        return False
    return True


def test_12_5_matching() -> None:
    """Contract 12.5: the type is compared without its parameters, the kind alone where a star stands for the rest."""
    assert matches("application/zip", "application/zip")
    assert matches("Application/ZIP ; x=y", "text/plain", "application/zip")
    assert matches("image/svg+xml", "image/*")
    assert matches("text/html", "*/*")
    assert not matches("text/html; charset=utf-8", "application/zip", "image/*")
    assert not matches("images/png", "image/*")
    assert not matches("application/zip2", "application/zip")
    assert not matches("", "application/zip")


def test_12_5_no_content_type() -> None:
    """Contract 12.5 (RFC 9110, section 8.3): a response without a type may be any bytes."""
    assert matches(None, "application/octet-stream")
    assert matches(None, "application/*")
    assert not matches(None, "application/zip")


def test_12_5_message() -> None:
    """Contract 16.3: the message says what came, and what was expected."""
    html = ResponseHead("1.1", 200, "", Headers([("Content-Type", "text/html")]))
    with pytest.raises(UnexpectedContentType, match="sent 'text/html' with status 200, not a/b or c/\\*"):
        check_content_type(html, ("a/b", "c/*"))
    with pytest.raises(UnexpectedContentType, match="sent no Content-Type with status 200, not a/b"):
        check_content_type(ResponseHead("1.1", 200, "", Headers([])), ("a/b",))
