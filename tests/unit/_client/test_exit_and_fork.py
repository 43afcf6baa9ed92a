"""What is done at the end of the process, and in a forked child."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.children import output_of, run_python, start_python
from support.messages import head
from urlrequest._client import exit_and_fork
from urlrequest._concurrency.sync import start_thread
from urlrequest.testing import hold, send, signal

if TYPE_CHECKING:
    from pathlib import Path

    from urlrequest.testing import Server

HEAD = head(100_000)
UNFINISHED = "urlrequest: the program ends with unfinished requests (1), such as <UrlRequest urlrequest-1: "
STRICT = ("-X", "dev", "-W", "error")  # whatever the interpreter can complain of, it does


def complaints(stderr: str) -> list[str]:
    """The lines on standard error, but for the one of contract 3.9."""
    return [line for line in stderr.splitlines() if not line.startswith(UNFINISHED)]


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
        from urlrequest._client import exit_and_fork
        exit_and_fork.MAX_EXIT_TIME = 1000  # it is not meant to be used up
    """
    done = run_python(script, server.url, str(tmp_path / "f"), str(has_hook), flags=STRICT)

    assert ("leaving\n", [], 0) == (done.stdout, complaints(done.stderr), done.returncode)
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
    done = run_python(script, server.url, flags=STRICT)

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
    done = run_python(script, flags=STRICT)

    assert ("", [], 0) == (done.stdout, complaints(done.stderr), done.returncode)


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
    with start_python(script, server.url, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        server.wait("received", 50)
        output, errors = process.communicate("go\n", timeout=50)

    assert ("child\nparent\n", 0) == (output, process.returncode), errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("has_callback", [False, True])
def test_fault_116_fork_while_a_request_ends(server: Server, has_callback: bool) -> None:
    """Fault 116: a request that another thread has just ended is over in the child too; wait() does not hang there."""
    server.respond("/", "x")
    script = """
        import os, sys, threading, warnings, urlrequest
        from urlrequest._client.call import Call
        warnings.simplefilter("ignore")
        may_go_on, ends = threading.Event(), threading.Event()
        let_go = Call._let_go
        def slow(call):
            ends.set()
            assert may_go_on.wait(20)
            let_go(call)
        Call._let_go = slow
        has_callback = sys.argv[2] == "True"
        request = urlrequest.UrlRequest(sys.argv[1], **{"on_success": print} if has_callback else {})
        if has_callback:
            threading.Thread(target=request.wait).start()
        assert ends.wait(20)
        child = os.fork()
        if not child:
            Call._let_go = let_go
            assert urlrequest.wait_all([request], timeout=10) and request.wait(timeout=10), "it hangs"
            assert request.result == "x"
            os._exit(0)
        may_go_on.set()
        assert (child, 0) == os.waitpid(child, 0)
        assert request.wait(timeout=20) and request.result == "x"
        request.join(20)
    """
    done = run_python(script, server.url, str(has_callback))

    assert ("", 0) == (done.stderr, done.returncode)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fault_116_fork_in_a_callback_of_another_request(server: Server) -> None:
    """Fault 116: a thread that waits for several requests, and forks in a callback of one, waits in the child, too."""
    server.play(hold())
    script = """
        import os, sys, warnings, urlrequest
        warnings.simplefilter("ignore")  # a fork of a process with threads is what this is about
        log = []
        held = urlrequest.UrlRequest(sys.argv[1], on_error=lambda r, error: log.append(str(error)))
        def fork(*_):
            child.append(os.fork())
            if child[0]:
                held.cancel()
        child = []
        other = urlrequest.UrlRequest("http://127.0.0.1:1/", on_error=fork)
        assert urlrequest.wait_all([held, other], timeout=20), "wait_all"
        if not child[0]:
            assert len(log) == 1 and "forked" in log[0], log
            assert not urlrequest.drain() and [] == list(urlrequest.g_requests)
            os._exit(0)
        print(log, os.waitpid(child[0], 0)[1])
    """
    done = run_python(script, server.url)

    assert ("[] 0\n", 0) == (done.stdout, done.returncode), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("callback", ["on_progress", "on_chunk"])
def test_fault_116_fork_in_a_callback_of_the_same_request(server: Server, callback: str) -> None:
    """Fault 116: a request in whose callback its thread forks has one outcome in the child, however it is delivered."""
    server.play(send(HEAD + b"a" * 100_000))
    script = """
        import os, sys, warnings, urlrequest
        warnings.simplefilter("ignore")  # a fork of a process with threads is what this is about
        log, child = [], []
        def fork(*_):
            if not child:
                child.append(os.fork())
        def note(request, what=None):
            log.append(what if what is None else type(what).__name__)
        called = {sys.argv[2]: fork, "on_success": note, "on_error": note, "on_finish": note}
        request = urlrequest.UrlRequest(sys.argv[1], **called)
        assert request.wait(timeout=20), "wait"
        for _ in range(3):
            assert not urlrequest.drain()
        print(log, flush=True)
        if not child[0]:
            os._exit(0)
        os.waitpid(child[0], 0)
    """
    done = run_python(script, server.url, callback)

    assert 0 == done.returncode, done.stderr
    assert "['OSError', None]" in done.stdout
    assert 2 == len(done.stdout.splitlines()), done.stderr


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
    with start_python(script, server.url, stdin=subprocess.PIPE) as process:
        server.wait("received", 50)
        output, _ = process.communicate("go\n", timeout=50)

    assert "0\n" == output


MODULE = "imported_by_a_test"
LOOKS = f"""
import threading
from urlrequest._client import exit_and_fork
from {__name__} import TALK
TALK["here"] = exit_and_fork._is_importing()
TALK["entered"].set()
assert TALK["done"].wait(20)
"""
TALK: dict[str, Any] = {}  # with the module that is imported


@pytest.mark.parametrize(
    ("is_own_thread", "is_needed", "expected"), [(False, False, False), (False, True, True), (True, False, True)]
)
def test_2_6_which_imports_a_fork_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_own_thread: bool, is_needed: bool, expected: bool
) -> None:
    """Contract 2.6: those of modules that requests need and those on workers; the program's own may last for ever."""
    (tmp_path / f"{MODULE}.py").write_text(LOOKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(exit_and_fork, "_IMPORTED", {"json", MODULE} if is_needed else {"json"})
    entered, done, over = threading.Event(), threading.Event(), threading.Event()
    TALK.update(entered=entered, done=done)

    def run() -> None:
        try:
            importlib.import_module(MODULE)
        finally:
            over.set()

    if is_own_thread:
        start_thread(run, "own")
    else:
        threading.Thread(target=run, name="program").start()
    assert entered.wait(20)
    found = exit_and_fork._is_importing()
    done.set()
    assert over.wait(20)
    sys.modules.pop(MODULE)

    assert (expected, False) == (found, TALK["here"])
    assert not exit_and_fork._is_importing()


IMPORTS = """
import importlib, os, sys, threading, urlrequest
urlrequest.UrlRequest  # with it come the functions for a fork
sys.path.insert(0, sys.argv[1])
sys.entered, sys.go_on = threading.Event(), threading.Event()

def import_module():
    importlib.import_module(sys.argv[2])

def take_lock():
    with sys.modules["_frozen_importlib"]._get_module_lock(sys.argv[2]).lock:
        sys.entered.set()
        sys.go_on.wait()

threading.Thread(target=globals()[sys.argv[3]]).start()
sys.entered.wait()
child = os.fork()
if not child:
    sys.go_on = threading.Event()
    sys.go_on.set()
    print(importlib.import_module(sys.argv[2]).x, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
sys.go_on.set()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("what", ["import_module", "take_lock"])
def test_2_6_a_child_imports_what_a_thread_was_importing(tmp_path: Path, what: str) -> None:
    """Contract 2.6: the thread does not live on, and would keep the lock of the module for ever."""
    (tmp_path / f"{MODULE}.py").write_text("import sys\nsys.entered.set()\nsys.go_on.wait()\nx = 1\n")

    assert ["1", "0"] == output_of(IMPORTS, str(tmp_path), MODULE, what).split()


def test_2_6_a_fork_reads_no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.6: CPython 3.11 may die when it reads the frames of a thread that runs."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "_current_frames", None)
        exit_and_fork.prepare_fork()


def test_2_6_what_the_library_imports_counts() -> None:
    """Contract 2.6: its own modules, those of Python, and the packages of its extras."""
    assert {"urlrequest", "encodings", "certifi", "idna", "brotli", "zstandard"} <= exit_and_fork._IMPORTED


@pytest.mark.parametrize("name", sorted(urlrequest.__all__))
def test_fault_117_no_name_leads_to_requests_without_the_exit(name: str) -> None:
    """Fault 117: whichever name a program uses first, what makes requests comes with the handlers of exit and fork."""
    script = f"""
        import atexit, sys
        registered = []
        atexit.register = lambda function: registered.append(function.__name__)
        from urlrequest import {name}
        print("urlrequest._client.call" in sys.modules, "end_at_exit" in registered)
    """
    makes_requests, is_registered = run_python(script).stdout.split()

    assert makes_requests == is_registered


@pytest.mark.parametrize(
    ("ending", "is_logged"),
    [
        ("", True),
        ("request.join()", True),
        ("sys.exit(0)", True),
        ("request.wait()", False),
        ("request.cancel()", False),
        ("1 / 0", False),
        ("raise KeyboardInterrupt", False),
    ],
)
def test_3_9_nobody_has_waited(server: Server, ending: str, is_logged: bool) -> None:
    """Contract 3.9: a script that ends before its callbacks have run says so, unless it meant to, or fails."""
    server.respond("/", "hello")
    script = f"""
        import sys
        from urlrequest import UrlRequest

        request = UrlRequest(sys.argv[1], on_success=lambda *_: None)
        {ending}
    """
    done = run_python(script, f"{server.url}/?key=k3y")

    assert is_logged is (UNFINISHED in done.stderr)
    assert is_logged is ("call wait(), or run an event loop (join() runs no callbacks)" in done.stderr)
    assert is_logged is ("(made at <string>:" in done.stderr)
    assert "k3y" not in done.stderr


def test_3_9_the_line_shows_the_request_as_it_was_found() -> None:
    """Contract 3.9: a request that finishes while the line is written is not shown as finished."""
    script = """
        import logging
        from urlrequest import UrlRequest

        class Late(UrlRequest):
            finished = False

            def __repr__(self):
                return f"<Late, {'finished' if self.finished else 'running'}>"

        def finish(record):
            Late.finished = True
            return True

        logging.basicConfig()
        logging.getLogger("urlrequest").addFilter(finish)
        UrlRequest.__init__(request := Late.__new__(Late), "http://127.0.0.1:1/", on_error=lambda *_: None)
    """
    assert "<Late, running>" in run_python(script).stderr


def test_3_9_a_program_with_a_loop_is_silent(server: Server) -> None:
    """Contract 3.9: a program with an event loop that ends during a download says nothing: its user has closed it."""
    server.play(hold())
    script = """
        import sys
        from urlrequest import UrlRequest
        from urlrequest.hooks import ManualHook

        UrlRequest(sys.argv[1], on_success=print, hook=ManualHook())
    """
    assert "" == run_python(script, server.url).stderr
