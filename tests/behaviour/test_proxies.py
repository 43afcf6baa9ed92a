"""Proxies (contract 14): HTTP, tunnels and SOCKS, scripted and real."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from http.client import HTTPConnection as PlainConnection
from typing import TYPE_CHECKING, Any

import pytest

from support import programs
from support.clients import get
from support.messages import ESTABLISHED, head
from urlrequest import Session, UrlRequest
from urlrequest.errors import InvalidURL, ProxyError
from urlrequest.testing import Reply, Server, close, hold, receive, routes, send, signal, start_tls, wait_closed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Self


@pytest.fixture
def tinyproxy(tmp_path: Path) -> Iterator[Any]:
    """A real HTTP proxy."""
    with programs.tinyproxy(tmp_path) as running:
        yield running


@pytest.fixture
def strict_tinyproxy(tmp_path: Path) -> Iterator[Any]:
    """The same, for ada with the password secret only."""
    with programs.tinyproxy(tmp_path, "BasicAuth ada secret") as running:
        yield running


def secure(server: Server) -> str:
    """The URL of a scripted proxy's other side."""
    return server.url.replace("http:", "https:")


# tinyproxy


@pytest.mark.system
def test_14_1_http(tinyproxy: Any, server: Server, session: Session) -> None:
    """An http request goes through a real proxy, which logs the whole URL."""
    server.route("/echo", lambda request: Reply(200, request.body))
    url = f"{server.url}/echo?a=b"
    request = get(session, url, req_body=b"x" * 100_000, proxy_host="127.0.0.1", proxy_port=tinyproxy.port)

    assert b"x" * 100_000 == request.content
    assert f"POST {url} HTTP/1.1" in tinyproxy.logged()
    assert server.requests[0].header("Proxy-Authorization") is None


@pytest.mark.system
def test_14_1_https_tunnel(tinyproxy: Any, tls_server: Server, session: Session, ca_file: str) -> None:
    """An https request goes through CONNECT; the proxy sees host and port, and the connection is used again."""
    tls_server.respond("/path", "secret")
    session.proxy_host, session.proxy_port, session.ca_file = "127.0.0.1", tinyproxy.port, ca_file
    for _ in range(3):
        assert "secret" == get(session, tls_server.url + "/path").result

    assert 1 == tinyproxy.logged().count("CONNECT 127.0.0.1")
    assert f"CONNECT 127.0.0.1:{tls_server.port} HTTP/1.1" in tinyproxy.logged()
    assert "/path" not in tinyproxy.logged()
    assert [0, 0, 0] == [request.connection for request in tls_server.requests]


@pytest.mark.system
@pytest.mark.parametrize("is_tls", [False, True])
def test_14_1_credentials(
    strict_tinyproxy: Any, server: Server, tls_server: Server, session: Session, ca_file: str, is_tls: bool
) -> None:
    """User and password in proxy_host open a proxy that asks for them, and reach no origin."""
    origin = tls_server if is_tls else server
    origin.respond("/", "hello")
    options = {"proxy_port": strict_tinyproxy.port, "ca_file": ca_file}
    request = get(session, origin.url, proxy_host="ada:secret@127.0.0.1", **options)

    assert "hello" == request.result
    assert origin.requests[0].header("Proxy-Authorization") is None
    assert b"YWRhOnNlY3JldA" not in origin.requests[0].raw


@pytest.mark.system
@pytest.mark.parametrize("proxy_host", ["127.0.0.1", "ada:wrong@127.0.0.1"])
def test_14_2_refused_credentials(
    strict_tinyproxy: Any, server: Server, tls_server: Server, session: Session, proxy_host: str
) -> None:
    """A tunnel that is refused is a ProxyError with the status; for http the proxy's answer is the answer."""
    options: dict[str, Any] = {"proxy_host": proxy_host, "proxy_port": strict_tinyproxy.port, "on_error": print}
    tunnel = get(session, tls_server.url, **options)
    plain = get(session, server.url, **options)

    assert isinstance(tunnel.error, ProxyError)
    assert tunnel.error.status in {401, 407}
    assert tunnel.error.headers is not None
    assert "wrong" not in str(tunnel.error) + repr(tunnel)
    assert plain.resp_status in {401, 407}
    assert 0 == tls_server.connection_count == server.connection_count


@pytest.mark.system
def test_14_1_what_the_proxy_cannot_reach(tinyproxy: Any, session: Session) -> None:
    """A port that nobody listens on is a ProxyError through a tunnel, a 5xx for http."""
    url = f"127.0.0.1:{programs.free_port()}"
    options: dict[str, Any] = {"proxy_host": f"127.0.0.1:{tinyproxy.port}"}

    assert isinstance(get(session, f"https://{url}/", on_error=print, **options).error, ProxyError)
    assert 500 <= (get(session, f"http://{url}/", on_failure=print, **options).resp_status or 0) < 600


@pytest.mark.system
def test_14_2_trust_env(tinyproxy: Any, server: Server, monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
    """The environment counts with trust_env alone, and no_proxy is left out; each hop is looked at anew."""
    server.respond("/", "hello")
    server.respond("/hop", status=302, headers={"Location": f"http://localhost:{server.port}/"})
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{tinyproxy.port}")
    monkeypatch.setenv("no_proxy", "localhost")
    get(session, server.url)
    assert "GET" not in tinyproxy.logged()
    session.trust_env = True
    get(session, server.url)
    assert f"GET {server.url}/ HTTP/1.1" in tinyproxy.logged()
    request = get(session, f"{server.url}/hop", follow_redirects=True)

    assert "hello" == request.result
    assert f"GET {server.url}/hop" in tinyproxy.logged()
    assert "GET http://localhost" not in tinyproxy.logged()


# SOCKS


@pytest.fixture
def socks(tmp_path: Path) -> Iterator[int]:
    """A real SOCKS5 server."""
    with programs.microsocks(tmp_path) as port:
        yield port


@pytest.mark.system
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("is_tls", [False, True])
def test_14_1_socks(
    socks: int, server: Server, tls_server: Server, session: Session, ca_file: str, scheme: str, host: str, is_tls: bool
) -> None:
    """Http and https go through a SOCKS server, by address and by a name that it resolves, and connections stay."""
    origin = tls_server if is_tls else server
    origin.respond("/path", "hello")
    session.proxy_host, session.ca_file = f"{scheme}://127.0.0.1:{socks}", ca_file
    for _ in range(2):
        assert "hello" == get(session, f"{origin.url}/path".replace("127.0.0.1", host)).result

    assert ["/path"] * 2 == [request.target for request in origin.requests]
    assert 1 == origin.connection_count


@pytest.mark.system
def test_14_1_socks_credentials(tmp_path: Path, server: Server, session: Session) -> None:
    """User and password go to a SOCKS server that wants them (RFC 1929); wrong ones are a ProxyError."""
    server.respond("/", "hello")
    with programs.microsocks(tmp_path, "-u", "ada", "-P", "sec:ret") as port:
        good, wrong, none = (
            get(session, server.url, proxy_host=f"socks5://{userinfo}127.0.0.1:{port}", on_error=print)
            for userinfo in ("ada:sec%3Aret@", "ada:wrong@", "")
        )

    assert "hello" == good.result
    assert isinstance(wrong.error, ProxyError)
    assert isinstance(none.error, ProxyError)
    assert "wrong" not in str(wrong.error)


@pytest.mark.system
def test_14_1_socks_failure(socks: int, session: Session) -> None:
    """What the SOCKS server cannot reach is a ProxyError that says why."""
    url = f"http://127.0.0.1:{programs.free_port()}/"
    request = get(session, url, proxy_host=f"socks5://127.0.0.1:{socks}", on_error=print)

    assert isinstance(request.error, ProxyError)
    assert "refused" in str(request.error)


def test_14_1_socks_resolves_names(session: Session) -> None:
    """The name goes to the SOCKS server as it is; nobody looks it up here."""
    with Server() as proxy:
        proxy.play(*socks_script(b"\x05\x00\x00\x01" + bytes(6)), read_request=False)
        request = get(session, "http://nowhere.test/", proxy_host=f"socks5://127.0.0.1:{proxy.port}")

    assert "ok" == request.result


OK = head(2) + b"ok"


def socks_script(answer: bytes, name: bytes = b"nowhere.test", port: int = 80) -> list[Any]:
    """A SOCKS server's part, octet by octet (RFC 1928)."""
    from urlrequest.testing import Step

    request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big")

    def expect(octets: bytes) -> Step:
        def run(player: Any) -> None:
            assert octets == player.connection.take(len(octets))

        return Step("expect", run)

    return [expect(b"\x05\x01\x00"), send(b"\x05\x00"), expect(request), send(answer), receive(), send(OK)]


@pytest.mark.parametrize(
    "answer",
    [
        b"\x05\x00\x00\x01" + bytes(6),
        b"\x05\x00\x00\x04" + bytes(18),
        b"\x05\x00\x00\x03\x04host" + bytes(2),
    ],
)
def test_14_1_socks_bound_addresses(session: Session, answer: bytes) -> None:
    """Whatever kind of address the server gives for itself, not one octet of the origin's is taken for it."""
    with Server() as proxy:
        proxy.play(*socks_script(answer), read_request=False)

        assert "ok" == get(session, "http://nowhere.test/", proxy_host=f"socks5://127.0.0.1:{proxy.port}").result


@pytest.mark.parametrize(
    "octets", [b"HTTP/1.1 400 X\r\n\r\n", b"\x04\x00", b"\x05\xff", b"\x05\x02", b"\x05", b"\x05\x00\x05\x02\x00\x01"]
)
def test_14_1_socks_servers_that_are_none(session: Session, octets: bytes) -> None:
    """What speaks another protocol, refuses or breaks off is a ProxyError."""
    with Server() as proxy:
        proxy.play(send(octets), close(), read_request=False)
        request = get(session, "http://nowhere.test/", proxy_host=f"socks5://127.0.0.1:{proxy.port}", on_error=print)

    assert isinstance(request.error, ProxyError | ConnectionError)


# Tunnels, octet by octet


def test_14_1_connect_says_what_it_must(server_context: ssl.SSLContext, session: Session, ca_file: str) -> None:
    """Security B11 and B13: CONNECT has Host and proxy_headers, and nothing of the request; the tunnel has the rest."""
    with Server() as proxy:
        proxy.play(send(ESTABLISHED), start_tls(server_context), routes())
        proxy.respond("/", "hello")
        get(
            session,
            "https://user:secret@localhost/",
            proxy_host="pu:ppw@127.0.0.1",
            proxy_port=proxy.port,
            proxy_headers=[("X-P", "1"), ("X-P", "2")],
            req_headers={"Cookie": "id=secret", "X-Own": "1"},
            ca_file=ca_file,
        )
        connect, request = proxy.requests

    assert ("CONNECT", "localhost:443") == (connect.method, connect.target)
    assert [("Host", "localhost:443"), ("X-P", "1"), ("X-P", "2")] == connect.headers[:3]
    assert ["Proxy-Authorization"] == [name for name, _ in connect.headers[3:]]
    assert request.header("Authorization") is not None
    assert ["Host", "Cookie", "X-Own"] == [n for n, _ in request.headers if n in {"Host", "Cookie", "X-Own", "X-P"}]
    assert request.header("Proxy-Authorization") is None


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_14_1_any_2xx_opens_a_tunnel(
    server_context: ssl.SSLContext, session: Session, ca_file: str, status: int
) -> None:
    """RFC 9110, section 9.3.6: any 2xx, whatever length it claims to have."""
    with Server() as proxy:
        head = b"HTTP/1.1 %d Yes\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n" % status
        proxy.play(send(head), start_tls(server_context), receive(), send(OK))

        assert "ok" == get(session, secure(proxy), proxy_host=f"127.0.0.1:{proxy.port}", ca_file=ca_file).result


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 407),
        (b"HTTP/1.1 302 X\r\nLocation: http://evil.test/\r\n\r\n", 302),
        (b"HTTP/1.1 502 X\r\nContent-Length: 4\r\n\r\nevil", 502),
        (b"hello", None),
        (b"HTTP/1.1 200 OK\r\nX: 1", None),
        (ESTABLISHED + b"plaintext", None),
    ],
)
def test_14_2_refused_tunnels(session: Session, reply: bytes, status: int | None) -> None:
    """Security E32: whatever is no clean 2xx is a ProxyError; a redirect is not followed, early octets are not read."""
    with Server() as proxy:
        proxy.play(send(reply), close())
        request = get(
            session, "https://h.test/", proxy_host=f"127.0.0.1:{proxy.port}", on_error=print, follow_redirects=True
        )

    assert isinstance(request.error, ProxyError)
    assert status == request.error.status
    assert 1 == len(proxy.requests)


def test_7_2_cancel_within_connect(session: Session) -> None:
    """Cancel ends the wait for the proxy's answer."""
    with Server() as proxy:
        proxy.play(signal("asked"), wait_closed())
        request = session.request("https://h.test/", proxy_host=f"127.0.0.1:{proxy.port}")
        proxy.wait("asked")
        assert request.cancel()
        request.join(20)
        assert not request.is_alive()
        proxy.wait("closed")
        request.wait()


def test_13_3_proxies_share_no_connections(session: Session) -> None:
    """Security B15: connections through one proxy, or with its credentials, serve no request for another."""
    with Server(handler=lambda request: Reply(200, "a")) as one, Server(handler=lambda request: Reply(200, "b")) as two:
        for proxy, userinfo in ((one, ""), (two, ""), (one, "u:p@"), (one, ""), (one, "u:q@"), (one, "u:p@")):
            get(session, "http://h.test/", proxy_host=f"{userinfo}127.0.0.1:{proxy.port}")

        assert [0, 1, 0, 2, 1] == [request.connection for request in one.requests]
        assert [0] == [request.connection for request in two.requests]


@pytest.mark.parametrize("scheme", ["https", "socks5"])
def test_14_1_foreign_classes_know_http_proxies_only(scheme: str) -> None:
    """A class of http.client's would speak plainly to a TLS proxy, credentials included: it is refused."""

    class Request(UrlRequest):
        def get_connection_for_scheme(self, scheme: str) -> type:
            return PlainConnection

    with Server() as proxy:
        request = Request("http://h.test/", proxy_host=f"{scheme}://u:secret@127.0.0.1:{proxy.port}", on_error=print)
        request.wait()

        assert isinstance(request.error, ProxyError)
        assert 0 == proxy.connection_count


def test_14_1_proxy_headers_cannot_split(server: Server, session: Session) -> None:
    """Security C19: bad proxy headers and hosts are reported before anything is sent."""
    bad: list[dict[str, Any]] = [
        {"proxy_headers": {"X": "a\r\nY: b"}},
        {"proxy_headers": {"Host": "evil.test"}},
        {"proxy_host": "127.0.0.1\r\nX: y"},
    ]
    for options in bad:
        whole: dict[str, Any] = {"proxy_host": "127.0.0.1", "proxy_port": server.port, "on_error": print, **options}
        assert isinstance(get(session, "https://h.test/", **whole).error, InvalidURL | ValueError)

    assert 0 == server.connection_count


# TLS to the proxy itself


class TlsFront:
    """TLS in front of a server that speaks none; it passes on what it decrypts, slowly if that is asked for."""

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self.context, self.target = context, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.connections = 0
        self.may_read = threading.Event()
        self.may_read.set()
        self.closing, self.wake = socket.socketpair()
        self.threads = [threading.Thread(target=self.accept, name="front")]
        self.threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wake.close()
        self.may_read.set()
        for thread in self.threads:
            thread.join()
        self.listener.close()
        self.closing.close()

    def accept(self) -> None:
        while self.listener in select.select([self.listener, self.closing], [], [])[0]:
            sock, _ = self.listener.accept()
            self.connections += 1
            thread = threading.Thread(target=self.serve, args=(sock,), name="front-connection")
            self.threads.append(thread)
            thread.start()

    def serve(self, sock: socket.socket) -> None:
        with suppress(OSError), sock, socket.create_connection(("127.0.0.1", self.target)) as inner:
            sock.settimeout(30)
            with self.context.wrap_socket(sock, server_side=True) as outer:
                while True:
                    self.may_read.wait()
                    ready = [outer] if outer.pending() else select.select([outer, inner, self.closing], [], [])[0]
                    if self.closing in ready:
                        return
                    source = outer if outer in ready else inner
                    octets = source.recv(16384)
                    if not octets:
                        return
                    (inner if source is outer else outer).sendall(octets)


@pytest.fixture
def front(server_context: ssl.SSLContext, tinyproxy: Any) -> Iterator[TlsFront]:
    """TLS in front of tinyproxy."""
    with TlsFront(server_context, tinyproxy.port) as running:
        yield running


@pytest.mark.system
def test_14_1_https_proxy(front: TlsFront, tinyproxy: Any, server: Server, session: Session, ca_file: str) -> None:
    """A proxy may speak TLS itself; the request within is one to a proxy."""
    server.respond("/", "hello")
    session.proxy_host, session.ca_file = f"https://localhost:{front.port}", ca_file

    assert "hello" == get(session, server.url).result
    assert f"GET {server.url}/ HTTP/1.1" in tinyproxy.logged()


def test_17_10_https_proxy_connections_are_kept(server_context: ssl.SSLContext, session: Session, ca_file: str) -> None:
    """Connections to such a proxy are used again."""
    with Server(tls=server_context, handler=lambda request: Reply(200, request.target)) as proxy:
        session.proxy_host, session.ca_file = f"https://localhost:{proxy.port}", ca_file
        for _ in range(2):
            assert "http://h.test/" == get(session, "http://h.test/").result

        assert 1 == proxy.connection_count


@pytest.mark.system
def test_14_1_https_over_https(
    front: TlsFront, tinyproxy: Any, tls_server: Server, session: Session, ca_file: str
) -> None:
    """TLS to the origin within TLS to the proxy: large bodies both ways, and connections are used again."""
    tls_server.route("/echo", lambda request: Reply(200, iter([request.body])))
    body = bytes(range(256)) * 8192
    session.proxy_host, session.ca_file = f"https://localhost:{front.port}", ca_file
    for _ in range(2):
        assert body == get(session, f"{tls_server.url}/echo", req_body=body, decode=False, method="PUT").content

    assert 1 == front.connections
    assert [0, 0] == [request.connection for request in tls_server.requests]
    assert 1 == tinyproxy.logged().count("CONNECT 127.0.0.1")


@pytest.mark.system
def test_14_1_https_over_https_when_nothing_goes_out(
    front: TlsFront, tls_server: Server, session: Session, ca_file: str
) -> None:
    """An upload whose end the system does not take at once gets there all the same."""
    tls_server.route("/echo", lambda request: Reply(200, str(len(request.body))))
    session.proxy_host, session.ca_file = f"https://localhost:{front.port}", ca_file
    get(session, f"{tls_server.url}/echo", req_body=b"x")  # the connection is there now
    front.may_read.clear()
    body = b"x" * 8_000_000  # more than all buffers on the way hold
    request = session.request(f"{tls_server.url}/echo", req_body=body)
    request.join(0.2)
    front.may_read.set()
    request.wait(timeout=20)

    assert str(len(body)) == request.result


@pytest.mark.system
@pytest.mark.parametrize("is_tls", [False, True])
def test_14_1_https_proxy_is_checked(
    front: TlsFront, server: Server, tls_server: Server, session: Session, is_tls: bool
) -> None:
    """Security B14: a proxy whose certificate is not trusted gets nothing, and the origin neither."""
    origin = tls_server if is_tls else server
    request = get(session, origin.url, proxy_host=f"https://u:p@localhost:{front.port}", on_error=print)

    assert isinstance(request.error, ssl.SSLCertVerificationError)
    assert 0 == origin.connection_count


@pytest.mark.system
def test_7_2_cancel_within_tls_over_tls(
    server_context: ssl.SSLContext, session: Session, ca_file: str, tls_server: Server, front: TlsFront
) -> None:
    """Cancel ends the inner handshake's and the body's waits."""
    tls_server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), signal("half"), hold())
    request = session.request(
        tls_server.url, proxy_host=f"https://localhost:{front.port}", ca_file=ca_file, on_cancel=print
    )
    tls_server.wait("half")
    assert request.cancel()
    request.join(20)

    assert not request.is_alive()
    request.wait()
