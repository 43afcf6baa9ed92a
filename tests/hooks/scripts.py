"""Scripts with real loops, each run in a process of its own, and what they print."""

from __future__ import annotations

import importlib.util

from support.children import run_python
from support.programs import missing

__all__ = ["lines_of"]

# What each script begins with. `late` is answered when the script says so.
PREAMBLE = """
import asyncio, logging, sys, threading
logging.basicConfig(level="WARNING", format="LOG %(message)s", stream=sys.stdout)
import urlrequest
from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

gate, main_thread = threading.Event(), threading.get_ident()
server = Server().start()
server.respond("/", "now")
server.route("/late", lambda _: (gate.wait(20), Reply(body="late"))[1])

def get(what, path="/", then=None):
    def on_success(request, result):
        print(what if threading.get_ident() == main_thread else f"{what} on another thread", flush=True)
        if then:
            then()
    return UrlRequest(server.url + path, on_success=on_success)
"""


def lines_of(script: str, *needs: str) -> list[str]:
    """What a script prints; the modules that it needs are there, or the test is skipped."""
    for module in needs:
        if importlib.util.find_spec(module) is None:
            missing(f"{module} is not installed")
    ended = run_python(PREAMBLE + script)
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return ended.stdout.splitlines()
