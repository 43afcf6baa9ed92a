from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.leaks import DESCRIPTORS, is_worker, open_descriptors
from support.waiting import wait_until
from urlrequest import UrlRequest, cancel_all, wait_all
from urlrequest._client.call import active_calls
from urlrequest._delivery.mailbox import MAX_PROGRESS, Mailbox
from urlrequest.hooks import ManualHook
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.stress

MANY = 2000


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No loop is detected, and what is left at the end is told."""
    monkeypatch.setattr(urlrequest.defaults, "detect_hook", False)
    cancel_all()  # what another file's tests have left, in the same process
    assert wait_all(list(active_calls.values()), timeout=20)
    gc.collect()
    before = mailboxes()
    yield
    assert {} == active_calls
    # A worker may not have returned yet from the last lines of its work.
    wait_until(lambda: collected_mailboxes() <= before)


def mailboxes() -> int:
    """How many mailboxes, hence requests, are alive."""
    return sum(isinstance(each, Mailbox) for each in gc.get_objects())


def collected_mailboxes() -> int:
    gc.collect()
    return mailboxes()


def descriptors() -> int:
    return len(open_descriptors()) if DESCRIPTORS.is_dir() else 0


def workers() -> int:
    return sum(map(is_worker, threading.enumerate()))


class Log:
    """Which callbacks ran, by request."""

    def __init__(self) -> None:
        self.names: dict[int, list[str]] = {}

    def note(self, name: str) -> Any:
        return lambda request, *_: self.names.setdefault(id(request), []).append(name)

    def request(self, url: str, **options: Any) -> UrlRequest:
        names = ("success", "failure", "redirect", "error", "cancel", "finish")
        return UrlRequest(url, **{f"on_{name}": self.note(name) for name in names}, **options)

    def kinds(self) -> set[tuple[str, ...]]:
        return set(map(tuple, self.names.values()))


def test_fault_114_many_at_once(server: Server) -> None:
    """Fault 114: thousands of requests made at once all succeed, with at most 64 workers, each told once."""
    server.respond("/", b"x" * 100)
    log, most, others = Log(), 0, workers()
    requests = [log.request(server.url) for _ in range(MANY)]
    while not wait_all(requests, timeout=0.05):
        most = max(most, workers())

    assert {("success", "finish")} == log.kinds()
    assert MANY == len(log.names)
    assert most <= 64 + others
    assert {"x" * 100} == {request.result for request in requests}


def test_fault_114_many_from_many_threads(server: Server) -> None:
    """Requests made on many threads at once, and drained on yet another, are all delivered there."""
    server.respond("/", "x")
    log, hook, made = Log(), ManualHook(), []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        made.extend([log.request(server.url, hook=hook) for _ in range(MANY // 16)])

    makers = [threading.Thread(target=make) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    for request in made:
        request.join()
    while hook.drain(0.008):
        pass

    assert {("success", "finish")} == log.kinds()
    assert MANY // 2 == len(log.names)


@pytest.mark.parametrize("when", ["at once", "from threads", "while answers come"])
def test_fault_126_a_storm_of_cancels(when: str) -> None:
    """Fault 126, contract 7: thousands of cancels leave nothing over: no thread, descriptor, request or mailbox."""
    log = Log()
    before = descriptors()
    with Server() as server:
        if when == "while answers come":
            server.respond("/", "x")
        else:
            release = threading.Event()
            server.route("/", lambda _: (release.wait(100), Reply(200))[1])
        requests = [log.request(server.url) for _ in range(MANY)]
        if when == "from threads":
            threads = [threading.Thread(target=cancel_all) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        else:
            cancel_all()
        assert wait_all(requests, timeout=60)
        for request in requests:
            request.join(20)
            assert not request.is_alive()
        if when != "while answers come":
            release.set()

    assert MANY == len(log.names)
    if when == "while answers come":
        assert {("success", "finish"), ("cancel", "finish")} >= log.kinds()
    else:
        assert {("cancel", "finish")} == log.kinds()
    del requests, request
    if before:
        urlrequest._concurrency.wakeup.drop_spare_wakers()
        gc.collect()
        assert descriptors() <= before + 64  # idle connections that the pool keeps


def test_7_3_cancel_against_delivery(server: Server) -> None:
    """Contract 7.4: cancels that race with the delivery of results end in exactly one outcome each, told truly."""
    server.respond("/", "x")
    log, told = Log(), {}
    requests = [log.request(server.url) for _ in range(500)]
    canceller = threading.Thread(target=lambda: told.update({id(r): r.cancel() for r in reversed(requests)}))
    canceller.start()
    assert wait_all(requests, timeout=30)
    canceller.join()

    for request in requests:
        expected = ["cancel", "finish"] if told[id(request)] else ["success", "finish"]
        assert expected == log.names[id(request)]
        assert told[id(request)] == request.is_cancelled


def test_5_4_a_flood_of_progress(server: Server) -> None:
    """Contract 5.2, 5.4: of 20,000 events all that fit are delivered in order, the first and the final among them."""
    server.respond("/", b"x" * 20_000)
    events: list[int] = []
    request = UrlRequest(server.url, chunk_size=1, on_progress=lambda _, current, total: events.append(current))
    request.join()
    assert request.wait(timeout=30)

    assert MAX_PROGRESS == len(events)
    assert (0, 20_000) == (events[0], events[-1])
    assert events == sorted(events)


def test_5_4_a_flood_of_progress_that_is_drained(server: Server) -> None:
    """Contract 5.1: with somebody to take them, 20,000 events come in order to the end, however fast the network is."""
    server.respond("/", b"x" * 20_000)
    events: list[int] = []
    request = UrlRequest(server.url, chunk_size=1, on_progress=lambda _, current, total: events.append(current))
    assert request.wait(timeout=30)

    assert (0, 20_000, 20_000) == (events[0], events[-1], request.content and len(request.content))
    assert events == sorted(events)


def test_fault_106_nested_requests(server: Server) -> None:
    """Fault 106: a thousand requests, each made in the callback of the one before, work without recursion."""
    server.respond("/", "x")
    depths: list[int] = []
    made: list[UrlRequest] = []

    def again(request: UrlRequest, result: str) -> None:
        depths.append(len(depths))
        if len(depths) < 1000:
            made.append(UrlRequest(server.url, again))

    made.append(UrlRequest(server.url, again))
    while len(depths) < 1000:
        wait_all(made, timeout=30)

    assert list(range(1000)) == depths
    assert wait_all(made, timeout=30)
    made.clear()


@pytest.mark.slow
def test_soak(server: Server) -> None:
    """Requests of all kinds, made, cancelled and waited for again and again, leave nothing over."""
    server.respond("/", b"x" * 5000)
    log = Log()
    for round_number in range(30):
        requests = [log.request(server.url + ("/" if number % 3 else "/none")) for number in range(100)]
        for request in requests[:: 2 + round_number % 3]:
            request.cancel()
        assert wait_all(requests, timeout=30)
    log.names.clear()
    requests.clear()
    del request
