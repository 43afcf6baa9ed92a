"""The options with curl's names (docs/reference/command-line.md), beside curl: the same requests, files and output."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from support.children import environment
from support.command import COMMAND, PATIENCE
from support.programs import program
from urlrequest.testing import RecordedRequest, Reply, Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.system

# Headers that say what was asked for; the others name the program, or what it can read.
COMPARED = ["authorization", "content-length", "content-type", "cookie", "range", "referer", "transfer-encoding", "x-a"]


class Seen(NamedTuple):
    """What a run sent, wrote and printed."""

    requests: list[tuple[str, str, list[str], bytes]]
    files: dict[str, bytes]
    output: bytes


def serve(server: Server) -> None:
    """Respond with what options ask about: files, their parts, a redirect, a cookie, a name."""

    def send_file(request: RecordedRequest) -> Reply:
        if request.header("Range") == "bytes=2-4":
            return Reply(206, b"234", {"Content-Range": "bytes 2-4/10"})
        return Reply(body=b"0123456789", headers={"Content-Type": "text/plain", "X-B": "b"})

    server.route("/file.txt", send_file)
    server.route("/other.txt", send_file)
    server.route("/a%20b", send_file)
    server.respond("/old", status=302, headers={"Location": "/file.txt"})
    server.respond("/named", b"named", headers={"Content-Disposition": 'attachment; filename="report.txt"'})
    server.respond("/cookie", b"", headers={"Set-Cookie": "id=1; Path=/"})
    server.route("/post/*", lambda _: Reply(200, b"taken"))


def describe(request: RecordedRequest) -> tuple[str, str, list[str], bytes]:
    """What was sent; in a form with files, each program chooses a boundary of its own."""
    headers = [f"{name}: {value}" for name in COMPARED for value in request.header_values(name)]
    boundary = (request.header("Content-Type") or "").partition("boundary=")[2]
    if not boundary:
        return request.method, request.target, headers, request.body
    headers = [text.partition("boundary=")[0] for text in headers if not text.startswith("content-length")]
    return request.method, request.target, headers, request.body.replace(boundary.encode(), b"BOUNDARY")


def watch(command: list[str], arguments: list[str], server: Server, folder: Path) -> Seen:
    folder.mkdir()
    (folder / "in.txt").write_bytes(b"one\r\ntwo &\0\n")
    del server.requests[:]
    done = subprocess.run(
        [*command, *(text.replace("URL", server.url) for text in arguments)],
        cwd=folder,
        input=b"typed\n",
        capture_output=True,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert 0 == done.returncode or b"302 Found" in done.stderr, done.stderr
    requests = [describe(request) for request in server.requests]
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "in.txt"}
    return Seen(requests, files, done.stdout)


@pytest.fixture
def both(server: Server, tmp_path: Path) -> Callable[[list[str]], tuple[Seen, Seen]]:
    """Runs curl and the command with the same arguments."""
    curl = [program("curl"), "-sS"]
    serve(server)

    def run_both(arguments: list[str]) -> tuple[Seen, Seen]:
        theirs = watch(curl, arguments, server, tmp_path / "curl")
        return theirs, watch([*COMMAND, "-sS"], arguments, server, tmp_path / "urlrequest")

    return run_both


@pytest.mark.parametrize(
    "arguments",
    [
        "URL/file.txt",
        "-O URL/file.txt",
        "-O URL/a%20b?x=y",
        "-OJ URL/named",
        "-OJ URL/file.txt",
        "-o one -O URL/file.txt URL/other.txt",
        "-O URL/file.txt URL/other.txt",
        "-I URL/file.txt",
        "-XDELETE URL/file.txt",
        "-r 2-4 URL/file.txt",
        "-L URL/old",
        "-4 URL/file.txt",
        "-u ada:pass URL/file.txt",
        "-u ada: URL/file.txt",
        "--oauth2-bearer token URL/file.txt",
        "-b a=b;c=d URL/file.txt",
        "-b none.txt URL/cookie URL/file.txt",
        "URL/cookie URL/file.txt",
        "-e http://r/?x URL/file.txt",
        "-H X-A:\u00e4 -H X-A: URL/file.txt",
        "-H X-A; URL/file.txt",
        "-d a=b -d c URL/post/",
        "-d -5 URL/post/",
        "-d @in.txt URL/post/",
        "-d @- -d x URL/post/",
        "--data-raw @in.txt URL/post/",
        "--data-binary @in.txt URL/post/",
        "--data-binary x=@in.txt URL/post/",
        "--data-urlencode a=\u00e4+/&~._- URL/post/",
        "--data-urlencode =a=b URL/post/",
        "--data-urlencode n@in.txt URL/post/",
        "--data-urlencode @in.txt URL/post/",
        "--data-urlencode a=b@c URL/post/",
        "-d a -XPUT -HContent-Type:text/x URL/post/",
        "-G -d a=b --data-urlencode c=d&e URL/file.txt",
        "-G -d a=b URL/file.txt?x=y",
        "-I -G -d a=b URL/file.txt",
        "--json {} --json [] URL/post/",
        "--json @in.txt URL/post/",
        "-T in.txt URL/post/",
        "-T in.txt URL/post/x",
        "-T - URL/post/x",
        "-F a=b -F a=<in.txt -F f=@in.txt URL/post/",
        "-F f=@in.txt;type=text/csv;filename=x.csv -F g=@in.txt;type=a/b URL/post/",
        "-f URL/file.txt",
        "-w %{http_code}|%{size_download}|%{content_type}|%{num_redirects}|%{scheme}|%%|%{method}\\n -o x URL/file.txt",
        "-w %{redirect_url}|%{response_code} URL/old",
        "-w %{url_effective}|%{num_redirects} -L URL/old",
        "-w %{filename_effective} -OJ URL/named",
        "-w %{size_upload}|%{exitcode}|%{errormsg} -T in.txt URL/post/",
    ],
)
def test_same_as_curl(both: Callable[[list[str]], tuple[Seen, Seen]], arguments: str) -> None:
    """The same options mean the same: what is sent, what is written and what is printed."""
    theirs, ours = both(arguments.split(" "))

    if arguments.startswith("-I"):  # the lines of a head end alike, but each program sorts headers of its own
        assert theirs.output.split(b"\r\n") == ours.output.split(b"\r\n")
        ours = ours._replace(output=theirs.output)
    assert theirs == ours
