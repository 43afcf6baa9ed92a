"""The fuzz targets for seconds, without a fuzzer: their seeds, and what hypothesis makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS, WORDS

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
