from __future__ import annotations

import copy
import json
import pickle
from itertools import count
from typing import Any

import pytest

from urlrequest import Headers


@pytest.fixture
def headers() -> Headers:
    return Headers(
        [("Content-Type", "text/plain"), ("x-a", "1"), ("Set-Cookie", "a=1"), ("X-A", "2"), ("SET-COOKIE", "b=2")]
    )


SPELLINGS = ["X-Kind", "x-kind", "X-KIND", "x-KiNd"]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_11_1_reading_ignores_case(spelling: str) -> None:
    """Contract 11.1: every way to read a field finds it by any spelling of its name."""
    headers = Headers({"X-Kind": "v"})

    assert "v" == headers[spelling]
    assert "v" == headers.get(spelling)
    assert "v" == headers.get(spelling, "other")
    assert "v" == headers.setdefault(spelling, "other")
    assert ["v"] == headers.get_all(spelling)
    assert spelling in headers
    assert "v" == headers.pop(spelling)
    assert {} == headers


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "write",
    [
        lambda headers, name: headers.__setitem__(name, "w"),
        lambda headers, name: headers.update({name: "w"}),
        lambda headers, name: headers.update([(name, "w")]),
        lambda headers, name: headers.update(Headers({name: "w"})),
        lambda headers, name: headers.__ior__({name: "w"}),
    ],
    ids=count(),
)
def test_11_1_writing_ignores_case(write: Any, spelling: str) -> None:
    """Contract 11.1: a field that is set replaces the one of any spelling, repeated values included."""
    headers = Headers([("X-Kind", "v"), ("x-kind", "u"), ("Other", "o")])
    write(headers, spelling)

    assert {spelling: "w", "Other": "o"} == headers
    assert ["w"] == headers.get_all("X-Kind")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_11_1_deleting_ignores_case(spelling: str) -> None:
    """Contract 11.1: a field is deleted by any spelling, with all that is known of it."""
    headers = Headers([("X-Kind", "v"), ("x-kind", "u")])
    del headers[spelling]
    headers.add("x-KIND", "new")

    assert {"x-KIND": "new"} == headers
    assert ["new"] == headers.get_all(spelling)


def test_11_1_spelling_is_the_servers(headers: Headers) -> None:
    """Contract 11.1: names are kept as they first came, in their order."""
    assert ["Content-Type", "x-a", "Set-Cookie"] == list(headers)
    assert list(headers) == list(headers.keys())


def test_11_1_repeated_fields_are_joined(headers: Headers) -> None:
    """Contract 11.1: a repeated field reads as one, joined with a comma, Set-Cookie with a semicolon."""
    assert {"Content-Type": "text/plain", "x-a": "1, 2", "Set-Cookie": "a=1;b=2"} == headers
    assert ["1, 2", "a=1;b=2"] == list(headers.values())[1:]
    assert [("x-a", "1, 2")] == [item for item in headers.items() if item[0] == "x-a"]


@pytest.mark.parametrize(
    "name",
    ["Location", "Content-Type", "ETag", "Content-Range", "Retry-After", "Content-Encoding", "Content-Disposition"],
)
def test_11_6_identical_values_count_once(name: str) -> None:
    """Contract 11.6: a field that has one value reads as that value when it is sent twice; get_all() has both."""
    same = Headers([(name, 'a; b="c, d"'), (name.lower(), 'a; b="c, d"')])
    other = Headers([(name, "a"), (name, "a"), (name, "b")])

    assert ('a; b="c, d"', ['a; b="c, d"'] * 2) == (same[name], same.get_all(name))
    assert ("a, a, b", ["a", "a", "b"]) == (other[name], other.get_all(name))
    assert dict(same) == dict(same.copy())


def test_11_6_lists_keep_every_value() -> None:
    """Contract 11.6: what may have several values keeps them (RFC 9110, section 5.3)."""
    assert (
        "no-store, no-store" == Headers([("Cache-Control", "no-store"), ("Cache-Control", "no-store")])["cache-control"]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ("gr\xc3\xb6\xc3\x9fer", "größer"), ("gr\xf6\xdfer", "größer"), ("€", "€"), ("", "")],
)
def test_11_7_text(value: str, text: str) -> None:
    """Contract 11.7: get_text() reads utf-8, and Latin-1 where it is none."""
    assert text == Headers({"X-Name": value}).get_text("x-name")


def test_11_7_text_of_what_is_absent() -> None:
    """Contract 11.7: an absent header is the default."""
    assert (None, "x") == (Headers().get_text("X-Name"), Headers().get_text("X-Name", "x"))


def test_11_1_get_all_has_the_single_values(headers: Headers) -> None:
    """Contract 11.1: `get_all()` keeps the fields apart that the joined value does not (fault 54)."""
    assert ["1", "2"] == headers.get_all("X-a")
    assert ["a=1", "b=2"] == headers.get_all("set-cookie")
    assert ["text/plain"] == headers.get_all("content-type")
    assert [] == headers.get_all("absent")


def test_11_1_get_all_gives_a_copy(headers: Headers) -> None:
    """What a caller does with the list of values changes no field."""
    headers.get_all("x-a").append("3")

    assert ["1", "2"] == headers.get_all("x-a")


def test_11_1_fields_are_single(headers: Headers) -> None:
    """All fields can be had one by one."""
    assert [
        ("Content-Type", "text/plain"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ] == list(headers.fields())


def test_11_1_set_cookie_is_never_missing() -> None:
    """Contract 11.1: `headers['Set-Cookie']` and `get()` read '' where there is none, and it stays absent."""
    headers = Headers()

    assert "" == headers["Set-Cookie"]
    assert "" == headers["set-cookie"]
    assert "Set-Cookie" not in headers
    assert "" == headers.get("Set-Cookie")
    assert "" == headers.get("SET-COOKIE")
    assert headers.get("Set-Cookie", None) is None
    assert "none" == headers.get("Set-Cookie", "none")
    assert headers.get_text("Set-Cookie") is None
    assert headers.get("Cookie") is None
    assert (0, False, []) == (len(headers), bool(headers), list(headers.items()))
    with pytest.raises(KeyError, match="Set-Cookie"):
        headers.pop("Set-Cookie")
    assert [] == headers.get_all("Set-Cookie")
    assert {} == headers


def test_absent_fields() -> None:
    """What is not there raises what a dictionary raises, whatever the key is."""
    headers = Headers({"A": "1"})

    with pytest.raises(KeyError, match="B"):
        headers["B"]
    with pytest.raises(KeyError, match="B"):
        headers.pop("B")
    with pytest.raises(KeyError, match="B"):
        del headers["B"]
    with pytest.raises(KeyError):
        headers[1]  # type: ignore[index]  # a dictionary may be asked for anything
    assert headers.pop("B", None) is None
    assert "d" == headers.get("B", "d")
    assert 1 not in headers
    assert headers.get(1) is None  # type: ignore[arg-type]  # as above


def test_is_a_dictionary(headers: Headers) -> None:
    """Code written for Kivy's plain dictionary works: equality, JSON, unpacking, fromkeys."""
    plain = dict(headers)

    assert isinstance(headers, dict)
    assert plain == headers
    assert plain == {**headers}
    assert plain == json.loads(json.dumps(headers))
    assert {"A": "1", "b": "1"} == Headers.fromkeys(["A", "b"], "1")
    assert 3 == len(headers)
    assert not Headers()


def test_popitem_and_clear(headers: Headers) -> None:
    """The last field comes out first, with all its values; an empty one says so."""
    assert ("Set-Cookie", "a=1;b=2") == headers.popitem()
    assert [] == headers.get_all("Set-Cookie")
    headers.clear()
    headers.add("X-a", "9")
    assert ("X-a", "9") == headers.popitem()

    with pytest.raises(KeyError, match="no headers"):
        headers.popitem()


def test_setdefault_adds_what_is_absent() -> None:
    """`setdefault()` adds a field where there is none, and leaves what is there."""
    headers = Headers()

    assert "v" == headers.setdefault("A", "v")
    assert "" == headers.setdefault("B")
    assert "v" == headers.setdefault("a", "w")
    assert {"A": "v", "B": ""} == headers


@pytest.mark.parametrize(
    "duplicate",
    [
        lambda headers: headers.copy(),
        copy.copy,
        copy.deepcopy,
        Headers,
        lambda headers: pickle.loads(pickle.dumps(headers)),  # noqa: S301 - our own octets
        lambda headers: pickle.loads(pickle.dumps(headers, protocol=0)),  # noqa: S301 - likewise
        lambda headers: headers | {},
        lambda headers: Headers() | headers,
    ],
    ids=count(),
)
def test_11_1_copies_are_whole(duplicate: Any, headers: Headers) -> None:
    """Contract 11.1: a copy of any kind keeps spelling, repeated values and indifference to case, and is separate."""
    other = duplicate(headers)

    assert isinstance(other, Headers)
    assert list(headers.fields()) == list(other.fields())
    assert "1, 2" == other["X-A"]
    other["X-A"] = "3"
    assert ["1", "2"] == headers.get_all("x-a")


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers.add("X-New", "w"),
        lambda headers: headers.add("x-kind", "w"),
        lambda headers: headers.__setitem__("x-KIND", "w"),
        lambda headers: headers.__setitem__("X-New", "w"),
        lambda headers: headers.setdefault("X-New", "w"),
        lambda headers: headers.update({"x-KIND": "w", "X-New": "w"}),
        lambda headers: headers.__delitem__("x-kind"),
        lambda headers: headers.pop("x-kind"),
        lambda headers: headers.popitem(),
        lambda headers: headers.clear(),
    ],
    ids=count(),
)
def test_a_change_is_of_one_response_alone(change: Any) -> None:
    """Responses with fields of the same names are kept apart, those before a change and those after it."""
    before, changed = (Headers([("Server", "s"), ("X-Kind", "v")]) for _ in range(2))
    change(changed)
    after = Headers([("Server", "s"), ("X-Kind", "v")])

    for headers in (before, after):
        assert {"Server": "s", "X-Kind": "v"} == headers
        assert "v" == headers["x-kind"]
        assert "X-New" not in headers
        assert "v" == headers.setdefault("X-KIND", "w")


def test_or_joins_without_changing_either(headers: Headers) -> None:
    """`|` gives a new object in which the right side wins."""
    joined = headers | {"X-a": "9", "B": "2"}

    assert ["9"] == joined.get_all("x-A")
    assert "2" == joined["b"]
    assert ["1", "2"] == headers.get_all("x-a")
    assert "B" not in headers


def test_update_takes_all_that_a_dictionary_takes(headers: Headers) -> None:
    """`update()` works with keywords, with several spellings of one name, and with itself."""
    headers.update({"X-A": "3", "x-a": "4"}, b="5")
    assert "5" == headers["B"]
    assert ["3", "4"] == headers.get_all("x-a")

    before = list(headers.fields())
    headers.update(headers)
    headers |= headers
    assert before == list(headers.fields())


def test_repr_tells_the_fields() -> None:
    """The representation can be read, and evaluated."""
    headers = Headers([("A", "1"), ("a", "2")])

    assert "Headers({'A': '1, 2'})" == repr(headers)
    assert headers == eval(repr(headers))  # noqa: S307 - our own text
