"""What a user of an event loop sees: how soon a callback comes, and how long a download holds up its frames."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .bench_contenders import CHUNK_SIZE, Qt, RawSocket, Target

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["frames", "latency", "timer"]

FRAME = 1 / 60  # seconds
SMOOTH_TIME = 3.0  # seconds for which downloads follow each other
WARM_UP = 10  # requests


def latency(contender: str, loop: str, url: str, ca_file: str, count: int = 300) -> dict[str, float]:
    """From construction to callback, one request after the other, in microseconds; and beyond what the server takes."""
    target = Target(url, ca_file)
    if loop == "Kivy":
        count = 60  # a frame each
    times = sorted(LATENCIES[contender, loop](target, count)[WARM_UP:])
    median = times[len(times) // 2] * 1e6
    return {"p50": median, "over": median - _server_time(target)}


def _server_time(target: Target) -> float:
    """What a GET takes on a bare socket, in microseconds."""
    player = RawSocket(target)
    times = []
    for _ in range(300):
        began = time.perf_counter()
        player.get()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2] * 1e6


class _Chain:
    """Requests one after the other: each is made by a fresh turn of the loop, and notes when its callback came."""

    def __init__(self, count: int, make: Callable[[Callable[..., None]], object], later: Callable[..., object]) -> None:
        self.times: list[float] = []
        self._count = count
        self._make = make
        self._later = later
        self.is_over = False

    def go(self, *_: object) -> None:
        began = time.perf_counter()

        def end(*_: object) -> None:
            self.times.append(time.perf_counter() - began)
            self.is_over = len(self.times) == self._count
            self._later(self.stop if self.is_over else self.go)

        self.kept = self._make(end)

    stop: Callable[..., object] = staticmethod(lambda *_: None)


def _ours(target: Target) -> Callable[[Callable[..., None]], object]:
    from urlrequest import UrlRequest

    options: dict[str, Any] = {"ca_file": target.ca_file} if target.is_tls else {}
    return lambda end: UrlRequest(target.url, on_success=end, **options)


def _ours_asyncio(target: Target, count: int) -> list[float]:
    import asyncio

    async def run() -> list[float]:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        chain = _Chain(count, _ours(target), loop.call_soon)
        chain.stop = over.set
        chain.go()
        await over.wait()
        return chain.times

    return asyncio.run(run())


def _aiohttp(target: Target, count: int) -> list[float]:
    import asyncio

    import aiohttp

    async def run() -> list[float]:
        times = []
        context: Any = target.context() if target.is_tls else True
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            for _ in range(count):
                began = time.perf_counter()
                async with session.get(target.url) as response:
                    await response.json()
                times.append(time.perf_counter() - began)
                await asyncio.sleep(0)
        return times

    return asyncio.run(run())


def _ours_qt(target: Target, count: int) -> list[float]:
    from PySide6 import QtCore

    app = QtCore.QCoreApplication([])
    chain = _Chain(count, _ours(target), lambda then: QtCore.QTimer.singleShot(0, then))
    chain.stop = app.quit
    QtCore.QTimer.singleShot(0, chain.go)
    app.exec()
    return chain.times


def _qt(target: Target, count: int) -> list[float]:
    import json

    player = Qt(target)
    timer = player._core.QTimer

    def make(end: Callable[..., None]) -> object:
        reply = player.start()

        def finish() -> None:
            json.loads(reply.readAll().data())
            reply.deleteLater()
            end()

        reply.finished.connect(finish)
        return reply

    chain = _Chain(count, make, lambda then: timer.singleShot(0, then))
    chain.stop = player._app.quit
    timer.singleShot(0, chain.go)
    player._app.exec()
    return chain.times


def _ours_tk(target: Target, count: int) -> list[float]:
    import tkinter as tk

    root = tk.Tk()
    chain = _Chain(count, _ours(target), lambda then: root.after(1, then))
    chain.stop = root.destroy
    root.after(1, chain.go)
    root.mainloop()
    return chain.times


def _ours_kivy(target: Target, count: int) -> list[float]:
    from kivy.base import EventLoop  # noqa: F401 - what our hook looks for
    from kivy.clock import Clock

    chain = _Chain(count, _ours(target), lambda then: Clock.schedule_once(then, 0))
    chain.go()
    while not chain.is_over:
        Clock.tick()
    return chain.times


def _kivy(target: Target, count: int) -> list[float]:
    from kivy.clock import Clock
    from kivy.network.urlrequest import UrlRequest

    options: dict[str, Any] = {"ca_file": target.ca_file} if target.is_tls else {}
    chain = _Chain(
        count,
        lambda end: UrlRequest(target.url, on_success=end, **options),
        lambda then: Clock.schedule_once(then, 0),
    )
    chain.go()
    while not chain.is_over:
        Clock.tick()
    return chain.times


LATENCIES: dict[tuple[str, str], Callable[[Target, int], list[float]]] = {
    ("urlrequest", "asyncio"): _ours_asyncio,
    ("aiohttp", "asyncio"): _aiohttp,
    ("urlrequest", "Qt"): _ours_qt,
    ("QNetworkAccessManager", "Qt"): _qt,
    ("urlrequest", "Tk"): _ours_tk,
    ("urlrequest", "Kivy"): _ours_kivy,
    ("Kivy UrlRequest", "Kivy"): _kivy,
}


# Frames: a loop of 60 a second whose only work is what the library has for it


def frames(contender: str, url: str, ca_file: str, case: str) -> dict[str, float]:
    """Downloads during a loop of 60 frames a second: how long a frame's events take, in milliseconds."""
    target = Target(url, ca_file)
    start, serve = FRAMES[contender](target, case)
    blocked: list[float] = []
    until = time.perf_counter() + SMOOTH_TIME
    state = {"is_busy": False}

    def end(*_: object) -> None:
        state["is_busy"] = False

    kept: object = None
    due = time.perf_counter()
    while True:
        if not state["is_busy"]:
            if time.perf_counter() > until:
                break
            state["is_busy"], kept = True, start(end)
        began = time.perf_counter()
        serve()
        blocked.append(time.perf_counter() - began)
        due = max(due + FRAME, time.perf_counter())
        time.sleep(max(0.0, due - time.perf_counter()))
    del kept
    return _spread(blocked)


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50": ordered[len(ordered) // 2] * 1000,
        "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000,
        "max": ordered[-1] * 1000,
        "frames": len(ordered),
    }


def _ignore(*_: object) -> None:
    pass


def _work(*_: object) -> None:
    """A callback that takes a millisecond."""
    until = time.perf_counter() + 0.001
    while time.perf_counter() < until:
        pass


def _options(target: Target, case: str) -> dict[str, Any]:
    """Of our class for a case."""
    options: dict[str, Any] = {"chunk_size": CHUNK_SIZE, "on_chunk": None}
    if target.is_tls:
        options["ca_file"] = target.ca_file
    if case != "none":
        options["on_progress"] = _work if case == "1 ms" else _ignore
    if case == "interval":
        options["progress_interval"] = 0.05
    return options


def _frames_ours(target: Target, case: str) -> Any:
    import urlrequest
    from urlrequest.hooks import Hook, ManualHook

    hook = ManualHook()

    def start(end: Callable[..., None]) -> object:
        return urlrequest.UrlRequest(target.url, on_finish=end, hook=hook, **_options(target, case))

    return start, lambda: hook.drain(Hook.budget)


def _frames_kivy(target: Target, case: str) -> Any:
    from kivy.clock import Clock
    from kivy.network.urlrequest import UrlRequest

    Clock._max_fps = 0  # the frames are ours: a tick shall not sleep
    # To a file: in memory it takes time that grows with the square of the size.
    options: dict[str, Any] = {"file_path": "/dev/null"}
    if target.is_tls:
        options["ca_file"] = target.ca_file
    if case == "none":
        options["chunk_size"] = 65536
    else:
        options["on_progress"] = _work if case == "1 ms" else _ignore
        options["chunk_size"] = CHUNK_SIZE

    def start(end: Callable[..., None]) -> object:
        return UrlRequest(target.url, on_success=end, on_error=end, **options)

    return start, Clock.tick


def _frames_qt(target: Target, case: str) -> Any:
    player = Qt(target)

    def start(end: Callable[..., None]) -> object:
        reply = player.start()
        reply.readyRead.connect(reply.readAll)
        if case != "none":
            reply.downloadProgress.connect(_work if case == "1 ms" else _ignore)
        reply.finished.connect(end)
        reply.finished.connect(reply.deleteLater)
        return reply

    return start, player._app.processEvents


FRAMES: dict[str, Callable[[Target, str], Any]] = {
    "urlrequest": _frames_ours,
    "Kivy UrlRequest": _frames_kivy,
    "QNetworkAccessManager": _frames_qt,
}


# Timers: real event loops, and how late their timers come


def timer(contender: str, loop: str, url: str, ca_file: str, case: str) -> dict[str, float]:
    """Downloads while a loop's timer ticks 60 times a second: how late the ticks are, in milliseconds."""
    target = Target(url, ca_file)
    clock = _Ticks()
    TIMERS[contender, loop](target, case, clock)
    return _spread(clock.late)


class _Ticks:
    """Notes how late each tick is, counted from the one before."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._until = time.perf_counter() + SMOOTH_TIME
        self._due = time.perf_counter() + FRAME

    def note(self) -> float:
        """Take note of a tick; seconds until the next one."""
        now = time.perf_counter()
        self.late.append(max(0.0, now - self._due))
        self._due = now + FRAME
        return FRAME

    @property
    def is_over(self) -> bool:
        return time.perf_counter() > self._until


def _downloads(target: Target, case: str, clock: _Ticks, stop: Callable[[], object]) -> Callable[[], None]:
    """Our downloads, one after the other until the time is over."""
    from urlrequest import UrlRequest

    kept: list[object] = []

    def start(*_: object) -> None:
        if clock.is_over:
            stop()
        else:
            kept[:] = [UrlRequest(target.url, on_finish=start, **_options(target, case))]

    return start


def _timer_asyncio(target: Target, case: str, clock: _Ticks) -> None:
    import asyncio

    async def run() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tick() -> None:
            loop.call_later(clock.note(), tick)

        loop.call_later(FRAME, tick)
        _downloads(target, case, clock, over.set)()
        await over.wait()

    asyncio.run(run())


def _timer_qt(target: Target, case: str, clock: _Ticks) -> None:
    from PySide6 import QtCore

    app = QtCore.QCoreApplication([])
    ticker = _qt_ticker(QtCore, clock)
    QtCore.QTimer.singleShot(0, _downloads(target, case, clock, app.quit))
    app.exec()
    del ticker


def _qt_ticker(core: Any, clock: _Ticks) -> Any:
    ticker = core.QTimer()
    ticker.setTimerType(core.Qt.TimerType.PreciseTimer)
    ticker.setSingleShot(True)

    def tick() -> None:
        clock.note()
        ticker.start(17)

    ticker.timeout.connect(tick)
    ticker.start(17)
    return ticker


def _timer_tk(target: Target, case: str, clock: _Ticks) -> None:
    import tkinter as tk

    root = tk.Tk()

    def tick() -> None:
        clock.note()
        root.after(17, tick)

    root.after(17, tick)
    root.after(1, _downloads(target, case, clock, root.destroy))
    root.mainloop()


def _timer_network_manager(target: Target, case: str, clock: _Ticks) -> None:
    player = Qt(target)
    ticker = _qt_ticker(player._core, clock)
    start, _ = _frames_qt(target, case)

    def go() -> None:
        if clock.is_over:
            player._app.quit()
        else:
            kept[:] = [start(go)]

    kept: list[object] = []
    player._core.QTimer.singleShot(0, go)
    player._app.exec()
    del ticker


TIMERS: dict[tuple[str, str], Callable[[Target, str, _Ticks], None]] = {
    ("urlrequest", "asyncio"): _timer_asyncio,
    ("urlrequest", "Qt"): _timer_qt,
    ("urlrequest", "Tk"): _timer_tk,
    ("QNetworkAccessManager", "Qt"): _timer_network_manager,
}
