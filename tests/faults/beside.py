"""The same faults, met by other clients: `python -m tests.faults.beside`, from the project's folder, on Linux.

    --only urlrequest,curl    some clients; without it, all of them
    --row 55,21               some rows
    --markdown FILE           write the table there, between the comments BEGIN and END
    --details                 say what each client said

A scripted server makes each fault; each client meets each in a process of its own, made by `beside_clients.py`, which
is ended when it takes `GRACE` seconds longer than its time limit. What is right is right by RFC 9112, RFC 1952 and TLS;
where they leave a choice, there is no row. The clients come with the groups `bench` and `compat`; niquests, which has a
urllib3 of its own, is installed into an environment for itself.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import itertools
import json
import os
import platform
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import trustme

from urlrequest.testing import Server, Step, close_without_notify, hold, reset, send, trickle

from .beside_clients import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
BEGIN, END = "<!-- BEGIN faults -->", "<!-- END faults -->"
LONG, SHORT = 10.0, 1.0  # seconds that a client is given; the short limit where it must be reached
GRACE = 20.0  # seconds more until it counts as hanging; the start of its process is among them
DISTRIBUTIONS = {"urlrequest": "threaded-urlrequest", "Kivy": "kivy"}
OLD, WHOLE = "the old file", "hello"

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(WHOLE.encode() * 50, mtime=0)


LATER = Step("later", lambda _: time.sleep(0.2))


class Row(NamedTuple):
    """A fault.

    Attributes:
        number: Its row in the catalogue of faults.
        right: The body that the client must end with; None: an error.
        speaks: "http"; "https"; or a function that makes the certificate of a server that has another one.
        count: How many requests the client makes; the outcome of the last one is looked at.
        is_file: The client downloads into a file with content, where it has a way to do so.
    """

    number: int
    fault: str
    scripts: tuple[tuple[Step, ...], ...]
    right: str | None = None
    speaks: Any = "http"
    seconds: float = LONG
    count: int = 1
    is_file: bool = False
    reads_request: bool = True


def sends(number: int, fault: str, octets: Any, *more: Step, **options: Any) -> Row:
    return Row(number, fault, ((send(octets), *more),), **options)


def sized(body: bytes, length: int | None = None, *fields: bytes) -> bytes:
    lines = [
        b"Content-Length: %d\r\n" % (len(body) if length is None else length),
        *(b"%b\r\n" % each for each in fields),
    ]
    return OK + b"".join(lines) + b"\r\n" + body


def not_found(body: bytes, length: int | None = None) -> bytes:
    return sized(body, length).replace(b"200 OK", b"404 Not Found")


def packed(octets: bytes) -> bytes:
    return sized(octets, None, b"Content-Encoding: gzip")


class Endless:
    """Octets, and then others for ever; from the beginning each time."""

    def __init__(self, first: bytes, again: bytes) -> None:
        self._parts = first, again

    def __iter__(self) -> Iterator[bytes]:
        return itertools.chain(self._parts[:1], itertools.repeat(self._parts[1]))


def expired(authority: trustme.CA) -> trustme.LeafCert:
    year = dt.timedelta(days=365)
    now = dt.datetime.now(dt.timezone.utc)
    return authority.issue_cert("127.0.0.1", not_before=now - 2 * year, not_after=now - year)


def for_another_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("other.test")


def of_a_stranger(_: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1")


FIRST, SECOND = send(sized(b"first")), send(sized(WHOLE.encode()))
ROWS = [
    Row(12, "accepts, then resets", ((reset(),),), reads_request=False),
    sends(12, "answers with noise", b"\x16\x03\x01\x00\x02\x02\x28"),
    Row(12, "never answers", ((hold(),),), seconds=SHORT),
    sends(14, "a certificate that has expired", sized(b"hello"), speaks=expired),
    sends(14, "a certificate for another host", sized(b"hello"), speaks=for_another_host),
    sends(14, "a certificate of an unknown authority", sized(b"hello"), speaks=of_a_stranger),
    Row(19, "the TLS handshake stalls", ((hold(),),), speaks="http as https", seconds=SHORT, reads_request=False),
    Row(
        19,
        "the TLS handshake trickles",
        ((trickle(itertools.repeat(b"\x16\x03\x03\x40\x00"), 1, 0.2),),),
        speaks="http as https",
        seconds=SHORT,
        reads_request=False,
    ),
    sends(21, "TLS is cut, a body without a length", OK + b"\r\nhel", close_without_notify(), speaks="https"),
    sends(21, "TLS is cut, a body with chunks", CHUNKED + b"3\r\nhel\r\n", close_without_notify(), speaks="https"),
    sends(41, "the end within the status line", b"HTTP/1.1 2"),
    sends(41, "the end after the status line", b"HTTP/1.1 200 OK\r\n"),
    sends(42, "the end within the headers", OK + b"X-Cut: of"),
    sends(45, "a head without end", Endless(OK, b"X: " + b"a" * 1000 + b"\r\n"), seconds=SHORT),
    sends(48, "a page without a head", b"<html>hello</html>"),
    sends(55, "a body shorter than its length", sized(b"hel", 5)),
    sends(55, "the same, an error page", not_found(b"hel", 5)),
    sends(56, "a reset within a body with a length", sized(b"hel", 5), LATER, reset()),
    sends(56, "a reset within a body without a length", OK + b"\r\nhel", LATER, reset()),
    sends(57, "two lengths that differ", OK + b"Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello"),
    sends(57, "a negative length", OK + b"Content-Length: -5\r\n\r\nhello"),
    sends(57, "a length with a sign", OK + b"Content-Length: +5\r\n\r\nhello"),
    sends(61, "an unknown transfer coding", OK + b"Transfer-Encoding: odd, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    sends(62, "a chunk size that is no number", CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n"),
    sends(62, "a negative chunk size", CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n"),
    sends(62, "a chunk size of 0x5", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n"),
    sends(64, "the end within a chunk", CHUNKED + b"5\r\nhel"),
    sends(64, "the end between two chunks", CHUNKED + b"3\r\nhel\r\n"),
    sends(65, "no line end after the data of a chunk", CHUNKED + b"3\r\nhello\r\n0\r\n\r\n"),
    Row(70, "a body that stalls", ((send(sized(b"hel", 5)), hold()),), seconds=SHORT),
    Row(
        70,
        "a body of one byte in 0.2 s",
        ((send(OK + b"\r\n"), trickle(itertools.repeat(b"a"), 1, 0.2)),),
        seconds=SHORT,
    ),
    Row(72, "an idle connection is closed", ((FIRST,), (SECOND,)), right=WHOLE, count=2),
    Row(72, "an idle connection is reset", ((FIRST, reset()), (SECOND,)), right=WHOLE, count=2),
    sends(77, "gzip that is cut", packed(PACKED[:-12])),
    sends(77, "gzip with a wrong checksum", packed(PACKED[:-8] + bytes(4) + PACKED[-4:])),
    sends(97, "a file exists, the body is cut", sized(b"hel", 5), right=OLD, is_file=True),
    sends(97, "a file exists, the answer is 404", not_found(b"no"), right=OLD, is_file=True),
]  # fmt: skip
WITH_FILES = {"urlrequest", "Kivy", "curl"}  # the others leave the file to the program
WITHOUT_CODINGS = {"http.client", "Kivy"}  # which undo none, and say so


class Rig:
    """Plays the rows to the clients."""

    def __init__(self, folder: Path, details: bool) -> None:
        self._folder, self._details = folder, details
        self._authority = trustme.CA()
        self._ca_file = str(folder / "ca.pem")
        self._authority.cert_pem.write_to_path(self._ca_file)
        self._pythons = {"niquests": folder / "niquests" / "bin" / "python"}

    def python(self, client: str) -> str:
        """The interpreter that has a client; its environment is made when it is first needed."""
        python = self._pythons.get(client)
        if python is None:
            return sys.executable
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "-qq", client], check=True)
        return str(python)

    def version(self, client: str) -> str:
        if client == "curl":
            return subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        if client == "http.client":
            return platform.python_version()
        if client == "urlrequest":
            import urlrequest

            return urlrequest.__version__
        code = f"import importlib.metadata as m; print(m.version({DISTRIBUTIONS.get(client, client)!r}))"
        return subprocess.run(
            [self.python(client), "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()

    def cell(self, row: Row, client: str) -> str:
        """What the table says of how a client meets a fault."""
        if row.is_file and client not in WITH_FILES:
            return ""
        if row.number == 77 and client in WITHOUT_CODINGS:
            return ""
        file = self._folder / "file"
        file.write_text(OLD)
        python = self.python(client)
        with self._server(row) as server:
            url = server.url.replace("http:", "https:") if row.speaks == "http as https" else server.url
            found = self._ask(
                python, client=client, url=url + "/", ca_file=self._ca_file, seconds=row.seconds, count=row.count,
                file=str(file) if row.is_file else None,
            )  # fmt: skip
            server.errors.clear()  # a client that closes early is none of ours
        if row.is_file and found.get("error") != "hangs":
            found = {"body": file.read_text() if file.exists() else "no file"}
        if self._details:
            print(f"{row.number} {row.fault}, {client}: {found}", file=sys.stderr)
        return verdict(row, found)

    def _server(self, row: Row) -> Server:
        context = None
        if not str(row.speaks).startswith("http"):
            context = _context(row.speaks(self._authority))
        elif row.speaks == "https":
            context = _context(self._authority.issue_cert("127.0.0.1"))
        server = Server(tls=context)
        for script in row.scripts:
            server.play(*script, read_request=row.reads_request)
        if row.right is None:  # whoever tries again meets the same
            for _ in range(4):
                server.play(*row.scripts[0], read_request=row.reads_request)
        return server

    def _ask(self, python: str, **ask: Any) -> dict[str, Any]:
        hide = {"KIVY_NO_ARGS": "1", "KIVY_NO_CONSOLELOG": "1", "KIVY_NO_FILELOG": "1", "KIVY_HOME": str(self._folder)}
        command = [python, "-W", "ignore", str(Path(__file__).with_name("beside_clients.py")), json.dumps(ask)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env={**os.environ, **hide, "PYTHONPATH": str(ROOT)},
                timeout=ask["seconds"] * ask["count"] + GRACE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"error": "hangs", "says": ""}
        try:
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            raise SystemExit(f"{ask['client']} said {done.stdout!r} {done.stderr!r}") from None
        return found


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def verdict(row: Row, found: dict[str, Any]) -> str:
    """A tick where the outcome is right, and else what it was."""
    error = found.get("error")
    if error == "hangs":
        return "**hangs**"
    if error == "MemoryError":
        return "**no memory left**"
    if error is not None:
        return "✓" if row.right is None else f"error: {error}"
    if row.right == found["body"]:
        return "✓"
    if row.is_file:
        return "**gone**" if found["body"] == "no file" else "**replaced**"
    return "**success**" if row.right is None else f"**{found['body'] or 'empty'}**"


def table(rig: Rig, rows: list[Row], clients: list[str]) -> str:
    lines = [
        "| # | fault | " + " | ".join(clients) + " |",
        "|--:|:--|" + ":-:|" * len(clients),
        "| | | " + " | ".join(rig.version(client) for client in clients) + " |",
    ]
    right = dict.fromkeys(clients, 0)
    tried = dict.fromkeys(clients, 0)
    for row in rows:
        cells = []
        for client in clients:
            cell = rig.cell(row, client)
            right[client] += cell == "✓"
            tried[client] += cell != ""
            cells.append(cell)
        lines.append(f"| {row.number} | {row.fault} | " + " | ".join(cells) + " |")
    lines.append("| | right of | " + " | ".join(f"{right[each]} of {tried[each]}" for each in clients) + " |")
    return "\n".join(lines)


def write_between(target: Path, text: str) -> None:
    """Put the text between the comments of a page."""
    page = target.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    assert begin
    assert after
    target.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(CLIENTS))
    parser.add_argument("--row", default="")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--details", action="store_true")
    options = parser.parse_args()
    clients = options.only.split(",")
    rows = [row for row in ROWS if not options.row or str(row.number) in options.row.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        text = table(Rig(Path(folder), options.details), rows, clients)
    system = f"Linux {platform.release()}, CPython {platform.python_version()}, {ssl.OPENSSL_VERSION}"
    print(text, system, sep="\n\n")
    if options.markdown:
        write_between(options.markdown, f"{system}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
