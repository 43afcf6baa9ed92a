from __future__ import annotations

import functools
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from support.children import run_python
from support.waiting import wait_until
from urlrequest._concurrency.deadline import Deadline
from urlrequest._concurrency.sync import NoThreadError
from urlrequest._net import resolver
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.resolver import MAX_ATTEMPTS, MAX_THREADS, resolve
from urlrequest.errors import DeadlineExceeded, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest.testing import Server

_getaddrinfo = socket.getaddrinfo  # the system's; tests replace it
PATIENCE = 30.0  # seconds; only a failing test waits that long
ADDRESS = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))


class System:
    """Stands for the system's resolver: records the look-ups, and returns when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.most_at_once = 0
        self.errors: dict[str, Exception] = {}
        self.go = threading.Event()
        self.changed = threading.Condition()
        self._at_once = 0

    def getaddrinfo(self, host: str, port: int, **options: Any) -> list[Any]:
        with self.changed:
            self.asked.append(host)
            self.threads.add(threading.current_thread().name)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.changed.notify_all()
        assert self.go.wait(PATIENCE)
        with self.changed:
            self._at_once -= 1
        if host in self.errors:
            raise self.errors[host]
        return [(*ADDRESS[:4], (f"address of {host}", port))]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    found = System()
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.go.set()


class Asker(threading.Thread):
    """A worker that resolves a name."""

    def __init__(self, host: str, scope: CancelScope | None = None) -> None:
        super().__init__(daemon=True)
        self.host, self.scope = host, scope or CancelScope()
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = resolve(self.host, 80, self.scope)
        except Exception as error:
            self.outcome = error

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "it sleeps on"
        self.scope.release()
        return self.outcome


def waiting(host: str) -> int:
    """How many requests wait for a name."""
    lookup = resolver._lookups.get((host, 80, 0))
    return 0 if lookup is None else len(lookup.scopes)


@pytest.fixture(autouse=True)
def _nothing_left(system: System) -> Iterator[None]:
    """After each test no look-up, no thread and no queue is left."""
    yield
    system.go.set()
    wait_until(lambda: not resolver._thread_count)
    assert {} == resolver._lookups
    assert [] == list(resolver._waiting)


def test_addresses(system: System) -> None:
    """The system's addresses come back, looked up on a thread of their own, and the time it took is noted."""
    system.go.set()
    asker = Asker("h.test")

    assert [(*ADDRESS[:4], ("address of h.test", 80))] == asker.result()
    assert {"urlrequest-resolver"} == system.threads
    assert asker.scope.timings["dns"] >= 0


def test_requests_share_a_look_up(system: System) -> None:
    """Requests that ask for the same name meanwhile share one look-up; a later one asks again."""
    askers = [Asker("h.test") for _ in range(5)]
    wait_until(lambda: waiting("h.test") == 5)
    system.go.set()

    assert 1 == len({id(asker.result()) for asker in askers})
    assert ["h.test"] == system.asked
    Asker("h.test").result()
    assert ["h.test", "h.test"] == system.asked


def test_at_most_16_threads(system: System) -> None:
    """However many names are looked up at once, 16 threads do it, and all get their answers."""
    askers = [Asker(f"h{number}.test") for number in range(MAX_THREADS + 20)]
    wait_until(lambda: len(resolver._waiting) == 20)
    assert MAX_THREADS == 16 == resolver._thread_count
    system.go.set()

    for asker in askers:
        assert f"address of {asker.host}" == asker.result()[0][4][0]
    assert system.most_at_once <= MAX_THREADS


def test_7_2_cancel_leaves_the_look_up_behind(system: System) -> None:
    """Contract 7.2: a cancelled request does not wait for the system; the thread finishes alone."""
    asker = Asker("h.test")
    system.wait_until(lambda: system.asked == ["h.test"])
    asker.scope.cancel()

    assert isinstance(asker.result(), RequestCancelled)
    assert 1 == resolver._thread_count
    system.go.set()


def test_7_2_one_of_several_leaves(system: System) -> None:
    """Contract 7.2: one request that is cancelled takes nothing away from the others that share its look-up."""
    first, second = Asker("h.test"), Asker("h.test")
    wait_until(lambda: waiting("h.test") == 2)
    first.scope.cancel()
    assert isinstance(first.result(), RequestCancelled)
    system.go.set()

    assert "address of h.test" == second.result()[0][4][0]


def test_7_2_a_newcomer_joins_an_orphan(system: System) -> None:
    """A look-up that everybody has left serves the next request for the name."""
    asker = Asker("h.test")
    system.wait_until(lambda: system.asked == ["h.test"])
    asker.scope.cancel()
    asker.result()
    other = Asker("h.test")
    wait_until(lambda: waiting("h.test") == 1)
    system.go.set()

    assert "address of h.test" == other.result()[0][4][0]
    assert ["h.test"] == system.asked


def test_7_2_what_nobody_wants_is_not_looked_up(system: System) -> None:
    """A look-up that waits for a thread and whose requests are all cancelled is dropped."""
    busy = [Asker(f"h{number}.test") for number in range(MAX_THREADS)]
    system.wait_until(lambda: len(system.asked) == MAX_THREADS)
    late = [Asker("late.test") for _ in range(2)]
    wait_until(lambda: waiting("late.test") == 2)
    for number, asker in enumerate(late):
        asker.scope.cancel()
        asker.result()
        assert 1 - number == len(resolver._waiting)
    system.go.set()
    for asker in busy:
        asker.result()

    assert "late.test" not in system.asked


# Look-ups that hang


class HangingOnce:
    """The system's resolver hangs, as often as is said, and answers after that."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.go = threading.Event()
        self.asked = threading.Semaphore(0)
        self._lock = threading.Lock()

    def getaddrinfo(self, host: str, port: int, **options: Any) -> list[Any]:
        with self._lock:
            self.left -= 1
            hangs = self.left >= 0
        self.asked.release()
        if hangs:
            assert self.go.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "too late")
        return [ADDRESS]


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch, system: System) -> Iterator[Callable[[int], HangingOnce]]:
    made: list[HangingOnce] = []

    def make(times: int) -> HangingOnce:
        made.append(HangingOnce(times))
        monkeypatch.setattr(socket, "getaddrinfo", made[0].getaddrinfo)
        return made[0]

    yield make
    for one in made:
        one.go.set()


def test_15_1_look_up_that_hangs_is_not_joined(
    hanging: Callable[[int], HangingOnce], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.1: a request that finds a look-up older than a second asks anew, and both get the answer."""
    system = hanging(1)
    first = Asker("h.test")
    assert system.asked.acquire(timeout=PATIENCE)
    monkeypatch.setattr(resolver, "PATIENCE", 0.0)
    second = Asker("h.test")

    assert [ADDRESS] == second.result() == first.result()


def test_15_1_look_up_that_hangs_is_left_after_a_second(
    hanging: Callable[[int], HangingOnce], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.1: a request that shares a young look-up asks anew when that takes too long."""
    monkeypatch.setattr(resolver, "PATIENCE", 100.0)
    system = hanging(1)
    first = Asker("h.test")
    assert system.asked.acquire(timeout=PATIENCE)
    others = [Asker("h.test") for _ in range(3)]
    wait_until(lambda: waiting("h.test") == 4)
    resolver._lookups["h.test", 80, 0].began -= 101.0  # as if so much time had passed
    for asker in others:
        asker.scope.wake()

    assert all([ADDRESS] == asker.result() for asker in [first, *others])
    assert -1 == system.left  # one of them has asked for all


def test_17_5_retry_after_a_timeout_asks_anew(
    hanging: Callable[[int], HangingOnce], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 15.1, 17.5: after a timeout in resolving, the next attempt does not wait for the same look-up."""
    monkeypatch.setattr(resolver, "PATIENCE", 0.0)
    system = hanging(1)
    assert isinstance(Asker("h.test", CancelScope(timeout=0.01)).result(), TimeoutError)

    assert [ADDRESS] == Asker("h.test").result()
    system.go.set()


def test_15_1_attempts_are_bounded(hanging: Callable[[int], HangingOnce], monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.1: a name that hangs takes four resolver threads at most; the last one to fail is the error."""
    monkeypatch.setattr(resolver, "PATIENCE", 0.0)
    system = hanging(100)
    askers = [Asker("h.test") for _ in range(10)]
    for _ in range(MAX_ATTEMPTS):
        assert system.asked.acquire(timeout=PATIENCE)
    wait_until(lambda: waiting("h.test") == 10)
    assert MAX_ATTEMPTS == resolver._thread_count == resolver._lookups["h.test", 80, 0].attempts
    monkeypatch.setattr(resolver, "PATIENCE", 1000.0)  # no asker takes the place of an attempt that fails
    system.go.set()

    for asker in askers:
        assert isinstance(asker.result(), socket.gaierror)
    assert 100 - MAX_ATTEMPTS == system.left


def test_15_1_attempt_that_waits_for_a_thread(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.1: where all threads hang, another attempt waits, and is not made when the name is known by then."""
    busy = [Asker(f"h{number}.test") for number in range(MAX_THREADS)]
    system.wait_until(lambda: len(system.asked) == MAX_THREADS)
    monkeypatch.setattr(resolver, "PATIENCE", 0.0)
    late = Asker("h0.test")
    wait_until(lambda: len(resolver._waiting) == 1)
    system.go.set()

    assert late.result() == busy[0].result()
    for asker in busy:
        asker.result()


def test_15_1_timeout(system: System) -> None:
    """Contract 15.1, fault 2: resolving takes no longer than `timeout`."""
    assert str(Asker("h.test", CancelScope(timeout=0.01)).result()) == "resolving h.test timed out after 0.01 s"


def test_15_2_deadline(system: System) -> None:
    """Contract 15.2, fault 2: resolving takes no longer than the deadline."""
    assert isinstance(Asker("h.test", CancelScope(deadline=Deadline(0.01))).result(), DeadlineExceeded)


def test_16_1_errors_of_the_system(system: System) -> None:
    """Contract 16.1, fault 1: an unknown name is socket.gaierror with its number, and says which name."""
    system.errors["h.test"] = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    system.go.set()
    askers = [Asker("h.test") for _ in range(2)]

    for asker in askers:
        error = asker.result()
        assert isinstance(error, socket.gaierror)
        assert (socket.EAI_NONAME, "resolving h.test: Name or service not known") == error.args


def test_16_1_other_errors_come_through(system: System) -> None:
    """Contract 16.1: whatever else the system's resolver raises is the answer."""
    system.errors["h.test"] = UnicodeError("label too long")
    system.go.set()

    assert isinstance(Asker("h.test").result(), UnicodeError)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_addresses_are_what_they_say(host: str) -> None:
    """An address literal is what the system makes of it."""
    expected = _getaddrinfo(host, 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    assert expected == resolve(host, 80, CancelScope())


def test_addresses_are_not_looked_up(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address literal needs no thread; the system is asked for what number an interface has, and nothing else."""
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: asked.append((arguments, options)) or [])
    for host in ("127.0.0.1", "::1", "fe80::1%1"):
        resolve(host, 80, CancelScope())

    assert [(("fe80::1%1", 80), {"type": socket.SOCK_STREAM, "flags": socket.AI_NUMERICHOST})] == asked
    assert 0 == resolver._thread_count


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("127.1", False),
        ("a.b", False),
        ("1.2.3.4.5", False),
    ],
)
def test_is_ip_literal(host: str, expected: bool) -> None:
    """Only canonical addresses are taken for addresses."""
    assert expected == resolver.is_ip_literal(host)


def test_no_thread_to_be_had(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 115: where the system gives no thread, that is the error, and nothing is left behind."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    asker_start = threading.Thread.start
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: refuse(self) if "resolver" in self.name else asker_start(self)
    )
    error = Asker("h.test").result()

    assert isinstance(error, RuntimeError)
    assert 0 == resolver._thread_count


def test_2_10_a_thread_given_up_at_the_deadline_of_another(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.10: the request whose deadline it was ends; one that shares its look-up begins another."""
    start, starts = resolver.start_thread, list[float | None]()

    def start_in_time(run: Callable[[], object], name: str, *, is_joined: bool, until: float | None) -> None:
        starts.append(until)
        if until is None:
            start(run, name, is_joined=is_joined)
        else:
            wait_until(lambda: waiting("h.test") == 2)
            raise NoThreadError("it has not begun")

    monkeypatch.setattr(resolver, "start_thread", start_in_time)
    system.go.set()
    hurried = Asker("h.test", CancelScope(deadline=Deadline(0)))
    wait_until(lambda: bool(starts))
    patient = Asker("h.test")

    assert isinstance(hurried.result(), DeadlineExceeded)
    assert [(*ADDRESS[:4], ("address of h.test", 80))] == patient.result()
    assert [hurried.scope.deadline.at, None] == starts


def test_forget(system: System) -> None:
    """In a forked child nothing of the parent's look-ups is left, a lock that was held neither."""
    asker = Asker("h.test")
    system.wait_until(lambda: system.asked == ["h.test"])
    kept = resolver._lock, dict(resolver._lookups), resolver._thread_count
    with resolver._lock:
        resolver.reset_after_fork()
        assert ({}, 0) == (resolver._lookups, resolver._thread_count)
        assert not resolver._lock.locked()
    resolver._lock, lookups, resolver._thread_count = kept
    resolver._lookups.update(lookups)
    system.go.set()
    asker.result()


def test_a_function_of_the_programs_gets_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs replace `socket.getaddrinfo()`, or wrap it, so that names lead elsewhere; they compare text."""
    asked: list[Any] = []

    @functools.wraps(_getaddrinfo)
    def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return [ADDRESS]

    for function in (look_up, lambda host, *_, **options: look_up(host), functools.partial(look_up)):
        monkeypatch.setattr(socket, "getaddrinfo", function)
        resolve("own.test", 80, CancelScope())

    assert ["own.test"] * 3 == asked


def test_the_first_https_request_loads_no_codec_for_names(tls_server: Server, ca_file: str) -> None:
    """The look-up of a name and a TLS handshake with it do without the codec `idna`, which takes 5 ms to load."""
    tls_server.respond("/", "ok")
    script = """
        import sys
        from urlrequest import UrlRequest
        request = UrlRequest(sys.argv[1], ca_file=sys.argv[2])
        assert request.wait(timeout=20)
        print(request.resp_status, request.error, "encodings.idna" in sys.modules)
    """
    ended = run_python(script, f"https://localhost:{tls_server.port}/", ca_file)

    assert ("200 None False\n", "") == (ended.stdout, ended.stderr)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_15_5_names_of_one_family(system: System, monkeypatch: pytest.MonkeyPatch, family: int) -> None:
    """Contract 15.5: the system is asked for addresses of that family only, apart from what others ask."""
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: asked.append((arguments, options)) or [1])

    assert [1] == resolve("h.test", 80, CancelScope(), family)
    assert [(("h.test", 80), {"family": family, "type": socket.SOCK_STREAM})] == asked


def test_15_5_a_look_up_is_shared_within_a_family(system: System) -> None:
    """Contract 15.5: a request that wants IPv4 does not wait for a look-up of both, which IPv6 may hold up."""
    any_family = Asker("h.test")
    system.wait_until(lambda: 1 == len(system.asked))
    one = threading.Thread(target=resolve, args=("h.test", 80, CancelScope(), socket.AF_INET), daemon=True)
    one.start()
    system.wait_until(lambda: 2 == len(system.asked))
    system.go.set()
    one.join(PATIENCE)

    assert [(*ADDRESS[:4], ("address of h.test", 80))] == any_family.result()


@pytest.mark.parametrize(
    ("host", "family", "name"),
    [("127.0.0.1", socket.AF_INET6, "IPv6"), ("::1", socket.AF_INET, "IPv4"), ("fe80::1%1", socket.AF_INET, "IPv4")],
)
def test_15_5_an_address_of_the_other_family(host: str, family: int, name: str) -> None:
    """Contract 15.5: an address of the other family is an error that says so, and no other one is looked for."""
    with pytest.raises(socket.gaierror, match=f"{host}: it is no {name} address"):
        resolve(host, 80, CancelScope(), family)


def test_15_5_a_name_without_such_addresses(system: System) -> None:
    """Contract 15.5: the error of the system's resolver says which family was asked for."""
    system.errors["h.test"] = socket.gaierror(socket.EAI_NONAME, "no address")
    system.go.set()

    with pytest.raises(socket.gaierror, match=r"resolving h.test: no address \(address_family is IPv6\)"):
        resolve("h.test", 80, CancelScope(), socket.AF_INET6)
