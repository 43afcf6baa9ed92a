"""The recipes for programs with frameworks, each with the real framework."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.children import environment
from support.programs import missing

if TYPE_CHECKING:
    from urlrequest.testing import Server

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"
BODY = "x" * 5000

pytestmark = pytest.mark.system


def output_of(script: str, *arguments: str, needs: str) -> str:
    """What a script prints that may import the recipes; it is skipped where the framework that it needs is missing."""
    if importlib.util.find_spec(needs) is None:
        missing(f"{needs} is not installed")
    path = environment(is_measured=False)
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**path, "PYTHONPATH": f"{path['PYTHONPATH']}:{EXAMPLES}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_twisted(server: Server) -> None:
    """The hook of six lines delivers in the reactor, with exceptions reported and the reactor going on."""
    server.respond("/", BODY)
    script = (EXAMPLES / "recipe_twisted.py").read_text(encoding="utf-8")

    assert "5000 bytes\n" == output_of(script, server.url, needs="twisted")


def test_fastapi(server: Server) -> None:
    """Both kinds of functions respond."""
    server.respond("/", BODY)
    script = """
import sys
from fastapi.testclient import TestClient
from recipe_fastapi import app

with TestClient(app) as client:
    for path in ("/awaited", "/waited"):
        print(client.get(path, params={"url": sys.argv[1]}).json())
"""
    assert "{'status': 200, 'bytes': 5000}\n" * 2 == output_of(script, server.url, needs="fastapi")


@pytest.mark.long
def test_streamlit(server: Server) -> None:
    """The page shows the size, after its bar has moved on the script's thread."""
    server.respond("/", BODY)
    script = f"""
import sys
from streamlit.testing.v1 import AppTest

page = AppTest.from_file({str(EXAMPLES / "recipe_streamlit.py")!r}, default_timeout=60).run()
page.text_input[0].set_value(sys.argv[1]).run()
print(page.markdown[0].value, len(page.exception))
"""
    assert "5000 bytes 0\n" == output_of(script, server.url, needs="streamlit")
