"""`urlrequest.streams` against the rules of WHATWG HTML, section 9.2, read literally."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from urlrequest.streams import EventReader, LineReader

LINES = st.one_of(
    st.sampled_from(
        [
            "", "data", "data:", "data: ", "data:x", "data: x", "data:  x", "id", "id:1", "id: two", "id:\0", "id: ü",
            "event: add", "event", "retry: 10", "retry: 1x", "retry:", ":", ": comment", "other: x", " data: x",
            "data: 日本語 🎉", "﻿data: x", "data: a:b", "Data: x",
        ]
    ),
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=12),
)  # fmt: skip
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


def literally(octets: bytes) -> tuple[list[tuple[str, str, str]], str, float]:
    """All of a stream at once, by the letter of the rules."""
    text = octets.decode("utf-8", "replace").removeprefix("﻿")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]
    events, data, kind, identifier, last, retry = [], "", "", "", "", -1.0
    for line in lines:
        if not line:
            last = identifier
            if data:
                events.append((kind or "message", data.removesuffix("\n"), last))
            data = kind = ""
            continue
        if line.startswith(":"):
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            identifier = value
        elif name == "retry" and value and set(value) <= set("0123456789"):
            retry = int(value) / 1000
    return events, last, retry


def parsed(pieces: list[bytes]) -> tuple[list[tuple[str, str, str]], str, float]:
    reader = EventReader()
    events = [tuple(event) for piece in pieces for event in reader.feed(piece)]
    return events, reader.last_id, -1.0 if reader.retry is None else reader.retry


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.booleans())
@example([("data: x", "\r"), ("", "\r\n"), ("data: y", "\r\n"), ("", "\n")], True)
def test_every_split_means_the_same(lines: list[tuple[str, str]], has_mark: bool) -> None:
    """Wherever the network cuts a stream in two, and cut into single octets, the events are those of the rules."""
    octets = (b"\xef\xbb\xbf" if has_mark else b"") + "".join(line + end for line, end in lines).encode()
    expected = literally(octets)

    assert expected == parsed([octets])
    for cut in range(len(octets) + 1):
        assert expected == parsed([octets[:cut], octets[cut:]])
    assert expected == parsed([octets[at : at + 1] for at in range(len(octets))])


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_octets_and_any_split(octets: bytes, cut: int) -> None:
    """What is no utf-8 becomes U+FFFD, and is never an error."""
    assert literally(octets)[0] == parsed([octets[:cut], octets[cut:]])[0]


def test_event_is_there_with_its_last_octet() -> None:
    """An event is not held back until the next one begins, whatever ends the lines."""
    for end in ("\n", "\r", "\r\n"):
        first, second = f"data: 1{end}{end[:1]}".encode(), f"{end[1:]}data: 2{end}{end}".encode()
        parser = EventReader()

        assert ["1"] == [event.data for event in parser.feed(first)]
        assert ["2"] == [event.data for event in parser.feed(second)]


@given(st.binary(max_size=60), st.integers(0, 60))
def test_lines_and_any_split(octets: bytes, cut: int) -> None:
    """Lines are those of the whole text; what has no end comes last, and nothing is lost."""
    reader = LineReader()
    lines = [line for piece in (octets[:cut], octets[cut:]) for line in reader.feed(piece)]
    text = octets.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")

    assert text.split("\n") == [*lines, reader.finish()]
