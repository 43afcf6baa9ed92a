"""The benchmark suite: `python -m tests.benchmarks`, from the project's folder, on Linux with nginx and curl.

    --list                    the scenarios
    --only small,download     some of them
    --against aiohttp,pycurl  beside some contenders only
    --rounds 5                how often each contender has its turn; within a round they take turns
    --placement pinned        on one core with the server, `free`, or both
    --size 1024               MiB of a large body
    --python niquests=PATH    the interpreter of an environment with this contender, which is left out else; also
                              "pycurl (system)=PATH", with a pycurl that was built for the system's libcurl
    --markdown FILE           write the tables there, between the comments BEGIN and END if the file has them
    --json FILE               write all figures there; --merge FILE: add to those of an earlier run of the same code

Every measurement is made in a process of its own. In tables, ours is bold, and the figure in brackets says how many
times better ours is than that contender: the median over the rounds. Only such ratios can be compared between machines.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .bench_aims import aims
from .bench_report import Results, describe_machine, tables
from .bench_scenarios import APART, OURS, SCENARIOS, Case, Scenario
from .bench_server import Nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
LONGEST = 120  # seconds for one measurement
SYSTEM_PYTHON, SYSTEM_LOOPS = "/usr/bin/python3", {"GLib", "wx"}  # Debian's packages, for its own Python
BEGIN, END = "<!-- BEGIN figures -->", "<!-- END figures -->"

ENVIRONMENT = {
    "KIVY_NO_ARGS": "1",
    "KIVY_NO_CONSOLELOG": "1",
    "KIVY_NO_FILELOG": "1",
    "PYTHONWARNINGS": "ignore",
    "QT_QPA_PLATFORM": "offscreen",
}


class Suite:
    """A run: the server, what is run, and the figures so far."""

    def __init__(self, options: argparse.Namespace, nginx: Nginx, results: Results) -> None:
        self._options = options
        self._nginx = nginx
        self._results = results
        self._core = max(os.sched_getaffinity(0))
        self._all_cores = os.sched_getaffinity(0)
        self._roots = self._write_roots()

    def _write_roots(self) -> str:
        """The public certificates together with ours: what a first request has to load."""
        import certifi

        path = self._nginx.folder / "roots.pem"
        path.write_bytes(Path(certifi.where()).read_bytes() + Path(self._nginx.ca_file).read_bytes())
        return str(path)

    def run(self, scenario: Scenario) -> None:
        """Run the rounds of a scenario."""
        rounds = min(self._options.rounds, scenario.most_rounds or self._options.rounds)
        for placement in scenario.placements:
            if self._options.placement not in {"both", placement}:
                continue
            self._results.forget(scenario.name, placement)
            self._results.sizes[scenario.name] = self._options.size
            self._nginx.pin({self._core} if placement == "pinned" else self._all_cores)
            for number in range(rounds):
                print(f"{scenario.name}, {placement}, round {number + 1} of {rounds}", file=sys.stderr)
                for case, contender in self._turns(scenario):
                    figures = self._measure(scenario, case, contender, placement)
                    if figures is not None:
                        self._results.add(scenario.name, placement, case.title, contender, number, figures)

    def _turns(self, scenario: Scenario) -> Iterator[tuple[Case, str]]:
        against = self._options.against
        for case in scenario.cases:
            for contender in case.contenders:
                is_there = contender not in APART or contender in self._options.python
                if is_there and (contender == OURS or against is None or contender in against):
                    yield case, contender

    def _measure(self, scenario: Scenario, case: Case, contender: str, placement: str) -> dict[str, float] | None:
        arguments: dict[str, Any] = {"contender": contender, **case.arguments}
        if scenario.takes_target:
            arguments.update(url=self._url(case), ca_file=self._nginx.ca_file)
        if scenario.name == "upload":
            arguments.update(octets=self._options.size << 20)
        if scenario.name == "first":
            parts = urlsplit(self._nginx.https)
            arguments.update(ca_file=self._roots, host=parts.hostname, port=parts.port)
        core = self._core if placement == "pinned" else None
        task = {"task": scenario.task, "arguments": arguments, "core": core}
        python = self._options.python.get(contender, sys.executable)
        if case.arguments.get("loop") in SYSTEM_LOOPS:
            python = SYSTEM_PYTHON
        command = [python, "-m", f"{__package__}.bench_child", json.dumps(task)]
        environment = {**os.environ, **ENVIRONMENT}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles a library anew in each process
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"  {case.title}, {contender}: not over after {LONGEST} s", file=sys.stderr)
            return None
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            print(f"  {case.title}, {contender}: failed: {reason or done.returncode}", file=sys.stderr)
            return None
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return figures

    def _url(self, case: Case) -> str:
        nginx, path = self._nginx, case.path
        if path.startswith("discard:"):
            return (nginx.discard_https if case.is_tls else nginx.discard_http) + path.removeprefix("discard:")
        coding, is_coded, mib = path.partition(":")
        if is_coded:
            path = nginx.make_packed(coding, int(mib) << 20)
        elif path == "{size}":
            path = nginx.make_body(self._options.size << 20)
        elif path.isdigit():
            path = nginx.make_body(int(path))
        return (nginx.https if case.is_tls else nginx.http) + path


def main() -> int:
    """Run what the command line asks for, and print the tables."""
    options = read_options()
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:10} {scenario.title.format(size='1 GiB')}")
        return 0
    chosen = [scenario for scenario in SCENARIOS if options.only is None or scenario.name in options.only]
    results = Results()
    if options.merge is not None and options.merge.exists():
        results.load(json.loads(options.merge.read_text(encoding="utf-8")))
    with Nginx() as nginx:
        suite = Suite(options, nginx, results)
        for scenario in chosen:
            suite.run(scenario)
    shown = SCENARIOS if options.merge is not None else chosen
    parts = [part for scenario in shown for part in _parts(scenario, results)]
    text = "\n\n".join([describe_machine(options.python), *parts]) + "\n"
    print(text, *aims(results), sep="\n")
    if options.markdown is not None:
        write_markdown(options.markdown, text)
    if options.json is not None:
        options.json.write_text(json.dumps(results.dump()), encoding="utf-8")
    return 0


def write_markdown(path: Path, text: str) -> None:
    """Put the tables into a page, or make a file of them."""
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}" if end else text, encoding="utf-8")


def _parts(scenario: Scenario, results: Results) -> list[str]:
    """A scenario's tables; nothing when it was not run."""
    parts = list(tables(scenario, results))
    return parts if len(parts) > 1 else []


def read_options() -> argparse.Namespace:
    """The command line."""
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios and stop")
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NAMES", help="scenarios, with commas")
    parser.add_argument("--against", type=lambda text: text.split(","), metavar="NAMES", help="contenders, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--placement", choices=("pinned", "free", "both"), default="both")
    parser.add_argument("--size", type=int, default=1024, metavar="MIB")
    parser.add_argument(
        "--python", type=lambda text: text.rsplit("=", 1), action="append", default=[], metavar="NAME=PATH"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--merge", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.python = dict(options.python)
    unknown = set(options.only or ()) - set(names)
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
