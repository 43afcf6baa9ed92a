"""MockNetwork and the pytest plugin (docs/reference/testing.md): the library as in life, without a network."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from http.client import HTTPConnection as ForeignConnection
from typing import TYPE_CHECKING, Any

import pytest

from support.children import environment
from urlrequest import Session, UrlRequest, as_completed
from urlrequest._engine import exchange
from urlrequest.errors import IncompleteContent
from urlrequest.testing import MockNetwork, Reply, ScriptError, UnexpectedRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from urlrequest.testing import MockedRequest, Server

API = "https://api.example.com"


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockNetwork]:
    """A mock; whatever goes to a network fails the test."""

    def refuse(*_: object) -> None:
        raise AssertionError("a test goes to the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("urlrequest._net.connect._Race.run", refuse)
    with MockNetwork() as mock:
        yield mock


def run(url: str, **options: Any) -> Any:
    request = UrlRequest(url, **{"on_error": lambda *_: None, "on_failure": lambda *_: None, **options})
    assert request.wait(timeout=20)
    return request


def test_url_by_a_pattern(mock: MockNetwork) -> None:
    """A compiled pattern matches from the beginning of the URL; a whole URL goes first, a beginning last."""
    mock.get(f"{API}/users/*", body="beginning")
    mock.get(re.compile(r"https://[a-z.]+/users/\d+"), body="pattern")
    mock.get(re.compile(r"https://[a-z.]+/users/\d+/name$"), body="longer pattern")
    mock.get(f"{API}/users/7", body="whole")

    paths = ("/users/7", "/users/8", "/users/8?all=1", "/users/8/name", "/users/x")
    assert ["whole", "pattern", "pattern", "longer pattern", "beginning"] == [run(API + path).result for path in paths]


def test_what_a_request_has(mock: MockNetwork) -> None:
    """`match` chooses by body, JSON and headers, and goes before a reply without; the others are not sent."""
    mock.post(f"{API}/x", status=400)
    mock.post(f"{API}/x", match=lambda request: request.header("Content-Type") != "application/json", status=415)
    mock.post(f"{API}/x", match=lambda request: request.body.startswith(b"{") and request.json() == {"id": 1})

    def status(**options: Any) -> int | None:
        return run(f"{API}/x", method="POST", **options).resp_status

    assert 200 == status(json={"id": 1})
    assert 400 == status(json={"id": 2})
    assert 415 == status(req_body=b"id=2", req_headers={"Content-Type": "text/plain"})


def test_replies_with_one_match_follow_each_other(mock: MockNetwork) -> None:
    """Several replies for the same URL and `match` are sent one after the other; another match is apart from them."""

    def is_first(request: MockedRequest) -> bool:
        return request.header("X") == "1"

    mock.get(API, match=is_first, status=503)
    mock.get(API, match=lambda request: request.header("X") == "2", status=202)
    mock.get(API, match=is_first, status=201)

    found = [run(API, req_headers={"X": number}).resp_status for number in "1211"]
    assert [503, 202, 201, 201] == found
    mock.assert_all_requested()


def test_unexpected_by_match(mock: MockNetwork) -> None:
    """The message shows what there is a reply to: the pattern, and that there is a condition."""
    mock.get(re.compile("https://h/[0-9]"), match=lambda request: False)

    error = run("https://h/1").error
    told = "GET https://h/1 is not expected; there are replies to GET the pattern 'https://h/[0-9]' that matches"
    with pytest.raises(AssertionError, match=r"never requested: GET the pattern 'https://h/\[0-9\]' that matches"):
        mock.assert_all_requested()
    with pytest.raises(ScriptError):
        mock.close()
    assert (UnexpectedRequest, told) == (type(error), str(error))


def test_match_that_fails(mock: MockNetwork) -> None:
    """An exception of `match` fails the test, with its own words."""
    mock.post(API, match=lambda request: request.json())

    assert 500 == run(API, method="POST", req_body="no JSON").resp_status
    with pytest.raises(ScriptError, match="JSONDecodeError"):
        mock.close()


@pytest.mark.parametrize(
    "url", ["https://api.example.com/user", "http://192.0.2.1:8080/user", "http://[2001:db8::1]/user"]
)
def test_any_host_replies(mock: MockNetwork, url: str) -> None:
    """A host's name or address leads to the mock, over http and https; the request is recorded with its URL."""
    mock.get(url, json={"name": "Ada"})

    assert {"name": "Ada"} == run(url).result
    assert ["GET", url] == [mock.requests[0].method, mock.requests[0].url]


@pytest.mark.parametrize(
    ("options", "result", "kind"),
    [
        ({"json": [1]}, [1], "application/json"),
        ({"json": "text"}, "text", "application/json"),
        ({"body": "caf\xe9"}, "caf\xe9", "text/plain; charset=utf-8"),
        ({"body": b"\xff\x00"}, b"\xff\x00", "application/octet-stream"),
        ({"body": b"%PDF", "headers": {"content-type": "application/pdf"}}, b"%PDF", "application/pdf"),
        ({}, "", None),
    ],
)
def test_bodies_have_a_type(mock: MockNetwork, options: dict[str, Any], result: object, kind: str | None) -> None:
    """JSON, text and bytes come with their types, unless the headers say otherwise."""
    mock.get(API, **options)
    request = run(API)

    assert (result, kind) == (request.result, request.resp_headers.get("Content-Type"))


def test_sent_bodies_are_recorded(mock: MockNetwork) -> None:
    """What the program sends can be asserted on: method, URL, headers, body."""
    mock.post(f"{API}/users", status=201)
    sent: list[int] = []
    request = run(
        f"{API}/users", json={"a": 1}, params={"x": "y"}, on_upload_progress=lambda _, count, total: sent.append(count)
    )

    (recorded,) = mock.requests
    assert (201, {"a": 1}, f"{API}/users?x=y") == (request.resp_status, recorded.json(), recorded.url)
    assert "application/json" == recorded.header("Content-Type")
    assert [0, 8] == [sent[0], sent[-1]]


def test_redirects_and_cookies_are_real(mock: MockNetwork) -> None:
    """Redirects from host to host, and cookies of a session, Secure ones too, go through the library's own code."""
    cookie = {"Location": f"{API}/home", "Set-Cookie": "sid=1; Secure; Path=/"}
    mock.get("https://api.example.com/login", status=302, headers=cookie)
    mock.get(f"{API}/home", status=302, headers={"Location": "http://elsewhere.example.org/"})
    mock.get(f"{API}/end", body="end")
    with Session(follow_redirects=True) as session:
        first = run(f"{API}/login", session=session)
        second = run(f"{API}/end", session=session)

    assert "UnsafeRedirect" == type(first.error).__name__
    assert "end" == second.result
    assert [None, "sid=1", "sid=1"] == [request.header("Cookie") for request in mock.requests]


def test_connections_are_kept_and_end_with_the_mock(mock: MockNetwork) -> None:
    """Requests share connections, and none of them is used by a later mock."""
    mock.get(API, body="one")
    assert ["one", "one"] == [run(API).result for _ in range(2)]
    assert {0} == {request.connection for request in mock.requests}
    mock.close()

    with MockNetwork() as other:
        other.get(API, body="two")
        assert "two" == run(API).result


def test_replies_take_turns(mock: MockNetwork) -> None:
    """Several replies for a URL come one after the other; the last one stays."""
    mock.get(API, status=503)
    mock.get(API, body="up")

    assert [503, 200, 200] == [run(API).resp_status for _ in range(3)]


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("/a?x=1", "query"),
        ("/a?x=2", "path"),
        ("/a", "path"),
        ("/b", "short"),
        ("/a/b", "long"),
        ("/a/%C3%A9", "encoded"),
    ],
)
def test_which_reply_goes_first(mock: MockNetwork, path: str, result: str) -> None:
    """A whole URL goes first, with its query before without; then the longest beginning."""
    for name, text in (
        ("/*", "short"), ("/a/*", "long"), ("/a", "path"), ("/a?x=1", "query"), ("/a/\xe9", "encoded"),
    ):  # fmt: skip
        mock.get(API + name, body=text)

    assert result == run(API + path).result


def test_unexpected_request_fails_the_test() -> None:
    """A request without a reply ends with an error that says so, and so does the mock."""
    mock = MockNetwork().start()
    mock.get(f"{API}/a")

    assert isinstance(run(f"{API}/b").error, UnexpectedRequest)
    with pytest.raises(
        ScriptError, match=r"GET https://api.example.com/b is not expected; .* GET https://api.example.com/a"
    ):
        mock.close()


def test_the_tests_own_failure_is_the_one_that_is_raised() -> None:
    """A test that fails within the mock fails with its own error; unexpected requests are a note to it."""
    with pytest.raises(ZeroDivisionError) as caught, MockNetwork():  # noqa: PT012 - what goes before the failure counts
        run(API)
        raise ZeroDivisionError

    notes = getattr(caught.value, "__notes__", ["is not expected"])
    assert "is not expected" in notes[0]


@pytest.mark.parametrize(
    "error",
    [TimeoutError("slow"), socket.gaierror(-2, "Name or service not known"), ssl.SSLCertVerificationError("expired")],
)
def test_planned_errors(mock: MockNetwork, error: Exception) -> None:
    """A request ends with the very error that a test has planned."""
    mock.get(API, error=error)

    assert error is run(API).error


def test_retries_are_real(mock: MockNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error and a status that pass are tried again, as in life."""
    monkeypatch.setattr(exchange, "back_off", lambda number: 0.0)
    mock.get(API, error=ConnectionResetError("reset"))
    mock.get(API, status=503)
    mock.get(API, body="up")

    assert "up" == run(API, retries=2).result
    assert 3 == len(mock.requests)


def test_a_body_that_breaks_off(mock: MockNetwork, tmp_path: Path) -> None:
    """`drop_after` closes the connection within the body; there is progress until then, and no file."""
    mock.get(API, body=bytes(100_000), drop_after=60_000)
    seen: list[tuple[int, int]] = []
    request = run(API, file_path=tmp_path / "file", on_progress=lambda _, current, total: seen.append((current, total)))

    assert isinstance(request.error, IncompleteContent)
    assert "after 60000 of 100000 bytes" in str(request.error)
    assert (57344, 100_000) == seen[-1]
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("drop_after", [None, 500])
def test_a_slow_body(mock: MockNetwork, drop_after: int | None) -> None:
    """`bytes_per_second` sends the body in pieces, with its length announced; also of a reply that is computed."""
    mock.get(
        API, reply=lambda _: Reply(200, iter([b"x" * 500, b"y" * 500])), bytes_per_second=20_000, drop_after=drop_after
    )
    seen: list[tuple[int, int]] = []
    request = run(API, chunk_size=100, on_progress=lambda _, current, total: seen.append((current, total)))

    assert (0, 1000) == seen[0]
    assert (drop_after is None) == (request.error is None)


def test_a_slow_reply_can_be_cancelled_and_times_out(mock: MockNetwork) -> None:
    """A reply that takes its time is like a slow server; closing the mock ends it."""
    mock.get(API, delay=1000)
    request = UrlRequest(API, on_cancel=lambda _: None)
    assert request.cancel()
    assert request.wait(timeout=20)

    assert isinstance(run(API, timeout=0.05).error, TimeoutError)


def test_a_body_at_the_tests_own_pace(mock: MockNetwork) -> None:
    """An iterator of bytes lets the test decide when the rest comes, without sleeping."""
    go_on = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"first"
        assert go_on.wait(20)
        yield b"last"

    mock.get(API, body=body())
    chunks: list[bytes] = []

    def take(request: UrlRequest, chunk: bytes) -> None:
        chunks.append(chunk)
        go_on.set()

    run(API, on_chunk=take)
    assert [b"first", b"last"] == chunks


def test_replies_are_computed(mock: MockNetwork) -> None:
    """A function makes the reply from the request; one that fails, fails the test."""

    def reply(request: MockedRequest) -> Reply:
        return Reply(200, request.url)

    mock.get(f"{API}/*", reply=reply)
    assert f"{API}/x" == run(f"{API}/x").result

    mock.put(API, reply=lambda request: Reply(body=request.json()))
    assert 500 == run(API, method="PUT", req_body="no JSON").resp_status
    with pytest.raises(ScriptError, match="JSONDecodeError"):
        mock.close()


@pytest.mark.parametrize("url", ["http://a.example.com/x", "https://a.example.com/x"])
def test_proxies_are_passed_over(mock: MockNetwork, url: str) -> None:
    """With a proxy, the URL that is recorded is still the one that was asked for."""
    mock.get(url, body="here")

    assert "here" == run(url, proxy_host="proxy.example.com", proxy_port=3128).result
    assert url == mock.requests[0].url


def test_every_method(mock: MockNetwork) -> None:
    """Each method has its reply, and gets no other's."""
    for name in ("get", "head", "post", "put", "patch", "delete"):
        getattr(mock, name)(API, headers={"X-Method": name})
    mock.add("options", API, headers={"X-Method": "options"})

    for name in ("get", "head", "post", "put", "patch", "delete", "options"):
        assert name == run(API, method=name).resp_headers["x-method"]


def test_assert_all_requested(mock: MockNetwork) -> None:
    """Replies that nobody has asked for are no error, unless the test asserts it."""
    mock.get(f"{API}/a")
    mock.get(f"{API}/b")
    run(f"{API}/a")
    with pytest.raises(AssertionError, match=r"^never requested: GET https://api.example.com/b$"):
        mock.assert_all_requested()
    run(f"{API}/b")

    mock.assert_all_requested()


def test_one_at_a_time(mock: MockNetwork) -> None:
    """A second mock is refused; after the end of the first one requests go their own way again."""
    with pytest.raises(RuntimeError, match="one at a time"):
        MockNetwork().start()
    mock.close()
    mock.close()

    assert not hasattr(UrlRequest.get_connection_for_scheme, "network")


def test_a_request_that_outlives_the_mock() -> None:
    """A connection that is opened after the end of the mock fails; nothing goes out."""
    with MockNetwork() as mock:
        mock.get(API, delay=1000)
        request = UrlRequest(API, on_error=lambda *_: None)
        classes = [UrlRequest.get_connection_for_scheme(request, "http")]
    assert request.wait(timeout=20)
    assert request.error is not None
    with pytest.raises(TimeoutError, match="closed"):
        classes[0]("api.example.com", 80).connect()


def test_connection_classes_of_the_programs_own(mock: MockNetwork) -> None:
    """A class of the program's own that it chooses itself is left alone; a foreign one cannot be stood in for."""

    class Own(UrlRequest):
        def get_connection_for_scheme(self, scheme: str) -> type[Any]:
            if scheme == "own":
                raise LookupError("the program's own")
            return super().get_connection_for_scheme(scheme)

    mock.get("http://a.example.com/", body="here")
    request = Own("http://a.example.com/")
    assert request.wait(timeout=20)
    assert "here" == request.result
    with pytest.raises(TypeError, match="HTTPConnection"):
        mock._mocked(ForeignConnection)


def test_many_at_once(mock: MockNetwork) -> None:
    """Requests on many threads get their own replies."""
    mock.get(f"{API}/*", reply=lambda request: Reply(200, request.path))
    with Session(max_requests=8) as session:
        requests = [session.request(f"{API}/{number}") for number in range(50)]
        finished = list(as_completed(requests, timeout=20))

    assert [f"/{number}" for number in range(50)] == [request.result for request in requests]
    assert 50 == len(finished) == len(mock.requests)


def test_no_connection_of_before(server: Server) -> None:
    """A connection that real requests have left idle is not used while the mock is active."""
    server.respond("/", "real")
    with Session() as session:
        assert "real" == run(server.url, session=session).result
        with MockNetwork() as mock:
            mock.get(server.url, body="mocked")
            assert "mocked" == run(server.url, session=session).result
        assert "real" == run(server.url, session=session).result

    assert 2 == len(server.requests)


def test_18_2_a_method_of_the_class_is_replaced(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 18.2: what a test puts in the place of a method counts, also where a connection is at hand."""
    server.respond("/", "text")
    with Session() as session:
        assert "text" == run(server.url, session=session).result
        monkeypatch.setattr(UrlRequest, "decode_result", lambda *_: "replaced")
        assert "replaced" == run(server.url, session=session).result


def test_under_asyncio(mock: MockNetwork) -> None:
    """The loop of a test delivers the callbacks, as in life."""
    mock.get(API, body="here")

    async def main() -> object:
        return (await UrlRequest(API)).result

    assert "here" == asyncio.run(main())


TESTS = """
import unittest

from urlrequest import UrlRequest
from urlrequest.testing import MockNetwork


def test_passes(urlrequest_mock):
    urlrequest_mock.get("https://api.example.com/", body="here")
    request = UrlRequest("https://api.example.com/")
    request.wait()
    assert request.result == "here"


def test_fails(urlrequest_mock):
    UrlRequest("https://api.example.com/other", on_error=print).wait()


class TestUnit(unittest.TestCase):
    def setUp(self):
        self.mock = MockNetwork().start()
        self.addCleanup(self.mock.close)

    def test_passes(self):
        self.mock.get("https://api.example.com/", body="unit")
        request = UrlRequest("https://api.example.com/")
        request.wait()
        self.assertEqual("unit", request.result)
"""


def test_plugin_and_unittest(tmp_path: Path) -> None:
    """The fixture works in pytest, fails the test that makes an unexpected request, and is not needed in unittest."""
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "urlrequest._pytest_plugin",
        "-p",
        "no:cacheprovider",
        "-q",
        str(tmp_path),
    ]
    variables = environment(is_measured=False, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    done = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=100, check=False
    )

    assert "3 passed, 1 error" in done.stdout, done.stdout
    assert "GET https://api.example.com/other is not expected" in done.stdout


def test_plugin_loads_nothing() -> None:
    """Pytest imports the plugin in every project: it loads none of the library."""
    script = "import sys, urlrequest._pytest_plugin; print([n for n in sys.modules if n.startswith('urlrequest.')])"
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)

    assert "['urlrequest._version', 'urlrequest._pytest_plugin']" == done.stdout.strip()
    assert os.linesep in done.stdout
