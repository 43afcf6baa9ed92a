"""The same scenarios through Kivy 2.3.1's class and through ours: only the differences of the table may show.

A scenario (`scenarios.py`, collected in `catalogue.py`) says what a scripted server does, what is asked of it
and what happens meanwhile. Two child processes (`players.py`, `child.py`) run it, each through one
implementation (`runner.py`), and write down the same `Observation` of it: events with their arguments and types,
attributes, octets on the wire, files, passed objects. The rows of `differences.py` rewrite Kivy's into what the
contract wants; ours must equal that. So a difference that no row explains fails, and so does a row that none shows.

To add a scenario, put it into one of the tables; to see one of them: ``pytest tests/compat -k "cancel and twice"``.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compat.catalogue import SCENARIOS
from compat.differences import DIFFERENCES, KEPT, RULED, explain
from compat.players import Hung, Player, Players, kivy_is_installed
from compat.scenarios import Event, Observation, Sent
from support.programs import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compat.scenarios import Scenario

pytestmark = [pytest.mark.compat, pytest.mark.system]

CONTRACT = Path(__file__).parents[2] / "docs" / "development" / "contract.md"


def listed(heading: str) -> list[str]:
    """The rows of the table below a heading of the contract's section 19, word by word."""
    section = CONTRACT.read_text(encoding="utf-8").partition("\n## 19. ")[2].partition("\n## ")[0]
    table = section.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    _, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    assert rows, f"no table below {heading!r}"
    return [row.strip("|").strip() for row in rows]


@pytest.fixture(scope="module")
def players(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Players]:
    if not kivy_is_installed():
        missing("kivy==2.3.1 is not installed (dependency group `compat`)")
    with closing(Players(tmp_path_factory.mktemp("compat"))) as both:
        yield both


def differences(kivy: Observation, expected: Observation, ours: Observation) -> list[str]:
    """Describe the parts in which ours is not as expected."""
    return [
        f"{part}:\n  Kivy   {getattr(kivy, part)}\n  wanted {getattr(expected, part)}\n  ours   {getattr(ours, part)}"
        for part in (field.name for field in fields(expected))
        if getattr(expected, part) != getattr(ours, part)
    ]


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
def test_19_only_the_listed_differences(scenario: Scenario, players: Players) -> None:
    """What differs from Kivy is what the scenario's rows say, and each of the rows it names is needed."""
    kivy, ours = players.play(scenario.name)
    expected, needed = explain(scenario, kivy)

    unexplained = differences(kivy, expected, ours)
    if unexplained:
        pytest.fail("\n".join(["no row of the table explains:", *unexplained]), pytrace=False)
    if not scenario.optional:
        assert [] == [text for text in scenario.differs if text not in needed]


def test_19_every_listed_difference_shows(players: Players) -> None:
    """No row of the table is left that no scenario needs: what it says would no longer be true."""
    shown: set[str] = set()
    for scenario in SCENARIOS.values():
        shown.update(explain(scenario, players.play(scenario.name)[0])[1])

    assert [] == [row.text for row in (*DIFFERENCES, *RULED) if row.text not in shown]


def test_19_table_is_that_of_the_contract() -> None:
    """The rows are the items of section 19, none more and none less."""
    assert sorted(listed("Differences")) == sorted(row.text for row in DIFFERENCES)
    assert sorted(listed("Differences that other rules state")) == sorted(row.text for row in RULED)


def test_19_what_is_kept_on_purpose_is_kept(players: Players) -> None:
    """Each item of "Kept on purpose" has a scenario in which both do the same."""
    kept = {scenario.keeps for scenario in SCENARIOS.values() if scenario.keeps}

    assert sorted(listed("Kept on purpose")) == sorted(KEPT) == sorted(kept)


def test_scenarios_name_rows_that_exist() -> None:
    """A scenario's row that is not in the table would explain nothing."""
    rows = {row.text for row in (*DIFFERENCES, *RULED)}

    assert [] == [scenario.name for scenario in SCENARIOS.values() if not rows.issuperset(scenario.differs)]
    assert len(SCENARIOS) >= 150


@pytest.mark.parametrize(
    "change",
    [
        {"constructed": "TypeError"},
        {"events": (Event("finish", place="elsewhere"),)},
        {"result": ("bytes", "''")},
        {"error": "OSError"},
        {"status": 200},
        {"fields": (("X-A", "1"),)},
        {"cookie": ""},
        {"is_finished": True},
        {"sent": (Sent("GET / HTTP/1.1", (), b""),)},
        {"connections": 1},
        {"files": (("left over", b"", "-rw-r--r--"),)},
        {"mutated": ("req_headers",)},
        {"read_back": ("url",)},
        {"facts": {"exception that ended a thread": "OSError"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_difference_in_any_part_is_told(change: dict[str, Any]) -> None:
    """No part of an observation is left out of the comparison."""
    same = Observation(events=(Event("finish"),))
    (part,) = change

    (told,) = differences(same, same, replace(same, **change))
    assert told.startswith(f"{part}:")
    assert [] == differences(same, same, same)


def test_what_a_child_wrote_is_told_when_it_ends(tmp_path: Path) -> None:
    """A scenario that ends its process, as the guard does when it hangs, fails with what was written there."""
    player = Player("ours", tmp_path)
    scenario = next(iter(SCENARIOS))
    player.begin(scenario)
    player.end(scenario)
    player.ask("no scenario")

    with pytest.raises(Hung, match="KeyError: 'no scenario'"):
        player.end(scenario)
