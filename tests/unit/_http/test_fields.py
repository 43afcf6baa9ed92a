from __future__ import annotations

import enum
from itertools import count

import pytest

from urlrequest import Headers
from urlrequest._http.fields import (
    all_values,
    cookie_text,
    field_names,
    first_value,
    is_token,
    join_cookies,
    media_type_of,
    read_fields,
    sent_text,
    without,
)

FIELDS = [("Host", "h"), ("X-A", "1"), ("x-a", "2"), ("X-B", "")]


class Number(enum.IntEnum):
    SEVEN = 7


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, []),
        ({}, []),
        ([], []),
        ({"A": "1", "B": "2"}, [("A", "1"), ("B", "2")]),
        ([("A", "1"), ("A", "2")], [("A", "1"), ("A", "2")]),
        ([["A", "1"]], [("A", "1")]),
        ((pair for pair in [("A", "1")]), [("A", "1")]),
        (Headers([("A", "1"), ("B", "x"), ("a", "2")]), [("A", "1"), ("A", "2"), ("B", "x")]),
        ({"A": b"\xe9"}, [("A", "é")]),
        ({b"A": "1"}, [("A", "1")]),
        ({"A": 7, "B": -1, "C": 0}, [("A", "7"), ("B", "-1"), ("C", "0")]),
        ({"A": Number.SEVEN}, [("A", "7")]),
        ({"A": ""}, [("A", "")]),
        ({"A": "a\tb \x01\x7f"}, [("A", "a\tb \x01\x7f")]),
    ],
    ids=count(),
)
def test_10_3_fields(given: object, expected: list[tuple[str, str]]) -> None:
    """Contract 10.3: a dictionary or pairs; values as text, bytes or numbers."""
    assert (expected, set()) == read_fields(given, "req_headers")


NO_TOKENS = ["", " ", "A B", "A\r\nB", "A:", "A\0", "A\t", "A\x7f", "Ä", "A\n", "A(", "Content-Length ", " Host"]


@pytest.mark.parametrize("name", NO_TOKENS)
def test_10_3_names_that_are_no_tokens(name: str) -> None:
    """Contract 10.3, HEAD-1: a name that is no token is a ValueError, with whatever value (sockets E71)."""
    for value in ("x", None, 1):
        with pytest.raises(ValueError, match=r"req_headers has the name .* not a token"):
            read_fields({name: value}, "req_headers")
    with pytest.raises(ValueError, match="not a token"):
        read_fields([(name.encode("latin-1"), "x")], "req_headers")


def test_16_3_a_value_within_a_name_is_not_shown() -> None:
    """Contract 16.3: of a whole line as a name the message shows the name alone."""
    with pytest.raises(ValueError, match=r"has the name 'Authorization:\.\.\.', which") as caught:
        read_fields({"Authorization: Basic secret": ""}, "req_headers")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\rb", "a\nb", "a\r\n b", "a\0b", "\r", "\n", "\0"])
def test_10_3_values_with_line_ends(value: str) -> None:
    """Contract 10.3, HEAD-1: CR, LF and NUL are errors that name the field, never the value (sockets E71)."""
    for given in (value, value.encode()):
        with pytest.raises(ValueError, match=r"proxy_headers has CR, LF or NUL in the value of X-A$"):
            read_fields({"X-A": given}, "proxy_headers")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("A: 1", "req_headers is str"),
        (b"A: 1", "req_headers is bytes"),
        (1, "req_headers is int"),
        (["A"], "req_headers holds str"),
        ([("A", "1", "2")], "req_headers holds tuple"),
        ([("A",)], "req_headers holds tuple"),
        ([{"A", "1"}], "req_headers holds set"),
        ({1: "x"}, "req_headers has a name of type int"),
        ({None: "x"}, "req_headers has a name of type NoneType"),
        ({"A": 1.5}, "req_headers has a value of type float for A"),
        ({"A": ["x"]}, "req_headers has a value of type list for A"),
        ({"A": bytearray(b"x")}, "req_headers has a value of type bytearray for A"),
    ],
    ids=count(),
)
def test_10_3_wrong_types(given: object, message: str) -> None:
    """Contract 10.3: anything else is a TypeError that says what was passed, not the values."""
    with pytest.raises(TypeError, match=f"^{message}"):
        read_fields(given, "req_headers")


def test_10_3_names_left_out() -> None:
    """Contract 10.3: a value of None is no field; its name is returned in lower case."""
    assert ([("A", "1")], {"user-agent"}) == read_fields({"A": "1", "USER-agent": None}, "req_headers")


def test_tokens() -> None:
    """A token has at least one character, and only those of RFC 9110, section 5.6.2."""
    assert is_token("!#$%&'*+-.^_`|~09azAZ")
    assert not any(map(is_token, ["", " ", "a b", "a\n", "é", "\u017f", "a:", '"a"']))


@pytest.mark.parametrize(("name", "expected"), [("host", "h"), ("x-a", "1"), ("x-b", ""), ("x-c", None)])
def test_first_value(name: str, expected: str | None) -> None:
    """The first value of a field is found in any spelling; an empty one is not an absent one."""
    assert expected == first_value(FIELDS, name)


@pytest.mark.parametrize(("name", "expected"), [("host", ["h"]), ("x-a", ["1", "2"]), ("x-b", [""]), ("x-c", [])])
def test_all_values(name: str, expected: list[str]) -> None:
    """All values of a field are found in any spelling, in order."""
    assert expected == all_values(FIELDS, name)


def test_field_names() -> None:
    """Names are compared in lower case."""
    assert {"host", "x-a", "x-b"} == field_names(FIELDS)
    assert set() == field_names([])


def test_without() -> None:
    """All fields of the names are left out, in any spelling; the others keep their order, and the list is a new one."""
    assert [("Host", "h"), ("X-B", "")] == without(FIELDS, {"x-a", "x-z"})
    assert FIELDS == without(FIELDS, ())
    assert FIELDS is not without(FIELDS, ())


def test_10_4_cookies_are_joined_in_a_new_list() -> None:
    """Contract 10.4: cookies join the fields that are there; other requests' fields stay as they were."""
    fields = [("Cookie", "a=b"), ("X", "1")]

    assert [("X", "1"), ("Cookie", "a=b; c=d; e=f")] == join_cookies(fields, cookie_text({"c": "d", "e": "f"}))
    assert [("Cookie", "a=b"), ("X", "1")] == fields


@pytest.mark.parametrize("cookies", [{"a": "b; c=d"}, {"a;b": "c"}, {"a": "b", "c": ";"}])
def test_10_4_a_value_is_no_other_cookie(cookies: dict[str, str]) -> None:
    """Contract 10.4: no value of a dict begins another cookie by a semicolon; text is sent as it is."""
    with pytest.raises(ValueError, match="semicolon"):
        cookie_text(cookies)

    assert "a=b; c=d" == cookie_text("a=b; c=d")


def test_10_4_cookies_are_encoded_one_by_one() -> None:
    """Contract 10.4: what the characters of a cookie are sent as does not depend on the cookies beside it."""
    ((_, joined),) = join_cookies([("Cookie", "a=é")], cookie_text({"b": "€", "c": "ü"}))

    assert b"a=\xe9; b=\xe2\x82\xac; c=\xfc" == joined.encode("latin-1")
    assert ("é", "\xe2\x82\xac") == (sent_text("é"), sent_text("€"))


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [(None, ""), ("", ""), ("Text/HTML", "text/html"), (" text/html ; charset=utf-8; q=1", "text/html"), (";x", "")],
)
def test_media_type_of_a_content_type(content_type: str | None, expected: str) -> None:
    """Parameters, blanks and case make no difference to a media type."""
    assert expected == media_type_of(content_type)
