"""Coverage-guided fuzzing: `python -m tests.fuzz --minutes 60 [TARGET...]`, with the dependency group `fuzz`.

The time is shared out between the targets; `--corpus FOLDER` keeps what was found to lead somewhere for the next run.
An input that makes a target fail, take more than a second of the processor, or more than a gigabyte, is a find: it is
written to a file, and the exit status is 1. It becomes a named test, and a seed in `targets.py` where that is safe.
"""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

MAX_TIME = 1.0  # seconds of the processor that one input may take
MAX_MEMORY = 1024  # MiB
MAX_INPUT = 4096  # bytes
ROOT = Path(__file__).resolve().parent.parent.parent


class Outcome(NamedTuple):
    """What came of one target."""

    name: str
    seconds: float
    executions: int
    coverage: int  # edges of the library's code, as the fuzzer counts them
    find: str  # the fuzzer's report, or ""


def fuzz_in_child(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one target; the fuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["urlrequest"]):
        from .targets import TARGETS, WORDS

        logging.getLogger("urlrequest").setLevel(logging.CRITICAL)  # most requests fail

        run, seeds = TARGETS[name]
        corpus = folder / name
        corpus.mkdir(exist_ok=True)
        for number, octets in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(octets)
        words = folder / "words"
        texts = ("".join(f"\\x{octet:02x}" for octet in word) for word in WORDS)
        words.write_text("".join(f'"{text}"\n' for text in texts))

        def run_in_time(octets: bytes) -> None:
            began = time.process_time()
            run(octets)
            taken = time.process_time() - began
            assert taken < MAX_TIME, f"{taken:.1f} s for {len(octets)} bytes"

        arguments = [
            f"-max_total_time={seconds}", f"-max_len={MAX_INPUT}", f"-rss_limit_mb={MAX_MEMORY}", "-timeout=60",
            f"-dict={words}", f"-artifact_prefix={folder}/find-{name}-", "-print_final_stats=1", "-verbosity=1",
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *arguments, str(corpus)], run_in_time)
        atheris.Fuzz()


def fuzz(name: str, seconds: int, folder: Path) -> Outcome:
    """Fuzz one target in a process of its own."""
    command = [sys.executable, "-m", "tests.fuzz", "--child", name, "--seconds", str(seconds), "--corpus", str(folder)]
    began = time.monotonic()
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    taken = time.monotonic() - began
    told = child.stderr + child.stdout
    executions = re.search(r"number_of_executed_units:\s*(\d+)", told)
    coverage = re.findall(r"cov: (\d+)", told)
    is_bad = child.returncode != 0 or executions is None
    return Outcome(
        name, taken, int(executions[1]) if executions else 0, int(coverage[-1]) if coverage else 0,
        told[-6000:] if is_bad else "",
    )  # fmt: skip


def main() -> int:
    sys.path.insert(0, str(ROOT / "tests"))  # as pytest does, for `support`
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--minutes", type=float, default=60.0, help="for all targets together; the default is an hour")
    parser.add_argument("--corpus", type=Path, help="a folder that keeps inputs, and finds")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        fuzz_in_child(options.child, options.seconds, options.corpus)
        return 0
    from .targets import TARGETS

    names = options.targets or list(TARGETS)
    unknown = sorted(set(names) - set(TARGETS))
    if unknown:
        parser.error(f"no target {unknown[0]}; there are {', '.join(TARGETS)}")
    folder = options.corpus or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    seconds = max(1, round(options.minutes * 60 / len(names)))
    print("| target | seconds | executions | edges | find |\n|---|--:|--:|--:|---|", flush=True)
    finds = []
    for name in names:
        outcome = fuzz(name, seconds, folder)
        finds += [outcome.find] if outcome.find else []
        said = "**yes**" if outcome.find else "none"
        print(
            f"| {name} | {outcome.seconds:.0f} | {outcome.executions:,} | {outcome.coverage:,} | {said} |", flush=True
        )
    print("\n".join(finds) or f"nothing was found; the inputs are in {folder}")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
