from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from urlrequest import UrlRequest, cancel_all, g_requests, wait_all
from urlrequest._client.call import active_calls
from urlrequest.testing import hold, send, signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest.testing import Server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No loop is detected, and no request is left."""
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    cancel_all()  # what another file's tests have left, in the same process
    assert wait_all(list(g_requests), timeout=20)
    assert [] == list(g_requests)
    yield
    cancel_all()
    urlrequest.drain()


def run(script: str, *arguments: str, timeout: float = 50) -> subprocess.CompletedProcess[str]:
    """What a script of its own process says."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script), *arguments],
        cwd=Path(urlrequest.__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_1_4_g_requests(server: Server) -> None:
    """Contract 1.4: `g_requests` shows the requests that are not finished, in order, and cannot be changed."""
    server.play(hold())
    server.play(hold())
    requests = [UrlRequest(server.url, on_finish=print) for _ in range(2)]
    for request in requests:
        request.on_finish = lambda _: None

    assert requests == list(g_requests) == g_requests[:]
    assert (2, requests[0], requests[1], requests[1:]) == (
        len(g_requests),
        g_requests[0],
        g_requests[-1],
        g_requests[1:],
    )
    assert requests[0] in g_requests
    assert repr(requests[0]) in repr(g_requests)
    assert not hasattr(g_requests, "append")
    requests[0].cancel()
    assert requests == list(g_requests)
    requests[0].wait()
    assert requests[1:] == list(g_requests)


def test_1_4_g_requests_without_callbacks(server: Server) -> None:
    """Contract 3.4: a request without callbacks leaves the list when it settles."""
    server.respond("/", "x")
    UrlRequest(server.url).join()

    assert [] == list(g_requests)


def test_6_4_wait_all(server: Server) -> None:
    """Contract 6.4: a thousand requests are delivered on the waiting thread, each once."""
    server.respond("/", "x")
    log: list[Any] = []
    requests = [UrlRequest(server.url, on_success=lambda request, result: log.append(request)) for _ in range(1000)]

    assert wait_all(iter(requests), timeout=50)
    assert set(requests) == set(log)
    assert 1000 == len(log)
    assert [] == list(g_requests)
    assert wait_all(requests)
    assert wait_all([])


def test_6_4_wait_all_gives_up(server: Server) -> None:
    """Contract 6.4: wait_all() tells when its time ran out; the finished ones are delivered."""
    server.play(signal("received"), hold())
    held = UrlRequest(server.url, on_finish=lambda _: None)
    server.wait("received")
    server.respond("/", "x")
    done = UrlRequest(server.url, on_finish=lambda _: None)
    done.join()

    assert not wait_all([held, done], timeout=0.05)
    assert (False, True) == (held.is_finished, done.is_finished)


def test_cancel_all(server: Server) -> None:
    """All that is not finished is cancelled, and it is told how much that was."""
    for _ in range(3):
        server.play(hold())
    log: list[Any] = []
    requests = [UrlRequest(server.url, on_cancel=log.append) for _ in range(3)]
    requests[0].cancel()

    assert 2 == cancel_all()
    assert 0 == cancel_all()
    assert wait_all(requests, timeout=10)
    assert requests == log
    assert {} == active_calls


@pytest.mark.parametrize("has_hook", [False, True])
def test_fault_117_exit_during_a_download(server: Server, tmp_path: Path, has_hook: bool) -> None:
    """Fault 117: the process ends without waiting for the server, removes temporary files, and runs no callback."""
    server.play(send(HEAD + b"x" * 5000), signal("sent"), hold())
    script = """
        import os, sys, time, urlrequest
        from urlrequest import hooks
        hook = hooks.ManualHook() if sys.argv[3] == "True" else None
        request = urlrequest.UrlRequest(sys.argv[1], file_path=sys.argv[2], hook=hook,
                                        on_finish=lambda _: print("callback"), on_cancel=lambda _: print("callback"))
        while not os.listdir(os.path.dirname(sys.argv[2])):
            time.sleep(0.005)
        print("leaving", flush=True)
        began = time.monotonic()
        import atexit
        from urlrequest._client import exit_and_fork
        atexit.unregister(exit_and_fork.end_at_exit)
        exit_and_fork.EXIT_TIME = 60
        atexit.register(lambda: print("took", time.monotonic() - began < 30))
        atexit.register(exit_and_fork.end_at_exit)
    """
    done = run(script, server.url, str(tmp_path / "f"), str(has_hook))

    assert ("leaving\ntook True\n", "", 0) == (done.stdout, done.stderr, done.returncode)
    assert [] == list(tmp_path.iterdir())


def test_17_10_exit_with_idle_connections(server: Server) -> None:
    """Contract 17.10: connections that wait for the next request are closed at the end of the process, in silence."""
    server.respond("/", "x")
    script = """
        import sys, urlrequest
        kept = urlrequest.UrlRequest(sys.argv[1])
        kept.wait()
        print(kept.result)
    """
    done = run(script, server.url)

    assert ("x\n", "", 0) == (done.stdout, done.stderr, done.returncode)


def test_fault_2_exit_during_a_look_up() -> None:
    """Fault 2: a name that takes long to resolve does not hold up the end of the process."""
    script = """
        import socket, threading, urlrequest
        asked = threading.Event()
        def slow(*arguments, **options):
            asked.set()
            threading.Event().wait()
        socket.getaddrinfo = slow
        urlrequest.UrlRequest("http://slow.test/")
        asked.wait()
    """
    done = run(script)

    assert ("", "", 0) == (done.stdout, done.stderr, done.returncode)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fault_116_fork_during_a_request(server: Server) -> None:
    """Fault 116: in a forked child the parent's requests are OSErrors, new ones work; the parent notices nothing."""
    server.play(signal("received"), hold())
    server.respond("/new", "new")
    script = """
        import os, sys, time, warnings, urlrequest
        warnings.simplefilter("ignore")  # a fork of a process with threads is what this is about
        log = []
        request = urlrequest.UrlRequest(sys.argv[1], on_error=lambda r, error: log.append(error), on_finish=log.append)
        silent = urlrequest.UrlRequest("http://127.0.0.1:1/")
        silent.join()
        sys.stdin.readline()
        child = os.fork()
        if not child:
            assert request.wait(timeout=20), "wait"
            assert isinstance(log[0], OSError) and "forked" in str(log[0]), log
            assert [request] == log[1:] and not request.is_alive()
            assert [] == list(urlrequest.g_requests)
            new = urlrequest.UrlRequest(sys.argv[1] + "/new")
            assert new.wait(timeout=20) and new.result == "new", new.error
            print("child", flush=True)
            os._exit(0)
        assert (child, 0) == os.waitpid(child, 0)
        assert not log and not request.is_finished and request.is_alive()
        new = urlrequest.UrlRequest(sys.argv[1] + "/new")
        assert new.wait(timeout=20) and new.result == "new"
        assert request.cancel()
        request.join(20)
        assert not request.is_alive()
        assert request.wait() and [request] == log
        print("parent")
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), server.url],
        cwd=Path(urlrequest.__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        server.wait("received", 50)
        output, errors = process.communicate("go\n", timeout=50)

    assert ("child\nparent\n", 0) == (output, process.returncode), errors


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="wakers are sockets here")
def test_fault_116_a_child_does_not_use_the_parents_wakers(server: Server) -> None:
    """Fault 116: a child must not use up a wake-up that is meant for the parent: it lets go of all wakers."""
    server.play(signal("received"), hold())
    script = """
        import os, sys, warnings, urlrequest
        from urlrequest._concurrency import wakeup
        warnings.simplefilter("ignore")
        request = urlrequest.UrlRequest(sys.argv[1])
        sys.stdin.readline()
        assert request._urlrequest_call.scope._waker is not None
        child = os.fork()
        if not child:
            request_has_one = request._urlrequest_call.scope._waker is not None
            os._exit(len(wakeup._spare) + request_has_one)
        print(os.waitpid(child, 0)[1])
        request.cancel()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), server.url],
        cwd=Path(urlrequest.__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        server.wait("received", 50)
        output, _ = process.communicate("go\n", timeout=50)

    assert "0\n" == output
