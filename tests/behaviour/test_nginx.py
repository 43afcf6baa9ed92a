"""nginx (contract 17.9, 17.10, 14.1 and 7.4): keep-alive, many requests at once and a storm of cancels.

Where `URLREQUEST_TEST_FIGURES` names a file, the figures are added to it.
"""

from __future__ import annotations

import gc
import os
import re
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support import programs
from urlrequest import Session, g_requests, wait_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme
    from typing_extensions import Self

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts threads as Linux does"),
    pytest.mark.system,
]

HTTP = """
    log_format short '$connection $connection_requests $ssl_session_reused $status $request';
    access_log {folder}/access.log short;
    keepalive_requests 100000; keepalive_timeout {keep_alive}; ssl_session_cache shared:x:1m;
    server {{
        listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
        root {folder}/www;
        location /slow {{ limit_rate 500; }}
    }}
"""


class Nginx:
    """A running nginx and what it has written down."""

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.folder, self.url, self.tls_url = folder, f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}"

    def lines(self, expected: int) -> list[list[str]]:
        """Connection, its count of requests, session reuse, status and request, once there are as many lines."""
        limit = time.monotonic() + 30
        while True:
            lines = (self.folder / "access.log").read_text().splitlines()
            if len(lines) >= expected or time.monotonic() > limit:
                return [line.split(" ", 4) for line in lines]
            time.sleep(0.01)


@contextmanager
def nginx_in(folder: Path, authority: trustme.CA, keep_alive: str = "60s") -> Iterator[Nginx]:
    port, tls_port = programs.free_port(), programs.free_port()
    (folder / "www").mkdir()
    (folder / "www" / "hello").write_text("hello")
    (folder / "www" / "slow").write_bytes(b"x" * 100_000)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    http = HTTP.format(folder=folder, port=port, tls_port=tls_port, keep_alive=keep_alive)
    with programs.nginx(folder, port, http):
        yield Nginx(folder, port, tls_port)


@pytest.fixture
def nginx(tmp_path: Path, authority: trustme.CA) -> Iterator[Nginx]:
    """nginx, with http and https."""
    with nginx_in(tmp_path, authority) as running:
        yield running


def note(what: str, **figures: float) -> None:
    """Write figures down where somebody wants them."""
    path = os.environ.get("URLREQUEST_TEST_FIGURES")
    if path:
        told = ", ".join(f"{name} {value:g}" for name, value in figures.items())
        with Path(path).open("a") as file:
            file.write(f"{what}: {told}\n")


def status_of(name: str) -> int:
    """A figure from the system's account of this process."""
    found = re.search(rf"^{name}:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def count_sockets() -> int:
    """The sockets that this process has open."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    return count


class Watch:
    """The most threads, and the most sockets, while something goes on."""

    def __init__(self) -> None:
        self.most = self.most_sockets = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch")

    def _look(self) -> None:
        while not self._end.wait(0.005):
            self.most = max(self.most, status_of("Threads"))
            self.most_sockets = max(self.most_sockets, count_sockets())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


@pytest.mark.parametrize("is_tls", [False, True])
def test_17_10_keep_alive(nginx: Nginx, ca_file: str, is_tls: bool) -> None:
    """A hundred requests one after the other share one connection."""
    with Session(nginx.tls_url if is_tls else nginx.url, ca_file=ca_file) as session:
        for _ in range(100):
            request = session.request("/hello")
            assert request.wait(timeout=20)
            assert "hello" == request.result
    lines = nginx.lines(100)

    assert 1 == len({line[0] for line in lines})
    assert "100" == lines[-1][1]


def test_17_10_stale_connections(tmp_path: Path, authority: trustme.CA) -> None:
    """A server that closes after a second is never met closing: all requests succeed, GET and POST alike."""
    with nginx_in(tmp_path, authority, "1s") as nginx, Session(nginx.url) as session:
        for pause in (0, 1.1, 0.97, 1.0, 1.03):
            time.sleep(pause)  # nginx's own clock is what is tested here
            request = session.request("/hello", method="GET")
            assert request.wait(timeout=20)
            assert "hello" == request.result, request.error


def test_tls_sessions_are_resumed(nginx: Nginx, ca_file: str) -> None:
    """New connections resume the TLS session of earlier ones, as nginx sees it."""
    for _ in range(3):
        with Session(nginx.tls_url, ca_file=ca_file) as session:
            assert session.request("/hello").wait(timeout=20)
    reused = [line[2] for line in nginx.lines(3)]

    assert [".", "r", "r"] == reused


@pytest.mark.stress
@pytest.mark.slow
@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("count", [1000, 10_000])
def test_17_9_many_at_once(nginx: Nginx, ca_file: str, count: int, is_tls: bool) -> None:
    """All of them complete, over as many connections as there are slots, and as many threads."""
    import resource

    gc.collect()
    threads, memory, sockets = status_of("Threads"), status_of("VmRSS"), count_sockets()
    began = time.monotonic()
    with Watch() as watch, Session(nginx.tls_url if is_tls else nginx.url, ca_file=ca_file) as session:
        requests = [session.request("/hello") for _ in range(count)]
        made = time.monotonic() - began
        assert wait_all(requests, timeout=100)
        wall = time.monotonic() - began
        used = status_of("VmRSS") - memory
    connections = {line[0] for line in nginx.lines(count)}
    note(
        f"{count} requests over {'https' if is_tls else 'http'}",
        seconds=wall,
        seconds_to_make=made,
        threads=watch.most - threads - 1,
        connections=len(connections),
        mebibytes=used / 1024,
        peak_mebibytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )

    assert {"hello"} == {request.result for request in requests}
    assert watch.most_sockets - sockets <= 64
    assert len(connections) < count // 4  # on a slow machine some are closed to make room for others
    assert watch.most - threads <= 64 + 4


@pytest.mark.stress
@pytest.mark.slow
def test_7_4_cancel_storm(nginx: Nginx, tmp_path: Path) -> None:
    """Five thousand requests, cancelled from several threads: nothing is left over, and the next request works."""
    descriptors = len(os.listdir("/proc/self/fd"))
    folder = tmp_path / "files"
    folder.mkdir()
    counts: dict[str, int] = {"cancel": 0, "finish": 0, "other": 0}

    def counting(name: str) -> Any:
        def count(*_: object) -> None:
            counts[name] += 1

        return count

    options = {"on_cancel": counting("cancel"), "on_finish": counting("finish")}
    options |= {f"on_{name}": counting("other") for name in ("success", "failure", "error", "redirect")}
    began = time.monotonic()
    with Session(nginx.url) as session:
        requests = [
            session.request("/slow", file_path=folder / str(number) if number % 10 == 0 else None, **options)
            for number in range(5000)
        ]
        cancellers = [
            threading.Thread(target=lambda part: [request.cancel() for request in part], args=(requests[start::4],))
            for start in range(4)
        ]
        cancelling = time.monotonic()
        for thread in cancellers:
            thread.start()
        for thread in cancellers:
            thread.join()
        cancelled = time.monotonic() - cancelling
        assert wait_all(requests, timeout=100)
        for request in requests:
            request.join(20)
            assert not request.is_alive()
        wall = time.monotonic() - began
        assert 0 == session._urlrequest_shared.pool.count
        last = session.request("/hello")
        assert last.wait(timeout=20)
        assert "hello" == last.result
    note("cancel storm of 5000", seconds=wall, seconds_to_cancel=cancelled, microseconds_each=cancelled / 5000 * 1e6)

    assert {"cancel": 5000, "finish": 5000, "other": 0} == counts
    assert [] == list(folder.iterdir())
    assert not [request for request in g_requests if request._urlrequest_call.shared is session]
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 70  # the wakers that are kept for the next requests


def test_14_1_proxies_before_nginx(nginx: Nginx, tmp_path: Path, ca_file: str) -> None:
    """Through real proxies to a real server; their own logs say so, and go to the figures."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with programs.tinyproxy(folder) as proxy, programs.microsocks(folder) as socks:
        for proxy_host in (f"127.0.0.1:{proxy.port}", f"socks5://127.0.0.1:{socks}"):
            with Session(proxy_host=proxy_host, ca_file=ca_file) as session:
                for url in (nginx.url, nginx.tls_url):
                    request = session.request(f"{url}/hello")
                    assert request.wait(timeout=20)
                    assert "hello" == request.result
        logged = proxy.logged()
    path = os.environ.get("URLREQUEST_TEST_FIGURES")
    if path:
        with Path(path).open("a") as file:
            file.writelines(f"tinyproxy: {line}\n" for line in logged.splitlines() if "Request" in line)
            file.write((folder / "microsocks.log").read_text())

    assert f"GET {nginx.url}/hello" in logged
    assert f"CONNECT {nginx.tls_url.removeprefix('https://')}" in logged
