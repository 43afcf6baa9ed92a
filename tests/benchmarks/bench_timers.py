"""How late an animation's timer ticks, in every toolkit, while something is downloaded.

The machine and Python have their own share in that, so the same loop is watched besides with nothing to download, with
downloads of curl in another process (what is late then, the scheduler made late) and with those of a bare socket on a
thread (the limit of any client in Python).
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from tests.hooks.loops import LOOPS

from .bench_contenders import Qt, RawSocket, Target
from .bench_loops import SMOOTH_TIME, download_place, kivy_start, our_start, qt_start, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hooks.loops import Loop

    from .bench_loops import Start

__all__ = ["FLOORS", "TIMERS", "timer"]

PERIOD = 0.017  # seconds; most toolkits count milliseconds
TIMERS = ("asyncio", "trio", "tk", "PySide6", "PyQt6", "GLib", "wx", "Kivy", "pygame")


def timer(contender: str, loop: str, url: str, ca_file: str, case: str, to: str = "file") -> dict[str, float]:
    """Downloads one after the other while a timer of the loop's ticks: how late the ticks are, in milliseconds.

    Args:
        case: How often there is progress, and what the callback does; see `our_start()`.
        to: "file" or "memory".
    """
    os.environ.update(LOOPS[loop].environment)
    toolkit = LOOPS[loop]()
    toolkit.begin()
    with download_place() as folder:
        load = LOADS[contender](Target(url, ca_file), case, None if to == "memory" else f"{folder}/body")
        clock = _Clock(toolkit)

        def begin() -> None:
            load.begin()
            clock.begin()

        toolkit.run(begin)
        load.end()
    toolkit.end()
    return spread(clock.late)


class _Clock:
    """Ticks until the time is over, then stops the loop; notes how late each tick is, counted from the one before."""

    def __init__(self, toolkit: Loop) -> None:
        self.late: list[float] = []
        self._toolkit = toolkit
        self._is_over = False
        # Kivy has nothing between two frames; the next one is asked for there.
        self._period, self._pause = (1 / 60, 0.0) if toolkit.title == "Kivy" else (PERIOD, PERIOD)

    def begin(self) -> None:
        self._last = time.perf_counter()
        self._until = self._last + SMOOTH_TIME
        if self._toolkit.title == "trio":
            self._begin_in_trio()
        else:
            self._toolkit.later(self._pause, self._tick)

    def _begin_in_trio(self) -> None:
        """A task, as programs have it; one for each tick would wait for its first turn besides."""
        import trio

        async def run() -> None:
            while not self._is_over:
                await trio.sleep(self._pause)
                self._note()

        trio.lowlevel.spawn_system_task(run)

    def _tick(self) -> None:
        self._note()
        if not self._is_over:
            self._toolkit.later(self._pause, self._tick)

    def _note(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, now - self._last - self._period))
        self._last = now
        if now > self._until:
            self._is_over = True
            self._toolkit.stop()


class _Load(Protocol):
    """Downloads, one after the other."""

    def begin(self) -> None:
        """Begin, on the loop's thread while it runs."""

    def end(self) -> None:
        """Stop, when the loop has ended."""


class _Nothing:
    def __init__(self, target: Target, case: str, path: str | None) -> None:
        pass

    def begin(self) -> None:
        pass

    def end(self) -> None:
        pass


class _CurlProcess:
    """To the same place as ours; what would be in memory is dropped."""

    def __init__(self, target: Target, case: str, path: str | None) -> None:
        del case
        to = os.devnull if path is None else path
        self._command = ["curl", "--silent", "--output", to, "--cacert", target.ca_file, f"{target.url}?[1-100000]"]

    def begin(self) -> None:
        import subprocess

        self._process = subprocess.Popen(self._command)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class _SocketThread:
    """Receives 256 KiB at a time and drops them."""

    def __init__(self, target: Target, case: str, path: str | None) -> None:
        del case, path
        self._player = RawSocket(target)
        self._is_over = False
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._is_over:
            self._player.sink(None)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._is_over = True
        self._thread.join()


class _Chain:
    """Downloads of a library that calls back in the loop."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._is_over = False
        self._kept: object = None

    def begin(self, *_: object) -> None:
        if not self._is_over:
            self._kept = self._start(self.begin)

    def end(self) -> None:
        self._is_over = True
        for name in ("cancel", "abort"):
            getattr(self._kept, name, lambda: None)()


def _ours(target: Target, case: str, path: str | None) -> _Chain:
    from urlrequest import UrlRequest

    # What is imported with the first request is no matter of smoothness.
    UrlRequest(target.url, method="HEAD", ca_file=target.ca_file, hook=_no_hook()).wait()
    return _Chain(our_start(target, case, path))


def _no_hook() -> Any:
    from urlrequest.hooks import ManualHook

    return ManualHook()


LOADS: dict[str, Callable[[Target, str, str | None], _Load]] = {
    "urlrequest": _ours,
    "QNetworkAccessManager": lambda target, case, _: _Chain(qt_start(Qt(target), case)),
    "Kivy UrlRequest": lambda target, case, path: _Chain(kivy_start(target, case, path or os.devnull)),
    "(no download)": _Nothing,
    "(curl in another process)": _CurlProcess,
    "(raw socket on a thread)": _SocketThread,
}
FLOORS = tuple(name for name in LOADS if name.startswith("("))
