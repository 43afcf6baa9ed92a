"""Ctrl-C at each moment of what a program's thread does in the worker pool.

Whatever the moment: no job, no slot and no worker is lost, and no job runs twice.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from support.jobs import Job
from support.leaks import library_threads
from support.moments import Moments
from support.waiting import becomes, wait_until
from urlrequest._concurrency import worker_pool
from urlrequest._concurrency.worker_pool import MAX_EMPTY, WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Scene:
    """A pool with jobs that run, that wait, and that may come; what is interrupted is `act`."""

    def __init__(self, limit: int, limit_per_host: int | None = None) -> None:
        self.threads = library_threads()
        self.workers = WorkerPool(limit, limit_per_host)
        self.log: list[str] = []
        self.jobs: list[Job] = []  # each of them must run once
        self.coming = Job("coming", self.log, "h")  # may run, once
        self.unmanned = Job("unmanned", self.log, "a")  # has a slot, and never runs
        self.act: Callable[[], object] = self.submit
        self.undo: Callable[[], object] = self.remove

    def submit(self) -> None:
        self.workers.submit(self.coming)

    def remove(self) -> None:
        self.workers.remove(self.coming)

    def return_slot(self) -> None:
        self.workers.return_slot(self.unmanned)

    def add(self, *names: str, held: bool = False) -> list[Job]:
        jobs = [Job(name, self.log, name[0], held=held) for name in names]
        self.jobs += jobs
        for job in jobs:
            self.workers.submit(job)
        return jobs

    def make_idle(self, count: int) -> None:
        let_go(*self.add(*map(str, range(count)), held=True))
        wait_until(lambda: len(self.workers._idle) == count)


def submit_to_a_new_worker() -> Scene:
    return Scene(1)


def submit_to_an_idle_worker() -> Scene:
    scene = Scene(1)
    scene.make_idle(1)
    return scene


def submit_behind_others() -> Scene:
    scene = Scene(1)
    scene.add("a1", "a2", held=True)
    return scene


def submit_and_compact() -> Scene:
    scene = Scene(2, 1)
    scene.add("h1", "a1", held=True)
    for _ in range(MAX_EMPTY + 2):
        scene.submit()
        scene.remove()
    assert len(scene.workers._queue) > MAX_EMPTY
    return scene


def return_a_slot() -> Scene:
    scene = Scene(1)
    assert scene.workers.take_slot(scene.unmanned)
    scene.add("b1", "a2")
    scene.act = scene.undo = scene.return_slot
    return scene


def return_a_slot_to_an_idle_worker() -> Scene:
    scene = Scene(2)
    scene.make_idle(2)
    scene.workers.change_limits(1, None)
    assert scene.workers.take_slot(scene.unmanned)
    scene.add("b1", "a2")
    scene.act = scene.undo = scene.return_slot
    return scene


def return_a_slot_of_a_full_host() -> Scene:
    scene = Scene(2, 1)
    assert scene.workers.take_slot(scene.unmanned)
    first, _, _, last = scene.add("b1", "a1", "a2", "b2", held=True)
    let_go(first)
    wait_until(last.begun.is_set)
    assert scene.workers._held_by_host
    scene.act = scene.undo = scene.return_slot
    return scene


def take_and_return_a_slot() -> Scene:
    scene = Scene(2, 1)
    scene.act = lambda: (scene.workers.take_slot(scene.unmanned), scene.return_slot())
    scene.undo = scene.return_slot
    return scene


def take_and_drop_a_slot() -> Scene:
    scene = Scene(2, 1)
    scene.act = lambda: scene.workers.take_slot(scene.unmanned) and scene.workers.drop_slot(scene.unmanned)
    scene.undo = scene.return_slot
    return scene


def change_the_limits_over_a_slot() -> Scene:
    scene = Scene(3, 2)
    assert scene.workers.take_slot(scene.unmanned)
    scene.act = lambda: (scene.workers.change_limits(3, 1), scene.return_slot())
    scene.undo = scene.return_slot
    return scene


def raise_the_limits() -> Scene:
    scene = Scene(3, 1)
    scene.make_idle(1)
    scene.add("a1", "a2", "b1", "b2", "a3", held=True)
    scene.act = scene.undo = lambda: scene.workers.change_limits(4, 2)
    return scene


def shut_down() -> Scene:
    scene = Scene(3)
    scene.make_idle(2)
    scene.act = scene.undo = scene.workers.shut_down
    return scene


@pytest.mark.parametrize(
    "make",
    [
        submit_to_a_new_worker, submit_to_an_idle_worker, submit_behind_others, submit_and_compact, return_a_slot,
        return_a_slot_to_an_idle_worker, return_a_slot_of_a_full_host, take_and_return_a_slot, take_and_drop_a_slot,
        change_the_limits_over_a_slot, raise_the_limits, shut_down,
    ],
)  # fmt: skip
def test_fault_119_ctrl_c_at_each_moment(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Scene]) -> None:
    """Fault 119, invariants WORKER-1 and WORKER-2: no job, no slot and no worker is lost, and no job runs twice."""
    monkeypatch.setattr(worker_pool, "IDLE_TIME", 1000.0)  # a worker that is forgotten stays for ever
    lost: list[str] = []
    for number in itertools.count(1):
        scene, moments = make(), Moments(number, KeyboardInterrupt)
        try:
            with moments:
                scene.act()
        except KeyboardInterrupt:
            scene.undo()  # what the caller does
        lost += [f"{what}: {moments.place}" for what in find_lost(scene)]
        if moments.place is None:
            break

    assert [] == lost
    assert number > 3


def let_go(*jobs: Job) -> None:
    for job in jobs:
        job.go.set()


def find_lost(scene: Scene) -> Iterator[str]:
    """What does not come to its end."""
    workers = scene.workers
    let_go(*scene.jobs)
    if not becomes(lambda: all(job.done.is_set() for job in scene.jobs)):
        yield "a job"
    following = Job("following", scene.log, "h")
    workers.submit(following)
    if not becomes(following.done.is_set):
        yield "the following job"
    if not becomes(lambda: not workers._running):
        yield "a slot"
    left = workers._running_at, workers._unmanned, workers._unmanned_at, workers._waiting
    if any(left):
        yield f"{left}"
    if len(set(scene.log)) < len(scene.log):
        yield f"a job runs twice, {scene.log}"
    workers.shut_down()
    # One whose start was interrupted may stay in the list of those that start; it does not live.
    if not becomes(lambda: not any(thread.is_alive() for thread in library_threads() - scene.threads)):
        yield "a worker"
