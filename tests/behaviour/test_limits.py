"""Limits of a session (contract 17.9), and requests that wait for their turn (contract 2.2, 6.2, 7.1, 7.2 and 15.2)."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from support.children import run_python
from support.leaks import library_threads
from support.messages import head
from support.moments import kill_starts
from support.waiting import wait_until
from support.watches import replace_watch
from urlrequest import Session, UrlRequest, cancel_all, g_requests, hooks, wait_all
from urlrequest._client import call as call_module
from urlrequest._client import flight as flight_module
from urlrequest._client.call import Call
from urlrequest._concurrency.timer import TimerThread, timer
from urlrequest._concurrency.watch import Watch
from urlrequest._concurrency.worker_pool import _Worker
from urlrequest._engine import pool as pool_module
from urlrequest._net import tls_contexts
from urlrequest.errors import DeadlineExceeded
from urlrequest.testing import Reply, Server, hold, send, signal, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from urlrequest.testing import RecordedRequest

HEAD = head(2)


@pytest.fixture
def busy(server: Server) -> Iterator[Session]:
    """A session for one request at a time, which is running until the signal `go`."""
    server.play(signal("busy"), wait_for("go"), send(HEAD + b"ok"))
    server.route("/*", lambda request: Reply(200, request.path))
    with Session(server.url, max_requests=1) as session:
        session.request("/first")
        server.wait("busy")
        yield session


def test_17_9_waiting_needs_no_thread(busy: Session, server: Server) -> None:
    """Requests beyond the limit wait in order, without a thread, and are alive meanwhile."""
    before = library_threads()  # some may end meanwhile
    requests = [busy.request(f"/{number}") for number in range(100)]

    assert set() == library_threads() - before
    assert all(request.is_alive() and request.ident is None for request in requests)
    assert 1 == len(server.requests)
    server.signal("go")
    assert wait_all(requests, timeout=20)
    for request in requests:
        request.join(20)
        assert not request.is_alive()
    assert [f"/{number}" for number in range(100)] == [request.path for request in server.requests[1:]]


def test_2_2_join_of_a_waiting_request(busy: Session, server: Server) -> None:
    """`join()` waits for a request that has no thread yet, for as long as its timeout says."""
    request = busy.request("/x")
    request.join(0.02)
    assert request.is_alive()
    server.signal("go")
    request.join(20)

    assert not request.is_alive()
    assert "/x" == request.content.decode()


def test_7_2_cancel_of_a_waiting_request(busy: Session, server: Server, recorder: Any) -> None:
    """It is cancelled at once, never asks the server, and nobody behind it waits longer."""
    request, behind = recorder.get("/cancelled", session=busy), busy.request("/behind")
    assert request.cancel()
    assert not request.is_alive()
    assert request.wait(timeout=20)
    server.signal("go")
    assert behind.wait(timeout=20)

    assert "cancel" == recorder.terminal
    assert ["/first", "/behind"] == [request.path for request in server.requests]


def test_7_2_cancel_of_a_request_on_its_way_to_the_queue(busy: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 7.2: a cancel of another thread that comes before the request is in the queue has taken it out."""
    submit = busy._urlrequest_shared.workers.submit

    def submit_cancelled(job: Any) -> bool:
        job.cancel()
        return submit(job)

    monkeypatch.setattr(busy._urlrequest_shared.workers, "submit", submit_cancelled)

    assert not busy.request("/x").is_alive()


def test_15_2_cancel_while_the_deadline_is_set(busy: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 3.7, 15.2: a cancel that looks for the call at the deadline just before it is there leaves none."""
    looked, go = threading.Event(), threading.Event()
    cancellers: list[threading.Thread] = []
    end, call_at = Call._end, timer.call_at

    def end_late(call: Call) -> None:
        looked.set()
        go.wait(30)
        end(call)

    def call_late(when: float, key: Any, call: Callable[[], object], *, until: float | None = None) -> None:
        cancellers.append(threading.Thread(target=key.cancel))
        cancellers[0].start()
        looked.wait(30)
        call_at(when, key, call, until=until)

    monkeypatch.setattr(Call, "_end", end_late)
    monkeypatch.setattr(timer, "call_at", call_late)
    request = busy.request("/x", deadline=1000)
    go.set()
    cancellers[0].join(30)

    assert request._urlrequest_call not in timer._calls


def test_15_2_deadline_of_a_waiting_request(busy: Session, server: Server, recorder: Any) -> None:
    """The deadline counts from construction: a request that gets no slot ends in time, without a thread of its own."""
    began = time.monotonic()
    request = recorder.get("/late", session=busy, deadline=0.1)
    assert request.wait(timeout=20)
    seconds = time.monotonic() - began

    assert isinstance(request.error, DeadlineExceeded)
    assert 0.1 <= seconds
    assert not request.is_alive()
    assert "error" == recorder.terminal


def test_15_2_deadlines_of_many_waiting_requests(busy: Session) -> None:
    """Thousands of deadlines are kept by one thread, and none is left when it is not needed any more."""
    before = library_threads()
    requests = [busy.request("/late", deadline=0.3, on_error=int) for _ in range(2000)]
    for request in requests:
        request.on_error = None
        request._urlrequest_call.is_quiet = True  # nothing to be logged
    assert len(library_threads() - before) <= 2  # one, and on a slow machine the one before that is ending
    assert wait_all(requests, timeout=30)

    assert {DeadlineExceeded} == {type(request.error) for request in requests}
    wait_until(lambda: not any(isinstance(key, Call) for key in list(timer._calls)))


def test_15_2_a_deadline_that_is_not_needed(busy: Session, server: Server) -> None:
    """A request that gets its slot in time leaves no call of the timer behind that would keep it alive."""
    request = busy.request("/x", deadline=1000)
    server.signal("go")
    assert request.wait(timeout=20)
    request.join(20)
    reference = weakref.ref(request)
    wait_until(lambda: not any(isinstance(key, Call) for key in list(timer._calls)))
    del request
    gc.collect()
    wait_until(lambda: reference() is None)


def test_17_9_max_per_host(server: Server) -> None:
    """A host that is full holds up its own requests only."""
    server.play(signal("busy"), wait_for("go"), send(HEAD + b"ok"))
    server.route("/*", lambda request: Reply(200, request.path))
    with Session(max_per_host=1) as session:
        first = session.request(server.url)
        server.wait("busy")
        second = session.request(server.url)
        elsewhere = session.request(server.url.replace("127.0.0.1", "localhost"))
        assert elsewhere.wait(timeout=20)
        assert not second.is_finished
        server.signal("go")
        assert wait_all([first, second], timeout=20)


def test_17_9_limits_change_at_run_time(busy: Session, server: Server) -> None:
    """A limit that is raised lets those that wait run at once."""
    request = busy.request("/x")
    assert request.ident is None
    busy.max_requests = 2
    assert request.wait(timeout=20)

    assert (2, "/x") == (busy.max_requests, request.content.decode())
    busy.max_per_host = 7
    assert 7 == busy.max_per_host
    server.signal("go")


def test_17_9_limits_are_kept(server: Server) -> None:
    """No more than max_requests run at a time, and as many as that do."""
    lock, running, most, together = threading.Lock(), [0], [0], threading.Event()

    def answer(request: RecordedRequest) -> Reply:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        if running[0] >= 5:
            together.set()
        assert together.wait(20)
        server._signals.pause(0.002)
        with lock:
            running[0] -= 1
        return Reply(200)

    server.route("/", answer)
    with Session(server.url, max_requests=5) as session:
        assert wait_all([session.request("/") for _ in range(100)], timeout=20)

    assert most[0] == 5
    assert server.connection_count <= 5


@pytest.mark.clock
def test_7_1_cancel_all_of_waiting_requests(busy: Session, server: Server) -> None:
    """Five thousand waiting requests are cancelled at once; none of them is kept, and the session goes on."""
    requests = [busy.request("/x") for _ in range(5000)]
    references = [weakref.ref(request) for request in requests]
    began = time.thread_time()  # what others do meanwhile does not count
    count = busy.cancel_all()
    seconds = time.thread_time() - began

    assert 5001 == count
    assert seconds < 1
    assert wait_all(requests, timeout=30)
    del requests
    server.signal("go")
    gc.collect()
    wait_until(lambda: not any(reference() for reference in references))
    assert ["/first"] == [request.path for request in server.requests]
    assert "/next" == ok(busy, "/next")


def ok(session: Session, url: str) -> Any:
    request = session.request(url)
    assert request.wait(timeout=20)
    return None if request.content is None else request.content.decode()


@pytest.mark.stress
@pytest.mark.slow
def test_17_9_ten_thousand_at_once(server: Server) -> None:
    """Ten thousand requests made at once all complete, with 64 threads at the most."""
    server.respond("/*", "ok")
    before = threading.active_count()
    most = 0
    with Session(server.url) as session:
        requests = [session.request(f"/{number}") for number in range(10_000)]
        workers = [thread for thread in threading.enumerate() if thread.name.startswith("urlrequest-worker")]
        most = len(workers)
        assert wait_all(requests, timeout=100)

    assert {200} == {request.resp_status for request in requests}
    assert most <= 64 + before
    assert server.connection_count < 1000  # on a slow machine some are closed to make room for others


# Like a thread


class Overriding(UrlRequest):
    """Has something to say on its worker."""

    def run(self) -> None:
        self.thread = threading.current_thread()
        super().run()
        self.after = True


def test_2_2_overridden_run(server: Server) -> None:
    """Contract 18.2: `run()` may be overridden; it runs on the worker, which is a daemon with a name."""
    server.respond("/", "ok")
    request: Any = Overriding(server.url)
    assert request.wait(timeout=20)
    request.join(20)

    assert request.after
    assert request.thread.daemon
    assert request.thread.name.startswith("urlrequest-")
    assert request.ident == request.thread.ident
    assert request.thread is not threading.current_thread()


def test_2_2_run_that_raises(server: Server, recorder: Any) -> None:
    """An exception in `run()` is the request's error."""

    class Raising(UrlRequest):
        def run(self) -> None:
            raise ZeroDivisionError

    request = recorder.run(server.url, cls=Raising)

    assert "error" == recorder.terminal
    assert isinstance(request.error, ZeroDivisionError)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_2_2_run_that_raises_afterwards(
    server: Server, recorder: Any, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool
) -> None:
    """Once the request has its outcome, an exception goes where those of threads go; outcome and slot are safe."""
    hooked = []
    monkeypatch.setattr(threading, "excepthook", hooked.append)

    class Raising(UrlRequest):
        def run(self) -> None:
            super().run()
            if is_cancelled:
                self.cancel()
            raise ZeroDivisionError

    server.respond("/", "ok")
    with Session(server.url, max_requests=1) as session:
        request = recorder.get("/", cls=Raising, session=session)
        request.join(20)
        request.wait()
        assert ("cancel" if is_cancelled else "success") == recorder.terminal
        assert [ZeroDivisionError] == [told.exc_type for told in hooked]
        assert hooked[0].thread is request
        assert "ok" == ok(session, "/")


def test_2_2_run_that_does_nothing(server: Server, recorder: Any) -> None:
    """A `run()` that never performs the request ends it with an error, lest somebody wait for ever."""

    class Idle(UrlRequest):
        def run(self) -> None:
            pass

    request = recorder.run(server.url, cls=Idle)

    assert isinstance(request.error, RuntimeError)


def test_2_2_the_end_is_announced_when_it_has_come(server: Server) -> None:
    """Contract 2.2, 8.4: the wake-up for the outcome finds the request ended and its slot free."""
    server.play(wait_for("go"), send(HEAD + b"ok"))
    seen: list[Any] = []
    woken = threading.Event()

    class Observer(hooks.Hook):
        def wakeup(self) -> None:
            seen.append((request.is_alive(), session._urlrequest_shared.workers._running))
            woken.set()

    with Session(server.url) as session:
        request = session.request("/", on_success=lambda *_: None, hook=Observer())
        server.signal("go")
        assert woken.wait(30)
        request.wait()

    assert [(False, 0)] == seen


def test_2_2_a_thread_that_does_not_start(server: Server, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no thread the request is an error, not an exception of the constructor."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with Session(server.url) as session:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            request = recorder.get("/", session=session)
        assert request.wait(timeout=20)
        assert isinstance(request.error, RuntimeError)
        server.respond("/", "ok")
        assert "ok" == ok(session, "/")


def test_fault_115_a_python_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 115: in Pyodide the error says that threads are missing, not that there are too many."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    errors: list[BaseException] = []
    with Session("http://127.0.0.1:9/") as session:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            patch.setattr(sys, "platform", "emscripten")
            request = session.get("/", on_error=lambda _, error: errors.append(error))
        assert request.wait(timeout=20)

    assert [RuntimeError] == [type(error) for error in errors]
    assert "this Python has no threads" in str(errors[0])


def test_2_2_attributes_of_a_subclass(server: Server) -> None:
    """A subclass may have a `host` of its own without upsetting the limits."""

    class Own(UrlRequest):
        def __init__(self, url: str, **options: Any) -> None:
            super().__init__(url, **options)
            self.host = "mine"

    server.respond("/", "ok")
    with Session(server.url, max_requests=1, max_per_host=1) as session:
        for _ in range(3):
            request = Own("/", session=session)
            assert request.wait(timeout=20)
        assert "ok" == ok(session, "/")


def test_2_2_threading_knows_the_workers(busy: Session, server: Server) -> None:
    """`threading.enumerate()` shows the threads that there are; a request's `ident` is that of its thread."""
    server.play(signal("two"), hold())
    busy.max_requests = 2
    request = busy.request("/two", max_size=10)  # which a worker looks after
    server.wait("two")

    assert request.ident in {thread.ident for thread in threading.enumerate()}
    assert request.daemon
    with pytest.raises(RuntimeError):
        request.start()
    request.cancel()


# The process


def test_exit_with_requests_under_way(server: Server, tmp_path: Path) -> None:
    """The end of the process waits for no server, and removes the unfinished file."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), signal("half"), hold())
    script = """
        import sys, time
        from urlrequest import Session
        from urlrequest._client import exit_and_fork
        seen, session = [], Session(max_requests=1)
        options = {"on_progress": lambda request, current, total: seen.append(current), "chunk_size": 1}
        request = session.request(sys.argv[1], file_path=sys.argv[2], **options)
        while len(seen) < 5:
            request._dispatch_result()
            time.sleep(0.001)
        waiting = [session.request(sys.argv[1]) for _ in range(100)]
        exit_and_fork.MAX_EXIT_TIME = 1000  # it is not meant to be used up
    """
    done = run_python(script, server.url, str(tmp_path / "file"))

    assert 0 == done.returncode, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("urlrequest: the program ends with unfinished requests (101)")
    assert [] == list(tmp_path.iterdir())


def test_exit_with_idle_workers_and_connections(server: Server) -> None:
    """Idle threads and kept connections do not hold up the end either, nor complain."""
    server.respond("/", "ok")
    script = """
        import sys
        from urlrequest import Session, UrlRequest
        UrlRequest(sys.argv[1]).wait()
        session = Session(sys.argv[1])
        session.request("/").wait()
    """
    done = run_python(script, server.url)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fork_with_requests_under_way(busy: Session, server: Server) -> None:
    """In a forked child requests of the parent are errors at once, and new ones work; the parent's go on."""
    waiting = busy.request("/waiting", deadline=100)
    child = os.fork()
    if not child:
        status = 1
        try:
            is_told = waiting.wait(timeout=20) and isinstance(waiting.error, OSError) and not waiting.is_alive()
            status = 0 if is_told and ok(busy, "/child") == "/child" else 2
        finally:
            os._exit(status)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    server.signal("go")

    assert waiting.wait(timeout=20)
    assert b"/waiting" == waiting.content


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fault_116_a_terminal_callback_that_forks(server: Server) -> None:
    """Fault 116: a request whose own terminal callback forks has its outcome in the child too, and ends there."""
    server.respond("/", "x")
    children: list[int] = []
    request = UrlRequest(server.url, on_success=lambda *_: children.append(os.fork()))
    waited = request.wait(timeout=30)
    seen = (waited, request.is_finished, request.error, request.result, request.is_alive(), request in g_requests)
    is_right = seen == (True, True, None, "x", False, False)
    if not children[0]:
        os._exit(0 if is_right else 1)

    assert is_right
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1])


@pytest.mark.skipif(sys.platform == "win32", reason="no signals of this kind")
@pytest.mark.parametrize("method", ["wait", "join"])
@pytest.mark.usefixtures("ctrl_c")
def test_6_2_ctrl_c_for_a_waiting_request(busy: Session, method: str) -> None:
    """Ctrl-C ends `wait()` and `join()` of a request that has no thread yet; the request is as it was."""
    request = busy.request("/x")
    with pytest.raises(KeyboardInterrupt):
        getattr(request, method)()

    assert request.is_alive()
    assert not request.is_finished


def test_1_4_live_requests(busy: Session, server: Server) -> None:
    """Contract 1.4: waiting requests are among the live ones, until they are finished."""
    request = busy.request("/x")
    assert request in g_requests
    server.signal("go")
    request.wait(timeout=20)

    assert request not in g_requests
    assert 0 <= cancel_all()


def test_2_10_threads_that_die_in_their_start(
    monkeypatch: pytest.MonkeyPatch, server: Server, session: Session, recorder: Any
) -> None:
    """Contract 2.10, fault 115: the constructor returns, the request ends at its deadline, and the next one works."""
    server.respond("/", "x")
    with monkeypatch.context() as patch:
        kill_starts(patch)
        plain = recorder.get(server.url, session=session)
        late = recorder.get(server.url, session=session, deadline=1e-6)
        assert plain.wait(timeout=20)
        assert late.wait(timeout=20)
    assert (RuntimeError, DeadlineExceeded) == (type(plain.error), type(late.error))
    assert "no worker thread was free" in str(late.error)

    session.max_requests = 1
    following = recorder.get(server.url, session=session)
    assert following.wait(timeout=20)
    assert "x" == following.result


def test_2_10_a_look_up_whose_thread_dies(
    monkeypatch: pytest.MonkeyPatch, server: Server, session: Session, recorder: Any
) -> None:
    """Contract 2.10: a request ends, too, where the thread that looks up its host dies in its start."""
    server.respond("/", "x")
    assert recorder.get(server.url, session=session).wait(timeout=20)  # there is a worker now
    by_name = server.url.replace("127.0.0.1", "localhost")
    with monkeypatch.context() as patch:
        kill_starts(patch)
        request = recorder.get(by_name, session=session)
        assert request.wait(timeout=20)

    assert isinstance(request.error, RuntimeError)
    again = recorder.get(by_name, session=session)
    assert again.wait(timeout=20)
    assert "x" == again.result


@pytest.mark.parametrize("kind", ["watch", "resolver", "timer"])
def test_2_10_a_start_does_not_outlast_the_deadline(
    monkeypatch: pytest.MonkeyPatch, server: Server, session: Session, recorder: Any, kind: str
) -> None:
    """Contract 2.10: whichever thread dies in its start, nobody waits for it beyond the deadline of the request."""
    server.respond("/", "x")
    new_timer = TimerThread()
    replace_watch(monkeypatch, Watch())
    monkeypatch.setattr(pool_module, "timer", new_timer)
    monkeypatch.setattr(call_module, "timer", new_timer)
    url = server.url.replace("127.0.0.1", "localhost") if kind == "resolver" else server.url
    with monkeypatch.context() as patch:
        kill_starts(patch, f"urlrequest-{kind}", seconds=1e6)
        request = recorder.get(url, session=session, deadline=0.05)
        assert request.wait(timeout=20)
    flight_module.watch.end()

    assert request.error is None or isinstance(request.error, DeadlineExceeded)


def test_2_10_a_queued_request_whose_timer_dies(
    monkeypatch: pytest.MonkeyPatch, server: Server, session: Session, recorder: Any
) -> None:
    """Contract 2.10, 15.2: the constructor returns at the deadline of a request that waits for its turn."""
    session.max_requests = 1
    release = threading.Event()
    server.route("/held", lambda _: (release.wait(100), Reply(200))[1])
    held = recorder.get(server.url + "/held", session=session)
    monkeypatch.setattr(call_module, "timer", TimerThread())
    with monkeypatch.context() as patch:
        kill_starts(patch, "urlrequest-timer", seconds=1e6)
        queued = recorder.get(server.url, session=session, deadline=0.05)
    assert queued.wait(timeout=20)
    release.set()
    assert held.wait(timeout=20)

    assert isinstance(queued.error, DeadlineExceeded)
    assert "no worker thread was free" in str(queued.error)


def test_2_10_certificates_whose_thread_dies(
    monkeypatch: pytest.MonkeyPatch, tls_server: Server, ca_file: str, recorder: Any
) -> None:
    """Contract 2.10: nobody waits for a thread that was to read certificates ahead; the worker reads them."""
    tls_server.respond("/", "x")
    monkeypatch.setattr(tls_contexts, "_contexts", {})
    monkeypatch.setattr(tls_contexts, "_prefetched", set())
    kill_starts(monkeypatch, "urlrequest-tls", seconds=1e6)
    request = recorder.get(tls_server.url, ca_file=ca_file)

    assert request.wait(timeout=20)
    assert "x" == request.result


@pytest.mark.parametrize("moment", ["the first step of the request", "after the task was taken"])
def test_2_10_no_memory_on_the_worker(
    monkeypatch: pytest.MonkeyPatch, server: Server, session: Session, recorder: Any, moment: str
) -> None:
    """Contract 2.10: the request is a MemoryError, and the session's one slot is free again."""
    server.respond("/", "x")
    session.max_requests = 1

    def fail(*_: object) -> None:
        raise MemoryError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr(*((Call, "run") if moment.startswith("the first") else (_Worker, "take_task")), fail)
        request = recorder.get(server.url, session=session)
        assert request.wait(timeout=20)
    assert (["error", "finish"], MemoryError) == (recorder.names, type(request.error))

    following = recorder.get(server.url, session=session)
    assert following.wait(timeout=20)
    assert "x" == following.result
