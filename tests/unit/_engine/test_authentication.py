from __future__ import annotations

from typing import Any

import pytest

from urlrequest import Headers, HTTPConnection
from urlrequest._engine.authentication import Dialogues, open_dialogues
from urlrequest._engine.options import PLAIN
from urlrequest._engine.plan import request_line_and_fields
from urlrequest._engine.prepare import prepare_request
from urlrequest._http.response_head import ResponseHead
from urlrequest._net.cancel_scope import CancelScope
from urlrequest.errors import AuthenticationError, RequestCancelled


class Auth:
    """Answers with what it was made with, as often as it is asked, and signs with a number each time."""

    def __init__(self, text: str, *, is_connection_bound: bool = True) -> None:
        self.text, self.is_connection_bound, self.count = text, is_connection_bound, 0
        self.learnt: list[int] = []
        self.certificates: list[Any] = []
        self.subject: Any = None

    def sign_request(self, headers: Headers, subject: Any, state: Any) -> bool:
        self.subject = subject
        self.count += 1
        headers[subject.header] = f"{self.text} {self.count}"
        return True

    def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
        self.certificates.append(challenge.peer_certificate)
        return self.sign_request(headers, challenge.subject, challenge.state)

    def learn_from(self, head: ResponseHead, subject: Any, state: Any) -> None:
        self.learnt.append(head.status)


def head(status: int) -> ResponseHead:
    return ResponseHead("1.1", status, "", Headers())


def prepare(**options: Any) -> Any:
    asked = PLAIN._replace(**({"url": "http://a.test/p?q"} | options))
    return prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: HTTPConnection)


def begin(**options: Any) -> Dialogues:
    dialogues = open_dialogues(prepare(**options), CancelScope())
    assert dialogues is not None
    return dialogues


def credentials(dialogues: Dialogues) -> list[str]:
    """What is sent now of both fields."""
    _, fields = request_line_and_fields(dialogues.next_request(), None)
    return [value for name, value in fields if name in {"Authorization", "Proxy-Authorization"}]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth": ("me", "pw")},
        {"proxy_host": "proxy.test"},
        {"proxy_host": "socks5://me:pw@proxy.test"},
        {"proxy_host": "proxy.test", "proxy_auth": Auth("P"), "url": "https://a.test/"},
    ],
    ids=["none", "Basic", "proxy", "SOCKS", "tunnel"],
)
def test_10_9_nobody_to_ask(options: dict[str, Any]) -> None:
    """Contract 10.9: without an object that answers there is no dialogue; that about a tunnel is the connection's."""
    assert open_dialogues(prepare(**options), CancelScope()) is None


def test_14_4_each_side_has_its_answer() -> None:
    """Contract 14.4, 14.1: 401 and 407 have answers of their own; what was signed for one sending serves no other."""
    dialogues = begin(auth=Auth("O"), proxy_host="proxy.test", proxy_auth=Auth("P"))
    assert ["O 1", "P 1"] == credentials(dialogues)
    assert dialogues.answer(head(407), None)
    assert ["O 2", "P 2"] == credentials(dialogues)
    assert dialogues.answer(head(401), None)

    assert ["O 3", "P 3"] == credentials(dialogues)


def test_10_9_the_last_response_is_reported() -> None:
    """Contract 10.8: both sides hear of the response that is no challenge, to learn from it."""
    origin, proxy = Auth("O"), Auth("P")
    dialogues = begin(auth=origin, proxy_host="proxy.test", proxy_auth=proxy)
    assert dialogues.answer(head(401), None)
    assert not dialogues.answer(head(200), None)

    assert [200] == origin.learnt == proxy.learnt


def test_10_9_certificates_are_those_of_the_side_that_asks() -> None:
    """Contract 10.9: a server over plain http has no certificate, whatever the proxy shows."""
    origin, proxy = Auth("O"), Auth("P")
    dialogues = begin(auth=origin, proxy_host="https://proxy.test", proxy_auth=proxy)
    for status in (401, 407):
        assert dialogues.answer(head(status), b"of the proxy")

    assert ([None], [b"of the proxy"]) == (origin.certificates, proxy.certificates)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"auth": Auth("O")}, True),
        ({"auth": Auth("O", is_connection_bound=False)}, False),
        ({"proxy_host": "p.test", "proxy_auth": Auth("P"), "auth": Auth("O", is_connection_bound=False)}, True),
    ],
)
def test_10_9_whether_the_connection_counts(options: dict[str, Any], expected: bool) -> None:
    """Contract 10.9: the object says whether its answers count on one connection only."""
    assert expected == begin(**options).need_connection


@pytest.mark.parametrize(("status", "who"), [(401, "the server"), (407, "the proxy")])
def test_10_10_body_that_can_be_read_once(status: int, who: str) -> None:
    """Contract 10.10: an answer that would need the body again is an error that says who has asked."""
    dialogues = begin(auth=Auth("O"), proxy_host="proxy.test", proxy_auth=Auth("P"), req_body=iter([b"x"]))
    with pytest.raises(AuthenticationError, match=rf"^http://a.test/p\?\.{{3}}: {who} asks for credentials"):
        dialogues.answer(head(status), None)


def test_10_8_hash_of_the_body() -> None:
    """Contract 10.8, 7.2: the object can read the body, and a cancel ends that."""
    auth, scope = Auth("O"), CancelScope()
    open_dialogues(prepare(auth=auth, req_body=b"content"), scope)
    assert b"content" == b"".join(auth.subject.pieces())
    scope.cancel()
    with pytest.raises(RequestCancelled):
        list(auth.subject.pieces())

    begin(auth=auth)
    assert b"" == b"".join(auth.subject.pieces())
    begin(auth=auth, req_body=iter([b"x"]))
    assert auth.subject.pieces is None
