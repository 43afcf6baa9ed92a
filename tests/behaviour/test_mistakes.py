"""What a program's own mistakes look like (contract 2.3, 16.3): each message names the parameter and what it needs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.messages import reply
from urlrequest import Session, UrlRequest, hooks
from urlrequest._net import tls_contexts
from urlrequest.errors import InsecureRequestWarning
from urlrequest.testing import Server, send, wait_for

if TYPE_CHECKING:
    import ssl


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (
            {"json": {"a": {1}}},
            TypeError,
            "json cannot be written as JSON: Object of type set is not",
        ),
        ({"json": float("nan")}, ValueError, "json cannot be written as JSON: Out of range float values"),
        (
            {"req_body": {"a": {1}}, "req_headers": {"Content-Type": "application/json"}},
            TypeError,
            "req_body cannot be written as JSON: Object of type set",
        ),
        (
            {"files": {"a": 5}},
            TypeError,
            "files['a'] is int; bytes, str, dict, a file or an iterable of",
        ),
        ({"files": {"a": [1, 2]}}, TypeError, "files['a'] is int; "),
        ({"files": {"a": ("name", [1])}}, TypeError, "files['a'] holds int; bytes are needed"),
        ({"req_body": [1, 2]}, TypeError, "req_body holds int; bytes are needed (json= sends a list as JSON)"),
        ({"req_body": 5}, TypeError, "req_body is int; bytes, str, dict, a file or an iterable of bytes is needed"),
        ({"checksum": "abc123"}, ValueError, "checksum is 'abc123', without an algorithm; text such as 'sha256:<hex>'"),
        ({"max_size": "1M"}, TypeError, "max_size is str; a number of bytes is needed"),
        ({"retries": "3"}, TypeError, "retries is str; a number is needed"),
        ({"follow_redirects": "yes"}, TypeError, "follow_redirects is str; True, False or a number is needed"),
        (
            {"verify": "ca.pem", "url": "https://a.test/"},
            TypeError,
            "verify is str; True or False is needed (ca_file",
        ),
        ({"verify": "", "url": "https://a.test/"}, TypeError, "verify is str; True or False is needed (ca_file"),
        ({"ca_file": "/no/such.pem", "url": "https://a.test/"}, OSError, "ca_file cannot be opened: "),
        ({"client_cert": "/no/such.pem", "url": "https://a.test/"}, OSError, "client_cert cannot be opened: "),
        ({"auth": ("user", None)}, TypeError, "auth has a NoneType; the user and the password must be text"),
        ({"url": "htp://a.test/"}, ValueError, "the scheme 'htp' is not supported; http and https are"),
        ({"url": None}, ValueError, "the URL is NoneType; a str is needed"),
        ({"hook": hooks.ManualHook}, TypeError, "a urlrequest.hooks.Hook is needed (did you mean ManualHook()?)"),
        ({"hook": 5}, TypeError, "hook is int; a urlrequest.hooks.Hook is needed"),
        ({"session": 5}, TypeError, "session is int; a urlrequest.Session is needed"),
    ],
)
def test_2_3_bad_arguments(options: dict[str, Any], kind: type[Exception], text: str) -> None:
    """Contract 2.3, 16.3: the message begins with the parameter, as it was written, and says what it needs."""
    request = UrlRequest(**{"url": "http://a.test/", "on_error": lambda *_: None, **options})
    assert request.wait(timeout=20)

    assert isinstance(request.error, kind)
    assert text in str(request.error)


def test_2_3_json_that_nests_too_deeply() -> None:
    """Contract 2.3: what `json` cannot write is a ValueError, however deep it is."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    request = UrlRequest("http://a.test/", json=value, on_error=lambda *_: None)
    assert request.wait(timeout=20)

    assert isinstance(request.error, ValueError)
    assert str(request.error).startswith("json cannot be written as JSON: ")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_16_3_stale_variable(monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext, variable: str) -> None:
    """Contract 16.3: a variable that names no file is named in the error of every https request."""
    monkeypatch.setenv(variable, "/no/such.pem")
    with Server(tls=server_context) as server:
        request = UrlRequest(server.url, on_error=lambda *_: None)
        assert request.wait(timeout=20)

    assert isinstance(request.error, FileNotFoundError)
    assert variable in str(request.error)
    assert "/no/such.pem" in str(request.error)


def test_4_4_json_too_early(server: Server) -> None:
    """Contract 4.4: what `json()` raises says why there is no body."""
    server.play(wait_for("read"), send(reply(b"[1]")))
    request = UrlRequest(server.url)
    with pytest.raises(ValueError, match=r"there is no body: the request has not finished; wait\(\) waits for it"):
        request.json()
    server.signal("read")
    assert request.wait(timeout=20)
    failed, cancelled = UrlRequest("http://127.0.0.1:1/", on_error=lambda *_: None), UrlRequest("http://127.0.0.1:1/")
    cancelled.cancel()
    assert urlrequest.wait_all([failed, cancelled], timeout=20)

    assert [1] == request.json()
    with pytest.raises(ValueError, match=r"there is no body: the request failed: .*refused"):
        failed.json()
    with pytest.raises(ValueError, match="there is no body: the request was cancelled"):
        cancelled.json()


def test_13_2_no_line_of_the_library_is_blamed(monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext) -> None:
    """Contract 13.2: the warning about verify=False names the host, and points at no line of the library."""
    monkeypatch.setattr(tls_contexts, "_warned_hosts", set())
    with Server(tls=server_context) as server:
        server.respond("/", "hello")
        with pytest.warns(InsecureRequestWarning, match=r"127\.0\.0\.1") as warned:
            UrlRequest(server.url, verify=False).wait(timeout=20)

    assert ["<urlrequest>"] == [warning.filename for warning in warned]


# Sessions


def test_17_9_a_closed_session_says_so(server: Server) -> None:
    """Contract 17.9: a request of a closed session ends with an error that says why."""
    with Session() as session:
        pass
    request = session.request(server.url, on_error=lambda *_: None)
    assert request.wait(timeout=20)

    assert "the session is closed: its with block has ended, or close() was called" == str(request.error)


@pytest.mark.parametrize(
    ("options", "is_logged"),
    [({}, True), ({"on_success": print}, True), ({"on_cancel": id}, False), ({"on_finish": id}, False)],
)
def test_17_9_the_end_of_a_block_says_what_it_cancels(
    server: Server, caplog: pytest.LogCaptureFixture, options: dict[str, Any], is_logged: bool
) -> None:
    """Contract 17.9: requests that the end of a `with` block cancels, and that no callback hears of, are logged."""
    server.play(wait_for("never"))
    with Session(server.url) as session:
        request = session.request("/x?key=1", **options)
    assert request.wait(timeout=20)

    lines = [record.getMessage() for record in caplog.records]
    assert request.is_cancelled
    assert is_logged is bool(lines)
    if is_logged:
        assert lines[0].startswith(
            "urlrequest: the end of a session's with block cancels 1 unfinished requests, such as"
        )


@pytest.mark.parametrize("how", ["close", "error"])
def test_17_9_a_session_that_is_meant_to_end_is_silent(
    server: Server, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """Contract 17.9: nothing is logged when the program calls close(), or leaves the block by an exception."""
    server.play(wait_for("never"))
    session = Session(server.url)
    session.request("/")
    if how == "close":
        session.close()
    else:
        with pytest.raises(KeyError), session:
            raise KeyError

    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


# What can be shown


def test_16_3_reprs(server: Server) -> None:
    """Contract 16.3: session, hook, server and defaults say what they are, and nothing private."""
    hook = hooks.ManualHook()
    server.play(wait_for("never"))
    with Session("http://user:s3cret@127.0.0.1/?key=k3y", headers={"A": "t0ken"}, auth=("u", "s3cret")) as session:
        request = session.request(server.url, hook=hook, on_cancel=lambda _: None)
        shown = [repr(session), repr(hook)]
        request.cancel()
        shown.append(repr(hook))
        hook.drain()
    shown += [repr(session), repr(Session()), repr(Session("http://:"))]

    assert [
        "<Session http://127.0.0.1/?...: 1 unfinished requests>",
        "<ManualHook: 0 requests have pending callbacks>",
        "<ManualHook: 1 requests have pending callbacks>",
        "<Session http://127.0.0.1/?...: closed>",
        "<Session without a base URL: 0 unfinished requests>",
        "<Session with an invalid base URL: 0 unfinished requests>",
    ] == shown
    hook.close()
    assert "<ManualHook: closed, or its loop is gone>" == repr(hook)
    assert repr(server).startswith(f"<Server: {server.url}, ")
    assert "<Server: not started, 0 requests received>" == repr(Server())
    assert repr(urlrequest.defaults).startswith("<urlrequest.defaults: detect_hook=True, ")
