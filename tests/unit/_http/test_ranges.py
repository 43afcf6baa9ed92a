from __future__ import annotations

import pytest

from urlrequest._http.headers import Headers
from urlrequest._http.ranges import content_range, strong_validator
from urlrequest._http.response_head import ResponseHead, parse_head


def head(**fields: str) -> ResponseHead:
    return ResponseHead("1.1", 206, "", Headers([(name.replace("_", "-"), value) for name, value in fields.items()]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-0/1", (0, 0, 1)),
        ("bytes 10-19/20", (10, 19, 20)),
        ("Bytes 10-19/*", (10, 19, None)),
        ("bytes 10-19/19", None),
        ("bytes 10-9/20", None),
        ("bytes */20", None),
        ("bytes 10-19", None),
        ("bytes 10-19/", None),
        ("bytes=10-19/20", None),
        ("bytes  10-19/20", None),
        ("bytes 10 - 19/20", None),
        ("bytes -10-19/20", None),
        ("bytes 1٠-19/20", None),
        ("bytes 10-19/20, bytes 30-39/40", None),
        ("lines 10-19/20", None),
        (f"bytes 0-{'9' * 19}/*", None),
        ("", None),
    ],
)
def test_content_range(value: str, expected: tuple[int, int, int | None] | None) -> None:
    """RFC 9110, section 14.4: one range of bytes, or nothing that may be relied on."""
    assert expected == content_range(head(Content_Range=value))


def test_content_range_of_several_parts() -> None:
    """RFC 9110, section 15.3.7.2: the range of a multipart body is none of the bytes that follow."""
    both = head(Content_Range="bytes 0-1/2", Content_Type=" MULTIPART/byteranges;boundary=x")

    assert None is content_range(both)
    assert None is content_range(head())


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('"a"', '"a"'),
        ('""', '""'),
        ('"a b"', None),
        ('W/"a"', None),
        ('w/"a"', None),
        ("a", None),
        ('"a', None),
        ('"a" ', None),
        ("", None),
    ],
)
def test_strong_tags(tag: str, expected: str | None) -> None:
    """RFC 9110, section 8.8.3: only a strong ETag may stand in If-Range."""
    assert expected == strong_validator(head(ETag=tag))


@pytest.mark.parametrize(
    ("modified", "date", "is_strong"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:37 GMT", True),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:36 GMT", False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "", False),
        ("", "Sun, 06 Nov 1994 08:50:37 GMT", False),
        ("never", "Sun, 06 Nov 1994 08:50:37 GMT", False),
        ("Sun, 06 Nov 1994 08:49:37 -0000", "Sun, 06 Nov 1994 08:55:37 GMT", False),
    ],
)
def test_strong_dates(modified: str, date: str, is_strong: bool) -> None:
    """RFC 9110, section 8.8.2.2: a date is strong when nothing had changed for a minute."""
    assert (modified if is_strong else None) == strong_validator(head(Last_Modified=modified, Date=date))


def test_tag_goes_before_date() -> None:
    """RFC 9110, section 13.1.5: where there is an ETag, a date is not used, a weak one's neither."""
    dates = {"Last_Modified": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 09:49:37 GMT"}

    assert '"a"' == strong_validator(head(ETag='"a"', **dates))
    assert None is strong_validator(head(ETag='W/"a"', **dates))


def test_11_6_repeated_fields() -> None:
    """Contract 11.6: the same ETag or Content-Range twice is one; different ones cannot be relied on."""

    def parsed(*lines: str) -> ResponseHead:
        return parse_head("\r\n".join(["HTTP/1.1 206 X", *lines, "", ""]).encode())

    assert '"a"' == strong_validator(parsed('ETag: "a"', 'ETag: "a"'))
    assert strong_validator(parsed('ETag: "a"', 'ETag: "b"')) is None
    assert (0, 4, 9) == content_range(parsed("Content-Range: bytes 0-4/9", "Content-Range: bytes 0-4/9"))
    assert content_range(parsed("Content-Range: bytes 0-4/9", "Content-Range: bytes 0-5/9")) is None
