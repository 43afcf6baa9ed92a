"""What a server or a proxy says writes nothing on a terminal, and no lines of its own into a log (contract 16.3).

Each place where the other side has a say holds control characters; then whatever the library says of the request is
looked at: messages, reprs, tracebacks, log lines, and what the command prints.
"""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from support.certificates import context_of
from support.command import run
from support.messages import chunked, frame_chunks, reply
from support.waiting import wait_until
from urlrequest import DigestAuth, Session, drain
from urlrequest.errors import ProxyError
from urlrequest.streams import EventSource
from urlrequest.testing import Server, send

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 20  # seconds
EVIL = "\x1b]0;title\x07\x9b31m\x08\x7f\x85"  # a title and a colour for a terminal, and a line end of some programs
RAW = EVIL.encode("latin-1")
OK = b"HTTP/1.1 200 OK\r\n"


def field(name: str, value: str = EVIL, status: str = "200 OK") -> bytes:
    return reply(b"hello", f"{name}: {value}", status=status)


SAID: list[tuple[str, bytes, dict[str, Any]]] = [
    ("reason of a success", reply(status=f"200 {EVIL}"), {}),
    ("reason of a failure", reply(status=f"404 {EVIL}"), {}),
    ("reason of a challenge", reply(status=f"401 {EVIL}"), {"auth": ("user", "password")}),
    ("reason of a redirect", reply(status=f"302 {EVIL}"), {"follow_redirects": True}),
    ("reason of an interim response", b"HTTP/1.1 103 " + RAW + b"\r\n\r\n" + reply(), {}),
    ("status", b"HTTP/1.1 2" + RAW + b" OK\r\n\r\n", {}),
    ("version", b"HTTP/1.1" + RAW + b" 200 OK\r\n\r\n", {}),
    ("no head", RAW + b"\r\n\r\n", {}),
    ("name of a header", field(f"X{EVIL}"), {}),
    ("value of a header", field("X"), {}),
    ("a line that is no header", OK + RAW + b"\r\nContent-Length: 0\r\n\r\n", {}),
    ("a line that looks like framing", OK + b"Content-Length" + RAW + b": 5\r\n\r\nhello", {}),
    ("Content-Length", OK + b"Content-Length: 5" + RAW + b"\r\n\r\nhello", {}),
    ("Transfer-Encoding", OK + b"Transfer-Encoding: chunked" + RAW + b"\r\n\r\n", {}),
    ("chunk size", chunked(b"5" + RAW + b"\r\nhello\r\n0\r\n\r\n"), {}),
    ("chunk extension", chunked(b"5;" + RAW + b"\r\nhello\r\n0\r\n\r\n"), {}),
    ("behind a chunk", chunked(b"5\r\nhello" + RAW + b"\r\n0\r\n\r\n"), {}),
    ("trailer", chunked(frame_chunks(b"hello")[:-2] + b"X" + RAW + b": " + RAW + b"\r\n\r\n"), {}),
    ("a trailer that is none", chunked(frame_chunks(b"hello")[:-2] + RAW + b"\r\n\r\n"), {}),
    ("Content-Encoding", field("Content-Encoding"), {}),
    ("Content-Type", field("Content-Type"), {"expect_type": "image/*"}),
    ("charset", field("Content-Type", f"text/plain; charset={EVIL}"), {}),
    ("JSON", reply(b"{" + RAW, "Content-Type: application/json"), {}),
    ("Content-Range", field("Content-Range", status="206 Partial Content"), {"req_headers": {"Range": "bytes=0-4"}}),
    ("Content-Range of 416", field("Content-Range", status="416 No"), {"req_headers": {"Range": "bytes=9-"}}),
    ("Set-Cookie", field("Set-Cookie", f"a{EVIL}=b{EVIL}; Domain={EVIL}; Expires={EVIL}"), {}),
    ("Retry-After", field("Retry-After", status="503 Busy"), {"retries": 0}),
    ("Keep-Alive", field("Keep-Alive", f"timeout={EVIL}"), {}),
    *(
        (
            f"Location {number} {'followed' if follows else 'reported'}",
            field("Location", location, status="302 Found"),
            {"follow_redirects": follows},
        )
        for follows in (True, False)
        for number, location in enumerate(
            [
                EVIL,
                f"/{EVIL}",
                f"//{EVIL}/",
                f"//{EVIL}@127.0.0.1:1/",
                f"http://127.0.0.1:{EVIL}/",
                f"http://127.0.0.1:1/{EVIL}?{EVIL}#{EVIL}",
                f"x{EVIL}://a/",
                f"x{EVIL}:80",
                f"{EVIL}x:80",
                f"file:///{EVIL}",
                f"http:{EVIL}",
                f"\\\\{EVIL}",
            ]
        )
    ),
    *(
        (f"challenge {number}", field("WWW-Authenticate", value, status="401 No"), {"auth_digest": True})
        for number, value in enumerate(
            [
                EVIL,
                f'Digest realm="{EVIL}", nonce="{EVIL}", opaque="{EVIL}", qop="auth"',
                f'Digest realm="r", nonce="n", algorithm={EVIL}',
                f'Digest realm="r", nonce="n", qop="{EVIL}", charset={EVIL}',
                f"Basic realm={EVIL}",
            ]
        )
    ),
]


def controls(text: str) -> str:
    """The characters of a text that could control a terminal or make a line."""
    return "".join(each for each in text if not each.isprintable() and each != "\n")


def told_of(request: Any, caplog: pytest.LogCaptureFixture) -> str:
    """All that the library says of a request that has ended."""
    told = [repr(request), str(request), repr(request.resp_headers), repr(request.history), caplog.text]
    errors = [request.error]
    try:
        request.raise_for_status()
    except Exception as error:
        errors.append(error)
    for each in errors:
        told += [str(each), repr(each)] if each is not None else []
        told += traceback.format_exception(each) if each is not None else []
    return "\n".join(told)


@pytest.mark.parametrize(("place", "octets", "options"), SAID, ids=[row[0].replace(" ", "-") for row in SAID])
def test_16_3_no_control_characters_of_a_server(
    server: Server, caplog: pytest.LogCaptureFixture, place: str, octets: bytes, options: dict[str, Any]
) -> None:
    """Contract 16.3, 3.8: whatever the server puts control characters into, messages and log have none of them."""
    if options.pop("auth_digest", False):
        options["auth"] = DigestAuth("user", "password")
    for _ in range(6):
        server.play(send(octets))
    with caplog.at_level(logging.DEBUG), Session(timeout=PATIENCE) as session:
        for debug in (True, False):
            request = session.get(server.url, debug=debug, **options)
            assert request.wait(timeout=PATIENCE)
            request.join(PATIENCE)
            assert "" == controls(told_of(request, caplog))


@pytest.mark.parametrize("octets", [reply(status=f"403 {EVIL}"), RAW + b"\r\n\r\n", OK + RAW + b": a\r\n\r\n" + RAW])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_16_3_no_control_characters_of_a_proxy(
    server: Server, caplog: pytest.LogCaptureFixture, scheme: str, octets: bytes
) -> None:
    """Contract 16.3: a proxy that refuses, or talks nonsense, has no say on the terminal either."""
    server.play(send(octets))
    with caplog.at_level(logging.DEBUG), Session(timeout=PATIENCE) as session:
        request = session.get(f"{scheme}://a.test/", proxy_host=server.url, proxy_headers={}, debug=True)
        assert request.wait(timeout=PATIENCE)

    assert scheme == "http" or isinstance(request.error, ProxyError | OSError)
    assert "" == controls(told_of(request, caplog))


def test_16_3_no_control_characters_of_a_certificate(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Contract 16.3: a certificate is refused in words that are not its own."""
    authority = trustme.CA(organization_name=EVIL, organization_unit_name=EVIL)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = authority.issue_cert("other.test", common_name=EVIL, organization_name=EVIL)
    with caplog.at_level(logging.DEBUG), Server(tls=context_of(certificate)) as server, Session() as session:
        for ca_file in (None, tmp_path / "ca.pem"):
            request = session.get(server.url, ca_file=ca_file, timeout=PATIENCE, debug=True)
            assert request.wait(timeout=PATIENCE)
            assert request.error is not None
            assert "" == controls(told_of(request, caplog))


def test_16_3_no_control_characters_of_an_event_stream(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Contract 16.3, 17.16: neither the fields of events nor the reply that ends a stream write into the log."""
    stream = b"".join(b"%b: %b\n" % (name, RAW) for name in (b"id", b"event", b"data", RAW)) + b"retry: 0\n\n"
    server.play(send(reply(stream, "Content-Type: text/event-stream")))
    server.play(send(reply(b"x", f"Content-Type: {EVIL}", status=f"400 {EVIL}")))
    stops: list[Any] = []
    with caplog.at_level(logging.DEBUG):
        source = EventSource(server.url, lambda _: None, stops.append, debug=True)
        wait_until(lambda: (drain(), stops)[1])

    assert [source.request] == stops
    assert "" == controls(told_of(source.request, caplog))
    assert "" == controls(repr(source))


@pytest.mark.parametrize("options", [("-v", "-L"), ("-f",), ("-O", "-J", "-v")], ids=" ".join)
def test_16_3_no_control_characters_on_the_terminal(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """Contract 16.3: nor does what the command says on its standard error."""
    monkeypatch.chdir(tmp_path)
    octets = [row[1] for row in SAID] + [field("Content-Disposition", f'attachment; filename="{EVIL}"')]
    for each in octets:
        server.play(send(each))
    done = run(*options, *(f"{server.url}/{number}" for number in range(len(octets))))
    said = done.stderr.decode()

    assert said.count("\n") > len(SAID) / 2
    assert "" == controls(said)
    assert "" == controls("".join(each.name for each in tmp_path.iterdir()))
