"""What a request shows to its user: documented names, and one slot."""

from __future__ import annotations

import threading

import pytest

from urlrequest import UrlRequest

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
ATTRIBUTES = {"result", "error", "content", "text", "resp_status", "resp_reason", "resp_headers", "resp_url"} | {
    "history",
    "timings",
    "is_finished",
    "is_cancelled",
}
METHODS = {"wait", "cancel", "json", "decode_result", "get_connection_for_scheme", "__await__"}
ALIASES = {"_dispatch_result", "_result", "_error", "_resp_headers", "_resp_status", "_get_connection_for_scheme"}
AS_PASSED = {"url", "req_body", "req_headers", "chunk_size", "timeout", "decode", "debug", "file_path", "ca_file"} | {
    "verify",
    "deadline",
}


def test_18_3_a_request_has_documented_names_only() -> None:
    """Contract 1.4, 18.3: besides those of a Thread, a request's class has the documented names and the aliases."""
    own = set(dir(UrlRequest)) - set(dir(threading.Thread)) - {"__annotations__"}  # which every class may have

    assert CALLBACKS | ATTRIBUTES | METHODS | ALIASES == own


@pytest.mark.parametrize("callbacks", [{}, dict.fromkeys(CALLBACKS, lambda *_: None)], ids=["none", "all"])
def test_18_3_a_request_holds_documented_names_only(callbacks: dict[str, object]) -> None:
    """Contract 18.3: a request itself holds what was passed, its name, its callbacks, and one slot for all the rest."""
    request = UrlRequest("unknown://", **callbacks)  # type: ignore[arg-type]  # callbacks, all of them
    before = set(vars(request))
    assert request.wait(timeout=20)

    assert AS_PASSED | set(callbacks) | {"name", "_urlrequest_call"} == before == set(vars(request))
