from __future__ import annotations

import time

import pytest

from urlrequest._http.framing import Framing, body_framing
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import MAX_FIELDS, MAX_LINE_SIZE, ResponseHead, parse_head
from urlrequest.errors import ProtocolError

OK = "HTTP/1.1 200 OK\r\n"


def parse(text: str) -> ResponseHead:
    return parse_head(text.encode("latin-1"))


@pytest.mark.parametrize(
    ("line", "version", "status", "reason"),
    [
        ("HTTP/1.1 200 OK", "1.1", 200, "OK"),
        ("HTTP/1.0 404 Not Found", "1.0", 404, "Not Found"),
        ("HTTP/1.1 200 ", "1.1", 200, ""),
        ("HTTP/1.1 200", "1.1", 200, ""),
        ("HTTP/1.1 200 très bien", "1.1", 200, "très bien"),
        ("HTTP/1.1 600 Beyond", "1.1", 600, "Beyond"),
        ("HTTP/1.1 999 x", "1.1", 999, "x"),
        ("HTTP/1.9 200 OK", "1.9", 200, "OK"),
        ("HTTP/1.1 100 Continue", "1.1", 100, "Continue"),
        ("HTTP/1.1 200 a:b  c ", "1.1", 200, "a:b  c"),
        ("HTTP/1.1  200 OK", "1.1", 200, "OK"),
        ("HTTP/1.1 200  OK", "1.1", 200, "OK"),
        ("HTTP/1.1\t200\tOK", "1.1", 200, "OK"),
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_status_lines(line: str, version: str, status: int, reason: str, end: str) -> None:
    """Fault 44: a status line without reason, with a Latin-1 one, or ended by a bare LF is read (sockets E11)."""
    assert ResponseHead(version, status, reason, Headers()) == parse(line + end + end)


@pytest.mark.parametrize(
    "line",
    [
        "HTTP/1.1 2_00 OK",
        "HTTP/1.1 +200 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 2²0 OK",
        "HTTP/1.1 200OK",
        " HTTP/1.1 200 OK",
        "\r\nHTTP/1.1 200 OK",
        "HTTP/2 200",
        "HTTP/2.0 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/1 200 OK",
        "HTTP/1.\0 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1",
        "ICY 200 OK",
        "<html>",
        "HTTP/1.1 200 a\0b",
        "HTTP/1.1 200 a\rX: y",
        "",
    ],
)
def test_malformed_status_lines(line: str) -> None:
    """Fault 12 and sockets E11: what is no status line of HTTP/1 is an error that shows what came."""
    with pytest.raises(ProtocolError, match="status line"):
        parse(f"{line}\r\nContent-Length: 2\r\n\r\n")


def test_message_shows_little_of_a_long_line() -> None:
    """An error quotes some of what the server sent, not a megabyte of it."""
    with pytest.raises(ProtocolError) as caught:
        parse("x" * 1_000_000 + "\r\n\r\n")

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["A: 1"], {"A": "1"}),
        (["A:1"], {"A": "1"}),
        (["A: \t 1 \t"], {"A": "1"}),
        (["A:"], {"A": ""}),
        (["A: "], {"A": ""}),
        (["A: b:c"], {"A": "b:c"}),
        (["!#$%&'*+-.^_`|~09azAZ: x"], {"!#$%&'*+-.^_`|~09azAZ": "x"}),
        (["A: é\x80\xff"], {"A": "é\x80\xff"}),
        (["A: 1", "B: 2", "a: 3"], {"A": "1, 3", "B": "2"}),
        (["A: 1", " 2"], {"A": "1 2"}),
        (["A: 1", "\t\t2", "  3", "B: 4"], {"A": "1 2 3", "B": "4"}),
        (["A:", " 1"], {"A": "1"}),
        (["A: x\vy\fz"], {"A": "x\vy\fz"}),
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_fields(lines: list[str], expected: dict[str, str], end: str) -> None:
    """Fields are read as RFC 9112 has them: optional white space, bare LF, obsolete folding, Latin-1."""
    assert expected == parse(end.join(["HTTP/1.1 200 OK", *lines, "", ""])).headers


@pytest.mark.parametrize(
    "line",
    [
        "Na\0me: x",
        "Name: a\rContent-Length: 2",
        "Name: a\r",
        "Name: a\0b",
        "\0: x",
        "Content-Length : 5",
        "Content-Length\t: 5",
        "content length: 5",
        "Content\xadLength: 5",
        "\vContent-Length: 5",
        '"Content-Length": 5',
        "(Content-Length): 5",
        "Content-Length 5",
        "Content-Length=5",
        "X Content-Length: 5",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\xa0: chunked",
        "transfer encoding: chunked",
        "Transfer-Encoding chunked",
        "HTTP/1.1 200 OK Transfer-Encoding: chunked",
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_malformed_fields(line: str, place: str) -> None:
    """Faults 46 and 47, sockets E17, E19 and E20: no line hides or makes fields, or frames the body in odd spelling."""
    lines = ["A: 1", "Content-Length: 5"]
    lines.insert({"first": 0, "middle": 1, "last": 2}[place], line)

    with pytest.raises(ProtocolError, match="malformed header:"):
        parse(OK + "\r\n".join(lines) + "\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("no colon", {}),
        ("<html>", {}),
        (": no name", {}),
        ("HTTP/1.1 200 OK", {}),
        ("Name : x", {"Name": "x"}),
        ("Name \t: x", {"Name": "x"}),
        ("Na me: x", {"Na me": "x"}),
        ("Näme: x", {"Näme": "x"}),
        ('Na"me: x', {'Na"me': "x"}),
        ("(x): y", {"(x)": "y"}),
        ("Location : /x", {"Location": "/x"}),
        ("GET / HTTP/1.1: x", {"GET / HTTP/1.1": "x"}),
    ],
)
@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_11_5_what_is_no_field_is_no_error(line: str, fields: dict[str, str], place: str, end: str) -> None:
    """Contract 11.5, faults 46 and 47: the answer arrives, as with http.client and curl; odd names are kept."""
    lines = [line, "A: 1", "Content-Length: 5"]
    if place == "last":
        lines = [*lines[1:], line]
    head = parse("HTTP/1.1 200 OK" + end + end.join(lines) + end + end)

    assert ({"A": "1", "Content-Length": "5", **fields}, True) == (head.headers, head.is_malformed)
    assert Framing(5, is_chunked=False, keeps_alive=False) == body_framing(head, "GET")


def test_11_5_a_proper_head_is_not_malformed() -> None:
    """Contract 11.5: folded lines and bare LF are read as before, and the connection is used again."""
    assert not parse(OK + "A: 1\r\n 2\nContent-Length: 0\r\n\r\n").is_malformed


@pytest.mark.parametrize("text", [" folded: x\r\n\r\n", "\tx\r\nA: b\r\n\r\n"])
def test_first_line_cannot_be_folded(text: str) -> None:
    """A line that continues nothing is an error (RFC 9112, section 5.2)."""
    with pytest.raises(ProtocolError, match="malformed header:"):
        parse(OK + text)


@pytest.mark.parametrize("text", ["", "A: 1\r\n", "A: 1", "A: 1\r\n\r\nrest", "\r\nA: 1\r\n\r\n"])
def test_heads_end_with_their_empty_line(text: str) -> None:
    """Faults 41 and 42, sockets E12 and E13: a head that is cut off, or that something follows, is no head."""
    with pytest.raises(ProtocolError, match="malformed header:"):
        parse(OK + text)


def test_field_limit() -> None:
    """Fault 45, sockets E14: 1,000 fields are read, one more is an error that says so."""
    fields = [f"A{number}: x\r\n" for number in range(MAX_FIELDS)]

    assert MAX_FIELDS == 1000 == len(parse(OK + "".join(fields) + "\r\n").headers)
    with pytest.raises(ProtocolError, match="1001 headers; 1000"):
        parse(OK + "".join(fields) + "B: y\r\n\r\n")


def test_line_limit() -> None:
    """Fault 45, sockets E14: a line of 64 KiB is read, a longer one is an error that says so."""
    value = "x" * (MAX_LINE_SIZE - len("A: \r"))

    assert value == parse(f"{OK}A: {value}\r\n\r\n").headers["A"]
    with pytest.raises(ProtocolError, match=f"longer than {MAX_LINE_SIZE}"):
        parse(f"{OK}A: {value}x\r\n\r\n")


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("OK", "200 OK"), ("", "200"), ("\x1b[31m", r"200 '\x1b[31m'"), ("x" * 61, f"200 '{'x' * 60}…'")],
    ids=["plain", "none", "control", "long"],
)
def test_16_3_a_status_in_a_message(reason: str, shown: str) -> None:
    """Contract 16.3: a reason writes nothing on a terminal, and does not fill it."""
    assert shown == parse(f"HTTP/1.1 200 {reason}\r\n\r\n").describe_status()


@pytest.mark.clock
@pytest.mark.parametrize(
    "text",
    [
        OK + "A: x\r\n" * 40_000,
        OK + ("A:" + " " * 60_000 + "\r\n") * 4,
        OK + "A: 1\r\n" + (" " * 60_000 + "\r\n") * 4,
        OK + "A" * 250_000,
        OK + "A: x\r\n" * 30_000 + "broken\r\n",
        OK + "A: x\r" * 40_000,
        "HTTP/1.1 200 " + " " * 250_000,
    ],
    ids=range(7),
)
def test_hostile_heads_take_no_time(text: str) -> None:
    """Whatever 256 KiB a server sends as a head, it is judged in time that grows no faster than its size."""
    began = time.thread_time()
    with pytest.raises(ProtocolError):
        parse(text + "\0\r\n\r\n")

    assert time.thread_time() - began < 2
