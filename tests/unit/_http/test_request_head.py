from __future__ import annotations

import enum
import re
from itertools import count
from typing import Any

import pytest

from urlrequest._content.body import Body, make_body
from urlrequest._http.fields import read_fields
from urlrequest._http.request_head import build_fields, check_method, encode_head
from urlrequest._http.target import parse_target

NOTHING = Body(lambda: iter(()), 0)
FIVE = make_body(b"12345", None)
ENDLESS = make_body(iter(()), None)


class Word(str, enum.Enum):
    HELLO = "hello"


def fields_of(
    given: Any = None,
    *,
    url: str = "http://example.org/",
    method: str = "GET",
    body: Body | None = None,
    defaults: list[tuple[str, str]] | None = None,
    cookies: Any = None,
    auth: Any = None,
) -> list[tuple[str, str]]:
    """What `build_fields()` makes of a user's fields."""
    read = read_fields(given, "req_headers")
    return build_fields(parse_target(url), method, read, body=body, defaults=defaults or [], cookies=cookies, auth=auth)


def values(fields: list[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in fields if key.lower() == name]


# The method


@pytest.mark.parametrize(
    ("method", "has_body", "expected"),
    [
        (None, False, "GET"),
        (None, True, "POST"),
        ("get", True, "GET"),
        ("Put", False, "PUT"),
        ("PROPFIND", False, "PROPFIND"),
        ("!#$%&'*+-.^_`|~09az", False, "!#$%&'*+-.^_`|~09AZ"),
    ],
)
def test_10_1_method(method: str | None, has_body: bool, expected: str) -> None:
    """Contract 10.1: GET, or POST with a body, where none is named; any token otherwise, in capitals."""
    assert expected == check_method(method, has_body=has_body)


@pytest.mark.parametrize(
    "method",
    [
        "",
        " ",
        "G T",
        "GET ",
        " GET",
        "GET\r\nX: y",
        "GET\n",
        "G\0T",
        "G\tT",
        "G\x7fT",
        "GÉT",
        "\u017f",
        "GET/",
        "G(T",
        "\uff27\uff25\uff34",
    ],
)
def test_10_1_methods_that_are_no_tokens(method: str) -> None:
    """Contract 10.1, HEAD-1: what is no token is a ValueError (sockets E71)."""
    with pytest.raises(ValueError, match=r"method is .* a token"):
        check_method(method, has_body=False)


@pytest.mark.parametrize("method", [b"GET", 1, True, ["GET"], object()], ids=count())
def test_10_1_methods_that_are_no_text(method: object) -> None:
    """Contract 10.1: what is no text is a TypeError that says so."""
    with pytest.raises(TypeError, match=f"method is {type(method).__name__}"):
        check_method(method, has_body=False)


# The user's fields


def test_10_3_none_leaves_a_field_out() -> None:
    """Contract 10.3: a value of None takes away one of our own fields, in any spelling."""
    assert ([("A", "1")], {"user-agent"}) == read_fields({"A": "1", "USER-agent": None}, "req_headers")

    fields = fields_of({"USER-agent": None}, defaults=[("User-Agent", "ours"), ("Accept-Encoding", "identity")])
    assert [("Host", "example.org"), ("Accept-Encoding", "identity")] == fields


def test_2_4_given_fields_are_not_changed() -> None:
    """Contract 2.4: the caller's dictionary stays as it was, also where `auth` is a callable that changes fields."""
    given = {"A": "1", "Cookie": "a=b"}
    fields_of(given, cookies="c=d", auth=lambda headers: headers.clear() or headers.update({"Host": "h"}))

    assert {"A": "1", "Cookie": "a=b"} == given


# Ours and the user's together


def test_10_3_callers_fields_win() -> None:
    """Contract 10.3: a field of the caller's replaces ours of any spelling, in the caller's spelling and order."""
    given = [("user-AGENT", "mine"), ("X-B", "1"), ("host", "other"), ("X-A", "2")]
    defaults = [("Accept-Encoding", "gzip"), ("User-Agent", "ours")]

    assert [("Accept-Encoding", "gzip"), *given] == fields_of(given, defaults=defaults)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://example.org/", "example.org"),
        ("http://example.org:80/", "example.org"),
        ("http://example.org:81/", "example.org:81"),
        ("https://example.org:443/", "example.org"),
        ("http://[::1]:81/", "[::1]:81"),
        ("http://user:secret@EXAMPLE.org/", "example.org"),
    ],
)
def test_host(url: str, host: str) -> None:
    """HEAD-1: Host comes first, once, with the port where it is not the scheme's, without userinfo."""
    assert ("Host", host) == fields_of(url=url)[0]
    assert [host] == values(fields_of(url=url), "host")


@pytest.mark.parametrize("given", [{"Host": None}, {"HOST": None}, [("host", None)]], ids=count())
def test_host_cannot_be_left_out(given: Any) -> None:
    """HEAD-1: a request has a Host field, even where the caller passes None for it (RFC 9112, 3.2)."""
    assert ["example.org"] == values(fields_of(given), "host")


@pytest.mark.parametrize(
    ("given", "auth"),
    [
        ([("Host", "a"), ("HOST", "b")], None),
        ([("Host", "a"), ("Host", "a")], None),
        ({}, lambda headers: headers.add("Host", "b")),
        ({}, lambda headers: headers.pop("host")),
    ],
    ids=count(),
)
def test_one_host(given: Any, auth: Any) -> None:
    """HEAD-1: two Host fields, or none, are an error, whichever argument they come from."""
    with pytest.raises(ValueError, match=r"req_headers has [02] Host headers"):
        fields_of(given, auth=auth)


@pytest.mark.parametrize(
    ("method", "body", "given", "expected"),
    [
        ("GET", None, {}, []),
        ("DELETE", None, {}, []),
        ("POST", None, {}, [("Content-Length", "0")]),
        ("PUT", None, {}, [("Content-Length", "0")]),
        ("PATCH", None, {}, [("Content-Length", "0")]),
        ("GET", None, {"content-length": "0"}, [("content-length", "0")]),
        ("POST", None, {"content-length": 0}, [("content-length", "0")]),
        ("POST", NOTHING, {}, [("Content-Length", "0")]),
        ("POST", FIVE, {}, [("Content-Length", "5")]),
        ("GET", FIVE, {}, [("Content-Length", "5")]),
        ("POST", FIVE, {"Content-length": 5}, [("Content-length", "5")]),
        ("POST", FIVE, {"transfer-encoding": "Chunked"}, [("transfer-encoding", "Chunked")]),
        ("POST", ENDLESS, {}, [("Transfer-Encoding", "chunked")]),
        ("POST", ENDLESS, {"Transfer-Encoding": "chunked"}, [("Transfer-Encoding", "chunked")]),
        ("POST", ENDLESS, {"Content-Length": "7"}, [("Content-Length", "7")]),
        ("POST", None, {"Content-Length": None}, [("Content-Length", "0")]),
        ("POST", FIVE, {"Content-Length": None}, [("Content-Length", "5")]),
        ("POST", FIVE, {"Transfer-Encoding": None}, [("Content-Length", "5")]),
        ("POST", ENDLESS, {"Transfer-Encoding": None}, [("Transfer-Encoding", "chunked")]),
    ],
    ids=count(),
)
def test_framing_is_ours(method: str, body: Body | None, given: Any, expected: list[tuple[str, str]]) -> None:
    """HEAD-1: every request says where the body ends, in one way, and a header of None does not change that.

    Otherwise the body would be taken for the next request on the connection.
    """
    fields = fields_of(given, method=method, body=body)

    assert expected == [field for field in fields if field[0].lower() in {"content-length", "transfer-encoding"}]


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (None, {"Content-Length": "5"}),
        (None, {"Transfer-Encoding": "chunked"}),
        (FIVE, {"Content-Length": "4"}),
        (FIVE, {"Content-Length": "6"}),
        (FIVE, {"Content-Length": ""}),
        (FIVE, {"Content-Length": "+5"}),
        (FIVE, {"Content-Length": "5.0"}),
        (FIVE, {"Content-Length": "-5"}),
        (FIVE, {"Content-Length": "\u0665"}),
        (FIVE, {"Content-Length": "9" * 19}),
        (FIVE, [("Content-Length", "5"), ("content-length", "5")]),
        (FIVE, {"Transfer-Encoding": "gzip"}),
        (FIVE, {"Transfer-Encoding": "gzip, chunked"}),
        (FIVE, {"Transfer-Encoding": ""}),
        (FIVE, [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")]),
        (FIVE, {"Transfer-Encoding": "chunked", "Content-Length": "5"}),
        (ENDLESS, {"Content-Length": "5", "transfer-encoding": "chunked"}),
        (ENDLESS, {"Content-Length": "-1"}),
    ],
    ids=count(),
)
def test_framing_must_be_true(body: Body | None, given: Any) -> None:
    """HEAD-1: what the caller says of the body's end is true, or a ValueError (sockets E71)."""
    with pytest.raises(ValueError, match=r"^req_headers has the (Content-Length|Transfer-Encoding) "):
        fields_of(given, method="POST", body=body)


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers.update({"Content-Length": "6"}),
        lambda headers: headers.pop("content-length"),
        lambda headers: headers.add("Content-Length", "5000"),
        lambda headers: headers.update({"Transfer-Encoding": "chunked"}),
    ],
    ids=count(),
)
def test_framing_is_not_for_auth_to_change(change: Any) -> None:
    """HEAD-1: a callable `auth` that changes where the body ends is an error."""
    with pytest.raises(ValueError, match="auth changed Content-Length or Transfer-Encoding"):
        fields_of(method="POST", body=FIVE, auth=change)


def test_10_2_content_type_is_set_where_it_is_absent() -> None:
    """Contract 10.2: a body's own type is sent, unless the caller names or suppresses one."""
    form = make_body({"a": "b"}, None)

    assert ["application/x-www-form-urlencoded"] == values(fields_of(method="POST", body=form), "content-type")
    assert ["text/x"] == values(fields_of({"content-TYPE": "text/x"}, body=form), "content-type")
    assert [] == values(fields_of({"Content-Type": None}, body=form), "content-type")
    assert [] == values(fields_of(body=FIVE), "content-type")


# Cookies


@pytest.mark.parametrize(
    ("given", "cookies", "expected"),
    [
        ({}, "a=b; c=d", ["a=b; c=d"]),
        ({}, {"a": "b", "c": "d"}, ["a=b; c=d"]),
        ({}, {"a": 1, b"c": b"\xe9"}, ["a=1; c=é"]),
        ({}, "", []),
        ({}, {}, []),
        ({}, None, []),
        ({"cookie": "x=y"}, "a=b", ["x=y; a=b"]),
        ({"cookie": "x=y"}, "", ["x=y"]),
        ([("Cookie", "x=y"), ("COOKIE", "z=1")], {"a": "b"}, ["x=y; z=1; a=b"]),
        ({"Cookie": ""}, "a=b", ["a=b"]),
    ],
    ids=count(),
)
def test_10_4_cookies(given: Any, cookies: Any, expected: list[str]) -> None:
    """Contract 10.4: cookies are text or a dictionary, and join a Cookie field of the caller's in one field."""
    assert expected == values(fields_of(given, cookies=cookies), "cookie")


@pytest.mark.parametrize(
    ("cookies", "error"),
    [
        ("a=b\r\nX: y", ValueError),
        ({"a": "b\nc"}, ValueError),
        ({"a\0": "b"}, ValueError),
        ({"a": None}, TypeError),
        ({"a": ["b"]}, TypeError),
        ({1.5: "b"}, TypeError),
        (["a=b"], TypeError),
        (True, TypeError),
    ],
    ids=count(),
)
def test_10_4_cookies_that_cannot_be_sent(cookies: object, error: type[Exception]) -> None:
    """Contract 10.4, HEAD-1: line ends and wrong types in cookies are errors that say where."""
    with pytest.raises(error, match=r"^cookies (has|is) "):
        fields_of(cookies=cookies)


# The bytes


def test_encode_head() -> None:
    """The head is the request line, the fields in order, an empty line; Latin-1 where that suffices, else utf-8."""
    assert b"GET / HTTP/1.1\r\n\r\n" == encode_head("GET", "/", [])
    assert b"PUT /a?b HTTP/1.1\r\nHost: h\r\nX: \xe9\r\n\r\n" == encode_head("PUT", "/a?b", [("Host", "h"), ("X", "é")])
    assert b"GET / HTTP/1.1\r\nX: \xe2\x82\xac\r\n\r\n" == encode_head("GET", "/", [("X", "€")])
    mixed = [("A", "\xe9"), ("B", "€"), ("C", "\xff")]
    assert b"GET / HTTP/1.1\r\nA: \xe9\r\nB: \xe2\x82\xac\r\nC: \xff\r\n\r\n" == encode_head("GET", "/", mixed)


def test_10_3_a_value_is_encoded_by_itself() -> None:
    """Contract 10.3: what the characters of a header are sent as does not depend on another header."""
    fields = [("A", "é"), ("B", "€"), ("C", "\xe6\x98\xa5")]

    assert b"GET / HTTP/1.1\r\nA: \xe9\r\nB: \xe2\x82\xac\r\nC: \xe6\x98\xa5\r\n\r\n" == encode_head("GET", "/", fields)


def test_encoded_heads_take_the_text_itself() -> None:
    """A str of the caller's own class is sent as its characters, whatever it would print as."""
    fields, _ = read_fields({"A": Word.HELLO}, "req_headers")

    assert b"GET / HTTP/1.1\r\nA: hello\r\n\r\n" == encode_head("GET", "/", fields)


BAD_TEXTS = ["a\r\nb: c", "a\nb", "a\0b", "a\rb"]


@pytest.mark.parametrize("bad", BAD_TEXTS)
@pytest.mark.parametrize("place", ["name", "value", "method", "cookie", "cookies", "auth", "user agent"])
def test_head_1_no_line_end_gets_through(bad: str, place: str) -> None:
    """HEAD-1: no CR, LF or NUL of any argument reaches the bytes of the head, but as base64."""
    try:
        method = check_method(bad if place == "method" else "GET", has_body=False)
        fields = fields_of(
            {bad if place == "name" else "X": bad if place == "value" else "v"},
            cookies={"value": bad} if place == "cookies" else bad if place == "cookie" else None,
            auth=(bad, bad) if place == "auth" else None,
            defaults=read_fields({"User-Agent": bad if place == "user agent" else "x"}, "user_agent")[0],
        )
    except ValueError:
        return
    octets = encode_head(method, "/", fields)

    assert "auth" == place
    assert re.fullmatch(rb"(?:[^\r\n\0]+\r\n)+\r\n", octets)
