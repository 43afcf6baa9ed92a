"""What a program's own mistakes look like (contract 2.3, 16.3): each message names the parameter and what it needs."""

from __future__ import annotations

import functools
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from support.messages import reply
from support.waiting import wait_until
from urlrequest import NetrcAuth, Session, UrlRequest, hooks
from urlrequest._net import tls_contexts
from urlrequest.errors import InsecureRequestWarning
from urlrequest.testing import Server, send, wait_for

if TYPE_CHECKING:
    import ssl


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (
            {"json": {"a": {1}}},
            TypeError,
            "json cannot be written as JSON: Object of type set is not",
        ),
        ({"json": float("nan")}, ValueError, "json cannot be written as JSON: Out of range float values"),
        (
            {"req_body": {"a": {1}}, "req_headers": {"Content-Type": "application/json"}},
            TypeError,
            "req_body cannot be written as JSON: Object of type set",
        ),
        (
            {"files": {"a": 5}},
            TypeError,
            "files['a'] is int; bytes, str, dict, a file or an iterable of",
        ),
        ({"files": {"a": [1, 2]}}, TypeError, "files['a'] is int; "),
        ({"files": {"a": ("name", [1])}}, TypeError, "files['a'] holds int; bytes are needed"),
        ({"files": {"a": "/no/such"}}, FileNotFoundError, "files has a path that cannot be opened: "),
        ({"files": {"a": ("name", "/no/such")}}, FileNotFoundError, "files has a path that cannot be opened: "),
        ({"req_body": [1, 2]}, TypeError, "req_body holds int; bytes are needed (json= sends a list as JSON)"),
        ({"req_body": 5}, TypeError, "req_body is int; bytes, str, dict, a file or an iterable of bytes is needed"),
        ({"checksum": "abc123"}, ValueError, "checksum is 'abc123', without an algorithm; text such as 'sha256:<hex>'"),
        ({"max_size": "1M"}, TypeError, "max_size is str; a number of bytes is needed"),
        ({"retries": "3"}, TypeError, "retries is str; a number is needed"),
        ({"follow_redirects": "yes"}, TypeError, "follow_redirects is str; True, False or a number is needed"),
        (
            {"verify": "ca.pem", "url": "https://a.test/"},
            TypeError,
            "verify is str; True or False is needed (ca_file",
        ),
        ({"verify": "", "url": "https://a.test/"}, TypeError, "verify is str; True or False is needed (ca_file"),
        ({"ca_file": "/no/such.pem", "url": "https://a.test/"}, OSError, "ca_file cannot be opened: "),
        ({"client_cert": "/no/such.pem", "url": "https://a.test/"}, OSError, "client_cert cannot be opened: "),
        ({"auth": NetrcAuth("/no/such")}, FileNotFoundError, "the netrc file cannot be opened: "),
        ({"auth": ("user", None)}, TypeError, "auth has a NoneType; the user and the password must be text"),
        ({"cookies": ["a=b"]}, TypeError, "cookies is list; text or a dict is needed"),
        ({"json": 1, "req_body": b"1"}, ValueError, "json cannot be combined with req_body or files"),
        ({"url": "http://a b.test/"}, ValueError, "the host has an invalid character, ' ': 'http://a b.test/'"),
        ({"url": "http://a$b.test/"}, ValueError, "the host has an invalid character, '$': 'http://a$b.test/'"),
        ({"url": "htp://a.test/"}, ValueError, "the scheme 'htp' is not supported; http and https are"),
        ({"url": None}, ValueError, "the URL is NoneType; a str is needed"),
        ({"hook": hooks.ManualHook}, TypeError, "a urlrequest.hooks.Hook is needed (did you mean ManualHook()?)"),
        ({"hook": 5}, TypeError, "hook is int; a urlrequest.hooks.Hook is needed"),
        ({"session": 5}, TypeError, "session is int; a urlrequest.Session is needed"),
    ],
)
def test_2_3_bad_arguments(options: dict[str, Any], kind: type[Exception], text: str) -> None:
    """Contract 2.3, 16.3: the message begins with the parameter, as it was written, and says what it needs."""
    request = UrlRequest(**{"url": "http://a.test/", "on_error": lambda *_: None, **options})
    assert request.wait(timeout=20)

    assert isinstance(request.error, kind)
    assert text in str(request.error)


def test_2_3_json_that_nests_too_deeply() -> None:
    """Contract 2.3: what `json` cannot write is a ValueError, however deep it is."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    request = UrlRequest("http://a.test/", json=value, on_error=lambda *_: None)
    assert request.wait(timeout=20)

    assert isinstance(request.error, ValueError)
    assert str(request.error).startswith("json cannot be written as JSON: ")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_16_3_stale_variable(monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext, variable: str) -> None:
    """Contract 16.3: a variable that names no file is named in the error of every https request."""
    monkeypatch.setenv(variable, "/no/such.pem")
    with Server(tls=server_context) as server:
        request = UrlRequest(server.url, on_error=lambda *_: None)
        assert request.wait(timeout=20)

    assert isinstance(request.error, FileNotFoundError)
    assert variable in str(request.error)
    assert "/no/such.pem" in str(request.error)


def test_4_4_json_too_early(server: Server) -> None:
    """Contract 4.4: what `json()` raises says why there is no body."""
    server.play(wait_for("read"), send(reply(b"[1]")))
    request = UrlRequest(server.url)
    with pytest.raises(ValueError, match=r"there is no body: the request has not finished; wait\(\) waits for it"):
        request.json()
    server.signal("read")
    assert request.wait(timeout=20)
    failed, cancelled = (UrlRequest("http://127.0.0.1:1/", on_finish=lambda _: None) for _ in range(2))
    cancelled.cancel()
    assert urlrequest.wait_all([failed, cancelled], timeout=20)

    assert [1] == request.json()
    with pytest.raises(ValueError, match=r"there is no body: the request failed: .*refused"):
        failed.json()
    with pytest.raises(ValueError, match="there is no body: the request was cancelled"):
        cancelled.json()


def test_13_2_no_line_of_the_library_is_blamed(monkeypatch: pytest.MonkeyPatch, server_context: ssl.SSLContext) -> None:
    """Contract 13.2: the warning about verify=False names the host, and points at no line of the library."""
    monkeypatch.setattr(tls_contexts, "_warned_hosts", set())
    with Server(tls=server_context) as server:
        server.respond("/", "hello")
        with pytest.warns(InsecureRequestWarning, match=r"127\.0\.0\.1") as warned:
            UrlRequest(server.url, verify=False).wait(timeout=20)

    assert ["<urlrequest>"] == [warning.filename for warning in warned]


# Where it was


def notes(error: BaseException | None) -> list[str]:
    return getattr(error, "__notes__", [])


class Derived(UrlRequest):
    def __init__(self, url: str, **options: Any) -> None:
        self.title = "own"
        super().__init__(url, **options)


@pytest.mark.parametrize("options", [{"timeout": "5"}, {"max_size": "1M"}, {"url": "http://:"}, {"file_path": "/no/x"}])
@pytest.mark.parametrize("how", ["request", "session", "get"])
def test_2_3_errors_of_arguments_name_the_line(options: dict[str, Any], how: str) -> None:
    """Contract 2.3: a note says where the request was made, since no frame of the program is in the traceback."""
    options = {"url": "http://127.0.0.1:1/", "on_error": lambda *_: None, **options}
    with Session() as session:
        make: Any = {"request": UrlRequest, "session": session.request, "get": session.get}[how]
        line = sys._getframe().f_lineno + 1
        request = make(**options)
        assert request.wait(timeout=20)

    place = f"{__file__}:{line}, in test_2_3_errors_of_arguments_name_the_line"
    assert [f"the request was made at {place}"] == notes(request.error)


def test_2_3_a_subclass_is_a_place_of_the_program() -> None:
    """Contract 2.3: of a subclass the note names the call of the constructor."""
    request = Derived("http://127.0.0.1:1/", timeout="5", on_error=lambda *_: None)
    assert request.wait(timeout=20)

    (note,) = notes(request.error)
    assert note.endswith(", in __init__")
    assert __file__ in note


def test_2_3_the_log_names_the_line(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 2.3, 3.8: without on_error the log line has the place."""
    request = UrlRequest("http://127.0.0.1:1/", max_size="1M")  # type: ignore[arg-type]  # that is the mistake
    assert request.wait(timeout=20)

    (line,) = [record.getMessage() for record in caplog.records]
    assert "TypeError: max_size is str; a number of bytes is needed; the request was made at " in line
    assert f"{__file__}:" in line


def test_2_3_the_log_has_each_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """Contract 2.3, 3.8: of two mistakes with one URL the second is no repeat of the first."""
    mistakes: list[dict[str, Any]] = [{"max_size": "1M"}, {"timeout": "5"}, {"verify": "ca.pem"}]
    for options in mistakes:
        assert UrlRequest("https://127.0.0.1:1/", **options).wait(timeout=20)

    assert len(mistakes) == len(caplog.records)


def test_2_3_other_errors_have_no_note() -> None:
    """Contract 2.3: an error of the network is no mistake of the program, and has no note."""
    request = UrlRequest("http://127.0.0.1:1/", on_error=lambda *_: None)
    assert request.wait(timeout=20)

    assert [] == notes(request.error)


# Callbacks


async def coroutine_function(*_: object) -> None:
    """Such as a program might pass by mistake."""


def generator_function(*_: object) -> Any:
    yield


async def asynchronous_generator(*_: object) -> Any:
    yield


class Window:
    async def show(self, *_: object) -> None:
        """A method that is a coroutine function."""


@pytest.mark.parametrize("name", ["on_success", "on_finish", "on_progress", "on_chunk"])
@pytest.mark.parametrize(
    "callback",
    [coroutine_function, generator_function, asynchronous_generator, Window().show, Window.show],
    ids=range(5),
)
def test_2_7_callbacks_are_plain_functions(name: str, callback: Any) -> None:
    """Contract 2.7: a function whose call runs nothing is refused at construction; the message says what to do."""
    with pytest.raises(
        TypeError, match=f"^{name} must be a plain function; it may create a task, or `await` the request"
    ):
        UrlRequest("http://127.0.0.1:1/", **{name: callback})


@pytest.mark.parametrize(
    "callback", [functools.partial(coroutine_function), lambda *_: coroutine_function()], ids=range(2)
)
def test_2_7_a_coroutine_is_not_dropped_in_silence(server: Server, callback: Any) -> None:
    """Contract 2.7: what cannot be known before the call is a TypeError of the callback, and no RuntimeWarning."""
    server.respond("/", "hello")
    request = UrlRequest(server.url, on_success=callback)
    with pytest.raises(TypeError, match=r"^on_success must be a plain function") as raised:
        request.wait(timeout=20)

    assert request.is_finished
    assert notes(raised.value)[0].startswith("in on_success of <UrlRequest urlrequest-")


def too_few(request: UrlRequest) -> None:
    """A callback that forgets the result."""


def fail(*_: object) -> None:
    raise ValueError("of the program")


@pytest.mark.parametrize(
    ("name", "callback", "kind"),
    [
        ("on_success", too_few, TypeError),
        ("on_success", fail, ValueError),
        ("on_finish", lambda: None, TypeError),
        ("on_progress", too_few, TypeError),
        ("on_chunk", fail, ValueError),
    ],
)
def test_3_6_an_exception_names_its_callback(server: Server, name: str, callback: Any, kind: type[Exception]) -> None:
    """Contract 3.6: a note says which callback of which request has raised."""
    server.respond("/p", "hello")
    request = UrlRequest(f"{server.url}/p?key=k3y", **{name: callback})
    with pytest.raises(kind) as raised:
        request.wait(timeout=20)

    (note,) = notes(raised.value)
    assert note.startswith(f"in {name} of <UrlRequest {request.name}: GET {server.url}/p?..., ")
    request.cancel()


def frames(error: BaseException) -> list[str]:
    """The modules of a traceback, the innermost last."""
    return [str(frame.f_globals["__name__"]) for frame, _ in traceback.walk_tb(error.__traceback__)]


@pytest.mark.parametrize("callback", [fail, too_few])
@pytest.mark.parametrize("how", ["wait", "drain"])
def test_3_6_the_program_comes_first(server: Server, how: str, callback: Any) -> None:
    """Contract 3.6: between the call that drains and the callback, a traceback has few frames of the library."""
    server.respond("/", "hello")
    request = UrlRequest(server.url, on_success=callback)
    run: Any = (
        request.wait
        if how == "wait"
        else functools.partial(wait_until, lambda: urlrequest.drain() or request.is_finished)
    )
    with pytest.raises((ValueError, TypeError)) as raised:
        run()

    own = [module for module in frames(raised.value) if module.startswith("urlrequest.")]
    assert len(own) <= 4
    assert (frames(raised.value)[-1] == __name__) is (callback is fail)


@pytest.mark.parametrize(("callback", "expected"), [(fail, [__name__]), (too_few, ["urlrequest._client.callbacks"])])
def test_3_6_a_hook_reports_the_program(server: Server, callback: Any, expected: list[str]) -> None:
    """Contract 3.6, 8.7: what a loop reports begins in the program; what never got there has one frame."""
    server.respond("/", "hello")
    reported: list[BaseException] = []

    class Reporting(hooks.ManualHook):
        def handle_exception(self, error: BaseException) -> None:
            reported.append(error)

    hook = Reporting()
    request = UrlRequest(server.url, hook=hook, on_success=callback)
    wait_until(lambda: (hook.run(), request.is_finished)[1])

    assert [expected] == [frames(error) for error in reported]


def test_3_6_a_repr_that_raises_hides_no_exception(server: Server) -> None:
    """Contract 3.6: whatever the repr() of a subclass does, the callback's own exception comes through."""

    class Odd(UrlRequest):
        def __repr__(self) -> str:
            raise KeyError

    server.respond("/", "hello")
    request = Odd(server.url, on_success=fail)
    with pytest.raises(ValueError, match="of the program") as raised:
        request.wait(timeout=20)

    assert ["in on_success of a Odd"] == notes(raised.value)


# Sessions


def test_17_9_a_closed_session_says_so(server: Server) -> None:
    """Contract 17.9: a request of a closed session ends with an error that says why."""
    with Session() as session:
        pass
    request = session.request(server.url, on_error=lambda *_: None)
    assert request.wait(timeout=20)

    assert "the session is closed: its with block has ended, or close() was called" == str(request.error)


@pytest.mark.parametrize(
    ("options", "is_logged"),
    [({}, True), ({"on_success": print}, True), ({"on_cancel": id}, False), ({"on_finish": id}, False)],
)
def test_17_9_the_end_of_a_block_says_what_it_cancels(
    server: Server, caplog: pytest.LogCaptureFixture, options: dict[str, Any], is_logged: bool
) -> None:
    """Contract 17.9: requests that the end of a `with` block cancels, and that no callback hears of, are logged."""
    server.play(wait_for("never"))
    with Session(server.url) as session:
        request = session.request("/x?key=1", **options)
    assert request.wait(timeout=20)

    lines = [record.getMessage() for record in caplog.records]
    assert request.is_cancelled
    assert is_logged is bool(lines)
    if is_logged:
        assert lines[0].startswith(
            "urlrequest: the end of a session's with block cancels unfinished requests (1), such as <UrlRequest "
        )
        assert "cancelled" not in lines[0]  # it is shown as it was


@pytest.mark.parametrize("how", ["close", "error"])
def test_17_9_a_session_that_is_meant_to_end_is_silent(
    server: Server, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """Contract 17.9: nothing is logged when the program calls close(), or leaves the block by an exception."""
    server.play(wait_for("never"))
    session = Session(server.url)
    session.request("/")
    if how == "close":
        session.close()
    else:
        with pytest.raises(KeyError), session:
            raise KeyError

    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


# What can be shown


def test_16_3_reprs(server: Server) -> None:
    """Contract 16.3: session, hook, server and defaults say what they are, and nothing private."""
    hook = hooks.ManualHook()
    server.play(wait_for("never"))
    with Session("http://user:s3cret@127.0.0.1/?key=k3y", headers={"A": "t0ken"}, auth=("u", "s3cret")) as session:
        request = session.request(server.url, hook=hook, on_cancel=lambda _: None)
        shown = [repr(session), repr(hook)]
        request.cancel()
        shown.append(repr(hook))
        hook.drain()
    shown += [repr(session), repr(Session()), repr(Session("http://:"))]

    assert [
        "<Session http://127.0.0.1/?...: 1 unfinished>",
        "<ManualHook: 0 requests have pending callbacks>",
        "<ManualHook: 1 requests have pending callbacks>",
        "<Session http://127.0.0.1/?...: closed>",
        "<Session without a base URL: 0 unfinished>",
        "<Session with an invalid base URL: 0 unfinished>",
    ] == shown
    hook.close()
    assert "<ManualHook: closed, or its loop is gone>" == repr(hook)
    assert repr(server).startswith(f"<Server: {server.url}, ")
    assert "<Server: not started, 0 requests received>" == repr(Server())
    assert repr(urlrequest.defaults).startswith("<urlrequest.defaults: detect_hook=True, ")
