"""A process that runs scenarios through one implementation: `python -m compat.child kivy|ours`.

Names of scenarios come in on standard input, one on each line; for each an answer goes out on standard output, pickled:
the observation and whether this process is tainted by a call that never returned. All else that is printed goes to
standard error, and so do the stacks of all threads when a scenario does not end, with which the process ends.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from compat import catalogue, runner
from support.certificates import context_of

if TYPE_CHECKING:
    import ssl

    from compat.scenarios import Observation

__all__ = ["GUARD"]

GUARD = 100.0  # seconds for one scenario, less than the limit of a test


def main(name: str, home: Path) -> None:
    """Answer until standard input ends."""
    answers = _take_standard_output()
    strays: list[str] = []
    threading.excepthook = lambda stray: strays.append(f"{stray.exc_type.__name__}: {stray.exc_value}")
    implementation = runner.kivy() if name == "kivy" else runner.ours()
    sys.stderr = sys.__stderr__  # Kivy's logger has taken its place.
    context, ca_file = _make_authority(home)
    pickle.dump("ready", answers)
    for line in sys.stdin:
        scenario = catalogue.SCENARIOS[line.strip()]
        faulthandler.dump_traceback_later(GUARD, exit=True)
        with tempfile.TemporaryDirectory(dir=home) as folder:
            answer = runner.run(implementation, scenario, Path(folder), tls=context, ca_file=ca_file)
        faulthandler.cancel_dump_traceback_later()
        pickle.dump(_with_strays(answer, strays), answers)
        answers.flush()


def _with_strays(answer: tuple[Observation, bool], strays: list[str]) -> tuple[Observation, bool]:
    """Add the exceptions that ended threads since the last scenario."""
    observation, is_tainted = answer
    for stray in strays:
        observation = observation.with_fact("exception that ended a thread", stray)
    strays.clear()
    return observation, is_tainted


def _take_standard_output() -> BinaryIO:
    """Keep the pipe for the answers, and let what is printed go to standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _make_authority(home: Path) -> tuple[ssl.SSLContext, str]:
    import trustme

    authority = trustme.CA()
    ca_file = home / "authority.pem"
    authority.cert_pem.write_to_path(ca_file)
    return context_of(authority.issue_cert("localhost", "127.0.0.1")), str(ca_file)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own_home:
        main(sys.argv[1], Path(own_home))
