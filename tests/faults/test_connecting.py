"""Faults 1 to 11, contract 15.3: names, addresses and connections that do not come about."""

from __future__ import annotations

import errno
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from faults.rows import Target, assert_ended
from support.leaks import living_threads
from support.messages import reply
from support.servers import closed_port, full_port
from urlrequest._net import cancel_scope, connect, resolver
from urlrequest.errors import InvalidURL
from urlrequest.testing import Server, send

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.no_leaks

TCP = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")


def v4(address: str, port: int) -> tuple[Any, ...]:
    return (socket.AF_INET, *TCP, (address, port))


def v6(address: str, port: int) -> tuple[Any, ...]:
    return (socket.AF_INET6, *TCP, (address, port, 0, 0))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What names stand for: addresses, or the error of the system's resolver."""
    known: dict[str, Any] = {}

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> Any:
        found = known.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port on which nobody listens, kept from others."""
    with closed_port() as port:
        yield port


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port whose connections never come about: the queue of its listener is full."""
    with full_port() as port:
        yield port


def test_fault_1_unknown_name(names: dict[str, Any], recorder: Any, target: Target) -> None:
    """Fault 1, contract 16.1, 16.3: a name that nobody knows is the resolver's error, and the message has the name."""
    request = recorder.run("http://unknown.test/", file_path=target.path)

    assert ("error", socket.gaierror) == (recorder.terminal, type(request.error))
    assert "unknown.test" in str(request.error)
    assert socket.EAI_NONAME == request.error.errno
    assert_ended(request)
    target.assert_untouched()


def test_fault_2_what_the_resolver_raises(names: dict[str, Any], recorder: Any) -> None:
    """Fault 2: any exception of the resolver is the request's error."""
    names["odd.test"] = UnicodeError("label too long")

    assert isinstance(recorder.run("http://odd.test/").error, UnicodeError)


def test_fault_3_name_without_address(names: dict[str, Any], recorder: Any) -> None:
    """Fault 3: a name without an address is an error that says so."""
    names["none.test"] = []
    request = recorder.run("http://none.test/")

    assert isinstance(request.error, OSError)
    assert "none.test" in str(request.error)


def test_7_2_a_lookup_that_is_faster_than_the_wait(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, Any], server: Server, recorder: Any
) -> None:
    """Fault 2: a name that is found before the worker begins to wait for it wakes the worker all the same."""
    names["fast.test"] = [v4("127.0.0.1", server.port)]
    server.play(send(reply()))
    wait = cancel_scope.CancelScope.wait

    def late(scope: Any, interest: Any, until: Any, what: str, **more: Any) -> Any:
        if what.startswith("resolving"):
            for thread in living_threads("urlrequest-resolver"):
                thread.join(20)
        return wait(scope, interest, until, what, **more)

    monkeypatch.setattr(cancel_scope.CancelScope, "wait", late)
    request = recorder.run(f"http://fast.test:{server.port}/", deadline=20)

    assert "hello" == request.result


def test_fault_2_lookups_of_one_name_are_shared(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, Any], recorder: Any, dead_port: int
) -> None:
    """Fault 2: requests that ask for one name at the same time cost one look-up, and each gets the answer."""
    asked, go = [], threading.Event()
    answer = socket.getaddrinfo
    waits = threading.Semaphore(0)
    wait = cancel_scope.CancelScope.wait

    def noting(scope: Any, interest: Any, until: Any, what: str, **more: Any) -> Any:
        if what.startswith("resolving"):
            waits.release()
        return wait(scope, interest, until, what, **more)

    def slow(host: str, port: int, **options: Any) -> Any:
        asked.append(host)
        go.wait(20)
        return answer(host, port, **options)

    monkeypatch.setattr(cancel_scope.CancelScope, "wait", noting)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    requests = [recorder.get(f"http://shared.test:{dead_port}/") for _ in range(5)]
    for _ in requests:
        assert waits.acquire(timeout=20)
    go.set()
    for request in requests:
        assert request.wait(timeout=20)

    assert ["shared.test"] == asked
    assert [socket.gaierror] * 5 == [type(request.error) for request in requests]


def test_fault_2_many_silent_lookups_do_not_stop_others(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, Any], server: Server, recorder: Any
) -> None:
    """Fault 2: more names than there are look-up threads are looked up in turn; addresses need no look-up."""
    go = threading.Event()

    def slow(host: str, port: int, **options: Any) -> Any:
        if options.get("flags"):
            return [v4(host, port)]
        go.wait(20)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    server.play(send(reply()))
    waiting = [recorder.get(f"http://name{number}.test/") for number in range(resolver.MAX_THREADS + 4)]
    assert "hello" == recorder.run(server.url).result
    go.set()
    for request in waiting:
        assert request.wait(timeout=20)

    assert {socket.gaierror} == {type(request.error) for request in waiting}


BAD_URLS = [
    *("http://a..b/", f"http://{'a' * 64}.test/", f"http://{'a.' * 130}test/", "http://.test/"),
    *("http://a\0b/", "http://a\tb/", "http://a\rb/", "http://a b/", "http://a\\b/", "http://a%20b/"),
    *("", "http://", "http:///p", "http:/p", ":80", "http://:80/", "http://@/", "https://?a"),
    *("http://h:0/", "http://h:65536/", "http://h:99999/", "http://h:80a/", "http://h:-1/", "http://h:+1/"),
    *("http://[::1/", "http://::1/", "http://[::g]/", "http://[]/", "http://[127.0.0.1]/"),
    *("http://127.1/", "http://0x7f.1/", "http://0177.0.0.1/", "http://2130706433/", "http://256.1.1.1/"),
    *("http://h/\r\nX: y", "http://h/\0a", "http://h/a\tb", "http://h/a\x7fb", "http://h\x01/", "http://\u2100x/"),
]


@pytest.mark.parametrize("url", BAD_URLS, ids=repr)
def test_fault_4_bad_url(names: dict[str, Any], recorder: Any, target: Target, url: str) -> None:
    """Faults 4 to 7, contract 9.4: what is no URL is an error before any name is looked up."""
    request = recorder.run(url, file_path=target.path, timeout=15)

    assert ("error", InvalidURL) == (recorder.terminal, type(request.error))
    assert isinstance(request.error, ValueError)
    assert_ended(request)
    target.assert_untouched()


def test_16_1_refused(dead_port: int, recorder: Any, target: Target) -> None:
    """Contract 16.1, 16.3: a refused connection is the system's error, and the message says where."""
    request = recorder.run(f"http://127.0.0.1:{dead_port}/", file_path=target.path)

    assert ("error", ConnectionRefusedError) == (recorder.terminal, type(request.error))
    assert errno.ECONNREFUSED == request.error.errno
    assert f"127.0.0.1:{dead_port}" in str(request.error)
    assert_ended(request)
    target.assert_untouched()


def test_fault_10_mute_refused_then_good(
    names: dict[str, Any], server: Server, recorder: Any, dead_port: int, mute_port: int
) -> None:
    """Fault 10, contract 15.3: a mute address delays by a quarter of a second, a refusing one is passed over."""
    names["three.test"] = [v4("127.0.0.1", mute_port), v4("127.0.0.1", dead_port), v4("127.0.0.1", server.port)]
    server.play(send(reply()))
    began = monotonic()
    request = recorder.run(f"http://three.test:{server.port}/", timeout=15)
    took = monotonic() - began

    assert "hello" == request.result
    assert 0.2 < took


def test_15_3_refused_addresses_cost_nothing(
    names: dict[str, Any], server: Server, recorder: Any, dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.3: after a refusal the next address is tried at once."""
    monkeypatch.setattr(connect, "ATTEMPT_DELAY", 60.0)  # longer than the recorder waits
    names["many.test"] = [v4("127.0.0.1", dead_port)] * 8 + [v4("127.0.0.1", server.port)]
    server.play(send(reply()))

    assert "hello" == recorder.run(f"http://many.test:{server.port}/").result


def test_15_3_families_alternate(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, Any], recorder: Any, dead_port: int
) -> None:
    """Contract 15.3: addresses of both families are tried in turn, the preferred one first."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    names["both.test"] = [v6("::1", dead_port)] * 3 + [v4("127.0.0.1", dead_port)] * 2
    tried = []
    real = socket.socket

    class Noting(real):  # type: ignore[misc, valid-type]
        def connect_ex(self, address: Any) -> int:
            tried.append(address[0])
            return int(super().connect_ex(address))

    monkeypatch.setattr(socket, "socket", Noting)
    request = recorder.run("http://both.test/")

    assert ["::1", "127.0.0.1", "::1", "127.0.0.1", "::1"] == tried
    assert isinstance(request.error, OSError)


def test_fault_11_all_addresses_fail(names: dict[str, Any], recorder: Any, dead_port: int) -> None:
    """Fault 11: the error is the first address's, and has those of the others."""
    names["dead.test"] = [v4("127.0.0.1", dead_port), v4("127.0.0.2", dead_port), v4("127.0.0.3", dead_port)]
    request = recorder.run("http://dead.test/")

    assert isinstance(request.error, ConnectionRefusedError)
    assert "127.0.0.1" in str(request.error)
    others = [str(error) for error in request.error.errors]
    assert [True, True] == [address in other for address, other in zip(("127.0.0.2", "127.0.0.3"), others, strict=True)]


def test_fault_9_timeout_is_for_all_addresses(names: dict[str, Any], recorder: Any, mute_port: int) -> None:
    """Fault 9: the timeout of a connect is that of the whole race, not of each address."""
    names["mute.test"] = [v4("127.0.0.1", mute_port)] * 100  # half a minute, if it were for each
    request = recorder.run("http://mute.test/", timeout=0.3)

    assert TimeoutError is type(request.error)
    assert "connecting to mute.test" in str(request.error)


def test_15_3_socket_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, Any], server: Server, recorder: Any
) -> None:
    """Contract 15.3: an address family that the system does not have is passed over."""
    names["odd.test"] = [(99, *TCP, ("nowhere", 1)), v4("127.0.0.1", server.port)]
    server.play(send(reply()))

    assert "hello" == recorder.run(f"http://odd.test:{server.port}/").result


def test_no_descriptor_left(monkeypatch: pytest.MonkeyPatch, recorder: Any) -> None:
    """Sockets E55: without a descriptor left the request ends with the system's error."""

    def refuse(*_: object, **__: object) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    request = recorder.run("http://127.0.0.1:9/")

    assert ("error", errno.EMFILE) == (recorder.terminal, request.error.errno)


@pytest.mark.parametrize("host", ["[::1]", "[0:0:0:0:0:0:0:1]"])
def test_9_2_ipv6(recorder: Any, host: str) -> None:
    """Contract 9.2: IPv6 literals are connected to as they are, and stand in brackets in the Host field."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with Server(host="::1") as server:
        server.play(send(reply()))
        request = recorder.run(f"http://{host}:{server.port}/")

        assert "hello" == request.result
        assert f"[::1]:{server.port}" == server.requests[0].header("Host")
