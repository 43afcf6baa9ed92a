"""The scenarios: who does what, which figures come out, and in which direction they are better."""

from __future__ import annotations

from typing import Any, NamedTuple

from .bench_cancel import PHASES
from .bench_contenders import APART, GETTERS, LOADERS, SENDERS
from .bench_discard import CHUNKS
from .bench_loops import LATENCIES
from .bench_start import MODULES, SCRIPTS
from .bench_timers import FLOORS, TIMERS

__all__ = ["APART", "SCENARIOS", "Case", "Figure", "Scenario"]


class Figure(NamedTuple):
    """One figure that a task returns.

    Attributes:
        key: Its name in what the task returns.
        is_high_good: Larger is better.
    """

    key: str
    title: str
    is_high_good: bool = False
    digits: int = 2


class Case(NamedTuple):
    """One column of a scenario's table.

    Attributes:
        arguments: Of the task, besides contender, url and ca_file.
        path: What is got; a number is a body of so many bytes, "{size}" the large one, "gzip:64" one of 64 MiB that is
            coded. With "discard:" before it, of the server that takes bodies.
        contenders: Who takes part.
    """

    title: str
    arguments: dict[str, Any]
    contenders: tuple[str, ...]
    path: str = "/small.json"
    is_tls: bool = False


class Scenario(NamedTuple):
    """A set of cases that is told in one table for each figure.

    Attributes:
        task: Module and function.
        placements: Whether it is run on one core together with the server, or wherever the system likes.
        takes_target: The task wants url and ca_file.
        most_rounds: A limit to the rounds, for what takes long and differs little.
    """

    name: str
    title: str
    task: str
    cases: tuple[Case, ...]
    figures: tuple[Figure, ...]
    placements: tuple[str, ...] = ("free",)
    takes_target: bool = True
    most_rounds: int | None = None


OURS = "urlrequest"
SCHEMES = (("http", False), ("https", True))


def _with_schemes(*cases: Case) -> tuple[Case, ...]:
    return tuple(
        case._replace(title=f"{case.title} {scheme}".strip(), is_tls=is_tls)
        for case in cases
        for scheme, is_tls in SCHEMES
    )


def _loads(to: str, *, progress: bool) -> Case:
    title = f"{to}, progress" if progress else to
    return Case(title, {"to": to, "progress": progress}, LOADERS[to, progress], "{size}")


def _ticks(title: str, loop: str, **arguments: str) -> Case:
    others = {"PySide6": ("QNetworkAccessManager",), "Kivy": ("Kivy UrlRequest",)}
    return Case(title, {"loop": loop, **arguments}, (OURS, *others.get(loop, ()), *FLOORS), "{size}")


# Without httpx, whose pool takes half a minute for them.
CROWD = (OURS, "pycurl", "aiohttp", "urllib3", "requests", "niquests", "requests-futures")
BODY_FIGURES = (
    Figure("rate", "MB/s", is_high_good=True, digits=0),
    Figure("cpu", "CPU s/GiB"),
    Figure("peak", "MiB of memory", digits=0),
)
DECODERS = (OURS, "aiohttp", "urllib3", "httpx", "requests", "niquests")

SCENARIOS = (
    Scenario(
        "small",
        "Small GETs one after the other, JSON parsed",
        "bench_tasks:small",
        _with_schemes(Case("", {}, GETTERS)),
        (Figure("rate", "requests/s", is_high_good=True, digits=0), Figure("cpu", "CPU us a request", digits=0)),
        placements=("pinned", "free"),
    ),
    Scenario(
        "compressed",
        "Small GETs one after the other, compressed by the server, JSON parsed",
        "bench_tasks:small",
        _with_schemes(Case("", {}, DECODERS, "/small-compressed.json")),
        (Figure("rate", "requests/s", is_high_good=True, digits=0), Figure("cpu", "CPU us a request", digits=0)),
        placements=("pinned",),
    ),
    Scenario(
        "calls",
        "Calls of a small kept-alive GET, on all threads",
        "bench_tasks:calls",
        _with_schemes(Case("", {}, tuple(name for name in GETTERS if name != "curl (command)"))),
        (Figure("calls", "Python functions", digits=0), Figure("all", "with those written in C", digits=0)),
        most_rounds=1,
    ),
    Scenario(
        "wake",
        "From the worker's result to the callback of a thread in wait() (us)",
        "bench_tasks:wake",
        (Case("http", {}, (OURS, "SimpleQueue")),),
        (Figure("p50", "p50", digits=1), Figure("p99", "p99", digits=1)),
        placements=("pinned", "free"),
    ),
    Scenario(
        "latency",
        "From construction to callback in an event loop (us, p50)",
        "bench_loops:latency",
        tuple(
            case
            for loop in ("asyncio", "Qt", "Tk", "Kivy")
            for case in _with_schemes(
                Case(loop, {"loop": loop}, tuple(name for name, where in LATENCIES if where == loop))
            )
        ),
        (Figure("p50", "in all", digits=0), Figure("over", "over a raw socket's time", digits=0)),
    ),
    Scenario(
        "download",
        "A body of {size} (MB/s, and CPU seconds per GiB of the client)",
        "bench_tasks:download",
        _with_schemes(
            *(_loads(to, progress=progress) for to in ("sink", "memory", "file") for progress in (False, True))
        ),
        BODY_FIGURES,
    ),
    Scenario(
        "coded",
        "A table of 64 MiB in a content coding, into memory (MB/s of the table)",
        "bench_tasks:read",
        tuple(Case(coding, {"octets": 64 << 20}, DECODERS, f"{coding}:64") for coding in ("gzip", "br", "zstd")),
        (Figure("rate", "MB/s", is_high_good=True, digits=0), Figure("cpu", "CPU s", digits=3)),
    ),
    Scenario(
        "chunks",
        "1,000,000 chunks of one byte, into memory",
        "bench_tasks:read",
        (Case("http", {"octets": CHUNKS}, (*DECODERS, "http.client"), "discard:/chunks"),),
        (Figure("cpu", "CPU s", digits=3),),
        most_rounds=5,
    ),
    Scenario(
        "upload",
        "A body of {size} that is sent (MB/s, and CPU seconds per GiB of the client)",
        "bench_tasks:upload",
        _with_schemes(
            *(Case(of, {"of": of}, SENDERS["send"], "discard:/") for of in ("bytes", "file", "pieces")),
            Case("form", {"of": "form"}, SENDERS["send_form"], "discard:/"),
        ),
        BODY_FIGURES,
    ),
    Scenario(
        "bodies",
        "64 downloads of 1 MiB at once (s)",
        "bench_tasks:burst",
        _with_schemes(Case("", {"count": 64}, CROWD, f"{1 << 20}")),
        (Figure("seconds", "seconds", digits=3), Figure("cpu", "CPU s", digits=3)),
    ),
    Scenario(
        "burst",
        "1,000 GETs at once (s)",
        "bench_tasks:burst",
        _with_schemes(Case("", {"count": 1000}, (*CROWD, "QNetworkAccessManager", "Kivy UrlRequest"))),
        (Figure("seconds", "seconds", digits=3), Figure("threads", "threads", digits=0)),
        placements=("pinned", "free"),
    ),
    Scenario(
        "slow",
        "1,000 GETs that take the server 100 ms each, no limit (s)",
        "bench_tasks:burst",
        (
            Case(
                "http",
                {"count": 1000, "limit": 1000},
                (OURS, "pycurl", "aiohttp", "requests-futures", "Kivy UrlRequest"),
                "/slow",
            ),
        ),
        (Figure("seconds", "seconds", digits=3), Figure("threads", "threads", digits=0)),
    ),
    Scenario(
        "memory",
        "10,000 GETs at once, each library's default limit: memory beyond that of one (MiB)",
        "bench_tasks:memory",
        (Case("http", {"count": 10_000}, (OURS, "pycurl", "aiohttp", "requests-futures")),),
        (Figure("memory", "MiB", digits=1), Figure("seconds", "seconds")),
        most_rounds=3,
    ),
    Scenario(
        "cancel",
        "From cancel() to its callback (ms)",
        "bench_cancel:cancel",
        tuple(
            Case(
                phase,
                {"phase": phase},
                (OURS, "aiohttp", "QNetworkAccessManager") if phase in {"head", "body"} else (OURS,),
            )
            for phase in PHASES
        ),
        (Figure("p50", "p50"), Figure("worst", "worst")),
        takes_target=False,
    ),
    Scenario(
        "import",
        "Import in a fresh interpreter (ms)",
        "bench_start:import_time",
        (Case("import", {}, tuple(MODULES)),),
        (
            Figure("time", "import alone", digits=1),
            Figure("used", "with the name that is used first", digits=1),
            Figure("cpu", "CPU time of the process with that name", digits=1),
        ),
        takes_target=False,
    ),
    Scenario(
        "first",
        "First https request of a process, public certificates loaded (ms)",
        "bench_start:first_https",
        (Case("https", {}, tuple(SCRIPTS), is_tls=True),),
        (
            Figure("total", "with the import", digits=1),
            Figure("request", "without it", digits=1),
            Figure("cpu", "CPU time of the process", digits=1),
        ),
    ),
    Scenario(
        "live",
        "Time of a GET among so many at once (us)",
        "bench_tasks:live",
        tuple(Case(f"{count:,}", {"count": count}, (OURS, "aiohttp")) for count in (10, 100, 1000, 10_000)),
        (Figure("time", "us", digits=0),),
    ),
    Scenario(
        "size",
        "Time of a body by its size (s/GiB)",
        "bench_tasks:size",
        tuple(
            Case(f"{mib} MiB", {"octets": mib << 20}, (OURS, "pycurl"), f"{mib << 20}") for mib in (16, 128, 1024, 4096)
        ),
        (Figure("time", "s/GiB", digits=3),),
        most_rounds=3,
    ),
    Scenario(
        "steady",
        "100,000 GETs in a row: what the last 80,000 and more add",
        "bench_tasks:steady",
        (Case("http", {"count": 100_000}, (OURS,)),),
        (
            Figure("memory", "MiB", digits=1),
            Figure("descriptors", "descriptors", digits=0),
            Figure("threads", "threads", digits=0),
            Figure("slowdown", "time of the last tenth beside the first"),
        ),
        most_rounds=1,
    ),
    Scenario(
        "frames",
        "Downloads beside a loop of 60 frames a second: its events' time per frame (ms)",
        "bench_loops:frames",
        _with_schemes(
            Case("no progress", {"case": "none"}, (OURS, "QNetworkAccessManager", "Kivy UrlRequest"), "{size}"),
            Case("every 8 KiB", {"case": "each"}, (OURS, "QNetworkAccessManager", "Kivy UrlRequest"), "{size}"),
            Case("progress_interval", {"case": "interval"}, (OURS,), "{size}"),
            Case("callback of 1 ms", {"case": "1 ms"}, (OURS,), "{size}"),
        ),
        (Figure("p50", "p50"), Figure("p99", "p99"), Figure("max", "max")),
        most_rounds=3,
    ),
    Scenario(
        "timer",
        "Downloads to a file with progress every 8 KiB in a real loop: how late its timer of 17 ms is (ms)",
        "bench_timers:timer",
        (
            *(_ticks(loop, loop, case="each") for loop in TIMERS),
            _ticks("asyncio https", "asyncio", case="each")._replace(is_tls=True),
            _ticks("PySide6 https", "PySide6", case="each")._replace(is_tls=True),
            _ticks("asyncio, to memory", "asyncio", case="each", to="memory"),
        ),
        (Figure("p50", "p50"), Figure("p99", "p99"), Figure("max", "max")),
        most_rounds=3,
    ),
    Scenario(
        "work",
        "The same with a callback that takes 1 ms",
        "bench_timers:timer",
        tuple(_ticks(loop, loop, case="1 ms")._replace(contenders=(OURS,)) for loop in TIMERS),
        (Figure("p50", "p50"), Figure("p99", "p99"), Figure("max", "max")),
        most_rounds=3,
    ),
)
