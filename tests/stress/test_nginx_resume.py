"""Contract 12.3, 12.4: a large download from nginx, interrupted in every way, resumed, and verified by its checksum."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal as signals
import sys
import threading
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

import pytest

from support.children import start_python
from support.programs import file_server
from urlrequest import UrlRequest, errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="nginx as Debian has it"),
    pytest.mark.stress,
    pytest.mark.system,
    pytest.mark.timeout(300),
]

MEGABYTE = 1024 * 1024

# Downloads until it is killed; tells of every eighth of the file.
CHILD = """
import sys
from urlrequest import UrlRequest

def tell(request, current, total):
    print(current, total, flush=True)

request = UrlRequest(sys.argv[1], file_path=sys.argv[2], resume=True, on_progress=tell, chunk_size=int(sys.argv[3]))
request.wait()
"""


@pytest.fixture(params=[pytest.param(64, id="64MiB"), pytest.param(1024, id="1GiB", marks=pytest.mark.slow)])
def content(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file of that many megabytes, no two of them alike."""
    size = request.param * MEGABYTE
    if shutil.disk_usage(tmp_path).free < 3 * size:
        pytest.skip(f"{3 * size} octets of disk are needed")
    folder = tmp_path / "www"
    folder.mkdir(mode=0o755)
    source = random.Random(size)
    with (folder / "file").open("wb") as file:
        for _ in range(request.param):
            file.write(source.randbytes(MEGABYTE))
    long_ago = time() - 600  # a validator of less than a minute is not trusted
    os.utime(folder / "file", (long_ago, long_ago))
    for parent in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o011)
    yield folder / "file"
    shutil.rmtree(folder)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(MEGABYTE):
            digest.update(piece)
    return digest.hexdigest()


def part_size(target: Path) -> int:
    (part,) = target.parent.glob(".urlrequest-*.part")
    return part.stat().st_size


def cancel_at(octets: int, **options: Any) -> UrlRequest:
    """Download, and cancel when so much is there."""
    reached = threading.Event()

    def look(request: UrlRequest, current: int, total: int) -> None:
        if current >= octets and not reached.is_set():
            reached.set()
            request.cancel()

    request = UrlRequest(on_progress=look, resume=True, chunk_size=MEGABYTE, **options)
    assert request.wait(timeout=120)
    request.join(30)
    return request


def test_12_3_interrupted_and_resumed(content: Path, tmp_path: Path) -> None:
    """Contract 12.3: cancelled, killed and out of time, a download ends with the right checksum."""
    folder = tmp_path / "target folder"
    folder.mkdir()
    target, size, digest = folder / "target", content.stat().st_size, sha256(content)
    target.write_bytes(b"the old content")
    sizes = []
    began = perf_counter()

    # nginx sends as much as it may in a second at once, and the next part a second later: time to look and to kill.
    with file_server(content.parent, f"limit_rate {size // 4};") as url:
        options = {"url": url + "/file", "file_path": target}
        for eighths in (1, 3):
            request = cancel_at(size * eighths // 8, **options)
            assert request.is_cancelled
            sizes.append(part_size(target))
        with start_python(CHILD, url + "/file", str(target), str(MEGABYTE)) as killed:
            assert killed.stdout is not None
            for line in killed.stdout:
                if int(line.split()[0]) >= size * 5 // 8:
                    break
            killed.send_signal(signals.SIGKILL)
            killed.wait(30)
        sizes.append(part_size(target))

        request = UrlRequest(url + "/file", file_path=target, resume=True, deadline=0.05, on_progress=lambda *_: None)
        assert request.wait(timeout=120)
        assert request.error is None or isinstance(request.error, errors.DeadlineExceeded)
        assert sizes == sorted(sizes)
        if request.error is not None:
            assert b"the old content" == target.read_bytes()
            sizes.append(part_size(target))
            request = UrlRequest(url + "/file", file_path=target, resume=True, checksum=f"sha256:{digest}")
            assert request.wait(timeout=120)
    seconds = perf_counter() - began

    figures = ", ".join(f"{kept / MEGABYTE:.0f}" for kept in sizes)
    print(f"{size // MEGABYTE} MiB from nginx in {seconds:.1f} s; parts of {figures} MiB", file=sys.stderr)  # noqa: T201 - the figures
    assert (None, 206) == (request.error, request.resp_status)
    assert digest == sha256(target)
    assert ["target"] == os.listdir(folder)
