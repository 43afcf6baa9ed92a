"""Sockets that an event loop watches as one."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

import pytest

from urlrequest._concurrency import interest_list as module
from urlrequest._concurrency.interest_list import MOST, InterestList, new_interest_list

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.no_leaks,
    pytest.mark.skipif(not hasattr(select, "epoll"), reason="this system has no epoll"),
]


class Item:
    """A socket that reads what has come, and closes itself with the other end."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.received: list[bytes] = []

    def fileno(self) -> int:
        return self.ours.fileno()

    def read(self) -> None:
        self.received.append(self.ours.recv(100))

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def items() -> Iterator[list[Item]]:
    items = [Item() for _ in range(MOST + 1)]
    yield items
    for item in items:
        item.close()


def is_readable(interest_list: InterestList) -> bool:
    """Whether a loop would call `notify()`."""
    return bool(select.select([interest_list], [], [], 0)[0])


def test_what_comes_is_read_once(items: list[Item]) -> None:
    """The list is readable while one of its sockets is, and reports each once for every time it was added."""
    interest_list = InterestList(lambda: None)
    interest_list.add(items[0])
    interest_list.read()
    assert ([], False) == (items[0].received, is_readable(interest_list))
    items[0].theirs.send(b"one")
    assert is_readable(interest_list)
    interest_list.read()
    items[0].theirs.send(b"two")

    assert not is_readable(interest_list)
    interest_list.read()
    assert [b"one"] == items[0].received
    interest_list.add(items[0])
    assert is_readable(interest_list)
    interest_list.read()
    assert [b"one", b"two"] == items[0].received


def test_the_loop_has_its_turn_in_between(items: list[Item]) -> None:
    """Many responses at once do not hold up the loop: it is called again for the rest."""
    interest_list = InterestList(lambda: None)
    for item in items:
        interest_list.add(item)
        item.theirs.send(b"x")
    interest_list.read()
    assert MOST == sum(item.received == [b"x"] for item in items)
    assert is_readable(interest_list)
    interest_list.read()
    assert [[b"x"]] * len(items) == [item.received for item in items]
    assert not is_readable(interest_list)


def test_a_descriptor_that_is_given_out_again(items: list[Item]) -> None:
    """What is over is left out, and a new socket with the same descriptor is reported."""
    interest_list = InterestList(lambda: None)
    first, descriptor = items[0], items[0].fileno()
    interest_list.add(first)
    first.close()
    interest_list.add(first)
    items[0] = Item()
    assert descriptor == items[0].fileno()
    interest_list.add(items[0])
    items[0].theirs.send(b"x")
    interest_list.read()

    assert ([], [b"x"]) == (first.received, items[0].received)


def test_what_was_taken_out_is_not_read(items: list[Item], monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that is full takes nothing; what the system reports of an earlier item finds nobody."""
    interest_list = InterestList(lambda: None)
    interest_list.add(items[0])
    interest_list.add(items[1])
    items[0].theirs.send(b"x")

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(module, "arm", refuse)
    interest_list.add(items[0])
    interest_list.read()
    assert [] == items[0].received


def test_the_loop_keeps_the_list() -> None:
    """By what it calls, with any arguments: else its selector would have the descriptor of somebody else."""
    calls: list[str] = []
    interest_list = new_interest_list(lambda: calls.append("called"))
    assert interest_list is not None
    call, descriptor = interest_list.notify, interest_list.fileno()
    del interest_list
    call(1, 2)

    assert (["called"], []) == (calls, select.select([descriptor], [], [], 0)[0])


def test_a_system_without_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no list then, and another thread reads."""
    monkeypatch.delattr(select, "epoll")
    assert new_interest_list(lambda: None) is None


def test_no_descriptor_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no list either, and no error."""

    def fail() -> None:
        raise OSError

    monkeypatch.setattr(select, "epoll", fail)
    assert new_interest_list(lambda: None) is None
