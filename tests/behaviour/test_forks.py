"""Contract 2.6: forked children, those that Python sees and those that C code makes; what other threads did."""

from __future__ import annotations

import os
import sys
import threading
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from support.children import ROOT, SYSTEM_PYTHON, TESTS, run_python
from support.programs import free_port, missing, program, running, virtual_screen
from urlrequest.testing import Reply, hold, signal

if TYPE_CHECKING:
    from pathlib import Path

    from urlrequest.testing import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux shows what each thread does")

# PyDLL keeps the GIL, as a server does that forks with the interpreter in it. None of Python's hooks runs.
PRELUDE = """
    import ctypes, os, sys, time, warnings, urlrequest
    from support.resting import rest
    from urlrequest._engine import places
    places.GRACE = 1000.0  # else a request that waits long may cost another one its idle connection
    warnings.simplefilter("ignore")  # a fork of a process with threads is what this is about
    fork = ctypes.PyDLL(None).fork
    session = urlrequest.Session()
    held = session.request(sys.argv[1] + "/held")
    while "send" not in held.timings:
        time.sleep(0.002)
    kept = session.request(sys.argv[1] + "/new")
    assert kept.wait(timeout=20) and kept.result == "new" and session._urlrequest_shared.pool.count == 1
    rest()
    child = fork()
"""

# What uWSGI loads, and forks then.
APPLICATION = """
import sys
sys.path[:0] = {paths!r}
from support.resting import rest
import urlrequest
session = urlrequest.Session(deadline=20)
for _ in range(4):
    session.request({url!r} + "/warm").wait()
requests = [session.request({url!r} + "/warm") for _ in range(8)]
for request in requests:
    request.wait()
rest()

def application(environ, start_response):
    query = environ["QUERY_STRING"]
    request = session.request({url!r} + "/echo", params=query)
    request.wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(request.result or repr(request.error)).encode()]
"""


@pytest.mark.parametrize(
    "first",
    [
        "held.wait(timeout=20)",
        "held.join(20)",
        "held.cancel()",
        "held.is_finished",
        "urlrequest.wait_all([held], timeout=20)",
        "list(urlrequest.as_completed([held], timeout=20))",
        "urlrequest.cancel_all()",
        "urlrequest.drain()",
        "session.close()",
        "session.cookies.clear()",
        "setattr(session, 'max_requests', 3)",
        "urlrequest.UrlRequest('http://127.0.0.1:1/').wait()",
    ],
)
def test_2_6_a_child_of_c_code_starts_afresh(server: Server, first: str) -> None:
    """Contract 2.6: whatever a child does first, the parent's request is an OSError there, and new ones work."""
    server.play(signal("received"), hold())
    server.respond("/new", "new")
    script = f"""
    {PRELUDE}
    if not child:
        {first}
        assert held.wait(timeout=20) and "forked" in str(held.error) and not held.is_alive(), held
        assert session._urlrequest_shared.pool.count == 0
        with urlrequest.Session() as fresh:
            new = fresh.request(sys.argv[1] + "/new")
            assert new.wait(timeout=20) and new.result == "new", new.error
        print("child", flush=True)
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1]
    assert not held.is_finished and held.is_alive()
    held.cancel()
    assert held.wait(timeout=20)
    """
    done = run_python(script, server.url)

    assert ("child\n", 0) == (done.stdout, done.returncode), done.stderr


def test_2_6_threads_of_a_child_of_c_code(server: Server) -> None:
    """Contract 2.6: threads that a child starts at once reset it once, and none uses a connection of the parent."""
    server.play(hold())
    server.respond("/new", "new")
    script = f"""
    {PRELUDE}
    if not child:
        import threading
        barrier, results = threading.Barrier(8), []
        def ask():
            barrier.wait()
            request = session.request(sys.argv[1] + "/new", deadline=20)
            request.wait(timeout=30)
            results.append(request.result)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(results == ["new"] * 8, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    held.cancel()
    """
    done = run_python(script, server.url)

    assert "True\n" == done.stdout, done.stderr


@pytest.mark.system
def test_2_6_uwsgi(server: Server, tmp_path: Path) -> None:
    """Contract 2.6: under uWSGI with threads, whose processes are forked by C code, no request gets another's body."""
    uwsgi = program("uwsgi-core", "uwsgi-core uwsgi-plugin-python3")
    if not os.path.exists("/usr/lib/uwsgi/plugins/python3_plugin.so") or not os.path.exists(SYSTEM_PYTHON):
        missing("uWSGI has no Python (on Debian: apt-get install uwsgi-plugin-python3)")
    server.respond("/warm", "warm")
    server.route("/echo", lambda request: Reply(200, request.query))
    (tmp_path / "application.py").write_text(APPLICATION.format(paths=[str(ROOT), str(TESTS)], url=server.url))
    port, wrong = free_port(), []
    command = [uwsgi, "--plugin", "python3", "--http-socket", f"127.0.0.1:{port}", "--chdir", str(tmp_path)]
    # Without a master, the processes that it forks would stay when the first one is ended.
    command += [
        "--master",
        "--module",
        "application",
        "--processes",
        "3",
        "--threads",
        "4",
        "--enable-threads",
        "--die-on-term",
    ]

    def ask(client: int) -> None:
        for number in range(15):
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", f"/?{client}.{number}")
            body = connection.getresponse().read().decode()
            if body != f"{client}.{number}":
                wrong.append((f"{client}.{number}", body))
            connection.close()

    with running(command, port, tmp_path / "uwsgi.log"):
        clients = [threading.Thread(target=ask, args=(client,)) for client in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(100)

    assert [] == wrong


@pytest.mark.parametrize("where", ["held_log_handler", "held_jar"])
def test_2_6_a_lock_that_another_thread_holds(server: Server, where: str) -> None:
    """Contract 2.6: os.fork() returns in the child although another thread logs, or uses the cookies, meanwhile."""
    server.play(signal("received"), hold())
    server.respond("/new", "new")
    script = """
        import http.cookiejar, logging, os, sys, threading, time, warnings, urlrequest
        warnings.simplefilter("ignore")  # a fork of a process with threads is what this is about
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
        jar = http.cookiejar.CookieJar()
        session = urlrequest.Session(cookies=jar if sys.argv[2] == "held_jar" else None)
        held = session.request(sys.argv[1] + "/held", debug=True)
        while "send" not in held.timings:
            time.sleep(0.002)
        lock = jar._cookies_lock if sys.argv[2] == "held_jar" else logging.getLogger().handlers[0].lock
        taken, over = threading.Event(), threading.Event()
        def hold():
            with lock:
                taken.set()
                over.wait(60)
        threading.Thread(target=hold, daemon=True).start()
        taken.wait()
        child = os.fork()
        if not child:
            new = session.request(sys.argv[1] + "/new", deadline=20)
            assert new.wait(timeout=30) and new.result == "new", new.error
            assert held.wait(timeout=20) and "forked" in str(held.error)
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        over.set()
        held.cancel()
    """
    done = run_python(script, server.url, where)

    assert ("0\n", 0) == (done.stdout, done.returncode), done.stderr


def test_2_6_a_module_that_another_thread_imports(server: Server, tmp_path: Path) -> None:
    """Contract 2.6: a fork waits while a worker imports a module, since the child could never import it."""
    (tmp_path / "slow_module.py").write_text("import sys, time\nsys.importing.set()\ntime.sleep(0.3)\nvalue = 1\n")
    server.respond("/", "x")
    script = """
        import os, sys, threading, warnings, urlrequest
        warnings.simplefilter("ignore")  # a fork of a process with threads is what this is about
        sys.path.insert(0, sys.argv[2])
        sys.importing = threading.Event()
        class Request(urlrequest.UrlRequest):
            def decode_result(self, result, resp):
                import slow_module
                return slow_module.value
        first = Request(sys.argv[1])
        sys.importing.wait()
        child = os.fork()
        if not child:
            second = Request(sys.argv[1], deadline=20)
            assert second.wait(timeout=20) and second.result == 1, second.error
            os._exit(0)
        print(os.waitpid(child, 0)[1], first.wait(timeout=20), first.result)
    """
    done = run_python(script, server.url, str(tmp_path))

    assert ("0 True 1\n", 0) == (done.stdout, done.returncode), done.stderr


IN_CHILD = """
        import asyncio, os, sys, threading, warnings, urlrequest
        from urlrequest import UrlRequest, hooks
        warnings.simplefilter("ignore")  # a fork of a process with threads is what this is about

        def is_delivered():
            log = []
            request = UrlRequest("http://a b/", on_error=lambda *_: log.append(threading.get_ident()))
            request.join()
            while not log:
                urlrequest.drain()
            return log == [threading.get_ident()]

        def fork(in_child):
            child = os.fork()
            if not child:
                status = 1
                try:
                    status = 0 if in_child() else 2
                finally:
                    os._exit(status)
            return os.waitpid(child, 0)[1]
"""


def test_8_12_an_installed_hook_stays_with_the_parent() -> None:
    """Contract 8.12: in a forked child nothing is installed, and drain() delivers; the parent keeps its hook."""
    script = f"""{IN_CHILD}
        loop, log = asyncio.new_event_loop(), []
        hook = urlrequest.install(hooks.AsyncioHook(loop))
        before = UrlRequest("http://a b/", on_error=lambda *_: (log.append(1), loop.stop()), hook=hook)
        before.join()
        print(fork(lambda: hooks.current_hook() is None and is_delivered() and [1] == log))
        print(hooks.current_hook() is hook)
        loop.run_forever()
        loop.close()
        print(before.is_finished)
    """
    done = run_python(script)

    assert ("0\nTrue\nTrue\n", 0) == (done.stdout, done.returncode), done.stderr


@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_8_12_a_loop_that_runs_stays_with_the_parent(library: str) -> None:
    """Contract 8.12: a child that is forked within a loop detects none, and may run one of its own."""
    pytest.importorskip(library)
    script = f"""{IN_CHILD}
        import {library}

        async def main():
            print(type(hooks.current_hook()).__name__)
            print(fork(lambda: hooks.current_hook() is None and is_delivered()))
            log = []
            UrlRequest("http://a b/", on_error=lambda *_: None, on_finish=log.append)
            while not log:
                await {library}.sleep(0.001)
            print(log[0].is_finished)

        {library}.run(main{"()" if library == "asyncio" else ""})
    """
    done = run_python(script)

    assert 0 == done.returncode, done.stderr
    hook, status, is_finished = done.stdout.splitlines()
    assert ("0", "True") == (status, is_finished)
    assert library.capitalize() + "Hook" == hook


def test_8_12_a_loop_of_the_childs_own() -> None:
    """Contract 8.12: a loop that the child runs is detected, and one that it names is used."""
    script = f"""{IN_CHILD}
        loop = asyncio.new_event_loop()
        hook = hooks.AsyncioHook(loop)
        urlrequest.install(hook)

        async def deliver():
            over = asyncio.Event()
            UrlRequest("http://a b/", on_error=lambda *_: over.set())
            await over.wait()

        def in_child():
            asyncio.run(asyncio.wait_for(deliver(), 20))
            loop.run_until_complete(asyncio.wait_for(deliver(), 20))
            return True

        print(fork(in_child))
        loop.close()
    """
    done = run_python(script)

    assert ("0\n", 0) == (done.stdout, done.returncode), done.stderr


@pytest.mark.system
def test_8_12_a_tk_root_stays_with_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 8.12: the parent's root is not detected in the child, and gets no wake-ups from there."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    script = f"""{IN_CHILD}
        import tkinter
        root = tkinter.Tk()
        hook = hooks.current_hook()
        print(type(hook).__name__)
        print(fork(lambda: hooks.current_hook() is None and is_delivered()))
        log = []
        UrlRequest("http://a b/", on_error=lambda *_: (log.append(1), root.quit()))
        root.mainloop()
        print(log, hooks.current_hook() is hook)
        root.destroy()
    """
    with virtual_screen() as display:
        monkeypatch.setenv("DISPLAY", display)
        done = run_python(script)

    assert ("TkHook\n0\n[1] True\n", 0) == (done.stdout, done.returncode), done.stderr
