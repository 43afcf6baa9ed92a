from __future__ import annotations

import pytest

from urlrequest._http.framing import Framing, body_framing, content_length, idle_time, says_close
from urlrequest._http.headers import Headers
from urlrequest._http.response_head import ResponseHead, parse_head
from urlrequest.errors import ProtocolError


def framing(*lines: str, status: str = "HTTP/1.1 200 OK", method: str = "GET") -> Framing:
    return body_framing(parse_head("".join(f"{line}\r\n" for line in (status, *lines, "")).encode("latin-1")), method)


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
    """Contract 11.4, fault 57, sockets E17: a length that is no plain number is an error, no guess."""
    head = ResponseHead("1.1", 200, "OK", Headers({"Content-Length": value}))

    with pytest.raises(ProtocolError, match="Content-Length"):
        body_framing(head, "GET")


def test_11_4_different_lengths() -> None:
    """Contract 11.4: two fields with different lengths are an error (sockets E17)."""
    with pytest.raises(ProtocolError, match="Content-Length '5, 6'"):
        framing("Content-Length: 5", "Content-Length: 6")


@pytest.mark.parametrize(
    "value", ["gzip", "gzip, chunked", "chunked, identity", "chunked, chunked", "chunked;q=1", "xchunked"]
)
def test_11_4_transfer_codings_that_nobody_asked_for(value: str) -> None:
    """Contract 11.4, fault 61, sockets E18: an unknown or stacked coding is an error; framing is never content."""
    with pytest.raises(ProtocolError, match="transfer coding"):
        framing(f"Transfer-Encoding: {value}", "Content-Length: 5")


def test_11_4_two_lines_of_transfer_coding() -> None:
    """Sockets E18: chunked and something else, in two lines, is an error."""
    with pytest.raises(ProtocolError, match="transfer coding"):
        framing("Transfer-Encoding: chunked", "Transfer-Encoding: gzip")


@pytest.mark.parametrize("count", [2, 3])
def test_11_6_the_same_transfer_coding_twice(count: int) -> None:
    """Contract 11.6: chunked in several fields is one coding, and the connection is not used again."""
    lines = ["Transfer-Encoding: chunked", "transfer-encoding: Chunked", "Transfer-Encoding: chunked"]

    assert Framing(None, is_chunked=True, keeps_alive=False) == framing(*lines[:count])


@pytest.mark.parametrize("lines", [[], ["Content-Length: 9"], ["Transfer-Encoding: chunked"], ["Content-Length: no"]])
@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No"), ("GET", "304 Not"), ("GET", "102 x")]
)
def test_4_7_heads_without_content(lines: list[str], method: str, status: str) -> None:
    """Contract 4.7, sockets E16: HEAD, 204, 304 and interim responses have no content, whatever their fields say."""
    assert Framing(0, is_chunked=False, keeps_alive=True) == framing(*lines, status=f"HTTP/1.1 {status}", method=method)


def test_switching_protocols_is_the_end_of_http() -> None:
    """After 101 the connection speaks something else, and is not used again."""
    assert Framing(0, is_chunked=False, keeps_alive=False) == framing(status="HTTP/1.1 101 Switching")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"Content-Length": "5"}, 5),
        ({"Content-Length": "5, 5"}, None),
        ({"Content-Length": "-5"}, None),
        ({"Content-Length": "five"}, None),
        ({"Content-Length": "5", "Transfer-Encoding": "chunked"}, None),
    ],
)
def test_5_1_content_length(fields: dict[str, str], expected: int | None) -> None:
    """Contract 5.1: the announced size is a plain number, or unknown; chunks have none."""
    assert expected == content_length(ResponseHead("1.1", 200, "OK", Headers(fields)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], False),
        ([("Connection", "keep-alive")], False),
        ([("connection", "CLOSE")], True),
        ([("Connection", "x,\tclose ")], True),
        ([("Connection", "x"), ("Content-Length", "0"), ("CONNECTION", "close")], True),
        ([("Connection", "enclose")], False),
        ([("X", "close")], False),
    ],
)
def test_says_close(fields: list[tuple[str, str]], expected: bool) -> None:
    """A message that lists the option close in any Connection field is the last one (RFC 9112, section 9.6)."""
    assert expected == says_close(fields)


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("", 60.0),
        ("timeout=5", 4.0),
        ("Timeout = 5, max=100", 4.0),
        ('timeout="5"', 4.0),
        ("timeout=600", 60.0),
        ("timeout=2", 1.0),
        ("timeout=1", 0.5),
        ("timeout=0", 0.25),
        ("max=7", 60.0),
        ("timeout=-5", 60.0),
    ],
)
def test_17_10_keep_alive_field(field: str, seconds: float) -> None:
    """The server's own time counts, a second less, so as not to meet its closing; half of it if it is short."""
    assert seconds == idle_time(field, 60.0)
