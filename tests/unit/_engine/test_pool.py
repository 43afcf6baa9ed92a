from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from support.moments import Moments
from urlrequest._engine import places
from urlrequest._engine import pool as pool_module
from urlrequest._engine.pool import AFTER_HEAD, AFTER_STATUS, MAX_HISTORIES, SETTLING_TIME, Pool
from urlrequest._http1.public_connection import HTTPConnection, HTTPSConnection
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.route import Proxy, Route
from urlrequest._net.tls_settings import TlsSettings
from urlrequest.errors import RequestCancelled

SCOPE = CancelScope()  # of requests that nobody cancels


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(pool_module, "suspend_clock", lambda: self.now)
        monkeypatch.setattr(pool_module, "monotonic", lambda: self.now)
        Connection.clock = self


class Connection:
    """As much of a connection as a pool uses.

    Attributes:
        ends_at: When the server closes it; watching it lets the clock go on.
    """

    clock: Clock
    ends_at = math.inf
    scope: Any = None
    host, port = "a.test", 80
    after = ""

    def __init__(self) -> None:
        self.is_open, self.sock, self.has_octets = True, self, False

    def await_readable(self, until: float) -> bool:
        self.scope.check()
        self.clock.now = min(until, max(self.clock.now, self.ends_at))
        return self.ends_at <= self.clock.now

    def is_readable(self) -> bool:
        return self.has_octets or (self.ends_at < math.inf and self.ends_at <= self.clock.now)

    def become_idle(self, since: float, until: float) -> None:
        self.idle_since, self.idle_until = since, until

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, which tests set."""
    return Clock(monkeypatch)


def connections(count: int) -> list[Any]:
    return [Connection() for _ in range(count)]


def test_17_10_latest_first() -> None:
    """The connection that was used last is the one most likely to live."""
    pool, (first, second) = Pool(), connections(2)
    pool.put("key", first, 60)
    pool.put("key", second, 60)

    assert [second, first, None] == [pool.take("key", SCOPE) for _ in range(3)]


def test_17_10_keys_are_apart() -> None:
    """A connection is given out for its own key only."""
    pool, (one,) = Pool(), connections(1)
    pool.put("key", one, 60)

    assert pool.take("other", SCOPE) is None
    assert one is pool.take("key", SCOPE)


def test_17_10_bound_per_route(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Beyond the bound for one route the oldest are kept for a moment only, as many workers may need them at once."""
    monkeypatch.setattr(pool_module, "MAX_IDLE_PER_ROUTE", 2)
    pool, all_of_them = Pool(), connections(4)
    for connection in all_of_them:
        pool.put("key", connection, 60)
    assert 4 == pool.count
    clock.now += pool_module.BURST_TIME
    assert pool.take("other", SCOPE) is None

    assert [False, False, True, True] == [connection.is_open for connection in all_of_them]
    assert 2 == pool.count


def test_17_9_max_idle() -> None:
    """Beyond the bound in all the oldest is closed, whatever it is for."""
    pool, all_of_them = Pool(2), connections(3)
    for number, connection in enumerate(all_of_them):
        pool.put(number, connection, 60)

    assert [False, True, True] == [connection.is_open for connection in all_of_them]


def test_17_9_max_idle_of_0() -> None:
    """A pool for none keeps none."""
    pool, (one,) = Pool(0), connections(1)
    pool.put("key", one, 60)

    assert not one.is_open
    assert 0 == pool.count


def test_17_9_max_idle_at_run_time() -> None:
    """A lower bound holds at once."""
    pool, all_of_them = Pool(), connections(3)
    for connection in all_of_them:
        pool.put("key", connection, 60)
    pool.change_limit(1)

    assert [False, False, True] == [connection.is_open for connection in all_of_them]


def test_17_10_idle_time(clock: Clock) -> None:
    """A connection that was idle for too long is not used again."""
    pool, (one,) = Pool(), connections(1)
    pool.put("key", one, 60)
    clock.now += 60

    assert pool.take("key", SCOPE) is None
    assert not one.is_open


def test_17_10_idle_time_of_others(clock: Clock) -> None:
    """Whoever uses the pool closes what is too old: no socket stays for a host that is not asked again."""
    pool, (old, young, new) = Pool(), connections(3)
    pool.put("old", old, 10)
    pool.put("young", young, 60)
    clock.now += 10
    pool.put("new", new, 60)

    assert [False, True, True] == [connection.is_open for connection in (old, young, new)]


def test_17_10_no_idle_time() -> None:
    """A connection that the server is about to close is not kept."""
    pool, (one,) = Pool(), connections(1)
    pool.put("key", one, 0)

    assert not one.is_open


def test_17_10_those_that_have_rested_make_room(clock: Clock) -> None:
    """Of the connections to a host and port, those are closed that have been idle for so long; others stay."""
    pool, elsewhere = Pool(), Connection()
    elsewhere.host = "b.test"
    rested, fresh = connections(2)
    pool.put("elsewhere", elsewhere, 60)
    pool.put("key", rested, 60)
    clock.now += 1
    pool.put("key", fresh, 60)

    assert 1 == pool.close_at(("a.test", 80), 1.0)
    assert [False, True, True] == [connection.is_open for connection in (rested, fresh, elsewhere)]
    assert 2 == pool.count


def test_17_10_readable_idle_connection_is_dead() -> None:
    """Security G42: one that has something to read, or was closed, is passed over for the next."""
    pool, (good, bad) = Pool(), connections(2)
    pool.put("key", good, 60)
    pool.put("key", bad, 60)
    bad.has_octets = True

    assert good is pool.take("key", SCOPE)
    assert not bad.is_open


# After responses without a body


def test_pool_4_after_head(clock: Clock) -> None:
    """POOL-4: after HEAD a connection is closed rather than used again at once; later it is used."""
    pool, (one, other) = Pool(), connections(2)
    pool.put("key", one, 60, AFTER_HEAD)
    assert pool.take("key", SCOPE) is None
    assert not one.is_open
    pool.put("key", other, 60, AFTER_HEAD)
    clock.now += SETTLING_TIME

    assert other is pool.take("key", SCOPE)


def test_pool_4_after_a_status(clock: Clock) -> None:
    """POOL-4: after 204 and 304 a connection is watched for a moment, the first time."""
    pool, (one,), began = Pool(), connections(1), clock.now
    for _ in range(2):
        pool.put("key", one, 60, AFTER_STATUS)
        assert one is pool.take("key", SCOPE)

    assert began + SETTLING_TIME == clock.now


def test_pool_4_rest_after_a_status(clock: Clock) -> None:
    """POOL-4: where something came after a 204 or 304, later connections are not used at once."""
    pool, (one, other), began = Pool(), connections(2), clock.now
    pool.put("key", one, 60, AFTER_STATUS)
    one.ends_at = clock.now + 0.02
    assert pool.take("key", SCOPE) is None
    assert began < clock.now
    pool.put("key", other, 60, AFTER_STATUS)

    assert pool.take("key", SCOPE) is None
    assert [False, False] == [connection.is_open for connection in (one, other)]


def test_pool_4_trust_is_lost(clock: Clock) -> None:
    """POOL-4: a rest that is found in a response takes the trust in a route away."""
    pool, (one,) = Pool(), connections(1)
    pool.put("key", one, 60, AFTER_STATUS)
    assert one is pool.take("key", SCOPE)
    pool.note_rest("key")
    pool.put("key", one, 60, AFTER_STATUS)

    assert pool.take("key", SCOPE) is None


def test_pool_4_requests_that_must_be_sent_once(clock: Clock) -> None:
    """POOL-4, POOL-5: POSTs answered with 204 share a connection once others have lasted and were quiet."""
    pool, made = Pool(), connections(3)
    for connection in made[:2]:
        pool.put("key", connection, 60, AFTER_STATUS)
    assert pool.take_proven("key", SCOPE) is None
    pool.put("key", made[2], 60, AFTER_STATUS)
    assert made[2] is pool.take_proven("key", SCOPE)
    pool.put("key", made[2], 60, AFTER_HEAD)
    assert pool.take_proven("key", SCOPE) is None

    assert not made[2].is_open


# For requests that must be sent once


def test_pool_5_first_connection_is_unproven(clock: Clock) -> None:
    """POOL-5: of a new route nothing is known, so a new connection is opened; the idle one stays for others."""
    pool, (one,) = Pool(), connections(1)
    pool.put("key", one, 60)

    assert pool.take_proven("key", SCOPE) is None
    assert one is pool.take("key", SCOPE)


def test_pool_5_connection_is_proven_by_another(clock: Clock) -> None:
    """POOL-5: once the oldest has settled, which is waited for, the latest is given out at once."""
    pool, (first, second) = Pool(), connections(2)
    pool.put("key", first, 60)
    pool.put("key", second, 60)
    began = clock.now
    assert pool.take_proven("key", SCOPE) is None  # it is as old as the first by now
    assert began + SETTLING_TIME == clock.now
    pool.put("key", connections(1)[0], 60)
    began = clock.now

    assert pool.take_proven("key", SCOPE) is not None
    assert began == clock.now


@pytest.mark.parametrize(("lasted", "age", "is_proven"), [(10, 4.9, True), (10, 5.1, False), (10, 20, False)])
def test_pool_5_half_of_what_was_seen(clock: Clock, lasted: float, age: float, is_proven: bool) -> None:
    """POOL-5: a connection is safe for less than half the time that another one has lasted."""
    pool, (first, second) = Pool(), connections(2)
    pool.put("key", first, 60)
    clock.now += lasted
    pool.take_proven("key", SCOPE)  # sees it
    first.close()
    assert first is pool.take("key", SCOPE)
    pool.put("key", second, 60)
    clock.now += age

    assert is_proven == (second is pool.take_proven("key", SCOPE))


def test_pool_5_what_ended_proves_nothing(clock: Clock) -> None:
    """POOL-5: after a connection that was closed, what was seen before counts no more."""
    pool, (first, second, third) = Pool(), connections(3)
    pool.put("key", first, 60)
    clock.now += 10
    pool.take_proven("key", SCOPE)
    first.has_octets = True
    assert pool.take("key", SCOPE) is None
    pool.put("key", second, 60)
    pool.put("key", third, 60)
    clock.now += SETTLING_TIME

    assert pool.take_proven("key", SCOPE) is None


def test_pool_5_server_that_closes_early(clock: Clock) -> None:
    """POOL-5: once a connection was seen to end while it was watched, later ones are not waited for, and closed."""
    pool, (first, second, third) = Pool(), connections(3)
    pool.put("key", first, 60)
    first.ends_at = clock.now + 0.02
    pool.put("key", second, 60)
    assert pool.take_proven("key", SCOPE) is None
    began = clock.now
    pool.put("key", third, 60)

    assert pool.take_proven("key", SCOPE) is None
    assert [False, False, False] == [connection.is_open for connection in (first, second, third)]
    assert began == clock.now


def test_pool_5_server_that_keeps_at_last(clock: Clock) -> None:
    """POOL-5: a server that closed early once and keeps its connections now is believed again."""
    pool, made = Pool(), connections(4)
    pool.put("key", made[0], 60)
    made[0].ends_at = clock.now + 0.02
    pool.put("key", made[1], 60)
    pool.take_proven("key", SCOPE)
    pool.put("key", made[2], 60)
    clock.now += 1
    assert pool.take_proven("key", SCOPE) is None
    pool.put("key", made[3], 60)

    assert made[3] is pool.take_proven("key", SCOPE)


def test_7_2_cancel_while_a_connection_is_watched(clock: Clock) -> None:
    """Contract 7.2: a cancelled request does not wait, and leaves no connection open that it looked at."""
    pool, both = Pool(), connections(2)
    for connection in both:
        pool.put("key", connection, 60)
    scope = CancelScope()
    scope.cancel()
    with pytest.raises(RequestCancelled):
        pool.take_proven("key", scope)

    assert [False, False] == [connection.is_open for connection in both]
    assert 0 == pool.count


def test_histories_are_bounded() -> None:
    """Of many routes the pool remembers the latest."""
    pool = Pool()
    for key in range(MAX_HISTORIES + 5):
        pool.take_proven(key, SCOPE)

    assert list(range(5, MAX_HISTORIES + 5)) == list(pool._histories)


def test_closed_pool_takes_nothing_back(clock: Clock) -> None:
    """A connection that was only looked at is closed where the pool was closed meanwhile."""
    pool, (one,) = Pool(), connections(1)
    pool.put("key", one, 60)
    one.is_readable = lambda: pool.close() or False

    assert pool.take_proven("key", SCOPE) is None
    assert not one.is_open


def test_17_9_closed_pool() -> None:
    """A closed pool has closed what it had, and keeps nothing that comes late."""
    pool, (one, late) = Pool(), connections(2)
    pool.put("key", one, 60)
    pool.close()
    pool.put("key", late, 60)

    assert not one.is_open
    assert not late.is_open
    assert pool.take("key", SCOPE) is None


def test_fork_forgets_connections() -> None:
    """In a forked child the pool begins empty, with a lock that nobody holds."""
    pool, (one, later) = Pool(), connections(2)
    pool.put("key", one, 60)
    pool._lock.acquire()
    pool.reset_after_fork()
    pool.put("key", later, 60)

    assert later is pool.take("key", SCOPE)
    assert not one.is_open


PROXY = Proxy("http", "proxy.test", 3128, (("Proxy-Authorization", "Basic x"),))
ROUTE = Route(HTTPSConnection, "a.test", 443, TlsSettings("ca.pem"), PROXY)


@pytest.mark.parametrize(
    "other",
    [
        ROUTE.replace(connection_class=HTTPConnection),
        ROUTE.replace(host="b.test"),
        ROUTE.replace(host="a.test."),
        ROUTE.replace(port=444),
        ROUTE.replace(tls=None),
        ROUTE.replace(tls=TlsSettings("other.pem")),
        ROUTE.replace(tls=TlsSettings("ca.pem", verify=False)),
        ROUTE.replace(tls=TlsSettings("ca.pem", client_cert="me.pem")),
        ROUTE.replace(proxy=None),
        ROUTE.replace(proxy=PROXY.replace(scheme="https")),
        ROUTE.replace(proxy=PROXY.replace(scheme="socks5")),
        ROUTE.replace(proxy=PROXY.replace(host="other.test")),
        ROUTE.replace(proxy=PROXY.replace(port=3129)),
        ROUTE.replace(proxy=PROXY.replace(fields=(("Proxy-Authorization", "Basic y"),))),
        ROUTE.replace(proxy=PROXY.replace(fields=())),
        ROUTE.replace(proxy=PROXY.replace(userinfo=("u", "p"))),
        ROUTE.replace(proxy=PROXY.replace(tls=TlsSettings())),
    ],
)
def test_13_3_pool_key_matrix(other: Route) -> None:
    """Security B15, F34 and F35: connections that differ in any one thing are never taken for each other."""
    pool, (one,) = Pool(), connections(1)
    pool.put(ROUTE.key, one, 60)

    assert pool.take(other.key, SCOPE) is None
    assert one is pool.take(ROUTE.key, SCOPE)


def test_17_10_few_places_are_not_held(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 17.10: where a server has few places, a connection is kept for a second, as others need them as well."""
    monkeypatch.setattr(places, "narrow", {("a.test", 80)})
    for is_narrow, idle_time, kept in [(True, 60.0, 1.0), (True, 0.5, 0.5), (False, 60.0, 60.0)]:
        monkeypatch.setattr(places, "is_narrow", lambda place, is_narrow=is_narrow: is_narrow)
        pool, connection = Pool(), Connection()
        pool.put("key", connection, idle_time)  # type: ignore[arg-type]
        assert kept == connection.idle_until - connection.idle_since


@pytest.mark.parametrize("limit", [1, 4])
def test_pool_6_ctrl_c_at_each_moment(clock: Clock, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Invariant POOL-6: the number of connections is right, and the timer is set, whenever a thread was stopped."""
    timer = Timer()
    monkeypatch.setattr(pool_module, "timer", timer)
    for number in itertools.count(1):
        timer.keys.clear()
        pool = Pool(limit)
        for connection in connections(3):
            pool.put(number, connection, 5)
        timer.keys.clear()
        pool._timer_at = math.inf
        moments = Moments(number, KeyboardInterrupt)
        try:
            with moments:
                pool.put(number, connections(1)[0], 3)
                clock.now += 4
                pool.take(number, None)
        except KeyboardInterrupt:
            pass
        assert sum(map(len, pool._idle.values())) == pool.count, moments.place
        pool.put(number, connections(1)[0], 2)
        assert pool._timer_key in timer.keys, moments.place
        if moments.place is None:
            break


class Timer:
    """Notes whose calls it is to make."""

    def __init__(self) -> None:
        self.keys: list[object] = []

    def call_at(self, when: float, key: object, call: object, *, until: float | None = None) -> None:
        self.keys.append(key)

    def cancel(self, key: object) -> None:
        """Do nothing."""
