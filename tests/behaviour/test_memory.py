"""Memory (contract 17.1, 17.2 and 12.1): what bodies take, in processes whose peak the system reports (Linux)."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import pytest

from support.children import output_of
from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server, receive_head, receive_some, send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest.testing import RecordedRequest

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux reports the peak of the memory"),
    pytest.mark.slow,
]

MEGABYTE = 1024 * 1024
SIZE = 100 * MEGABYTE
MOST_SPARE = 4 * MEGABYTE
MOST_UPLOAD = 8 * MEGABYTE
BLOCK = bytes(range(256)) * 256


def peak_script(body: str) -> str:
    """A script that prints by how much (in bytes) its memory peaked above where it was before `body`.

    A small request goes before, so that what is loaded once does not count.
    """
    return textwrap.dedent("""
        import gc, re, sys
        from urlrequest import UrlRequest

        def status(name):
            with open("/proc/self/status") as file:
                return int(re.search(name + r":\\s+(\\d+) kB", file.read())[1]) * 1024

        def warm_up(url, **options):
            request = UrlRequest(url, **options)
            assert request.wait(timeout=30) and request.error is None, request.error

        def measure(run):
            gc.collect()
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")  # the peak is what there is now
            before = status("VmRSS")
            kept = run()
            return status("VmHWM") - before

        """) + textwrap.dedent(body)


DOWNLOAD = peak_script("""
    url, kind, has_progress, size = sys.argv[1], sys.argv[2], sys.argv[3] == "True", int(sys.argv[4])
    options = {"on_progress": lambda *_: None} if has_progress else {}
    if kind == "chunks":
        options["on_chunk"] = lambda request, octets: None
    elif kind != "memory":
        options["file_path"] = kind

    def run():
        request = UrlRequest(url, **options)
        assert request.wait(timeout=90)
        assert request.error is None, request.error
        assert request.content is None or len(request.content) in (0, size)
        return request

    warm_up(url.rpartition("/")[0] + "/small", **options)
    print(measure(run))
""")

UPLOAD = peak_script("""
    url, path, has_progress = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
    options = {"on_upload_progress": lambda *_: None} if has_progress else {}

    def run():
        request = UrlRequest(url, req_body={"field": "value"}, files={"file": path}, timeout=90, **options)
        assert request.wait(timeout=90)
        assert request.error is None, request.error
        assert request.resp_status == 200
        return request

    warm_up(url, files={"file": ("x", b"x")}, method="POST")
    print(measure(run))
""")


def blocks(size: int) -> Iterator[bytes]:
    for start in range(0, size, len(BLOCK)):
        yield BLOCK[: size - start]


def serve(server: Server, size: int) -> None:
    def sized(request: RecordedRequest) -> Reply:
        fields = {"Content-Type": "application/zip", "Content-Length": str(size)}
        return Reply(200, blocks(size), fields)

    server.route("/sized", sized)
    server.route("/chunked", lambda request: Reply(200, blocks(size), {"Content-Type": "application/zip"}))
    server.respond("/small", b"small", headers={"Content-Type": "application/octet-stream"})


def note(what: str, peak: float, limit: float) -> None:
    print(f"{what}: {peak / MEGABYTE:.1f} MiB over the baseline, {limit / MEGABYTE:.1f} allowed", file=sys.stderr)  # noqa: T201 - the figures


@pytest.mark.parametrize("path", ["sized", "chunked"])
@pytest.mark.parametrize("has_progress", [False, True])
def test_body_to_memory(server: Server, path: str, has_progress: bool) -> None:
    """A body to memory peaks at 1.05 times its size plus 4 MiB, its length known or not, with progress or without."""
    serve(server, SIZE)
    peak = int(output_of(DOWNLOAD, f"{server.url}/{path}", "memory", str(has_progress), str(SIZE)))

    note(f"memory, {path}, progress {has_progress}", peak, 1.05 * SIZE + MOST_SPARE)
    assert peak <= 1.05 * SIZE + MOST_SPARE


@pytest.mark.parametrize("size", [20 * MEGABYTE, 200 * MEGABYTE])
@pytest.mark.parametrize("path", ["sized", "chunked"])
@pytest.mark.parametrize("has_progress", [False, True])
def test_body_to_file(server: Server, tmp_path: Path, size: int, path: str, has_progress: bool) -> None:
    """A body to a file takes 4 MiB, whatever its size, its length known or not, with progress or without."""
    serve(server, size)
    target = tmp_path / "target"
    peak = int(output_of(DOWNLOAD, f"{server.url}/{path}", str(target), str(has_progress), str(size)))

    note(f"file of {size // MEGABYTE} MiB, {path}, progress {has_progress}", peak, MOST_SPARE)
    assert size == target.stat().st_size
    assert peak <= MOST_SPARE


def test_body_to_chunks(server: Server) -> None:
    """A body that is handed over piece by piece takes the 1 MiB that may wait, and little else."""
    serve(server, SIZE)
    peak = int(output_of(DOWNLOAD, f"{server.url}/chunked", "chunks", "False", str(SIZE)))

    note("on_chunk", peak, MOST_SPARE)
    assert peak <= MOST_SPARE


@pytest.mark.parametrize("has_progress", [False, True])
def test_17_1_multipart_from_disk(server: Server, tmp_path: Path, has_progress: bool) -> None:
    """Contract 17.1: 200 MB of a form's file are streamed from disk, under 8 MiB over the baseline."""
    size = 200 * 1000 * 1000
    file = tmp_path / "file"
    with file.open("wb") as out:
        out.truncate(size)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server.play(receive_head(), receive_some(1), send(reply), read_request=False)
    server.play(
        receive_head(),
        send(b"HTTP/1.1 100 Continue\r\n\r\n"),
        *[receive_some(1_000_000)] * 200,  # the parts' heads and the end stay behind
        send(reply),
        read_request=False,
    )
    peak = int(output_of(UPLOAD, server.url, str(file), str(has_progress)))

    note(f"multipart, progress {has_progress}", peak, MOST_UPLOAD)
    length = server.requests[1].header("Content-Length")
    assert length is not None
    assert size < int(length) < size + 1000
    assert peak <= MOST_UPLOAD


@pytest.mark.clock
@pytest.mark.parametrize("path", ["sized", "chunked"])
def test_time_is_linear(server: Server, path: str) -> None:
    """Eight times the body takes some eight times as long, in memory too; copying at every step would take hundreds."""

    def seconds(size: int) -> float:
        serve(server, size)
        spent = []
        for _ in range(3):
            began = process_time()  # what other programs do meanwhile does not count
            request = UrlRequest(f"{server.url}/{path}")
            assert request.wait(timeout=90)
            assert request.content is not None
            assert size == len(request.content)
            spent.append(process_time() - began)
        return min(spent)

    small, large = seconds(24 * MEGABYTE), seconds(192 * MEGABYTE)

    print(f"{path}: 24 MiB {small:.3f} s, 192 MiB {large:.3f} s of processor", file=sys.stderr)  # noqa: T201 - the figures
    assert large < 48 * small  # a page that the machine has never touched costs several times one that it has
