"""Results, responses, errors (contract 4, 11 and 16, security L): what becomes of a response, what no message shows."""

from __future__ import annotations

import base64
import gzip
import http.client
import logging
import os
import re
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

import urlrequest
from support.children import run_python
from support.messages import reply
from urlrequest import Headers, UrlRequest, errors
from urlrequest._client import cookie_store
from urlrequest._http import cookie, retry
from urlrequest._net import tls_contexts, tls_sessions
from urlrequest.errors import InsecureRequestWarning
from urlrequest.testing import Reply, Server, hold, receive, send, wait_for

UTF_8 = "text/plain; charset=utf-8"


TYPES: list[tuple[str | None, bytes, Any]] = [
    ("application/json", b'{"a": 1}', {"a": 1}),
    ("Application/JSON; charset=utf-8", b"[1]", [1]),
    ("application/json", b"null", None),
    ("application/json", b"", ""),
    ("application/json", b"{", "{"),
    ("application/json", '["\xe4"]'.encode("utf-16-le"), ["\xe4"]),
    ("application/json", b"\xef\xbb\xbf[1]", [1]),
    ("application/problem+json", b'{"a": 1}', '{"a": 1}'),
    ("text/json", b"[1]", "[1]"),
    ("text/plain", "\xe4€".encode(), "\xe4€"),
    ("text/plain; charset=latin-1", b"\xe4", "\xe4"),
    ("text/plain; charset=utf-8", b"\xff", b"\xff"),
    ("text/plain", b"\xef\xbb\xbfhello", "hello"),
    (None, b"hello", "hello"),
    (None, b"\xff", b"\xff"),
    ("image/png", b"hello", b"hello"),
    ("image/svg+xml", b"<svg/>", "<svg/>"),
    ("application/octet-stream", b"hello", "hello"),
    ("application/octet-stream", b"\xff", b"\xff"),
    ("audio/x-mpegurl", b"#EXTM3U", "#EXTM3U"),
    ("application/zip", b"hello", b"hello"),
    ("text/html", b"", ""),
]


@pytest.mark.parametrize("options", [{}, {"on_progress": lambda *_: None}], ids=["plain", "progress"])
@pytest.mark.parametrize("status", ["200 OK", "302 F", "404 N"])
@pytest.mark.parametrize(("kind", "body", "result"), TYPES, ids=[f"{n}-{row[0]}" for n, row in enumerate(TYPES)])
def test_4_1_result(
    server: Server, recorder: Any, kind: str | None, body: bytes, result: Any, status: str, options: Any
) -> None:
    """Contract 4.1, 4.2, 4.4: one rule for the result, for every status, with and without on_progress."""
    server.play(send(reply(body, *([] if kind is None else [f"Content-Type: {kind}"]), status=status)))
    request = recorder.run(server.url, **options)

    assert (result, type(result), body) == (request.result, type(request.result), request.content)


def test_4_3_decode_false(server: Server, recorder: Any) -> None:
    """Contract 4.3, 4.4: decode=False parses nothing; json() and text do on demand."""
    for body in (b"[1]", b"{"):
        server.play(send(reply(body, "Content-Type: application/json")))
    good, bad = (recorder.run(server.url, decode=False) for _ in range(2))

    assert ("[1]", [1], "[1]", "{") == (good.result, good.json(), good.text, bad.result)
    with pytest.raises(ValueError, match="Expecting"):
        bad.json()


@pytest.mark.parametrize(
    ("options", "asked", "decoded"),
    [
        ({}, None, True),
        ({"decode": False}, "identity", True),
        ({"on_progress": lambda *_: None}, "identity", True),
        ({"req_headers": {"Accept-Encoding": "gzip"}}, "gzip", False),
    ],
)
def test_4_6_codings(server: Server, recorder: Any, options: Any, asked: str | None, decoded: bool) -> None:
    """Contract 4.6: codings are asked for only where they do no harm; the caller's own field wins."""
    packed = gzip.compress(b"hello")
    server.play(send(reply(packed, "Content-Encoding: gzip", "Content-Type: text/plain")))
    request = recorder.run(server.url, **options)
    field = server.requests[0].header("Accept-Encoding")

    assert field.startswith("gzip, deflate") if asked is None else asked == field
    assert (b"hello" if decoded else packed) == request.content


def test_4_7_a_body_that_must_not_be_is_not_the_next_answer(server: Server, recorder: Any) -> None:
    """Contract 4.7, 11.4: what follows a response that can have no body never reaches another request."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
    heads = (b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 304 N\r\n\r\n")
    for head in heads:
        server.play(send(head + evil), receive(), send(evil))
    for _ in heads:
        recorder.run(server.url).join(20)
    server.respond("/", "good", headers={"Connection": "close"})

    assert "good" == recorder.run(server.url).result


def test_11_1_headers(server: Server, recorder: Any) -> None:
    """Contract 11.1: a case-insensitive dict in the server's spelling, with repeated fields joined."""
    server.play(send(reply(b"", "X-oDD: a", "x-odd: b", "Set-Cookie: c=1", "set-cookie: d=2", "Empty:")))
    headers = recorder.run(server.url).resp_headers

    assert isinstance(headers, (dict, Headers))
    assert ("a, b", "c=1;d=2", "") == (headers["X-ODD"], headers["SET-cookie"], headers["empty"])
    assert [["a", "b"], ["c=1", "d=2"], []] == [headers.get_all(name) for name in ("x-odd", "Set-Cookie", "none")]
    assert ["Content-Length", "Connection", "X-oDD", "Set-Cookie", "Empty"] == list(headers)


def test_11_1_no_cookie_reads_empty(server: Server, recorder: Any) -> None:
    """Contract 11.1: Set-Cookie reads '' when the server sent none."""
    server.play(send(reply(b"")))

    assert "" == recorder.run(server.url).resp_headers["Set-Cookie"]


def test_11_2_what_is_told_of_a_response(server: Server, recorder: Any) -> None:
    """Contract 11.2: status, reason, URL, history and timings."""
    server.play(send(reply(b"x", status="299 Tr\xe8s bien")))
    request = recorder.run(f"{server.url.upper().replace('HTTP', 'http')}/A?b#c")

    assert (299, "Tr\xe8s bien", f"{server.url}/A?b", []) == (
        request.resp_status,
        request.resp_reason,
        request.resp_url,
        request.history,
    )
    assert {"queue", "connect", "first_byte", "total"} <= request.timings.keys()
    assert all(seconds >= 0 for seconds in request.timings.values())


def test_11_2_timings_are_a_copy(server: Server, recorder: Any) -> None:
    """Contract 11.2: under plain names, in the order in which the phases ended; what a user changes is the user's."""
    server.play(send(reply(b"x")))
    request = recorder.run(server.url)
    named = request.timings
    named["tls"] = 2.0

    assert ["queue", "connect", "send", "first_byte", "total"] == [name for name in request.timings if name != "dns"]
    assert {str} == set(map(type, named))


@pytest.mark.parametrize(
    ("status", "is_ok"), [("200 OK", True), ("299", True), ("101 Switching", True), ("204 N", True)]
)
def test_11_8_a_success_is_ok(server: Server, status: str, is_ok: bool) -> None:
    """Contract 11.8: `ok` is True for a success once it is finished, and `raise_for_status()` returns the request."""
    server.play(wait_for("asked"), send(reply(b"", status=status)))
    request = UrlRequest(server.url)
    assert not request.ok
    with pytest.raises(RuntimeError, match=r"^the request has not finished; wait\(\) waits for it$"):
        request.raise_for_status()
    server.signal("asked")
    assert request.wait(timeout=20)

    assert request.ok
    assert request is request.raise_for_status()


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ([], "404 Not Found", "404 Not Found"),
        ([], "600", "600"),
        ([], "304 Not Modified", "304 Not Modified"),
        (["Location: /b?key=k3y"], "302 Found", "302 Found to {}/b?...; follow_redirects=True would follow"),
    ],
)
def test_11_8_other_statuses_raise(server: Server, fields: list[str], status: str, text: str) -> None:
    """Contract 11.8: every other status raises, with method, URL and status, and where a redirect leads."""
    server.play(send(reply(b"", *fields, status=status)))
    request = UrlRequest(f"{server.url}/a?key=k3y", method="PUT", on_finish=lambda _: None)
    assert request.wait(timeout=20)

    assert not request.ok
    with pytest.raises(errors.HTTPStatusError) as raised:
        request.raise_for_status()
    assert int(status[:3]) == raised.value.status
    assert f"PUT {server.url}/a?...: {text.format(server.url)}" == str(raised.value)


def test_11_8_what_has_no_response_raises(server: Server) -> None:
    """Contract 11.8: `raise_for_status()` raises the error itself, and RequestCancelled after a cancel."""
    server.play(wait_for("never"))
    failed, cancelled = UrlRequest("http://127.0.0.1:1/", on_error=lambda *_: None), UrlRequest(server.url)
    cancelled.cancel()
    assert urlrequest.wait_all([failed, cancelled], timeout=20)

    assert (False, False) == (failed.ok, cancelled.ok)
    with pytest.raises(ConnectionRefusedError) as raised:
        failed.raise_for_status()
    assert raised.value is failed.error
    with pytest.raises(errors.RequestCancelled, match="was cancelled"):
        cancelled.raise_for_status()


def test_16_2_errors_are_ours_and_standard() -> None:
    """Contract 16.2: every error of ours is a UrlRequestError and a standard exception besides."""
    ours = [getattr(errors, name) for name in errors.__all__ if name != "InsecureRequestWarning"]

    assert all(issubclass(error, errors.UrlRequestError) for error in ours)
    assert [errors.UrlRequestError] == [error for error in ours if error.__bases__ == (Exception,)]
    assert issubclass(InsecureRequestWarning, UserWarning)


def test_16_2_a_body_cut_short_is_an_incomplete_read(server: Server, recorder: Any) -> None:
    """Contract 16.2: programs that ask for the standard library's type go on working; the text says what happened."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"))
    error = recorder.run(server.url).error

    assert isinstance(error, http.client.IncompleteRead)
    assert (b"", None) == (error.partial, error.expected)
    assert "after 2 of 9 bytes" in str(error)
    assert repr(error) == f"IncompleteContent({str(error)!r})"


# Secrets (security L)

SECRETS = ("s3cret", "k3y", "t0ken", base64.b64encode(b"user:s3cret").decode(), "c00kie", "pr0xy", "b0dy")
PRIVATE: dict[str, Any] = {
    "req_headers": {"Authorization": "Bearer t0ken", "Cookie": "id=c00kie", "Proxy-Authorization": "pr0xy"},
    "req_body": "b0dy",
    "debug": True,
}


def told_by(request: Any, caplog: Any) -> str:
    return "\n".join([repr(request), str(request), repr(request.error), repr(request.history), caplog.text])


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@{}/p?token=k3y",
        "http://{}:bad/?token=k3y",
        "http://{}/p?token=k3y#k3y",
        "http://user:s3cret@{}:bad/",
        "user:s3cret@{}",
        "http://user:s3cret@{}/\r\n",
        "odd://user:s3cret@{}/",
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        reply(b"x"),
        reply(b"x", status="500 E"),
        reply(b"x", "Location: /y?token=k3y", status="302 F"),
        reply(b"x", "Location: //u:s3cret@b.test/y?token=k3y", status="302 F"),
        b"nonsense",
    ],
    ids=["good", "failure", "redirect", "elsewhere", "noise"],
)
def test_security_57_no_secret_is_told(server: Server, caplog: Any, url: str, answer: bytes) -> None:
    """Security 57, contract 16.3, 9.3: no log, repr or message has credentials, cookies or bodies."""
    server.play(send(answer))
    with caplog.at_level(logging.DEBUG):
        request = UrlRequest(url.format(f"127.0.0.1:{server.port}"), **PRIVATE)
        assert request.wait(timeout=20)
        request.join(20)
    told = told_by(request, caplog)

    assert [] == [secret for secret in SECRETS if secret in told]
    assert "urlrequest-" in told


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_security_57_no_secret_of_a_proxy_is_told(server: Server, caplog: Any, scheme: str) -> None:
    """Security 57: a proxy's credentials are not shown either, whether it refuses or is not there."""
    server.play(send(reply(b"no", "Set-Cookie: c00kie", status="407 Who")))
    for port in (server.port, 1):
        with caplog.at_level(logging.DEBUG):
            request = UrlRequest(
                f"{scheme}://user:s3cret@origin.test/", proxy_host="user:pr0xy@127.0.0.1", proxy_port=port, **PRIVATE
            )
            assert request.wait(timeout=20)
            request.join(20)
        told = told_by(request, caplog)
        assert [] == [secret for secret in SECRETS if secret in told]


# Threads and processes


def test_fault_115_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch, server: Server, recorder: Any) -> None:
    """Fault 115: where the system gives no thread, the constructor does not raise; it is the request's error."""
    server.respond("/", "hello")
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("urlrequest-worker"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with urlrequest.Session() as session:  # it has no worker yet that sleeps
        request = recorder.get(server.url, session=session)
        assert request.wait(timeout=20)

    assert isinstance(request.error, RuntimeError)
    assert not request.is_alive()


EXITING = """
import os, sys, threading
from urlrequest import UrlRequest
from urlrequest._client import exit_and_fork
exit_and_fork.MAX_EXIT_TIME = 60  # it is not meant to be used up
started = threading.Event()
request = UrlRequest(sys.argv[1], file_path=sys.argv[2], on_progress=lambda *_: started.set(),
                     on_cancel=lambda _: print("callback"))
while not started.is_set():
    request.wait(timeout=0.01)
"""


def test_fault_117_exit_during_a_download(server: Server, tmp_path: Any) -> None:
    """Fault 117: the program's end does not wait for a download, removes its temporary file and runs no callback."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhello"), hold())
    done = run_python(EXITING, server.url, str(tmp_path / "file"))

    assert (0, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("urlrequest: the program ends with unfinished requests (1)"), done.stderr
    assert [] == list(tmp_path.iterdir())


def test_fault_117_exit_after_a_cancel(server: Server, tmp_path: Any) -> None:
    """Fault 117: a request that was cancelled and waited for leaves no temporary file when the program ends at once."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhello"), hold())
    program = EXITING + "request.on_cancel = None\nrequest.cancel()\nrequest.wait()\n"
    done = run_python(program, server.url, str(tmp_path / "file"))

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert [] == list(tmp_path.iterdir())


FORKING = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from urlrequest import UrlRequest
UrlRequest(sys.argv[1] + "/child").wait(timeout=20)  # a fork in the middle of an import would leave half a module
running = UrlRequest(sys.argv[1])
child = os.fork()
if child == 0:
    running.wait(timeout=20)
    fresh = UrlRequest(sys.argv[1] + "/child")
    ok = fresh.wait(timeout=20) and fresh.result == "hello"
    os._exit(0 if ok and isinstance(running.error, OSError) and "fork" in str(running.error) else 1)
_, status = os.waitpid(child, 0)
open(sys.argv[2], "w").close()
UrlRequest(sys.argv[1] + "/go").wait(timeout=20)
assert running.wait(timeout=20)
print(os.waitstatus_to_exitcode(status), running.result)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fault_116_fork_during_a_request(server: Server, tmp_path: Any) -> None:
    """Fault 116: in a forked child a running request is an error and new ones work; the parent's goes on."""
    gone = threading.Event()

    def answer(_: Any) -> Reply:
        gone.wait(60)
        return Reply(body=b"hello")

    server.route("/", answer)
    server.respond("/child", "hello")
    server.route("/go", lambda _: (gone.set(), Reply())[1])
    done = run_python(FORKING, server.url, str(tmp_path / "done"))

    assert ("0 hello\n", 0) == (done.stdout, done.returncode), done.stderr


def test_fault_121_the_system_clock_does_not_matter() -> None:
    """Fault 121: limits and lifetimes use time.monotonic() only, so a step of the clock changes nothing."""
    package = Path(urlrequest.__file__).parent
    using = {path for path in package.rglob("*.py") if re.search(r"\btime\(\)", path.read_text(encoding="utf-8"))}

    # The age of a TLS session, a Retry-After date and the end of a cookie are given in the system's time.
    assert using <= {Path(module.__file__) for module in (tls_sessions, retry, cookie, cookie_store)}


def test_fault_24_unverified_then_verified(monkeypatch: pytest.MonkeyPatch, tls_server: Server, recorder: Any) -> None:
    """Contract 13.2, 13.3, fault 24: what was reached unverified does not open the host for those who verify."""
    monkeypatch.setattr(tls_contexts, "_warned_hosts", set())
    tls_server.respond("/", "hello")
    with pytest.warns(InsecureRequestWarning):
        unverified = recorder.run(tls_server.url, verify=False)
    unverified.join(20)
    verified = recorder.run(tls_server.url)

    assert "hello" == unverified.result
    assert isinstance(verified.error, ssl.SSLCertVerificationError)
    assert 1 == len(tls_server.requests)
