"""Contract 10.8 to 10.11 and 14.4: Digest, challenges of other kinds and netrc, on scripted and on real servers."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from support.clients import get
from support.programs import apache, lighttpd
from urlrequest import DigestAuth, Headers, NetrcAuth, Session, UrlRequest, wait_all
from urlrequest.errors import AuthenticationError, ProxyError
from urlrequest.testing import (
    RecordedRequest,
    Reply,
    Server,
    close,
    receive,
    receive_head,
    receive_some,
    routes,
    send,
    start_tls,
    wait_closed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "ada", "sec:ret, word"
REALM = "the, realm"


def md5(*parts: str | bytes) -> str:
    octets = b":".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.md5(octets, usedforsecurity=False).hexdigest()


class DigestOrigin:
    """A strict server for Digest (RFC 7616, MD5), as a route: each nonce and count is good for one request.

    Attributes:
        uses: How many requests a nonce serves; a later one is told that it is stale.
        qop: What the challenges offer; "" by RFC 2069.
        says_stale: Whether it says that a nonce was only too old.
        announces: Whether each response has the next nonce.
    """

    def __init__(self, field: str = "Authorization", *, qop: str = "auth", uses: int = 1000) -> None:
        self.field, self.qop, self.uses = field, qop, uses
        self.status = 401 if field == "Authorization" else 407
        self.says_stale, self.announces = True, False
        self.realm = REALM
        self.lock = threading.Lock()
        self.seen: dict[str, set[str]] = {}  # nonce -> counts
        self.refused = 0

    def make_nonce(self) -> str:
        nonce = f"nonce, {len(self.seen)}"
        self.seen[nonce] = set()
        return nonce

    def __call__(self, request: RecordedRequest) -> Reply:
        with self.lock:
            flaw = self.flaw_of(request)
            if flaw is None:
                announced = {"Authentication-Info": f'nextnonce="{self.make_nonce()}"'} if self.announces else {}
                return Reply(200, request.body or b"welcome", announced)
            self.refused += 1
            stale = ", stale=true" if flaw == "stale" and self.says_stale else ""
            qop = f', qop="{self.qop}"' if self.qop else ""
            value = f'Digest realm="{self.realm}", nonce="{self.make_nonce()}"{qop}{stale}, opaque="o"'
        name = "WWW-Authenticate" if self.status == 401 else "Proxy-Authenticate"
        return Reply(self.status, b"who are you?", {name: value})

    def flaw_of(self, request: RecordedRequest) -> str | None:
        """What is wrong with the credentials of a request."""
        text = request.header(self.field)
        if text is None or not text.startswith("Digest "):
            return "none"
        pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^,]*))', text)
        given = {name: quoted or plain for name, quoted, plain in pairs}
        if given["nonce"] not in self.seen:
            return "stale"
        action = [request.method, given["uri"]]
        if given.get("qop") == "auth-int":
            action.append(hashlib.md5(request.body, usedforsecurity=False).hexdigest())
        uses = [given["nc"], given["cnonce"], given["qop"]] if self.qop else []
        key = md5(USER, self.realm, PASSWORD)
        if given["response"] != md5(key, given["nonce"], *uses, md5(*action)):
            return "wrong"
        counts = self.seen[given["nonce"]]
        assert given.get("nc") not in counts, "a count was used twice"
        if uses and len(counts) == self.uses:
            return "stale"
        if uses:
            counts.add(given["nc"])
        assert request.target.endswith(given["uri"])
        return None


@pytest.fixture
def origin(server: Server) -> DigestOrigin:
    """The strict server at every path of `server`."""
    origin = DigestOrigin()
    for path in ("/", "/a", "/b?q=1", "/c"):
        server.route(path.partition("?")[0], origin)
    return origin


@pytest.fixture
def digest() -> DigestAuth:
    """The right credentials."""
    return DigestAuth(USER, PASSWORD)


# Digest, on a strict server


def test_10_8_digest(server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth) -> None:
    """Contract 10.8: the first request is sent twice, over one connection; the following ones once."""
    session.auth = digest
    for path in ("/a", "/b?q=1", "/c"):
        assert "welcome" == get(session, server.url + path).result

    assert 1 == origin.refused
    assert ["/a", "/a", "/b?q=1", "/c"] == [request.target for request in server.requests]
    assert 1 == server.connection_count


@pytest.mark.parametrize("qop", ["", "auth", "auth-int", "auth,auth-int"])
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_10_8_digest_and_bodies(
    server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth, qop: str, method: str, tmp_path: Path
) -> None:
    """Contract 10.8: bodies of all kinds that can be sent again arrive as a whole."""
    origin.qop = qop
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    with path.open("rb") as file:
        for body in (b"bytes", "text", ["one", b"two"], file):
            request = get(session, server.url, req_body=body, method=method, auth=digest)
            assert request.resp_status == 200, request.error

    assert 1 == origin.refused
    assert [b"bytes", b"text", b"onetwo", b"x" * 100_000] == [request.body for request in server.requests[1:]]


def test_10_8_large_body_is_not_sent_for_nothing(server: Server, session: Session, digest: DigestAuth) -> None:
    """Contract 10.8: a large body waits for the server's word, which is the challenge; then it is sent, once."""
    body = b"x" * 3_000_000
    challenge = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest nonce="n", qop="auth"\r\nContent-Length: 0\r\n\r\n'
    server.play(receive_head(), send(challenge), wait_closed(), read_request=False)
    server.route("/", lambda request: Reply(200, b"%d" % len(request.body)))
    request = get(session, server.url, req_body=body, method="PUT", auth=digest)

    assert "3000000" == request.result
    first, second = server.requests
    assert (b"", body) == (first.body, second.body)
    assert "100-continue" == first.header("Expect")


def test_10_8_stale_nonces(server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth) -> None:
    """Contract 10.8: nonces that serve one request only cost a request each, and never the result."""
    session.auth, origin.uses = digest, 1
    for says_stale in (True, False):
        origin.says_stale = says_stale
        for _ in range(3):
            assert "welcome" == get(session, server.url).result


def test_10_8_announced_nonces(server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth) -> None:
    """Contract 10.8: a server that announces the next nonce with each response needs to ask once only."""
    session.auth, origin.uses, origin.announces = digest, 1, True
    for _ in range(5):
        assert "welcome" == get(session, server.url).result

    assert 1 == origin.refused


@pytest.mark.parametrize("uses", [1000, 3])
def test_10_8_many_at_once(
    server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth, uses: int
) -> None:
    """DIGEST-1: requests that run at once share nonces without using a count twice, and all succeed."""
    session.auth, origin.uses = digest, uses
    requests = [session.request(server.url) for _ in range(40)]
    assert wait_all(requests, timeout=30)

    assert {"welcome"} == {request.result for request in requests}


@pytest.mark.parametrize("user", ["ada", "eve"])
def test_10_8_wrong_password(server: Server, session: Session, origin: DigestOrigin, user: str) -> None:
    """Contract 10.8: wrong credentials are refused once, and the 401 is the response."""
    request = get(session, server.url, auth=DigestAuth(user, "wrong"), on_failure=print)

    assert (401, "who are you?") == (request.resp_status, request.result)
    assert 2 == origin.refused
    assert request.resp_headers is not None
    assert "Digest" in request.resp_headers["WWW-Authenticate"]


def test_10_8_unknown_challenges(server: Server, session: Session, digest: DigestAuth) -> None:
    """Contract 10.8: a server that wants something else gets no password, and its 401 is the response."""
    fields = {"WWW-Authenticate": 'Basic realm="x", Bearer, Digest realm="y", nonce="n", algorithm=SHA-3'}
    server.respond("/", b"no", status=401, headers=fields)
    request = get(session, server.url, auth=digest, on_failure=print)

    assert 401 == request.resp_status
    assert [None] == [request.header("Authorization") for request in server.requests]


def test_10_8_connection_that_is_closed(server: Server, session: Session, digest: DigestAuth) -> None:
    """Contract 10.8: a server that closes after its challenge gets the answer on a new connection."""
    origin = DigestOrigin()

    def closing(request: RecordedRequest) -> Reply:
        reply = origin(request)
        headers = dict(reply.headers) | {"Connection": "close"}
        return Reply(reply.status, reply.body, headers)

    server.route("/", closing)

    assert "welcome" == get(session, server.url, req_body=b"", method="POST", auth=digest).result
    assert 2 == server.connection_count


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000,
    ],
    ids=["length", "chunked", "large"],
)
def test_10_9_same_connection_after_any_body(server: Server, session: Session, fields: bytes) -> None:
    """Contract 10.9: the answer goes over the connection of the challenge, whatever body came with it."""
    challenge = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest nonce=n, qop=auth\r\n" + fields
    server.play(send(challenge), receive(), send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))

    assert "ok" == get(session, server.url, auth=DigestAuth("u", "p")).result


# Bodies that can be read only once


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_10_10_body_that_can_be_read_once(
    server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth, method: str
) -> None:
    """Contract 10.10: a body that cannot be sent again is an error that says so, never half a body."""
    request = get(session, server.url, req_body=iter([b"a", b"b"]), method=method, auth=digest, on_error=print)

    assert isinstance(request.error, AuthenticationError)
    assert f"{server.url}/: the server asks for credentials (401)" in str(request.error)
    assert "can be read only once" in str(request.error)
    assert [b"ab"] == [request.body for request in server.requests]


def test_10_10_known_nonce(server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth) -> None:
    """Contract 10.10: once a nonce is known, such a body is sent with the credentials, and once."""
    get(session, server.url, auth=digest)
    request = get(session, server.url, req_body=iter([b"a", b"b"]), auth=digest)

    assert "ab" == request.result


def test_10_10_refused_without_an_answer(server: Server, session: Session, digest: DigestAuth) -> None:
    """Contract 10.10: a 401 that has no answer is the response, also to such a body."""
    server.respond("/", b"no", status=401)
    request = get(session, server.url, req_body=iter([b"a"]), auth=digest, on_failure=print)

    assert (None, 401) == (request.error, request.resp_status)


# Redirects


def test_17_4_digest_and_redirects(server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth) -> None:
    """Contract 17.4: on one server each hop has an answer of its own; another server gets none, though it asks."""
    other_origin = DigestOrigin()
    with Server() as other:
        other.route("/", other_origin)
        server.respond("/hop", status=302, headers={"Location": "/a"})
        server.respond("/leave", status=302, headers={"Location": other.url + "/"})
        stayed = get(session, server.url + "/hop", auth=digest, follow_redirects=True)
        left = get(session, server.url + "/leave", auth=digest, follow_redirects=True, on_failure=print)

        assert [None] == [request.header("Authorization") for request in other.requests]
    assert ("welcome", 401) == (stayed.result, left.resp_status)
    assert ["/hop", "/a", "/a", "/leave"] == [request.target for request in server.requests]


def test_17_4_credentials_do_not_come_back(server: Server, session: Session, digest: DigestAuth) -> None:
    """Contract 17.4: a chain that leaves the server and returns has lost the credentials."""
    origin = DigestOrigin()
    server.route("/end", origin)
    with Server() as other:
        server.respond("/", status=302, headers={"Location": other.url + "/"})
        other.respond("/", status=302, headers={"Location": server.url + "/end"})
        request = get(session, server.url, auth=digest, follow_redirects=True, on_failure=print)

    assert 401 == request.resp_status
    assert [None, None] == [request.header("Authorization") for request in server.requests]


# Which credentials count


def test_9_3_userinfo_wins(server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth) -> None:
    """Contract 9.3: the URL's own credentials are sent, and a challenge is not answered with others."""
    request = get(session, server.url.replace("//", "//eve:x@"), auth=digest, on_failure=print)

    assert 401 == request.resp_status
    assert ["Basic ZXZlOng="] == [request.header("Authorization") for request in server.requests]


def test_10_4_auth_wins_over_a_header(
    server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth
) -> None:
    """Contract 10.4: the header that a request has of its own is not sent to a server with `auth`."""
    request = get(session, server.url, auth=digest, req_headers={"authorization": "Bearer stray"})

    assert "welcome" == request.result
    assert "Bearer" not in str([request.raw for request in server.requests])


def test_16_3_nothing_is_logged(
    server: Server, session: Session, origin: DigestOrigin, digest: DigestAuth, caplog: pytest.LogCaptureFixture
) -> None:
    """Contract 16.3: neither the log of a request nor its repr shows credentials."""
    with caplog.at_level("DEBUG"):
        request = get(session, server.url, auth=digest, debug=True)
    shown = caplog.text + repr(request) + repr(digest) + repr(session)

    assert "Digest " not in shown
    assert all(secret not in shown for secret in (PASSWORD, "ada", "response="))


# Other challenges


class Handshake:
    """Logs in a connection by two answers, as NTLM does."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
        self.threads.append(threading.get_ident())
        offer = challenge.find("NTLM")
        if offer is None:
            return False
        if not offer.token:
            challenge.state["began"] = True
            headers[challenge.header] = "NTLM type1"
        else:
            assert challenge.state["began"]
            headers[challenge.header] = f"NTLM type3-for-{offer.token}"
        return challenge.number < 2


class HandshakeServer:
    """Knows connections that have logged in, as servers for NTLM do; a route."""

    def __init__(self) -> None:
        self.logged_in: set[int] = set()
        self.tokens: dict[int, str] = {}

    def __call__(self, request: RecordedRequest) -> Reply:
        number, text = request.connection, request.header("Authorization")
        if number in self.logged_in and text is None:
            return Reply(200, b"known")
        if text == "NTLM type1":
            self.tokens[number] = token = f"dHlwZTI{number}="
            return Reply(401, iter([b"a body ", b"in chunks"]), {"WWW-Authenticate": f"NTLM {token}"})
        if number in self.tokens and text == f"NTLM type3-for-{self.tokens[number]}":
            self.logged_in.add(number)
            return Reply(200, b"welcome")
        return Reply(401, b"x" * 50_000, {"WWW-Authenticate": "Negotiate, NTLM"})


def test_10_9_handshake_of_a_connection(server: Server, session: Session) -> None:
    """Contract 10.9, security 36: all answers go over one connection, on the worker; it serves its `auth` only."""
    auth = Handshake()
    server.route("/", HandshakeServer())
    first = get(session, server.url, auth=auth)
    second = get(session, server.url, auth=auth)
    stranger = get(session, server.url, on_failure=print)
    other = get(session, server.url, auth=Handshake())

    assert ("welcome", "known", 401, "welcome") == (first.result, second.result, stranger.resp_status, other.result)
    assert [0, 0, 0, 0, 1, 2, 2, 2] == [request.connection for request in server.requests]
    assert threading.get_ident() not in auth.threads


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD"])
def test_10_9_handshake_with_a_body(server: Server, session: Session, method: str) -> None:
    """Contract 10.9: methods that may not be repeated, and bodies that were refused, do not end the handshake."""
    server.route("/", HandshakeServer())
    body = None if method == "HEAD" else b"x" * 100_000
    request = get(session, server.url, auth=Handshake(), req_body=body, method=method)

    assert 200 == request.resp_status
    assert [0, 0, 0] == [each.connection for each in server.requests]
    assert [body or b""] * 3 == [each.body for each in server.requests]


@pytest.mark.parametrize("size", [900_000, 3_000_000], ids=["not-announced", "announced"])
def test_10_9_handshake_with_a_large_body(server: Server, session: Session, size: int) -> None:
    """Contract 10.9: a challenge that comes before the body is read is no reason to stop: the connection must go on."""
    challenges = [
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM%b\r\nContent-Length: 0\r\n\r\n" % more for more in (b"", b" token")
    ]
    steps = [step for octets in challenges for step in (receive_head(), send(octets), receive_some(size))]
    server.play(*steps, receive(), send(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"), read_request=False)
    request = get(session, server.url, auth=Handshake(), req_body=b"x" * size, method="POST")

    assert "welcome" == request.result
    assert size == len(server.requests[-1].body)
    assert {0} == {each.connection for each in server.requests}
    assert {None} == {each.header("Expect") for each in server.requests}


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["another-status", "close"],
)
def test_10_9_a_large_body_that_is_refused(server: Server, session: Session, refusal: bytes) -> None:
    """Contract 10.5, 10.9: any other refusal, and a challenge on a connection that ends, stop the sending."""
    server.play(receive_head(), send(refusal), wait_closed(), read_request=False)
    auth = Handshake()
    auth.answer_challenge = lambda headers, challenge: False  # type: ignore[method-assign]
    request = get(session, server.url, auth=auth, req_body=b"x" * 60_000_000, on_failure=print)

    assert int(refusal[9:12]) == request.resp_status


def test_10_9_handshakes_at_once(server: Server, session: Session) -> None:
    """Contract 10.9: handshakes of several requests do not get into each other's way."""
    session.auth = Handshake()
    server.route("/", HandshakeServer())
    requests = [session.request(server.url) for _ in range(20)]
    assert wait_all(requests, timeout=30)

    assert {"welcome", "known"} >= {request.result for request in requests}


def test_10_9_certificate_for_channel_bindings(tls_server: Server, session: Session, ca_file: str) -> None:
    """Contract 10.9: the object is given the certificate of the server."""
    given: list[Any] = []

    class Auth:
        def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
            given.append(challenge.peer_certificate)
            return False

    tls_server.respond("/", status=401)
    get(session, tls_server.url, auth=Auth(), ca_file=ca_file, on_failure=print)

    assert [True] == [isinstance(certificate, bytes) and len(certificate) > 100 for certificate in given]


def test_10_9_token_that_is_renewed(server: Server, session: Session) -> None:
    """Contract 10.9: an object may set the header at once, and get a new token when the old one is refused."""

    class Bearer:
        token = "old"

        def __call__(self, headers: Headers) -> None:
            headers["Authorization"] = f"Bearer {self.token}"

        def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
            if challenge.number:
                return False
            self.token = "new"
            self(headers)
            return True

    server.route("/", lambda request: Reply(200 if request.header("Authorization") == "Bearer new" else 401))
    session.auth = Bearer()
    assert [200, 200] == [get(session, server.url).resp_status for _ in range(2)]

    assert ["Bearer old", "Bearer new", "Bearer new"] == [each.header("Authorization") for each in server.requests]


def test_10_9_object_that_raises(server: Server, session: Session) -> None:
    """Contract 10.9: what the object raises is the error of the request."""

    class Auth:
        def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
            raise KeyError("no ticket")

    server.respond("/", status=401)
    request = get(session, server.url, auth=Auth(), on_error=print)

    assert isinstance(request.error, KeyError)


def test_10_9_object_that_never_stops(server: Server, session: Session) -> None:
    """Contract 10.9: an object that answers for ever does not keep the request for ever."""

    class Auth:
        def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
            return True

    server.respond("/", status=401)
    request = get(session, server.url, auth=Auth(), on_failure=print)

    assert 401 == request.resp_status
    assert 7 == len(server.requests)


def test_7_2_cancel_within_a_dialogue(server: Server, session: Session) -> None:
    """Contract 7.2: a cancel between challenge and answer ends the request."""
    cancelled: list[UrlRequest] = []

    class Auth:
        def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
            request.cancel()
            return True

    ready = threading.Event()
    server.route("/", lambda recorded: Reply(401) if ready.wait(20) else Reply(500))
    request = session.request(server.url, auth=Auth(), on_cancel=cancelled.append)
    ready.set()
    assert request.wait(timeout=20)
    request.join(20)

    assert [request] == cancelled
    assert 1 == len(server.requests)


def test_10_4_digest_with_a_foreign_connection_class(server: Server, origin: DigestOrigin, digest: DigestAuth) -> None:
    """Contract 18.1: a class of http.client's answers challenges over a new connection."""
    from http.client import HTTPConnection

    class Request(UrlRequest):
        def get_connection_for_scheme(self, scheme: str) -> type:
            return HTTPConnection

    request = Request(server.url, auth=digest)
    assert request.wait(timeout=20)

    assert "welcome" == request.result


# Proxies


@pytest.mark.parametrize("how", ["proxy_auth", "userinfo"])
def test_14_4_digest_of_a_proxy_that_reads(session: Session, digest: DigestAuth, how: str) -> None:
    """Contract 14.4: a proxy that reads the requests is answered as a server is; its nonce serves the next request."""
    with Server() as proxy:
        asked = DigestOrigin("Proxy-Authorization")
        proxy.route("/a", asked)
        session.proxy_host, session.proxy_port = "127.0.0.1", proxy.port
        if how == "proxy_auth":
            session.proxy_auth = digest
        else:
            session.proxy_host = "ada:sec%3Aret,%20word@127.0.0.1"
        for _ in range(3):
            assert "welcome" == get(session, "http://origin.test/a").result

        first, *others = [request.header("Proxy-Authorization") for request in proxy.requests]
        assert 4 == len(proxy.requests)
        assert 1 == proxy.connection_count
    assert (None if how == "proxy_auth" else "Basic YWRhOnNlYzpyZXQsIHdvcmQ=") == first
    assert all(text is not None and text.startswith("Digest ") for text in others)


def test_14_4_proxy_and_server_ask(session: Session, digest: DigestAuth) -> None:
    """Contract 14.4, DIGEST-1: proxy and server may both ask; each gets its own answer, and each answer once."""
    with Server() as proxy:
        of_proxy, of_origin = DigestOrigin("Proxy-Authorization"), DigestOrigin()

        def both(request: RecordedRequest) -> Reply:
            reply = of_proxy(request)
            return reply if reply.status == 407 else of_origin(request)

        proxy.route("/", both)
        options: dict[str, Any] = {"proxy_host": proxy.url, "proxy_auth": DigestAuth(USER, PASSWORD)}
        assert "welcome" == get(session, "http://origin.test/", auth=digest, **options).result
        assert "welcome" == get(session, "http://origin.test/", auth=digest, **options).result


CHALLENGE_407 = b'HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "closed"])
def test_14_4_digest_of_a_tunnel(
    server_context: Any, session: Session, ca_file: str, digest: DigestAuth, is_kept: bool
) -> None:
    """Contract 14.4: a proxy that opens tunnels is answered on the same connection, or on a new one if it closes."""
    established = send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    refusal = CHALLENGE_407 + b"Content-Length: 2\r\n\r\nno"
    if not is_kept:
        refusal = refusal.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
    with Server() as proxy:
        proxy.respond("/", "hello")
        rest = [established, start_tls(server_context), routes()]
        if is_kept:
            proxy.play(send(refusal), receive(), *rest)
        else:
            proxy.play(send(refusal), close())
            proxy.play(*rest)
        options = {"proxy_host": proxy.url, "proxy_auth": digest, "ca_file": ca_file}
        request = get(session, "https://localhost/", **options)

        assert "hello" == request.result
        first, second, inner = proxy.requests
        assert (None, None) == (first.header("Proxy-Authorization"), inner.header("Proxy-Authorization"))
        given = dict(re.findall(r'(\w+)="?([^",]*)', second.header("Proxy-Authorization") or ""))
        uses = [given["nonce"], given["nc"], given["cnonce"], given["qop"]]
        assert md5(md5(USER, "r", PASSWORD), *uses, md5("CONNECT", "localhost:443")) == given["response"]


def test_14_4_tunnel_that_stays_closed(session: Session) -> None:
    """Contract 14.4, 14.2: a proxy that refuses the answer is a ProxyError with its status, and is not asked again."""
    with Server() as proxy:
        refusal = send(CHALLENGE_407 + b"Content-Length: 0\r\n\r\n")
        proxy.play(refusal, receive(), refusal)
        options: dict[str, Any] = {"proxy_host": proxy.url, "proxy_auth": DigestAuth("u", "wrong"), "on_error": print}
        request = get(session, "https://localhost/", **options)

    assert isinstance(request.error, ProxyError)
    assert 407 == request.error.status
    assert 2 == len(proxy.requests)


def test_14_4_credentials_of_proxy_and_server_do_not_mix(server: Server, session: Session, digest: DigestAuth) -> None:
    """Contract 14.1, 14.4: the 407 of a server is not answered, nor the 401 of a proxy with the proxy's credentials."""
    challenge = {"WWW-Authenticate": "Digest nonce=n", "Proxy-Authenticate": "Digest nonce=n"}
    server.respond("/", status=407, headers=challenge)
    with Server(handler=lambda request: Reply(401, b"", challenge)) as proxy:
        direct = get(session, server.url, auth=digest, on_failure=print)
        through = get(session, "http://a.test/", proxy_host=proxy.url, proxy_auth=digest, on_failure=print)

        assert (407, 401) == (direct.resp_status, through.resp_status)
        assert 1 == len(proxy.requests) == len(server.requests)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (("me", "pw"), "Basic bWU6cHc="),
        (lambda headers: headers.update({"Proxy-Authorization": "Bearer x"}), "Bearer x"),
    ],
)
def test_14_4_other_kinds_of_proxy_auth(session: Session, auth: Any, expected: str) -> None:
    """Contract 14.4: proxy_auth takes what auth takes."""
    with Server(handler=lambda request: Reply(200, b"ok")) as proxy:
        assert "ok" == get(session, "http://a.test/", proxy_host=proxy.url, proxy_auth=auth).result
        assert [expected] == proxy.requests[0].header_values("Proxy-Authorization")


@pytest.mark.parametrize("auth", [5, "me:pw", ("me",)])
def test_2_3_proxy_auth_that_cannot_be_used(session: Session, auth: Any) -> None:
    """Contract 2.3: anything else is an error that names the argument."""
    request = get(session, "http://a.test/", proxy_host="127.0.0.1:9", proxy_auth=auth, on_error=print)

    assert isinstance(request.error, TypeError)
    assert str(request.error).startswith("proxy_auth ")


# netrc


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def test_10_11_netrc(server: Server, session: Session, home: Path) -> None:
    """Contract 10.11: the entry of the host is sent as Basic; nothing is read unless NetrcAuth is passed."""
    (home / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    (home / ".netrc").chmod(0o600)
    server.respond("/", "ok")
    get(session, server.url)
    get(session, server.url, auth=NetrcAuth())
    get(session, server.url.replace("127.0.0.1", "localhost"), auth=NetrcAuth())

    expected = "Basic " + base64.b64encode(b"me:s3cret").decode()
    assert [None, expected, None] == [request.header("Authorization") for request in server.requests]


def test_10_11_netrc_and_redirects(server: Server, session: Session, home: Path) -> None:
    """Contract 10.11, 17.4: the file is not asked for the host that a redirect leads to."""
    path = home / "file"
    path.write_text("machine localhost login me password s3cret\nmachine 127.0.0.1 login you password other\n")
    server.respond("/", "ok")
    server.respond("/hop", status=302, headers={"Location": server.url.replace("127.0.0.1", "localhost")})
    get(session, f"{server.url}/hop", auth=NetrcAuth(path), follow_redirects=True)

    assert [True, False] == [request.header("Authorization") is not None for request in server.requests]


def test_10_11_netrc_that_others_may_read(server: Server, session: Session, home: Path) -> None:
    """Contract 10.11: a file in the home directory that others may read is an error, as in the standard library."""
    if os.name != "posix":
        pytest.skip("no permissions of this kind")
    (home / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    (home / ".netrc").chmod(0o644)
    request = get(session, server.url, auth=NetrcAuth(), on_error=print)

    assert isinstance(request.error, ValueError)
    assert "too permissive" in str(request.error)
    assert 0 == server.connection_count


# Real servers


def html_digest(algorithm: str, user: str, realm: str, password: str) -> str:
    """A line of a file of users, as `htdigest` writes it."""
    hashed = hashlib.new(algorithm, f"{user}:{realm}:{password}".encode(), usedforsecurity=False)
    return f"{user}:{realm}:{hashed.hexdigest()}\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a page in it."""
    root = tmp_path / "site"
    root.mkdir()
    (root / "page").write_text("welcome")
    return root


APACHE = """
<Location />
  AuthType Digest
  AuthName "{realm}"
  AuthDigestProvider file
  AuthUserFile {users}
  Require valid-user
  {more}
</Location>
"""


@pytest.fixture(params=["", "AuthDigestNonceLifetime 1", "AuthDigestNonceLifetime 0"], ids=["plain", "1 s", "once"])
def digest_apache(request: pytest.FixtureRequest, tmp_path: Path, site: Path) -> Iterator[str]:
    """Apache with mod_auth_digest."""
    users = tmp_path / "users"
    users.write_text(html_digest("md5", "jürgen", "a realm", PASSWORD))
    with apache(tmp_path, site, APACHE.format(users=users, realm="a realm", more=request.param)) as url:
        yield url


@pytest.mark.system
def test_10_8_apache(digest_apache: str, session: Session) -> None:
    """Contract 10.8: a real Apache is satisfied, with nonces of any lifetime, one request after the other."""
    session.auth = DigestAuth("jürgen", PASSWORD)
    for number in range(5):
        request = get(session, f"{digest_apache}/page?{number}=a%20b")
        assert "welcome" == request.result, request.error


@pytest.mark.system
@pytest.mark.parametrize("digest_apache", ["", "AuthDigestNonceLifetime 1"], indirect=True, ids=["plain", "1 s"])
def test_10_8_apache_many_at_once(digest_apache: str, session: Session) -> None:
    """Contract 10.8: the same for requests that run at once; with nonces for one request Apache allows one only."""
    session.auth = DigestAuth("jürgen", PASSWORD)
    requests = [session.request(f"{digest_apache}/page") for _ in range(30)]
    assert wait_all(requests, timeout=30)

    assert {"welcome"} == {request.result for request in requests}


@pytest.mark.system
def test_10_8_apache_refuses(digest_apache: str, session: Session) -> None:
    """Contract 10.8: a wrong password is a failure of 401."""
    request = get(session, f"{digest_apache}/page", auth=DigestAuth("jürgen", "wrong"), on_failure=print)

    assert 401 == request.resp_status


LIGHTTPD = """
server.modules = ( "mod_auth", "mod_authn_file" )
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "{users}"
auth.require = ( "" => (
    "method" => "digest", "realm" => "a realm", "require" => "valid-user", "algorithm" => "{algorithm}",
    "userhash" => "{userhash}"
) )
"""


@pytest.mark.system
@pytest.mark.parametrize("userhash", ["enable", "disable"])
@pytest.mark.parametrize(("algorithm", "name"), [("md5", "MD5"), ("sha256", "SHA-256")])
def test_10_8_lighttpd(tmp_path: Path, site: Path, session: Session, algorithm: str, name: str, userhash: str) -> None:
    """Contract 10.8: a real lighttpd is satisfied, with both of its algorithms, and with users that are hashed."""
    users = tmp_path / "users"
    line = html_digest(algorithm, "ada", "a realm", PASSWORD).strip()
    hashed = hashlib.new(algorithm, b"ada:a realm", usedforsecurity=False).hexdigest()
    users.write_text(f"{line}:{hashed}\n" if userhash == "enable" else f"{line}\n")
    configuration = LIGHTTPD.format(users=users, algorithm=name, userhash=userhash)
    with lighttpd(tmp_path, site, configuration) as url:
        session.auth = DigestAuth("ada", PASSWORD)
        for _ in range(3):
            request = get(session, f"{url}/page")
            assert "welcome" == request.result, request.error
        wrong = get(session, f"{url}/page", auth=DigestAuth("ada", "wrong"), on_failure=print)

    assert 401 == wrong.resp_status


PROXY = """
ProxyRequests On
AllowCONNECT {port}
<Proxy "*">
  AuthType Digest
  AuthName "a realm"
  AuthDigestProvider file
  AuthUserFile {users}
  Require valid-user
</Proxy>
"""


@pytest.mark.system
@pytest.mark.parametrize("how", ["proxy_auth", "userinfo"])
def test_14_4_apache_as_a_proxy(
    tmp_path: Path, server: Server, tls_server: Server, ca_file: str, session: Session, how: str
) -> None:
    """Contract 14.4: a real proxy that wants Digest serves http and https, and the servers see none of it."""
    users = tmp_path / "users"
    users.write_text(html_digest("md5", "ada", "a realm", "secret"))
    server.respond("/a", "plain")
    tls_server.respond("/b", "secure")
    configuration = PROXY.format(port=tls_server.port, users=users)
    with apache(tmp_path, tmp_path, configuration, ["proxy", "proxy_http", "proxy_connect"]) as url:
        session.ca_file = ca_file
        session.proxy_host = url if how == "proxy_auth" else url.replace("//", "//ada:secret@")
        session.proxy_auth = DigestAuth("ada", "secret") if how == "proxy_auth" else None
        plain = [get(session, f"{server.url}/a") for _ in range(3)]
        secure = [get(session, f"{tls_server.url}/b") for _ in range(3)]
        session.proxy_host, session.proxy_auth = url, DigestAuth("ada", "wrong")
        refused = get(session, f"{tls_server.url}/b", on_error=print)
        session.close()  # Apache ends when its tunnels have ended

    assert ["plain"] * 3 == [request.result for request in plain], plain[0].error
    assert ["secure"] * 3 == [request.result for request in secure], secure[0].error
    assert isinstance(refused.error, ProxyError)
    assert 407 == refused.error.status
    for request in server.requests + tls_server.requests:
        assert None is request.header("Proxy-Authorization") is request.header("Authorization")
