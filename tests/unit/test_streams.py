"""Lines and events; `tests/property/test_sse_properties.py` has the rules, and `tests/behaviour` the connections."""

from __future__ import annotations

import pytest

from urlrequest.errors import ContentTooLarge
from urlrequest.streams import EventReader, LineReader

CHUNKS = 50_000


@pytest.mark.parametrize(
    ("chunks", "lines", "rest"),
    [
        ([b"a\nb"], ["a"], "b"),
        ([b"a\r", b"\nb\n"], ["a", "b"], ""),
        ([b"a\r", b"", b"\n\n"], ["a", ""], ""),
        ([b"\xe4\xbd", b"\xa0\n"], ["你"], ""),
        ([b"\xef\xbb", b"\xbfa\n\xef\xbb\xbfb\n"], ["a", "\ufeffb"], ""),
        ([b"\xff\n\xe4\xbd"], ["\ufffd"], "\ufffd"),
        (["a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\n".encode()], ["a\x85b\u2028c\u2029d\x0be\x0cf\x1cg"], ""),  # as in JSON
        ([], [], ""),
    ],
)
def test_17_16_lines(chunks: list[bytes], lines: list[str], rest: str) -> None:
    """Contract 17.16: whatever ends a line, and wherever the network cuts."""
    reader = LineReader()

    assert lines == [line for chunk in chunks for line in reader.feed(chunk)]
    assert rest == reader.finish()


def test_17_16_a_line_in_many_chunks() -> None:
    """Contract 17.16: the time is linear: each byte is moved once, however many chunks a line comes in."""
    reader = LineReader()
    for _ in range(CHUNKS):
        assert [] == list(reader.feed(b"0123456789"))

    assert [10 * CHUNKS] == [len(line) for line in reader.feed(b"\n")]


@pytest.mark.parametrize("chunks", [[b"x" * 11], [b"x" * 11 + b"\n"], [b"x" * 6, b"x" * 5]])
def test_17_16_lines_that_are_too_long(chunks: list[bytes]) -> None:
    """Contract 17.16: a line above the limit is an error, once so much of it is there; lines before it come first."""
    reader = LineReader(max_size=10)
    assert ["0123456789"] == list(reader.feed(b"0123456789\n"))

    *first, last = chunks
    assert [] == [line for chunk in first for line in reader.feed(chunk)]
    with pytest.raises(ContentTooLarge, match="10 bytes"):
        list(reader.feed(last))


def test_17_16_events_that_are_too_large() -> None:
    """Contract 17.16: the lines of an event count together."""
    reader = EventReader(max_size=10)
    assert ["12345\n123"] == [event.data for event in reader.feed(b"data:12345\ndata:123\n\n")]

    with pytest.raises(ContentTooLarge, match="10 characters"):
        list(reader.feed(b"data:12345\ndata:1234\n\n"))


def test_17_16_empty_data() -> None:
    """WHATWG HTML, section 9.2.6: an event without a data line is none; one with an empty data line is."""
    reader = EventReader()

    assert ["", "\n\n"] == [event.data for event in reader.feed(b"event: a\n\ndata\n\ndata\ndata:\ndata: \n\n")]
