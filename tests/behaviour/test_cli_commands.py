"""The words in the place of a URL (docs/reference/command-line.md): their help, and `serve`."""

from __future__ import annotations

import json
import os
import re
import signal as signals
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.children import environment, output_of
from support.command import COMMAND, PATIENCE, needs_posix, run, start
from urlrequest._cli.option_table import COMMANDS, Command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Help


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_help_of_a_word(command: Command) -> None:
    """--help after a word shows the help of that word; exit code 0."""
    done = run(command.word, "--help")

    assert (0, b"") == (done.returncode, done.stderr)
    assert done.stdout.startswith(f"usage: {command.usage}\n".encode())


def test_completion_for_an_unknown_shell() -> None:
    """The message names the shells that there are; exit code 2."""
    done = run("completion", "tcsh")

    assert (2, b"") == (done.returncode, done.stdout)
    assert b"urlrequest: completion takes one of bash, zsh, fish (see urlrequest completion --help)\n" == done.stderr


# serve


@pytest.fixture
def started(tmp_path: Path) -> Any:
    """Starts `serve` with arguments; its URL and its process."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> str:
        process = subprocess.Popen([*COMMAND, "serve", *arguments], env=environment(), stderr=subprocess.PIPE)
        processes.append(process)
        assert process.stderr is not None
        found = re.search(rb" at (http://[0-9.:]+)/ ", process.stderr.readline())
        assert found is not None
        return found[1].decode()

    yield start
    for process in processes:
        process.send_signal(signals.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert 0 == process.returncode


def statuses(*urls: str) -> list[str]:
    """The statuses of the responses, by one command: to start one takes long on a busy machine."""
    outputs = [part for url in urls for part in ("-o", os.devnull, url)]
    return run("-s", "-w", "%{http_code} ", *outputs).stdout.decode().split()


@needs_posix
def test_serve_has_pages_for_trying_out(started: Callable[..., str]) -> None:
    """Without a folder there are pages, which the first one lists."""
    url = started()

    assert b"/slow.bin" in run(url).stdout
    assert {"greeting": "Hello"} == json.loads(run("-L", f"{url}/old").stdout)
    assert "a=b" == json.loads(run("-d", "a=b", f"{url}/echo").stdout)["body"]
    assert b"Welcome, Ada.\n" == run("-u", "ada:lovelace", f"{url}/private").stdout
    assert ["401", "503", "404"] == statuses(url + "/private", url + "/status/503", url + "/nothing")
    words = [line for line in run("--json", '{"question": "?"}', f"{url}/chat").stdout.splitlines() if line]
    assert [b'data: {"text": "Paris "}', b"data: [DONE]"] == [words[0], words[-1]]
    event = b'id: 1\ndata: {"temperature": 20.1}\n\n'
    with start(f"{url}/events") as process:
        assert process.stdout is not None
        assert event == process.stdout.read(len(event))
        process.terminate()


@needs_posix
def test_serve_sends_the_files_of_a_folder(started: Callable[..., str], tmp_path: Path) -> None:
    """Files with their types, in parts, and in the newest version; folders as lists; nothing from outside."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b.txt").write_bytes(b"0123456789")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    url = started(str(folder))

    assert b"0123456789" == run(f"{url}/a%20b.txt").stdout
    assert b"text/plain" == run("-I", "-w", "%{content_type}", "-o", os.devnull, f"{url}/a%20b.txt").stdout
    assert [b"234", b"789", b"89"] == [run("-r", part, f"{url}/a%20b.txt").stdout for part in ("2-4", "7-", "-2")]
    assert b'<a href="a%20b.txt">a b.txt</a>' in run(url).stdout
    assert b"../" in run("-L", f"{url}/sub").stdout
    paths = ["/../secret.txt", "/%2e%2e/secret.txt", "/link.txt", "/%00", "//etc/passwd", "/a%20b.txt/x"]
    assert len(paths) * ["404"] == statuses(*(url + path for path in paths))
    assert b"405" == run("-s", "-o", os.devnull, "-w", "%{http_code}", "-d", "x", f"{url}/a%20b.txt").stdout


@needs_posix
def test_serve_sends_no_pipe(started: Callable[..., str], tmp_path: Path) -> None:
    """A named pipe, which nobody may ever write to, is no file."""
    os.mkfifo(tmp_path / "pipe")
    url = started(str(tmp_path))

    assert ["403"] == statuses(url + "/pipe")


# A page that never comes; it says so once it was asked for.
SERVE_A_PAGE_THAT_HANGS = """
import sys, threading
from urlrequest._cli import serve
from urlrequest._cli.main import main

def hang(request):
    print("hangs", file=sys.stderr, flush=True)
    threading.Event().wait()

serve._PAGES["/hang"] = hang
sys.exit(main(["serve", "--port", "0"]))
"""


@needs_posix
def test_serve_ends_beside_a_reply_that_hangs() -> None:
    """Ctrl-C waits for two seconds at the most, says for what, and another Ctrl-C meanwhile changes nothing."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE_A_PAGE_THAT_HANGS], env=environment(), stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        found = re.search(rb"127\.0\.0\.1:([0-9]+)/", process.stderr.readline())
        assert found is not None
        with socket.create_connection(("127.0.0.1", int(found[1]))) as client:
            client.sendall(b"GET /hang HTTP/1.1\r\n\r\n")
            assert b"hangs\n" == process.stderr.readline()
            process.send_signal(signals.SIGINT)
            assert b"\n" == process.stderr.readline()
            process.send_signal(signals.SIGINT)
            _, told = process.communicate(timeout=PATIENCE)

    assert 0 == process.returncode
    assert re.fullmatch(rb"urlrequest: some requests failed: .* did not return within 2 s after close\(\).*\n", told)


@needs_posix
def test_serve_on_a_port(started: Callable[..., str]) -> None:
    """--port chooses the port; one that is in use is an error, which says what to do."""
    url = started("--port", "0")
    port = url.rpartition(":")[2]

    done = run("serve", "--port", port)

    assert b"/slow.bin" in run(url).stdout
    assert 3 == done.returncode
    assert done.stderr.startswith(f"urlrequest: port {port} cannot be listened on: ".encode())
    assert done.stderr.endswith(b"; --port N takes another one, 0 a free one\n")


def test_serve_keeps_nothing_of_its_requests() -> None:
    """However many requests come, on one connection or on many, valid or not, none is kept, and few errors are."""
    told = output_of("""
        import gc, socket
        from urlrequest import Session
        from urlrequest._cli.serve import Site, start_server
        from urlrequest.testing import RecordedRequest, ScriptError

        def ask(server, octets):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(octets)
                while client.recv(65536):
                    pass

        server = start_server(Site(None), 0)
        with Session() as session:
            for number in range(50):
                session.get(f"{server.url}/echo?{number}", on_finish=lambda request: None).wait()
        for _ in range(50):
            ask(server, b"POST /echo HTTP/1.1\\r\\nConnection: close\\r\\nContent-Length: 4\\r\\n\\r\\nbody")
        for _ in range(150):
            ask(server, b"nonsense\\r\\n\\r\\n")
            ask(server, b"\\x16\\x03\\x01")
        try:
            server.close()
        except ScriptError as error:
            print(str(error).count("MalformedRequest"))
            del error
        gc.collect()
        print(len(server.requests), len(server.tls_errors))
        print(sum(isinstance(kept, RecordedRequest) for kept in gc.get_objects()))
    """)

    assert ["100", "0 100", "0"] == [line for line in told.splitlines() if "HTTP" not in line]


def test_serve_keeps_little_of_a_large_body() -> None:
    """However large a body is, the server's memory is not; the body is received to its end, and the reply is a 413."""
    told = output_of("""
        import socket, tracemalloc
        from urlrequest._cli.serve import MAX_BODY, Site, start_server

        server = start_server(Site(None), 0)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            piece = bytes(1 << 20)
            client.sendall(b"PUT /echo HTTP/1.1\\r\\nContent-Length: %d\\r\\n\\r\\n" % (10 * MAX_BODY))
            tracemalloc.start()
            for _ in range(10 * MAX_BODY // len(piece)):
                client.sendall(piece)
            client.sendall(b"GET /hello.json HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n")
            got = b"".join(iter(lambda: client.recv(65536), b""))
        print(got.count(b"HTTP/1.1 413"), got.count(b"Hello"), tracemalloc.get_traced_memory()[1] < 5 * MAX_BODY)
        server.close()
    """)

    assert "1 1 True" in told.splitlines()


def test_serve_needs_a_folder(tmp_path: Path) -> None:
    """What is no folder is bad usage."""
    assert 2 == run("serve", str(tmp_path / "nowhere")).returncode
