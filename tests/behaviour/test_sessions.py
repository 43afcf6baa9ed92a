"""Sessions (contract 17.7 and 17.9): what they share, set and keep apart."""

from __future__ import annotations

import gc
import threading
import weakref
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

import pytest

from support.clients import get
from support.messages import reply
from support.waiting import wait_until
from urlrequest import Session, UrlRequest, wait_all
from urlrequest.errors import DeadlineExceeded, InvalidURL, UnsupportedScheme
from urlrequest.hooks import ManualHook
from urlrequest.testing import Reply, Server, hold, send, signal

if TYPE_CHECKING:
    from urlrequest.testing import RecordedRequest


def sent(server: Server, session: Session, url: str = "/", **options: Any) -> RecordedRequest:
    """What the server got of one request."""
    server.respond("/", "ok")
    get(session, url, **options)
    return server.requests[-1]


@pytest.mark.parametrize(
    ("base", "url", "path"),
    [
        ("", "a", "/a"),
        ("/v1/", "a?b=c", "/v1/a?b=c"),
        ("/v1/", "/a", "/a"),
        ("/v1/x", "a", "/v1/a"),
        ("/v1/", "", "/v1/"),
        ("/v1/", "../a", "/a"),
    ],
)
def test_17_9_base_url(server: Server, base: str, url: str, path: str) -> None:
    """A request's URL is relative to the session's, as a link is to its page."""
    server.respond("/*", "ok")
    with Session(server.url + base) as session:
        request = get(session, url)

    assert path == server.requests[0].target
    assert server.url + path == request.resp_url
    assert url == request.url


def test_17_9_absolute_urls(server: Server) -> None:
    """A URL with a host of its own is taken as it is."""
    server.respond("/a", "ok")
    with Session("http://elsewhere.test/v1/") as session:
        assert "ok" == get(session, server.url + "/a").result


@pytest.mark.parametrize("base", ["http://", "http://a b/", 7])
def test_17_9_bad_base_url(base: Any) -> None:
    """Contract 2.3: a base URL that is none is reported through on_error."""
    with Session(base) as session:
        assert isinstance(get(session, "x", on_error=print).error, InvalidURL)


def test_17_9_base_url_of_another_scheme() -> None:
    """A relative URL never leaves the scheme of its base."""
    with Session("custom://service/") as session:
        assert isinstance(get(session, "status", on_error=print).error, UnsupportedScheme)


def test_17_9_headers_are_merged(server: Server) -> None:
    """Fields of both are sent; what the request names wins, whatever its spelling, and None leaves a field out."""
    common = {"Accept": "a", "X-Common": "1", "X-Both": "common", "X-Out": "1"}
    with Session(server.url, headers=common) as session:
        request = sent(server, session, req_headers={"x-both": "own", "X-Own": "2", "x-out": None})

    fields = {name.lower(): value for name, value in request.headers}
    assert ("a", "1", "own", "2") == tuple(fields[name] for name in ("accept", "x-common", "x-both", "x-own"))
    assert "x-out" not in fields
    assert 1 == len(request.header_values("X-Both"))
    assert {"Accept": "a", "X-Common": "1", "X-Both": "common", "X-Out": "1"} == common


@pytest.mark.parametrize(
    ("setting", "own", "name"),
    [
        ({"user_agent": "common"}, {"user_agent": "own"}, "User-Agent"),
        ({"auth": ("a", "b")}, {"auth": ("c", "d")}, "Authorization"),
    ],
)
def test_17_9_settings(server: Server, setting: dict[str, Any], own: dict[str, Any], name: str) -> None:
    """A session's setting holds where the request names none."""
    with Session(server.url, **setting) as session:
        common, named = sent(server, session).header(name), sent(server, session, **own).header(name)

    assert common is not None
    assert named is not None
    assert common != named


def test_17_9_settings_change_at_any_time(server: Server) -> None:
    """An attribute holds for the requests made from then on."""
    with Session(server.url) as session:
        assert sent(server, session).header("X-New") is None
        session.headers = {"X-New": "1"}
        assert "1" == sent(server, session).header("X-New")


def test_17_9_times(server: Server) -> None:
    """Timeout and deadline of a session hold for its requests, and give way to their own."""
    server.route("/never", lambda request: server.wait("never", 3600))
    with Session(server.url, timeout=0.05) as session:
        assert isinstance(get(session, "/never", on_error=print).error, TimeoutError)
        session.timeout, session.deadline = 20, 0.05
        assert isinstance(get(session, "/never", on_error=print).error, DeadlineExceeded)
        assert "ok" == get_ok(server, session, deadline=20)


def get_ok(server: Server, session: Session, **options: Any) -> Any:
    server.respond("/", "ok")
    return get(session, **options).result


def test_17_7_hook_of_the_session(server: Server) -> None:
    """Contract 8.1: the session's hook delivers, unless the request names one."""
    server.respond("/", "ok")
    common, own = ManualHook(), ManualHook()
    done: list[str] = []
    with Session(server.url, hook=common) as session:
        first = session.request("/", on_success=lambda *_: done.append("common"))
        second = session.request("/", on_success=lambda *_: done.append("own"), hook=own)
        for request in (first, second):
            request.join(20)
        wait_until(lambda: (own.drain(), second.is_finished)[1])
        assert ["own"] == done
        wait_until(lambda: (common.drain(), first.is_finished)[1])

    assert ["own", "common"] == done


def test_17_9_tls_settings(tls_server: Server, ca_file: str) -> None:
    """A session's ca_file and verify hold for its requests."""
    tls_server.respond("/", "ok")
    with Session(tls_server.url, ca_file=ca_file) as session:
        assert "ok" == get(session).result
    with Session(tls_server.url) as session:
        assert get(session, on_error=print).error is not None


@pytest.mark.parametrize("option", ["max_requests", "max_per_host"])
@pytest.mark.parametrize("value", [0, -1])
def test_17_9_bad_limits(option: str, value: int) -> None:
    """A limit below 1 is a ValueError, at construction and later."""
    options: dict[str, Any] = {option: value}
    with pytest.raises(ValueError, match=f"{option} is {value}"):
        Session(**options)
    with Session() as session, pytest.raises(ValueError, match=f"{option} is {value}"):
        setattr(session, option, value)


# Cookies


def test_17_9_cookies_are_kept(server: Server) -> None:
    """What a server sets comes back to it, by its path, and to no other session."""
    server.respond("/", "ok", headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/private")])
    server.respond("/private/x", "ok")
    with Session(server.url) as session, Session(server.url) as other:
        for url in ("/", "/", "/private/x"):
            get(session, url)
        get(other)
        assert {"a", "b"} == {cookie.name for cookie in session.cookies}

    assert [None, "a=1", "b=2; a=1", None] == [request.header("Cookie") for request in server.requests]


def test_17_9_no_session_keeps_no_cookies(server: Server) -> None:
    """Requests without a session keep none."""
    server.respond("/", "ok", headers={"Set-Cookie": "a=1"})
    for _ in range(2):
        UrlRequest(server.url).wait()

    assert [None, None] == [request.header("Cookie") for request in server.requests]


def test_17_9_cookies_of_a_failure(server: Server) -> None:
    """The cookies of an answer that is no success count as well."""
    server.respond("/", "no", status=403, headers={"Set-Cookie": "a=1"})
    with Session(server.url) as session:
        for _ in range(2):
            get(session, on_failure=print)

    assert "a=1" == server.requests[1].header("Cookie")


@pytest.mark.parametrize("cookies", [{"own": "1"}, "own=1"])
def test_17_9_given_cookies(server: Server, cookies: Any) -> None:
    """Cookies given as text or dict go with every request, beside those that are kept and the request's."""
    server.respond("/", "ok", headers={"Set-Cookie": "kept=2"})
    with Session(server.url, cookies=cookies) as session:
        for _ in range(2):
            get(session, cookies={"third": "3"})

    assert "own=1; third=3; kept=2" == server.requests[1].header("Cookie")


def test_17_9_given_jar(server: Server) -> None:
    """A CookieJar of the program's own is used as it is."""
    jar = CookieJar()
    with Session(server.url, cookies=jar) as session:
        server.respond("/", "ok", headers={"Set-Cookie": "a=1"})
        get(session)
        assert session.cookies is jar

    assert ["a"] == [cookie.name for cookie in jar]


@pytest.mark.parametrize(
    "field",
    [
        "a=1; Domain=elsewhere.test",
        "a=1; Domain=.test",
        "a=1; Domain=co.uk",
        "a=1; Secure",
        "a=1; Max-Age=0",
        "a=1; Path=/other",
    ],
)
def test_17_9_cookies_that_do_not_come_back(server: Server, field: str) -> None:
    """Cookies for other hosts, other paths, TLS alone, or no time at all are not sent back."""
    server.respond("/", "ok", headers={"Set-Cookie": field})
    with Session(server.url) as session:
        for _ in range(2):
            get(session)

    assert server.requests[1].header("Cookie") is None


def test_17_9_cookie_flood(server: Server) -> None:
    """Security 48: one answer sets fifty cookies at the most."""
    server.respond("/", "ok", headers=[("Set-Cookie", f"c{number}=1") for number in range(200)])
    with Session(server.url) as session:
        get(session)

        assert 50 == len(list(session.cookies))


# The end of a session


def test_17_9_cancel_all(server: Server) -> None:
    """Only this session's requests are cancelled, waiting ones too."""
    server.play(signal("one"), hold())
    server.play(signal("two"), hold())
    with Session(server.url, max_requests=1) as session, Session(server.url) as other:
        running = session.request("/")
        server.wait("one")
        waiting, foreign = session.request("/"), other.request("/")
        server.wait("two")
        assert 2 == session.cancel_all()
        assert running.is_cancelled
        assert waiting.is_cancelled
        assert not foreign.is_cancelled
        assert 0 == session.cancel_all()


def test_17_9_close(server: Server, recorder: Any) -> None:
    """Closing cancels what is not finished and closes the connections; later requests are errors, not exceptions."""
    server.respond("/ok", "ok")
    server.play(signal("asked"), hold())
    session = Session(server.url)
    request = recorder.get("/", session=session)
    server.wait("asked")
    get(session, "/ok")
    session.close()
    session.close()
    request.wait()
    late = get(session, "/ok", on_error=print)

    assert "cancel" == recorder.terminal
    assert isinstance(late.error, RuntimeError)
    assert "closed" in str(late.error)
    assert 0 == session._urlrequest_shared.pool.count


def test_17_9_closing_in_the_last_moment(server: Server) -> None:
    """A connection that a request gives back after its session was closed is not kept."""
    may_end = threading.Event()

    class Slow(UrlRequest):
        def decode_result(self, result: Any, resp: Any) -> Any:
            session._urlrequest_shared.is_closed = True
            session._urlrequest_shared.pool.close()
            may_end.set()
            return result

    server.respond("/", "ok")
    session = Session(server.url)
    request = Slow("/", session=session)
    assert may_end.wait(20)
    request.wait()
    request.join(20)
    session.close()

    assert 0 == session._urlrequest_shared.pool.count


def test_17_9_closed_sessions_leave_no_threads(server: Server) -> None:
    """A session that is closed leaves no idle thread behind."""
    server.respond("/", "ok")
    before = set(threading.enumerate())
    for _ in range(10):
        with Session(server.url) as session:
            get(session)
    workers = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("urlrequest-worker")]
    for thread in workers:
        thread.join(20)

    assert [] == [thread for thread in workers if thread.is_alive()]


@pytest.mark.no_leaks
def test_17_9_dropped_sessions_leave_nothing(server: Server) -> None:
    """Contract 17.9: a session that is dropped without close() goes, and so do its threads and sockets."""
    server.respond("/", "ok")
    before = set(threading.enumerate())
    session = Session(server.url)
    requests = [session.get("/", on_progress=lambda *_: None) for _ in range(5)]
    assert wait_all(requests, timeout=20)
    workers = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("urlrequest-worker")]
    pool = weakref.ref(session._urlrequest_shared.workers)
    reference = weakref.ref(session)
    assert workers
    del session, requests
    gc.collect()
    for thread in workers:
        thread.join(5)  # a worker of a session that is kept waits longer for its next request

    assert [] == [thread for thread in workers if thread.is_alive()]
    gc.collect()
    assert (None, None) == (reference(), pool())


def test_17_7_session_is_a_session() -> None:
    """Contract 2.3: anything else is reported through on_error."""
    wrong: Any = "session"
    request = UrlRequest("http://127.0.0.1:1/", session=wrong, on_error=print)
    request.wait()

    assert isinstance(request.error, TypeError)


def test_17_9_timings(server: Server) -> None:
    """Contract 11.2: the phases are reported, and those that a kept connection does without are absent."""
    server.route("/", lambda request: Reply(200, "ok"))
    with Session(server.url) as session:
        first, second = get(session), get(session)

    assert {"queue", "connect", "send", "first_byte", "total"} <= first.timings.keys()
    assert {"connect", "dns", "tls"}.isdisjoint(second.timings)
    assert all(seconds >= 0 for seconds in first.timings.values())
    assert first.timings["total"] >= first.timings["first_byte"]


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete"])
def test_17_9_short_forms(server: Server, method: str) -> None:
    """Contract 17.9: each is `request()` with its method; the other arguments are those of `UrlRequest`."""
    server.play(send(reply(b"", "A: b")))
    results: list[Any] = []
    with Session(server.url) as session:
        request = getattr(session, method)("/p", lambda *_: results.append("success"), params={"q": 1})
        assert request.wait(timeout=20)

    assert ["success"] == results
    assert (method.upper(), "/p?q=1") == (server.requests[0].method, server.requests[0].target)
    with pytest.raises(TypeError, match="method"):
        getattr(session, method)("/p", method="PUT")
