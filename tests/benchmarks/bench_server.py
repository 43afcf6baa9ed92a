"""The server that all contenders talk to: nginx with one worker, on loopback, with http and https.

Its files lie on tmpfs where there is one, so that no disk is measured. It belongs to the process that runs the suite.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

from tests.support.programs import await_port, find_program, free_port

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Nginx"]

SMALL = json.dumps({"name": "urlrequest", "text": "x" * 960, "list": list(range(8))})  # some 1 KB
ROOT = Path(__file__).parents[2]
WORDS = ("north", "south", "east", "west", "temperature", "pressure")  # of a packed table
DELAY = 0.1  # seconds that /slow takes

CONFIGURATION = """
user {user};
daemon off;
worker_processes 1;
worker_rlimit_nofile 40000;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 16384; multi_accept on; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ application/json json; application/octet-stream bin csv; }}
    open_file_cache max=64;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_session_cache shared:tls:8m;
    server {{
        listen 127.0.0.1:{port} backlog=16384;
        listen 127.0.0.1:{tls_port} ssl backlog=16384;
        root {folder}/www;
        # Files that are packed already: what is measured is who unpacks them.
        location ~ ^/packed-gzip-    {{ add_header Content-Encoding gzip; }}
        location ~ ^/packed-br-      {{ add_header Content-Encoding br; }}
        location ~ ^/packed-zstd-    {{ add_header Content-Encoding zstd; }}
        # As most servers send a small text: compressed as it is asked for, and so in chunks.
        location = /small-compressed.json {{
            alias {folder}/www/small.json;
            gzip on;
            gzip_types application/json;
            gzip_min_length 1;
        }}
        # 401 after a pause, and in its place the small file: the one delay that nginx has without a module.
        location = /slow {{
            auth_basic "slow";
            auth_basic_user_file {folder}/nobody;
            auth_delay {delay:.0f}ms;
            error_page 401 =200 /small.json;
        }}
    }}
}}
"""


class Nginx:
    """A running nginx; use it as a context manager.

    Attributes:
        http, https: The beginnings of its URLs.
        discard_http, discard_https: Those of a server beside it which takes bodies, see `bench_discard`.
        ca_file: The certificate that its own is signed with.
    """

    def __init__(self) -> None:
        shared = Path("/dev/shm")  # noqa: S108 - tmpfs; the folder in it gets a random name
        self.folder = Path(tempfile.mkdtemp(prefix="urlrequest-bench-", dir=shared if shared.is_dir() else None))
        self.ca_file = str(self.folder / "ca.pem")
        self.http = self.https = self.discard_http = self.discard_https = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._discard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._write_files()
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _write_files(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(self.ca_file)
        certificate.private_key_pem.write_to_path(str(self.folder / "server.key"))
        with (self.folder / "server.pem").open("wb") as file:
            for blob in certificate.cert_chain_pems:
                file.write(blob.bytes())
        (self.folder / "nobody").touch()
        (self.folder / "www").mkdir()
        (self.folder / "www" / "small.json").write_text(SMALL, encoding="utf-8")
        self.folder.chmod(0o755)

    def _start(self) -> None:
        port, tls_port = free_port(), free_port()
        nginx = find_program("nginx")
        if nginx is None:
            raise FileNotFoundError("nginx is missing: apt-get install nginx-light")
        user = "root" if os.geteuid() == 0 else "nobody"
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=self.folder, port=port, tls_port=tls_port, user=user, delay=DELAY * 1000),
            encoding="utf-8",
        )
        self._process = subprocess.Popen([nginx, "-p", str(self.folder), "-c", str(configuration)])
        self.http, self.https = f"http://127.0.0.1:{port}", f"https://localhost:{tls_port}"
        for each in (port, tls_port):
            await_port(each, self._process, self.folder / "error.log")
        command = [sys.executable, "-m", f"{__package__}.bench_discard", str(self.folder)]
        self._discard = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._discard.stdout is not None, "it is a pipe"
        port, tls_port = map(int, self._discard.stdout.readline().split())
        self.discard_http, self.discard_https = f"http://127.0.0.1:{port}", f"https://localhost:{tls_port}"

    def make_body(self, size: int) -> str:
        """The path of a body of so many octets; sparse, so that it costs no memory. Its first octet begins no text."""
        name = f"body-{size}.bin"
        path = self.folder / "www" / name
        if not path.exists():
            with path.open("wb") as file:
                file.write(b"\xff"[:size])
                file.truncate(size)
        return f"/{name}"

    def make_packed(self, coding: str, size: int) -> str:
        """The path of a table in a content coding, of so many bytes when it is unpacked; it packs to a third."""
        name = f"packed-{coding}-{size}.csv"
        path = self.folder / "www" / name
        if not path.exists():
            source = random.Random(1)  # the same in every run
            block = "".join(f"{n},{source.random()},{source.choice(WORDS)}\n" for n in range(200_000)).encode()
            whole = (b"\xff" + block * (size // len(block) + 1))[:size]  # no text, which would be decoded as well
            path.write_bytes(_pack(coding, whole))
        return f"/{name}"

    def pin(self, cores: set[int]) -> None:
        """Have the worker run on these cores only."""
        for pid in self.pids():
            os.sched_setaffinity(pid, cores)

    def pids(self) -> list[int]:
        """The master, its worker, and the server beside it."""
        assert self._process is not None, "it runs"
        master = self._process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii").split()
        beside = [] if self._discard is None else [self._discard.pid]
        return [master, *map(int, children), *beside]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._discard is not None:
            self._discard.communicate(b"", 10)  # the end of its standard input is its end
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def _pack(coding: str, whole: bytes) -> bytes:
    """Pack bytes, at the level that servers choose for what they pack as they send it."""
    if coding == "gzip":
        import gzip

        return gzip.compress(whole, 6)
    if coding == "br":
        import brotli  # pyright: ignore[reportMissingImports]  # of the contenders' packages

        return bytes(brotli.compress(whole, quality=4))
    from backports import zstd

    return zstd.compress(whole, 3)
