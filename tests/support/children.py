"""Child processes: the package under test in a fresh interpreter, whatever is installed there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urlrequest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ROOT", "SYSTEM_PYTHON", "TESTS", "environment", "output_of", "run_python", "start_python"]

ROOT = Path(urlrequest.__file__).parent.parent  # the folder that holds the package under test
TESTS = Path(__file__).parent.parent
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's, for which some toolkits are installed
PATIENCE = 100  # seconds; only a failing test waits that long


def environment(*, is_measured: bool = True, **more: str) -> dict[str, str]:
    """This process's environment, with the package under test and the folder `tests` on the path of Python.

    Args:
        is_measured: Whether coverage is measured there. A process that is killed, or that may write few bytes, leaves
            files that coverage cannot read.
        more: Further variables.
    """
    kept = {name: value for name, value in os.environ.items() if is_measured or not name.startswith("COVERAGE_")}
    # The current folder does not come first: it may be a checkout, while the package under test is installed.
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)]), "PYTHONSAFEPATH": "1", **more}


def run_python(script: str, *arguments: str, flags: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a script to its end in an interpreter of its own.

    Args:
        script: Its text; it may be indented.
        arguments: What it finds in `sys.argv`.
        flags: Options of the interpreter.
    """
    return subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(script), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def start_python(script: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a script that a test talks to, limits or kills, with a pipe for what it prints; coverage is not measured.

    Args:
        script: Its text; it may be indented.
        arguments: What it finds in `sys.argv`.
        options: Those of Popen.
    """
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.Popen(command, env=environment(is_measured=False), stdout=subprocess.PIPE, text=True, **options)


def output_of(script: str, *arguments: str) -> str:
    """What a script prints, started in the same way, that ends well."""
    with start_python(script, *arguments) as process:
        output, _ = process.communicate(timeout=PATIENCE)
    assert 0 == process.returncode, output
    return output
