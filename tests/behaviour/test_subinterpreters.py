"""Contract 2.8: subinterpreters that share the main one's lock, as of mod_wsgi and uWSGI, and isolated ones."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from support.children import run_python
from urlrequest.testing import Reply

if TYPE_CHECKING:
    from urlrequest.testing import Server

testcapi = pytest.importorskip("_testcapi", reason="this Python has no _testcapi")

# `_testcapi.run_in_subinterp()` makes an interpreter as mod_wsgi does, and ends it; a thread that is left aborts the
# process.
SHARED = """
import sys, _testcapi
url, main, within = sys.argv[1:]
if main == "before":
    from urlrequest import UrlRequest
    assert UrlRequest(url + "/new").wait(timeout=20)
prelude = f"import sys; url, sys.path = {url!r}, {sys.path!r}; from urlrequest import Session, UrlRequest;"
for _ in range(2):
    assert 0 == _testcapi.run_in_subinterp(prelude + within)
from urlrequest import UrlRequest
request = UrlRequest(url + "/new")
assert request.wait(timeout=20) and request.result == "new", request.error
print("end")
"""


@pytest.mark.parametrize(
    ("within", "main"),
    [
        ("request = UrlRequest(url + '/new'); assert request.wait(timeout=20), request", "before"),
        (
            "session = Session(max_requests=1); [session.get(url + '/new') for _ in range(3)][-1].wait(timeout=20)",
            "after",
        ),
        ("UrlRequest(url + '/new').wait(); held = UrlRequest(url + '/held', deadline=100)", "before"),
        ("UrlRequest(url, on_success=print).join()", "after"),
    ],
    ids=["waited for", "queued", "unfinished", "undelivered"],
)
def test_2_8_an_interpreter_that_ends(server: Server, within: str, main: str) -> None:
    """Contract 2.8: requests work in a subinterpreter, which ends without a thread left; so do the main one's."""
    release = threading.Event()
    server.respond("/new", "new")
    server.route("/held", lambda _: (release.wait(100), Reply(200))[1])
    done = run_python(SHARED, server.url, main, within)
    release.set()

    assert ("end\n", 0) == (done.stdout, done.returncode), done.stderr


ISOLATED = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import sys
from urlrequest import UrlRequest
one = interpreters.create()
failed = interpreters.run_string(one, f"import sys; sys.path[:] = {sys.path!r}" + '''
from urlrequest import UrlRequest
ends = []
request = UrlRequest("http://127.0.0.1:1/", on_error=lambda _, error: ends.append(type(error)), on_finish=ends.append)
assert request.wait(timeout=20) and ends == [RuntimeError, request], (ends, request.error)
''')
interpreters.destroy(one)
request = UrlRequest(sys.argv[1])
assert request.wait(timeout=20) and request.result == "x", request.error
print(failed)
"""


# Before 3.12.4, Python aborts where a C module is used in an isolated interpreter before the main one (gh-119213).
MAIN_IS_FIRST = "import ssl\n" if (3, 12) <= sys.version_info < (3, 12, 4) else ""


def test_2_8_an_isolated_interpreter(server: Server) -> None:
    """Contract 2.8: where Python allows no daemon threads, a request ends with Python's error for that."""
    server.respond("/", "x")
    done = run_python(MAIN_IS_FIRST + ISOLATED, server.url)

    assert ("None\n", 0) == (done.stdout, done.returncode), done.stderr
