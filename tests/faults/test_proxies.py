"""Faults 26 to 32, and contract 14: proxies, scripted and real."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from faults.rows import Target, assert_ended
from support import programs
from support.messages import ESTABLISHED, basic, reply
from urlrequest.errors import InvalidURL, ProtocolError, ProxyError
from urlrequest.testing import Reply, Server, close, receive, reset, send, start_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.no_leaks

LINE = b"X: " + b"a" * 1000 + b"\r\n"
ORIGIN = "https://origin.test:8443/path"


def through(server: Server, **options: Any) -> dict[str, Any]:
    return {"proxy_host": server.host, "proxy_port": server.port, **options}


TUNNELS: list[tuple[str, tuple[Any, ...], Any, str]] = [
    ("27-garbage", (send(b"nonsense\r\n\r\n"),), ProxyError, "HTTP/1"),
    ("27-close", (), (ProxyError, ConnectionError), ""),
    ("27-at-once", (close(),), (ProxyError, ConnectionError), ""),
    ("27-reset", (reset(),), (ProxyError, ConnectionError), ""),
    ("29-status-line", (send(b"HTTP/1.1 200 OK\r\n"),), ProxyError, "within the head"),
    ("29-fields", (send(b"HTTP/1.1 200 OK\r\nX: a\r\n"),), ProxyError, "within the head"),
    ("30-endless", (send([b"HTTP/1.1 200 OK\r\n", *[LINE] * 300]),), (ProxyError, ProtocolError), "262144"),
    ("31-then-close", (send(ESTABLISHED),), (ssl.SSLError, ConnectionError), ""),
    ("31-then-reset", (send(ESTABLISHED), reset()), (ssl.SSLError, ConnectionError), ""),
    ("31-then-octets", (send(ESTABLISHED + b"EVIL"),), (ProxyError, ssl.SSLError), ""),
    ("31-then-plain-http", (send(ESTABLISHED), send(reply())), (ProxyError, ssl.SSLError), ""),
]


@pytest.mark.parametrize(("row", "steps", "error", "says"), TUNNELS, ids=[row[0] for row in TUNNELS])
def test_fault_27_broken_tunnel(
    server: Server, recorder: Any, target: Target, row: str, steps: Any, error: Any, says: str
) -> None:
    """Faults 27 to 31: whatever keeps a tunnel from being built ends the request, and the origin gets no octet."""
    server.play(*steps)
    request = recorder.run(ORIGIN, file_path=target.path, timeout=15, **through(server))

    assert "error" == recorder.terminal
    assert isinstance(request.error, error)
    assert says in str(request.error)
    assert ["CONNECT"] == [received.method for received in server.requests]
    assert_ended(request)
    target.assert_untouched()


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("407 Proxy Authentication Required", ["Proxy-Authenticate: Basic realm=x"]),
        ("502 Bad Gateway", []),
        ("302 Found", ["Location: http://evil.test/"]),
        ("403 Forbidden", []),
    ],
)
def test_14_2_refused_tunnel(server: Server, recorder: Any, target: Target, status: str, fields: list[str]) -> None:
    """Contract 14.2, fault 26: a refused tunnel is ProxyError with the proxy's status and fields, a redirect too."""
    server.play(send(reply(b"no", *fields, status=status)))
    request = recorder.run(ORIGIN, file_path=target.path, **through(server))

    assert ("error", ProxyError) == (recorder.terminal, type(request.error))
    assert int(status[:3]) == request.error.status
    assert [field.partition(": ")[2] for field in fields] == [
        request.error.headers[field.partition(":")[0].lower()] for field in fields
    ]
    assert "origin.test:8443" in str(request.error)
    assert isinstance(request.error, OSError)
    assert None is request.resp_status
    assert 1 == server.connection_count
    target.assert_untouched()


@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("status", [b"200 OK", b"201 Created", b"200"])
def test_14_1_tunnel(
    server: Server, server_context: ssl.SSLContext, recorder: Any, ca_file: str, status: bytes, interim: bytes
) -> None:
    """Contract 14.1: https goes through CONNECT with proxy_headers, and the origin sees none of them."""
    head = interim + b"HTTP/1.1 " + status + b"\r\n\r\n"
    server.play(send(head), start_tls(server_context), receive(), send(reply()))
    request = recorder.run(
        f"https://user:origin@localhost:{server.port}/p?q",
        ca_file=ca_file,
        req_headers={"X-Own": "1", "Cookie": "secret", "Proxy-Authorization": "stray"},
        **through(server, proxy_headers={"X-Proxy": "2", "Proxy-Authorization": "Basic cHJveHk="}),
    )

    assert "hello" == request.result
    connect, get = server.requests
    assert ("CONNECT", f"localhost:{server.port}") == (connect.method, connect.target)
    assert f"localhost:{server.port}" == connect.header("Host")
    assert ("2", "Basic cHJveHk=") == (connect.header("X-Proxy"), connect.header("Proxy-Authorization"))
    assert [None] * 3 == [connect.header(name) for name in ("X-Own", "Authorization", "Cookie")]
    assert ("GET", "/p?q") == (get.method, get.target)
    assert (basic("user:origin"), "1", "secret") == (
        get.header("Authorization"),
        get.header("X-Own"),
        get.header("Cookie"),
    )
    assert [None, None] == [get.header(name) for name in ("X-Proxy", "Proxy-Authorization")]


def test_14_1_tunnel_to_an_ipv6_address(server: Server, recorder: Any) -> None:
    """Contract 14.1, 9.2: the authority of a CONNECT has brackets around an IPv6 address."""
    server.play(send(reply(status="502 No")))
    recorder.run("https://[::1]/", **through(server))

    assert ("[::1]:443", "[::1]:443") == (server.requests[0].target, server.requests[0].header("Host"))


def test_14_1_absolute_form(server: Server, recorder: Any) -> None:
    """Contract 14.1: http goes to the proxy in absolute form with proxy_headers, without userinfo and fragment."""
    server.play(send(reply()))
    request = recorder.run(
        "http://user:origin@Origin.Test/p[1]?q=%|#fragment",
        req_headers={"Proxy-Authorization": "stray", "X-Own": "1"},
        **through(server, proxy_headers={"X-Proxy": "2", "Proxy-Authorization": "Basic cHJveHk="}),
    )

    assert "hello" == request.result
    (received,) = server.requests
    assert ("GET", "http://origin.test/p%5B1%5D?q=%25%7C") == (received.method, received.target)
    assert "origin.test" == received.header("Host")
    assert ("1", "2") == (received.header("X-Own"), received.header("X-Proxy"))
    assert ["Basic cHJveHk="] == received.header_values("Proxy-Authorization")
    assert basic("user:origin") == received.header("Authorization")


def test_14_1_userinfo_of_the_proxy(server: Server, recorder: Any) -> None:
    """Contract 14.1: userinfo in proxy_host becomes Proxy-Authorization, percent-decoded, and wins over the header."""
    server.play(send(reply()))
    server.play(send(reply(status="407 Who")))
    proxy = {"proxy_host": f"pr%40xy:s%3Acret@{server.host}", "proxy_port": server.port}
    recorder.run("http://origin.test/", proxy_headers={"proxy-authorization": "stray"}, **proxy)
    refused = recorder.run(ORIGIN, **proxy)

    assert [[basic("pr@xy:s:cret")]] * 2 == [
        received.header_values("Proxy-Authorization") for received in server.requests
    ]
    assert "cret" not in str(refused.error) + repr(refused)


@pytest.mark.parametrize("host", ["http://{0.host}:{0.port}", "{0.host}:{0.port}", "http://{0.host}:{0.port}/"])
def test_14_1_port_within_proxy_host(server: Server, recorder: Any, host: str) -> None:
    """Contract 14.1: proxy_host may be a URL, and have the port."""
    server.play(send(reply()))

    assert "hello" == recorder.run("http://origin.test/", proxy_host=host.format(server)).result


BAD_PROXIES = [
    ({"proxy_host": "a\r\nb"}, InvalidURL),
    ({"proxy_host": "a b"}, InvalidURL),
    ({"proxy_host": "ftp://proxy.test"}, InvalidURL),
    ({"proxy_host": "h:99999"}, InvalidURL),
    ({"proxy_host": 5}, TypeError),
    ({"proxy_host": "h", "proxy_port": 0}, InvalidURL),
    ({"proxy_host": "h", "proxy_port": 65536}, InvalidURL),
    ({"proxy_host": "h", "proxy_port": "x"}, InvalidURL),
    ({"proxy_host": "h", "proxy_headers": {"A": "b\r\nC: d"}}, ValueError),
    ({"proxy_host": "h", "proxy_headers": {"A\r\n": "b"}}, ValueError),
    ({"proxy_host": "h", "proxy_headers": {"A": "b\0"}}, ValueError),
    ({"proxy_host": "h", "proxy_headers": "A: b"}, TypeError),
]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://127.0.0.1:9/"])
@pytest.mark.parametrize(("options", "error"), BAD_PROXIES, ids=repr)
def test_fault_32_bad_proxy(
    monkeypatch: pytest.MonkeyPatch, recorder: Any, url: str, options: dict[str, Any], error: type[Exception]
) -> None:
    """Fault 32, contract 14.1, 2.3: what is wrong with a proxy's arguments is reported before anything is connected."""
    connected: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: connected.append(arguments) or [])
    request = recorder.run(url, **options)

    assert ("error", True) == (recorder.terminal, isinstance(request.error, error))
    assert [] == connected


def test_14_1_dead_proxy(server: Server, recorder: Any) -> None:
    """Contract 16.1: a proxy that refuses the connection is the system's error, and the message says where."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        for url in ("http://origin.test/", ORIGIN):
            request = recorder.run(url, proxy_host="127.0.0.1", proxy_port=port)
            assert isinstance(request.error, ConnectionRefusedError)
            assert f"127.0.0.1:{port}" in str(request.error)


def test_14_1_a_proxys_answers_are_answers(server: Server, recorder: Any) -> None:
    """Contract 3.3: what a proxy answers to a plain request is an answer like any other."""
    server.play(send(reply(b"who", status="407 Proxy Authentication Required")))
    request = recorder.run("http://origin.test/", **through(server))

    assert ("failure", 407, "who") == (recorder.terminal, request.resp_status, request.result)


# A real proxy


@pytest.fixture(scope="module")
def tinyproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real proxy that knows one user."""
    with programs.tinyproxy(tmp_path_factory.mktemp("tinyproxy"), "BasicAuth user pass") as running:
        yield running.port


@pytest.mark.system
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_14_1_real_proxy(
    tinyproxy: int, server: Server, tls_server: Server, recorder: Any, ca_file: str, scheme: str
) -> None:
    """Contract 14.1: a real proxy serves http and https, uploads and downloads; its credentials stay with it."""
    origin = server if scheme == "http" else tls_server
    origin.route("/echo", lambda request: Reply(body=request.body, headers={"Content-Type": "text/plain"}))
    body = "0123456789" * 100_000
    request = recorder.run(
        f"{origin.url}/echo",
        req_body=body,
        ca_file=ca_file,
        proxy_host="user:pass@127.0.0.1",
        proxy_port=tinyproxy,
        auth=("origin", "secret"),
        timeout=20,
    )

    assert body == request.result
    (received,) = origin.requests
    assert basic("origin:secret") == received.header("Authorization")
    assert None is received.header("Proxy-Authorization")
    assert "/echo" == received.target


@pytest.mark.system
def test_14_2_real_proxy_refuses(tinyproxy: int, server: Server, tls_server: Server, recorder: Any) -> None:
    """Contract 14.2: without its credentials the real proxy refuses: a tunnel is an error, a request a failure."""
    proxy = {"proxy_host": "127.0.0.1", "proxy_port": tinyproxy, "timeout": 20}
    plain = recorder.run(server.url, **proxy)
    tunnelled = recorder.run(tls_server.url, **proxy)

    assert plain.resp_status in {401, 407}
    assert ProxyError is type(tunnelled.error)
    assert tunnelled.error.status in {401, 407}
    assert (0, 0) == (server.connection_count, tls_server.connection_count)


@pytest.mark.system
def test_fault_26_real_proxy_to_a_dead_origin(tinyproxy: int, recorder: Any) -> None:
    """Fault 26: an origin that the real proxy cannot reach is the proxy's refusal."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        proxy = {"proxy_host": "user:pass@127.0.0.1", "proxy_port": tinyproxy, "timeout": 20}
        request = recorder.run(f"https://127.0.0.1:{port}/", **proxy)

    assert ProxyError is type(request.error)
    assert 500 <= (request.error.status or 0)
