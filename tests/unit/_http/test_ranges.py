from __future__ import annotations

import pytest

from urlrequest._http.headers import Headers
from urlrequest._http.ranges import check_completeness, content_range, strong_validator
from urlrequest._http.response_head import ResponseHead, parse_head
from urlrequest.errors import ProtocolError


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


@pytest.mark.parametrize(("seconds", "is_strong"), [(0, False), (1, False), (59, False), (60, True), (-5, False)])
def test_12_3_young_tag(seconds: int, is_strong: bool) -> None:
    """Contract 12.3: by the server's own Date, a representation younger than a minute may change under its ETag."""
    date = f"Sun, 06 Nov 1994 08:{50 + seconds // 60}:{seconds % 60:02} GMT"
    modified = "Sun, 06 Nov 1994 08:50:00 GMT"

    assert ('"a"' if is_strong else None) == strong_validator(head(ETag='"a"', Last_Modified=modified, Date=date))
    assert '"a"' == strong_validator(head(ETag='"a"', Date=date))
    assert '"a"' == strong_validator(head(ETag='"a"', Last_Modified=modified))


def test_12_3_tag_without_quotes() -> None:
    """Contract 12.3: what has no quotes is no ETag (RFC 9110, section 8.8.3), and the date beside it counts."""
    dates = {"Last_Modified": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 09:49:37 GMT"}

    assert dates["Last_Modified"] == strong_validator(head(ETag="a", **dates))


# Whether a part is what was asked for


def is_complete(asked: str | None, said: str | None, status: int = 206, length: int | None = None, **more: str) -> bool:
    fields = [] if said is None else [("Content-Range", said)]
    fields += [] if length is None else [("Content-Length", str(length))]
    fields += [(name.replace("_", "-"), value) for name, value in more.items()]
    try:
        check_completeness(ResponseHead("1.1", status, "", Headers(fields)), asked)
    except ProtocolError:
        return False
    return True


@pytest.mark.parametrize("said", [None, "bytes 0-9/10", "bytes 0-4/10", "bytes */10", "nonsense"])
def test_12_6_a_part_that_nobody_asked_for(said: str | None) -> None:
    """Contract 12.6: 206 answers a Range (RFC 9110, section 15.3.7); without one it is an error, whatever it says."""
    assert not is_complete(None, said, length=5)
    assert not is_complete(None, None, Content_Type="multipart/byteranges; boundary=x")


@pytest.mark.parametrize(
    ("asked", "said", "expected"),
    [
        ("bytes=0-4", "bytes 0-4/10", True),
        ("Bytes = 0-4", "bytes 0-4/*", True),
        ("bytes=0-4", "bytes 0-3/10", False),
        ("bytes=0-4", "bytes 0-5/10", False),
        ("bytes=0-4", "bytes 1-4/10", False),
        ("bytes=0-4", "bytes 0-2/3", True),
        ("bytes=0-4", "bytes 0-2/*", False),
        ("bytes=2-", "bytes 2-9/10", True),
        ("bytes=2-", "bytes 2-8/10", False),
        ("bytes=2-", "bytes 2-8/*", True),
        ("bytes=2-", "bytes 0-9/10", False),
        ("bytes=-3", "bytes 7-9/10", True),
        ("bytes=-30", "bytes 0-9/10", True),
        ("bytes=-3", "bytes 6-9/10", False),
        ("bytes=-3", "bytes 7-8/10", False),
        ("bytes=0-4", None, False),
        ("bytes=0-4", "bytes */10", False),
        ("bytes=0-1,4-5", "bytes 0-5/10", True),
        ("bytes=0-1,4-5", None, True),
        ("lines=0-4", "lines 0-4/10", True),
    ],
)
def test_12_6_the_part_that_was_asked_for(asked: str, said: str | None, expected: bool) -> None:
    """Contract 12.6 (RFC 9110, section 14.2): the limits are those of the request, cut at the end of the whole."""
    assert expected is is_complete(asked, said)


def test_12_6_lengths_of_parts() -> None:
    """Contract 12.6: a part has as many bytes as its limits say; several come only where several were asked for."""
    assert is_complete("bytes=0-4", "bytes 0-4/10", length=5)
    assert not is_complete("bytes=0-4", "bytes 0-4/10", length=4)
    assert not is_complete("bytes=0-4", None, Content_Type="multipart/byteranges; boundary=x")
    assert is_complete("bytes=0-1,4-5", None, Content_Type="multipart/byteranges; boundary=x")


@pytest.mark.parametrize("asked", [None, "bytes=0-4"])
@pytest.mark.parametrize(
    ("said", "length", "expected"),
    [
        (None, 5, True),
        ("bytes 0-9/10", 10, True),
        ("bytes 0-9/*", 10, True),
        ("bytes 0-9/10", 5, False),
        ("bytes 0-9/10", None, False),
        ("bytes 0-4/10", 5, False),
        ("bytes 5-9/10", 5, False),
        ("bytes */10", 10, False),
        ("bytes", 10, False),
        ("0-14/*", 100, True),
        ("items 0-14/200", 100, True),
    ],
)
def test_12_6_range_of_a_200(asked: str | None, said: str | None, length: int | None, expected: bool) -> None:
    """Contract 12.6: a range of bytes in any other success must be the whole; other units number something else."""
    assert expected is is_complete(asked, said, 200, length)
    assert expected is is_complete(asked, said, 201, length)


@pytest.mark.parametrize(
    "date",
    ["", "yesterday", "-99999999999999 Dec 10000 23:59:60", "Mon, 99 Foo 0 25:61:61 +9999", "\u0660", ",", "1" * 5000],
)
def test_12_3_dates_that_are_none(date: str) -> None:
    """Contract 12.3: a date of whatever form is no error; without its age, Last-Modified is no validator."""
    real = "Mon, 01 Jan 2024 00:00:00 GMT"

    assert None is strong_validator(head(Last_Modified=date, Date=real))
    assert None is strong_validator(head(Last_Modified=real, Date=date))
    assert '"a"' == strong_validator(head(ETag='"a"', Last_Modified=date, Date=date))
