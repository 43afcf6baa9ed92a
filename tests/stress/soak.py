"""Requests of all kinds for minutes or hours: `python -m tests.stress.soak --minutes 30 [--svg FILE]`.

A server in a process of its own answers well, badly and not at all. Memory, descriptors and threads of this process are
sampled, printed as a table and drawn as curves. The exit status is 1 when one of them grows, or when a request ends
otherwise than it must.

The first two fifths are not looked at: caches fill, and the allocator finds its size. What is compared is the least of
the third fifth with the least of the last one, as requests that are under way come and go.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from urlrequest import Session, UrlRequest, cancel_all, wait_all
from urlrequest.testing import Reply, Server

AT_ONCE = 24
BODY = bytes(range(256)) * 4096  # 1 MiB
MAX_GROWTH = {"memory": 8.0, "descriptors": 8.0, "threads": 4.0}  # MiB and numbers
UNITS = {"memory": "memory (MiB)", "descriptors": "descriptors", "threads": "threads"}


# The server


def serve(certificates: Path) -> None:
    """Answer until the standard input ends; the first line has the URLs."""
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(certificates / "ca.pem")
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with Server() as plain, Server(tls=context) as tls:
        for server in (plain, tls):
            add_routes(server)
            forgetting = threading.Thread(target=forget, args=(server,), daemon=True)
            forgetting.start()
        print(plain.url, tls.url, flush=True)
        sys.stdin.read()


def forget(server: Server) -> None:
    """Let the server not keep what it has received."""
    while True:
        time.sleep(1.0)
        server.requests.clear()


def add_routes(server: Server) -> None:
    packed = gzip.compress(BODY[:200_000])
    server.respond("/json", b'{"a": [1, 2, 3]}', headers={"Content-Type": "application/json"})
    server.respond("/gzip", packed, headers={"Content-Encoding": "gzip"})
    server.respond("/body", BODY, headers={"Content-Type": "application/octet-stream", "ETag": '"one"'})
    server.route("/chunks", lambda _: Reply(200, [BODY[:5000]] * 20))
    server.respond("/upload", "ok")
    server.respond("/missing", "no", status=404)
    server.respond("/moved", "", status=302, headers={"Location": "/json"})
    server.route("/cookie", lambda _: Reply(200, "x", {"Set-Cookie": f"n{random.random()}=v; Max-Age=9"}))
    server.respond("/short", b"abc", headers={"Content-Length": "9", "Connection": "close"})
    server.respond("/noise", b"\0\xff" * 500, headers={"Content-Encoding": "gzip"})
    server.route("/slow", lambda _: (time.sleep(0.5), Reply(200, "slow"))[1])


# The client


class Kind:
    """What a request asks for, and how it may end."""

    def __init__(self, path: str, ends: set[str], options: dict[str, Any] | None = None) -> None:
        self.path, self.ends, self.options = path, ends, options or {}


KINDS = [
    Kind("/json", {"success"}),
    Kind("/json", {"success"}, {"on_progress": lambda *_: None}),
    Kind("/gzip", {"success"}),
    Kind("/chunks", {"success"}),
    Kind("/chunks", {"success"}, {"on_chunk": lambda *_: None}),
    Kind("/upload", {"success"}, {"req_body": BODY[:300_000], "method": "PUT"}),
    Kind("/upload", {"success"}, {"json": {"a": 1}}),
    Kind("/missing", {"failure"}),
    Kind("/moved", {"success"}, {"follow_redirects": True}),
    Kind("/moved", {"redirect"}),
    Kind("/cookie", {"success"}),
    Kind("/short", {"error"}),
    Kind("/noise", {"error"}),
    Kind("/body", {"success"}, {"file_path": "file"}),
    Kind("/body", {"success"}, {"file_path": "resumed", "resume": True}),
    Kind("/slow", {"error", "success"}, {"timeout": 0.05}),
    Kind("/slow", {"error", "success"}, {"deadline": 0.05}),
    Kind("/slow", {"cancel"}, {"cancel": True}),
    Kind("/body", {"cancel", "success"}, {"cancel": True}),
]


class Soak:
    """Makes rounds of requests, and notes what came of them."""

    def __init__(self, urls: list[str], ca_file: str, folder: str) -> None:
        self.urls, self.ca_file, self.folder = urls, ca_file, folder
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run_round(self, number: int) -> None:
        """One session and its requests; some sessions are closed, others forgotten."""
        session = Session(ca_file=self.ca_file, max_requests=1 + number % AT_ONCE, timeout=20)
        made = [self.make(session, each) for each in range(AT_ONCE)]
        if not wait_all([request for request, _ in made], timeout=60):
            self.wrong.append("a request hangs")
            cancel_all()
        for request, kind in made:
            self.check(request, kind)
        if number % 3:
            session.close()

    def make(self, session: Session, number: int) -> tuple[UrlRequest, Kind]:
        kind = random.choice(KINDS)
        options = dict(kind.options)
        is_cancelled = options.pop("cancel", False)
        if "file_path" in options:
            options["file_path"] = f"{self.folder}/{options['file_path']}{number}"
        request = session.request(random.choice(self.urls) + kind.path, on_finish=self.count, **options)
        if is_cancelled:
            request.cancel()
        return request, kind

    def count(self, request: UrlRequest) -> None:
        self.ends[end_of(request)] += 1

    def check(self, request: UrlRequest, kind: Kind) -> None:
        if end_of(request) not in kind.ends:
            self.wrong.append(f"{kind.path} ends with {end_of(request)} {request.error!r}")


def end_of(request: UrlRequest) -> str:
    if request.is_cancelled:
        return "cancel"
    if request.error is not None:
        return "error"
    status = request.resp_status or 0
    return "success" if 200 <= status < 300 else "redirect" if 300 <= status < 400 else "failure"


# The samples


class Sample(NamedTuple):
    """One look at this process."""

    seconds: float
    requests: int
    memory: float  # MiB
    descriptors: int
    threads: int


def look(began: float, requests: int) -> Sample:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = len(os.listdir("/proc/self/fd")) - 1
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 1048576
    return Sample(time.monotonic() - began, requests, memory, descriptors, threading.active_count())


def growths(samples: list[Sample]) -> dict[str, float]:
    """How much each figure grows from the third fifth to the last one."""
    fifth = max(1, len(samples) // 5)
    return {
        name: min(getattr(each, name) for each in samples[-fifth:])
        - min(getattr(each, name) for each in samples[2 * fifth : 3 * fifth] or samples)
        for name in MAX_GROWTH
    }


def table(samples: list[Sample]) -> str:
    """Ten rows and the last one, as Markdown."""
    rows = [*samples[:: max(1, len(samples) // 10)][:10], samples[-1]]
    lines = ["| seconds | requests | memory (MiB) | descriptors | threads |", "|--:|--:|--:|--:|--:|"]
    lines += [
        f"| {row.seconds:.0f} | {row.requests:,} | {row.memory:.1f} | {row.descriptors} | {row.threads} |"
        for row in rows
    ]
    return "\n".join(lines)


def draw(samples: list[Sample], target: Path) -> None:
    """Write the curves, an SVG file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "urlrequest", "svg.fonttype": "none", "font.family": "sans-serif"})
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(len(UNITS), 1, figsize=(7.5, 6.0), layout="constrained", sharex=True)
    minutes = [sample.seconds / 60 for sample in samples]
    for panel, (name, title) in zip(panels, UNITS.items(), strict=True):
        panel.plot(minutes, [getattr(sample, name) for sample in samples], color="#1f6feb", linewidth=1)
        panel.set_ylim(bottom=0)
        panel.set_title(title, loc="left")
    panels[-1].set_xlabel("minutes")
    figure.savefig(target, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--svg", type=Path, help="where the curves go; needs matplotlib")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.stress.soak", "--serve", folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            soak = Soak(server.stdout.readline().split(), f"{folder}/ca.pem", folder)
            samples = run(soak, options.minutes * 60)
            server.communicate()
    return report(soak, samples, options.svg)


def run(soak: Soak, seconds: float) -> list[Sample]:
    import logging

    logging.getLogger("urlrequest").setLevel(logging.CRITICAL)  # errors are a part of it
    began = time.monotonic()
    samples, number = [look(began, 0)], 0
    while (now := time.monotonic() - began) < seconds:
        soak.run_round(number)
        number += 1
        if now - samples[-1].seconds >= min(2.0, seconds / 30):
            samples.append(look(began, soak.ends.total()))
    return samples


def report(soak: Soak, samples: list[Sample], svg: Path | None) -> int:
    print(table(samples))
    print(
        f"\n{soak.ends.total():,} requests: {', '.join(f'{count:,} {end}' for end, count in soak.ends.most_common())}"
    )
    found = growths(samples)
    print("growth:", ", ".join(f"{name} {growth:+.1f}" for name, growth in found.items()))
    if svg is not None:
        draw(samples, svg)
    wrong = soak.wrong[:10] + [f"{name} grows" for name, growth in found.items() if growth > MAX_GROWTH[name]]
    print("\n".join(wrong) or "everything is as it must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
