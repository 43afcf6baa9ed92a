"""What requests cost, counted instead of timed: calls, system calls, threads and objects have no noise.

A small kept-alive GET is launched: the thread that waits sends it and reads the response. A subclass of `UrlRequest`
goes to a worker.
"""

from __future__ import annotations

import gc
import json
import socket
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from support.children import output_of
from support.waiting import wait_until
from support.watches import hold_watch
from urlrequest import Session, UrlRequest, wait_all
from urlrequest._concurrency.worker_pool import CROWD
from urlrequest._delivery import waiting
from urlrequest._engine.options import PLAIN
from urlrequest.hooks._detect import DETECTORS
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

# Of Python functions, of a request that needs no worker: 81 and 89, some of this test; other Pythons call some more.
MOST_CALLS = {"http": 95, "https": 104}
MOST_CALLS_WITH_HEADERS = 170  # the same with two header fields
MOST_CALLS_OF_A_SESSION = 135  # the same by `get()` of a session that has a base URL and two header fields
MOST_WORKER_CALLS = 240  # the same on a worker, on both threads together
MOST_BLOCKS = 60  # of memory, that a finished request keeps
MOST_BYTES = 1900  # that a request allocates which waits for a worker; with CPython 3.11 some 1,840
MOST_WAITING = 50  # requests that wait for their responses at once
WARM_UP = 5  # requests until the worker, the connection and the caches are there
COUNT = 20  # requests that are counted
QUEUED = 1000  # requests of which the memory is counted

BODY = b'{"name": "urlrequest", "text": "' + b"x" * 960 + b'"}'
HEADERS = {"Authorization": "Bearer abc", "Accept": "application/json"}
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\nLast-Modified: Sun, 22 Nov 2026 11:00:00 GMT\r\n"
    b'Connection: keep-alive\r\nETag: "6921a0b0-410"\r\nAccept-Ranges: bytes\r\n\r\n%s' % (len(BODY), BODY)
)

# Methods of sockets that are one system call each where the socket does not block.
NETWORK_CALLS = {"connect", "connect_ex", "recv", "recv_into", "recvfrom", "recvmsg", "send", "sendall", "sendto"}
# OpenSSL reads and writes the descriptor itself, which the system counts for each thread.
IO = Path("/proc/thread-self/io")


class Origin(NamedTuple):
    url: str
    options: dict[str, Any]


def answer_all(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    """Serve one connection; every answer is one send, so that how often the client receives is not left to chance."""
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with closing(accepted if context is None else context.wrap_socket(accepted, server_side=True)) as connection:
        while b"Connection: close" not in (octets := connection.recv(65536)) and octets:
            connection.sendall(ANSWER)
        connection.sendall(ANSWER)


@pytest.fixture(params=["http", "https"])
def origin(request: pytest.FixtureRequest, server_context: ssl.SSLContext, ca_file: str) -> Iterator[Origin]:
    """A server of one connection, over http and over https."""
    is_tls = request.param == "https"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = server_context if is_tls else None
        server = threading.Thread(target=answer_all, args=(listener, context), name="server", daemon=True)
        server.start()
        url = f"{request.param}://127.0.0.1:{listener.getsockname()[1]}/"
        origin = Origin(url, {"ca_file": ca_file} if is_tls else {})
        yield origin
        get(origin, req_headers={"Connection": "close"})
    server.join(10)
    assert not server.is_alive()


class Calls:
    """Counts calls on the threads that have it as their profile: those of Python functions, and of sockets' methods."""

    def __init__(self) -> None:
        self.python = self.network = 0

    def profile(self, _frame: object, event: str, argument: Any) -> None:
        if event == "call":
            self.python += 1
        elif event == "c_call" and isinstance(getattr(argument, "__self__", None), socket.socket):
            self.network += argument.__name__ in NETWORK_CALLS


class Profiled(UrlRequest):
    """Sets the profile of its worker, which keeps it for the requests that follow."""

    profile: Any = None

    def run(self) -> None:
        sys.setprofile(self.profile)
        super().run()


class Measured(UrlRequest):
    """Notes how often its worker has read and written, beyond what looking at that costs."""

    octet_calls = 0

    def run(self) -> None:
        before = count_octet_calls()
        cost = count_octet_calls() - before
        super().run()
        self.octet_calls = count_octet_calls() - before - 2 * cost


def count_octet_calls() -> int:
    """read() and write() of this thread so far; send() and recv() are none of them."""
    lines = IO.read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("syscr:", "syscw:")))


def get(origin: Origin, cls: type[UrlRequest] = UrlRequest, **options: Any) -> Any:
    request = cls(origin.url, **origin.options, **options)
    assert request.wait(timeout=20), f"{request!r} did not end"
    assert request.error is None, request.error
    assert "urlrequest" == request.result["name"]
    return request


class Worked(UrlRequest):
    """Goes to a worker, as every subclass does."""


@pytest.fixture(params=[UrlRequest])
def kind(request: pytest.FixtureRequest) -> type[UrlRequest]:
    """The class of the requests that are counted."""
    kind: type[UrlRequest] = request.param
    return kind


@pytest.fixture
def _read_by_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waiting thread reads all responses, however slow this machine is: there is no watch that may be first."""
    hold_watch(monkeypatch)
    monkeypatch.setattr(waiting, "PROMPT", 10.0)


@pytest.fixture
def _undisturbed(_read_by_waiting: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing else comes among what is counted."""
    for module in DETECTORS:  # a toolkit that another test has imported is asked for its loop
        monkeypatch.delitem(sys.modules, module, raising=False)
    gc.collect()
    gc.disable()  # no finaliser runs among what is counted
    try:
        yield
    finally:
        sys.setprofile(None)
        gc.enable()


@pytest.fixture
def calls(origin: Origin, kind: type[UrlRequest], _undisturbed: None) -> Calls:
    """What a row of requests calls, on this thread and on the worker; both look no further afterwards."""
    calls = Calls()
    for _ in range(WARM_UP):
        get(origin, type("Counted", (Profiled,), {"profile": staticmethod(calls.profile)}))
    get(origin, kind)
    calls.python = calls.network = 0
    sys.setprofile(calls.profile)
    for _ in range(COUNT):
        get(origin, kind)
    sys.setprofile(None)
    made = calls.python, calls.network
    get(origin, Profiled)
    calls.python, calls.network = made
    return calls


def test_small_get_makes_few_calls(calls: Calls, origin: Origin) -> None:
    """A kept-alive GET of 1 KB of JSON calls at most 95 Python functions, over TLS 104; some are of this test."""
    assert calls.python / COUNT <= MOST_CALLS[origin.url.partition(":")[0]]


@pytest.mark.parametrize("kind", [partial(UrlRequest, req_headers=HEADERS)], indirect=True)
@pytest.mark.parametrize("origin", ["http"], indirect=True)
def test_get_with_headers_makes_few_calls(calls: Calls) -> None:
    """With two headers it calls at most 170 Python functions: it is prepared each time, but needs no worker."""
    assert calls.python / COUNT <= MOST_CALLS_WITH_HEADERS


@pytest.mark.usefixtures("_undisturbed")
def test_get_of_a_session_makes_few_calls() -> None:
    """`get()` of a session calls at most 135: its settings are read for each request, which is prepared once."""
    calls = Calls()
    with Server() as server, Session(server.url, HEADERS) as session:
        server.respond("/small", "hello")
        for counts in [False] * WARM_UP + [True] * COUNT:
            sys.setprofile(calls.profile if counts else None)
            request = session.get("/small")
            request.wait(timeout=20)
            sys.setprofile(None)
            assert "hello" == request.result
        assert request._urlrequest_call.is_launched
    assert calls.python / COUNT <= MOST_CALLS_OF_A_SESSION


@pytest.mark.parametrize("kind", [Worked], indirect=True)
def test_small_get_on_a_worker_makes_few_calls(calls: Calls) -> None:
    """With a worker it calls at most 240 Python functions, on both threads together."""
    assert calls.python / COUNT <= MOST_WORKER_CALLS


@pytest.mark.parametrize("kind", [UrlRequest, Worked], indirect=True)
@pytest.mark.parametrize("origin", ["http"], indirect=True)
def test_small_get_makes_two_network_calls(calls: Calls) -> None:
    """It sends once and receives once."""
    assert 2 == calls.network / COUNT


@pytest.mark.skipif(not IO.exists(), reason="the system does not count a thread's reads and writes")
@pytest.mark.usefixtures("_read_by_waiting")
@pytest.mark.parametrize("origin", ["https"], indirect=True)
def test_small_get_over_tls_without_a_worker(origin: Origin) -> None:
    """Over TLS, too, the waiting thread writes once and reads twice: OpenSSL reads a record's head by itself."""
    for _ in range(WARM_UP):
        get(origin)
    before = count_octet_calls()
    cost = count_octet_calls() - before
    before = count_octet_calls()
    for _ in range(COUNT):
        get(origin)

    assert 3 * COUNT == count_octet_calls() - before - cost


@pytest.mark.skipif(not IO.exists(), reason="the system does not count a thread's reads and writes")
@pytest.mark.parametrize("origin", ["https"], indirect=True)
def test_small_get_over_tls_makes_three_network_calls(origin: Origin) -> None:
    """Over TLS it writes once and reads twice: OpenSSL reads a record's head by itself."""
    for _ in range(WARM_UP):
        get(origin)

    requests = [get(origin, Measured) for _ in range(COUNT)]
    for request in requests:
        request.join()  # then its worker has looked
    assert [3] * COUNT == [request.octet_calls for request in requests]


@pytest.mark.parametrize("origin", ["http"], indirect=True)
def test_a_finished_request_keeps_little(origin: Origin) -> None:
    """A request that is over keeps its arguments and its response, and little else."""
    get(origin)
    kept: list[Any] = [None] * COUNT
    gc.collect()
    before = sys.getallocatedblocks()
    for number in range(COUNT):
        kept[number] = get(origin)
    gc.collect()

    assert (sys.getallocatedblocks() - before) / COUNT <= MOST_BLOCKS


QUEUE = f"""
import gc, json, socket, sys, tracemalloc
from urlrequest import Session, UrlRequest

options = json.loads(sys.argv[1])
kept = [None] * {QUEUED}
with socket.create_server(("127.0.0.1", 0)) as silent, Session(max_requests=1) as session:
    url = f"http://127.0.0.1:{{silent.getsockname()[1]}}/"
    requests = [UrlRequest(url, session=session, **options) for _ in range({WARM_UP})]
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range({QUEUED}):
        kept[number] = UrlRequest(url, session=session, **options)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    session.cancel_all()
print(taken, sum(request.is_cancelled for request in requests + kept))
"""


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="tracemalloc counts the objects of CPython")
@pytest.mark.parametrize("options", [{}, {"req_headers": {"Accept": "*/*"}}], ids=["plain", "with an option"])
def test_a_request_that_waits_for_a_worker_takes_little_memory(options: dict[str, Any]) -> None:
    """A program may queue many thousands: each takes less than 2 KB, and its options where it has any.

    In a process of its own: how often the sets that hold all requests grow depends on what they have held before.
    """
    most = MOST_BYTES if not options else MOST_BYTES + sys.getsizeof(PLAIN) + sys.getsizeof(options)

    taken, waiting = map(int, output_of(QUEUE, json.dumps(options)).split())

    assert WARM_UP + QUEUED == waiting
    assert taken / QUEUED <= most


def test_waiting_requests_need_no_threads() -> None:
    """Requests that wait for their responses over connections at hand have no thread each."""
    is_slow, go = threading.Event(), threading.Event()

    def respond(_: object) -> Reply:
        if is_slow.is_set():
            assert go.wait(20)
        return Reply(200, b"ok")

    with Server() as server, Session(max_requests=MOST_WAITING) as session:
        server.route("/", respond)
        for _ in range(2):  # the workers of the first ones leave the connections
            assert wait_all([UrlRequest(server.url, session=session) for _ in range(MOST_WAITING)], timeout=20)
        idle = session._urlrequest_shared.pool.count
        is_slow.set()
        requests = [UrlRequest(server.url, session=session) for _ in range(idle)]
        with_a_worker = session._urlrequest_shared.workers._running
        go.set()
        assert wait_all(requests, timeout=20)

    assert idle > MOST_WAITING / 10
    assert 0 == with_a_worker


def test_requests_that_wait_on_new_connections_need_few_threads() -> None:
    """Of many requests that wait for their responses over new connections, the first few have a worker each."""
    go = threading.Event()

    def respond(_: object) -> Reply:
        assert go.wait(20)
        return Reply(200, b"ok")

    with Server() as server, Session(max_requests=MOST_WAITING) as session:
        server.route("/", respond)
        requests = [UrlRequest(server.url, session=session) for _ in range(MOST_WAITING)]
        workers = session._urlrequest_shared.workers
        wait_until(lambda: len(server.requests) == MOST_WAITING and workers._running <= CROWD)
        go.set()
        assert wait_all(requests, timeout=20)

    assert ["ok"] * MOST_WAITING == [request.result for request in requests]
