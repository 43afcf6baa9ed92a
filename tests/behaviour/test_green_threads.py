"""Contract 8.13: programs under gevent and eventlet, each in a process of its own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from support.children import run_python
from support.programs import missing
from urlrequest.testing import hold

if TYPE_CHECKING:
    from urlrequest.testing import Server

SCRIPT = """
    import sys, warnings
    warnings.simplefilter("ignore")  # eventlet says that it is deprecated
    if sys.argv[1] == "gevent":
        import gevent as green
        from gevent import monkey
        monkey.patch_all()
    else:
        import eventlet as green
        green.monkey_patch()
    import urlrequest
    ticks = []
    def tick():
        while True:
            ticks.append(1)
            green.sleep(0.002)
    green.spawn(tick)
    plain, tls, held, ca_file = sys.argv[2:]
    for url in (plain, tls):
        request = urlrequest.UrlRequest(url, ca_file=ca_file)
        assert request.wait(timeout=20) and request.result == "x", request.error
    with urlrequest.Session(max_requests=3) as session:
        requests = [session.request(plain) for _ in range(12)]
        assert urlrequest.wait_all(requests, timeout=20)
        assert [200] * 12 == [request.resp_status for request in requests]
    before = len(ticks)
    late = urlrequest.UrlRequest(held, timeout=0.3)
    assert late.wait(timeout=20) and isinstance(late.error, TimeoutError), late.error
    assert len(ticks) > before + 10, "nothing else ran meanwhile"
    cancelled = urlrequest.UrlRequest(held)
    green.spawn(lambda: (green.sleep(0.05), cancelled.cancel()))
    assert cancelled.wait(timeout=20) and cancelled.is_cancelled
    print("works", flush=True)
"""


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_8_13_requests_of_green_threads(server: Server, tls_server: Server, ca_file: str, library: str) -> None:
    """Contract 8.13: requests, limits, timeouts and cancels work, over http and https, and others run meanwhile."""
    if find_spec(library) is None:
        missing(f"{library} is not installed")
    server.respond("/", "x")
    tls_server.respond("/", "x")
    with type(server)() as holding:
        holding.play(hold())
        holding.play(hold())
        done = run_python(SCRIPT, library, server.url, tls_server.url, holding.url, ca_file)

    assert ("works\n", 0) == (done.stdout, done.returncode), done.stderr
