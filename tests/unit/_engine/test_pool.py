from __future__ import annotations

from typing import Any

import pytest

from urlrequest._engine import pool as pool_module
from urlrequest._engine.pool import Pool
from urlrequest._http1.connection import HTTPConnection, HTTPSConnection
from urlrequest._net.route import Proxy, Route
from urlrequest._net.tls_settings import TlsSettings


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(pool_module, "monotonic", lambda: self.now)


class Connection:
    """As much of a connection as a pool uses."""

    def __init__(self) -> None:
        self.is_open, self.sock, self.has_octets = True, self, False

    def is_readable(self) -> bool:
        return self.has_octets

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

    assert [second, first, None] == [pool.take("key") for _ in range(3)]


def test_17_10_keys_are_apart() -> None:
    """A connection is given out for its own key only."""
    pool, (one,) = Pool(), connections(1)
    pool.put("key", one, 60)

    assert pool.take("other") is None
    assert one is pool.take("key")


def test_17_10_bound_per_route(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Beyond the bound for one route the oldest are kept for a moment only, as many workers may need them at once."""
    monkeypatch.setattr(pool_module, "MAX_IDLE_PER_ROUTE", 2)
    pool, all_of_them = Pool(), connections(4)
    for connection in all_of_them:
        pool.put("key", connection, 60)
    assert 4 == len(pool)
    clock.now += pool_module.BURST_TIME
    assert pool.take("other") is None

    assert [False, False, True, True] == [connection.is_open for connection in all_of_them]
    assert 2 == len(pool)


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
    assert 0 == len(pool)


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

    assert pool.take("key") is None
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


def test_17_10_readable_idle_connection_is_dead() -> None:
    """Security G42: one that has something to read, or was closed, is passed over for the next."""
    pool, (good, bad) = Pool(), connections(2)
    pool.put("key", good, 60)
    pool.put("key", bad, 60)
    bad.has_octets = True

    assert good is pool.take("key")
    assert not bad.is_open


def test_17_9_closed_pool() -> None:
    """A closed pool has closed what it had, and keeps nothing that comes late."""
    pool, (one, late) = Pool(), connections(2)
    pool.put("key", one, 60)
    pool.close()
    pool.put("key", late, 60)

    assert not one.is_open
    assert not late.is_open
    assert pool.take("key") is None


def test_fork_forgets_connections() -> None:
    """In a forked child the pool begins empty, with a lock that nobody holds."""
    pool, (one, later) = Pool(), connections(2)
    pool.put("key", one, 60)
    pool._lock.acquire()
    pool.reset_after_fork()
    pool.put("key", later, 60)

    assert later is pool.take("key")
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

    assert pool.take(other.key) is None
    assert one is pool.take(ROUTE.key)
