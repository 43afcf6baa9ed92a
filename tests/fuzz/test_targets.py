"""The fuzz targets for seconds, without a fuzzer: their seeds, and what hypothesis makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import targets
from fuzz.targets import TARGETS, WORDS
from support.grammar import is_newer_than_whatwg
from urlrequest._http.redirect import NextRequest
from urlrequest._http.target import parse_target

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = 60
SLOW_EXAMPLES = 10  # of targets that run a whole request
places = st.integers(0, 1000)
pieces = st.sampled_from(WORDS) | st.binary(max_size=6)


def changed(octets: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, new in changes:
        begin = at * (len(octets) + 1) // 1001
        octets = octets[:begin] + new + octets[begin + length :]
    return octets


def try_changes(run: Callable[[bytes], None], seeds: list[bytes], count: int) -> None:
    @settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(seeds), st.lists(st.tuples(places, st.integers(0, 8), pieces), min_size=1, max_size=5))
    def try_one(octets: bytes, changes: list[tuple[int, int, bytes]]) -> None:
        run(changed(octets, changes))

    try_one()


@pytest.mark.filterwarnings("ignore::urlrequest.errors.InsecureRequestWarning")
@pytest.mark.parametrize("name", TARGETS)
def test_fault_130_fuzz_targets_hold(name: str) -> None:
    """Fault 130: whatever bytes come, each reader of them keeps what it documents."""
    run, seeds = TARGETS[name]
    for octets in [b"", *seeds]:
        run(octets)
    try_changes(run, seeds, SLOW_EXAMPLES if name == "client" else EXAMPLES)


NEW = "\u209f"  # a small z below the line, of Unicode 18


def test_fault_130_a_host_of_newer_unicode() -> None:
    """Fault 130: the package `idna` may know a character that the other reader of URLs does not: that is no find."""
    for text in (f"http://{NEW}.test/", f"//a{NEW}b.test:8080/x", f"https://user@{NEW * 3}/"):
        TARGETS["location"].run(text.encode())


@pytest.mark.skipif(not is_newer_than_whatwg(NEW), reason="both know it")
def test_fault_130_another_host_is_a_find_beside_newer_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 130: with such a character too, a host that is not the one of browsers is a find."""
    elsewhere = NextRequest(parse_target("http://other.test/"), "GET", keeps_body=False, leaves_origin=True)
    monkeypatch.setattr(targets, "find_redirect", lambda *_: elsewhere)

    with pytest.raises(AssertionError, match="other"):
        TARGETS["location"].run(f"http://{NEW}.test/".encode())


def test_fault_130_what_is_known_and_refused_is_no_newer() -> None:
    """Fault 130: a character that has been assigned for long, and that browsers refuse in a host, is a find."""
    assert not any(map(is_newer_than_whatwg, "a/\xdf\u200b\u2044\u2100\u209c"))
