from __future__ import annotations

import time

import pytest

from urlrequest._http.headers import Headers
from urlrequest._http.response_head import FIELD_LIMIT, LINE_LIMIT, Framing, ResponseHead, frame, parse_head
from urlrequest.errors import ProtocolError

OK = "HTTP/1.1 200 OK\r\n"


def parse(text: str) -> ResponseHead:
    return parse_head(text.encode("latin-1"))


def framing(*lines: str, status: str = "HTTP/1.1 200 OK", method: str = "GET") -> Framing:
    return frame(parse("".join(f"{line}\r\n" for line in (status, *lines, ""))), method)


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
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_status_lines(line: str, version: str, status: int, reason: str, end: str) -> None:
    """Faults 44: a status line without reason, with a Latin-1 one, or ended by a bare LF is read (sockets, E11)."""
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
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK",
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
    """Faults 12 and sockets E11: what is no status line of HTTP/1 is an error that shows what came."""
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
        "no colon",
        ": no name",
        "Na me: x",
        "Name : x",
        "Name\t: x",
        "Näme: x",
        "Na\0me: x",
        'Na"me: x',
        "Name: a\rContent-Length: 2",
        "Name: a\r",
        "Name: a\0b",
        "\0: x",
        "(x): y",
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_malformed_fields(line: str, place: str) -> None:
    """Faults 46 and 47, sockets E17, E19 and E20: no malformed line hides or makes fields; it is an error."""
    lines = ["A: 1", "Content-Length: 5"]
    lines.insert({"first": 0, "middle": 1, "last": 2}[place], line)

    with pytest.raises(ProtocolError, match="malformed header field"):
        parse(OK + "\r\n".join(lines) + "\r\n\r\n")


@pytest.mark.parametrize("text", [" folded: x\r\n\r\n", "\tx\r\nA: b\r\n\r\n"])
def test_first_line_cannot_be_folded(text: str) -> None:
    """A line that continues nothing is an error (RFC 9112, section 5.2)."""
    with pytest.raises(ProtocolError, match="malformed header field"):
        parse(OK + text)


@pytest.mark.parametrize("text", ["", "A: 1\r\n", "A: 1", "A: 1\r\n\r\nrest", "\r\nA: 1\r\n\r\n"])
def test_heads_end_with_their_empty_line(text: str) -> None:
    """Faults 41 and 42, sockets E12 and E13: a head that is cut off, or that something follows, is no head."""
    with pytest.raises(ProtocolError, match="malformed header field"):
        parse(OK + text)


def test_field_limit() -> None:
    """Faults 45, sockets E14: 1,000 fields are read, one more is an error that says so."""
    fields = [f"A{number}: x\r\n" for number in range(FIELD_LIMIT)]

    assert FIELD_LIMIT == 1000 == len(parse(OK + "".join(fields) + "\r\n").headers)
    with pytest.raises(ProtocolError, match="1001 header fields; 1000"):
        parse(OK + "".join(fields) + "B: y\r\n\r\n")


def test_line_limit() -> None:
    """Faults 45, sockets E14: a line of 64 KiB is read, a longer one is an error that says so."""
    value = "x" * (LINE_LIMIT - len("A: \r"))

    assert value == parse(f"{OK}A: {value}\r\n\r\n").headers["A"]
    with pytest.raises(ProtocolError, match=f"longer than {LINE_LIMIT}"):
        parse(f"{OK}A: {value}x\r\n\r\n")


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


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Framing(None, is_chunked=False, keeps_alive=False)),
        (["Content-Length: 0"], Framing(0, is_chunked=False, keeps_alive=True)),
        (["Content-Length: 5"], Framing(5, is_chunked=False, keeps_alive=True)),
        (["Content-Length: 0005"], Framing(5, is_chunked=False, keeps_alive=True)),
        (["Content-Length: 5, 5"], Framing(5, is_chunked=False, keeps_alive=True)),
        (["Content-Length: 5", "content-length: 5"], Framing(5, is_chunked=False, keeps_alive=True)),
        (["Content-Length: 999999999999999999"], Framing(10**18 - 1, is_chunked=False, keeps_alive=True)),
        (["Transfer-Encoding: chunked"], Framing(None, is_chunked=True, keeps_alive=True)),
        (["Transfer-Encoding: Chunked \t"], Framing(None, is_chunked=True, keeps_alive=True)),
        (["Transfer-Encoding: chunked", "Content-Length: 5"], Framing(None, is_chunked=True, keeps_alive=False)),
        (["Transfer-Encoding: chunked", "Content-Length: -1"], Framing(None, is_chunked=True, keeps_alive=False)),
        (["Transfer-Encoding: identity", "Content-Length: 5"], Framing(5, is_chunked=False, keeps_alive=True)),
        (["Transfer-Encoding: identity"], Framing(None, is_chunked=False, keeps_alive=False)),
        (["Content-Length: 5", "Connection: close"], Framing(5, is_chunked=False, keeps_alive=False)),
        (["Content-Length: 5", "Connection: x, CLOSE "], Framing(5, is_chunked=False, keeps_alive=False)),
        (["Content-Length: 5", "Connection: x", "Connection: close"], Framing(5, is_chunked=False, keeps_alive=False)),
        (["Content-Length: 5", "Connection: enclose"], Framing(5, is_chunked=False, keeps_alive=True)),
    ],
)
def test_11_4_framing(lines: list[str], expected: Framing) -> None:
    """Contract 11.4, faults 57, 60, 61, 67: where the content ends, and whether the connection outlives it."""
    assert expected == framing(*lines)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Framing(None, is_chunked=False, keeps_alive=False)),
        (["Content-Length: 5"], Framing(5, is_chunked=False, keeps_alive=False)),
        (["Content-Length: 5", "Connection: Keep-Alive"], Framing(5, is_chunked=False, keeps_alive=True)),
        (["Transfer-Encoding: chunked", "Connection: keep-alive"], Framing(None, is_chunked=True, keeps_alive=False)),
    ],
)
def test_11_4_framing_of_old_servers(lines: list[str], expected: Framing) -> None:
    """Contract 11.4: HTTP/1.0 keeps a connection only where it says so, and never with chunks (RFC 9112, 9.3)."""
    assert expected == framing(*lines, status="HTTP/1.0 200 OK")


@pytest.mark.parametrize(
    "value",
    ["", "-1", "+5", "5_0", "5.0", "0x5", "five", "²", "5, 6", "5,", "5 5", "5;x", "1" * 19, "9" * 5000, "\u0661"],
)
def test_11_4_content_lengths_that_are_none(value: str) -> None:
    """Contract 11.4, faults 57, sockets E17: a length that is no plain number is an error, no guess."""
    head = ResponseHead("1.1", 200, "OK", Headers({"Content-Length": value}))

    with pytest.raises(ProtocolError, match="Content-Length"):
        frame(head, "GET")


def test_11_4_different_lengths() -> None:
    """Contract 11.4: two fields with different lengths are an error (sockets, E17)."""
    with pytest.raises(ProtocolError, match="Content-Length '5, 6'"):
        framing("Content-Length: 5", "Content-Length: 6")


@pytest.mark.parametrize(
    "value", ["gzip", "gzip, chunked", "chunked, identity", "chunked, chunked", "chunked;q=1", "xchunked"]
)
def test_11_4_transfer_codings_that_nobody_asked_for(value: str) -> None:
    """Contract 11.4, faults 61, sockets E18: an unknown or stacked coding is an error; framing is never content."""
    with pytest.raises(ProtocolError, match="transfer coding"):
        framing(f"Transfer-Encoding: {value}", "Content-Length: 5")


def test_11_4_two_lines_of_transfer_coding() -> None:
    """Sockets E18: chunked twice, in two lines, is an error."""
    with pytest.raises(ProtocolError, match="transfer coding"):
        framing("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")


@pytest.mark.parametrize("lines", [[], ["Content-Length: 9"], ["Transfer-Encoding: chunked"], ["Content-Length: no"]])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No"), ("GET", "304 Not"), ("GET", "102 x")]
)
def test_4_7_heads_without_content(lines: list[str], method: str, status: str) -> None:
    """Contract 4.7, sockets E16: HEAD, 204, 304 and interim responses have no content, whatever their fields say."""
    assert Framing(0, is_chunked=False, keeps_alive=True) == framing(*lines, status=f"HTTP/1.1 {status}", method=method)


def test_101_is_the_end_of_http() -> None:
    """After 101 the connection speaks something else, and is not used again."""
    assert Framing(0, is_chunked=False, keeps_alive=False) == framing(status="HTTP/1.1 101 Switching")
