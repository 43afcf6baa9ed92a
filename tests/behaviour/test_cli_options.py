"""Options of the command (docs/reference/command-line.md): files, cookies, rates, several URLs, what terminals show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.children import environment
from support.command import BODY, COMMAND, PATIENCE, needs_posix, on_terminal, read_terminal, run
from support.messages import head
from support.servers import Origin
from urlrequest.testing import RecordedRequest, Reply, Server, hold, send, signal, wait_for

if TYPE_CHECKING:
    from pathlib import Path


def run_in(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(**variables),
        timeout=PATIENCE,
        check=False,
    )


# Files


def test_remote_name_replaces_a_file_in_one_step(server: Server, tmp_path: Path) -> None:
    """-O is as -o: the old file stays if the new one is not complete."""
    server.play(send(head(1000) + b"half"))
    (tmp_path / "x.bin").write_bytes(b"old")

    assert 3 == run_in(tmp_path, "-O", f"{server.url}/x.bin").returncode
    assert b"old" == (tmp_path / "x.bin").read_bytes()
    assert ["x.bin"] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ('attachment; filename="../../report.txt"', "report.txt"),
        ("attachment", "x"),
        ("attachment; filename=.rc", "_rc"),
    ],
)
def test_name_of_the_server(server: Server, tmp_path: Path, field: str, name: str) -> None:
    """-J: a name of the server's is one in the current folder; without any, that of the URL counts."""
    server.respond("/x", BODY, headers={"Content-Disposition": field})

    done = run_in(tmp_path, "-OJ", f"{server.url}/x")

    assert (0, [name]) == (done.returncode, os.listdir(tmp_path))
    assert BODY == (tmp_path / name).read_bytes()


def test_name_of_the_server_replaces_nothing(server: Server, tmp_path: Path) -> None:
    """-J: a file of that name stays, the line says so, and nothing else is left."""
    server.respond("/x", BODY, headers={"Content-Disposition": "attachment; filename=report.txt"})
    (tmp_path / "report.txt").write_bytes(b"old")

    done = run_in(tmp_path, "-OJs", "-S", f"{server.url}/x")

    assert (3, b"urlrequest: report.txt: the file exists, and -J replaces none\n") == (done.returncode, done.stderr)
    assert (["report.txt"], b"old") == (os.listdir(tmp_path), (tmp_path / "report.txt").read_bytes())


def test_continue_at(server: Server, tmp_path: Path) -> None:
    """-C - with -O continues what broke off."""
    origin = Origin(BODY)
    origin.sent = [4096]
    server.route("/x.bin", origin)

    assert 3 == run_in(tmp_path, "-C", "-", "-O", f"{server.url}/x.bin").returncode
    assert 0 == run_in(tmp_path, "-C", "-", "-O", f"{server.url}/x.bin").returncode
    assert ["bytes=4096-"] == server.requests[1].header_values("Range")
    assert BODY == (tmp_path / "x.bin").read_bytes()


def test_headers_before_the_body(server: Server, tmp_path: Path) -> None:
    """-i writes the heads of all responses, to a file as well."""
    server.respond("/old", status=302, headers={"Location": "/x"})
    server.respond("/x", b"body", headers=[("X-A", "1"), ("X-A", "2")])

    shown = run("-iL", f"{server.url}/old").stdout
    run_in(tmp_path, "-i", "-o", "file", f"{server.url}/x")

    last = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nbody"
    assert shown.startswith(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n")
    assert shown.endswith(b"\r\n\r\n" + last)
    assert last == (tmp_path / "file").read_bytes()


def test_fail_writes_no_error_page(server: Server) -> None:
    """-f leaves the error page out; the line and the exit code stay."""
    server.respond("/missing", b"page", status=404)

    done = run("-f", f"{server.url}/missing")

    assert (1, b"") == (done.returncode, done.stdout)
    assert done.stderr.endswith(b"/missing: 404 Not Found\n")


def test_write_out_of_a_file(server: Server, tmp_path: Path) -> None:
    """-w @FILE reads the text from a file; times are seconds."""
    (tmp_path / "format").write_text("%{time_total} %{time_connect} %{speed_download}\\n")
    server.respond("/", BODY)

    done = run("-o", os.devnull, "-w", f"@{tmp_path}/format", server.url)

    total, connect, speed = map(float, done.stdout.split())
    assert 0 < connect < total
    assert speed > 0


def test_write_out_of_standard_input(server: Server) -> None:
    """-w @- reads standard input; as with curl, line breaks of the text do not count."""
    server.respond("/", BODY)

    done = run("-o", os.devnull, "-w", "@-", server.url, stdin=b"%{http_code}\n%{method}\\n\n")

    assert b"200GET\n" == done.stdout


@pytest.mark.parametrize("option", ["-d", "--data-urlencode", "--data-binary", "--json", "-F", "-T", "-w"])
def test_missing_file_is_named_with_its_option(tmp_path: Path, option: str) -> None:
    """A file that cannot be read is bad usage; the line has the option and the file."""
    value = {"-T": "gone", "-F": "a=@gone"}.get(option, "@gone")

    done = run_in(tmp_path, option, value, "h")

    shown = "-d" if option.startswith("--data") else option
    told = f"urlrequest: option {shown}: gone cannot be read: No such file or directory (see --help)\n"
    assert (2, told) == (done.returncode, done.stderr.decode())


# Cookies and credentials


def test_cookies_are_kept_from_run_to_run(server: Server, tmp_path: Path) -> None:
    """-b FILE -c FILE: a login of one run serves the next; the file is there for its owner only."""
    jar = str(tmp_path / "jar.txt")
    server.respond("/login", b"", headers={"Set-Cookie": "id=1; Path=/"})
    server.respond("/", b"")

    assert 0 == run("-b", jar, "-c", jar, f"{server.url}/login").returncode
    assert 0 == run("-b", jar, "-c", jar, server.url).returncode
    assert [None, "id=1"] == [request.header("Cookie") for request in server.requests]
    assert sys.platform == "win32" or 0o600 == os.stat(jar).st_mode & 0o777


def test_file_that_has_no_cookies(server: Server, tmp_path: Path) -> None:
    """A file that is malformed is an error in one line, before anything is sent."""
    (tmp_path / "jar.txt").write_text("nonsense\n")

    done = run("-b", f"{tmp_path}/jar.txt", server.url)

    assert (3, 1) == (done.returncode, done.stderr.count(b"\n"))
    assert [] == server.requests


def test_digest(server: Server) -> None:
    """--digest answers the challenge, and the password is not sent."""

    def demand(request: RecordedRequest) -> Reply:
        if "Digest " in (request.header("Authorization") or ""):
            return Reply(body=b"welcome")
        return Reply(401, b"", {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})

    server.route("/", demand)

    assert b"welcome" == run("--digest", "-u", "ada:secret", server.url).stdout
    assert [] == server.requests[0].header_values("Authorization")
    assert all(b"secret" not in request.raw for request in server.requests)


@needs_posix
def test_password_is_asked_for(server: Server) -> None:
    """-u without a colon asks on the terminal, and shows nothing of what is typed."""
    import pty

    server.respond("/", b"welcome")
    child, leader = pty.fork()
    if child == 0:  # pragma: no cover - another program takes its place
        os.execve(sys.executable, [*COMMAND, "-u", "ada", server.url], environment())  # noqa: S606 - no shell is needed
    with os.fdopen(leader, "r+b", buffering=0) as screen:
        pieces = read_terminal(screen)
        shown = next(pieces)
        while b"Password of ada: " not in shown:
            shown += next(pieces)
        screen.write(b"secret\n")
        shown += b"".join(pieces)
    os.waitpid(child, 0)

    assert b"welcome" in shown
    assert b"secret" not in shown
    assert "Basic YWRhOnNlY3JldA==" == server.requests[0].header("Authorization")


@pytest.mark.parametrize("form", ["{}", "{}:word"])
def test_client_certificate(form: str, tmp_path: Path, server: Server) -> None:
    """--cert that is not there is an error that names the file, and not its password."""
    done = run("--cert", form.format(tmp_path / "client.pem"), server.url.replace("http", "https"))

    assert 3 == done.returncode
    assert b"client.pem" in done.stderr
    assert b"word" not in done.stderr


# Limits


def test_rate_is_limited(server: Server) -> None:
    """--limit-rate: the body takes its time, in both directions; also one that is sent in chunks."""
    server.respond("/down", bytes(20_000))
    server.respond("/up", b"")

    timed = ["--limit-rate", "40000", "-w", "%{time_total}", "-o", os.devnull]
    received = run(*timed, f"{server.url}/down")
    sent = run("--data-binary", "x" * 20_000, *timed, f"{server.url}/up")
    sent_in_chunks = run("-T", "-", *timed, f"{server.url}/up", stdin=b"x" * 20_000)

    assert float(received.stdout) >= 0.4
    assert float(sent.stdout) >= 0.4
    assert float(sent_in_chunks.stdout) >= 0.4
    assert "chunked" == server.requests[-1].header("Transfer-Encoding")


def test_connect_timeout(server: Server) -> None:
    """--connect-timeout ends a handshake that does not go on, and says what took too long."""
    server.play(hold(), read_request=False)

    done = run("--connect-timeout", "0.2", server.url.replace("http", "https"))

    assert 3 == done.returncode
    assert done.stderr.endswith(f"connecting to 127.0.0.1:{server.port} took longer than 0.2 s\n".encode())


@pytest.mark.parametrize(("option", "code"), [("-4", 0), ("-6", 3)])
def test_kind_of_address(server: Server, option: str, code: int) -> None:
    """-4 and -6: addresses of the other kind are not connected to."""
    server.respond("/", b"")

    done = run(option, server.url)

    assert code == done.returncode
    assert (code == 0) == bool(server.requests)
    assert done.stderr.count(b"\n") == bool(code)


# Proxies of the environment


@pytest.mark.parametrize(
    ("variables", "arguments", "is_used"),
    [
        ({"http_proxy": "PROXY"}, [], True),
        ({"ALL_PROXY": "PROXY"}, [], True),
        ({"http_proxy": "PROXY"}, ["-x", ""], False),
        ({"http_proxy": "PROXY", "no_proxy": "127.0.0.1"}, [], False),
        ({"HTTP_PROXY": "PROXY"}, [], False),
        ({"http_proxy": "http://127.0.0.1:9"}, ["-x", "PROXY"], True),
    ],
)
def test_proxies_of_the_environment(
    server: Server, tmp_path: Path, variables: dict[str, str], arguments: list[str], is_used: bool
) -> None:
    """The variables that curl knows count, and -x wins over them."""
    if sys.platform == "win32" and "HTTP_PROXY" in variables:
        pytest.skip("names of variables have no case")
    server.respond("/", b"direct")
    with Server() as proxy:
        proxy.respond("/", b"proxy")
        variables = {name: value.replace("PROXY", proxy.url) for name, value in variables.items()}
        arguments = [text.replace("PROXY", proxy.url) for text in arguments]

        done = run_in(tmp_path, *arguments, server.url, **variables)

    assert (b"proxy" if is_used else b"direct") == done.stdout
    assert is_used == bool(proxy.requests)


# Several URLs


def test_urls_share_a_connection(server: Server) -> None:
    """URLs are fetched one after the other, over one connection; the exit code is the largest one."""
    server.respond("/a", b"a")
    server.respond("/b", b"b")

    done = run("-f", f"{server.url}/a", f"{server.url}/missing", f"{server.url}/b")

    assert (1, b"ab") == (done.returncode, done.stdout)
    assert 1 == server.connection_count


def test_parallel(server: Server, tmp_path: Path) -> None:
    """-Z: all URLs are requested before the first responds; bodies are whole, and files have one line together."""
    server.play(signal("one"), wait_for("go"), send(head(4) + b"one\n"))
    server.play(signal("two"), wait_for("go"), send(head(4) + b"two\n"))
    server.play(signal("three"), wait_for("go"), send(head(6) + b"three\n"))
    command = [*COMMAND, "-Z", "-o", "file", *[server.url] * 3]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for name in ("one", "two", "three"):
            server.wait(name, PATIENCE)
        server.signal("go")
        out, told = process.communicate(timeout=PATIENCE)

    written = out + (tmp_path / "file").read_bytes()
    assert 0 == process.returncode
    assert [b"one", b"three", b"two"] == sorted(written.split())
    assert re.fullmatch(rb"file: \d B in .*\n", told)


def test_parallel_with_an_output_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    """-Z: one output that fails does not stop the others."""
    server.respond("/", b"body")

    done = run("-Z", "-o", f"{tmp_path}/nowhere/x", "-o", "-", f"{server.url}/", f"{server.url}/")

    assert (3, b"body") == (done.returncode, done.stdout)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full device of Linux")
def test_parallel_with_an_output_that_is_full(server: Server) -> None:
    """-Z: an output that fails while its body arrives ends that transfer alone."""
    server.respond("/", BODY)

    done = run("-Z", "-o", "/dev/full", "-o", "-", f"{server.url}/", f"{server.url}/")

    assert (3, BODY) == (done.returncode, done.stdout)
    assert done.stderr.endswith(b"\nurlrequest: /dev/full: No space left on device\n")


# Terminals


@needs_posix
def test_json_is_indented_on_a_terminal(server: Server) -> None:
    """--json shows JSON indented to people, and as it is to programs; other bodies stay as they are."""
    server.respond("/", b'{"a":["\xc3\xa9",1]}', headers={"Content-Type": "application/json"})
    server.respond("/text", b'{"a":1}', headers={"Content-Type": "text/plain"})
    server.respond("/broken", b'{"a":', headers={"Content-Type": "application/problem+json"})

    shown = {path: on_terminal("--json", "{}", server.url + path)[1] for path in ("/", "/text", "/broken")}

    assert '{\r\n  "a": [\r\n    "\u00e9",\r\n    1\r\n  ]\r\n}\r\n' == shown["/"]
    assert ('{"a":1}', '{"a":') == (shown["/text"], shown["/broken"])
    assert b'{"a":["\xc3\xa9",1]}' == run("--json", "{}", server.url).stdout
    assert '{"a":["\u00e9",1]}' == on_terminal(server.url)[1]
