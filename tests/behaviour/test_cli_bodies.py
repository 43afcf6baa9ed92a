"""The command's bodies (docs/reference/command-line.md): resumed, checked, compressed, streamed, sent as forms."""

from __future__ import annotations

import email.policy
import gzip
import hashlib
import os
import re
import signal as signals
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from support.command import BODY, PATIENCE, needs_posix, on_terminal, run, start
from support.files import OLD, part_paths
from support.messages import head
from support.servers import Origin
from support.waiting import wait_until
from urlrequest.testing import RecordedRequest, Reply, Server, hold, send, signal, wait_for

CHECKSUM = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
WRONG = f"md5:{'0' * 32}"
TAG = b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "one"\r\n\r\n'


def compressing(request: RecordedRequest) -> Reply:
    """Respond as servers do that compress for every client that allows it."""
    if "gzip" in (request.header("Accept-Encoding") or ""):
        return Reply(body=gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    return Reply(body=BODY)


# --resume


def test_resume_continues(server: Server, tmp_path: Path) -> None:
    """--resume keeps the part of a download that broke off, says so, and asks for the rest the next time."""
    path = tmp_path / "body.bin"
    origin = Origin(BODY)
    origin.sent = [4096]
    server.route("/", origin)

    broken = run("--resume", "-o", str(path), server.url)
    done = run("--resume", "-o", str(path), server.url)

    assert 3 == broken.returncode
    assert broken.stderr.endswith(b"; kept 4.0 KiB, run again with -C - to continue\n")
    assert 1 == broken.stderr.count(b"urlrequest: ")
    assert (0, BODY) == (done.returncode, path.read_bytes())
    assert "bytes=4096-" == server.requests[1].header("Range")
    assert done.stderr.startswith(b"body.bin: 96.0 KiB in ")  # what came now
    assert [path] == list(tmp_path.iterdir())


def test_resume_says_why_it_starts_over(server: Server, tmp_path: Path) -> None:
    """Contract 12.3: where the file has changed, a line says that the download starts over."""
    path = tmp_path / "body.bin"
    origin = Origin(BODY)
    origin.sent = [4096]
    server.route("/", origin)
    run("--resume", "-o", str(path), server.url)
    origin.fields = {"ETag": '"two"'}
    done = run("--resume", "-o", str(path), server.url)

    assert (0, BODY) == (done.returncode, path.read_bytes())
    why = b"urlrequest: the download starts over: the server sent status 200 that does not continue the part\n"
    assert why in done.stderr


@needs_posix
def test_resume_after_ctrl_c(server: Server, tmp_path: Path) -> None:
    """Ctrl-C keeps the part, too, and the line says how much it is."""
    path = tmp_path / "body.bin"
    server.play(send(TAG + b"half"), signal("half"), hold())
    with start("--resume", "-o", str(path), server.url) as process:
        server.wait("half", PATIENCE)
        part, sidecar = await_sidecar(path)
        process.send_signal(signals.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)

    assert 130 == process.returncode
    assert told.endswith(b"urlrequest: interrupted; kept 4 B, run again with -C - to continue\n")
    assert b"half" == part.read_bytes()
    assert not path.exists()
    assert sidecar.exists()


def await_sidecar(path: Path) -> tuple[Path, Path]:
    """The part file and the sidecar of a target, as soon as the sidecar is there: the body is about to be read then."""
    part, sidecar = part_paths(path)
    wait_until(sidecar.exists, "no sidecar was written")  # another process cannot notify this one
    return part, sidecar


def test_resume_before_a_failure(server: Server, tmp_path: Path) -> None:
    """A failure leaves the part as it was, and the line says so."""
    path = tmp_path / "body.bin"
    origin = Origin(BODY)
    origin.sent = [4096]
    server.route("/", origin)
    run("--resume", "-o", str(path), server.url)
    server.respond("/", b"later", status=503)

    done = run("--resume", "-o", str(path), server.url)

    told = f"{server.url}/: 503 Service Unavailable; {path} was not written; kept 4.0 KiB, run again"
    assert (1, True) == (done.returncode, told in done.stderr.decode())


def test_without_a_validator_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    """What could not be continued is not kept, and nothing is promised."""
    server.play(send(head(20) + b"half"))

    done = run("--resume", "-o", str(tmp_path / "body.bin"), server.url)

    assert 3 == done.returncode
    assert b"kept" not in done.stderr
    assert [] == list(tmp_path.iterdir())


@needs_posix
def test_resume_needs_a_regular_file() -> None:
    """A device has no part; that is bad usage."""
    done = run("--resume", "-o", "/dev/null", "h")

    told = "urlrequest: --resume (-C -) needs a file, by -o FILE or -O (see --help)\n"
    assert (2, told) == (done.returncode, done.stderr.decode())


# --checksum, --max-size


def test_checksum(server: Server, tmp_path: Path) -> None:
    """--checksum lets through what has it, to a file and to standard output."""
    server.respond("/", BODY)
    path = tmp_path / "body.bin"

    saved, shown = run("--checksum", CHECKSUM, "-o", str(path), server.url), run("--checksum", CHECKSUM, server.url)

    assert (0, BODY) == (saved.returncode, path.read_bytes())
    assert (0, BODY) == (shown.returncode, shown.stdout)


def test_wrong_checksum(server: Server, tmp_path: Path) -> None:
    """A body with another checksum is an error (3): the old file stays, and standard output gets nothing of it."""
    server.respond("/", BODY)
    path = tmp_path / "body.bin"
    path.write_bytes(OLD)

    saved, shown = run("--checksum", WRONG, "-o", str(path), server.url), run("--checksum", WRONG, server.url)

    told = f"urlrequest: {server.url}/: the body has the md5 {hashlib.md5(BODY, usedforsecurity=False).hexdigest()}, "
    assert (3, OLD) == (saved.returncode, path.read_bytes())
    assert (3, b"") == (shown.returncode, shown.stdout)
    assert shown.stderr.decode().startswith(told)
    assert told in saved.stderr.decode()


@pytest.mark.parametrize(("size", "code"), [("99k", 3), ("100k", 0), ("1G", 0)])
def test_max_size(server: Server, tmp_path: Path, size: str, code: int) -> None:
    """--max-size refuses what is larger; K, M and G count in 1024."""
    server.respond("/", BODY)
    path = tmp_path / "body.bin"

    done = run("--max-size", size, "-o", str(path), server.url)

    assert (code, not code) == (done.returncode, path.exists())


# --compressed


def test_bodies_are_plain_unless_compressed_is_given(server: Server, tmp_path: Path) -> None:
    """Only --compressed asks for content codings; they are undone, in a file too, which keeps its mode."""
    server.route("/", compressing)
    path = tmp_path / "body.bin"
    path.write_bytes(OLD)
    path.chmod(0o640)

    plain, shown = run(server.url), run("--compressed", server.url)
    saved = run("--compressed", "-o", str(path), server.url)

    assert ["identity", True, True] == [
        server.requests[0].header("Accept-Encoding"),
        *("gzip" in (request.header("Accept-Encoding") or "") for request in server.requests[1:]),
    ]
    assert (BODY, BODY) == (plain.stdout, shown.stdout)
    assert (0, BODY, 0o640) == (saved.returncode, path.read_bytes(), path.stat().st_mode & 0o777)
    assert [path] == list(tmp_path.iterdir())


def test_compressed_checksum_and_size(server: Server, tmp_path: Path) -> None:
    """The unpacked body is what checksum and largest size mean."""
    server.route("/", compressing)
    path = tmp_path / "body.bin"

    assert 0 == run("--compressed", "--checksum", CHECKSUM, "-o", str(path), server.url).returncode
    assert 3 == run("--compressed", "--max-size", "50k", "-o", str(path), server.url).returncode
    assert BODY == path.read_bytes()


@pytest.mark.parametrize("arguments", [["-X", "HEAD"], []], ids=["HEAD", "204"])
def test_no_body_leaves_a_compressed_file(server: Server, tmp_path: Path, arguments: list[str]) -> None:
    """A response that has no body leaves the file as it was."""
    server.respond("/", b"", status=200 if arguments else 204)
    path = tmp_path / "body.bin"
    path.write_bytes(OLD)

    assert 0 == run("--compressed", *arguments, "-o", str(path), server.url).returncode
    assert OLD == path.read_bytes()


# Streams


@needs_posix
def test_streams_show_at_once(server: Server) -> None:
    """A piece of a body is on standard output before the next one is sent."""
    server.play(send(head(8) + b"one\n"), wait_for("seen"), send(b"two\n"))
    with start(server.url) as process:
        assert process.stdout is not None
        first = os.read(process.stdout.fileno(), 100)
        server.signal("seen")
        rest, told = process.communicate(timeout=PATIENCE)

    assert (0, b"one\n", b"two\n", b"") == (process.returncode, first, rest, told)


@needs_posix
def test_pipes_stream_too(server: Server, tmp_path: Path) -> None:
    """A named pipe gets the pieces as they come."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    server.play(send(head(8) + b"one\n"), wait_for("seen"), send(b"two\n"))
    with start("-o", str(pipe), server.url) as process:
        with pipe.open("rb", buffering=0) as stream:
            first = stream.read(100)
            server.signal("seen")
            rest = stream.read(100)
        process.communicate(timeout=PATIENCE)

    assert (0, b"one\n", b"two\n") == (process.returncode, first, rest)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device of Linux")
def test_full_device(server: Server) -> None:
    """A device that takes no more is an error in one line."""
    server.respond("/", BODY)

    done = run("-o", "/dev/full", server.url)

    assert 3 == done.returncode
    assert done.stderr.endswith(b"urlrequest: /dev/full: No space left on device\n")


@needs_posix
def test_binary_stream_is_stopped(server: Server) -> None:
    """A stream that turns out to be binary ends there, where a terminal would show it."""
    server.play(send(head(1000) + b"a\0b"), hold())

    code, shown = on_terminal(server.url)

    assert 3 == code
    assert "the body is binary" in shown


# -L


def test_location(server: Server) -> None:
    """-L follows redirects; with -v every hop is shown."""
    server.respond("/a", status=301, headers={"Location": "/b"})
    server.respond("/b", status=302, headers={"Location": "/c?x=1"})
    server.respond("/c", b"here")

    done = run("-L", "-v", f"{server.url}/a")
    lines = done.stderr.decode().splitlines()

    assert (0, b"here") == (done.returncode, done.stdout)
    assert [
        f"* 301: {server.url}/a leads to {server.url}/b",
        f"* 302: {server.url}/b leads to {server.url}/c?***",
    ] == [line for line in lines if " leads to " in line]
    assert ["> GET /a HTTP/1.1", "> GET /b HTTP/1.1", "> GET /c?*** HTTP/1.1"] == [
        line for line in lines if line.startswith("> GET")
    ]


def test_location_of_a_failure(server: Server) -> None:
    """A failure at the end of a redirect is reported with both URLs."""
    server.respond("/a", status=301, headers={"Location": "/b"})

    done = run("--location", f"{server.url}/a")

    told = f"urlrequest: {server.url}/a (redirected to {server.url}/b): 404 Not Found\n"
    assert (1, told) == (done.returncode, done.stderr.decode())


def test_location_that_leads_nowhere(server: Server) -> None:
    """A redirect that cannot be followed is an error (3), not bad usage; so is a chain of more than 20."""
    server.respond("/away", status=302, headers={"Location": "ftp://h/"})
    server.respond("/ring", status=302, headers={"Location": "/ring"})

    away, ring = run("-L", f"{server.url}/away"), run("-L", f"{server.url}/ring")

    assert (3, 3) == (away.returncode, ring.returncode)
    assert b"the redirect leads to the scheme ftp" in away.stderr
    assert b"after 20 redirects" in ring.stderr
    assert 21 + 1 == len(server.requests)


# --retry


def test_retry(server: Server) -> None:
    """--retry tries again what may succeed later."""
    replies = iter([Reply(503, headers={"Retry-After": "0"}), Reply(body=b"now")])
    server.route("/", lambda _: next(replies))

    done = run("--retry", "1", server.url)

    assert (0, b"now", b"") == (done.returncode, done.stdout, done.stderr)


# -F


@pytest.fixture
def form(server: Server) -> Server:
    """A server that takes any form."""
    server.respond("/", b"taken")
    return server


def parts(request: RecordedRequest) -> list[tuple[str, str | None, str, bytes]]:
    """Name, file name, type and content of each part."""
    fields = f"Content-Type: {request.header('Content-Type')}\r\n\r\n".encode()
    message: Any = BytesParser(policy=email.policy.HTTP).parsebytes(fields + request.body)
    return [
        (
            part.get_param("name", header="Content-Disposition"),
            part.get_filename(),
            part.get_content_type() if "Content-Type" in part else "",
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_form(form: Server, tmp_path: Path) -> None:
    """-F sends fields and files as multipart/form-data, with their number of octets."""
    notes, picture = tmp_path / "notes.txt", tmp_path / "a;b.png"
    notes.write_bytes(b"one\r\ntwo\n")
    picture.write_bytes(BODY)

    done = run(
        "-F", "title=Zo\u00eb = @me;type=x/y", "-F", "empty=", "-F", f"file=@{notes}",
        "-F", f"picture=@{picture};type=image/x-odd", form.url,
    )  # fmt: skip
    request = form.requests[0]

    assert (0, b"taken", b"") == (done.returncode, done.stdout, done.stderr)
    assert ("POST", str(len(request.body))) == (request.method, request.header("Content-Length"))
    assert [
        ("title", None, "", "Zo\u00eb = @me;type=x/y".encode()),
        ("empty", None, "", b""),
        ("file", "notes.txt", "text/plain", b"one\r\ntwo\n"),
        ("picture", "a;b.png", "image/x-odd", BODY),
    ] == parts(request)


def test_form_without_files(form: Server) -> None:
    """Fields alone are multipart/form-data, too."""
    run("-F", "a=1", "-F", "a=2", form.url)

    assert [("a", None, "", b"1"), ("a", None, "", b"2")] == parts(form.requests[0])


def test_form_of_standard_input(form: Server) -> None:
    """@- is the file that standard input has."""
    run("-F", "file=@-", form.url, stdin=b"octets")

    assert [("file", "-", "application/octet-stream", b"octets")] == parts(form.requests[0])


def test_second_file_that_is_missing(tmp_path: Path) -> None:
    """A missing file is bad usage, named, and the others are closed."""
    there = tmp_path / "there"
    there.write_bytes(b"")

    done = run("-F", f"a=@{there}", "-F", f"b=@{tmp_path}/gone", "h")

    told = f"urlrequest: option -F: {tmp_path}/gone cannot be read: No such file or directory (see --help)\n"
    assert (2, told) == (done.returncode, done.stderr.decode())


# Progress


@needs_posix
@pytest.mark.parametrize("option", ["--data-binary=@{}", "-Ffile=@{}", "-T{}"], ids=["-d", "-F", "-T"])
def test_upload_bar(form: Server, tmp_path: Path, option: str) -> None:
    """On a terminal there is a bar for a file that is sent, too."""
    path = tmp_path / "body.bin"
    path.write_bytes(BODY)

    form.respond("/body.bin", "taken")

    code, shown = on_terminal(option.format(path), form.url)

    assert 0 == code
    assert "body.bin: 100." in shown
    assert shown.endswith("taken")


@needs_posix
def test_bar_of_several_files(form: Server, tmp_path: Path) -> None:
    """Several files of a form have one bar."""
    (tmp_path / "a").write_bytes(BODY)

    assert "2 files: 200." in on_terminal("-F", f"a=@{tmp_path}/a", "-F", f"b=@{tmp_path}/a", form.url)[1]


@needs_posix
def test_bar_of_a_continued_download(server: Server, tmp_path: Path) -> None:
    """The bar of a continued download begins where the download does."""
    path = tmp_path / "body.bin"
    origin = Origin(BODY)
    origin.sent = [51200]
    server.route("/", origin)
    run("--resume", "-o", str(path), server.url)

    code, shown = on_terminal("-C", "-", "-o", str(path), server.url)

    assert 0 == code
    assert " 50 %    50.0 KiB of 100.0 KiB " in re.sub(r"\x1b\[\d+m", "", shown)
    assert "body.bin: 50.0 KiB in " in shown
