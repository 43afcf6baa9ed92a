from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import Headers
from urlrequest._http.challenges import MAX_ANSWERS, MAX_OFFERS, Dialogue, Offer, Responder, Subject, read_offers
from urlrequest._http.response_head import ResponseHead

if TYPE_CHECKING:
    from urlrequest._http.challenges import Challenge

SUBJECT = Subject(("http", "a.test", 80), "GET", "http://a.test/p?q", "/p?q", "Authorization", lambda: iter(()))


def refusal(*values: str, status: int = 401, field: str = "WWW-Authenticate") -> ResponseHead:
    return ResponseHead("1.1", status, "", Headers([(field, value) for value in values]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["NTLM"], [("ntlm", "", {})]),
        (["Negotiate", "NTLM"], [("negotiate", "", {}), ("ntlm", "", {})]),
        (["Negotiate, NTLM"], [("negotiate", "", {}), ("ntlm", "", {})]),
        (["NTLM TlRMTVNTUAAC+/9=="], [("ntlm", "TlRMTVNTUAAC+/9==", {})]),
        (["NTLM abc=, Basic realm=x"], [("ntlm", "abc=", {}), ("basic", "", {"realm": "x"})]),
        (['Basic realm="a, b=c, Digest d=e"'], [("basic", "", {"realm": "a, b=c, Digest d=e"})]),
        (['Basic realm="say \\"hi\\" \\\\ bye"'], [("basic", "", {"realm": 'say "hi" \\ bye'})]),
        (
            ['Digest realm="r", qop="auth,auth-int", nonce="n" , Basic realm="b"'],
            [("digest", "", {"realm": "r", "qop": "auth,auth-int", "nonce": "n"}), ("basic", "", {"realm": "b"})],
        ),
        (
            ['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'],
            [
                ("newauth", "", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
                ("basic", "", {"realm": "simple"}),
            ],
        ),
        (["dIGEST Realm = r ,NONCE=\tn"], [("digest", "", {"realm": "r", "nonce": "n"})]),
        (['Digest realm="r" nonce="n" qop=auth'], [("digest", "", {"realm": "r", "nonce": "n", "qop": "auth"})]),
        (['Digest realm="r", realm="s"'], [("digest", "", {"realm": "r"})]),
        (['Digest realm="r'], [("digest", "", {"realm": "r"})]),
        (['Digest realm="", nonce=""'], [("digest", "", {"realm": "", "nonce": ""})]),
        ([',, ,Digest realm="r",,'], [("digest", "", {"realm": "r"})]),
        (['Digest @@, realm="r"'], [("digest", "", {"realm": "r"})]),
        (['realm="r"'], []),
        (["", " ", ",", '"', "=", "=x"], []),
    ],
    ids=count(),
)
def test_10_9_offers(values: list[str], expected: list[tuple[str, str, dict[str, str]]]) -> None:
    """RFC 9110, section 11.6.1: several challenges in one field or in several, with quoted commas and blanks."""
    assert [Offer(*offer) for offer in expected] == read_offers(values)


@pytest.mark.parametrize(
    "text", ['"' * 50_000, "a " * 50_000, "a=" * 50_000, "a" * 200_000, ", " * 50_000, 'a="\\' * 20_000, "@" * 200_000]
)
def test_10_9_hostile_offers_take_linear_time(text: str) -> None:
    """A server cannot keep a worker busy with a long field, nor have it remember all of it."""
    assert len(read_offers([text] * 3)) <= MAX_OFFERS


class Answering:
    """Answers with what the test wants, and keeps the challenges."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.challenges: list[Challenge] = []

    def answer_challenge(self, headers: Headers, challenge: Challenge) -> bool:
        self.challenges.append(challenge)
        answer = self.answers.pop(0) if self.answers else "again"
        if answer is None:
            return False
        headers[challenge.header] = answer
        return True


def test_10_9_what_the_object_is_given() -> None:
    """Contract 10.9: the challenge has the response, the request, the number of answers before, and a state."""
    auth = Answering("NTLM one", "NTLM two", None)
    dialogue = Dialogue(Responder(auth), SUBJECT, [("Host", "a.test"), ("X-A", "1")])
    assert dialogue.answer(refusal("Negotiate", "NTLM"), b"certificate")
    assert dialogue.answer(refusal("NTLM abc="), b"certificate")
    assert not dialogue.answer(refusal("NTLM"), b"certificate")
    first, second, third = auth.challenges

    assert [("Host", "a.test"), ("X-A", "1"), ("Authorization", "NTLM two")] == dialogue.fields
    assert (401, 0, "GET", "http://a.test/p?q", "/p?q") == (
        first.status,
        first.number,
        first.method,
        first.url,
        first.target,
    )
    assert b"certificate" == first.peer_certificate
    assert ["Negotiate, NTLM", "NTLM abc="] == [first.headers["www-authenticate"], second.headers["www-authenticate"]]
    found = second.find("NTLM")
    assert found is not None
    assert ("abc=", None) == (found.token, second.find("digest"))
    assert [1, 2] == [second.number, third.number]
    assert first.state is second.state is third.state


@pytest.mark.parametrize("status", [200, 400, 403, 407, 500])
def test_10_9_other_responses_are_no_challenges(status: int) -> None:
    """Contract 10.9: only a 401 is given to the object of the origin."""
    auth = Answering()

    assert not Dialogue(Responder(auth), SUBJECT, []).answer(refusal("NTLM", status=status), None)
    assert [] == auth.challenges


def test_14_4_the_challenges_of_a_proxy() -> None:
    """Contract 14.4: the object of a proxy is given its 407, and its answer goes into the field for proxies."""
    auth = Answering("Digest x")
    dialogue = Dialogue(Responder(auth), SUBJECT._replace(header="Proxy-Authorization"), [])

    assert not dialogue.answer(refusal("Digest nonce=1"), None)
    assert dialogue.answer(refusal("Digest nonce=1", status=407, field="Proxy-Authenticate"), None)
    assert ["digest"] == [offer.scheme for offer in auth.challenges[0].offers]
    assert [("Proxy-Authorization", "Digest x")] == dialogue.fields


def test_10_9_the_number_of_answers_has_a_limit() -> None:
    """Contract 10.9: an object that always has an answer does not keep a request going for ever."""
    dialogue = Dialogue(Responder(Answering()), SUBJECT, [])

    assert [True] * MAX_ANSWERS + [False] == [dialogue.answer(refusal("X"), None) for _ in range(MAX_ANSWERS + 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda headers: headers.update({"X": "a\r\nb"}), "auth has CR, LF or NUL in the value of X"),
        (lambda headers: headers.update({"X Y": "a"}), "auth has the name"),
        (lambda headers: headers.update({"Host": "b.test"}), "auth changed Host"),
        (lambda headers: headers.update({"Content-Length": "5"}), "auth changed Host, Content-Length"),
        (lambda headers: headers.update({"Transfer-Encoding": "chunked"}), "auth changed Host, Content-Length or Tra"),
        (lambda headers: headers.pop("Host"), "auth changed Host"),
    ],
    ids=count(),
)
def test_10_9_what_an_answer_leaves_is_checked(change: Any, message: str) -> None:
    """HEAD-1: an answer cannot split the request, move its end, or lead it elsewhere."""

    class Changing:
        def answer_challenge(self, headers: Headers, challenge: Challenge) -> bool:
            change(headers)
            return True

    dialogue = Dialogue(Responder(Changing()), SUBJECT, [("Host", "a.test")])
    with pytest.raises(ValueError, match=message):
        dialogue.answer(refusal("X"), None)


def test_13_3_responders_are_equal_by_identity() -> None:
    """Contract 13.3: two objects that call themselves equal have connections of their own, hashable or not."""

    class Equal(Answering):
        __hash__ = None  # type: ignore[assignment]  # as that of a dataclass

        def __eq__(self, other: object) -> bool:
            return True

    one, two = Equal(), Equal()

    assert Responder(one) == Responder(one)
    assert Responder(one) != Responder(two)
    assert 2 == len({Responder(one), Responder(one), Responder(two)})
    assert Responder(one).is_connection_bound
    assert "Equal" in repr(Responder(one))
