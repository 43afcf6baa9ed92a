"""Rounds of figures -> tables: medians, and how many times better ours is, taken within each round."""

from __future__ import annotations

import os
import platform
import ssl
import statistics
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .bench_scenarios import Figure, Scenario

__all__ = ["Results", "describe_machine", "tables"]

OURS = "urlrequest"


class _Key(NamedTuple):
    scenario: str
    placement: str
    case: str
    contender: str
    figure: str


class Results:
    """All figures, by scenario, placement, case, contender and figure, a list of rounds each."""

    def __init__(self) -> None:
        self._rounds: defaultdict[_Key, dict[int, float]] = defaultdict(dict)
        self.sizes: dict[str, int] = {}  # MiB of a large body, by scenario

    def add(
        self, scenario: str, placement: str, case: str, contender: str, number: int, figures: dict[str, float]
    ) -> None:
        """Take in one measurement of one round."""
        for figure, value in figures.items():
            self._rounds[_Key(scenario, placement, case, contender, figure)][number] = value

    def median(self, scenario: str, placement: str, case: str, contender: str, figure: str) -> float | None:
        """The median of the rounds."""
        rounds = self._rounds.get(_Key(scenario, placement, case, contender, figure))
        return statistics.median(rounds.values()) if rounds else None

    def rounds(self, scenario: str, placement: str) -> int:
        """The fewest rounds that one of a table's figures has."""
        counts = [len(rounds) for key, rounds in self._rounds.items() if key[:2] == (scenario, placement)]
        return min(counts, default=0)

    def advantage(
        self, scenario: str, placement: str, case: str, contender: str, figure: str, *, is_high_good: bool
    ) -> float | None:
        """How many times better ours is: the median of the rounds' ratios."""
        ours = self._rounds.get(_Key(scenario, placement, case, OURS, figure), {})
        theirs = self._rounds.get(_Key(scenario, placement, case, contender, figure), {})
        ratios = [
            ours[number] / theirs[number] if is_high_good else theirs[number] / ours[number]
            for number in ours.keys() & theirs.keys()
            if ours[number] > 0 and theirs[number] > 0
        ]
        return statistics.median(ratios) if ratios else None

    def ratio(self, scenario: str, case: str, other_case: str, other: str, figure: str) -> float | None:
        """What ours has in a case, divided by what another has in another: the median of the rounds' ratios."""
        ours = self._rounds.get(_Key(scenario, "free", case, OURS, figure), {})
        theirs = self._rounds.get(_Key(scenario, "free", other_case, other, figure), {})
        ratios = [ours[number] / theirs[number] for number in ours.keys() & theirs.keys() if theirs[number] > 0]
        return statistics.median(ratios) if ratios else None

    def dump(self) -> dict[str, Any]:
        """All of it, for a file."""
        entries = [{**key._asdict(), "rounds": rounds} for key, rounds in self._rounds.items()]
        return {"sizes": self.sizes, "entries": entries}

    def load(self, dump: dict[str, Any]) -> None:
        """What `dump()` gave, of another run."""
        self.sizes.update(dump["sizes"])
        for entry in dump["entries"]:
            rounds = entry.pop("rounds")
            self._rounds[_Key(**entry)] = {int(number): value for number, value in rounds.items()}

    def forget(self, scenario: str, placement: str) -> None:
        """Make place for another run of a scenario: figures of two are not mixed."""
        for key in [key for key in self._rounds if key[:2] == (scenario, placement)]:
            del self._rounds[key]


def tables(scenario: Scenario, results: Results) -> Iterator[str]:
    """A scenario's tables in Markdown, one for each placement and figure."""
    yield f"### {scenario.title.format(size=f'{results.sizes.get(scenario.name, 0) / 1024:g} GiB')}"
    for placement in scenario.placements:
        for figure in scenario.figures:
            lines = list(_lines(scenario, results, placement, figure))
            if len(lines) > 2:
                where = " on one core with the server," if placement == "pinned" else ""
                rounds = results.rounds(scenario.name, placement)
                yield f"**{figure.title}**,{where} {rounds} {'round' if rounds == 1 else 'rounds'}"
                yield "\n".join(lines)


def _lines(scenario: Scenario, results: Results, placement: str, figure: Figure) -> Iterator[str]:
    contenders = list(dict.fromkeys(contender for case in scenario.cases for contender in case.contenders))
    yield f"| | {' | '.join(case.title for case in scenario.cases)} |"
    yield f"|:--|{'--:|' * len(scenario.cases)}"
    for contender in contenders:
        cells = [_cell(results, figure, scenario.name, placement, case.title, contender) for case in scenario.cases]
        if any(cells):
            yield f"| {contender} | {' | '.join(cells)} |"


def _cell(results: Results, figure: Figure, scenario: str, placement: str, case: str, contender: str) -> str:
    value = results.median(scenario, placement, case, contender, figure.key)
    if value is None:
        return ""
    text = f"{value:,.{figure.digits}f}"
    if contender == OURS:
        return f"**{text}**"
    advantage = results.advantage(scenario, placement, case, contender, figure.key, is_high_good=figure.is_high_good)
    return text if advantage is None else f"{text} ({advantage:.2f})"


def describe_machine(pythons: dict[str, str]) -> str:
    """The machine and the versions of what was measured.

    Args:
        pythons: The interpreters of the contenders that have environments of their own.
    """
    from importlib import metadata

    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    names = ("kivy", "requests", "requests-futures", "urllib3", "httpx", "aiohttp", "pycurl", "PySide6-Essentials")
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    for name, python in pythons.items():
        ask = f"from importlib.metadata import version; print(version({name.partition(' ')[0]!r}))"
        versions.append(f"{name} {_output(python, '-c', ask).strip()}")
    nginx = _output("nginx", "-v").strip().rpartition("/")[2]
    curl = _output("curl", "-V").split(" ")[1:2]
    return (
        f"{os.cpu_count()} cores of {cpu}, Linux {platform.release()}, CPython {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION.rpartition(' ')[0].split(' ', 2)[0]} {ssl.OPENSSL_VERSION.split()[1]}, nginx {nginx} "
        f"(one worker, loopback), curl {' '.join(curl)}; {', '.join(versions)}"
    )


def _output(*command: str) -> str:
    """What a command says of itself, wherever it says it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout
