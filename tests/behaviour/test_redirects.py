"""Redirects (contract 17.4): where they lead, and which secrets go along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import Session, UrlRequest
from urlrequest.errors import InvalidURL, TooManyRedirects, UnsafeRedirect
from urlrequest.testing import RecordedRequest, Reply, Server, routes, send, start_tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

SECRETS = {
    "Authorization": "Bearer secret",
    "Cookie": "id=secret",
    "Proxy-Authorization": "Basic secret",
    "aUTHORIZATION": "Bearer secret",
    "COOKIE": "id=secret",
    "proxy-authorization": "Basic secret",
}


@pytest.fixture
def other() -> Iterator[Server]:
    """A second origin: another port of the same host."""
    with Server() as server:
        server.respond("/", "other")
        yield server


def redirect(server: Server, path: str, location: str, status: int = 302, body: Any = b"moved") -> None:
    server.respond(path, body, status=status, headers={"Location": location})


def follow(url: str, **options: Any) -> UrlRequest:
    options = {"follow_redirects": True, "timeout": 10, **options}
    request = UrlRequest(url, **options)
    assert request.wait(timeout=20)
    return request


def seen(server: Server, path: str = "/") -> RecordedRequest:
    """The one request for a path."""
    (request,) = [request for request in server.requests if request.path == path]
    return request


def holds_secret(request: RecordedRequest) -> bool:
    return b"secret" in request.raw or b"zZWNyZXQ" in request.raw  # the end of "user:secret" in base64


# Following


def test_17_4_not_followed_by_default(server: Server, recorder: Any) -> None:
    """A redirect is an outcome of its own."""
    redirect(server, "/", "/next")
    request = recorder.run(server.url)

    assert "redirect" == recorder.terminal
    assert 302 == request.resp_status
    assert [] == request.history
    assert 1 == len(server.requests)


def test_17_4_followed(server: Server, recorder: Any) -> None:
    """The answer is that of the last URL; the way there is in `history`, and on_redirect is not called."""
    redirect(server, "/", "/b", 301)
    redirect(server, "/b", "/c#part", 307)
    server.respond("/c", "here")
    request = recorder.run(server.url + "/", follow_redirects=True)

    assert "success" == recorder.terminal
    assert ("here", server.url + "/c") == (request.result, request.resp_url)
    assert [(server.url + "/", 301), (server.url + "/b", 307)] == [(hop.url, hop.status) for hop in request.history]
    assert "/b" == request.history[0].headers["location"]
    assert {0} == {request.connection for request in server.requests}


@pytest.mark.parametrize("status", [300, 304, 305, 302])
def test_17_4_on_redirect_where_it_is_not_followed(server: Server, recorder: Any, status: int) -> None:
    """A 3xx that leads nowhere (without Location, or not a redirect at all) arrives as on_redirect."""
    server.respond("/", status=status, headers={"Location": "/x"} if status != 302 else {})
    recorder.run(server.url, follow_redirects=True)

    assert "redirect" == recorder.terminal
    assert 1 == len(server.requests)


@pytest.mark.parametrize(("limit", "asked"), [(True, 21), (1, 2), (3, 4)])
def test_17_4_limit(server: Server, limit: Any, asked: int) -> None:
    """True follows 20, a number that many; one more is TooManyRedirects."""
    redirect(server, "/", "/")
    request = follow(server.url, follow_redirects=limit, on_error=print)

    assert isinstance(request.error, TooManyRedirects)
    assert asked == len(server.requests)
    assert asked - 1 == len(request.history)


@pytest.mark.parametrize("value", [-1, 1.5, "yes"])
def test_17_4_bad_limits(server: Server, value: Any) -> None:
    """Contract 2.3: anything else is reported through on_error, and nothing is sent."""
    request = follow(server.url, follow_redirects=value, on_error=print)

    assert isinstance(request.error, TypeError | ValueError)
    assert 0 == server.connection_count


@pytest.mark.parametrize("status", [301, 302, 303])
def test_17_4_post_becomes_get(server: Server, status: int) -> None:
    """Security G39: with the method the body goes, and every field that speaks of it."""
    redirect(server, "/", "/next", status)
    server.respond("/next", "ok")
    fields = {
        "Content-Type": "text/plain",
        "Content-Language": "de",
        "Content-Encoding": "x",
        "Expect": "100-continue",
        "X-Own": "1",
    }
    follow(server.url, req_body=b"body", req_headers=fields)
    request = seen(server, "/next")

    assert ("GET", b"") == (request.method, request.body)
    assert not [name for name, _ in request.headers if name.lower().startswith(("content-", "expect", "transfer-"))]
    assert "1" == request.header("X-Own")


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 307), ("POST", 308), ("PUT", 301), ("PUT", 302), ("PUT", 307), ("PUT", 308)]
)
def test_17_4_body_is_sent_again(server: Server, other: Server, method: str, status: int) -> None:
    """A method that stays keeps its body, to another origin too: a PUT must not empty the file."""
    redirect(server, "/", other.url, status)
    follow(server.url, req_body={"a": "1"}, method=method)
    request = seen(other)

    assert (method, b"a=1") == (request.method, request.body)
    assert "application/x-www-form-urlencoded" == request.header("Content-Type")


def test_17_4_a_body_that_is_spent(server: Server) -> None:
    """A body that can be read only once cannot follow a 307."""
    redirect(server, "/", "/next", 307)
    request = follow(server.url, req_body=iter([b"body"]), on_error=print)

    assert isinstance(request.error, UnsafeRedirect)
    assert 1 == len(server.requests)


def test_17_4_host_field_follows(server: Server, other: Server) -> None:
    """The Host field is that of the new origin, a Host of the user's included."""
    redirect(server, "/", other.url)
    follow(server.url, req_headers={"Host": "virtual.test"})

    assert other.url == f"http://{seen(other).header('Host')}"


# Security A: credentials across origins


@pytest.mark.parametrize("name", SECRETS)
def test_17_4_credentials_stay_at_their_origin(server: Server, other: Server, name: str) -> None:
    """Security A2 to A8: Authorization, Cookie and Proxy-Authorization, however spelt, do not go to another port."""
    redirect(server, "/", other.url)
    follow(server.url, req_headers={name: SECRETS[name], "X-Own": "kept"})

    assert holds_secret(seen(server))
    assert not holds_secret(seen(other))
    assert "kept" == seen(other).header("X-Own")


def sign(headers: Any) -> None:
    headers["X-Signature"] = "secret"


@pytest.mark.parametrize(
    "options", [{"auth": ("user", "secret")}, {"auth": sign}, {"cookies": {"id": "secret"}}, {"cookies": "id=secret"}]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_17_4_auth_and_cookies_stay_at_their_origin(
    server: Server, other: Server, status: int, options: dict[str, Any]
) -> None:
    """Security A1: so do `auth`, whatever field a callable puts it into, and `cookies`."""
    redirect(server, "/", other.url, status)
    follow(server.url, req_body=b"x", **options)

    assert not holds_secret(seen(other))


def test_17_4_userinfo_stays_at_its_origin(server: Server, other: Server) -> None:
    """Security A1: so do user and password of the URL."""
    redirect(server, "/", other.url)
    follow(server.url.replace("//", "//user:secret@"))

    assert seen(server).header("Authorization") is not None
    assert seen(other).header("Authorization") is None


def test_17_4_credentials_stay_with_a_path(server: Server) -> None:
    """To the same origin everything goes along."""
    redirect(server, "/", "/next")
    server.respond("/next", "ok")
    follow(server.url.replace("//", "//user:secret@"), req_headers={"Cookie": "id=secret"})

    for name in ("Authorization", "Cookie"):
        assert seen(server).header(name) == seen(server, "/next").header(name) is not None


@pytest.mark.parametrize("options", [{"req_headers": SECRETS}, {"auth": ("user", "secret")}, {"auth": sign}])
def test_17_4_stripping_is_for_good(server: Server, other: Server, options: dict[str, Any]) -> None:
    """Security A6: a chain that comes back does not get the credentials back."""
    redirect(server, "/", other.url)
    redirect(other, "/", server.url + "/back")
    server.respond("/back", "ok")
    headers = dict(list(SECRETS.items())[:3])
    options = {"req_headers": headers} if "req_headers" in options else options
    follow(server.url, **options)

    assert holds_secret(seen(server))
    assert not holds_secret(seen(server, "/back"))


def test_17_4_no_referer(server: Server, other: Server) -> None:
    """Security A9: nothing says where a redirect came from."""
    redirect(server, "/", other.url)
    follow(server.url.replace("//", "//user:secret@"))

    assert seen(other).header("Referer") is None


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "data:,x"])
def test_17_4_other_schemes(server: Server, location: str) -> None:
    """Security A10 and 66: a redirect to another scheme is an error."""
    redirect(server, "/", location)
    request = follow(server.url, req_headers={"Authorization": "Bearer secret"}, on_error=print)

    assert isinstance(request.error, InvalidURL)
    assert "secret" not in str(request.error)


def test_17_4_https_to_http(tls_server: Server, server: Server, ca_file: str) -> None:
    """Security A1: from https to http nothing is sent at all."""
    redirect(tls_server, "/", server.url)
    request = follow(tls_server.url, ca_file=ca_file, on_error=print)

    assert isinstance(request.error, UnsafeRedirect)
    assert 0 == server.connection_count


def test_17_4_http_to_https(server: Server, tls_server: Server, ca_file: str) -> None:
    """From http to https it is followed, without credentials, as the scheme has changed."""
    redirect(server, "/", tls_server.url)
    tls_server.respond("/", "secure")
    request = follow(server.url, ca_file=ca_file, auth=("user", "secret"))

    assert "secure" == request.result
    assert not holds_secret(seen(tls_server))


@pytest.mark.parametrize(
    "location",
    ["http://a%0d%0aX: y/", "http://h\\@127.0.0.1/", "http://127.1/", "http://h:port/", "http://" + "a" * 300],
)
def test_17_4_bad_locations(server: Server, location: str) -> None:
    """Security C: a Location that is no good URL is an error, and asks nobody."""
    redirect(server, "/", location)

    assert isinstance(follow(server.url, on_error=print).error, InvalidURL)


def test_17_4_file_name_is_the_callers(server: Server, other: Server, tmp_path: Path) -> None:
    """Security 54: neither a redirect nor Content-Disposition names the file, and a redirect's body is none."""
    redirect(server, "/", other.url + "/evil.exe", body=b"moved" * 10)
    other.respond("/evil.exe", b"content", headers={"Content-Disposition": 'attachment; filename="evil.exe"'})
    follow(server.url, file_path=tmp_path / "mine")

    assert ["mine"] == [path.name for path in tmp_path.iterdir()]
    assert b"content" == (tmp_path / "mine").read_bytes()


def test_17_4_large_redirect_bodies_are_not_read(server: Server) -> None:
    """Security D25: a large body nobody wants is not drained; its connection is closed."""
    redirect(server, "/", "/next", body=iter([b"x" * 65536] * 1000))
    server.respond("/next", "ok")

    assert "ok" == follow(server.url).result
    assert [0, 1] == [request.connection for request in server.requests]


def test_15_2_deadline_spans_the_hops(server: Server) -> None:
    """An endless chain ends at the deadline."""

    def delay(request: RecordedRequest) -> Reply:
        server._signals.pause(0.02)
        return Reply(302, headers={"Location": "/"})

    server.route("/", delay)
    request = follow(server.url, follow_redirects=10_000, deadline=0.3, on_error=print)

    assert isinstance(request.error, TimeoutError)
    assert 0.25 < request.timings["total"]


# Cookies of a session


def test_17_9_cookies_are_recomputed_per_hop(server: Server) -> None:
    """What a redirect sets is sent to where it leads, by its own rules, and what was given stays behind."""

    def set_cookie(request: RecordedRequest) -> Reply:
        return Reply(302, headers=[("Location", "/private/x"), ("Set-Cookie", "sid=7; Path=/private")])

    server.route("/", set_cookie)
    server.respond("/private/x", "ok")
    with Session(follow_redirects=True) as session:
        session.request(server.url, cookies={"own": "1"}).wait()
        session.request(server.url + "/private/x").wait()
    first, second, third = server.requests

    assert ["own=1", "own=1; sid=7", "sid=7"] == [request.header("Cookie") for request in (first, second, third)]


# Through a proxy: the same rules, the same code


@pytest.fixture(params=["http", "tunnel"])
def proxied(request: pytest.FixtureRequest, server_context: ssl.SSLContext, ca_file: str) -> Any:
    """A proxy that redirects from a.test to b.test, straight or within tunnels, and options to use it."""
    with Server() as proxy:

        def answer(recorded: RecordedRequest) -> Reply:
            if recorded.header("Host").startswith("localhost"):  # type: ignore[union-attr]  # it is there
                return Reply(200, "other")
            return Reply(302, "moved", {"Location": f"{scheme}://localhost/"})

        scheme = "http" if request.param == "http" else "https"
        proxy.route("/*", answer)
        if scheme == "https":
            for _ in range(2):
                proxy.play(send(b"HTTP/1.1 200 OK\r\n\r\n"), start_tls(server_context), routes())
        options: dict[str, Any] = {"proxy_host": "pu:ppw@127.0.0.1", "proxy_port": proxy.port, "ca_file": ca_file}
        yield proxy, f"{scheme}://127.0.0.1/", options


@pytest.mark.parametrize(
    "secret",
    [
        *({"req_headers": {name: value}} for name, value in SECRETS.items()),
        {"auth": ("user", "secret")},
        {"auth": sign},
        {"cookies": {"id": "secret"}},
    ],
)
def test_17_4_through_a_proxy(proxied: Any, secret: dict[str, Any]) -> None:
    """Security B12 and B16: what is true of redirects without a proxy is true of those with one."""
    proxy, url, options = proxied
    request = follow(url, **options, **secret)
    last = proxy.requests[-1]

    assert "other" == request.result
    assert last.header("Host") == "localhost"
    assert not holds_secret(last)


def test_17_4_userinfo_through_a_proxy(proxied: Any) -> None:
    """Security B16: the URL's user and password likewise; the proxy's go to the proxy, and into no tunnel."""
    proxy, url, options = proxied
    follow(url.replace("//", "//user:secret@"), **options)

    assert not holds_secret(proxy.requests[-1])
    for request in proxy.requests:
        is_for_proxy = request.method == "CONNECT" or request.target.startswith("http")
        assert is_for_proxy == (request.header("Proxy-Authorization") is not None)
