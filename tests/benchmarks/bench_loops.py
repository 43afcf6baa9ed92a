"""What a user of an event loop sees: how soon a callback comes, and how long a download holds up its frames."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bench_contenders import CHUNK_SIZE, Qt, RawSocket, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[[Callable[..., None]], object]  # begins a download, and calls what it is given when it is over

__all__ = ["SMOOTH_TIME", "download_place", "frames", "kivy_start", "latency", "our_start", "qt_start", "spread"]

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
    with download_place() as folder:
        return _frames(*FRAMES[contender](Target(url, ca_file), case, f"{folder}/body"))


def download_place() -> tempfile.TemporaryDirectory[str]:
    """A folder for downloads, on tmpfs where there is one: no disk is measured."""
    shared = Path("/dev/shm")  # noqa: S108 - tmpfs; the folder in it gets a random name
    return tempfile.TemporaryDirectory(prefix="urlrequest-bench-", dir=shared if shared.is_dir() else None)


def _frames(start: Start, serve: Callable[[], object]) -> dict[str, float]:
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
    return spread(blocked)


def spread(times: list[float]) -> dict[str, float]:
    """The times' median, 99th percentile and maximum, in milliseconds."""
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
    options: dict[str, Any] = {"chunk_size": CHUNK_SIZE}
    if target.is_tls:
        options["ca_file"] = target.ca_file
    if case != "none":
        options["on_progress"] = _work if case == "1 ms" else _ignore
    if case == "interval":
        options["progress_interval"] = 0.05
    return options


def our_start(target: Target, case: str, path: str | None, hook: Any = None) -> Start:
    """Begins a download of ours, to a file or to memory."""
    from urlrequest import UrlRequest

    return lambda end: UrlRequest(target.url, on_finish=end, file_path=path, hook=hook, **_options(target, case))


def _frames_ours(target: Target, case: str, path: str) -> tuple[Start, Callable[[], object]]:
    from urlrequest.hooks import Hook, ManualHook

    hook = ManualHook()
    return our_start(target, case, path, hook), lambda: hook.drain(Hook.budget)


def _frames_kivy(target: Target, case: str, path: str) -> tuple[Start, Callable[[], object]]:
    from kivy.clock import Clock

    Clock._max_fps = 0  # the frames are ours: a tick shall not sleep
    return kivy_start(target, case, path), Clock.tick


def kivy_start(target: Target, case: str, path: str) -> Start:
    """Begins a download of Kivy's class, to a file: in memory it takes time that grows with the square of the size."""
    from kivy.network.urlrequest import UrlRequest

    options: dict[str, Any] = {"file_path": path}
    if target.is_tls:
        options["ca_file"] = target.ca_file
    if case == "none":
        options["chunk_size"] = 65536
    else:
        options["on_progress"] = _work if case == "1 ms" else _ignore
        options["chunk_size"] = CHUNK_SIZE

    return lambda end: UrlRequest(target.url, on_success=end, on_error=end, **options)


def _frames_qt(target: Target, case: str, _path: str) -> tuple[Start, Callable[[], object]]:
    player = Qt(target)
    return qt_start(player, case), player._app.processEvents


def qt_start(player: Qt, case: str) -> Start:
    """Begins a download of Qt's, whose octets are dropped."""

    def start(end: Callable[..., None]) -> object:
        reply = player.start()

        def read() -> None:  # PySide6 cannot connect the bound method of every reply
            reply.readAll()

        reply.readyRead.connect(read)
        if case != "none":
            reply.downloadProgress.connect(_work if case == "1 ms" else _ignore)
        reply.finished.connect(end)
        reply.finished.connect(reply.deleteLater)
        return reply

    return start


FRAMES: dict[str, Callable[[Target, str, str], tuple[Start, Callable[[], object]]]] = {
    "urlrequest": _frames_ours,
    "Kivy UrlRequest": _frames_kivy,
    "QNetworkAccessManager": _frames_qt,
}
