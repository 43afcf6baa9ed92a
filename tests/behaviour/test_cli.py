"""The command (docs/reference/command-line.md), run as a process of its own against loopback servers."""

from __future__ import annotations

import json
import re
import signal as signals
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.command import BODY, COMMAND, PATIENCE, needs_posix, on_terminal, run, start
from support.messages import head
from urlrequest._cli.option_table import COMMANDS, OPTIONS
from urlrequest.testing import Reply, Server, hold, reset, send, signal, trickle, wait_for

if TYPE_CHECKING:
    import subprocess


@pytest.fixture
def echo(server: Server) -> Server:
    """A server that sends back what it has received."""

    def describe(request: Any) -> Reply:
        told = {"method": request.method, "headers": request.headers, "body": request.body.decode("latin-1")}
        return Reply(body=json.dumps(told), headers={"Content-Type": "application/json"})

    server.route("/echo", describe)
    return server


def echoed(done: subprocess.CompletedProcess[bytes]) -> tuple[str, dict[str, str], str]:
    assert 0 == done.returncode, done.stderr
    told = json.loads(done.stdout)
    return told["method"], {name.lower(): value for name, value in told["headers"]}, told["body"]


# Where the body goes


def test_body_goes_to_standard_output(server: Server) -> None:
    """Standard output gets the raw octets and nothing else; nothing is said."""
    server.respond("/", BODY, headers={"Content-Type": "text/plain; charset=ascii"})

    done = run(server.url)

    assert (0, BODY, b"") == (done.returncode, done.stdout, done.stderr)


def test_url_without_scheme_means_http(server: Server) -> None:
    """A host and a port are enough."""
    server.respond("/x", b"octets")

    assert b"octets" == run(f"127.0.0.1:{server.port}/x").stdout


def test_dash_means_standard_output(server: Server) -> None:
    """`-o -` is standard output."""
    server.respond("/", b"octets")

    assert b"octets" == run("-o", "-", server.url).stdout


def test_output_is_a_file(server: Server, tmp_path: Path) -> None:
    """-o puts the body into a file, and a quick download is reported in one line."""
    server.respond("/", BODY)

    done = run("-o", str(tmp_path / "body.bin"), server.url)

    assert (0, b"") == (done.returncode, done.stdout)
    assert BODY == (tmp_path / "body.bin").read_bytes()
    assert done.stderr.startswith(b"body.bin: 100.0 KiB in ")
    assert 1 == done.stderr.count(b"\n")


@needs_posix
def test_output_may_be_a_device(server: Server) -> None:
    """`-o /dev/null` does what everybody expects."""
    server.respond("/", BODY)

    assert 0 == run("-o", "/dev/null", server.url).returncode


@pytest.mark.parametrize(
    "options",
    [["-o"], ["-i", "-o"], ["--compressed", "-o"], ["-C", "-", "-o"], ["-c"]],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("folder", "reason"),
    [("a/b", "the folder {} does not exist; create it first"), ("file", "{} is not a folder")],
    ids=["missing", "a file"],
)
def test_folder_that_is_missing(server: Server, tmp_path: Path, options: list[str], folder: str, reason: str) -> None:
    """A file in a folder that is not there is an error, which names the folder; nothing is sent, nothing is left."""
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / folder / "body.bin"

    done = run(*options, str(path), server.url)

    assert 3 == done.returncode
    assert f"urlrequest: {path} cannot be written: {reason.format(path.parent)}\n" == done.stderr.decode()
    assert [] == server.requests
    assert [tmp_path / "file"] == list(tmp_path.iterdir())


# What is sent


def test_default_request(echo: Server) -> None:
    """Without options it is a GET without a body, under the library's name."""
    method, headers, body = echoed(run(echo.url + "/echo"))

    assert ("GET", "") == (method, body)
    assert f"urlrequest/{urlrequest.__version__}" == headers["user-agent"]


def test_method(echo: Server) -> None:
    """-X sets the method."""
    assert "DELETE" == echoed(run("-X", "delete", echo.url + "/echo"))[0]


def test_fields(echo: Server) -> None:
    """-H adds fields, leaves out those without a value, and sends the octets that were typed."""
    done = run(
        "-H", "X-Name: Zo\u00eb", "-H", "x-empty;", "-H", "User-Agent:", "-H", "X-Time: 12:30", echo.url + "/echo"
    )

    headers = echoed(done)[1]

    assert "Zo\u00eb" == headers["x-name"].encode("latin-1").decode()
    assert ("", "12:30") == (headers["x-empty"], headers["x-time"])
    assert "user-agent" not in headers


def test_host(echo: Server) -> None:
    """-H 'Host: name' is sent in the place of ours, first of all."""
    run("-H", "X-A: 1", "-H", "Host: a.test", echo.url + "/echo")

    assert echo.requests[0].raw.startswith(b"GET /echo HTTP/1.1\r\nHost: a.test\r\n")
    assert ["a.test"] == echo.requests[0].header_values("host")


def test_repeated_field(echo: Server) -> None:
    """The same field twice is sent twice."""
    run("-H", "X-A: 1", "-H", "X-A: 2", echo.url + "/echo")

    assert ["1", "2"] == echo.requests[0].header_values("x-a")


def test_data_is_a_form(echo: Server) -> None:
    """-d makes it a POST of a form; several are joined with &."""
    method, headers, body = echoed(run("-d", "name=Ada", "-d", "born=1815", echo.url + "/echo"))

    assert ("POST", "name=Ada&born=1815") == (method, body)
    assert "application/x-www-form-urlencoded" == headers["content-type"]


def test_empty_data_is_a_body(echo: Server) -> None:
    """-d '' is a POST of no octets."""
    method, headers, body = echoed(run("-d", "", echo.url + "/echo"))

    assert ("POST", "0", "") == (method, headers["content-length"], body)


def test_data_with_another_method_and_type(echo: Server) -> None:
    """-X and a Content-Type of the user's own win."""
    method, headers, _ = echoed(run("-X", "PUT", "-H", "content-type: text/csv", "-d", "1,2", echo.url + "/echo"))

    assert ("PUT", "text/csv") == (method, headers["content-type"])


def test_data_of_a_file(echo: Server, tmp_path: Path) -> None:
    """--data-binary @FILE sends its octets as they are, with their number."""
    path = tmp_path / "body.bin"
    path.write_bytes(BODY)

    echoed(run("--data-binary", f"@{path}", echo.url + "/echo"))

    assert BODY == echo.requests[0].body
    assert str(len(BODY)) == echo.requests[0].header("content-length")


def test_data_of_standard_input(echo: Server) -> None:
    """@- sends what standard input has, beside other pieces too."""
    echoed(run("--data-binary", "@-", echo.url + "/echo", stdin=b"line\r\nline\n"))
    echoed(run("-d", "a", "-d", "@-", echo.url + "/echo", stdin=b"b"))

    assert [b"line\r\nline\n", b"a&b"] == [request.body for request in echo.requests]


def test_json(echo: Server) -> None:
    """--json is a POST that sends and asks for JSON."""
    method, headers, body = echoed(run("--json", '{"name": "Zo\u00eb"}', echo.url + "/echo"))

    assert "POST" == method
    assert ("application/json", "application/json") == (headers["content-type"], headers["accept"])
    assert {"name": "Zo\u00eb"} == json.loads(body.encode("latin-1"))


def test_proxy(server: Server) -> None:
    """--proxy sends the request there, with the credentials for the proxy; they are shown nowhere."""
    server.respond("/x", b"through the proxy")

    done = run("-v", "--proxy", f"http://ada:pass%21word@127.0.0.1:{server.port}", "http://origin.test/x")

    assert (0, b"through the proxy") == (done.returncode, done.stdout)
    assert "http://origin.test/x" == server.requests[0].target
    assert "Basic YWRhOnBhc3Mhd29yZA==" == server.requests[0].header("proxy-authorization")
    assert b"> GET http://origin.test/x HTTP/1.1\n" in done.stderr
    assert b"> Proxy-Authorization: Basic ***\n" in done.stderr
    assert b"YWRh" not in done.stderr


# TLS


def test_ca_file(tls_server: Server, ca_file: str) -> None:
    """--ca-file trusts the certificates in it."""
    tls_server.respond("/", b"secret")

    done = run("--ca-file", ca_file, tls_server.url)

    assert (0, b"secret", b"") == (done.returncode, done.stdout, done.stderr)


def test_unknown_authority(tls_server: Server) -> None:
    """A certificate that nobody vouches for is an error, and the line says so, and what may be done."""
    done = run(tls_server.url)

    assert (3, b"") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"urlrequest: {tls_server.url}/: the certificate is not trusted: ".encode())
    assert done.stderr.endswith(b"; --cacert names the certificates to trust\n")
    assert 1 == done.stderr.count(b"\n")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--cacert", "gone"], b": gone: --cacert cannot be opened: "),
        (["--cert", "gone"], b": gone: --cert cannot be opened: "),
        (["-k", "--max-size", "3"], b"; --max-size is 3\n"),
    ],
)
def test_errors_name_the_option(tls_server: Server, options: list[str], text: bytes) -> None:
    """An error that the library explains by a parameter names the option that has set it."""
    tls_server.respond("/", "hello")

    done = run(*options, tls_server.url)

    assert 3 == done.returncode
    assert text in done.stderr


@pytest.mark.parametrize("option", ["--insecure", "-k"])
def test_insecure(tls_server: Server, option: str) -> None:
    """--insecure takes any certificate, and does not warn who asked for it."""
    tls_server.respond("/", b"secret")

    done = run(option, tls_server.url)

    assert (0, b"secret", b"") == (done.returncode, done.stdout, done.stderr)


# What is not a success


def test_failure(server: Server) -> None:
    """A status of 4xx is exit code 1 and one line; the error page goes to standard output."""
    server.respond("/missing", b"no such page", status=404)

    done = run(server.url + "/missing")

    assert (1, b"no such page") == (done.returncode, done.stdout)
    assert f"urlrequest: {server.url}/missing: 404 Not Found\n" == done.stderr.decode()


def test_failure_is_no_file(server: Server, tmp_path: Path) -> None:
    """With -o a failure writes nothing, and says so."""
    path = tmp_path / "body.bin"

    done = run("-o", str(path), server.url + "/missing")

    assert (1, b"") == (done.returncode, done.stdout)
    assert f"urlrequest: {server.url}/missing: 404 Not Found; {path} was not written\n" == done.stderr.decode()
    assert [] == list(tmp_path.iterdir())


def test_redirect(server: Server) -> None:
    """A redirect is not followed: exit code 1, and the line says where it leads."""
    server.respond("/a/old", status=301, headers={"Location": "../new?x=1"})

    done = run(server.url + "/a/old")

    where = f"redirects to {server.url}/new?*** (use -L to follow)"
    told = f"urlrequest: {server.url}/a/old: 301 Moved Permanently: {where}\n"
    assert (1, told) == (done.returncode, done.stderr.decode())


def test_redirect_without_location(server: Server) -> None:
    """A 304 leads nowhere."""
    server.respond("/", status=304)

    done = run(server.url)

    assert (1, f"urlrequest: {server.url}/: 304 Not Modified\n") == (done.returncode, done.stderr.decode())


def test_refused(refusing: str) -> None:
    """A refused connection is exit code 3 and one line."""
    done = run(refusing)

    assert 3 == done.returncode
    assert f"urlrequest: {refusing}/: connecting to {refusing[7:]}: Connection refused\n" == done.stderr.decode()


def test_timeout(server: Server) -> None:
    """--timeout ends the wait for a server that does not answer."""
    server.play(hold())

    done = run("--timeout", "0.1", server.url)

    assert 3 == done.returncode
    assert done.stderr.endswith(b"timed out after 0.1 s\n")


def test_deadline(server: Server, tmp_path: Path) -> None:
    """--deadline ends a download however steadily it drips, and leaves no file."""
    server.play(send(head(100)), trickle(b"x" * 100, pause=0.05))

    done = run("--deadline", "0.3", "-o", str(tmp_path / "body.bin"), server.url)

    assert 3 == done.returncode
    assert done.stderr.endswith(b"deadline of 0.3 s\n")
    assert [] == list(tmp_path.iterdir())


def test_cut_off(server: Server) -> None:
    """Half a body is an error; what had come was written by then."""
    server.play(send(head(20) + b"half"))

    done = run(server.url)

    assert (3, b"half") == (done.returncode, done.stdout)
    assert b"after 4 of 20 bytes" in done.stderr
    assert 1 == done.stderr.count(b"\n")


def test_reset(server: Server) -> None:
    """A connection that breaks is reported in one line without a traceback."""
    server.play(reset())

    done = run(server.url)

    assert 3 == done.returncode
    assert done.stderr.startswith(b"urlrequest: http://")
    assert 1 == done.stderr.count(b"\n")


def test_credentials_are_not_told(refusing: str) -> None:
    """An error's line has the URL without its userinfo."""
    done = run(refusing.replace("//", "//ada:secret@") + "/path")

    assert 3 == done.returncode
    assert b"/path: " in done.stderr
    assert b"secret" not in done.stderr


# Bad usage


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["http://"],
        ["http://ada:secret@h:port/"],
        ["ftp://h/"],
        ["--nonsense", "h"],
        ["--nonsense=secret", "h"],
        ["-Qsecret", "h"],
        ["-sQsecret", "h"],
        ["--insecure=secret", "h"],
        ["http://h:port/?key=secret"],
        ["h", "demo"],
        ["-O", "h/"],
        ["-O", "h/.."],
        ["-O", "-o", "x", "h/x"],
        ["-J", "h/x"],
        ["-J", "-i", "-O", "h/x"],
        ["-C", "100", "-O", "h/x"],
        ["-C", "-", "h/x"],
        ["-C", "-", "-O", "-J", "h/x"],
        ["-r", "secret", "h"],
        ["-r", "0-1", "-H", "Range: bytes=1-", "h"],
        ["-T", "/nowhere/at/all", "h"],
        ["-T", "x", "-d", "a", "h"],
        ["-T", "x", "h", "h"],
        ["-G", "-F", "a=b", "h"],
        ["-I", "-d", "a", "h"],
        ["--digest", "h"],
        ["-4", "-6", "h"],
        ["-u", "ada:secret", "--oauth2-bearer", "secret", "h"],
        ["--oauth2-bearer", "secret\n", "h"],
        ["--key", "x", "h"],
        ["-c", "-", "h"],
        ["-w", "%{secret_size}", "h"],
        ["--limit-rate", "0", "h"],
        ["-A", "a\nb", "h"],
        ["-o"],
        ["-o", "", "h"],
        ["-X", "GE T", "h"],
        ["-H", "secret", "h"],
        ["-H", "X Y: secret", "h"],
        ["-H", "X: secret\r\nY: z", "h"],
        ["-d", "@/nowhere/at/all", "h"],
        ["-d", "a", "--json", "b", "h"],
        ["-d", "a", "-F", "b=c", "h"],
        ["-F", "secret", "h"],
        ["-F", "=secret", "h"],
        ["-F", "a=@", "h"],
        ["-F", "a=@/nowhere/at/all", "h"],
        ["-F", "a=@x;type=secret", "h"],
        ["-F", "a=b", "-H", "Content-Type: secret", "h"],
        ["--resume", "h"],
        ["--resume", "-o", "-", "h"],
        ["--resume", "-o", "x", "-d", "secret", "h"],
        ["--resume", "-o", "x", "-X", "PUT", "h"],
        ["--resume", "-o", "x", "--compressed", "h"],
        ["--resume", "-o", "x", "-H", "Range: bytes=1-", "h"],
        ["--compressed", "-H", "Accept-Encoding: br", "h"],
        ["--checksum", "rot13:00", "h"],
        ["--checksum", "md5:00", "h"],
        ["--max-size", "1e3", "h"],
        ["--retry", "-1", "h"],
        ["--timeout", "0", "h"],
        ["--timeout", "soon", "h"],
        ["--deadline", "-1", "h"],
        ["--deadline", "nan", "h"],
        ["--proxy", "http://ada:secret@h:port", "h"],
        ["--proxy", "gopher://ada:secret@h:1", "h"],
    ],
    ids=" ".join,
)
def test_bad_usage(arguments: list[str]) -> None:
    """What cannot be understood is exit code 2 and one line, which repeats nothing that may be secret."""
    done = run(*arguments)

    assert (2, b"") == (done.returncode, done.stdout)
    assert done.stderr.startswith(b"urlrequest: ")
    assert 1 == done.stderr.count(b"\n")
    assert b"secret" not in done.stderr.replace(b"secret_size", b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense", "h"], "unknown option --nonsense"),
        (["--cockie", "a=b", "h"], "unknown option --cockie; did you mean --cookie?"),
        (["-sQ", "h"], "unknown option -Q"),
        (["-o"], "option -o/--output: a value is needed"),
        (["--insecure=yes", "h"], "option -k/--insecure: it takes no value"),
        (["-m", "soon", "h"], "option -m/--max-time/--deadline: expected a positive number of seconds, got 'soon'"),
        (["-d", "a", "--json", "b", "h"], "-d and --json exclude each other"),
        ([], "a URL is needed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_option_is_named(arguments: list[str], message: str) -> None:
    """The line says which option is wrong, and why."""
    assert f"urlrequest: {message} (see --help)\n" == run(*arguments).stderr.decode()


@pytest.mark.parametrize("url", ["./demo", "http://demo.invalid"])
def test_demo_as_a_url(url: str) -> None:
    """Only the word alone runs the demo."""
    done = run("--timeout", "5", url)

    assert done.returncode in {2, 3}
    assert b"" == done.stdout


def test_help() -> None:
    """-h shows the options and the exit codes, within 80 columns."""
    done = run("-h")
    text = done.stdout.decode()

    assert 0 == done.returncode
    shown = set(re.findall(r"(?<![\w-])--?[A-Za-z0-9][\w-]*", text))
    assert {name for option in OPTIONS for name in option.names.split()} <= shown
    assert {f"urlrequest {command.word}" for command in COMMANDS} <= set(re.findall(r"urlrequest \w+", text))
    assert "130  interrupted" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_version() -> None:
    """--version shows it."""
    assert f"urlrequest {urlrequest.__version__}\n" == run("--version").stdout.decode()


# -v


def test_verbose(server: Server) -> None:
    """-v shows both heads and the timings on standard error, and no credentials."""
    location = "http://u:secret@h/?key=secret"
    fields = [("Set-Cookie", "id=secret"), ("Location", location), ("X-Bell", "\x07\x1b[31m")]
    server.respond("/x", b"octets", headers=fields)

    done = run(
        "-v", "-H", "Cookie: id=secret", "-H", "X-Odd: secret", "-e", "http://r/?secret",
        server.url.replace("//", "//ada:secret@") + "/x?y=secret",
    )  # fmt: skip
    lines = done.stderr.decode().splitlines()

    assert (0, b"octets") == (done.returncode, done.stdout)
    assert "> GET /x?*** HTTP/1.1" == lines[0]
    for line in (
        f"> Host: 127.0.0.1:{server.port}",
        "> Authorization: Basic ***",
        "> Cookie: ***",
        "> X-Odd: ***",
        "> Referer: http://r/?***",
        "< HTTP/1.1 200 OK",
        "< Set-Cookie: ***",
        "< Location: http://***@h/?***",
        "< X-Bell: \\x07\\x1b[31m",
    ):
        assert line in lines
    assert lines[-1].startswith("* queue ")
    assert " total " in lines[-1]
    assert "secret" not in done.stderr.decode()


def test_verbose_before_an_error(refusing: str) -> None:
    """What was attempted is shown where nothing came back, too."""
    lines = run("-v", refusing).stderr.decode().splitlines()

    assert "> GET / HTTP/1.1" == lines[0]
    assert lines[-1].endswith("Connection refused")


def test_verbose_over_tls(tls_server: Server, ca_file: str) -> None:
    """-v changes nothing of the request itself."""
    tls_server.respond("/", b"secret")

    done = run("-v", "--ca-file", ca_file, tls_server.url)

    assert (0, b"secret") == (done.returncode, done.stdout)
    assert b"< HTTP/1.1 200 OK\n" in done.stderr


# Signals and pipes


@needs_posix
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_signals(server: Server, tmp_path: Path, number: str, code: int) -> None:
    """Ctrl-C in the middle of a body ends the command with 130 and no partial file; SIGTERM with 143."""
    server.play(send(head(1000) + b"half"), signal("half"), hold())
    with start("-o", str(tmp_path / "body.bin"), server.url) as process:
        server.wait("half", PATIENCE)
        assert 1 == len(list(tmp_path.iterdir()))
        process.send_signal(getattr(signals, number))
        _, told = process.communicate(timeout=PATIENCE)

    assert code == process.returncode
    assert b"Traceback" not in told
    assert [] == list(tmp_path.iterdir())
    if number == "SIGINT":
        assert told.endswith(b"urlrequest: interrupted\n")


@needs_posix
def test_interrupt_before_an_answer(server: Server) -> None:
    """Ctrl-C ends the wait for a server that does not answer, without a word on standard output."""
    server.play(signal("asked"), hold())
    with start(server.url) as process:
        server.wait("asked", PATIENCE)
        process.send_signal(signals.SIGINT)
        out, told = process.communicate(timeout=PATIENCE)

    assert (130, b"", b"urlrequest: interrupted\n") == (process.returncode, out, told)


@needs_posix
def test_broken_pipe(server: Server) -> None:
    """A reader that has left needs no message: exit code 3 and no output."""
    server.play(signal("asked"), wait_for("gone"), send(head(len(BODY)) + BODY))
    with start(server.url) as process:
        server.wait("asked", PATIENCE)
        assert process.stdout is not None
        process.stdout.close()
        server.signal("gone")
        assert process.stderr is not None
        told = process.stderr.read()
        process.wait(PATIENCE)

    assert (3, b"") == (process.returncode, told)


@needs_posix
def test_closed_standard_output(server: Server) -> None:
    """Without a standard output the body has no place, and the line says so; the demo neither."""
    server.respond("/", b"octets")
    shell = ["/bin/sh", "-c", 'exec "$0" "$@" >&-', *COMMAND]

    for arguments in ([server.url], ["demo"]):
        done = run(*arguments, command=shell)
        assert (3, b"urlrequest: standard output is closed\n") == (done.returncode, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device of Linux")
def test_full_standard_output(server: Server) -> None:
    """A full disk behind standard output is an error in one line."""
    server.respond("/", BODY)

    done = run(server.url, command=["/bin/sh", "-c", 'exec "$0" "$@" >/dev/full', *COMMAND])

    assert (3, b"urlrequest: standard output cannot be written: No space left on device\n") == (
        done.returncode,
        done.stderr,
    )


# Terminals


@needs_posix
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_bar_on_a_terminal(server: Server, tmp_path: Path, columns: int) -> None:
    """A terminal gets a bar that fits, and one line at the end that sums up."""
    server.respond("/", BODY)

    code, shown = on_terminal("-o", str(tmp_path / "body.bin"), server.url, columns=columns)

    *drawn, summary = re.sub(r"\x1b\[\d+m", "", shown).strip("\r\n").split("\r")
    assert 0 == code
    assert any(line.startswith(("body.bin ", "b..bin ")) for line in drawn)  # it is cut where a bar needs room
    assert all(len(line) <= columns + 1 for line in drawn)
    assert re.fullmatch(r"body\.bin: 100\.0 KiB in \d+\.\d s, .*/s", summary)
    assert BODY == (tmp_path / "body.bin").read_bytes()


@needs_posix
@pytest.mark.parametrize("option", ["-s", "-sS"])
def test_silent(server: Server, tmp_path: Path, option: str) -> None:
    """-s shows neither progress nor errors; with -S errors."""
    server.respond("/", BODY)

    fetched, failed = (on_terminal(option, "-o", str(tmp_path / "x"), server.url + path) for path in ("/", "/missing"))

    assert (0, "") == fetched
    assert (1, option == "-sS") == (failed[0], "404 Not Found" in failed[1])


@needs_posix
def test_no_bar_for_an_error_page(server: Server, tmp_path: Path) -> None:
    """The body of a failure is no download."""
    code, shown = on_terminal("-o", str(tmp_path / "body.bin"), server.url + "/missing")

    assert 1 == code
    assert "%" not in shown
    assert "404 Not Found" in shown


@needs_posix
def test_binary_body_on_a_terminal(server: Server) -> None:
    """A binary body is kept from the terminal unless -o - asks for it."""
    server.respond("/", b"a\0b")

    refused, forced = on_terminal(server.url), on_terminal("-o", "-", server.url)

    assert 3 == refused[0]
    assert "the body is binary; -o FILE saves it" in refused[1]
    assert (0, "a\0b") == forced
