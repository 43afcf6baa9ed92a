"""One thread that waits for the bytes of many sockets."""

from __future__ import annotations

import errno
import itertools
import os
import select
import socket
import threading
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from support.moments import LackOfMemory, interrupt_starts, kill_starts
from support.waiting import PATIENCE, becomes
from urlrequest._concurrency import sync
from urlrequest._concurrency import watch as watch_module
from urlrequest._concurrency.sync import NoThreadError
from urlrequest._concurrency.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLLERS = [
    name
    for name, call in (("_EpollPoller", "epoll"), ("_PollPoller", "poll"), ("_SelectPoller", "select"))
    if hasattr(select, call)
]


class Item:
    """A socket whose looks are counted; it reads what has come, and is watched on if it `goes_on`."""

    def __init__(self, watch: Watch, *, until: float | None = None, goes_on: bool = False) -> None:
        self.until = until
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.received: list[bytes] = []
        self.threads: set[str] = set()
        self._watch = watch
        self._goes_on = goes_on
        self._looked = threading.Semaphore(0)

    def fileno(self) -> int:
        return self.ours.fileno()

    def look(self) -> None:
        self.threads.add(threading.current_thread().name)
        try:
            self.received.append(self.ours.recv(100))
        except OSError:
            self.received.append(b"")
        if self._goes_on:
            self._watch.add(self)
        self._looked.release()

    def await_look(self) -> bool:
        return self._looked.acquire(timeout=PATIENCE)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def new_watch() -> Iterator[Callable[[], Watch]]:
    """Makes a watch, whose thread ends with the test."""
    made: list[Watch] = []

    def make() -> Watch:
        made.append(Watch())
        return made[-1]

    yield make
    for watch in made:
        watch.end()


@pytest.fixture(params=POLLERS)
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, new_watch: Callable[[], Watch]) -> Watch:
    """A watch with each of the pollers."""
    monkeypatch.setattr(watch_module, "new_poller", getattr(watch_module, request.param))
    watch = new_watch()
    assert watch.start()
    return watch


@pytest.fixture
def items() -> Iterator[list[Item]]:
    """What a test makes, to be closed at its end."""
    items: list[Item] = []
    yield items
    for item in items:
        item.close()


def test_what_comes_is_seen_once(watch: Watch, items: list[Item]) -> None:
    """Invariant WATCH-1: an item is looked at when bytes come, on the watch's thread, and not again."""
    item = Item(watch)
    items.append(item)
    watch.add(item)
    item.theirs.send(b"1")
    assert item.await_look()
    item.theirs.send(b"2")
    other = Item(watch)
    items.append(other)
    watch.add(other)
    other.theirs.send(b"3")
    assert other.await_look()

    assert ([b"1"], [b"3"], {"urlrequest-watch"}) == (item.received, other.received, item.threads)


def test_an_item_may_be_watched_on(watch: Watch, items: list[Item]) -> None:
    """What adds itself again is looked at again, also when bytes came meanwhile."""
    item = Item(watch, goes_on=True)
    items.append(item)
    watch.add(item)
    for octet in (b"1", b"2", b"3"):
        item.theirs.send(octet)
        assert item.await_look()

    assert [b"1", b"2", b"3"] == item.received


def test_later_is_not_never(watch: Watch, items: list[Item]) -> None:
    """What another thread was likely to read, and did not, is watched after a moment."""
    item = Item(watch)
    items.append(item)
    watch.add_later(item)
    item.theirs.send(b"1")

    assert item.await_look()
    assert [b"1"] == item.received


def test_what_another_thread_has_read_is_left_alone(watch: Watch, items: list[Item]) -> None:
    """An item that is over when its moment comes has no descriptor any more, and is not looked at."""
    gone, other = Item(watch), Item(watch)
    items += [gone, other]
    gone.close()  # before the watch can be quicker
    watch.add_later(gone)
    watch.add_later(other)
    other.theirs.send(b"1")

    assert other.await_look()
    assert [] == gone.received


def test_an_item_that_is_closed_while_it_is_watched(watch: Watch, items: list[Item]) -> None:
    """A socket that its owner closes does no harm, and its number may come again."""
    for _ in range(3):
        gone = Item(watch)
        items.append(gone)
        watch.add(gone)
        gone.close()
        item = Item(watch)
        items.append(item)
        watch.add(item)
        item.theirs.send(b"1")
        assert item.await_look()
        assert [b"1"] == item.received


def test_15_2_times_are_kept(watch: Watch, items: list[Item]) -> None:
    """Contract 15.2: an item is looked at when its time has come, though nothing else has; also after later ones."""
    late = Item(watch, until=monotonic() + 1000)
    early = Item(watch, until=monotonic() + 0.02)
    items += [late, early]
    watch.add(late)
    watch.add(early)

    assert early.await_look()
    assert ([b""], []) == (early.received, late.received)
    assert monotonic() >= (early.until or 0)


def test_a_look_that_is_asked_for(watch: Watch, items: list[Item]) -> None:
    """An item is looked at on demand, also one that nobody watches."""
    item = Item(watch)
    items.append(item)
    watch.look_at(item)

    assert item.await_look()
    assert ([b""], {"urlrequest-watch"}) == (item.received, item.threads)


def test_many_threads_add(watch: Watch, items: list[Item]) -> None:
    """Nothing is lost when threads add and ask at the same time."""
    items += [Item(watch) for _ in range(40)]
    start = threading.Barrier(4)

    def add(part: list[Item]) -> None:
        start.wait()
        for number, item in enumerate(part):
            (watch.add if number % 2 else watch.add_later)(item)
            item.theirs.send(b"1")

    threads = [threading.Thread(target=add, args=(items[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert all(item.await_look() for item in items)
    assert [[b"1"]] * 40 == [item.received for item in items]


def test_select_has_little_room(
    monkeypatch: pytest.MonkeyPatch, items: list[Item], new_watch: Callable[[], Watch]
) -> None:
    """Where select() is all that the system has, no more is watched than it takes."""
    monkeypatch.setattr(watch_module, "new_poller", watch_module._SelectPoller)
    monkeypatch.setattr(watch_module._SelectPoller, "most", 2)
    watch = new_watch()
    items += [Item(watch) for _ in range(2)]
    rooms = [watch.start()]
    for item in items:
        watch.add(item)
        rooms.append(watch.start())

    assert [True, True, False] == rooms
    for item in items:
        item.theirs.send(b"1")
        assert item.await_look()
    assert becomes(watch.start)


@pytest.mark.parametrize("error", [RuntimeError, OSError])
def test_a_watch_that_cannot_start(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], new_watch: Callable[[], Watch]
) -> None:
    """Without a thread or a descriptor there is no watch; the next call tries again."""
    watch = new_watch()
    with monkeypatch.context() as patch:

        def fail(*_: object, **__: object) -> None:
            raise error

        patch.setattr(*((watch_module, "new_poller") if error is OSError else (threading.Thread, "start")), fail)
        with pytest.raises(error):
            watch.start()

    assert watch.start()


def test_2_10_a_watch_that_dies_in_its_start(monkeypatch: pytest.MonkeyPatch, new_watch: Callable[[], Watch]) -> None:
    """Contract 2.10: a caller waits for the thread until its own time at most; meanwhile others do without."""
    watch, rooms = new_watch(), list[bool]()
    with monkeypatch.context() as patch:
        kill_starts(patch, seconds=1e6)
        killed = sync.start_thread

        def while_it_starts(*arguments: Any, **options: Any) -> None:
            rooms.append(watch.start())  # as by another thread
            killed(*arguments, **options)

        patch.setattr(watch_module, "start_thread", while_it_starts)
        with pytest.raises(NoThreadError, match="not begun"):
            watch.start(until=-1.0)
    rooms.append(watch.start())

    assert [False, True] == rooms


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_fault_116_the_child_has_a_watch_of_its_own(watch: Watch, items: list[Item]) -> None:
    """Fault 116: a forked child begins anew, and takes nothing out of what the parent watches."""
    mine = Item(watch)
    items.append(mine)
    watch.add(mine)
    child = os.fork()
    if child == 0:
        watch.reset_after_fork()
        own = Item(watch)
        is_started = watch.start()
        watch.add(own)
        own.theirs.send(b"1")
        os._exit(0 if is_started and own.await_look() and own.received == [b"1"] and not mine.received else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    mine.theirs.send(b"2")

    assert mine.await_look()
    assert [b"2"] == mine.received


@pytest.mark.parametrize("runs", [False, True])
def test_fault_119_ctrl_c_while_the_watch_starts(
    items: list[Item], monkeypatch: pytest.MonkeyPatch, new_watch: Callable[[], Watch], *, runs: bool
) -> None:
    """Fault 119: there is one thread afterwards, whether the first one has begun or not."""
    watch, known = new_watch(), set(threading.enumerate())
    with monkeypatch.context() as patch:
        interrupt_starts(patch, runs=runs)
        with pytest.raises(KeyboardInterrupt):
            watch.start()
    assert watch.start()
    item = Item(watch)
    items.append(item)
    watch.add(item)
    item.theirs.send(b"1")

    assert item.await_look()
    assert becomes(lambda: 1 == len(set(threading.enumerate()) - known))


def test_a_descriptor_that_is_used_again_meanwhile(watch: Watch, items: list[Item]) -> None:
    """A thread that adds an item late does not put it in the place of the next one with the same descriptor."""
    following = Item(watch)

    class Late(Item):
        is_over = False

        def fileno(self) -> int:
            if self.is_over:
                return -1
            self.is_over = True
            watch.add(following)
            return following.fileno()

    late = Late(watch)
    items += [late, following]
    watch.add(late)
    following.theirs.send(b"1")

    assert following.await_look()
    assert ([b"1"], []) == (following.received, late.received)


def test_no_room_in_the_set_of_the_system(
    monkeypatch: pytest.MonkeyPatch, items: list[Item], new_watch: Callable[[], Watch]
) -> None:
    """What the system does not watch is looked at now and then, and what is readable is read."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    watch = new_watch()
    assert watch.start()
    monkeypatch.setattr(type(watch._poller), "arm", refuse)
    item = Item(watch, goes_on=True)
    items.append(item)
    watch.add(item)
    for _ in range(3):
        assert item.await_look()
    item.theirs.send(b"1")

    assert becomes(lambda: b"1" in item.received)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 40])
def test_watch_2_no_memory_at_any_call(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, new_watch: Callable[[], Watch], times: int
) -> None:
    """Contract 2.10, invariant WATCH-2: whichever call of the thread fails, everything is looked at all the same."""
    monkeypatch.setattr(watch_module, "MEMORY_PAUSE", 0.0005)
    monkeypatch.setattr(sync, "MEMORY_PAUSE", 0.0005)
    for number in itertools.count(1):
        watch = new_watch()
        memory = LackOfMemory(number, "urlrequest-watch", times)
        with memory:
            assert watch.start()
            readable, later, called, due = items = [Item(watch), Item(watch), Item(watch), Item(watch)]
            due.until = monotonic() + 0.001
            for item in (readable, later):
                item.theirs.send(b"1")
            watch.add(due)
            watch.add_later(later)
            watch.look_at(called)
            watch.add(readable)
            for item in items:
                assert item.await_look(), memory.place
        again = Item(watch)
        watch.add(again)
        again.theirs.send(b"2")
        assert again.await_look(), memory.place
        watch.end()
        for item in (*items, again):
            item.close()
        if memory.place is None:
            break

    assert number > 20


def test_watch_2_a_look_that_raises(watch: Watch, items: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant WATCH-2: whatever a look raises is reported; the thread goes on, and looks again."""
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda report: reported.append(report.exc_value))
    errors: list[BaseException] = [ZeroDivisionError(), SystemExit()]
    for error in errors:
        item = Item(watch)
        items.append(item)
        monkeypatch.setattr(item, "look", partial(fail_first, [error], item.look))
        watch.add(item)
        item.theirs.send(b"1")
        assert item.await_look()
        assert [b"1"] == item.received
    assert becomes(lambda: errors == reported)


def fail_first(errors: list[BaseException], look: Callable[[], None]) -> None:
    if errors:
        raise errors.pop()
    look()
