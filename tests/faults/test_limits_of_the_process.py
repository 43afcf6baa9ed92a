"""What a process may have too little of: descriptors, threads, memory, disk, and a clock that goes steadily.

Each test limits a process of its own. Whatever is missing: there is one outcome for each request, and when the limit is
gone, or the others have ended, the next request works.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from itertools import repeat
from typing import TYPE_CHECKING

import pytest

from support.bodies import pattern
from support.children import output_of
from urlrequest.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import trustme

    from urlrequest.testing import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")

COUNTING = """
import errno, os, resource, sys, threading, time
import urlrequest
from urlrequest import Session, UrlRequest, wait_all
ends = {}
def note(kind):
    return lambda request, *_: ends.setdefault(id(request), []).append(kind)
def make(session, url, **options):
    kinds = ("success", "failure", "redirect", "error", "cancel", "finish")
    return session.request(url, **{f"on_{kind}": note(kind) for kind in kinds}, **options)
def outcomes(requests):
    assert wait_all(requests, timeout=60), "a request hangs"
    assert len(ends) == len(requests), ends
    found = {tuple(kinds) for kinds in ends.values()}
    ends.clear()
    assert found <= {("success", "finish"), ("error", "finish")}, found
    return found
"""


@pytest.fixture(params=["http", "https"])
def either(request: pytest.FixtureRequest) -> Server:
    """A server that speaks plain HTTP, and one with TLS."""
    server: Server = request.getfixturevalue("server" if request.param == "http" else "tls_server")
    return server


DESCRIPTORS = """
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
url, ca_file, folder = sys.argv[1:]
# Three for each request: its connection, its file, and what wakes it.
with Session(max_requests=5, ca_file=ca_file) as session:
    requests = [make(session, url, file_path=f"{folder}/{number}") for number in range(60)]
    assert outcomes(requests) == {("success", "finish")}, [request.error for request in requests if request.error][:1]
with Session(max_requests=64, ca_file=ca_file) as session:
    requests = [make(session, url, file_path=f"{folder}/{number}") for number in range(200)]
    outcomes(requests)
    wrong = [request.error for request in requests if getattr(request.error, "errno", errno.EMFILE) != errno.EMFILE]
    assert not wrong, wrong
    assert any(request.error is None for request in requests)
left = [name for name in os.listdir(folder) if name.startswith(".")]
assert not left, left
with Session(ca_file=ca_file) as session:
    requests = [make(session, url)]
    assert outcomes(requests) == {("success", "finish")}, requests[0].error
print("works", flush=True)
"""


def test_fault_128_32_descriptors(either: Server, ca_file: str, tmp_path: Path) -> None:
    """Fault 128: five downloads at a time live on 32 descriptors; of 64 at a time some end with EMFILE."""
    either.respond("/", pattern(100_000))

    assert "works\n" == output_of(COUNTING + DESCRIPTORS, either.url + "/", ca_file, str(tmp_path))


THREADS = r"""
import socket, ssl
url, has_worker, uid, ca_file = sys.argv[1], sys.argv[2] == "worker", 54321, sys.argv[3]
go = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
if url.startswith("https:"):
    go = ssl.create_default_context(cafile=ca_file).wrap_socket(go, server_hostname="127.0.0.1")
with Session(max_requests=8, ca_file=ca_file) as session:
    make(session, url + "/small").wait(timeout=20)
    ends.clear()
    hold = make(session, url + "/held", method="POST") if has_worker else None
    if os.geteuid() == 0:  # whom the limit does not bind
        os.setgroups([]); os.setgid(uid); os.setuid(uid)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        pass
    else:
        print("no limit"); sys.exit()
    requests = [make(session, url + "/small", method="PUT", deadline=50) for _ in range(20)]
    requests += [make(session, url + "/small") for _ in range(20)]
    if has_worker:
        go.sendall(b"GET /go HTTP/1.1\r\nHost: x\r\n\r\n")
    requests += [each for each in (hold,) if each]
    assert wait_all(requests, timeout=60), "a request hangs"
    found = {tuple(kinds) for kinds in ends.values()}
    assert found <= {("success", "finish"), ("error", "finish")}, found
    wrong = [each.error for each in requests if each.error and not isinstance(each.error, RuntimeError)]
    assert not wrong, wrong
    assert sum(each.error is None for each in requests) >= (1 if has_worker else 0)
    resource.setrlimit(resource.RLIMIT_NPROC, (resource.getrlimit(resource.RLIMIT_NPROC)[1],) * 2)
    last = make(session, url + "/small", method="PUT")
    assert last.wait(timeout=20) and last.error is None, last.error
print("works", flush=True)
"""


@pytest.mark.parametrize("first", ["worker", "no worker"])
def test_fault_115_no_more_threads(either: Server, authority: trustme.CA, first: str) -> None:
    """Fault 115: without threads, a request waits for a living worker, or ends with RuntimeError."""
    either.respond("/small", "x")
    release = threading.Event()
    either.route("/held", lambda _: (release.wait(20), Reply(200, "x"))[1])
    either.route("/go", lambda _: (release.set(), Reply(200, "x"))[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - who gives up being root reads it, too
        authority.cert_pem.write_to_path(f"{folder}/ca.pem")
        said = output_of(COUNTING + THREADS, either.url, first, f"{folder}/ca.pem")
    if said == "no limit\n":
        pytest.skip("the system does not limit the threads of a user")

    assert "works\n" == said


MEMORY = """
url, room, folder = sys.argv[1], int(sys.argv[2]) * 1024 * 1024, sys.argv[3]
with Session(ca_file=sys.argv[4]) as session:
    make(session, url + "/small", file_path=f"{folder}/warm", resume=True).wait(timeout=20)
    make(session, url + "/small", decode=False).wait(timeout=20)
    ends.clear()
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + room, -1))
    requests = [make(session, url + "/large") for _ in range(3)]
    assert outcomes(requests) == {("error", "finish")}
    assert {type(request.error) for request in requests} == {MemoryError}, [request.error for request in requests]
    requests = [make(session, url + "/large", file_path=f"{folder}/large")]
    assert outcomes(requests) == {("success", "finish")}, requests[0].error
    requests = [make(session, url + "/small")]
    assert outcomes(requests) == {("success", "finish")}, requests[0].error
assert os.path.getsize(f"{folder}/large") == 200 * 1024 * 1024
print("works", flush=True)
"""


def test_fault_129_little_memory(either: Server, ca_file: str, tmp_path: Path) -> None:
    """Fault 129: a body larger than the memory ends with MemoryError, in a file it has room, and the next one works."""
    size, block = 200 * 1024 * 1024, bytes(1024 * 1024)

    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    either.respond("/small", "x")
    either.route("/large", lambda _: Reply(200, repeat(block, size // len(block)), headers))
    said = output_of(COUNTING + MEMORY, either.url, "96", str(tmp_path), ca_file)

    assert "works\n" == said


READ_ONLY = """
url, folder, ca_file = sys.argv[1:]
with Session(ca_file=ca_file) as session:
    for resume in (False, True):
        request = make(session, url, file_path=f"{folder}/target", resume=resume)
        assert outcomes([request]) == {("error", "finish")}
        assert request.error.errno == errno.EROFS and request.resp_status is None, request.error
print("works", flush=True)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, with one file."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (folder / "target").write_bytes(b"old")
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.system
def test_12_2_read_only_file_system(either: Server, ca_file: str, disk: Path) -> None:
    """Contract 12.2: EROFS before anything is sent, and the file stays."""
    either.respond("/", "x")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    assert "works\n" == output_of(COUNTING + READ_ONLY, either.url, str(disk), ca_file)
    assert (0, b"old") == (either.connection_count, (disk / "target").read_bytes())


FULL_DISK = """
url, folder, ca_file = sys.argv[1:]
target, filler = f"{folder}/target", f"{folder}/filler"
def kept():
    return sorted(os.listdir(folder))
with Session(ca_file=ca_file) as session:
    with open(filler, "wb") as file:
        file.write(bytes(800_000))
    for path in ("/sized", "/chunked"):
        for resume in (False, True):
            request = make(session, url + path, file_path=target, resume=resume)
            assert outcomes([request]) == {("error", "finish")}
            assert request.error.errno == errno.ENOSPC, request.error
            assert open(target, "rb").read() == b"old"
            left = [name for name in kept() if name not in ("filler", "target")]
            assert resume or not left, left
            for name in left:
                if name.endswith(".part"):
                    part = open(f"{folder}/{name}", "rb").read()
                    assert part == bytes(len(part)), "what is kept is a beginning of the body"
            session.get(url + path, on_chunk=lambda *_: None).wait(timeout=20)
    os.unlink(filler)
    for path in ("/sized", "/chunked"):
        request = make(session, url + path, file_path=target, resume=True)
        ends.clear()
        assert wait_all([request], timeout=20) and request.error is None, request.error
        assert os.path.getsize(target) == 400_000 and kept() == ["target"], kept()
print("works", flush=True)
"""


@pytest.mark.system
def test_fault_92_a_disk_that_is_full(either: Server, ca_file: str, disk: Path) -> None:
    """Fault 92: ENOSPC of a real file system; the old file stays, and once there is room the next request works."""
    body = bytes(400_000)  # the disk has room for two of them
    either.route("/sized", lambda _: Reply(200, body, {"ETag": '"one"', "Content-Type": "application/x-binary"}))
    either.route("/chunked", lambda _: Reply(200, iter([body[:150_000], body[150_000:]]), {"ETag": '"one"'}))

    assert "works\n" == output_of(COUNTING + FULL_DISK, either.url, str(disk), ca_file)


CLOCK = """
import itertools
real, jumps = time.time, itertools.cycle([0.0, 4e8, -4e8, 86400.0, -1.7e9])
time.time = lambda: real() + next(jumps)
url, tls_url, ca_file, folder = sys.argv[1:]
import urlrequest._net.tls_sessions, urlrequest._http.retry, urlrequest._client.cookie_store, urlrequest._http.cookie
for module in ("_net.tls_sessions", "_http.retry", "_client.cookie_store", "_http.cookie"):
    assert sys.modules[f"urlrequest.{module}"].time is time.time
with Session(ca_file=ca_file, timeout=20, deadline=40) as session:
    requests = [make(session, base + "/", **options) for number in range(10) for base in (url, tls_url)
                for options in ({}, {"file_path": f"{folder}/f{number}"}, {"method": "POST"})]
    assert outcomes(requests) == {("success", "finish")}, [each.error for each in requests if each.error]
    requests = [make(session, url + "/later", retries=1, max_retry_after=1) for _ in range(3)]
    assert wait_all(requests, timeout=30)
    assert {each.resp_status for each in requests} <= {200, 503}
print("works", flush=True)
"""


def test_fault_121_a_clock_that_jumps(server: Server, tls_server: Server, ca_file: str, tmp_path: Path) -> None:
    """Fault 121: however the system's clock is set, requests end as they should, and no limit strikes."""
    cookie = {"Set-Cookie": "a=b; Max-Age=100"}
    for each in (server, tls_server):
        each.respond("/", "x", headers=cookie)
    server.respond("/later", "x", status=503, headers={"Retry-After": "Fri, 01 Jan 2038 00:00:00 GMT"})
    said = output_of(COUNTING + CLOCK, server.url, tls_server.url, ca_file, str(tmp_path))

    assert "works\n" == said
