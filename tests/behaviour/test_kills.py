"""Killed processes (contract 12.1 and 12.3): the old file or the new one stays, and a part that can be resumed."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from support.children import start_python
from support.servers import Origin
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from urlrequest.testing import RecordedRequest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed by POSIX signals")

SIZE = 6 * 1024 * 1024  # octets
PIECE = 64 * 1024  # octets
LONG_ENOUGH = 40.0  # seconds; a machine that has much else to do makes do with fewer kills
LONGEST_LIFE = 0.08  # seconds; a whole download takes longer than the half of that

# A fresh interpreter for each download would take longer than the download; nothing runs in this one but forks.
NURSERY = """
import os, signal, sys, time
from urlrequest import UrlRequest, defaults

defaults.fsync = False
for line in sys.stdin:
    life, url, path, checksum = line.split()
    child = os.fork()
    if not child:
        request = UrlRequest(url, file_path=path, resume=True, checksum=checksum, timeout=60)
        request.wait()
        os._exit(0 if request.error is None and request.resp_status in (200, 206) else 3)
    time.sleep(float(life))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else f"exited {os.WEXITSTATUS(status)}", flush=True)
"""


class Slow(Origin):
    """The same at a speed that leaves time to kill."""

    def _reply(self, status: int, body: bytes, fields: dict[str, str]) -> Reply:
        return Reply(status, self._pieces(body), {**self.fields, **fields, "Content-Length": str(len(body))})

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]
            self.pause()

    def pause(self) -> None:
        os.sched_yield()


class Campaign:
    """Downloads of one file after the other into one target, each killed until it is complete."""

    def __init__(self, server: Server, target: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.server, self.target = server, target
        self.kills = self.completed = self.continued = 0
        self.longest_life = LONGEST_LIFE
        self.old = b""
        self.version = 0
        self.origin = Slow(b"")
        server.route("/file", self.serve)

    def serve(self, request: RecordedRequest) -> Reply:
        reply = self.origin(request)
        self.continued += reply.status == 206
        return reply

    def change(self) -> None:
        """Put something new on the server."""
        self.version += 1
        self.origin.content = self.random.randbytes(SIZE)
        self.origin.fields = {"ETag": f'"{self.version}"'}

    def run(self, kills: int) -> None:
        with start_python(NURSERY, stdin=subprocess.PIPE) as nursery:
            assert nursery.stdin is not None
            assert nursery.stdout is not None
            self.change()
            until = monotonic() + LONG_ENOUGH
            while (self.kills < kills and monotonic() < until) or not self.completed or not self.continued:
                digest = hashlib.sha256(self.origin.content).hexdigest()
                life = self.random.uniform(0, self.longest_life)
                nursery.stdin.write(f"{life} {self.server.url}/file {self.target} sha256:{digest}\n")
                nursery.stdin.flush()
                self.look(nursery.stdout.readline().strip())
            nursery.stdin.close()

    def look(self, end: str) -> None:
        """The target is the old file or the complete new one, at every moment."""
        assert end in {"killed", "exited 0"}, end
        self.kills += end == "killed"
        found = self.target.read_bytes() if self.target.exists() else b""
        is_new = found == self.origin.content
        assert is_new or (found == self.old and end == "killed"), f"{len(found)} octets of neither file"
        if is_new:
            self.completed += 1
            self.longest_life = LONGEST_LIFE
            self.old = found
            self.change()
            return
        self.longest_life *= 1.1  # until this machine is done, whatever else it does
        if self.random.random() < 0.1:
            self.change()  # what is there already is of something else then


@pytest.mark.no_leaks
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_12_3_killed_at_random_moments(tmp_path: Path, kills: int) -> None:
    """Contract 12.3: killed whenever, the target is never half, and the part is continued to the right checksum."""
    target = tmp_path / "folder" / "target"
    target.parent.mkdir()
    with Server() as server:
        campaign = Campaign(server, target, seed=kills)
        campaign.run(kills)

    print(f"{campaign.kills} kills, {campaign.completed} completed, {campaign.continued} continued", file=sys.stderr)  # noqa: T201 - the figures
    assert campaign.kills >= 1
    # A kill may leave the temporary files of this one download, and no others.
    assert len(list(target.parent.iterdir())) <= 3
