from __future__ import annotations

import sys
from contextlib import suppress
from stringprep import in_table_a1
from typing import Any

import pytest

from urlrequest._http import idna
from urlrequest._http.idna import encode_name
from urlrequest._http.target import parse_target
from urlrequest.errors import InvalidURL


@pytest.fixture(params=["package", "table"])
def any_table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package `idna`, and without."""
    if request.param == "table":
        monkeypatch.setitem(sys.modules, "idna", None)
    else:
        pytest.importorskip("idna")


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idna", None)


@pytest.fixture
def package() -> Any:
    """The package's own functions, for what is expected; it loads its tables late, so they are loaded here."""
    pytest.importorskip("idna.uts46data")
    return pytest.importorskip("idna.core")


@pytest.mark.usefixtures("any_table")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("bücher\u3002example", "xn--bcher-kva.example"),
        ("bücher\uff0eexample\uff61", "xn--bcher-kva.example."),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("пример.испытание", "xn--e1afmkfd.xn--80akhbyknj4f"),
        ("\uff45xample.org", "example.org"),
        ("my_host.bücher", "my_host.xn--bcher-kva"),
    ],
)
def test_9_2_international_names(name: str, expected: str) -> None:
    """Contract 9.2: labels become A-labels; the other label separators of RFC 3490, section 3.1, become dots."""
    assert expected == encode_name(name)


@pytest.mark.usefixtures("any_table")
@pytest.mark.parametrize("name", ["a\u2025b", "ü" * 64, "\ud800", "a\u2024ü", "ü\ufffd"])
def test_9_4_names_that_cannot_be(name: str) -> None:
    """Contract 9.4: a character that becomes dots only by normalising, or a label that cannot be one, is an error."""
    with pytest.raises(ValueError, match="the host "):
        encode_name(name)


# Names with sharp s, final sigma, zero width joiner and non-joiner, and their A-labels (UTS 46, section 6).
DEVIATIONS = [
    ("faß.de", "xn--fa-hia.de"),
    ("βόλος.com", "xn--nxasmm1c.com"),
    ("ශ්\u200dරී.com", "xn--10cl1a0b660p.com"),
    ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),
]
# A letter of Unicode 5.1 with a lower case that IDNA 2003 does not know; two scripts that came later; Cherokee.
NEWER = ["stra\u1e9ee.de", "\ua66fа.example", "\U0001e900.example", "\u13a0\u13a1.example"]


@pytest.mark.parametrize(("name", "expected"), DEVIATIONS)
def test_9_5_deviations_with_the_package(name: str, expected: str) -> None:
    """Contract 9.5: with the package `idna` the four deviation characters are what they are in IDNA 2008."""
    pytest.importorskip("idna")

    assert expected == encode_name(name)
    assert expected == parse_target(f"http://{name}/").host


@pytest.mark.usefixtures("without_package")
@pytest.mark.parametrize("name", [*(name for name, _ in DEVIATIONS), *NEWER])
def test_9_5_no_name_becomes_another(name: str) -> None:
    """Contract 9.5: what IDNA 2003 would make another name of is refused, and the message says what to do.

    CPython 3.14 has the tables of that standard, and makes the same name of Cherokee as the package.
    """
    if sys.version_info >= (3, 14) and name == "\u13a0\u13a1.example":
        assert "xn--58dc.example" == encode_name(name)
        return
    with pytest.raises(ValueError, match=r"U\+[0-9A-F]{4,6}.* idna.*xn--"):
        encode_name(name)
    with pytest.raises(InvalidURL, match="xn--"):
        parse_target(f"http://{name}:81/x#")


@pytest.mark.parametrize("place", ["{}b", "a{}b"])
def test_9_5_both_standards_agree(package: Any, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Contract 9.5: without the package each single character gives the name that UTS 46 gives, or an error.

    In the large blocks, whose characters are all alike, each sixteenth is looked at.
    """
    monkeypatch.setitem(sys.modules, "idna", None)
    different = []
    alike = [range(0x3400, 0xA000), range(0xAC00, 0xD7A4), range(0x17000, 0x18D00), range(0x20000, 0x30000)]
    for code in range(0x80, 0x30000):
        character = chr(code)
        if 0xD800 <= code < 0xE000 or in_table_a1(character) or (code % 16 and any(code in block for block in alike)):
            continue
        text = place.format(character)
        with suppress(ValueError):
            name = encode_name(text)
            mapped = package.uts46_remap(text.translate(idna._DOTS), std3_rules=False, transitional=False)
            if name != ".".join(encode_label(label) for label in mapped.split(".")):
                different.append(f"{code:04X}")

    assert [] == different


def encode_label(label: str) -> str:
    """A mapped label as an A-label, without the checks of IDNA 2008, which refuse some names that browsers accept."""
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()
