"""Progress, wait() and cancel() (contract 5, 6 and 7), as users know them."""

from __future__ import annotations

import gc
import gzip
import signal as signals
import sys
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.messages import chunked, frame_chunks, reply
from support.waiting import wait_until
from urlrequest import UrlRequest, wait_all
from urlrequest.testing import Server, hold, send, signal, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


def in_chunks(*chunks: bytes) -> bytes:
    return chunked(frame_chunks(*chunks))


def until_closed(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n\r\n" + body


def expected(size: int, total: int, chunk_size: int | None) -> list[tuple[int, int]]:
    """The events of contract 5.2."""
    steps = [] if chunk_size in {None, -1} else list(range(chunk_size or 1, size + 1, chunk_size or 1))
    if size and steps[-1:] != [size]:
        steps.append(size)
    return [(0, total), *((step, total) for step in steps), (size, total)]


@pytest.mark.parametrize("chunk_size", [8, 1, None, -1, 8192])
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 24])
@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 No", "600 Odd"])
def test_5_2_events(server: Server, recorder: Any, chunk_size: int | None, size: int, status: str) -> None:
    """Contract 5.1, 5.2: one event at the beginning, one at every chunk_size octets, and the last one twice."""
    server.play(send(reply(b"a" * size, status=status)))
    recorder.run(server.url, on_progress=lambda *_: None, chunk_size=chunk_size)

    assert expected(size, size, chunk_size) == recorder.progress


@pytest.mark.parametrize("chunk_size", [8, None])
@pytest.mark.parametrize("make", [lambda body: in_chunks(body[:4], body[4:]), in_chunks, until_closed])
@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 20])
def test_5_1_unknown_total(server: Server, recorder: Any, chunk_size: int | None, make: Any, size: int) -> None:
    """Contract 5.1: without a Content-Length the total is -1, and the chunks of the network do not show."""
    server.play(send(make(b"a" * size)))
    recorder.run(server.url, on_progress=lambda *_: None, chunk_size=chunk_size)

    assert expected(size, -1, chunk_size) == recorder.progress


@pytest.mark.parametrize(
    ("octets", "options", "total"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", {"method": "HEAD"}, -1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", {"method": "HEAD"}, 9),
        (b"HTTP/1.1 204 No\r\n\r\n", {}, -1),
        (b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", {}, 0),
        (b"HTTP/1.1 304 No\r\n\r\n", {}, -1),
        (b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", {}, 9),
    ],
)
def test_5_2_without_a_body(server: Server, recorder: Any, octets: bytes, options: Any, total: int) -> None:
    """Contract 5.2: a response that has no body has the first event and the last."""
    server.play(send(octets))
    recorder.run(server.url, on_progress=lambda *_: None, **options)

    assert [(0, total), (0, total)] == recorder.progress


def test_5_2_into_a_file(server: Server, recorder: Any, tmp_path: Any) -> None:
    """Contract 5.2: a download into a file reports the same."""
    server.play(send(reply(b"a" * 17)))
    recorder.run(server.url, on_progress=lambda *_: None, chunk_size=8, file_path=tmp_path / "file")

    assert expected(17, 17, 8) == recorder.progress


def test_5_1_octets_as_received(server: Server, recorder: Any) -> None:
    """Contract 5.1: a coded body is counted as it is on the wire, so that the total is honest."""
    packed = gzip.compress(b"hello" * 1000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    server.play(send(head + packed))
    request = recorder.run(server.url, on_progress=lambda *_: None, req_headers={"accept-encoding": "identity"})

    assert (len(packed), len(packed)) == recorder.progress[-1]
    assert packed == request.content


def test_5_4_at_most_1024_wait(server: Server, recorder: Any) -> None:
    """Contract 5.4: undelivered progress is bounded; the first and the last event always arrive."""
    server.play(send(reply(b"a" * 100_000)))
    request = recorder.get(server.url, on_progress=lambda *_: None, chunk_size=1)
    request.join(20)
    assert request.wait(timeout=20)

    assert 1024 >= len(recorder.progress)
    assert ((0, 100_000), (100_000, 100_000)) == (recorder.progress[0], recorder.progress[-1])
    assert sorted(recorder.progress) == recorder.progress


def test_5_5_progress_interval_merges_by_time(server: Server, recorder: Any) -> None:
    """Contract 5.5, 17.3: within the interval events are merged; the first and the final one come all the same."""
    server.play(send(reply(b"a" * 100)))
    request = recorder.run(server.url, chunk_size=8, progress_interval=3600, on_progress=lambda *_: None)

    assert [(0, 100), (100, 100), (100, 100)] == recorder.progress  # without: fifteen of them
    assert "a" * 100 == request.result


def test_fault_104_cancel_within_progress(server: Server, recorder: Any) -> None:
    """Fault 104, contract 7.3: cancel() in on_progress is followed by on_cancel and on_finish alone."""
    server.play(send(reply(b"a" * 100)))
    request = recorder.get(server.url, chunk_size=8, on_progress=lambda req, now, _: now == 16 and req.cancel())
    request.join(20)
    assert request.wait(timeout=20)

    assert ["progress"] * 3 + ["cancel", "finish"] == recorder.names
    assert (True, True, None) == (request.is_cancelled, request.is_finished, request.result)


@pytest.mark.parametrize("where", ["on_success", "on_finish"])
def test_fault_105_cancel_within_the_end(server: Server, recorder: Any, where: str) -> None:
    """Fault 105, contract 7.3: once the terminal callback has begun, cancel() does nothing and says so."""
    server.play(send(reply()))
    answers: list[bool] = []
    request = recorder.run(server.url, **{where: lambda req, *_: answers.append(req.cancel())})

    assert ([False], "success", False) == (answers, recorder.terminal, request.is_cancelled)
    assert (False, "hello") == (request.cancel(), request.result)


def test_7_1_cancel_returns_at_once(server: Server, recorder: Any) -> None:
    """Contract 7.1: cancel() does not wait for the worker, nor does on_cancel."""
    asked, go = threading.Event(), threading.Event()

    def body() -> Iterator[bytes]:
        asked.set()
        assert go.wait(20)
        yield b"late"

    request = recorder.get(server.url, req_body=body())
    assert asked.wait(20)
    assert request.cancel()
    assert request.wait(timeout=20)

    assert request.is_alive()
    assert ["cancel", "finish"] == recorder.names
    go.set()
    request.join(20)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_fault_126_cancel_in_a_signal_handler(server: Server, recorder: Any) -> None:
    """Fault 126, contract 7.1: a signal handler may cancel, whatever line it interrupts."""
    server.play(signal("sent"), hold())
    request = recorder.get(server.url)
    server.wait("sent")
    main = threading.get_ident()
    before = signals.signal(signals.SIGUSR1, lambda *_: request.cancel())
    try:
        helper = threading.Thread(target=lambda: signals.pthread_kill(main, signals.SIGUSR1))
        helper.start()
        assert request.wait(timeout=20)
        helper.join(20)
    finally:
        signals.signal(signals.SIGUSR1, before)

    assert "cancel" == recorder.terminal


def test_7_1_cancel_all(server: Server, recorder: Any) -> None:
    """Contract 7.1: cancel_all() ends every request and returns how many it ended."""
    for _ in range(5):
        server.play(hold())
    requests = [recorder.get(server.url) for _ in range(5)]
    assert requests == list(urlrequest.g_requests)[-5:]

    assert 5 == urlrequest.cancel_all()
    assert wait_all(requests, timeout=20)
    assert ["cancel", "finish"] * 5 == recorder.names
    assert (0, []) == (urlrequest.cancel_all(), list(urlrequest.g_requests))


# Waiting


@pytest.mark.parametrize("status", ["200 OK", "302 F", "404 N", "600 O", None])
def test_6_1_wait_ends_on_every_outcome(server: Server, recorder: Any, status: str | None) -> None:
    """Contract 6.1: wait() returns True after on_finish, for every outcome."""
    server.play(*([] if status is None else [send(reply(status=status))]))
    request = recorder.get(server.url)

    assert True is request.wait(timeout=20)
    assert "finish" == recorder.names[-1]


def test_fault_109_wait_times_out(server: Server, recorder: Any) -> None:
    """Fault 109, contract 6.1: after `timeout` wait() is False, nothing has run, and the request goes on."""
    server.play(wait_for("late"), send(reply()))
    request = recorder.get(server.url)

    assert False is request.wait(timeout=0.05)
    assert ([], False) == (recorder.names, request.is_finished)
    server.signal("late")
    assert True is request.wait(timeout=20)


@pytest.mark.parametrize("delay", [30, 0.5, 0.001, None, 0])
def test_6_2_wait_is_event_driven(server: Server, recorder: Any, delay: float | None) -> None:
    """Contract 6.2: `delay` is no sleep: the answer is seen when it is there."""
    server.play(send(reply()))
    request = recorder.get(server.url)

    assert request.wait(delay, 20)


def test_6_3_wait_after_the_end(server: Server, recorder: Any) -> None:
    """Contract 6.3: after the end wait() is True at once, and runs nothing."""
    server.play(send(reply()))
    request = recorder.run(server.url)

    assert (True, True) == (request.wait(), request.wait(timeout=0))
    assert ["success", "finish"] == recorder.names


@pytest.mark.parametrize("where", ["on_success", "on_finish"])
def test_fault_107_wait_within_the_end(server: Server, recorder: Any, where: str) -> None:
    """Fault 107, contract 6.3: within a terminal callback wait() returns at once."""
    server.play(send(reply()))
    answers: list[bool] = []
    recorder.run(server.url, **{where: lambda req, *_: answers.append(req.wait(timeout=20))})

    assert ([True], ["success", "finish"]) == (answers, recorder.names)


def test_6_3_wait_within_progress(server: Server, recorder: Any) -> None:
    """Contract 6.3: within on_progress wait() drains until the end, and each event still runs once."""
    server.play(send(reply(b"a" * 20)))
    answers: list[bool] = []

    def wait(request: Any, now: int, _: int) -> None:
        if now == 0:
            answers.append(request.wait(timeout=20))

    recorder.run(server.url, on_progress=wait, chunk_size=8)

    assert ([True], ["progress"] * 5 + ["success", "finish"]) == (answers, recorder.names)
    assert expected(20, 20, 8) == recorder.progress


def test_6_3_wait_from_several_threads(server: Server, recorder: Any) -> None:
    """Contract 6.3: of several threads that wait each returns, and callbacks run once."""
    server.play(wait_for("go"), send(reply(b"a" * 100)))
    request = recorder.get(server.url, on_progress=lambda *_: None, chunk_size=8)
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(request.wait(timeout=20))) for _ in range(6)]
    for thread in threads:
        thread.start()
    server.signal("go")
    for thread in threads:
        thread.join(20)

    assert [True] * 6 == answers
    assert expected(100, 100, 8) == recorder.progress
    assert "success" == recorder.terminal


def test_6_1_wait_runs_no_other_requests_callbacks(server: Server, recorder: Any) -> None:
    """Contract 6.1: wait() is about its own request alone."""
    server.respond("/", "hello")
    other = recorder.get(server.url)
    other.join(20)
    names: list[str] = []
    assert UrlRequest(server.url, on_success=lambda *_: names.append("own")).wait(timeout=20)

    assert (["own"], []) == (names, recorder.names)
    assert other.wait(timeout=20)


def test_6_4_wait_all(server: Server, recorder: Any) -> None:
    """Contract 6.4: wait_all() drains all of them until each is finished, whatever its outcome."""
    for steps in ([send(reply())], [send(reply(status="500 E"))], [], [send(reply(status="302 F"))]):
        server.play(*steps)
    requests = [recorder.get(server.url) for _ in range(4)]

    assert wait_all(iter(requests), timeout=20)
    assert all(request.is_finished for request in requests)
    assert 8 == len(recorder.names)
    assert (True, True) == (wait_all([]), wait_all(requests))


def test_6_4_wait_all_times_out(server: Server, recorder: Any) -> None:
    """Contract 6.4: with one that does not end wait_all() is False; those that ended were delivered."""
    server.play(send(reply()))
    done = recorder.get(server.url)
    done.join(20)
    server.play(hold())
    stuck = recorder.get(server.url)

    assert False is wait_all([done, stuck], timeout=0.05)
    assert (True, False) == (done.is_finished, stuck.is_finished)
    stuck.cancel()
    assert wait_all([stuck], timeout=20)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("method", ["wait", "join"])
@pytest.mark.usefixtures("ctrl_c")
def test_fault_119_keyboard_interrupt(server: Server, recorder: Any, method: str) -> None:
    """Fault 119: Ctrl-C ends wait() and join(); the request goes on, and both may be called again."""
    server.play(wait_for("again"), send(reply()))
    request = recorder.get(server.url)
    with pytest.raises(KeyboardInterrupt):
        getattr(request, method)(timeout=20)
    alive = request.is_alive()
    server.signal("again")
    request.join(20)
    assert request.wait(timeout=20)

    assert (True, "success") == (alive, recorder.terminal)


# A request is a thread to its user


def test_2_2_a_thread_to_its_user(server: Server, recorder: Any) -> None:
    """Contract 2.2: a daemon thread with a name of its own, started, alive until the worker is done with it."""
    server.play(signal("sent"), wait_for("go"), send(reply()))
    request = recorder.get(server.url)
    server.wait("sent")

    assert isinstance(request, threading.Thread)
    assert (True, True) == (request.daemon, request.is_alive())
    assert request.name.startswith("urlrequest-")
    assert isinstance(request.ident, int)
    assert request.ident != threading.get_ident()
    assert request.ident in {thread.ident for thread in threading.enumerate()}
    with pytest.raises(RuntimeError):
        request.start()
    request.join(timeout=0.02)
    assert request.is_alive()
    request.join(-1)
    server.signal("go")
    request.join()
    assert (False, False) == (request.is_alive(), request.is_finished)
    assert request.wait(timeout=20)


def test_2_2_identity(server: Server, recorder: Any) -> None:
    """Contract 2.2: requests are hashable, equal to themselves only, and take attributes of any name."""
    server.respond("/", "hello")
    first, second = recorder.get(server.url), recorder.get(server.url)
    first.anything = 1
    assert wait_all([first, second], timeout=20)

    assert first == first  # noqa: PLR0124 - what it is about
    assert first != second
    assert 2 == len({first, second, first})
    assert first.name != second.name
    assert not hasattr(UrlRequest, "__slots__")


def is_delivered(request: UrlRequest) -> bool:
    """Whether this thread's drain() has run the callbacks."""
    urlrequest.drain()
    return request.is_finished


@pytest.mark.parametrize("has_callback", [False, True])
@pytest.mark.parametrize("way", ["wait", "drain", "join"])
def test_3_7_a_finished_request_dies_at_once(server: Server, has_callback: bool, way: str) -> None:
    """Contract 3.7: what nobody keeps needs no garbage collection, which would hold up the loop for large bodies."""
    server.play(send(reply()))
    told: list[Any] = []
    request = UrlRequest(server.url, on_success=(lambda _, result: told.append(result)) if has_callback else None)
    gc.collect()
    gc.disable()
    try:
        if way == "wait":
            assert request.wait(timeout=20)
        else:
            request.join(20)  # its worker announces the outcome after that
            wait_until(partial(is_delivered, request))
        assert request.is_finished
        dead = weakref.ref(request)
        request.join(20)  # its worker is done with it
        settle = threading.Event()
        del request
        for _ in range(2000):
            if dead() is None:
                break
            settle.wait(0.005)
        assert dead() is None
    finally:
        gc.enable()


def test_2_2_join_of_a_waiting_request(server: Server, recorder: Any) -> None:
    """Contract 2.2, 17.9: a request that waits for a slot is alive, and join() waits for it."""
    for number in range(64):
        server.play(signal(f"{number}"), hold())
    server.respond("/waiting", "hello", headers={"Content-Type": "text/plain"})
    busy = [UrlRequest(server.url) for _ in range(64)]
    waiting = recorder.get(f"{server.url}/waiting")
    before = (waiting.is_alive(), waiting.ident)
    waiting.join(0.01)
    assert waiting.is_alive()
    for number in range(64):  # a script that no connection has taken would be for the request that waits
        server.wait(f"{number}")
    for request in busy:
        request.cancel()
    waiting.join(20)

    assert (True, None) == before
    assert waiting.wait(timeout=20)
    assert (False, "hello") == (waiting.is_alive(), waiting.result)


def test_2_2_join_on_its_own_worker(server: Server) -> None:
    """Contract 2.2: as with every thread, joining oneself is an error and no deadlock."""

    class Joining(UrlRequest):
        def decode_result(self, result: Any, resp: Any) -> Any:
            self.join()
            return result

    server.play(send(reply()))
    request = Joining(server.url)
    assert request.wait(timeout=20)

    assert isinstance(request.error, RuntimeError)


def test_3_4_polling_ends(server: Server) -> None:
    """Contract 3.4: a program that polls is_finished needs no loop and no wait()."""
    server.respond("/", "hello")
    request = UrlRequest(server.url)
    while not request.is_finished:
        request.join(0.01)

    assert "hello" == request.result


def test_7_5_a_block_that_is_left_cancels(server: Server, recorder: Any) -> None:
    """Contract 7.5: the end of a `with` block cancels the request."""
    server.play(signal("received"), hold())
    with recorder.get(server.url) as request:
        server.wait("received")
    assert request.wait(timeout=20)

    assert request.is_cancelled
    assert ["cancel", "finish"] == recorder.names


def test_7_5_exceptions_of_the_block_pass(server: Server, recorder: Any) -> None:
    """Contract 7.5: so does an exception, which goes on."""
    server.play(hold())
    with pytest.raises(LookupError), recorder.get(server.url) as request:
        raise LookupError
    assert request.wait(timeout=20)

    assert request.is_cancelled


def test_7_5_a_finished_request_stays_as_it_is(server: Server, recorder: Any) -> None:
    """Contract 7.5: a block whose request is finished changes nothing."""
    server.respond("/", "hello")
    with recorder.get(server.url) as request:
        assert request.wait(timeout=20)

    assert ("hello", False) == (request.result, request.is_cancelled)
    assert "cancel" not in recorder.names
