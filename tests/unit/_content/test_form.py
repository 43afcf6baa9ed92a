from __future__ import annotations

import enum
from typing import Any

import pytest

from urlrequest._content.form import encode_form, read_entries


class Colour(str, enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ä ", [b"\xc3\xa4 "]),
        ("", [b""]),
        (b"\xff", [b"\xff"]),
        ("a\udcff", [b"a\xff"]),
        (bytearray(b"a"), [b"a"]),
        (memoryview(b"a"), [b"a"]),
        (0, [b"0"]),
        (-12, [b"-12"]),
        (1.5, [b"1.5"]),
        (float("nan"), [b"nan"]),
        (True, [b"True"]),
        (None, []),
        ([], []),
        ([None], []),
        (["a", 1, None, b"c"], [b"a", b"1", b"c"]),
        (("a",), [b"a"]),
        ({"a"}, [b"a"]),
        ({"a": 1}.keys(), [b"a"]),
        (iter("ab"), [b"a", b"b"]),
        (Colour.RED, [b"red"]),
        (Size.LARGE, [b"3"]),
        (1 + 2j, [b"(1+2j)"]),
    ],
)
def test_10_6_values(value: Any, expected: list[bytes]) -> None:
    """Contract 10.6: each kind of value becomes these entries."""
    assert [(b"n", each) for each in expected] == read_entries([("n", value)], "params")


@pytest.mark.parametrize("value", [{}, {"a": 1}, [["a"]], [{}], [()]])
def test_10_6_nested_values(value: Any) -> None:
    """Contract 10.6: no form has entries within entries; what a server would make of them is unknown."""
    with pytest.raises(TypeError, match=r"params holds (dict|list|tuple)"):
        read_entries({"n": value}, "params")


@pytest.mark.parametrize("name", [None, ("a",)])
def test_10_6_names(name: Any) -> None:
    """Contract 10.6: a name is a single value."""
    with pytest.raises(TypeError, match="params has a name of type"):
        read_entries([(name, "x")], "params")


def test_form_encoding() -> None:
    """WHATWG URL Standard, section 5.2: a plus for a space, everything else but a few characters percent-encoded."""
    assert "a+b=%C3%A4%26%3D%2B%7E".replace("%7E", "~") == encode_form({"a b": "ä&=+~"}, "params")
