"""How users write it, as type checkers see it: no line here runs, mypy and pyright read it."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

import urlrequest
from urlrequest import (
    Cookie,
    CookieStore,
    DigestAuth,
    Headers,
    HTTPConnection,
    HTTPSConnection,
    NetrcAuth,
    Session,
    UrlRequest,
    errors,
    hooks,
    streams,
)
from urlrequest.testing import MockNetwork, Reply


def show(request: UrlRequest, result: Any) -> None:
    print(request.resp_status, result)


def show_error(request: UrlRequest, error: BaseException) -> None:
    print(request.url, error)


def show_network_error(request: UrlRequest, error: OSError) -> None:
    print(error.errno)


def show_progress(request: UrlRequest, current: int, total: int) -> None:
    print(current / total)


def show_end(request: UrlRequest) -> None:
    print(request.is_cancelled)


def construct() -> None:
    UrlRequest("example.com")
    UrlRequest("example.com", show, show, show, show_error, show_progress, b"body", {"A": "b"}, 8192, 10, "PUT")
    UrlRequest("example.com", on_success=lambda request, result: print(request.resp_reason, result))
    UrlRequest("example.com", on_cancel=show_end, on_finish=show_end)
    UrlRequest("example.com", on_success=None, on_finish=lambda request: None)
    UrlRequest("example.com", on_finish=lambda request: assert_type(request, UrlRequest).cancel())
    UrlRequest("example.com", on_success=lambda request, result: UrlRequest(result["next"]))
    UrlRequest("example.com", on_success=lambda request, result: (print(result), len(result)))
    UrlRequest("example.com", on_error=show_network_error)
    UrlRequest("example.com", on_error=lambda request, error: print(request.url, error.args))
    UrlRequest("example.com", on_error=print, on_failure=print, on_progress=print, on_cancel=print)
    UrlRequest("example.com").on_failure = show
    UrlRequest("example.com", timeout=2.5, deadline=10, decode=False, debug=True, chunk_size=-1)
    UrlRequest("example.com", file_path="file", verify=False)
    UrlRequest("example.com", file_path=Path("file"), ca_file=Path("ca.pem"), verify=None)
    UrlRequest("example.com", client_cert="client.pem", ssl_context=ssl.create_default_context())
    UrlRequest("example.com", client_cert=("client.pem", "client.key"))
    UrlRequest("example.com", client_cert=("client.pem", None, "pass phrase"), fingerprint="sha256:0")
    UrlRequest("example.com", proxy_host="proxy", proxy_port=3128, proxy_headers={"A": "b"}, user_agent="")


def send() -> None:
    UrlRequest("example.com", req_body="text")
    UrlRequest("example.com", req_body=bytearray(3))
    UrlRequest("example.com", req_body={"name": "value", "amount": 3})
    UrlRequest("example.com", req_body=Path("file").open("rb"))
    UrlRequest("example.com", req_body=(b"x" for _ in range(3)))
    UrlRequest("example.com", req_headers=[("A", "b"), ("A", "c")])
    UrlRequest("example.com", req_headers={"A": 1, "B": b"c", "D": None})
    UrlRequest("example.com", cookies="a=b", auth=("user", "password"))
    UrlRequest("example.com", cookies={"a": "b"})
    UrlRequest("example.com", auth=DigestAuth("user", "password"), proxy_auth=("user", b"password"))
    Session(auth=NetrcAuth(), proxy_auth=DigestAuth(b"user", b"password"))
    UrlRequest("example.com", auth=NetrcAuth(Path("netrc")))


def extend() -> None:
    UrlRequest("example.com", params={"a": 1}, json={"b": [1, 2]}, max_size=10, progress_interval=0.1)
    UrlRequest("example.com", files={"a": "path", "b": ("name", b"octets", "image/png")})
    UrlRequest("example.com", on_upload_progress=show_progress, on_chunk=lambda request, octets: print(octets))
    UrlRequest("example.com", file_path="file", resume=True, checksum="sha256:0")
    UrlRequest("example.com", expect_type="image/*")
    UrlRequest("example.com", file_path="file", resume=True, resume_key="report", low_speed=(1000, 30))
    UrlRequest("example.com", retries=1, retry_statuses={429}, retry_methods=["POST"], max_retry_after=20)
    Session(address_family="IPv4", low_speed=(1000, 2.5), retry_statuses=[], retry_methods=(), max_retry_after=2.5)
    UrlRequest("example.com", expect_type=["application/zip", "application/octet-stream"])


def stream(chunk: bytes) -> None:
    lines, events = streams.LineReader(max_size=1000), streams.EventReader("7")
    assert_type(list(lines.feed(chunk)), list[str])
    assert_type(lines.finish(), str)
    assert_type(list(events.feed(chunk)), list[streams.Event])
    assert_type(events.retry, float | None)
    source = streams.EventSource("example.com", print, show_end, last_id="7", auth=("user", "password"), timeout=90)
    source.close()


def read(request: UrlRequest) -> None:
    assert_type(request.wait(), bool)
    assert_type(request.wait(0.5, 10), bool)
    assert_type(request.wait(timeout=1.5), bool)
    assert_type(request.cancel(), bool)
    with request as entered:
        assert_type(entered, UrlRequest)
    assert_type(request.is_finished, bool)
    assert_type(request.is_cancelled, bool)
    assert_type(request.result, Any)
    assert_type(request.error, BaseException | None)
    assert_type(request.content, bytes | None)
    assert_type(request.text, str | None)
    assert_type(request.json(), Any)
    assert_type(request.resp_status, int | None)
    assert_type(request.resp_reason, str | None)
    assert_type(request.resp_headers, Headers | None)
    assert_type(request.resp_url, str | None)
    thread: threading.Thread = request
    thread.join()


def read_headers(headers: Headers) -> None:
    assert_type(headers["content-type"], str)
    assert_type(headers.get_all("set-cookie"), list[str])
    assert_type(headers.get_text("server"), str | None)
    spelled: dict[str, str] = headers
    print(spelled)


def together(request: UrlRequest) -> None:
    assert_type(urlrequest.wait_all([request, request]), bool)
    assert_type(urlrequest.wait_all(iter([request]), timeout=3), bool)
    assert_type(list(urlrequest.as_completed([request], timeout=3)), list[UrlRequest])
    assert_type(urlrequest.drain(), bool)
    assert_type(urlrequest.drain(0.004), bool)
    urlrequest.cancel_all()
    urlrequest.defaults.keep_alive = False
    urlrequest.defaults.detect_hook = False
    assert_type(urlrequest.__version__, str)


async def wait_for(request: UrlRequest) -> None:
    assert_type(await request, UrlRequest)
    assert_type(await ServiceRequest("label", "example.com"), ServiceRequest)


def share() -> None:
    with Session("https://example.com/", headers={"A": "b"}, timeout=10, max_requests=8, max_per_host=2) as session:
        assert_type(session.request("page", show, follow_redirects=True, retries=2), UrlRequest)
        session.request(url="page", on_error=show_network_error, req_headers={"A": 1}, address_family="IPv6")
        session.request("page", lambda request, result: print(assert_type(request, UrlRequest).url, result))
        UrlRequest("page", session=session, trust_env=True, follow_redirects=5)
        assert_type(session.get("page", show, deadline=3), UrlRequest)
        assert_type(session.post("page", on_success=show, json={"a": 1}).raise_for_status(), UrlRequest)
        assert_type(session.head("page").ok, bool)
        session.put("page", req_body=b"x")
        session.patch("page", req_body={"a": "b"})
        session.delete("page", on_finish=show_end)
        session.cancel_all()
        session.timeout = 3
        keep(session.cookies)
    Session(cookies=CookieStore())
    Session(cookies={"a": "b"})
    Session(cookies=CookieJar(), headers=[("A", "b")], auth=lambda headers: headers.update({"A": "b"}))
    Session(ca_file="folder", fingerprint="sha256:0").close()


def keep(store: CookieStore) -> None:
    store.load("cookies.txt")
    store.set("id", "7", "example.com")
    store.set("id", "7", ".example.com", "/x", expires=1.5, secure=True, http_only=True)
    assert_type(len(store), int)
    for cookie in store:
        assert_type(cookie, Cookie)
        assert_type(cookie.value, str)
        assert_type(cookie.expires, int | None)
    store.clear("example.com")
    store.save(Path("cookies.json"))


def tell(error: errors.UrlRequestError) -> None:
    if isinstance(error, errors.ProxyError):
        assert_type(error.status, int | None)


class UnixConnection(HTTPConnection):
    def open_socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        self.connect_socket(sock, "service.sock")
        return sock


class ServiceRequest(UrlRequest):
    retries = 0

    def __init__(self, label: str, url: str) -> None:
        self.label = label
        super().__init__(url, on_success=self.keep)

    def keep(self, request: UrlRequest, result: Any) -> None:
        print(self.label, request is self, result)

    def get_connection_for_scheme(self, scheme: str) -> type[Any]:
        if scheme == "http+unix":
            return UnixConnection
        return super().get_connection_for_scheme(scheme)

    def decode_result(self, result: Any, resp: Any) -> Any:
        return super().decode_result(result, resp)

    def run(self) -> None:
        super().run()


class QueueHook(hooks.Hook):
    budget = 0.002

    def wakeup(self) -> None:
        print("soon", self.run)

    def handle_exception(self, error: BaseException) -> None:
        print(error)

    @classmethod
    def detect(cls) -> QueueHook | None:
        return None


def bind() -> None:
    hook = QueueHook()
    assert_type(hook.drain(), bool)
    assert_type(hook.drain(0.004), bool)
    UrlRequest("example.com", hook=hook)
    urlrequest.install(hook)
    urlrequest.uninstall()
    hook.close()


def connect() -> type[HTTPConnection]:
    return HTTPSConnection


def reply(mock: MockNetwork) -> None:
    mock.add("GET", "https://example.com/", json=[1])
    mock.get(
        re.compile("https://example"),
        match=lambda request: request.header("Accept"),
        status=201,
        headers={"A": "b"},
        reply=lambda request: Reply(200, request.body),
        error=TimeoutError(),
        delay=0.5,
        bytes_per_second=1000,
        drop_after=10,
    )
    mock.put("https://example.com/", body="text")
    mock.delete("https://example.com/", json=None)


old: type[UrlRequest] = urlrequest.UrlRequestUrllib
older: type[UrlRequest] = urlrequest.UrlRequestBase
running: int = len(urlrequest.g_requests)
