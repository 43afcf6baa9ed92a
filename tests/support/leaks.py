"""What a test leaves behind: threads that go on, and open descriptors."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from support.waiting import PATIENCE, wait_until
from urlrequest._concurrency import sync, timer, wakeup, watch, worker_pool
from urlrequest.hooks import _frames

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

__all__ = [
    "DESCRIPTORS",
    "describe",
    "descriptors_left",
    "is_worker",
    "join_all",
    "library_threads",
    "living_threads",
    "open_descriptors",
    "threads_left",
]

DESCRIPTORS = Path("/proc/self/fd")  # there is no such folder where the system does not tell them

ENDING_TIME = 20.0  # seconds that threads have to end, and descriptors to be closed, after a test
LOOK_INTERVAL = 0.005  # seconds; a worker does not announce that it became idle
# The only code of the library that a worker without a request is in, the timer thread while connections are idle, and
# the watch.
WAITING = {worker_pool.__name__, timer.__name__, sync.__name__, watch.__name__}

_blamed: weakref.WeakSet[threading.Thread] = weakref.WeakSet()  # so that one test's leak does not fail the next ones


def threads_left(known: set[threading.Thread]) -> list[threading.Thread]:
    """Give the threads of a test time to end or to become idle, and return those that do not.

    Args:
        known: The threads that were there before the test.
    """
    limit = time.monotonic() + ENDING_TIME
    left: list[threading.Thread] = []
    for thread in set(threading.enumerate()) - set(_blamed):
        if is_worker(thread):
            while thread.is_alive() and not is_idle(thread):
                if time.monotonic() > limit:
                    left.append(thread)
                    break
                time.sleep(LOOK_INTERVAL)
        elif thread not in known and (not thread.daemon or thread.name.startswith("urlrequest")):
            # As the base class does it: requests are threads that join in their own way.
            with suppress(RuntimeError):  # it has died in its start
                threading.Thread.join(thread, max(0.0, limit - time.monotonic()))
            if threading.Thread.is_alive(thread):
                left.append(thread)
    _blamed.update(left)
    return left


def descriptors_left(known: dict[str, str]) -> dict[str, str]:
    """Give what was opened in a test time to be closed, and return what is not."""
    limit = time.monotonic() + ENDING_TIME
    while True:
        wakeup.drop_spare_wakers()
        left = {number: what for number, what in open_descriptors().items() if known.get(number) != what}
        if not left or time.monotonic() > limit:
            return left
        gc.collect()  # a circle of references may hold it; this costs 0.2 s in a process with all tests in it
        time.sleep(LOOK_INTERVAL)


def open_descriptors() -> dict[str, str]:
    """What each open descriptor of this process is, by its number."""
    found: dict[str, str] = {}
    for entry in DESCRIPTORS.iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:
            continue  # The one that listed them.
    return found


def library_threads() -> set[threading.Thread]:
    """The threads of the library. Others come and go: a `_DummyThread` stays for each that is not of `threading`."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("urlrequest")}


def living_threads(name: str) -> list[threading.Thread]:
    """The threads that live and whose names begin so.

    `threading` lists one for ever whose start an exception has interrupted, as some tests have it.
    """
    return [thread for thread in threading.enumerate() if thread.name.startswith(name) and thread.is_alive()]


def join_all(threads: Iterable[threading.Thread]) -> None:
    """Wait for threads to end; `join()` refuses one that is in its first steps, as after Ctrl-C in its start."""
    for thread in threads:
        wait_until(thread._started.is_set, f"{thread} has not begun")  # type: ignore[attr-defined]
        thread.join(PATIENCE)
        assert not thread.is_alive(), thread


def is_worker(thread: threading.Thread) -> bool:
    """Whether a thread runs requests, or is the timer thread or the watch."""
    return thread.name.startswith(("urlrequest-worker", "urlrequest-timer", "urlrequest-watch"))


def is_idle(worker: threading.Thread) -> bool:
    """Whether a worker waits for requests."""
    return set(library_modules(worker)) <= WAITING


def describe(thread: threading.Thread) -> str:
    """Its name, its kind, and where in the library it is."""
    return f"{thread.name} ({'daemon' if thread.daemon else 'not a daemon'}; in {library_modules(thread)})"


def library_modules(thread: threading.Thread) -> list[str]:
    """The modules of the library whose functions a thread runs, from the innermost call outwards."""
    return _frames._reader.read(_library_modules, thread.ident or 0)


def _library_modules(thread: int) -> list[str]:
    found = []
    frame: FrameType | None = sys._current_frames().get(thread)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] == "urlrequest":
            found.append(module)
        frame = frame.f_back
    return found
