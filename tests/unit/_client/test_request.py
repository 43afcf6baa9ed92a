"""What a request shows to its user: documented names, and one slot."""

from __future__ import annotations

import inspect
import threading

import pytest

from urlrequest import Session, UrlRequest
from urlrequest._client.call import Call
from urlrequest._engine.options import PLAIN, Options

CALLBACKS = {
    "on_success",
    "on_redirect",
    "on_failure",
    "on_error",
    "on_progress",
    "on_cancel",
    "on_finish",
    "on_upload_progress",
    "on_chunk",
}
ANYTHING = {"json"}  # parameters that may be of any type
ATTRIBUTES = {"result", "error", "content", "text", "resp_status", "resp_reason", "resp_headers", "resp_url"} | {
    "history",
    "timings",
    "is_finished",
    "is_cancelled",
    "ok",
    "chunk_size",
}
METHODS = {"wait", "cancel", "json", "raise_for_status", "decode_result", "get_connection_for_scheme"} | {
    "__await__",
    "__enter__",
    "__exit__",
}
ALIASES = {"_dispatch_result", "_result", "_error", "_resp_headers", "_resp_status", "_get_connection_for_scheme"}
AS_PASSED = {"url", "req_body", "req_headers", "timeout", "decode", "debug", "file_path", "ca_file"} | {
    "verify",
    "deadline",
}


def test_18_3_a_request_has_documented_names_only() -> None:
    """Contract 1.4, 18.3: besides those of a Thread, a request's class has the documented names and the aliases."""
    own = set(dir(UrlRequest)) - set(dir(threading.Thread))
    own -= {"__annotations__", "__slotnames__"}  # which every class may have; pickle notes the second one

    assert CALLBACKS | ATTRIBUTES | METHODS | ALIASES == own


def test_2_1_each_argument_has_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 2.1, 2.4: the engine gets each argument as the option of its name, and what is not passed by default."""
    submitted: list[Options] = []
    monkeypatch.setattr(Call, "submit", lambda _, options: submitted.append(options))
    parameters = [name for name in inspect.signature(UrlRequest).parameters if name in Options._fields]
    passed = {name: object() for name in parameters}
    UrlRequest(**passed)  # type: ignore[arg-type]  # nothing looks at the values
    UrlRequest(url=None)  # type: ignore[arg-type]  # likewise

    assert len(Options._fields) - 3 == len(parameters)
    assert passed == {name: getattr(submitted[0], name) for name in parameters}
    assert PLAIN == submitted[1]


@pytest.mark.parametrize("name", PLAIN._fields[:-3])
def test_2_1_an_argument_by_itself_has_its_option(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Contract 2.1: no argument is lost where it is the only one, though a plain request takes a shorter way."""
    submitted: list[Options] = []
    monkeypatch.setattr(Call, "submit", lambda _, options: submitted.append(options))
    value = object()
    UrlRequest(**({"url": "http://a.test/"} | {name: value}))  # type: ignore[arg-type]  # nothing looks at the value

    [options] = submitted
    assert value is getattr(options, name)
    assert PLAIN._replace(url=options.url) == options._replace(**{name: getattr(PLAIN, name), "url": options.url})


@pytest.mark.parametrize("callbacks", [{}, dict.fromkeys(CALLBACKS, lambda *_: None)], ids=["none", "all"])
def test_18_3_a_request_holds_documented_names_only(callbacks: dict[str, object]) -> None:
    """Contract 18.3: a request itself holds what was passed, its name, its callbacks, and one slot for all the rest."""
    request = UrlRequest("unknown://", **callbacks)  # type: ignore[arg-type]  # callbacks, all of them
    before = set(vars(request))
    assert request.wait(timeout=20)

    assert AS_PASSED | set(CALLBACKS) | {"name", "_urlrequest_call"} == before == set(vars(request))


@pytest.mark.parametrize("made", [UrlRequest, Session])
def test_every_argument_has_a_type(made: type) -> None:
    """Type checkers know what each argument may be; `session.request()` has the signature of the constructor."""
    parameters = inspect.signature(made).parameters.values()
    loose = {each.name for each in parameters if str(each.annotation).partition(" | ")[0] in {"Any", "object"}}

    assert loose <= ANYTHING
    assert inspect.Parameter.empty not in {each.annotation for each in parameters}
