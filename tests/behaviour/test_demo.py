"""The demo (docs/reference/command-line.md), run as a process of its own, and its screen."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from support.children import environment
from urlrequest import testing
from urlrequest._cli import demo

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "urlrequest", "demo"]
PATIENCE = 60  # seconds; only a failing test waits that long

CALLBACKS = [
    ["on_success", "on_finish"],
    ["on_success", "on_finish"],
    ["on_progress", "on_success", "on_finish"],
    ["on_failure", "on_finish"],
    ["on_redirect", "on_finish"],
    ["on_error", "on_finish"],
    ["on_progress", "on_cancel", "on_finish"],
    ["on_error", "on_finish"],
]


def test_demo_goes_as_promised(tmp_path: Path) -> None:
    """All scenes are shown with their callbacks, in order and with their thread; plain text, nothing left behind."""
    done = subprocess.run(
        COMMAND,
        env=environment(TMPDIR=str(tmp_path), PYTHONIOENCODING="ascii"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    scenes = re.split(r"\n\n\d\. ", done.stdout)[1:]

    assert (0, "") == (done.returncode, done.stderr)
    assert CALLBACKS == [re.findall(r"^   (on_\w+) .* thread: MainThread$", scene, re.MULTILINE) for scene in scenes]
    assert all(re.search(r"^   the work +thread: urlrequest-worker-\d+$", scene, re.MULTILINE) for scene in scenes)
    assert "8 of 8 went as promised" in done.stdout.splitlines()[-1]
    assert "BROKEN" not in done.stdout
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert [] == list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_demo_is_interrupted(tmp_path: Path) -> None:
    """Ctrl-C ends it with 130, without a traceback and with nothing left behind."""
    # With another deadline the last request holds until the signal comes.
    script = """
import sys
from urlrequest._cli import demo
from urlrequest._cli.main import main
demo.DEADLINE = 300.0
sys.exit(main(["demo"]))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment(TMPDIR=str(tmp_path), PYTHONIOENCODING="ascii"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert any(b"/drip" in line for line in iter(process.stdout.readline, b""))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)

    assert (130, b"urlrequest: interrupted\n") == (process.returncode, told)
    assert [] == list(tmp_path.iterdir())


def test_interrupt_ends_requests_before_their_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is interrupted has ended, by being cancelled, before its folder and its server go."""
    requests: list[demo.WatchedRequest] = []
    was_alive: list[bool] = []
    clean_up = tempfile.TemporaryDirectory.cleanup

    def interrupt(stage: demo.Stage) -> list[demo.Promise]:
        stage.server.play(testing.signal("asked"), testing.wait_closed("closed"))
        requests.append(demo.WatchedRequest(stage.server.url, file_path=stage.path("held.bin")))
        stage.server.wait("asked", PATIENCE)
        raise KeyboardInterrupt

    def watch(folder: tempfile.TemporaryDirectory[str]) -> None:
        was_alive.append(requests[0].is_alive())
        clean_up(folder)

    monkeypatch.setattr(demo, "MAX_ENDING", PATIENCE)
    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", watch)
    monkeypatch.setattr(demo, "SCENES", [("One", "", interrupt)])

    with pytest.raises(KeyboardInterrupt):
        demo.run_demo(io.StringIO())

    assert requests[0].is_cancelled
    assert [False] == was_alive


def test_broken_promise_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo is a success only if every scene went as promised."""
    kept, broken = demo.Promise("kept", True), demo.Promise("not kept", False)
    scenes = [("One", "", lambda _: [kept]), ("Two", "", lambda _: [broken])]
    monkeypatch.setattr(demo, "SCENES", scenes)
    stream = io.StringIO()

    assert not demo.run_demo(stream)
    assert "   BROKEN: not kept\n" in stream.getvalue()
    assert stream.getvalue().endswith("1 of 2 went as promised.\n")
