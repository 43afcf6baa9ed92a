"""What the commands of this folder do for minutes, for a few seconds."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from support.children import environment

pytestmark = pytest.mark.stress


def run(module: str, *arguments: str) -> str:
    """What a command of this folder prints, if it ends well."""
    process = subprocess.run(
        [sys.executable, "-m", f"stress.{module}", *arguments],
        env=environment(), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert 0 == process.returncode, process.stdout + process.stderr
    return process.stdout


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timer that sends signals")
def test_fault_119_real_signals() -> None:
    """Fault 119: after Ctrl-C in any call there is one terminal event for each request, and nothing is lost."""
    assert "everything is as it must be" in run("ctrl_c", "--signals", "20")


def test_fault_114_random_requests() -> None:
    """Fault 114: whatever is done to them, each request has one terminal event, in forked children too."""
    assert "everything is as it must be" in run("storm", "--requests", "1500", "--seed", "2")


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read as Linux tells it")
def test_17_9_open_streams() -> None:
    """Contract 17.9: streams that say nothing need no thread each, and all get what comes."""
    assert "everything is as it must be" in run("streams", "--streams", "200")
