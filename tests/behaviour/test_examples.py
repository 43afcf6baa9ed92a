"""The examples of docs/examples (contract 18.1 and 16.1), each against the real thing."""

from __future__ import annotations

import socketserver
import sys
import tempfile
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import data_scheme
import file_scheme
import unix_socket
from support import programs
from urlrequest import Session
from urlrequest.errors import InvalidURL, UnsupportedScheme

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent


unix_only = pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")


@pytest.mark.parametrize("name", ["data_scheme", "file_scheme", "unix_socket"])
def test_examples_are_short(name: str) -> None:
    """A scheme of one's own is a matter of some forty lines, with imports and docstrings."""
    assert len((ROOT / "docs" / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 50


# A Unix socket

HTTP = """
    log_format short '$connection $status $request';
    access_log {folder}/access.log short;
    server {{
        listen unix:{folder}/socket; listen 127.0.0.1:{port}; root {folder}/www;
        location /slow {{ limit_rate 500; }}
        location /old {{ return 302 /hello; }}
    }}
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has some hundred octets at the most."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "www").mkdir()
        (path / "www" / "hello").write_text("hello")
        (path / "www" / "slow").write_bytes(b"x" * 100_000)
        yield path


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """The URL of nginx on a Unix socket."""
    port = programs.free_port()  # by which it shows that it has begun
    with programs.nginx(folder, port, HTTP.format(folder=folder, port=port)):
        yield f"http+unix://{quote(str(folder / 'socket'), safe='')}"


@pytest.mark.system
@unix_only
def test_18_1_unix_socket_of_nginx(folder: Path) -> None:
    """A real server on a Unix socket: answers, keep-alive, and cancel within the body."""
    with nginx(folder) as url, Session(timeout=15) as session:
        for _ in range(3):
            request = unix_socket.UnixRequest(f"{url}/hello", session=session)
            assert request.wait(timeout=20)
            assert "hello" == request.result, request.error
        connections = {line.split()[0] for line in (folder / "access.log").read_text().splitlines()}
        assert 1 == len(connections)

        slow = unix_socket.UnixRequest(f"{url}/slow", session=session, on_progress=lambda request, *_: request.cancel())
        slow.wait(timeout=20)
        slow.join(20)
        assert slow.is_cancelled
        assert not slow.is_alive()


@pytest.mark.system
@unix_only
def test_18_1_unix_socket_and_the_rest(folder: Path) -> None:
    """A base URL and a deadline work as well; http stays what it was, and a redirect stays within http and https."""
    with nginx(folder) as url, Session(url, timeout=15) as session:
        request = unix_socket.UnixRequest("hello", session=session)
        assert request.wait(timeout=20)
        assert "hello" == request.result
        late = unix_socket.UnixRequest("slow", session=session, deadline=0.1, on_error=print)
        late.wait(timeout=20)
        assert isinstance(late.error, TimeoutError)
        old = unix_socket.UnixRequest("old", session=session, follow_redirects=True, on_error=print)
        old.wait(timeout=20)
        assert isinstance(old.error, InvalidURL)


@unix_only
def test_18_1_unix_socket_of_the_standard_library(folder: Path) -> None:
    """Without nginx: the standard library's server on a Unix socket."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder / "www"))

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *arguments: Any) -> None:
            connections.add(self.connection.fileno())

    connections: set[int] = set()
    with socketserver.ThreadingUnixStreamServer(str(folder / "socket"), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with Session() as session:
                for _ in range(3):
                    url = f"http+unix://{quote(str(folder / 'socket'), safe='')}/hello"
                    request = unix_socket.UnixRequest(url, session=session)
                    assert request.wait(timeout=20)
                    assert b"hello" == request.content
            assert 1 == len(connections)
        finally:
            server.shutdown()
            thread.join()


@unix_only
def test_18_1_unix_socket_that_is_not_there(folder: Path) -> None:
    """The system's own error arrives (contract 16.1)."""
    url = f"http+unix://{quote(str(folder / 'nothing'), safe='')}/"
    request = unix_socket.UnixRequest(url, on_error=print)
    request.wait(timeout=20)

    assert isinstance(request.error, FileNotFoundError)


# file:


def test_18_1_file(tmp_path: Path, recorder: Any) -> None:
    """A file with its type, with progress, and into another file."""
    path = tmp_path / "täglich 1.json"
    path.write_text('{"a": 1}')
    request = recorder.run(path.as_uri(), cls=file_scheme.FileRequest, on_progress=print)
    copied = file_scheme.FileRequest(path.as_uri(), file_path=tmp_path / "copy")
    copied.wait(timeout=20)

    assert {"a": 1} == request.result
    assert (8, 8) == recorder.progress[-1]
    assert path.read_bytes() == (tmp_path / "copy").read_bytes()


@pytest.mark.parametrize(
    ("url", "error"), [("file:///nowhere/x", FileNotFoundError), ("file://elsewhere/x", ValueError)]
)
def test_18_1_file_errors(url: str, error: type[Exception]) -> None:
    """What is not there, or not of this machine, is an error of the usual kind."""
    request = file_scheme.FileRequest(url, on_error=print)
    request.wait(timeout=20)

    assert isinstance(request.error, error)


# data:


@pytest.mark.parametrize(
    ("url", "result"),
    [
        ("data:,hello%20you", "hello you"),
        ("data:text/plain;base64,aGVsbG8=", "hello"),
        ('data:application/json,{"a":1}', {"a": 1}),
        ("data:image/gif;base64,R0lG", b"GIF"),
        ("data:text/plain;charset=utf-16le;base64,aABpAA==", "hi"),
        ("data:,", ""),
    ],
)
def test_18_1_data(url: str, result: Any) -> None:
    """The content is what the URL says, and of the type that it says."""
    request = data_scheme.DataRequest(url)
    assert request.wait(timeout=20)

    assert result == request.result
    assert 200 == request.resp_status


@pytest.mark.parametrize("url", ["data:text/plain", "data:;base64,***"])
def test_18_1_data_errors(url: str) -> None:
    """A URL without content, or with broken base64, is a ValueError."""
    request = data_scheme.DataRequest(url, on_error=print)
    request.wait(timeout=20)

    assert isinstance(request.error, ValueError)


@pytest.mark.parametrize("cls", [data_scheme.DataRequest, file_scheme.FileRequest, unix_socket.UnixRequest])
def test_18_1_other_schemes_stay(cls: Any) -> None:
    """The base class goes on serving, and refusing, all other schemes."""
    request = cls("gopher://h.test/", on_error=print)
    request.wait(timeout=20)

    assert isinstance(request.error, UnsupportedScheme)
