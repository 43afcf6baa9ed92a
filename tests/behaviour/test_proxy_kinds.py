"""Contract 14.2 and 14.3: SOCKS4, SOCKS4a, variables of the environment, and servers that are no proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.clients import get
from support.programs import apache, dante, file_server, free_port, lighttpd
from urlrequest.errors import InvalidURL, ProxyError
from urlrequest.testing import Server, Step, receive, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from urlrequest import Session

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def expect(octets: bytes) -> Step:
    """Receive exactly these bytes."""

    def run(player: Any) -> None:
        assert octets == player.connection.take(len(octets))

    return Step("expect", run)


# SOCKS4


@pytest.fixture
def socks4(tmp_path: Path) -> Iterator[int]:
    """A real server for SOCKS4."""
    with dante(tmp_path) as port:
        yield port


@pytest.mark.system
@pytest.mark.parametrize("scheme", ["socks4", "socks"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
def test_14_3_dante(
    socks4: int,
    server: Server,
    tls_server: Server,
    session: Session,
    ca_file: str,
    scheme: str,
    host: str,
    is_tls: bool,
) -> None:
    """Contract 14.3: http and https go through a real SOCKS4 server, by address and by name; `socks` is SOCKS5."""
    origin = tls_server if is_tls else server
    origin.respond("/path", "hello")
    session.proxy_host, session.ca_file = f"{scheme}://me@127.0.0.1:{socks4}", ca_file
    for _ in range(2):
        assert "hello" == get(session, f"{origin.url}/path".replace("127.0.0.1", host)).result

    assert 1 == origin.connection_count


@pytest.mark.system
@pytest.mark.parametrize(
    ("scheme", "reason"), [("socks4", "the request was rejected or failed"), ("socks5", "the connection was refused")]
)
def test_14_3_dante_cannot_connect(socks4: int, session: Session, scheme: str, reason: str) -> None:
    """Contract 14.3: what a real server replies when nobody listens at the origin stands in the error, in words."""
    port = free_port()
    request = get(session, f"http://127.0.0.1:{port}/", proxy_host=f"{scheme}://127.0.0.1:{socks4}", on_error=print)

    assert isinstance(request.error, ProxyError)
    assert f"the proxy 127.0.0.1:{socks4} cannot connect to 127.0.0.1:{port}: {reason}" == str(request.error)


def test_14_3_socks4a(session: Session) -> None:
    """Contract 14.3: the name goes to a SOCKS4a server as it is, and no byte of the origin's is taken for the reply."""
    with Server() as proxy:
        asked = b"\x04\x01\x00\x50\x00\x00\x00\x01me\x00nowhere.test\x00"
        proxy.play(expect(asked), send(b"\x00\x5a" + bytes(6)), receive(), send(OK), read_request=False)
        request = get(session, "http://nowhere.test/", proxy_host=f"socks4a://me@127.0.0.1:{proxy.port}")

    assert "ok" == request.result


# The environment


def test_14_2_variables_that_cannot_be_used(
    server: Server, tls_server: Server, session: Session, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 14.2: a variable that cannot be used is named to the request that needs it, and stops no other."""
    server.respond("/", "plain")
    tls_server.respond("/", "secure")
    session.trust_env, session.ca_file = True, ca_file
    monkeypatch.setenv("HTTP_PROXY", "ftp://user:secret@proxy.test")
    monkeypatch.setenv("NO_PROXY", "localhost:*, 10.0.0.0/99 [::1")
    failed = get(session, server.url, on_error=print)

    assert isinstance(failed.error, InvalidURL)
    assert "HTTP_PROXY" in str(failed.error)
    assert "secret" not in str(failed.error)
    assert "secure" == get(session, tls_server.url).result
    assert "plain" == get(session, server.url.replace("127.0.0.1", "localhost")).result


# Web servers that are no proxy


def run_nginx(folder: Path) -> AbstractContextManager[str]:
    (folder / "www").mkdir()
    return file_server(folder / "www")


def run_apache(folder: Path) -> AbstractContextManager[str]:
    return apache(folder, folder, "")


def run_lighttpd(folder: Path) -> AbstractContextManager[str]:
    return lighttpd(folder, folder)


WEB_SERVERS: list[Any] = [run_nginx, run_apache, run_lighttpd]


@pytest.mark.system
@pytest.mark.parametrize("run", WEB_SERVERS)
def test_14_2_web_servers_are_no_proxies(
    tmp_path: Path, session: Session, run: Callable[[Path], AbstractContextManager[str]]
) -> None:
    """Contract 14.2: a real web server that refuses CONNECT is said to be one."""
    with run(tmp_path) as url:
        request = get(session, "https://origin.test/", proxy_host=url, on_error=print)

    assert isinstance(request.error, ProxyError)
    assert request.error.status in {400, 405}
    assert "it seems to be a web server, not a proxy" in str(request.error)


@pytest.mark.system
@pytest.mark.parametrize("run", [run_nginx, run_lighttpd])
@pytest.mark.parametrize("scheme", ["socks5", "socks4a"])
def test_14_2_web_servers_are_no_socks_proxies(
    tmp_path: Path, session: Session, run: Callable[[Path], AbstractContextManager[str]], scheme: str
) -> None:
    """Contract 14.2: a real web server that is asked for a SOCKS connection is said to be one."""
    with run(tmp_path) as url:
        proxy_host = url.replace("http:", f"{scheme}:")
        request = get(session, "http://origin.test/", proxy_host=proxy_host, on_error=print, timeout=5)

    assert isinstance(request.error, ProxyError)
    assert "it seems to be an HTTP server" in str(request.error)


def test_14_2_page_as_response_to_connect(server: Server, session: Session) -> None:
    """Contract 14.2: a web server that sends a page for any method is no proxy, either."""
    server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"))
    request = get(session, "https://origin.test/", proxy_host=server.url, on_error=print)

    assert isinstance(request.error, ProxyError)
    assert "it seems to be a web server, not a proxy" in str(request.error)
