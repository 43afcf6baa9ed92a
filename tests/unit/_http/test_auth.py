from __future__ import annotations

from base64 import b64decode
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._http.auth import basic_credentials, watched_auth, with_auth
from urlrequest._http.target import parse_target

if TYPE_CHECKING:
    from urlrequest import Headers


def fields_of(
    given: list[tuple[str, str]] | None = None, *, url: str = "http://example.org/", auth: Any = None
) -> list[tuple[str, str]]:
    """What `with_auth()` makes of a request's fields."""
    return with_auth([("Host", "example.org"), *(given or [])], auth, parse_target(url))


def decoded(fields: list[tuple[str, str]]) -> str:
    (value,) = [value for name, value in fields if name.lower() == "authorization"]
    scheme, _, text = value.partition(" ")
    assert "Basic" == scheme
    return b64decode(text, validate=True).decode()


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (("user", "pass"), "user:pass"),
        (["user", "pass"], "user:pass"),
        (("user", ""), "user:"),
        (("", "x"), ":x"),
        ((b"user", b"p:w"), "user:p:w"),
        (("üser", "pä:ss"), "üser:pä:ss"),
        (SimpleNamespace(username="u", password="p"), "u:p"),
        (SimpleNamespace(username="u", password=""), "u:"),
    ],
    ids=count(),
)
def test_10_4_auth(auth: object, expected: str) -> None:
    """Contract 10.4: a pair or an object with both becomes Basic authorization in utf-8, instead of a header."""
    assert expected == decoded(fields_of([("authorization", "Bearer x")], auth=auth))


def test_10_4_long_credentials_are_one_line() -> None:
    """Contract 10.4: base64 gets no line ends, however long the password is."""
    assert "\n" not in basic_credentials("u", "p" * 1000)


@pytest.mark.parametrize(
    ("auth", "error"),
    [
        (("us:er", "x"), ValueError),
        ((1, "x"), TypeError),
        (("x", 1), TypeError),
        ((None, "x"), TypeError),
        (("u", None), TypeError),
        (SimpleNamespace(username="u", password=None), TypeError),
        (("a", "b", "c"), TypeError),
        ("user:pass", TypeError),
        (5, TypeError),
        ((), TypeError),
    ],
    ids=count(),
)
def test_10_4_auth_that_cannot_be_used(auth: object, error: type[Exception]) -> None:
    """Contract 10.4: what is no pair, no such object and no callable is an error."""
    with pytest.raises(error, match=r"^auth "):
        fields_of(auth=auth)


def test_16_3_errors_hold_no_password() -> None:
    """Contract 16.3: the message about credentials that cannot be used does not show them."""
    for auth in (("us:er", "s3cret"), ("s3cret", 1), (1, "s3cret")):
        with pytest.raises((TypeError, ValueError)) as caught:
            fields_of(auth=auth)
        assert "s3cret" not in str(caught.value)


class Answering:
    """Answers challenges, and keeps an account for its own use."""

    username, password = "me", "s3cret"

    def answer_challenge(self, headers: Headers, challenge: Any) -> bool:
        return False


def test_10_9_objects_that_answer_challenges_wait_to_be_asked() -> None:
    """Contract 10.9, 10.4: such an object sends nothing at first, not even its account or the header it replaces."""
    assert [("Host", "example.org"), ("X-A", "1")] == fields_of(
        [("authorization", "Bearer x"), ("X-A", "1")], auth=Answering()
    )


def test_10_9_objects_that_answer_challenges_may_be_callable() -> None:
    """Contract 10.9: then the call decides what is sent at first."""

    class Both(Answering):
        def __call__(self, headers: Headers) -> None:
            headers["X-A"] = headers["Authorization"]

    assert ("X-A", "Bearer x") in fields_of([("Authorization", "Bearer x")], auth=Both())


def test_10_4_auth_may_be_a_callable() -> None:
    """Contract 10.4: a callable gets all fields, in any spelling; what it changes is sent, the rest as it was."""

    def sign(headers: Headers) -> None:
        headers["X-Signature"] = headers["host"] + headers["X-A"]
        del headers["x-drop"]

    fields = fields_of([("X-A", "1"), ("X-Drop", "2"), ("x-a", "3")], auth=sign)

    assert [("Host", "example.org"), ("X-A", "1"), ("X-A", "3"), ("X-Signature", "example.org1, 3")] == fields


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda headers: headers.update({"X": "a\r\nb"}), ValueError),
        (lambda headers: headers.update({"X Y": "a"}), ValueError),
        (lambda headers: dict.__setitem__(headers, "X", 1.5), TypeError),
    ],
    ids=count(),
)
def test_10_4_what_a_callable_leaves_is_checked(change: Any, error: type[Exception]) -> None:
    """HEAD-1: fields that a callable made are checked as the caller's own."""
    with pytest.raises(error, match=r"^auth has "):
        fields_of(auth=change)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://user:pass@h/", "user:pass"),
        ("http://us%40er:p%3Ass%20@h/", "us@er:p:ss "),
        ("http://user@h/", "user:"),
        ("http://user:@h/", "user:"),
        ("http://%C3%BC:%E2%82%AC@h/", "ü:€"),
    ],
)
def test_9_3_userinfo_wins(url: str, expected: str) -> None:
    """Contract 9.3: userinfo becomes Basic authorization, decoded, and wins over `auth` and a header."""
    assert expected == decoded(fields_of([("AUTHORIZATION", "x")], url=url, auth=("other", "one")))


def test_17_4_what_a_callable_sets_is_noted() -> None:
    """Contract 17.4: the names of the fields that a callable sets or changes are known, and none that it leaves."""

    def sign(headers: Headers) -> None:
        headers["X-Signature"] = "1"
        headers["x-b"] = "changed"
        del headers["X-C"]

    secrets: set[str] = set()
    fields_of([("X-A", "1"), ("X-B", "2"), ("X-C", "3")], auth=watched_auth(sign, secrets))

    assert {"x-signature", "x-b"} == secrets


@pytest.mark.parametrize("auth", [("user", "pass"), SimpleNamespace(username="u", password="p"), "wrong"], ids=count())
def test_only_callables_are_watched(auth: object) -> None:
    """Credentials of any other kind are passed on as they are."""
    assert auth is watched_auth(auth, set())
