"""Requests (contract 9 and 10), and wrong arguments (contract 2.3 and 2.4): what is sent, and what never is."""

from __future__ import annotations

import collections
import io
import itertools
import re
import socket
import types
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support import programs
from support.messages import CONTINUE, basic, reply
from urlrequest import Headers, Session, UrlRequest, defaults
from urlrequest._engine import prepare
from urlrequest.errors import IncompleteContent, InvalidURL, UnsupportedScheme
from urlrequest.testing import (
    RecordedRequest,
    Reply,
    Server,
    close,
    finish,
    hold,
    receive_head,
    receive_some,
    reset,
    routes,
    send,
    signal,
    wait_for,
)

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTE = 1024 * 1024
OK = reply()
TOO_LARGE = reply(b"big", status="413 Too Large")
AGENT = f"urlrequest/{urlrequest.__version__}"


@pytest.fixture
def echo(server: Server) -> Server:
    """A server that takes everything."""
    server.route("/*", lambda _: Reply(body=b"hello"))
    return server


# 2.3 What is wrong is reported through on_error


class Unreadable:
    """No callable, no falsy value."""


def steady(value: object) -> str:
    """A test's id that is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


@pytest.mark.parametrize(
    "name", ["on_success", "on_redirect", "on_failure", "on_error", "on_progress", "on_cancel", "on_finish"]
)
@pytest.mark.parametrize("value", ["text", {"X": "y"}, [1]], ids=["str", "dict", "list"])
def test_2_3_bad_callback(server: Server, name: str, value: Any) -> None:
    """Contract 2.3: text or a collection for a callback is a TypeError of the constructor, and nothing starts."""
    with pytest.raises(TypeError, match=name):
        UrlRequest(server.url, **{name: value})

    assert (0, 0) == (server.connection_count, len(urlrequest.g_requests))


@pytest.mark.parametrize("value", [5, 0.016, Unreadable()], ids=["int", "float", "object"])
def test_2_3_one_argument_more(echo: Server, recorder: Any, value: Any) -> None:
    """Contract 2.3: what an event system hands over as one argument more is ignored; the warning is for the caller."""
    with pytest.warns(RuntimeWarning, match="^on_redirect is ") as warned:
        request = UrlRequest(echo.url, recorder.noting("success"), value)

    assert [__file__] == [warning.filename for warning in warned]
    assert request.wait(timeout=20)
    assert ["success"] == [name for name, _, _ in recorder.events]


@pytest.mark.parametrize("value", [None, 0, "", False, ()])
def test_2_3_falsy_callbacks_are_none(echo: Server, value: Any) -> None:
    """Contract 2.3: a falsy callback is no callback."""
    assert UrlRequest(echo.url, on_success=value, on_finish=value).wait(timeout=20)


BAD_VALUES: list[tuple[dict[str, Any], type[BaseException]]] = [
    # 9.4
    ({"url": None}, InvalidURL),
    ({"url": 5}, InvalidURL),
    ({"url": b"http://h/"}, InvalidURL),
    ({"url": ["http://h/"]}, InvalidURL),
    ({"url": ""}, InvalidURL),
    ({"url": "http://h/\r\nX: y"}, InvalidURL),
    ({"url": "ftp://h/"}, UnsupportedScheme),
    ({"url": "file:///etc/passwd"}, UnsupportedScheme),
    ({"url": "javascript:alert(1)"}, UnsupportedScheme),
    ({"url": "data:,x"}, UnsupportedScheme),
    # 10.1
    ({"method": ""}, ValueError),
    ({"method": "G T"}, ValueError),
    ({"method": "GET\r\nX: y"}, ValueError),
    ({"method": "GÈT"}, ValueError),
    ({"method": b"GET"}, TypeError),
    ({"method": 5}, TypeError),
    # 10.2
    ({"req_body": 5}, TypeError),
    ({"req_body": 1.5}, TypeError),
    ({"req_body": object()}, TypeError),
    ({"req_body": [1, 2]}, TypeError),
    ({"req_body": [b"a", None]}, TypeError),
    ({"req_body": "€", "req_headers": {"Content-Type": "text/plain; charset=latin-1"}}, ValueError),
    ({"req_body": "a", "req_headers": {"Content-Type": "text/plain; charset=x-none"}}, ValueError),
    ({"req_body": {"a": object()}, "req_headers": {"Content-Type": "application/json"}}, TypeError),
    ({"req_body": {"a": "\ud800"}}, ValueError),
    # 10.3
    ({"req_headers": 5}, TypeError),
    ({"req_headers": "A: b"}, TypeError),
    ({"req_headers": ["A: b"]}, TypeError),
    ({"req_headers": [("A", "b", "c")]}, TypeError),
    ({"req_headers": {5: "b"}}, TypeError),
    ({"req_headers": {"A": 1.5}}, TypeError),
    ({"req_headers": {"A": ["b"]}}, TypeError),
    ({"req_headers": {"A": "b\r\nC: d"}}, ValueError),
    ({"req_headers": {"A": "b\r\n c"}}, ValueError),
    ({"req_headers": {"A": "b\n"}}, ValueError),
    ({"req_headers": {"A": "b\r"}}, ValueError),
    ({"req_headers": {"A": "b\0"}}, ValueError),
    ({"req_headers": {"A": b"b\r\nC: d"}}, ValueError),
    ({"req_headers": {"A B": "c"}}, ValueError),
    ({"req_headers": {"A:": "c"}}, ValueError),
    ({"req_headers": {"": "c"}}, ValueError),
    ({"req_headers": {"A\r\nB": "c"}}, ValueError),
    ({"req_headers": {"Ä": "c"}}, ValueError),
    ({"req_headers": [("Host", "a"), ("host", "b")]}, ValueError),
    ({"req_headers": {"Content-Length": "5"}}, ValueError),
    ({"req_headers": {"Content-Length": "-5"}, "req_body": b"hello"}, ValueError),
    ({"req_headers": {"Content-Length": "6"}, "req_body": b"hello"}, ValueError),
    ({"req_headers": [("Content-Length", "5"), ("content-length", "6")], "req_body": b"hello"}, ValueError),
    ({"req_headers": {"Transfer-Encoding": "gzip"}, "req_body": b"hello"}, ValueError),
    ({"req_headers": {"Transfer-Encoding": "chunked"}}, ValueError),
    ({"req_headers": {"Transfer-Encoding": "chunked", "Content-Length": "5"}, "req_body": b"hello"}, ValueError),
    # 10.4
    ({"user_agent": "a\r\nb"}, ValueError),
    ({"user_agent": 1.5}, TypeError),
    ({"cookies": "a=b\r\nC: d"}, ValueError),
    ({"cookies": {"a": "b\nc"}}, ValueError),
    ({"cookies": 1.5}, TypeError),
    ({"auth": 5}, TypeError),
    ({"auth": ("user", 5)}, TypeError),
    ({"auth": ("a:b", "c")}, ValueError),
    ({"auth": lambda headers: headers.update({"A": "b\r\nC: d"})}, ValueError),
    # 5.2
    *(({"chunk_size": size, "on_progress": bool}, ValueError) for size in (0, -2, -100)),
    *(({"chunk_size": size, "on_progress": bool}, TypeError) for size in ("8", 8.0, True, [])),
    # 15.1, 15.2
    *(({name: value}, ValueError) for name in ("timeout", "deadline") for value in (0, -1, -0.5, float("nan"))),
    *(({name: value}, TypeError) for name in ("timeout", "deadline") for value in ("5", True, [], object())),
    # 12.2
    ({"file_path": 5}, TypeError),
    ({"file_path": True}, TypeError),
    # 8.1
    ({"hook": 5}, TypeError),
]


@pytest.mark.parametrize(
    ("options", "error"), BAD_VALUES, ids=[f"{number}-{next(iter(row[0]))}" for number, row in enumerate(BAD_VALUES)]
)
def test_2_3_bad_value(server: Server, recorder: Any, options: dict[str, Any], error: type[BaseException]) -> None:
    """Contract 2.3, 16.3: a bad value arrives through on_error with a message, and no octet is sent."""
    request = recorder.run(**{"url": server.url, **options})

    assert "error" == recorder.terminal
    assert isinstance(request.error, error)
    assert 10 < len(str(request.error)) < 400
    assert (0, None) == (server.connection_count, request.resp_status)
    assert recorder.events[0][1] == (request.error,)


@pytest.mark.parametrize("option", ["ca_file", "client_cert", "ssl_context"])
@pytest.mark.parametrize("value", [5, True, [], object()], ids=["int", "bool", "list", "object"])
def test_2_3_bad_tls_value(tls_server: Server, recorder: Any, option: str, value: Any) -> None:
    """Contract 2.3: bad TLS options are errors before anything is connected."""
    request = recorder.run(tls_server.url, **{option: value})

    assert (True, 0) == (isinstance(request.error, TypeError), tls_server.connection_count)


@pytest.mark.parametrize("chunk_size", [1024.0, 0, -5, "8"], ids=repr)
def test_5_2_chunk_size_without_progress(echo: Server, recorder: Any, chunk_size: Any) -> None:
    """Contract 5.2: without on_progress it is not looked at; it reads back as it was passed, and cannot be set."""
    request = recorder.run(echo.url, chunk_size=chunk_size)

    assert ("success", chunk_size) == (recorder.terminal, request.chunk_size)
    with pytest.raises(AttributeError):
        request.chunk_size = 8


def test_2_3_an_argument_that_raises(server: Server, recorder: Any) -> None:
    """Contract 2.3: what an argument of the user's raises itself arrives through on_error as it is."""

    def odd(_: object) -> None:
        raise ZeroDivisionError

    request = recorder.run(server.url, auth=odd)

    assert (True, 0) == (isinstance(request.error, ZeroDivisionError), server.connection_count)


def test_2_4_nothing_is_mutated(echo: Server, recorder: Any) -> None:
    """Contract 2.4: what the caller passed reads back as it was, and its later change does not reach the request."""
    headers, body, cookies, proxy = {"X": "1"}, {"a": "b"}, {"c": "d"}, {"P": "1"}
    request = recorder.get(
        f" {echo.url}/ä ", req_headers=headers, req_body=body, cookies=cookies, user_agent="me", proxy_headers=proxy
    )
    same = request.req_headers is headers and request.req_body is body
    headers["X"] = "2"
    body["a"] = "changed"
    assert request.wait(timeout=20)

    assert (True, f" {echo.url}/ä ") == (same, request.url)
    assert ({"X": "2"}, {"a": "changed"}, {"c": "d"}, {"P": "1"}) == (headers, body, cookies, proxy)
    assert ("1", b"a=b") == (echo.requests[0].header("X"), echo.requests[0].body)


def test_2_4_later_changes_of_what_waits(echo: Server) -> None:
    """Contract 2.4, 17.9: JSON and the session's own fields and cookies stay as they were when the request was made."""
    headers, cookies, value = {"X": "1"}, {"c": "1"}, {"n": 1}
    with Session(headers=headers, cookies=cookies, max_requests=1, timeout=15) as session:
        echo.play(signal("first"), wait_for("changed"), send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), routes())
        first = session.request(echo.url)
        second = session.request(echo.url, json=value)
        headers["X"] = cookies["c"] = "2"
        value["n"] = 2
        echo.signal("changed")
        assert first.wait(timeout=20)
        assert second.wait(timeout=20)

    sent = echo.requests[1]
    assert (b'{"n": 1}', "1", "c=1") == (sent.body, sent.header("X"), sent.header("Cookie"))


class Array(bytearray):
    """Octets that are compared one by one, as arrays of numpy are."""

    def __eq__(self, other: object) -> Any:
        return Comparison()

    __hash__ = None  # type: ignore[assignment]  # as of bytearray


class Comparison:
    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


def test_10_2_a_body_that_refuses_to_be_compared(echo: Server, recorder: Any) -> None:
    """Contract 10.2: an array is octets like any other, though it cannot be asked whether it is None."""
    recorder.run(echo.url, req_body=Array(b"octets"))

    assert ("success", b"octets") == (recorder.terminal, echo.requests[0].body)


# 9 URL


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("http://{}", "/"),
        ("{}", "/"),
        ("  {}/a  ", "/a"),
        ("\t{}/a\n", "/a"),
        ("HTTP://{}/A", "/A"),
        ("//{}/a", "/a"),
        ("http://{}?q=1", "/?q=1"),
        ("http://{}/a?", "/a?"),
        ("http://{}#fragment", "/"),
        ("http://{}/a#fragment?x", "/a"),
        ("http://{}/a b?c d", "/a%20b?c%20d"),
        ("http://{}/ä?ö=€", "/%C3%A4?%C3%B6=%E2%82%AC"),
        ("http://{}/%20%2f%zz", "/%20%2f%25zz"),
        ("http://{}/a;b=1/../c", "/a;b=1/../c"),
        ("http://{}/'\"<>[]{{}}|\\^`", "/'%22%3C%3E%5B%5D%7B%7D%7C%5C%5E%60"),
    ],
)
def test_9_target(echo: Server, recorder: Any, text: str, target: str) -> None:
    """Contract 9.1, 9.2: what becomes of a URL's path and query on the wire."""
    recorder.run(text.format(f"127.0.0.1:{echo.port}"))

    assert (target, f"127.0.0.1:{echo.port}") == (echo.requests[0].target, echo.requests[0].header("Host"))


@pytest.mark.system
def test_9_2_tomcat_accepts_every_target(tmp_path: Path) -> None:
    """Contract 9.2: Tomcat, which refuses characters that RFC 3986 does not allow, finds none in any request target."""
    printable = [chr(code) for code in range(0x20, 0x7F)]
    with programs.tomcat(tmp_path) as url, Session() as session:
        statuses: dict[str, tuple[int | None, int | None]] = {}
        for character in printable:
            requests = [session.request(f"{url}/{start}{character}y", on_finish=bool) for start in ("x", "?x=")]
            assert all(request.wait(timeout=30) for request in requests)
            statuses[character] = requests[0].resp_status, requests[1].resp_status

    # It takes no backslash within a path, percent-encoded either.
    refused = statuses.pop("\\")
    assert refused == (400, 404)
    assert {(404, 404)} == set(statuses.values())


@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [
        ("user:pass", "user:pass"),
        ("user", "user:"),
        ("user:", "user:"),
        (":pass", ":pass"),
        ("us%40er:p%3Aa%2Fss", "us@er:p:a/ss"),
        ("b%C3%BCcher:%E2%82%AC", "b\xfccher:€"),
        ("user:p@ss", "user:p@ss"),
        ("a:b:c", "a:b:c"),
    ],
)
def test_9_3_userinfo(echo: Server, recorder: Any, userinfo: str, credentials: str) -> None:
    """Contract 9.3, 10.4: userinfo is decoded and wins over a header and auth; it shows nowhere else."""
    url = f"http://{userinfo}@127.0.0.1:{echo.port}/"
    request = recorder.run(url, req_headers={"AUTHORIZATION": "mine"}, auth=("a", "b"))

    assert [basic(credentials)] == echo.requests[0].header_values("Authorization")
    assert f"http://127.0.0.1:{echo.port}/" == request.resp_url
    assert "@" not in repr(request)


# 10 Request


def test_10_wire(server: Server, recorder: Any) -> None:
    """Contract 10: the octets of a plain request."""
    server.play(send(OK))
    recorder.run(f"{server.url}/p?q", file_path=None, decode=False)
    server.play(send(OK))
    recorder.run(f"{server.url}/p", req_body="ä", req_headers={"X-a": "1", "host": "h"}, decode=False)

    host = f"Host: 127.0.0.1:{server.port}\r\n"
    ours = f"Accept-Encoding: identity\r\nUser-Agent: {AGENT}\r\nConnection: keep-alive\r\n"
    assert f"GET /p?q HTTP/1.1\r\n{host}{ours}\r\n".encode() == server.requests[0].raw
    assert (
        f"POST /p HTTP/1.1\r\nhost: h\r\n{ours}Content-Length: 2\r\nX-a: 1\r\n\r\nä".encode() == server.requests[1].raw
    )


@pytest.mark.parametrize(
    ("method", "body", "sent"),
    [
        (None, None, "GET"),
        (None, b"", "POST"),
        (None, "", "POST"),
        (None, {}, "POST"),
        ("put", b"x", "PUT"),
        ("Patch", "x", "PATCH"),
        ("delete", None, "DELETE"),
        ("m-search", None, "M-SEARCH"),
        ("GET", b"x", "GET"),
    ],
    ids=steady,
)
def test_10_1_method(echo: Server, recorder: Any, method: str | None, body: Any, sent: str) -> None:
    """Contract 10.1: GET, or POST with a body, an empty one too; upper-cased."""
    recorder.run(echo.url, method=method, req_body=body)

    assert sent == echo.requests[0].method


@pytest.mark.parametrize(
    ("method", "length"), [("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("GET", None), ("DELETE", None)]
)
def test_10_1_length_without_a_body(echo: Server, recorder: Any, method: str, length: str | None) -> None:
    """Contract 10.1: a method whose meaning expects a body says that there is none."""
    recorder.run(echo.url, method=method)

    assert (length, None) == (
        echo.requests[0].header("Content-Length"),
        echo.requests[0].header("Transfer-Encoding"),
    )


LATIN = 'text/plain; Charset="Latin-1"'
JSON = {"Content-Type": "application/json"}
FORM = "application/x-www-form-urlencoded"
BODIES: list[tuple[str, Any, dict[str, str], bytes, str | None]] = [
    ("bytes", lambda: b"\0\xff", {}, b"\0\xff", None),
    ("bytearray", lambda: bytearray(b"abc"), {}, b"abc", None),
    ("memoryview", lambda: memoryview(b"abc"), {}, b"abc", None),
    ("wide-memoryview", lambda: memoryview(b"abcd").cast("I"), {}, b"abcd", None),
    ("str", lambda: "ä€", {}, "ä€".encode(), None),
    ("str-latin-1", lambda: "ä", {"content-type": LATIN}, b"\xe4", LATIN),
    ("dict-form", lambda: {"a": "b c", "d": "ä&"}, {}, b"a=b+c&d=%C3%A4%26", FORM),
    ("dict-lists", lambda: {"a": ["1", 2]}, {}, b"a=1&a=2", FORM),
    ("dict-json", lambda: {"a": [1, None]}, JSON, b'{"a": [1, null]}', "application/json"),
    ("dict-json-like", lambda: {"a": 1}, {"CONTENT-TYPE": "application/x+json"}, b'{"a": 1}', "application/x+json"),
    ("binary-file", lambda: io.BytesIO(b"abc"), {}, b"abc", None),
    ("text-file", lambda: io.StringIO("ä"), {}, "ä".encode(), None),
    ("list", lambda: [b"ab", bytearray(b"c"), "ä"], {}, b"abc\xc3\xa4", None),
    ("tuple", lambda: (b"a", b"", b"b"), {}, b"ab", None),
    ("generator", lambda: (part for part in (b"a", b"", b"bc")), {}, b"abc", None),
    ("iterator", lambda: iter([b"a"]), {}, b"a", None),
    ("nothing-yielded", lambda: iter([]), {}, b"", None),
    ("deque", lambda: collections.deque([b"a", b"b"]), {}, b"ab", None),
]


@pytest.mark.parametrize(("name", "make", "headers", "body", "kind"), BODIES, ids=[row[0] for row in BODIES])
def test_10_2_bodies(
    echo: Server, recorder: Any, name: str, make: Any, headers: dict[str, str], body: bytes, kind: str | None
) -> None:
    """Contract 10.2: every kind of body arrives octet by octet; the length is announced where it is known."""
    request = recorder.run(echo.url, req_body=make(), req_headers=headers)

    assert "success" == recorder.terminal, request.error
    (received,) = echo.requests
    assert (body, kind) == (received.body, received.header("Content-Type"))
    is_sized = isinstance(make(), (bytes, bytearray, memoryview, str, dict, io.BytesIO))
    assert (str(len(body)) if is_sized else None, None if is_sized else "chunked") == (
        received.header("Content-Length"),
        received.header("Transfer-Encoding"),
    )


def test_10_2_file_from_its_position(echo: Server, recorder: Any, tmp_path: Path) -> None:
    """Contract 10.2: a file is sent from where it stands, with its length, and is left open."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.seek(4)
        recorder.run(echo.url, req_body=file)
        assert not file.closed
    with path.open(encoding="ascii") as text:
        recorder.run(echo.url, req_body=text)

    assert [b"456789", b"0123456789"] == [received.body for received in echo.requests]
    assert ["6", None] == [received.header("Content-Length") for received in echo.requests]


def test_10_2_pipe(echo: Server, recorder: Any) -> None:
    """Contract 10.2: a file of unknown size goes in chunks."""
    mine, theirs = socket.socketpair()
    with mine, theirs, theirs.makefile("rb") as file:
        mine.sendall(b"piped")
        mine.shutdown(socket.SHUT_WR)
        recorder.run(echo.url, req_body=file)

    assert (b"piped", "chunked") == (echo.requests[0].body, echo.requests[0].header("Transfer-Encoding"))


@pytest.mark.parametrize("pieces", [[b"xxxx"], [b"xxxx", b"xx"]], ids=["shorter", "longer"])
def test_fault_39_file_that_is_not_what_it_said(server: Server, recorder: Any, pieces: list[bytes]) -> None:
    """Fault 39: a file that turns out shorter or longer than its size breaks the request off."""

    class Changing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return pieces.pop(0) if pieces else b""

    server.play(receive_head(), hold(), read_request=False)
    request = recorder.run(server.url, req_body=Changing(b"x" * 5), timeout=15)

    assert ("error", True) == (recorder.terminal, isinstance(request.error, IncompleteContent))
    assert "5" in str(request.error)


@pytest.mark.parametrize("size", [4, 6])
def test_fault_39_generator_that_is_not_what_its_length_says(server: Server, recorder: Any, size: int) -> None:
    """Fault 39, contract 10.3: a caller's Content-Length that the body does not keep breaks the request off."""
    server.play(receive_head(), hold(), read_request=False)
    request = recorder.run(
        server.url, req_body=itertools.repeat(b"x", size), req_headers={"Content-Length": 5}, timeout=5
    )

    assert ("error", True) == (recorder.terminal, isinstance(request.error, IncompleteContent))
    assert "5" in str(request.error)


@pytest.mark.parametrize("change", [b"more and more", b""], ids=["grown", "shrunk"])
def test_fault_39_file_that_changes_between_two_attempts(
    server: Server, recorder: Any, tmp_path: Path, change: bytes
) -> None:
    """Fault 39: a small form whose file has another length than announced is never sent: its end would be a request."""
    path = tmp_path / "file"
    path.write_bytes(b"some")

    def fail(_: RecordedRequest) -> Reply:
        path.write_bytes(change)
        return Reply(503, headers={"Retry-After": "0"})

    server.route("/", fail)
    request = recorder.run(server.url, method="PUT", files={"f": path}, retries=1, timeout=15)

    assert ("error", True) == (recorder.terminal, isinstance(request.error, IncompleteContent))
    assert 1 == len(server.requests)


def test_10_3_values_that_are_no_text(echo: Server, recorder: Any) -> None:
    """Contract 10.3: numbers are written in digits, True and False by their names, as in Kivy."""
    recorder.run(echo.url, req_headers={"X-A": 5, "X-B": True, "X-C": False})

    (received,) = echo.requests
    assert ["5", "True", "False"] == [received.header(name) for name in ("X-A", "X-B", "X-C")]


def test_10_3_a_true_length_of_the_callers(echo: Server, recorder: Any) -> None:
    """Contract 10.3: a generator whose length the caller knows is sent with it."""
    recorder.run(echo.url, req_body=iter([b"ab", b"cde"]), req_headers={"content-length": 5})

    (received,) = echo.requests
    assert (b"abcde", ["5"], None) == (
        received.body,
        received.header_values("Content-Length"),
        received.header("Transfer-Encoding"),
    )


def test_10_2_a_generator_that_raises(server: Server, recorder: Any) -> None:
    """Contract 16.1: what a generator raises is the request's error, and the server sees no end of the body."""

    def body() -> Any:
        yield b"some"
        raise ZeroDivisionError("mine")

    server.play(receive_head(), hold(), signal("gone"), read_request=False)
    request = recorder.run(server.url, req_body=body())
    server.wait("gone")

    assert ("error", True, "mine") == (
        recorder.terminal,
        isinstance(request.error, ZeroDivisionError),
        str(request.error),
    )
    request.join(20)
    assert not request.is_alive()


def test_10_2_a_generator_of_other_things(server: Server, recorder: Any) -> None:
    """Contract 10.2: a generator that yields what is no bytes is an error."""
    server.play(receive_head(), hold(), read_request=False)
    request = recorder.run(server.url, req_body=iter([b"a", 5]))

    assert isinstance(request.error, TypeError)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"X-Own": "a"}, ["a"]),
        ([("X-Own", "a"), ("x-own", "b")], ["a", "b"]),
        ({"X-Own": 5}, ["5"]),
        ({"X-Own": b"\xe4"}, ["\xe4"]),
        ({"X-Own": ""}, [""]),
        ({"X-Own": None}, []),
        ({b"X-Own": "a"}, ["a"]),
        (Headers([("X-Own", "a"), ("X-Own", "b")]), ["a", "b"]),
        (types.MappingProxyType({"X-Own": "a"}), ["a"]),
        ((pair for pair in [("X-Own", "a")]), ["a"]),
    ],
    ids=steady,
)
def test_10_3_headers(echo: Server, recorder: Any, headers: Any, sent: list[str]) -> None:
    """Contract 10.3: a dict or pairs; str, bytes or int; None leaves a field out."""
    recorder.run(echo.url, req_headers=headers)

    assert sent == echo.requests[0].header_values("X-Own")


def test_10_3_each_value_is_encoded_by_itself(echo: Server, recorder: Any) -> None:
    """Contract 10.3: bytes stay bytes, text is Latin-1 or else utf-8, whatever the other values are."""
    recorder.run(
        echo.url,
        req_headers=[("X-Bytes", b"\xe4\xff"), ("X-Latin", "é"), ("X-Other", "€"), ("Cookie", "k=ü")],
        cookies={"a": "é", "b": "€", "c": b"\xff"},
        user_agent="ñ",
    )

    def sent(name: str) -> bytes:
        return b"|".join(value.encode("latin-1") for value in echo.requests[0].header_values(name))

    assert (b"\xe4\xff", b"\xe9", "€".encode(), b"\xf1") == tuple(
        map(sent, ("X-Bytes", "X-Latin", "X-Other", "User-Agent"))
    )
    assert b"k=\xfc; a=\xe9; b=\xe2\x82\xac; c=\xff" == sent("Cookie")


def test_10_3_echoed_cookies_keep_their_bytes(server: Server) -> None:
    """Contract 10.3: a session returns a cookie's bytes as they came, beside a cookie of the user's in other text."""
    server.play(send(b"HTTP/1.1 204 X\r\nSet-Cookie: s=\xc3\xa9\xff; Path=/\r\n\r\n"))
    server.play(send(reply()))
    with Session() as session:
        session.request(server.url, on_finish=bool).wait(timeout=30)
        session.request(server.url, on_finish=bool, cookies={"own": "€"}, req_headers={"X": "€"}).wait(timeout=30)

    cookies = (server.requests[1].header("Cookie") or "").encode("latin-1").split(b"; ")
    assert [b"own=\xe2\x82\xac", b"s=\xc3\xa9\xff"] == sorted(cookies)


@pytest.mark.parametrize("name", ["Host", "User-Agent", "Accept-Encoding"])
def test_10_3_the_callers_win(echo: Server, recorder: Any, name: str) -> None:
    """Contract 10.3: a caller's field replaces ours, whatever its spelling, and None takes ours away."""
    recorder.run(echo.url, req_headers={name.upper(): "mine"})
    assert ["mine"] == echo.requests[0].header_values(name)
    if name != "Host":
        recorder.run(echo.url, req_headers={name.lower(): None})
        assert [] == echo.requests[1].header_values(name)


def move_host(headers: Headers) -> None:
    """Sign a request as some do: they take the headers apart, and put them in again in an order of their own."""
    fields = sorted(headers.items())
    headers.clear()
    headers.update([("A-Signature", "s"), *fields])


@pytest.mark.parametrize(
    "options",
    [
        {"req_headers": {"X": "1", "HOST": "mine"}},
        {"req_headers": [("X", "1"), ("Host", "mine")], "req_body": b"x"},
        {"req_headers": {"X": "1", "host": "mine"}, "cookies": "a=b", "auth": ("u", "p")},
        {"req_headers": {"host": "mine"}, "auth": move_host},
        {"auth": lambda headers: headers.update({"Host": "mine"})},
    ],
    ids=itertools.count(),
)
def test_10_3_host_is_first(echo: Server, session: Session, options: dict[str, Any]) -> None:
    """Contract 10.3: Host is the first header wherever it comes from, over a new connection and over a kept one."""
    for _ in range(3):
        session.request(f"{echo.url}/p", on_finish=bool, **options).wait(timeout=30)

    lines = [request.raw.split(b"\r\n")[1] for request in echo.requests]
    assert [b"host: mine"] * 3 == [line.lower() for line in lines]


def test_10_3_host_is_first_to_a_proxy(echo: Server) -> None:
    """Contract 10.3: likewise in a request that a proxy reads, with headers of a session."""
    with Session(headers={"X": "1"}, proxy_host=echo.url, proxy_headers={"Proxy-X": "2"}) as session:
        session.request("http://a.test/p", req_headers={"Host": "mine"}, on_finish=bool).wait(timeout=30)

    assert echo.requests[0].raw.startswith(b"GET http://a.test/p HTTP/1.1\r\nHost: mine\r\n")


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, [AGENT]),
        ({"user_agent": "me"}, ["me"]),
        ({"user_agent": ""}, []),
        ({"req_headers": {"user-agent": "mine"}}, ["mine"]),
        ({"req_headers": {"user-agent": "mine"}, "user_agent": "me"}, ["mine"]),
    ],
)
def test_10_4_user_agent(echo: Server, recorder: Any, options: dict[str, Any], sent: list[str]) -> None:
    """Contract 10.4: ours, the argument, or the caller's header, which wins."""
    recorder.run(echo.url, **options)

    assert (sent, AGENT) == (echo.requests[0].header_values("User-Agent"), prepare.USER_AGENT)


@pytest.mark.parametrize(
    ("cookies", "header", "sent"),
    [
        ("a=b; c=d", None, ["a=b; c=d"]),
        ({"a": "b", "c": "d"}, None, ["a=b; c=d"]),
        ({"a": 1}, None, ["a=1"]),
        ({}, None, []),
        ("", None, []),
        ("a=b", "own=1", ["own=1; a=b"]),
    ],
)
def test_10_4_cookies(echo: Server, recorder: Any, cookies: Any, header: str | None, sent: list[str]) -> None:
    """Contract 10.4: cookies are a text or a dict, behind a Cookie field of the caller's."""
    recorder.run(echo.url, cookies=cookies, req_headers={"cookie": header})

    assert sent == echo.requests[0].header_values("Cookie")


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        (("user", "pass"), basic("user:pass")),
        (["user", "pass"], basic("user:pass")),
        (("b\xfccher", "€"), basic("b\xfccher:€")),
        ((b"user", b"pass"), basic("user:pass")),
        (("user", ""), basic("user:")),
        (types.SimpleNamespace(username="user", password="pass"), basic("user:pass")),
        (lambda headers: headers.update({"authorization": "Bearer x"}), "Bearer x"),
    ],
    ids=steady,
)
def test_10_4_auth(echo: Server, recorder: Any, auth: Any, sent: str) -> None:
    """Contract 10.4: a pair, an object with both, or a callable that changes the headers; it wins over a header."""
    recorder.run(echo.url, auth=auth, req_headers={"AUTHORIZATION": "mine"})

    assert [sent] == echo.requests[0].header_values("Authorization")


def test_security_58_no_netrc(monkeypatch: pytest.MonkeyPatch, echo: Server, recorder: Any, tmp_path: Path) -> None:
    """Security 58: neither .netrc nor the environment's proxies have a say."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n", encoding="ascii")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    recorder.run(echo.url)

    assert ("success", None) == (recorder.terminal, echo.requests[0].header("Authorization"))


# Uploads


def in_pieces(octets: bytes) -> Any:
    return (octets[start : start + 65536] for start in range(0, len(octets), 65536))


@pytest.mark.parametrize(
    "make", [bytes, io.BytesIO, lambda octets: iter([octets]), in_pieces], ids=["bytes", "file", "chunk", "chunks"]
)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_10_2_big_upload_and_back(
    server: Server, tls_server: Server, recorder: Any, ca_file: str, make: Any, secure: bool
) -> None:
    """Contract 10.2, 4.6: many megabytes arrive whole, there and back."""
    chosen = tls_server if secure else server
    chosen.route("/", lambda request: Reply(body=request.body, headers={"Content-Type": "application/octet-stream"}))
    octets = bytes(range(256)) * (8 * MEGABYTE // 256)
    request = recorder.run(chosen.url, req_body=make(octets), ca_file=ca_file, timeout=20)

    assert "success" == recorder.terminal, request.error
    assert octets == request.result


def test_10_2_chunked_both_ways(server: Server, recorder: Any) -> None:
    """Contract 10.2, 11: chunks of the request and of the response are framed each in its own way."""
    server.route("/", lambda request: Reply(body=iter([request.body[:3], b"", request.body[3:]])))
    request = recorder.run(server.url, req_body=iter([b"ab", b"cdefg"]))

    (received,) = server.requests
    assert received.raw.endswith(b"\r\n\r\n2\r\nab\r\n5\r\ncdefg\r\n0\r\n\r\n")
    assert ("abcdefg", "chunked") == (request.result, request.resp_headers["transfer-encoding"])


def begin_upload(name: str) -> list[Any]:
    """The steps up to the middle of a body; one whose length is known is announced, and has to be asked for."""
    asking = [] if name == "endless" else [send(CONTINUE)]
    return [receive_head(), *asking, receive_some(100_000)]


UPLOADS = [
    ("big", lambda: bytes(24 * MEGABYTE)),
    ("file", lambda: io.BytesIO(bytes(24 * MEGABYTE))),
    ("endless", lambda: itertools.repeat(bytes(65536))),
]


@pytest.mark.parametrize("end", [close, hold], ids=["closes", "holds"])
@pytest.mark.parametrize(("name", "make"), UPLOADS, ids=[row[0] for row in UPLOADS])
def test_10_5_early_answer(server: Server, recorder: Any, name: str, make: Any, end: Any) -> None:
    """Contract 10.5, fault 35: an answer before the body is sent ends the sending and is read."""
    server.play(*begin_upload(name), send(TOO_LARGE), end(), read_request=False)
    request = recorder.run(server.url, req_body=make(), timeout=15)

    assert "failure" == recorder.terminal, request.error
    assert (413, "big") == (request.resp_status, request.result)
    request.join(20)
    assert not request.is_alive()


@pytest.mark.parametrize("end", [close, hold], ids=["closes", "holds"])
def test_10_5_early_answer_over_tls(tls_server: Server, recorder: Any, ca_file: str, end: Any) -> None:
    """Contract 10.5, fault 35: over TLS as well."""
    tls_server.play(receive_head(), send(TOO_LARGE), end(), read_request=False)
    request = recorder.run(tls_server.url, req_body=bytes(24 * MEGABYTE), ca_file=ca_file, timeout=15)

    assert "failure" == recorder.terminal, request.error
    assert (413, "big") == (request.resp_status, request.result)


def test_fault_36_expectation_failed(server: Server, recorder: Any) -> None:
    """Fault 36: a 417 to the caller's Expect is an answer like any other."""
    server.play(receive_head(), send(TOO_LARGE.replace(b"413 Too Large", b"417 No")), read_request=False)
    request = recorder.run(server.url, req_body=b"x" * 100_000, req_headers={"Expect": "100-continue"}, timeout=15)

    assert ("failure", 417) == (recorder.terminal, request.resp_status)


@pytest.mark.parametrize(("name", "make"), UPLOADS, ids=[row[0] for row in UPLOADS])
def test_fault_37_reset_during_an_upload(server: Server, recorder: Any, name: str, make: Any) -> None:
    """Fault 37: a connection that breaks during an upload is an error, and a POST is never sent again."""
    server.play(*begin_upload(name), reset(), read_request=False)
    request = recorder.run(server.url, req_body=make(), timeout=15)

    assert ("error", True, 1) == (
        recorder.terminal,
        isinstance(request.error, ConnectionError),
        server.connection_count,
    )


INTERIM = [CONTINUE, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"]


@pytest.mark.parametrize("interim", INTERIM, ids=["100", "103"])
@pytest.mark.parametrize(
    "make", [bytes, io.BytesIO, lambda octets: iter([octets] * 4)], ids=["bytes", "file", "chunks"]
)
def test_fault_49_interim_response_during_an_upload(server: Server, recorder: Any, make: Any, interim: bytes) -> None:
    """Fault 49, contract 10.5: an interim response is no answer: the sending goes on, a late 100 included."""
    size = 4 * MEGABYTE
    server.play(
        receive_head(), receive_some(100_000), send(interim), receive_some(size - 100_000), send(OK), read_request=False
    )
    request = recorder.run(server.url, req_body=make(bytes(size)), timeout=15)

    assert "success" == recorder.terminal, request.error
    assert 200 == request.resp_status


def test_15_1_slow_upload_is_no_timeout(server: Server, recorder: Any) -> None:
    """Contract 15.1: each send has the whole timeout; an upload that goes on is none, however long it takes."""
    steps = [
        step
        for number in range(4)
        for step in (wait_for(f"go {number}"), receive_some(4 * MEGABYTE), signal(f"got {number}"))
    ]
    server.play(receive_head(), send(CONTINUE), *steps, send(OK), read_request=False)
    request = recorder.get(server.url, req_body=bytes(16 * MEGABYTE), timeout=15)
    for number in range(4):
        server.signal(f"go {number}")
        server.wait(f"got {number}")
    assert request.wait(timeout=20)

    assert "hello" == request.result


def test_9_2_ipv6_upload(recorder: Any) -> None:
    """Contract 9.2: uploads over IPv6."""
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with Server(host="::1") as server:
        server.route("/", lambda request: Reply(body=request.body))
        assert "x" * 300_000 == recorder.run(server.url, req_body="x" * 300_000).result


def test_fault_34_half_closed_server_that_never_reads(server: Server, recorder: Any) -> None:
    """Fault 34, contract 15.1: a server that has sent all it has and reads nothing is a timeout, no busy loop."""
    server.play(receive_head(), finish(), wait_for("over"), read_request=False)
    request = recorder.run(server.url, req_body=itertools.repeat(bytes(65536)), timeout=0.2)
    server.signal("over")

    assert ("error", TimeoutError) == (recorder.terminal, type(request.error))
    assert "sending to" in str(request.error)


@pytest.mark.parametrize(
    ("keep_alive", "given", "sent"),
    [(True, None, "keep-alive"), (False, None, None), (True, "close", "close"), (False, "keep-alive", "keep-alive")],
)
def test_17_10_servers_are_asked_how_long(
    server: Server, monkeypatch: pytest.MonkeyPatch, keep_alive: bool, given: str | None, sent: str | None
) -> None:
    """Contract 17.10: a request asks for a connection that is kept, unless connections are not; the user's own wins."""
    monkeypatch.setattr(defaults, "keep_alive", keep_alive)
    server.respond("/", b"hello")
    request = UrlRequest(server.url, timeout=20, req_headers=None if given is None else {"connection": given})
    request.wait(20)

    assert sent == server.requests[0].header("Connection")
    assert b"hello" == request.content


@pytest.mark.parametrize(("given", "sent"), [(None, None), ("keep-alive", "keep-alive"), ("close", "close")])
def test_17_10_proxies_are_not_asked(server: Server, given: str | None, sent: str | None) -> None:
    """Contract 17.10: an old proxy might pass the wish on (RFC 9112, section C.2.2); the user's own header is sent."""
    server.respond("/", b"hello")
    headers = None if given is None else {"Connection": given}
    request = UrlRequest(
        "http://a.test/", timeout=20, req_headers=headers, proxy_host="127.0.0.1", proxy_port=server.port
    )
    request.wait(20)

    assert (b"hello", sent) == (request.content, server.requests[0].header("Connection"))
