from __future__ import annotations

import errno
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.servers import full_port
from urlrequest._concurrency.deadline import Deadline
from urlrequest._net import connect
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.connect import (
    _interleaved,
    check_address_family,
    check_keepalive,
    connect_socket,
    connect_to_host,
    error_text,
    watch_peer,
)
from urlrequest.errors import DeadlineExceeded, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.no_leaks

Address = tuple[int, int, int, str, Any]


def address_of(sock: socket.socket) -> Address:
    return (sock.family, socket.SOCK_STREAM, 6, "", sock.getsockname())


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def refusing() -> Iterator[Address]:
    """An address where nobody listens, for certain."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield address_of(sock)


@pytest.fixture
def blackhole() -> Iterator[Address]:
    """An address that answers no attempt to connect: its backlog is full."""
    with full_port() as port:
        yield (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Address]]:
    """What names resolve to."""
    found: dict[str, list[Address]] = {}

    def look_up(host: str, port: int, scope: CancelScope, family: int) -> list[Address]:
        return [address for address in found[host] if family in {0, address[0]}]

    monkeypatch.setattr(connect, "resolve", look_up)
    return found


def test_connects(listener: socket.socket, names: dict[str, list[Address]]) -> None:
    """A socket comes back that is connected, does not block, and sends small pieces at once."""
    names["h"] = [address_of(listener)]
    scope = CancelScope()
    with connect_to_host("h", 80, scope) as sock:
        assert listener.getsockname() == sock.getpeername()
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert scope.timings["connect"] >= 0


def test_15_3_refused_addresses_cost_nothing(
    listener: socket.socket, refusing: Address, names: dict[str, list[Address]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.3: an address that refuses has the next one tried at once."""
    monkeypatch.setattr(connect, "ATTEMPT_DELAY", 1000.0)
    names["h"] = [refusing] * 8 + [address_of(listener)]
    with connect_to_host("h", 80, CancelScope()) as sock:
        assert listener.getsockname() == sock.getpeername()


def test_15_3_next_address_after_250_ms(
    listener: socket.socket, blackhole: Address, names: dict[str, list[Address]]
) -> None:
    """Contract 15.3: an address that does not answer has the next one tried after 250 ms, no earlier."""
    names["h"] = [blackhole, address_of(listener)]
    began = time.monotonic()
    with connect_to_host("h", 80, CancelScope(timeout=20)) as sock:
        assert listener.getsockname() == sock.getpeername()

    assert 0.25 <= time.monotonic() - began


def test_15_3_dead_refused_then_good(
    listener: socket.socket, blackhole: Address, refusing: Address, names: dict[str, list[Address]]
) -> None:
    """Fault 10: a dead, a refusing and a good address connect about as fast as one dead address costs."""
    names["h"] = [blackhole, refusing, address_of(listener)]
    with connect_to_host("h", 80, CancelScope(timeout=20)) as sock:
        assert listener.getsockname() == sock.getpeername()


def test_15_3_first_of_several_that_answer(listener: socket.socket, names: dict[str, list[Address]]) -> None:
    """Contract 15.3: where several attempts succeed, one socket comes back and the others are closed."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.MonkeyPatch.context() as patch:
        patch.setattr(connect, "ATTEMPT_DELAY", -1.0)  # all are due at once
        names["h"] = [address_of(listener), address_of(other)]
        with connect_to_host("h", 80, CancelScope()) as sock:
            assert sock.getpeername() in {listener.getsockname(), other.getsockname()}


def test_faults_11_all_fail(refusing: Address, names: dict[str, list[Address]]) -> None:
    """Fault 11: when all fail, the first address's error comes, the others are in its `errors`; it says where."""
    unusable = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 80))
    names["h"] = [refusing, unusable, refusing]
    with pytest.raises(ConnectionRefusedError, match=r"connecting to h:80 \(127.0.0.1\): ") as caught:
        connect_to_host("h", 80, CancelScope())

    others = caught.value.errors  # type: ignore[attr-defined]  # that is the promise
    assert 2 == len(others)
    assert [OSError, ConnectionRefusedError] == [
        OSError if type(o) is not ConnectionRefusedError else type(o) for o in others
    ]


def test_message_does_not_repeat_an_address(refusing: Address, names: dict[str, list[Address]]) -> None:
    """Where the URL has an address, the message has it once."""
    names["127.0.0.1"] = [refusing]
    with pytest.raises(ConnectionRefusedError, match=r"connecting to 127.0.0.1:80: "):
        connect_to_host("127.0.0.1", 80, CancelScope())


def test_no_address_at_all(names: dict[str, list[Address]]) -> None:
    """A name without addresses is an OSError."""
    names["h"] = []
    with pytest.raises(OSError, match="connecting to h:80: the name has no address"):
        connect_to_host("h", 80, CancelScope())


def test_a_family_that_the_system_has_not(listener: socket.socket, names: dict[str, list[Address]]) -> None:
    """An address of a family that cannot be used is passed over."""
    names["h"] = [(99, socket.SOCK_STREAM, 6, "", ("x", 80)), address_of(listener)]
    with connect_to_host("h", 80, CancelScope()) as sock:
        assert listener.getsockname() == sock.getpeername()


def test_15_1_timeout_is_for_the_whole_race(blackhole: Address, names: dict[str, list[Address]]) -> None:
    """Contract 15.1, sockets E32: several addresses that do not answer take `timeout` together, not each."""
    names["h"] = [blackhole] * 100
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"connecting to h:80 timed out after 0.6 s"):
        connect_to_host("h", 80, CancelScope(timeout=0.6))

    assert 0.6 <= time.monotonic() - began


def test_15_3_four_attempts_at_once(
    blackhole: Address, listener: socket.socket, names: dict[str, list[Address]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.3: of many addresses that do not answer four are tried at once; the last one has its turn, too."""
    monkeypatch.setattr(connect, "ATTEMPT_DELAY", 0.0)
    monkeypatch.setattr(connect, "ATTEMPT_TIME", 0.01)
    names["h"] = [*[blackhole] * 20, address_of(listener)]
    scope, most, wait = CancelScope(), list[int](), CancelScope.wait

    def counted(self: CancelScope, interest: dict[int, int], *arguments: Any, **options: Any) -> Any:
        most.append(len(interest))
        return wait(self, interest, *arguments, **options)

    monkeypatch.setattr(CancelScope, "wait", counted)
    with connect_to_host("h", 80, scope) as sock:
        assert listener.getsockname() == sock.getpeername()

    assert 4 == max(most)


def test_15_3_a_slow_address_is_not_given_up_early(
    blackhole: Address, names: dict[str, list[Address]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.3: the fifth attempt waits until one of the four has had its time, or has failed."""
    monkeypatch.setattr(connect, "ATTEMPT_DELAY", 0.0)
    monkeypatch.setattr(connect, "ATTEMPT_TIME", 1000.0)
    names["h"] = [blackhole] * 20
    begun: list[bool] = []
    start = connect._Race._start_next
    monkeypatch.setattr(connect._Race, "_start_next", lambda race: (begun.append(True), start(race))[1])
    with pytest.raises(TimeoutError):
        connect_to_host("h", 80, CancelScope(timeout=0.05))

    assert 4 == len(begun)


def test_15_1_timeout_below_the_attempt_delay(
    blackhole: Address, names: dict[str, list[Address]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.1: a timeout shorter than the delay is kept though more addresses wait for their turn."""
    monkeypatch.setattr(connect, "ATTEMPT_DELAY", 1000.0)
    names["h"] = [blackhole] * 2
    with pytest.raises(TimeoutError):
        connect_to_host("h", 80, CancelScope(timeout=0.02))


def test_15_2_deadline(blackhole: Address, names: dict[str, list[Address]]) -> None:
    """Contract 15.2, fault 9: the deadline ends the race."""
    names["h"] = [blackhole]
    with pytest.raises(DeadlineExceeded):
        connect_to_host("h", 80, CancelScope(deadline=Deadline(0.02)))


def test_7_2_cancel(blackhole: Address, names: dict[str, list[Address]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 7.2: a cancel ends the race, and all its sockets are closed."""
    names["h"] = [blackhole] * 2
    scope = CancelScope()
    wait = CancelScope.wait

    def cancelled(self: CancelScope, *arguments: Any, **options: Any) -> Any:
        canceller = threading.Thread(target=self.cancel)
        canceller.start()
        canceller.join()
        return wait(self, *arguments, **options)

    monkeypatch.setattr(CancelScope, "wait", cancelled)
    with pytest.raises(RequestCancelled):
        connect_to_host("h", 80, scope)
    scope.release()


def made_up(*families: int) -> list[Address]:
    return [(family, socket.SOCK_STREAM, 6, "", (f"{family}-{number}", 80)) for number, family in enumerate(families)]


@pytest.mark.parametrize(
    ("families", "order"),
    [
        ("", ""),
        ("4", "0"),
        ("444", "012"),
        ("664", "021"),
        ("6644", "0213"),
        ("4466", "0213"),
        ("466666", "012345"),
        ("666664", "051234"),
    ],
)
def test_15_3_families_alternate(families: str, order: str) -> None:
    """Contract 15.3: address families alternate, the system's first choice first (RFC 8305, section 4)."""
    numbers = {"4": socket.AF_INET, "6": socket.AF_INET6}
    addresses = made_up(*(numbers[family] for family in families))

    assert [addresses[int(place)] for place in order] == _interleaved(addresses)


# Sockets of one's own


def test_18_1_connect_socket(listener: socket.socket) -> None:
    """Contract 18.1: a socket of one's own is connected within the request's limits."""
    with socket.socket() as sock:
        connect_socket(sock, listener.getsockname(), CancelScope())
        assert listener.getsockname() == sock.getpeername()


def test_18_1_connect_socket_refused(refusing: Address) -> None:
    """Contract 18.1: what the system says comes as its own error, with the address; the socket stays the caller's."""
    with socket.socket() as sock:
        with pytest.raises(ConnectionRefusedError, match=r"connecting to \('127.0.0.1', "):
            connect_socket(sock, refusing[4], CancelScope())
        assert sock.fileno() >= 0


def test_18_1_connect_socket_times_out(blackhole: Address) -> None:
    """Contract 18.1: `timeout` holds for sockets of one's own as well."""
    with socket.socket() as sock, pytest.raises(TimeoutError):
        connect_socket(sock, blackhole[4], CancelScope(timeout=0.02))


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")
def test_18_1_a_unix_socket_that_is_busy(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 18.1: a Unix socket whose queue is full is tried again until there is room."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as sock:
        server.bind(path)
        server.listen(0)
        scope = CancelScope(timeout=20)
        codes: list[int] = []
        fillers = []
        while True:
            filler = socket.socket(socket.AF_UNIX)
            filler.setblocking(False)
            fillers.append(filler)
            codes.append(filler.connect_ex(path))
            if codes[-1]:
                break
        assert errno.EAGAIN == codes[-1]
        pauses: list[float] = []
        pause = CancelScope.pause

        def make_room(self: CancelScope, seconds: float) -> None:
            pauses.append(seconds)
            server.accept()[0].close()
            pause(self, seconds)

        monkeypatch.setattr(CancelScope, "pause", make_room)
        connect_socket(sock, path, scope)
        assert path == sock.getpeername()
        assert pauses
        scope.release()
        for filler in fillers:
            filler.close()


# Peers that are gone


def options_of(sock: socket.socket) -> dict[str, int]:
    """Those of its options that this system has, by which it notices that a peer is gone."""
    levels = {"SO_KEEPALIVE": socket.SOL_SOCKET}
    names = ("SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    return {
        name: sock.getsockopt(levels.get(name, socket.IPPROTO_TCP), getattr(socket, name))
        for name in names
        if hasattr(socket, name)
    }


def test_15_4_socket_options() -> None:
    """Contract 15.4: the system asks after the seconds that were said, three times, and gives up after four times."""
    expected = {
        "SO_KEEPALIVE": 1,
        "TCP_KEEPIDLE": 20,
        "TCP_KEEPINTVL": 6,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 80_000,
    }
    with socket.socket() as sock:
        watch_peer(sock, 20)
        found = options_of(sock)

    assert "SO_KEEPALIVE" in found
    assert {name: expected[name] for name in found} == found


def test_15_4_nothing_is_asked() -> None:
    """Contract 15.4: 0 leaves the socket as the system makes it."""
    with socket.socket() as sock:
        before = options_of(sock)
        watch_peer(sock, 0)
        assert before == options_of(sock)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no such sockets")
def test_15_4_other_sockets() -> None:
    """Contract 15.4: what is no connection over the Internet Protocol is left alone."""
    with socket.socket(socket.AF_UNIX) as sock:
        watch_peer(sock, 20)
        assert 0 == sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_15_4_system_without_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.4: an option that the system has not, or refuses, is left out."""
    monkeypatch.setattr(socket, "TCP_KEEPCNT", -1, raising=False)
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT", raising=False)
    with socket.socket() as sock:
        watch_peer(sock, 20)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize(
    ("value", "error"),
    [("20", TypeError), (True, TypeError), (None, TypeError), (-1, ValueError), (1e9, ValueError)],
)
def test_15_4_bad_values(value: object, error: type[Exception]) -> None:
    """Contract 2.3, 15.4: what is no number of seconds is an error that names the setting."""
    with pytest.raises(error, match="tcp_keepalive is"):
        check_keepalive(value)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("any", 0),
        ("IPv4", socket.AF_INET),
        ("ipv4", socket.AF_INET),
        ("IPv6", socket.AF_INET6),
        ("IPV6", socket.AF_INET6),
    ],
)
def test_15_5_address_families(name: str, family: int) -> None:
    """Contract 15.5: the three names, in any letters."""
    assert family == check_address_family(name)


@pytest.mark.parametrize(
    ("name", "error"), [("", ValueError), ("inet", ValueError), (4, TypeError), (socket.AF_INET, TypeError)]
)
def test_15_5_no_address_families(name: Any, error: type[Exception]) -> None:
    """Contract 2.3, 15.5: anything else is an error that names the option and its values."""
    with pytest.raises(error, match=r'address_family .*"any", "IPv4" or "IPv6"'):
        check_address_family(name)


def test_15_5_connects_to_one_family(listener: socket.socket, names: dict[str, list[Address]]) -> None:
    """Contract 15.5: addresses of the other family are not tried."""
    names["h"] = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 9, 0, 0)), address_of(listener)]
    with connect_to_host("h", 80, CancelScope(), socket.AF_INET) as sock:
        assert socket.AF_INET == sock.family


def test_16_3_words_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 16.3: programs look for these words; on Windows `os.strerror()` does not have them."""
    assert "Connection refused" == error_text(errno.ECONNREFUSED)
    monkeypatch.setattr(socket, "errorTab", {10061: "Connection refused."}, raising=False)
    assert "Connection refused" == error_text(10061)
    assert os.strerror(errno.EPERM) == error_text(errno.EPERM)
