"""What the tests of bodies share: an origin that knows ranges, real servers, children whose memory can be looked at."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest
from proxy_programs import free_port, mortal

import urlrequest
from urlrequest._content import resumable_file
from urlrequest.testing import RecordedRequest, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OLD", "Origin", "child", "nginx", "part_paths", "peak_script", "start_child"]

OLD = b"the old content"
STARTING_TIME = 30.0  # seconds
MEGABYTE = 1024 * 1024

_RANGE = re.compile(r"bytes=([0-9]+)-")


class Origin:
    """One resource, served as RFC 9110 has it: ranges from somewhere to the end, and If-Range.

    Attributes:
        sent: How many octets of each answer are sent before the connection is cut; beyond the list, all.
        fields: What every answer says besides.
        has_length: Whether a 200 says how long it is.
    """

    def __init__(self, content: bytes, validator: str = '"one"') -> None:
        self.content = content
        self.fields: dict[str, str] = {"ETag": validator}
        self.sent: list[int] = []
        self.has_length = True

    def __call__(self, request: RecordedRequest) -> Reply:
        wanted = _RANGE.fullmatch(request.header("Range") or "")
        validator = self.fields.get("ETag") or self.fields.get("Last-Modified")
        is_same = request.header("If-Range") in {None, validator}
        total = len(self.content)
        if wanted is None or not is_same:
            return self._reply(200, self.content, {})
        first = int(wanted[1])
        if first >= total:
            return Reply(416, b"", {"Content-Range": f"bytes */{total}"})
        return self._reply(206, self.content[first:], {"Content-Range": f"bytes {first}-{total - 1}/{total}"})

    def _reply(self, status: int, body: bytes, fields: dict[str, str]) -> Reply:
        fields = {**self.fields, **fields}
        most = self.sent.pop(0) if self.sent else len(body)
        if self.has_length or status == 206:
            return Reply(status, body[:most], {**fields, "Content-Length": str(len(body)), "Connection": "close"})
        if most < len(body):
            chunk = b"%x\r\n%b\r\n" % (most, body[:most])
            return Reply(status, chunk, {**fields, "Transfer-Encoding": "chunked", "Connection": "close"})
        return Reply(status, iter([body]), fields)


def part_paths(path: Path) -> tuple[Path, Path]:
    """The part file and the sidecar beside a target, wherever the library puts them."""
    sink = resumable_file.ResumableFileSink(str(path), None, "http://nowhere.invalid/", lambda: None)
    part, sidecar = Path(sink._temporary), Path(sink._sidecar_path)
    sink._remove()
    return part, sidecar


# Child processes


def environment() -> dict[str, str]:
    """This process's, with the package that is under test.

    Coverage is not measured there: processes that are killed, or may write few octets, leave files that it cannot read.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return {**kept, "PYTHONPATH": str(Path(urlrequest.__file__).parent.parent)}


def start_child(script: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Run a script in an interpreter of its own."""
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True, **options)


def child(script: str, *arguments: str, **options: Any) -> str:
    """What a script says, run in an interpreter of its own."""
    with start_child(script, *arguments, **options) as process:
        out, _ = process.communicate(timeout=100)
    assert 0 == process.returncode, out
    return out


def peak_script(body: str) -> str:
    """A script that tells by how much (in octets) its memory peaked above where it was before `body`.

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


# Real servers


def find_program(name: str, package: str) -> str:
    """A program of Debian's; without it the test is skipped, except where CI is set."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is missing: apt-get install {package}")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return found


@contextmanager
def nginx(folder: Path, server: str = "", more: str = "") -> Iterator[str]:
    """A running nginx that serves `folder`; its URL.

    Args:
        server: More of its `server` block.
        more: More of its `http` block.
    """
    program = find_program("nginx", "nginx-light")
    port = free_port()
    state = folder.parent / f"nginx-{port}"
    state.mkdir()
    configuration = state / "nginx.conf"
    user = f"user {pwd_name()};" if os.geteuid() == 0 else ""
    configuration.write_text(
        f"""
        daemon off; {user} worker_processes 1; pid {state}/pid; error_log {state}/error.log;
        events {{ worker_connections 64; }}
        http {{
            access_log off; sendfile on; default_type application/octet-stream;
            client_body_temp_path {state}/body; proxy_temp_path {state}/proxy; fastcgi_temp_path {state}/fastcgi;
            uwsgi_temp_path {state}/uwsgi; scgi_temp_path {state}/scgi;
            {more}
            server {{ listen 127.0.0.1:{port}; root {folder}; {server} }}
        }}
        """
    )
    # The master listens before it starts workers, so what connects is served.
    command = [program, "-p", str(state), "-e", f"{state}/error.log", "-c", str(configuration)]
    with subprocess.Popen(mortal(command)) as process:
        try:
            await_port(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(STARTING_TIME)


def pwd_name() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def await_port(port: int, process: subprocess.Popen[Any]) -> None:
    until = monotonic() + STARTING_TIME
    while monotonic() < until:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            sleep(0.01)  # a program of somebody else's does not tell when it listens
        else:
            return
    pytest.fail(f"nothing listens on port {port}")
