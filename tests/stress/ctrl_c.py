"""Real signals in each kind of call: `python -m tests.stress.ctrl_c --signals 1000 [--place NAME ...]`.

A timer of the system sends a signal whose handler raises KeyboardInterrupt, as Ctrl-C does, at a random time within a
call of the library. Afterwards each request must end with one terminal callback and one on_finish, and the session,
which has one slot, must go on. At the end no thread, no descriptor and no request may be left. The exit status is 1
when something is not so.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import signal
import statistics
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import urlrequest
from urlrequest import Session, UrlRequest, wait_all
from urlrequest._client import flight
from urlrequest._client.call import active_calls
from urlrequest._concurrency import wakeup
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PATIENCE = 20.0  # seconds; a guard against hanging
WARM_UP = 15  # calls without a signal, for their usual time
LONGER = 1.3  # times the usual time, for which signals come
MAX_ROUNDS = 20  # for each signal that is wanted: many come too late
TERMINAL = ("success", "failure", "redirect", "error", "cancel")


class Signals:
    """Sends one signal at a time; it is Ctrl-C as long as it is awaited."""

    def __init__(self) -> None:
        self.is_awaited = False
        signal.signal(signal.SIGALRM, self.handle)

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.is_awaited:
            self.is_awaited = False
            raise KeyboardInterrupt

    def interrupt(self, call: Callable[[], object], within: float) -> KeyboardInterrupt | None:
        """Call a function, and interrupt it at some time; None: it ended before."""
        try:
            self.is_awaited = True
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, within))
            call()
            self.is_awaited = False
        except KeyboardInterrupt as interrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
            return interrupt
        signal.setitimer(signal.ITIMER_REAL, 0)
        return None


class World:
    """A session with one slot, and what became of its requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = Session(url, max_requests=1, timeout=PATIENCE)
        self.begun: list[tuple[UrlRequest, str]] = []
        self.finished: list[UrlRequest] = []
        self.made: list[UrlRequest] = []

    def note(self, name: str) -> Callable[..., None]:
        def callback(request: UrlRequest, *_: object) -> None:
            self.begun.append((request, name))
            sum(range(200))  # there is time for a signal

        return callback

    def request(self, path: str = "/") -> UrlRequest:
        callbacks: Any = {f"on_{name}": self.note(name) for name in TERMINAL}
        request = self.session.request(path, on_finish=self.finished.append, **callbacks)
        self.made.append(request)
        return request

    def settled(self, path: str = "/") -> UrlRequest:
        request = self.request(path)
        request.join(PATIENCE)
        return request

    def connect(self) -> None:
        """Let there be an idle connection, over which the next request is launched."""
        assert self.request().wait(timeout=PATIENCE)

    def complaints(self, interrupt: KeyboardInterrupt | None) -> Iterator[str]:
        """What is not as the contract says."""
        for request in [*active_calls.values(), *self.made]:
            if not request.wait(timeout=PATIENCE):
                yield f"a wait hangs: {request!r}"
        urlrequest.drain()
        if active_calls:
            yield f"{list(active_calls.values())} are left"
        yield from self.wrong_callbacks(interrupt)
        if not self.session._urlrequest_shared.is_closed:
            following = self.session.request("/")
            if not following.wait(timeout=PATIENCE) or following.result != "x":
                yield f"the next request does not work: {following!r} {following.error!r}"
        self.session.close()
        yield from self.lost_slots()

    def wrong_callbacks(self, interrupt: KeyboardInterrupt | None) -> Iterator[str]:
        for request, count in Counter(self.finished).items():
            if count > 1:
                yield f"on_finish of {request!r} runs {count} times"
        # Ctrl-C may come before the first line of a callback.
        least = 0 if interrupt is not None and is_in_callback(interrupt) else 1
        for request in self.made:
            names = [name for each, name in self.begun if each is request]
            if not least <= len(names) <= 1 or request not in self.finished:
                yield f"{request!r} has {names}"

    def lost_slots(self) -> Iterator[str]:
        workers = self.session._urlrequest_shared.workers
        limit = time.monotonic() + PATIENCE
        while (workers._running or workers._unmanned) and time.monotonic() < limit:
            time.sleep(0.001)
        if workers._running or workers._unmanned or workers._unmanned_at or workers._waiting or workers._running_at:
            yield f"slots are lost: {workers._running} {workers._unmanned} {workers._waiting} {workers._running_at}"


def is_in_callback(interrupt: KeyboardInterrupt) -> bool:
    return any(frame.f_code.co_name == "callback" for frame, _ in traceback.walk_tb(interrupt.__traceback__))


# The places: each prepares a world, and returns what is interrupted


def constructor(world: World) -> Callable[[], object]:
    return world.request


def constructor_of_a_launched_request(world: World) -> Callable[[], object]:
    world.connect()
    return world.request


def constructor_behind_another(world: World) -> Callable[[], object]:
    world.request("/slow")
    return world.request


def cancel_of_a_running_request(world: World) -> Callable[[], object]:
    return world.request("/slow").cancel


def cancel_of_a_launched_request(world: World) -> Callable[[], object]:
    world.connect()
    return world.request("/slow").cancel


def cancel_of_a_waiting_request(world: World) -> Callable[[], object]:
    world.request("/slow")
    return world.request().cancel


def cancel_of_a_settled_request(world: World) -> Callable[[], object]:
    return world.settled().cancel


def drain(world: World) -> Callable[[], object]:
    world.settled()
    world.settled("/missing")
    return urlrequest.drain


def wait(world: World) -> Callable[[], object]:
    return world.request().wait


def wait_for_a_launched_request(world: World) -> Callable[[], object]:
    world.connect()
    return world.request().wait


def wait_for_several(world: World) -> Callable[[], object]:
    requests = [world.request() for _ in range(3)]
    return lambda: wait_all(requests)


def delivery_of_callbacks(world: World) -> Callable[[], object]:
    return world.settled().wait


def close(world: World) -> Callable[[], object]:
    world.settled()
    world.request("/slow")
    world.request()
    return world.session.close


def close_with_idle_workers(world: World) -> Callable[[], object]:
    world.connect()
    return world.session.close


PLACES = [
    constructor,
    constructor_of_a_launched_request,
    constructor_behind_another,
    cancel_of_a_running_request,
    cancel_of_a_launched_request,
    cancel_of_a_waiting_request,
    cancel_of_a_settled_request,
    drain,
    wait,
    wait_for_a_launched_request,
    wait_for_several,
    delivery_of_callbacks,
    close,
    close_with_idle_workers,
]


def send_signals(
    signals: Signals, url: str, prepare: Callable[[World], Callable[[], object]], wanted: int
) -> tuple[int, list[str]]:
    """Interrupt a call so often; how many signals came in time, and what went wrong."""
    times: list[float] = []
    came, wrong = 0, list[str]()
    for number in range(WARM_UP + wanted * MAX_ROUNDS):
        world, interrupt = World(url), None
        call = prepare(world)
        if number < WARM_UP:
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        else:
            interrupt = signals.interrupt(call, LONGER * statistics.median(times))
        came += interrupt is not None
        for complaint in world.complaints(interrupt):
            shown = "" if interrupt is None else "".join(traceback.format_tb(interrupt.__traceback__)[-3:])
            wrong.append(f"{prepare.__name__}: {complaint}\n{shown}")
        if came == wanted or len(wrong) > 5:
            break
    return came, wrong


@contextmanager
def nothing_left(wrong: list[str]) -> Iterator[None]:
    """Note what is left behind: threads, descriptors, readers of flights."""
    before = set(threading.enumerate()), open_descriptors()
    yield
    limit = time.monotonic() + PATIENCE
    while (left := new_threads(before[0])) and time.monotonic() < limit:
        time.sleep(0.01)
    wrong += [f"{thread} is left" for thread in left]
    if flight._readers:
        wrong.append(f"{flight._readers} are left")
    if open_descriptors() > before[1] + 4:
        wrong.append(f"{open_descriptors() - before[1]} descriptors are left")


def new_threads(known: set[threading.Thread]) -> list[threading.Thread]:
    # Ctrl-C in `Thread.start()` may leave a thread that never began in Python's list.
    return [each for each in threading.enumerate() if each not in known and each.is_alive() and is_of_sessions(each)]


def is_of_sessions(thread: threading.Thread) -> bool:
    return thread.name.startswith("urlrequest-worker")


def open_descriptors() -> int:
    gc.collect()
    wakeup.drop_spare_wakers()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=int, default=1000, help="for each place")
    parser.add_argument("--place", action="append", choices=[place.__name__ for place in PLACES])
    options = parser.parse_args()
    logging.getLogger("urlrequest").setLevel(logging.CRITICAL)  # what is cancelled is a part of it
    sys.unraisablehook = lambda _: None  # what comes in a callback of a weak reference is lost, as any Ctrl-C is
    urlrequest.defaults.detect_hook = False
    signals, wrong = Signals(), list[str]()
    with Server() as server:
        server.respond("/", "x")
        server.route("/slow", lambda _: (time.sleep(0.01), Reply(200, "x"))[1])
        server.respond("/missing", "no", status=404)
        first = World(server.url)
        first.connect()
        wrong += first.complaints(None)
        with nothing_left(wrong):
            for place in PLACES:
                if options.place and place.__name__ not in options.place:
                    continue
                began = time.monotonic()
                came, found = send_signals(signals, server.url, place, options.signals)
                server.requests.clear()
                print(
                    f"{place.__name__}: {came} signals, {len(found)} wrong, {time.monotonic() - began:.0f} s",
                    flush=True,
                )
                wrong += found
                if came < options.signals:
                    wrong.append(f"{place.__name__}: only {came} signals came in time")
    print("\n".join(wrong) or "everything is as it must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
