"""Uploads (contract 10.2, 10.5, 17.1 and 17.2): bodies that are sent, as other people's servers understand them."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.messages import CONTINUE, reply
from support.programs import file_server
from urlrequest import Headers, Session, UrlRequest, defaults, errors
from urlrequest._http1 import connection, interim
from urlrequest.testing import Reply, Server, hold, receive, receive_head, receive_some, reset, send, signal, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


flask = pytest.importorskip("flask")

pytestmark = pytest.mark.usefixtures("without_keep_alive")

OK = reply(b"ok")
LARGE = bytes(range(256)) * 8192  # 2 MiB: announced before it is sent
PIECE = 64 * 1024


# A parser that is not ours


@pytest.fixture(scope="module")
def form() -> Iterator[str]:
    """The URL of a Flask application that sends back what it understood of a form."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, kind: str, message: str, *args: Any) -> None:
            pass

    app = flask.Flask("form")

    @app.route("/", methods=["POST", "PUT"])
    def tell() -> Any:
        asked = flask.request
        files = [
            [name, file.filename, file.content_type, hashlib.sha256(file.read()).hexdigest()]
            for name, file in asked.files.items(multi=True)
        ]
        fields = list(asked.form.items(multi=True))
        length = asked.headers.get("Content-Length")
        return {"fields": fields, "files": files, "length": length, "query": list(asked.args.items(multi=True))}

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, name="form", daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}/"
    running.shutdown()
    running.server_close()
    thread.join(20)


def post(url: str, **options: Any) -> Any:
    request = UrlRequest(url, **{"timeout": 10, **options})
    assert request.wait(timeout=20)
    assert request.error is None, request.error
    assert 200 == request.resp_status, request.result
    return request.result


def told(name: str, file_name: str, content_type: str, octets: bytes) -> list[str]:
    return [name, file_name, content_type, hashlib.sha256(octets).hexdigest()]


NAMES = [
    "plain.txt",
    "with space.txt",
    "grün – 日本語 🎉.txt",
    'quo"ted.txt',
    "semi;colon=1.txt",
    "percent%41.txt",
    "single'quote.txt",
    "comma,.txt",
]


@pytest.mark.parametrize("file_name", NAMES)
def test_17_1_file_names(form: str, tmp_path: Path, file_name: str) -> None:
    """Contract 17.1: a file's own name arrives as it is, given by path, as an open file and explicitly."""
    path = tmp_path / file_name
    path.write_bytes(LARGE[:1000])
    with path.open("rb") as file:
        files = {"path": path, "text": str(path), "open": file, "named": (file_name, b"given")}
        result = post(form, files=files)

    expected = [told(name, file_name, "text/plain", LARGE[:1000]) for name in ("path", "text", "open")]
    assert [*expected, told("named", file_name, "text/plain", b"given")] == result["files"]


@pytest.mark.parametrize("name", ["a", "a b", "größe", 'quo"ted', "semi;colon", "a[b]"])
def test_17_1_field_names(form: str, name: str) -> None:
    """Contract 17.1: names of fields arrive as they are, as do those of files."""
    result = post(form, req_body={name: "value"}, files={name: ("x.bin", b"x")})

    assert [[name, "value"]] == result["fields"]
    assert [told(name, "x.bin", "application/octet-stream", b"x")] == result["files"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (None, []),
        ({}, []),
        ({"a": "1", "b": "ä€🎉"}, [["a", "1"], ["b", "ä€🎉"]]),
        ([("a", "1"), ("a", "2")], [["a", "1"], ["a", "2"]]),
        ({"a": ["1", "2"]}, [["a", "1"], ["a", "2"]]),
        ({"a": 5, "b": 1.5, "c": True}, [["a", "5"], ["b", "1.5"], ["c", "True"]]),
        ({"a": b"octets"}, [["a", "octets"]]),
        ({"a": ""}, [["a", ""]]),
        ({"a": "--\r\nContent-Disposition: form-data; name=evil\r\n\r\n--"}, None),
    ],
)
def test_17_1_fields(form: str, fields: Any, expected: Any) -> None:
    """Contract 17.1: the fields of a form with files, in order, whatever is in them."""
    result = post(form, req_body=fields, files={"f": ("f", b"")})

    assert (expected if expected is not None else [list(pair) for pair in fields.items()]) == result["fields"]


def test_17_1_line_ends_in_names_end_nothing(form: str) -> None:
    """Contract 17.1: CR and LF in a name are escaped, so that nothing can be slipped in."""
    evil = 'x"\r\nContent-Type: text/html\r\n\r\nevil'
    result = post(form, req_body={evil: "1"}, files={"f": (evil, b"", "text/plain")})

    ((name, _),) = result["fields"]
    assert 'x"%0D%0AContent-Type: text/html%0D%0A%0D%0Aevil' == name
    assert [told("f", name, "text/plain", b"")] == result["files"]


def test_17_1_types(form: str, tmp_path: Path) -> None:
    """Contract 17.1: a type is the one given, else that of the name, else octet-stream."""
    path = tmp_path / "page.html"
    path.write_bytes(b"<p>")
    files = [
        ("a", path),
        ("b", ("page.html", path, "text/x-special; charset=utf-8")),
        ("c", ("unknown.qqq", b"")),
        ("d", (None, b"")),
        ("e", b"bare"),
    ]
    result = post(form, files=files)

    assert [
        told("a", "page.html", "text/html", b"<p>"),
        told("b", "page.html", "text/x-special; charset=utf-8", b"<p>"),
        told("c", "unknown.qqq", "application/octet-stream", b""),
        told("d", "d", "application/octet-stream", b""),
        told("e", "e", "application/octet-stream", b"bare"),
    ] == result["files"]


def test_17_1_empty_files_and_no_files(form: str, tmp_path: Path) -> None:
    """Contract 17.1: a file may be empty, and a form may have none."""
    (tmp_path / "empty").write_bytes(b"")

    assert [told("f", "empty", "application/octet-stream", b"")] == post(form, files={"f": tmp_path / "empty"})["files"]
    assert [] == post(form, req_body={"a": "b"}, files={})["files"]


def test_17_1_known_length(form: str, tmp_path: Path) -> None:
    """Contract 17.1: with files from disk the length is known beforehand, and several files may have one name."""
    (tmp_path / "a").write_bytes(LARGE)
    (tmp_path / "b").write_bytes(LARGE[1:])
    result = post(form, files={"f": [tmp_path / "a", tmp_path / "b"]})

    assert [LARGE, LARGE[1:]] == [
        octets
        for octets in (LARGE, LARGE[1:])
        if hashlib.sha256(octets).hexdigest() in {file[3] for file in result["files"]}
    ]
    assert int(result["length"]) > 2 * len(LARGE) - 1


def test_17_1_unknown_length(form: str) -> None:
    """Contract 17.1: a body of unknown length is sent in chunks."""
    files = {"f": ("f.bin", iter([b"one", b"two"])), "g": ("g.txt", io.StringIO("größe"))}
    result = post(form, files=files)

    assert None is result["length"]
    assert [b"onetwo", "größe".encode()] == [
        octets
        for octets, file in zip([b"onetwo", "größe".encode()], result["files"], strict=True)
        if file[3] == hashlib.sha256(octets).hexdigest()
    ]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"a": "1", "b": ["2", "3"]}, [["a", "1"], ["b", "2"], ["b", "3"]]),
        ([("a", "ä & ö"), ("a", 5)], [["a", "ä & ö"], ["a", "5"]]),
        ("x=1&y=%20ü#z", [["x", "1"], ["y", " ü#z"]]),
        ('x=50%&y=[<"^`{|}>]', [["x", "50%"], ["y", '[<"^`{|}>]']]),
        ({}, []),
        ("", []),
    ],
)
@pytest.mark.parametrize("query", ["", "?", "?q=0"])
def test_17_1_params(form: str, params: Any, expected: Any, query: str) -> None:
    """Contract 17.1: `params` is the query, behind what the URL has of one."""
    result = post(form + query, params=params, req_body=b"")

    assert [*([["q", "0"]] if query == "?q=0" else []), *expected] == result["query"]


def test_10_6_the_same_values_everywhere(form: str) -> None:
    """Contract 10.6: query, form and fields beside files are the same entries, None leaves one out."""
    values = {"a": None, "b": [1, None, 2.5], "c": (), "d": True, "e": b"\xc3\xa4", "f": Decimal("1.0"), "g": "", 5: 6}
    expected = [["b", "1"], ["b", "2.5"], ["d", "True"], ["e", "ä"], ["f", "1.0"], ["g", ""], ["5", "6"]]

    assert expected == post(form, params=values, req_body=b"")["query"]
    assert expected == post(form, req_body=values)["fields"]
    assert expected == post(form, req_body=values, files={"f": ("f", b"")})["fields"]


def test_17_1_json(server: Server) -> None:
    """Contract 17.1: `json` is the body, with its type; the user's own type wins."""
    server.route("/", lambda request: Reply(200, request.body, {"Content-Type": "application/json"}))
    for value in ({"a": [1, "ü", None]}, [], "text", 0, False):
        assert value == post(server.url, json=value)
    post(server.url, json={}, req_headers={"content-type": "application/vnd.api+json"})

    assert ["application/json"] * 5 + ["application/vnd.api+json"] == [
        request.header("Content-Type") for request in server.requests
    ]
    assert {"POST"} == {request.method for request in server.requests}


BAD = {
    "json and body": ({"json": {}, "req_body": b""}, ValueError),
    "json and files": ({"json": {}, "files": {}}, ValueError),
    "json of objects": ({"json": object()}, TypeError),
    "json of nan": ({"json": {"a": float("nan")}}, ValueError),
    "params in params": ({"params": {"a": {"b": 1}}}, TypeError),
    "lists in lists": ({"req_body": {"a": [["b"]]}}, TypeError),
    "files and type": ({"files": {}, "req_headers": {"Content-Type": "text/plain"}}, ValueError),
    "files of text": ({"files": "file"}, TypeError),
    "files of numbers": ({"files": 5}, TypeError),
    "a file of nothing": ({"files": {"f": 5}}, TypeError),
    "a tuple of one": ({"files": {"f": ("name",)}}, TypeError),
    "a name of octets": ({"files": {"f": (b"name", b"")}}, TypeError),
    "a type of two lines": ({"files": {"f": ("name", b"", "a/b\r\nEvil: 1")}}, ValueError),
    "a type of octets": ({"files": {"f": ("name", b"", b"a/b")}}, ValueError),
    "no pairs": ({"files": ["abc"]}, TypeError),
    "names of numbers": ({"files": {5: b""}}, TypeError),
    "fields of octets": ({"files": {}, "req_body": b"abc"}, TypeError),
    "missing file": ({"files": {"f": "/nowhere/at/all"}}, FileNotFoundError),
    "folder": ({"files": {"f": "/"}}, IsADirectoryError),
    "device": ({"files": {"f": "/dev/zero"}}, OSError),
    "params": ({"params": 5}, TypeError),
    "params of no pairs": ({"params": [1, 2]}, TypeError),
}


@pytest.mark.parametrize("what", BAD)
def test_17_1_what_cannot_be_sent(server: Server, what: str) -> None:
    """Contract 17.1, 2.3: what is wrong with a body is reported before anything is sent."""
    options, error = BAD[what]
    request: Any = UrlRequest(server.url, on_error=lambda *_: None, **options)
    assert request.wait(timeout=20)

    assert isinstance(request.error, error)
    assert 0 == server.connection_count


def test_17_1_a_pipe_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    """Contract 17.1: a path that leads to a pipe is an error, not a request that never ends."""
    os.mkfifo(tmp_path / "pipe")
    request = UrlRequest(server.url, files={"f": tmp_path / "pipe"})
    assert request.wait(timeout=20)

    assert isinstance(request.error, OSError)


@pytest.mark.parametrize("change", [b"x" * 999, b"x" * 1001])
@pytest.mark.no_leaks
def test_fault_39_file_that_changes(server: Server, tmp_path: Path, change: bytes) -> None:
    """Fault 39: a file that has another length than it was announced with is an error, never a wrong form."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    server.play(receive_head(), signal("head"), hold(), read_request=False)

    def announce(request: Any, sent: int, total: int) -> None:
        pass

    real = connection.encode_head

    def changing(*arguments: Any) -> bytes:
        path.write_bytes(change)
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "encode_head", changing)
        request = UrlRequest(server.url, files={"f": path}, on_upload_progress=announce)
        assert request.wait(timeout=20)

    assert isinstance(request.error, errors.IncompleteContent)


@pytest.mark.system
def test_nginx_takes_the_body(tmp_path: Path, server: Server) -> None:
    """Contract 10.2, 17.1: nginx, which writes bodies to files, has what we sent, with a length and in chunks."""
    folder = tmp_path / "www"
    folder.mkdir()
    server.route("/form", lambda request: Reply(200, request.header("X-Body") or ""))
    taking = f"""
        client_max_body_size 10m; client_body_in_file_only on;
        location /form {{ proxy_pass http://127.0.0.1:{server.port}; proxy_set_header X-Body $request_body_file; }}
    """
    with file_server(folder, taking) as url:
        for body in (LARGE, [LARGE[:100_000], b"", LARGE[100_000:]], io.BytesIO(LARGE)):
            path = post(url + "/form", req_body=body)
            with open(path, "rb") as taken:
                assert LARGE == taken.read()
        upload = tmp_path / "upload"
        upload.write_bytes(LARGE)
        path = post(url + "/form", files={"f": upload}, req_body={"a": "1"})
        with open(path, "rb") as taken:
            form_data = taken.read()

    boundary = form_data.partition(b"\r\n")[0]
    assert form_data.endswith(boundary + b"--\r\n")
    assert [b"", b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'] == form_data.split(boundary)[:2]
    assert LARGE in form_data


@pytest.mark.system
def test_10_5_nginx_refuses_early(tmp_path: Path) -> None:
    """Contract 10.5: nginx's own 413 to a body that is too large arrives as a failure."""
    folder = tmp_path / "www"
    folder.mkdir()
    with file_server(folder, "client_max_body_size 1k;") as url:
        for options in ({}, {"req_headers": {"Expect": None}}):
            request = UrlRequest(url, req_body=LARGE * 4, timeout=20, **options)
            assert request.wait(timeout=20)
            assert 413 == request.resp_status, request.error


# Progress


class Told:
    """Records the calls of on_upload_progress."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int]] = []

    def __call__(self, request: Any, sent: int, total: int) -> None:
        self.events.append((sent, total))


def steps(total: int) -> list[int]:
    return [*range(0, total, PIECE), total, total][: None if total else 2]


@pytest.mark.parametrize("total", [0, 1, PIECE - 1, PIECE, PIECE + 1, 300_000])
def test_17_2_upload_progress(server: Server, total: int) -> None:
    """Contract 17.2: from nothing to all of it, in steps of 64 KiB, before anything of the answer."""
    server.respond("/", b"ok")
    told_, order = Told(), []
    request = UrlRequest(
        server.url,
        req_body=bytes(total),
        on_upload_progress=lambda *told: (told_(*told), order.append("up")),
        on_progress=lambda *_: order.append("down"),
    )
    assert request.wait(timeout=20)

    expected = [0, *range(PIECE, total, PIECE), total]
    assert [(sent, total) for sent in expected] == told_.events
    assert ["up"] * len(expected) == order[: len(expected)]
    assert {"down"} == set(order[len(expected) :])


@pytest.mark.parametrize("body", [iter([b"abc", b"", b"de"]), [b"abc", b"de"]])
def test_17_2_upload_progress_of_unknown_length(server: Server, body: Any) -> None:
    """Contract 17.2: the total is -1 where nobody knows it; the last event comes all the same."""
    server.respond("/", b"ok")
    heard = Told()
    assert UrlRequest(server.url, req_body=body, on_upload_progress=heard).wait(timeout=20)

    assert [(0, -1), (3, -1), (5, -1), (5, -1)] == heard.events


def test_17_2_upload_progress_of_a_form(server: Server, tmp_path: Path) -> None:
    """Contract 17.2: a form's total is its Content-Length."""
    (tmp_path / "f").write_bytes(LARGE)
    server.respond("/", b"ok")
    heard = Told()
    assert UrlRequest(server.url, files={"f": tmp_path / "f"}, on_upload_progress=heard).wait(timeout=20)

    total = len(server.requests[0].body)
    assert (0, total) == heard.events[0]
    assert (total, total) == heard.events[-1]
    assert sorted(set(heard.events)) == heard.events
    assert 32 <= len(heard.events) <= 40


def test_17_2_without_a_body_no_upload_progress(server: Server) -> None:
    """Contract 17.2: what sends nothing has no progress in sending."""
    server.respond("/", b"ok")
    heard = Told()
    assert UrlRequest(server.url, on_upload_progress=heard).wait(timeout=20)

    assert [] == heard.events


def test_17_3_upload_progress_interval(server: Server) -> None:
    """Contract 17.3: events closer to each other than the interval are left out, first and last never."""
    server.respond("/", b"ok")
    heard = Told()
    request = UrlRequest(server.url, req_body=LARGE, on_upload_progress=heard, progress_interval=60)
    assert request.wait(timeout=20)

    assert [(0, len(LARGE)), (len(LARGE), len(LARGE))] == heard.events


def test_17_2_progress_tells_what_was_sent(server: Server) -> None:
    """Contract 17.2: an octet counts when the system has taken it, not when it was read from the body."""
    head = "POST / HTTP/1.1\r\n"
    taken: list[int] = []
    heard = Told()

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            taken.append(number)
            yield bytes([number]) * 10

    server.respond("/", b"ok")
    request = UrlRequest(server.url, req_body=pieces(), on_upload_progress=heard)
    assert request.wait(timeout=20)

    assert [0, 1, 2] == taken
    assert [(0, -1), (10, -1), (20, -1), (30, -1), (30, -1)] == heard.events
    assert head.startswith(server.requests[0].method)


def test_17_2_early_answer_ends_the_progress(server: Server) -> None:
    """Contract 10.5, 17.2: a body that was not sent to its end is never reported as complete."""
    reply = b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server.play(receive_head(), send(reply), hold(), read_request=False)
    heard = Told()
    size = 64 * 1024 * 1024
    request = UrlRequest(server.url, req_body=bytes(size), on_upload_progress=heard)
    assert request.wait(timeout=20)

    assert 413 == request.resp_status
    assert (0, size) == heard.events[0] if heard.events else True
    assert (size, size) not in heard.events


# Sending it again


def makers(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return {
        "bytes": {"req_body": b"content"},
        "str": {"req_body": "content"},
        "list": {"req_body": [b"con", b"tent"]},
        "file": {"req_body": io.BytesIO(b"content")},
        "json": {"json": "content"},
        "form": {"files": {"f": path}},
    }


@pytest.mark.parametrize("kind", ["bytes", "str", "list", "file", "json", "form"])
@pytest.mark.parametrize("status", [307, 308])
def test_17_4_redirect_sends_the_body_again(server: Server, tmp_path: Path, kind: str, status: int) -> None:
    """Contract 17.4: 307 and 308 want the same body once more; what can be read twice is."""
    server.respond("/", b"", status=status, headers={"Location": "/there"})
    server.respond("/there", b"ok")
    heard = Told()
    options = makers(tmp_path)[kind]
    request = UrlRequest(server.url, follow_redirects=True, on_upload_progress=heard, **options)
    assert request.wait(timeout=20)

    first, second = server.requests
    assert (200, None) == (request.resp_status, request.error)
    assert first.body == second.body
    assert b"content" in first.body
    assert ("POST", "/there") == (second.method, second.path)
    # The progress begins anew, since the octets are sent anew.
    assert 2 == [sent for sent, _ in heard.events].count(0)


@pytest.mark.parametrize("kind", ["iterator", "text file", "form"])
def test_17_4_redirect_of_what_is_gone(server: Server, kind: str) -> None:
    """Contract 17.4: a body that can be read only once is not sent half: the error says so."""
    server.respond("/", b"", status=307, headers={"Location": "/there"})
    once = iter([b"content"])
    options: dict[str, Any] = {
        "iterator": {"req_body": once},
        "text file": {"req_body": io.StringIO("content")},
        "form": {"files": {"f": ("name", once)}},
    }[kind]
    request = UrlRequest(server.url, follow_redirects=True, **options)
    assert request.wait(timeout=20)

    assert isinstance(request.error, errors.UnsafeRedirect)
    assert "can be read only once" in str(request.error)
    assert 1 == len(server.requests)


@pytest.mark.parametrize("kind", ["bytes", "list", "file", "form"])
def test_17_5_retry_sends_the_body_again(
    monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path, kind: str
) -> None:
    """Contract 17.5: an idempotent request whose body can be read again is tried again, all of it."""
    from urlrequest._engine import exchange

    monkeypatch.setattr(exchange, "back_off", lambda attempt: 0.001)
    server.play(receive(), reset(), read_request=False)
    server.play(receive(), send(OK), read_request=False)
    request = UrlRequest(server.url, method="PUT", retries=1, **makers(tmp_path)[kind])
    assert request.wait(timeout=20)

    first, second = server.requests
    assert (200, None) == (request.resp_status, request.error)
    assert first.body == second.body
    assert b"content" in first.body


def test_17_5_no_retry_of_what_is_gone(server: Server) -> None:
    """Contract 17.5: an iterator is not sent a second time, and the error says why there was no second attempt."""
    server.play(receive(), reset(), read_request=False)
    request: Any = UrlRequest(server.url, method="PUT", retries=3, req_body=iter([b"content"]))
    assert request.wait(timeout=20)

    assert isinstance(request.error, ConnectionError)
    assert 1 == server.connection_count
    if hasattr(request.error, "__notes__"):
        assert ["not tried again: the body can be read only once"] == request.error.__notes__


# Expect


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is slow to answer is waited for."""
    monkeypatch.setattr(interim, "CONTINUE_TIME", 60.0)


@pytest.mark.usefixtures("patient")
def test_fault_36_body_is_announced(server: Server) -> None:
    """Fault 36: a large body is sent when the server says so, and not before."""
    server.play(
        receive_head(), signal("head"), wait_for("go"), send(CONTINUE), receive_some(len(LARGE)), send(OK),
        read_request=False,
    )  # fmt: skip
    heard = Told()
    request = UrlRequest(server.url, req_body=LARGE, on_upload_progress=heard)
    server.wait("head")
    server.signal("go")
    assert request.wait(timeout=20)

    assert "100-continue" == server.requests[0].header("Expect")
    assert (200, "ok") == (request.resp_status, request.result)
    assert (len(LARGE), len(LARGE)) == heard.events[-1]


@pytest.mark.parametrize("size", [0, 10, 1024 * 1024])
def test_fault_36_small_bodies_are_not_announced(server: Server, size: int) -> None:
    """Fault 36: what is sent in a moment is not worth a round trip."""
    server.respond("/", b"ok")
    post(server.url, req_body=bytes(size))

    assert None is server.requests[0].header("Expect")


def test_fault_36_user_decides(server: Server) -> None:
    """Contract 10.3, fault 36: None leaves Expect out; the user's own is kept to for a small body."""
    server.respond("/", b"ok")
    post(server.url, req_body=LARGE, req_headers={"expect": None})
    server.play(receive_head(), send(CONTINUE), receive_some(3), send(OK), read_request=False)
    post(server.url, req_body=iter([b"abc"]), req_headers={"Expect": "100-continue", "Content-Length": 3})

    assert [None, "100-continue"] == [request.header("Expect") for request in server.requests]


class Sized:
    """A file-like object that cannot seek, but whose length is known."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)
        self.len = len(content)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


REFUSED = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno"


@pytest.mark.parametrize("make", [bytes, Sized], ids=["bytes", "read-once"])
@pytest.mark.usefixtures("patient")
def test_10_7_expect_is_taken_back(server: Server, make: Any) -> None:
    """Contract 10.7: a 417 to our own Expect sends the request again without it (RFC 9110, section 10.1.1)."""
    server.play(receive_head(), send(REFUSED), read_request=False)
    server.respond("/", b"ok")
    heard = Told()
    request = UrlRequest(server.url, req_body=make(LARGE), on_upload_progress=heard)
    assert request.wait(timeout=20)

    assert (200, "ok") == (request.resp_status, request.result)
    assert ["100-continue", None] == [each.header("Expect") for each in server.requests]
    assert server.requests[1].body == LARGE
    assert (len(LARGE), len(LARGE)) == heard.events[-1]


def test_10_7_a_body_that_was_begun_is_not_cut_in_two(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.7: where a part of a body that can be read once was sent before the 417, that is the outcome."""
    monkeypatch.setattr(interim, "CONTINUE_TIME", 0.0)
    server.play(receive_head(), receive_some(1000), send(REFUSED), read_request=False)
    request = UrlRequest(server.url, req_body=Sized(LARGE), on_finish=bool)
    assert request.wait(timeout=20)

    assert (417, 1) == (request.resp_status, len(server.requests))


def test_10_7_a_request_without_it_is_signed_again(server: Server) -> None:
    """Contract 10.4, 10.7: a callable `auth` signs what is sent, so it is called again for what is sent then."""

    def sign(headers: Headers) -> None:
        assert "X-Signature" not in headers
        headers["X-Signature"] = ",".join(sorted(name.lower() for name in headers))

    server.play(receive_head(), send(REFUSED), read_request=False)
    server.respond("/", b"ok")
    request = UrlRequest(server.url, req_body=LARGE, auth=sign)
    assert request.wait(timeout=20)

    for each in server.requests:
        assert each.header("X-Signature") == ",".join(
            sorted(name.lower() for name, _ in each.headers if name != "X-Signature")
        )
    assert ["100-continue", None] == [each.header("Expect") for each in server.requests]


def test_10_7_a_second_417_is_the_outcome(server: Server) -> None:
    """Contract 10.7: without an Expect of ours a 417 is an answer like any other."""
    for _ in range(2):
        server.play(receive_head(), send(REFUSED), read_request=False)
    request = UrlRequest(server.url, req_body=LARGE, on_finish=bool)
    assert request.wait(timeout=20)

    assert (417, 2) == (request.resp_status, len(server.requests))


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, 2),
        ({"file_path": "file"}, 2),
        ({"method": "POST"}, 1),
        ({"req_headers": {"Accept-Encoding": "br"}}, 1),
        ({"req_headers": {"Accept-Encoding": None}}, 1),
    ],
    ids=["get", "file", "post", "users-own", "none"],
)
def test_10_7_accept_encoding_is_taken_back(
    server: Server, options: dict[str, Any], sent: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 10.7: a 406 to our own Accept-Encoding sends a request that may be repeated again without it."""
    monkeypatch.chdir(tmp_path)
    server.route("/", lambda request: Reply(406 if request.header("Accept-Encoding") or sent == 1 else 200, b"ok"))
    request = UrlRequest(server.url, on_finish=bool, **options)
    assert request.wait(timeout=20)

    assert (200 if sent == 2 else 406, sent) == (request.resp_status, len(server.requests))


@pytest.mark.parametrize("status", ["413 Too Large", "401 Unauthorized"])
@pytest.mark.usefixtures("patient")
def test_fault_36_refused_before_it_is_sent(server: Server, status: str) -> None:
    """Fault 36, contract 10.5: a final answer instead of 100 is the outcome, and nothing of the body is sent."""
    reply = f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno".encode()
    server.play(receive_head(), send(reply), read_request=False)
    heard = Told()
    request = UrlRequest(server.url, req_body=LARGE, on_upload_progress=heard)
    assert request.wait(timeout=20)

    assert (int(status[:3]), "no") == (request.resp_status, request.result)
    assert [] == heard.events


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        CONTINUE[:9],
    ],
)
@pytest.mark.parametrize("is_refused", [True, False])
@pytest.mark.usefixtures("patient")
def test_fault_36_other_interim_responses_are_no_leave(server: Server, first: bytes, is_refused: bool) -> None:
    """Fault 36: only 100 asks for the body, however it arrives; what else comes before is passed over."""
    rest = CONTINUE[9:] if CONTINUE.startswith(first) else CONTINUE
    refusal = b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    if is_refused:
        script = [send(first + rest[:-2] + b"\r\n" + refusal)]
        if not CONTINUE.startswith(first):
            script = [send(first), signal("interim"), send(refusal)]
    else:
        script = [send(first), signal("interim"), send(rest), receive_some(len(LARGE)), send(OK)]
    server.play(receive_head(), *script, read_request=False)
    request = UrlRequest(server.url, req_body=LARGE)
    assert request.wait(timeout=20)

    assert (413 if is_refused else 200) == request.resp_status, request.error


@pytest.mark.parametrize("is_tls", [False, True])
def test_fault_36_server_that_ignores_it(
    monkeypatch: pytest.MonkeyPatch, server: Server, tls_server: Server, ca_file: str, is_tls: bool
) -> None:
    """Fault 36: after a second without an answer the body is sent; session tickets of TLS are no answer."""
    monkeypatch.setattr(interim, "CONTINUE_TIME", 0.05)
    chosen = tls_server if is_tls else server
    chosen.play(receive_head(), receive_some(len(LARGE)), send(OK), read_request=False)
    request = UrlRequest(chosen.url, req_body=LARGE, ca_file=ca_file if is_tls else None)
    assert request.wait(timeout=20)

    assert (200, "ok") == (request.resp_status, request.result), request.error


def test_fault_36_waits_a_second() -> None:
    """Fault 36: the time for a 100 is one second."""
    assert 1.0 == interim.CONTINUE_TIME


def test_7_2_cancel_while_waiting_for_leave(server: Server, recorder: Any) -> None:
    """Contract 7.2: the wait for a 100 ends with a cancel."""
    server.play(receive_head(), signal("head"), hold(), read_request=False)
    request = recorder.get(server.url, req_body=LARGE)
    server.wait("head")
    request.cancel()
    assert request.wait(timeout=20)
    request.join(20)

    assert "cancel" == recorder.terminal
    assert not request.is_alive()


def test_fault_36_server_closes_instead(server: Server) -> None:
    """Fault 36: a connection that ends while leave is waited for is an error."""
    server.play(receive_head(), read_request=False)
    request = UrlRequest(server.url, req_body=LARGE, timeout=20)
    assert request.wait(timeout=20)

    assert isinstance(request.error, ConnectionError)


@pytest.mark.parametrize("status", ["413 Too Large", "401 Unauthorized"])
def test_fault_35_early_answer_in_the_middle(server: Server, status: str) -> None:
    """Contract 10.5, fault 35: a server that answers within the body gets its answer read, at once."""
    reply = f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".encode()
    server.play(receive_head(), receive_some(100_000), send(reply), hold(), read_request=False)
    size = 64 * 1024 * 1024
    request = UrlRequest(server.url, req_body=bytes(size), req_headers={"Expect": None}, timeout=20)
    assert request.wait(timeout=20)

    assert (int(status[:3]), "no") == (request.resp_status, request.result)


def test_fault_49_a_long_interim_response_in_two_pieces(server: Server) -> None:
    """Fault 49: the beginning of an interim response, however long it is, does not stop the sending."""
    hints = b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </a>; rel=preload\r\n" * 300 + b"\r\n"
    size = 8 * 1024 * 1024
    server.play(
        receive_head(), receive_some(100_000), send(hints[:6000]), receive_some(size // 2), send(hints[6000:]),
        receive_some(size // 2 - 100_000), send(OK), read_request=False,
    )  # fmt: skip
    request = UrlRequest(server.url, req_body=bytes(size), req_headers={"Expect": None}, timeout=20)
    assert request.wait(timeout=20)

    assert (200, "ok", None) == (request.resp_status, request.result, request.error)


@pytest.mark.parametrize("when", ["while sending", "afterwards"])
def test_11_4_no_interim_response_has_four_digits(server: Server, when: str) -> None:
    """Contract 11.4: "HTTP/1.1 1000 x" is the same error, whether the request is still being sent or not."""
    size = 8 * 1024 * 1024 if when == "while sending" else 10
    reply = b"HTTP/1.1 1000 x\r\n\r\n"
    server.play(receive_head(), receive_some(10), send(reply + OK), hold(), read_request=False)
    request = UrlRequest(server.url, req_body=bytes(size), req_headers={"Expect": None}, timeout=20)
    assert request.wait(timeout=20)

    assert isinstance(request.error, errors.ProtocolError)
    assert "status line but 'HTTP/1.1 1000 x" in str(request.error)


@pytest.mark.parametrize("later", [6, 7])
def test_fault_50_interim_responses_are_counted_once(server: Server, later: int) -> None:
    """Fault 50: sixteen in all are passed over, those that came while the request was being sent among them."""
    size = 8 * 1024 * 1024
    server.play(
        receive_head(), receive_some(100_000), send(CONTINUE * 10), receive_some(size - 100_000),
        send(CONTINUE * later + OK), read_request=False,
    )  # fmt: skip
    request = UrlRequest(server.url, req_body=bytes(size), req_headers={"Expect": None}, timeout=20)
    assert request.wait(timeout=20)

    assert (200 if later == 6 else None) == request.resp_status
    assert later == 6 or "more than 16 interim responses" in str(request.error)


def test_fault_49_each_request_may_have_interim_responses(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 49: those of earlier requests over the same connection do not count."""
    monkeypatch.setattr(defaults, "keep_alive", True)
    ok = OK.replace(b"Connection: close\r\n", b"")
    size = 4 * 1024 * 1024
    exchange = [
        receive_head(), receive_some(100_000), send(CONTINUE * 10), receive_some(size - 100_000),
        send(CONTINUE * 6 + ok),
    ]  # fmt: skip
    server.play(*exchange * 3, read_request=False)
    with Session() as session:
        for _ in range(3):
            request = session.request(
                server.url, method="PUT", req_body=bytes(size), req_headers={"Expect": None}, timeout=20
            )
            assert request.wait(timeout=20)
            assert (200, None) == (request.resp_status, request.error)

    assert 1 == server.connection_count


@pytest.mark.no_leaks
def test_10_5_early_answer_closes_the_users_files(server: Server, tmp_path: Path) -> None:
    """Contract 10.5: what was opened for a form is closed, though the form was not sent to its end."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    reply = b"HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server.play(receive_head(), receive_some(100_000), send(reply), hold(), read_request=False)
    server.play(receive_head(), receive_some(100_000), reset(), read_request=False)
    kept = []
    for _ in range(2):
        request = UrlRequest(server.url, files={"f": path}, req_headers={"Expect": None}, timeout=20)
        assert request.wait(timeout=20)
        request.join(20)
        kept.append(request)

    assert 413 == kept[0].resp_status
    assert isinstance(kept[1].error, ConnectionError)
    opened = (
        [
            os.readlink(f"/proc/self/fd/{name}")
            for name in os.listdir("/proc/self/fd")
            if os.path.lexists(f"/proc/self/fd/{name}")
        ]
        if os.path.isdir("/proc/self/fd")
        else []
    )
    assert str(path) not in opened


def test_json_of_the_form_is_what_flask_says(form: str) -> None:
    """Contract 10.2: a dict without files is a urlencoded form."""
    result = post(form, req_body={"a": "ä & =", "b": ["1", "2"]})

    assert [["a", "ä & ="], ["b", "1"], ["b", "2"]] == result["fields"]
    assert json.loads(json.dumps(result)) == result
