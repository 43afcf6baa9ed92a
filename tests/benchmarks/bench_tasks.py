"""What is measured of a contender without an event loop. Each function returns its figures by name."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bench_contenders import CONTENDERS, CurlCommand, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["burst", "calls", "download", "live", "memory", "read", "size", "small", "steady", "upload", "wake"]

GIB = 1 << 30
WARM_UP = 30  # requests before the clock starts


def small(contender: str, url: str, ca_file: str, seconds: float = 0.7) -> dict[str, float]:
    """Small GETs one after the other."""
    player = CONTENDERS[contender](Target(url, ca_file))
    if isinstance(player, CurlCommand):
        count = 3000
        cpu, began = _cpu(), time.perf_counter()
        player.get_many(count)
    else:
        _warm_up(player)
        count = 0
        cpu, began = _cpu(), time.perf_counter()
        while time.perf_counter() - began < seconds:
            player.get()
            count += 1
    rate, used = count / (time.perf_counter() - began), (_cpu() - cpu) / count
    player.close()
    return {"rate": rate, "cpu": used * 1e6}


def _warm_up_for(contender: str, url: str, ca_file: str) -> None:
    """Get the small file from the server of another target."""
    if CONTENDERS[contender] is not CurlCommand:
        player = CONTENDERS[contender](Target(url[: url.rindex("/")] + "/small.json", ca_file))
        _warm_up(player)
        player.close()


def _warm_up(player: Any) -> None:
    until = time.perf_counter() + 0.5
    for _ in range(WARM_UP):
        assert player.get()["name"] == "urlrequest", "the server answers with its small file"
        if time.perf_counter() > until:
            return


def calls(contender: str, url: str, ca_file: str, count: int = 50) -> dict[str, float]:
    """Calls of Python functions, and of those written in C, for a small GET, on all threads. Without noise."""
    made = {"call": 0, "c_call": 0}

    def note(_frame: object, event: str, _argument: object) -> None:
        if event in made:
            made[event] += 1

    threading.setprofile(note)
    player = CONTENDERS[contender](Target(url, ca_file))
    for _ in range(10):
        player.get()
    sys.setprofile(note)
    before = dict(made)
    for _ in range(count):
        player.get()
    after = dict(made)
    sys.setprofile(None)
    player.close()
    python, native = (after[event] - before[event] for event in ("call", "c_call"))
    return {"calls": python / count, "all": (python + native) / count}


def download(contender: str, url: str, ca_file: str, to: str, progress: bool = False) -> dict[str, float]:
    """One large body, after a few small ones: what a first request loads is no part of it."""
    player = CONTENDERS[contender](Target(url, ca_file))
    _warm_up_for(contender, url, ca_file)
    events = 0

    def note(_current: int, _total: int) -> None:
        nonlocal events
        events += 1

    callback = note if progress else None
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=folder, prefix="urlrequest-bench-") as place:
        gc.collect()
        _forget_peak()
        cpu, began, before = _cpu(), time.perf_counter(), _resident("VmRSS")
        octets = player.file(f"{place}/body", callback) if to == "file" else getattr(player, to)(callback)  # type: ignore[attr-defined]
        elapsed, used = time.perf_counter() - began, _cpu() - cpu
    player.close()
    return {
        "rate": octets / 1e6 / elapsed,
        "cpu": used / (octets / GIB),
        "events": events,
        "peak": (_resident("VmHWM") - before) / 1024,
    }


def read(contender: str, url: str, ca_file: str, octets: int) -> dict[str, float]:
    """A body into memory that is coded, or comes in many chunks, for the second time; it has so many bytes then."""
    player = CONTENDERS[contender](Target(url, ca_file))
    player.memory(None)  # type: ignore[attr-defined]
    gc.collect()
    cpu, began = _cpu(), time.perf_counter()
    received = player.memory(None)  # type: ignore[attr-defined]
    elapsed, used = time.perf_counter() - began, _cpu() - cpu
    player.close()
    assert octets == received, f"{contender}: {received} bytes"
    return {"rate": octets / 1e6 / elapsed, "cpu": used}


def upload(contender: str, url: str, ca_file: str, of: str, octets: int) -> dict[str, float]:
    """One large body that is sent: bytes, a file, pieces of 64 KiB, or a form with a file; after a small one."""
    player = CONTENDERS[contender](Target(url, ca_file))
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=folder, prefix="urlrequest-bench-") as place:
        path = f"{place}/body"
        with open(path, "wb") as file:
            file.write(b"\xff")
            file.truncate(octets)
        content = bytes(octets) if of == "bytes" else b""
        small = Path(f"{place}/small")
        small.write_bytes(b"x")
        _send(player, of, b"x", str(small), 1)
        gc.collect()
        _forget_peak()
        cpu, began, before = _cpu(), time.perf_counter(), _resident("VmRSS")
        answer = _send(player, of, content, path, octets)
        elapsed, used = time.perf_counter() - began, _cpu() - cpu
    player.close()
    assert answer == "ok", f"{contender}: {answer!r}"
    peak = (_resident("VmHWM") - before) / 1024
    return {"rate": octets / 1e6 / elapsed, "cpu": used / (octets / GIB), "peak": peak}


def _send(player: Any, of: str, content: bytes, path: str, octets: int) -> Any:
    if of == "bytes":
        return player.send(content)
    if of == "pieces":
        return player.send(_pieces(octets))
    with open(path, "rb") as file:
        return player.send(file) if of == "file" else player.send_form(file)


def _pieces(octets: int) -> Iterator[bytes]:
    piece = bytes(65536)
    for _ in range(octets // len(piece)):
        yield piece


def _cpu() -> float:
    """CPU seconds of this process and of those that it has run."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def burst(contender: str, url: str, ca_file: str, count: int, limit: int | None = None) -> dict[str, float]:
    """Many GETs at once, after a few small ones."""
    player = CONTENDERS[contender](Target(url, ca_file))
    _warm_up_for(contender, url, ca_file)
    threads, is_over = threading.active_count(), threading.Event()
    peak = threads

    def watch() -> None:
        nonlocal peak
        while not is_over.wait(0.005):
            peak = max(peak, _threads())

    watcher = threading.Thread(target=watch)
    watcher.start()
    cpu, began = _cpu(), time.perf_counter()
    done = player.burst(count, limit)  # type: ignore[attr-defined]
    elapsed, used = time.perf_counter() - began, _cpu() - cpu
    is_over.set()
    watcher.join()
    player.close()
    assert done == count, f"{contender}: {done} of {count}"
    return {"seconds": elapsed, "cpu": used, "threads": peak - 1}


def _threads() -> int:
    """Threads of this process. To list them would hold them up."""
    status = Path("/proc/self/stat").read_text(encoding="ascii")
    return int(status.rpartition(")")[2].split()[17])  # proc_pid_stat(5): the 20th field; the name may have spaces


def memory(contender: str, url: str, ca_file: str, count: int) -> dict[str, float]:
    """The most memory that many GETs at once take, beyond that of one."""
    player = CONTENDERS[contender](Target(url, ca_file))
    player.get()
    gc.collect()
    _forget_peak()
    before = _resident("VmRSS")
    began = time.perf_counter()
    done = player.burst(count, None)  # type: ignore[attr-defined]
    elapsed = time.perf_counter() - began
    assert done == count, f"{contender}: {done} of {count}"
    return {"memory": (_resident("VmHWM") - before) / 1024, "seconds": elapsed}


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # then it is the peak since the process began
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _resident(name: str) -> int:
    """A figure of /proc/self/status, in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def wake(contender: str, url: str, ca_file: str, count: int = 1500) -> dict[str, float]:
    """From the worker's last look at a result to the callback that gets it, on a thread that waits; microseconds."""
    measure = _wake_ours if contender == "urlrequest" else _wake_queue
    times = sorted(measure(url, ca_file, count))
    return {"p50": times[len(times) // 2] * 1e6, "p99": times[int(len(times) * 0.99)] * 1e6}


def _wake_ours(url: str, ca_file: str, count: int) -> list[float]:
    from urlrequest import UrlRequest

    times = []

    class Stamped(UrlRequest):
        ready = 0.0

        def decode_result(self, result: Any, resp: Any) -> Any:
            result = super().decode_result(result, resp)
            self.ready = time.perf_counter()
            return result

    def note(request: Stamped, _: object) -> None:
        times.append(time.perf_counter() - request.ready)

    for _ in range(count):
        Stamped(url, note, ca_file=ca_file).wait()
    return times[WARM_UP:]


def _wake_queue(url: str, ca_file: str, count: int) -> list[float]:
    """The floor: a thread that works for as long, and a SimpleQueue."""
    from queue import SimpleQueue

    jobs: SimpleQueue[bool] = SimpleQueue()
    done: SimpleQueue[float] = SimpleQueue()

    def work() -> None:
        while jobs.get():
            time.sleep(0.0001)
            done.put(time.perf_counter())

    thread = threading.Thread(target=work)
    thread.start()
    times = []
    for _ in range(count):
        jobs.put(True)
        ready = done.get()
        times.append(time.perf_counter() - ready)
    jobs.put(False)
    thread.join()
    return times


# Linearity


def live(contender: str, url: str, ca_file: str, count: int) -> dict[str, float]:
    """The time of a GET among so many others that live, in microseconds."""
    player = CONTENDERS[contender](Target(url, ca_file))
    player.burst(10, None)  # type: ignore[attr-defined]
    repeats = max(1, 1000 // count)
    began = time.perf_counter()
    for _ in range(repeats):
        player.burst(count, None)  # type: ignore[attr-defined]
    elapsed = time.perf_counter() - began
    player.close()
    return {"time": elapsed / repeats / count * 1e6}


def size(contender: str, url: str, ca_file: str, octets: int) -> dict[str, float]:
    """The time of a body, in seconds per GiB."""
    figures = download(contender, url, ca_file, "sink")
    return {"time": GIB / 1e6 / figures["rate"], "octets": octets}


def steady(contender: str, url: str, ca_file: str, count: int) -> dict[str, float]:
    """What a long row of requests adds: memory, descriptors, threads; and whether the last are as fast as the first."""
    player = CONTENDERS[contender](Target(url, ca_file))
    tenth = count // 10
    first = _run(player, tenth)
    gc.collect()
    before = _resident("VmRSS"), len(os.listdir("/proc/self/fd")), threading.active_count()
    _run(player, count - 2 * tenth)
    last = _run(player, tenth)
    gc.collect()
    after = _resident("VmRSS"), len(os.listdir("/proc/self/fd")), threading.active_count()
    player.close()
    return {
        "memory": (after[0] - before[0]) / 1024,
        "descriptors": after[1] - before[1],
        "threads": after[2] - before[2],
        "slowdown": last / first,
    }


def _run(player: Any, count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        player.get()
    return time.perf_counter() - began
