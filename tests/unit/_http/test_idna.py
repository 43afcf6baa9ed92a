from __future__ import annotations

import pytest

from urlrequest._http.idna import encode_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bücher\u3002example", "xn--bcher-kva.example"),
        ("bücher\uff0eexample\uff61", "xn--bcher-kva.example."),
    ],
)
def test_9_2_international_names(name: str, expected: str) -> None:
    """Contract 9.2: labels become A-labels; the other label separators of RFC 3490, section 3.1, become dots."""
    assert expected == encode_name(name)


@pytest.mark.parametrize("name", ["a\u2025b", "ü" * 64, "\ud800", "a\u2024ü"])
def test_9_4_names_that_cannot_be(name: str) -> None:
    """Contract 9.4: a character that becomes dots only by normalising, or a label that cannot be one, is an error."""
    with pytest.raises(ValueError, match="the host "):
        encode_name(name)
