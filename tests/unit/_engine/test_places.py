"""When idle connections make room for a request that waits on a new one."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._engine import places
from urlrequest._engine.places import (
    COUNT_INTERVAL,
    GRACE,
    MAX_SERVERS,
    NARROW_TIME,
    REST_TIME,
    STARVING_TIME,
    Wait,
    is_needed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLACE = ("a.test", 80)


class Stream:
    def __init__(self) -> None:
        self.descriptor = 7

    def fileno(self) -> int:
        return self.descriptor


class World:
    """The clock, the timer and the only pool."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls: dict[Any, tuple[float, Callable[[], object]]] = {}
        self.call_count = 0
        self.count = 0
        self.idle_since = 0.0
        self.has_threads = True

    def call_at(self, when: float, key: Any, call: Callable[[], object], *, until: float | None = None) -> None:
        if not self.has_threads:
            raise RuntimeError("can't start new thread")
        self.calls[key] = (when, call)
        self.call_count += 1

    def cancel(self, key: Any) -> None:
        self.calls.pop(key, None)

    def go_on(self, seconds: float) -> None:
        """Let time pass, and make the calls that come due."""
        end = self.now + seconds
        while due := [key for key, (when, _) in self.calls.items() if when <= end]:
            key = min(due, key=lambda key: self.calls[key][0])
            when, call = self.calls.pop(key)
            self.now = max(self.now, when)
            call()
        self.now = end

    def become_idle(self) -> None:
        self.count, self.idle_since = self.count + 1, self.now
        places.note_idle(PLACE)

    def close_at(self, place: Any, idle_time: float = 0.0) -> int:
        assert PLACE == place
        if self.now - self.idle_since < idle_time:
            return 0
        closed, self.count = self.count, 0
        return closed


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(places, "monotonic", lambda: world.now)
    monkeypatch.setattr(places, "timer", world)
    monkeypatch.setattr(places, "pools", weakref.WeakSet([world]))
    monkeypatch.setattr(places, "waits", {})
    monkeypatch.setattr(places, "_servers", {})
    return world


@contextmanager
def waiting(place: Any) -> Iterator[Wait]:
    wait = Wait(place)
    wait.begin()
    try:
        yield wait
    finally:
        wait.end()


def answered(count: int) -> list[Stream]:
    """Connections that a server has answered, all of them open."""
    streams = [Stream() for _ in range(count)]
    for stream in streams:
        with waiting(PLACE) as wait:
            wait.was_answered(stream)
    return streams


def test_place_1_idle_connection_makes_room(world: World) -> None:
    """PLACE-1: a request that waits for longer than the grace has the idle connections closed."""
    world.count = 2
    with waiting(PLACE):
        world.go_on(GRACE - 0.01)
        assert 2 == world.count
        world.go_on(0.01)
        assert 0 == world.count


def test_place_1_what_becomes_idle_later(world: World) -> None:
    """PLACE-1: a connection that becomes idle while a request waits too long is closed, if none takes it at once."""
    with waiting(PLACE):
        world.go_on(GRACE)
        assert not is_needed(PLACE)
        world.become_idle()
        world.go_on(REST_TIME)

    assert 0 == world.count


@pytest.mark.parametrize("idle", [0, 1])
def test_place_1_what_became_idle_just_now(world: World, idle: int) -> None:
    """PLACE-1: a connection put back a moment ago is closed once it has rested: others may be about to take it."""
    world.count = idle  # when the request begins to wait
    with waiting(PLACE):
        world.count = 0
        world.go_on(GRACE - 0.01)
        assert not is_needed(PLACE)
        world.become_idle()
        world.go_on(0.01)
        assert 1 == world.count
        world.go_on(REST_TIME)

    assert 0 == world.count


def test_place_1_used_again_and_again(world: World) -> None:
    """PLACE-1: a connection that is never idle for long gives its place up all the same, but only now and then."""
    with waiting(PLACE):
        world.go_on(STARVING_TIME)
        assert [True, False] == [is_needed(PLACE), is_needed(PLACE)]
        world.go_on(STARVING_TIME)
        assert is_needed(PLACE)


def test_place_1_the_first_one_ends(world: World) -> None:
    """PLACE-1: a request that began to wait later is looked after as well, whatever becomes of the first one."""
    world.count = 1
    first = Wait(PLACE)
    first.begin()
    world.go_on(GRACE / 2)
    with waiting(PLACE):
        first.end()
        world.go_on(GRACE - 0.01)
        assert 1 == world.count
        world.go_on(2 * REST_TIME)
        assert 0 == world.count


def test_place_1_the_first_one_goes_on(world: World) -> None:
    """PLACE-1: so is one that begins to wait while the next look at the first one is far away."""
    with waiting(PLACE):
        world.go_on(2 * STARVING_TIME)
        world.count = 1
        with waiting(PLACE):
            world.go_on(GRACE)
            assert 0 == world.count


@pytest.mark.parametrize("begin_together", [True, False])
def test_a_crowd_has_one_call(world: World, begin_together: bool) -> None:
    """Thousands that begin to wait, and thousands of connections that become idle meanwhile, are one call each time."""
    world.count = 1
    waits = []
    for _ in range(2000):
        waits.append(Wait(PLACE))
        waits[-1].begin()
        if not begin_together:
            world.go_on(0.0005)
            world.become_idle()
    world.go_on(GRACE + REST_TIME)
    for wait in waits:
        wait.end()

    assert (0, {}) == (world.count, world.calls)
    assert world.call_count <= 20


def test_a_look_that_is_asked_for_by_two(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two threads that ask for a look the sooner one gets it, though the other one makes its call last."""
    with waiting(PLACE):
        [waits] = places.waits.values()
        call_at = world.call_at

        def be_overtaken(when: float, *arguments: Any, **options: Any) -> None:
            monkeypatch.setattr(world, "call_at", call_at)
            places._look_at(PLACE, waits, world.now + 1)
            call_at(when, *arguments, **options)

        monkeypatch.setattr(world, "call_at", be_overtaken)
        places._look_at(PLACE, waits, world.now + 2)
        assert [world.now + 1] == [when for when, _ in world.calls.values()]

    assert {} == world.calls


def test_a_look_that_is_asked_for_by_two_in_the_same_moment() -> None:
    """Whether a look is the sooner one is found out and noted in one step: else the later one could be noted last."""
    compared_under_lock: list[bool] = []

    class When(float):
        def __ge__(self, other: float) -> bool:
            compared_under_lock.append(places._lock.locked())
            return super().__ge__(other)

    with waiting(PLACE):
        [waits] = places.waits.values()
        places._look_at(PLACE, waits, When(1001.0))

    assert compared_under_lock[0], "the look behind the call is another one"


def test_a_look_that_comes_a_moment_early(world: World) -> None:
    """A clock that is not exact makes no busy loop: there is a rest between two looks."""
    world.count = 1
    with waiting(PLACE):
        [waits] = places.waits.values()
        world.now += GRACE - 1e-9
        places._look(PLACE, waits)
        assert [world.now + REST_TIME] == [when for when, _ in world.calls.values()]


def test_a_look_that_is_asked_for_at_the_end(world: World) -> None:
    """A call that is made as the last request ends is cancelled by the one who makes it, or comes in vain."""
    with waiting(PLACE):
        [waits] = places.waits.values()
    places._look_at(PLACE, waits, world.now + 1)
    places._look(PLACE, waits)

    assert {} == world.calls


def test_places_that_a_server_has(world: World) -> None:
    """A server that has answered over three open connections has room for two and a new one: its response is slow."""
    streams = answered(3)
    streams[0].descriptor = -1
    world.count = 2
    with waiting(PLACE):
        world.go_on(STARVING_TIME - 0.01)
        assert 2 == world.count
        assert not is_needed(PLACE)


def test_place_1_places_that_a_server_had(world: World) -> None:
    """PLACE-1: what a server once had it may have no more; the second look does not rely on it."""
    streams = answered(3)
    streams[0].descriptor = -1
    world.count = 2
    with waiting(PLACE):
        world.go_on(STARVING_TIME)

    assert 0 == world.count


def test_nothing_is_closed_for_others(world: World) -> None:
    """Without a request that waits there, every connection may be kept."""
    with waiting(("b.test", 80)):
        assert not is_needed(PLACE)


def test_no_call_is_left(world: World) -> None:
    """A request that was answered leaves nothing behind, however long it took."""
    for seconds in (0, GRACE, 3 * STARVING_TIME):
        with waiting(PLACE):
            world.go_on(seconds)

    assert {} == world.calls == places.waits


@pytest.mark.parametrize(("closed", "after", "expected"), [(1, 0.1, True), (1, 3, False), (0, 0.1, False)])
def test_narrow_servers(world: World, closed: int, after: float, expected: bool) -> None:
    """A server that answers as soon as an idle connection was closed counts as narrow, for a while."""
    world.count = closed
    with waiting(PLACE) as wait:
        world.go_on(GRACE)
        world.go_on(after)
        wait.was_answered(Stream())

    assert expected == places.is_narrow(PLACE)
    world.go_on(NARROW_TIME)
    assert not places.is_narrow(PLACE)


def test_no_timer_where_nothing_is_idle(world: World) -> None:
    """Most first requests need no timer: there is nothing to close, unless a connection becomes idle meanwhile."""
    with waiting(PLACE):
        assert {} == world.calls
        world.go_on(GRACE)
        world.become_idle()
        assert 1 == len(world.calls)
        world.go_on(STARVING_TIME)
        assert 0 == world.count

    assert {} == world.calls


def test_no_thread_for_the_timer(world: World) -> None:
    """Where the system gives no thread, requests go on without; the next connection that becomes idle asks again."""
    world.has_threads = False
    with waiting(PLACE):
        world.become_idle()
        assert not is_needed(PLACE)
        world.has_threads = True
        world.become_idle()
        world.go_on(GRACE)
        assert 0 == world.count


def test_many_answers_are_not_counted_each_time(world: World) -> None:
    """A crowd is counted now and then, and so nearly all of them are known to have places."""
    looks = 0

    class Counted(Stream):
        def fileno(self) -> int:
            nonlocal looks
            looks += 1
            return super().fileno()

    streams = [Counted() for _ in range(1000)]
    for stream in streams:
        wait = Wait(PLACE)
        wait.begin()
        wait.was_answered(stream)
        wait.end()
        world.now += COUNT_INTERVAL / 20
    assert looks < 50 * len(streams)

    world.become_idle()
    last = Wait(PLACE)
    last.begin()
    for stream in streams[-20:]:
        stream.descriptor = -1  # so there are places again
    world.go_on(GRACE)
    assert 1 == world.count
    last.end()


def test_servers_are_bounded() -> None:
    """Of many servers the latest are remembered."""
    for number in range(MAX_SERVERS + 3):
        with waiting((f"{number}.test", 80)) as wait:
            wait.was_answered(Stream())

    assert MAX_SERVERS == len(places._servers)


def test_reset_after_fork() -> None:
    """In a forked child nothing is known, and the lock is free."""
    answered(1)
    with waiting(PLACE), places._lock:
        places.reset_after_fork()
        assert {} == places.waits == places._servers
        assert not places._lock.locked()
