from __future__ import annotations

import hashlib
import re
import threading
from itertools import count
from typing import Any

import pytest

from urlrequest import DigestAuth, Headers
from urlrequest._http import digest
from urlrequest._http.challenges import Dialogue, Responder, Subject
from urlrequest._http.response_head import ResponseHead
from urlrequest.errors import AuthenticationError

SPACE = ("http", "www.example.org", 80)


def subject_of(
    target: str = "/dir/index.html", method: str = "GET", body: bytes | None = b"", header: str = "Authorization"
) -> Subject:
    pieces = None if body is None else lambda: iter([body[:3], memoryview(body[3:])])
    return Subject(SPACE, method, f"http://www.example.org{target}", target, header, pieces)


def challenge(text: str, status: int = 401) -> ResponseHead:
    return ResponseHead("1.1", status, "", Headers([("WWW-Authenticate", text)]))


def response(*fields: tuple[str, str], status: int = 200) -> ResponseHead:
    return ResponseHead("1.1", status, "", Headers(list(fields)))


def begin(auth: DigestAuth, **options: Any) -> Dialogue:
    return Dialogue(Responder(auth), subject_of(**options), [("Host", "www.example.org")])


def parameters(dialogue: Dialogue) -> dict[str, str]:
    """The parameters of the answer in a dialogue's fields."""
    _, (name, value) = dialogue.fields
    assert name in {"Authorization", "Proxy-Authorization"}
    assert value.startswith("Digest ")
    return {
        key: quoted or plain for key, quoted, plain in re.findall(r'([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^,]*))', value)
    }


def answer(
    text: str,
    user: Any = "Mufasa",
    password: Any = "Circle of Life",  # noqa: S107 - that of the examples in RFC 7616
    **options: Any,
) -> dict[str, str]:
    dialogue = begin(DigestAuth(user, password), **options)
    assert dialogue.answer(challenge(text), None)
    return parameters(dialogue)


@pytest.fixture
def cnonce(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cnonce that is used: the last one in the list."""
    texts = ["0a4f113b"]
    monkeypatch.setattr("urlrequest._http.digest.secrets.token_hex", lambda size: texts[-1])
    return texts


# Examples of RFCs

NONCE_7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE_7616 = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_10_8_examples_of_rfc_7616(cnonce: list[str], algorithm: str, expected: str) -> None:
    """RFC 7616, section 3.9.1."""
    cnonce.append("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    found = answer(
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{NONCE_7616}", '
        f'opaque="{OPAQUE_7616}"'
    )

    assert {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": NONCE_7616,
        "nc": "00000001",
        "cnonce": cnonce[-1],
        "qop": "auth",
        "response": expected,
        "opaque": OPAQUE_7616,
    } == found


def test_10_8_example_with_a_hashed_user(cnonce: list[str]) -> None:
    """RFC 7616, section 3.9.2, with the hashes of its erratum 4897: those of the text are of SHA-512, cut off."""
    if "sha512_256" not in hashlib.algorithms_available:
        pytest.skip("hashlib has no SHA-512/256 here")
    cnonce.append("NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    found = answer(
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, charset=UTF-8, userhash=true, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS"',
        "Jäsøn Doe",
        "Secret, or not?",
        target="/doe.json",
    )

    assert "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b" == found["username"]
    assert "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5" == found["response"]
    assert "true" == found["userhash"]


def test_10_8_example_of_rfc_2617(cnonce: list[str]) -> None:
    """RFC 2617, section 3.5: no algorithm in the challenge means MD5, and there is none in the answer."""
    found = answer(
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
        password="Circle Of Life",
    )

    assert "6629fae49393a05397450978507c4ef1" == found["response"]
    assert "algorithm" not in found


# The parts of an answer, against the formulas of RFC 7616, section 3.4


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def test_10_8_without_qop(cnonce: list[str]) -> None:
    """RFC 2069: a challenge without qop has an answer without count and cnonce."""
    found = answer('Digest realm="r", nonce="n"', "u", "p", target="/x")

    assert md5(md5("u", "r", "p"), "n", md5("GET", "/x")) == found["response"]
    assert {"username", "realm", "nonce", "uri", "response"} == found.keys()


def test_10_8_auth_int(cnonce: list[str]) -> None:
    """qop=auth-int, where nothing else is offered: the hash covers the body."""
    found = answer('Digest realm="r", nonce="n", qop="auth-int"', "u", "p", target="/x", method="PUT", body=b"content")
    action = md5("PUT", "/x", hashlib.md5(b"content", usedforsecurity=False).hexdigest())

    assert md5(md5("u", "r", "p"), "n", "00000001", "0a4f113b", "auth-int", action) == found["response"]
    assert "auth-int" == found["qop"]


def test_10_8_auth_int_and_a_body_that_can_be_read_once() -> None:
    """Contract 10.10: such a body cannot be hashed; a clear error, and no request with a wrong answer."""
    dialogue = begin(DigestAuth("u", "p"), body=None)
    with pytest.raises(AuthenticationError, match=r"^http://www.example.org/dir/index.html wants a hash of the body"):
        dialogue.answer(challenge('Digest realm="r", nonce="n", qop="auth-int"'), None)


@pytest.mark.parametrize("algorithm", ["MD5-sess", "md5-SESS", '"MD5-sess"'])
def test_10_8_session_key(cnonce: list[str], algorithm: str) -> None:
    """The "-sess" algorithms: the key is made with the nonce and the cnonce."""
    found = answer(f'Digest realm="r", nonce="n", qop="auth", algorithm={algorithm}', "u", "p", target="/x")
    key = md5(md5("u", "r", "p"), "n", "0a4f113b")

    assert md5(key, "n", "00000001", "0a4f113b", "auth", md5("GET", "/x")) == found["response"]
    assert algorithm.strip('"') == found["algorithm"]


def test_10_8_session_key_stays(cnonce: list[str]) -> None:
    """RFC 7616, section 3.4.2: the key stays that of the first nonce, also after the server has announced another."""
    auth = DigestAuth("u", "p")
    first = begin(auth)
    assert first.answer(challenge('Digest realm="r", nonce="one", qop="auth", algorithm=MD5-sess'), None)
    cnonce.append("ffffffff")
    first.finish(response(("Authentication-Info", 'qop=auth, nextnonce="two"')))
    second = begin(auth)
    found = parameters(second)
    key = md5(md5("u", "r", "p"), "one", "0a4f113b")

    assert ("two", "00000001", "ffffffff") == (found["nonce"], found["nc"], found["cnonce"])
    assert md5(key, "two", "00000001", "ffffffff", "auth", md5("GET", "/dir/index.html")) == found["response"]


def test_10_8_every_hash_has_its_session_form() -> None:
    """All algorithms of RFC 7616 that hashlib has are known, in both forms."""
    for name in ("MD5", "SHA-256", "SHA-512-256"):
        if digest._is_available(digest._ALGORITHMS[name.lower()]):
            for algorithm in (name, f"{name}-sess"):
                found = answer(f'Digest realm="r", nonce="n", qop=auth, algorithm={algorithm}')
                assert {"MD5": 32}.get(name, 64) == len(found["response"])


def test_10_8_quotation_marks(cnonce: list[str]) -> None:
    """What is quoted in the challenge is hashed without backslashes, and quoted again."""
    found = answer('Digest realm="a \\"b\\" \\\\, c", nonce="n\\"", opaque="o,\\""', 'u"\\', "p", target="/x")

    assert {
        "realm": 'a \\"b\\" \\\\, c',
        "nonce": 'n\\"',
        "opaque": 'o,\\"',
        "username": 'u\\"\\\\',
    }.items() <= found.items()
    assert md5(md5('u"\\', 'a "b" \\, c', "p"), 'n"', md5("GET", "/x")) == found["response"]


def test_10_8_user_that_is_not_ascii(cnonce: list[str]) -> None:
    """The user goes in utf-8: by RFC 8187 to servers that know it, else as bytes in the quoted text."""
    plain = answer('Digest realm="r", nonce="n"', "jürgen", "p", target="/x")
    known = answer('Digest realm="r", nonce="n", charset=UTF-8', "ju\u0308rgen", "p", target="/x")

    assert "jürgen" == plain["username"].encode("latin-1").decode()
    assert "UTF-8''j%C3%BCrgen" == known["username*"]
    assert "username" not in known
    assert md5(md5("jürgen", "r", "p"), "n", md5("GET", "/x")) == plain["response"] == known["response"]


def test_10_8_realm_that_is_not_ascii() -> None:
    """The realm is hashed and sent back byte by byte, whatever its charset is."""
    for realm in ("dr\u00fccker".encode().decode("latin-1"), "dr\u00fccker"):
        found = answer(f'Digest realm="{realm}", nonce="n"', b"u", b"p", target="/x")
        hashed = hashlib.md5(b"u:" + realm.encode("latin-1") + b":p", usedforsecurity=False).hexdigest()
        assert (realm, md5(hashed, "n", md5("GET", "/x"))) == (found["realm"], found["response"])


# What is answered


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        ("Digest algorithm=SHA-256, nonce=n, Digest algorithm=MD5, nonce=n", "SHA-256"),
        ("Digest algorithm=MD5, nonce=n, Digest algorithm=SHA-256, nonce=n", "MD5"),
        ("Digest algorithm=SHA-3, nonce=n, Digest algorithm=MD5, nonce=n", "MD5"),
        ('Digest algorithm=SHA-256, nonce=n, qop="auth-conf", Digest algorithm=MD5, nonce=n', "MD5"),
        ('Basic realm="x, y", Negotiate, Digest algorithm=MD5, nonce=n', "MD5"),
        ("Digest algorithm=SHA-256, Digest algorithm=MD5, nonce=n", "MD5"),
    ],
    ids=count(),
)
def test_10_8_first_challenge_that_can_be_answered(text: str, algorithm: str) -> None:
    """RFC 7616, section 3.7: servers list challenges by preference, so the first one that is known counts."""
    assert algorithm == answer(text)["algorithm"]


@pytest.mark.parametrize(
    "text",
    [
        "Basic realm=x",
        "Negotiate",
        "Digest realm=x",
        "Digest nonce=n, algorithm=SHA-3",
        "Digest nonce=n, algorithm=-sess",
        "Digest nonce=n, qop=auth-conf",
        "Digest nonce=\x08",
        'Digest nonce="a\tb"',
        "",
    ],
)
def test_10_8_what_has_no_answer(text: str) -> None:
    """Contract 10.8: without a challenge that is known, the 401 is the response."""
    dialogue = begin(DigestAuth("u", "p"))

    assert not dialogue.answer(challenge(text), None)
    assert [("Host", "www.example.org")] == dialogue.fields


def test_10_8_hash_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hashlib lacks an algorithm, the next challenge is answered."""
    monkeypatch.setattr(digest, "_is_available", lambda algorithm: algorithm != "sha512_256")

    assert "MD5" == answer("Digest algorithm=SHA-512-256, nonce=n, Digest algorithm=MD5, nonce=n")["algorithm"]


def test_10_8_refused_password() -> None:
    """Contract 10.8: a server that refuses the answer to its own challenge gets no second one."""
    dialogue = begin(DigestAuth("u", "wrong"))

    assert dialogue.answer(challenge("Digest nonce=one, qop=auth"), None)
    assert not dialogue.answer(challenge("Digest nonce=two, qop=auth"), None)


def test_10_8_stale_nonce() -> None:
    """A nonce that was too old is no wrong password: the new one is answered."""
    dialogue = begin(DigestAuth("u", "p"))
    assert dialogue.answer(challenge("Digest nonce=one, qop=auth"), None)
    assert dialogue.answer(challenge("Digest nonce=two, qop=auth, stale=TRUE"), None)

    assert ("two", "00000001") == (parameters(dialogue)["nonce"], parameters(dialogue)["nc"])
    assert not dialogue.answer(challenge("Digest nonce=three, qop=auth, stale=false"), None)


# Nonces that are known


def logged_in(text: str = "Digest realm=r, nonce=n, qop=auth") -> DigestAuth:
    """Credentials that a server has accepted."""
    auth = DigestAuth("u", "p")
    dialogue = begin(auth)
    assert dialogue.answer(challenge(text), None)
    dialogue.finish(response())
    return auth


def test_10_8_nonce_is_used_again() -> None:
    """Contract 10.8: the next request is signed at once, for its own method and target, and is counted."""
    auth = logged_in()
    found = [parameters(begin(auth, target=target)) for target in ("/a", "/b")]

    assert ["00000002", "00000003"] == [each["nc"] for each in found]
    assert ["/a", "/b"] == [each["uri"] for each in found]
    assert 1 == len({each["cnonce"] for each in found})


def test_10_8_nonce_is_not_used_before_it_was_accepted() -> None:
    """DIGEST-2: a nonce whose answer was refused, or is not judged yet, serves no other request."""
    auth = DigestAuth("u", "p")
    dialogue = begin(auth)
    assert dialogue.answer(challenge("Digest nonce=n, qop=auth"), None)
    assert 1 == len(begin(auth).fields)
    dialogue.finish(response(status=401))

    assert 1 == len(begin(auth).fields)


def test_10_8_nonce_is_of_one_server() -> None:
    """A nonce is for the server that gave it, by scheme, host and port; and none of a proxy's."""
    auth = logged_in()
    for space in (("https", "www.example.org", 80), ("http", "other.test", 80), ("http", "www.example.org", 81)):
        assert [] == Dialogue(Responder(auth), subject_of()._replace(space=space), []).fields


def test_10_8_nonce_that_was_forgotten() -> None:
    """A nonce that the server has forgotten, and calls stale or not, is replaced within the request."""
    auth = logged_in()
    for text in ("Digest realm=r, nonce=m, qop=auth", "Digest realm=r, nonce=o, qop=auth, stale=true"):
        dialogue = begin(auth)
        assert dialogue.answer(challenge(text), None)
        dialogue.finish(response())

    assert "o" == parameters(begin(auth))["nonce"]


def test_10_8_password_that_was_changed() -> None:
    """After a refusal the old nonce is used no more: the next request waits to be asked."""
    auth = logged_in()
    dialogue = begin(auth)
    assert dialogue.answer(challenge("Digest realm=r, nonce=m, qop=auth"), None)
    assert not dialogue.answer(challenge("Digest realm=r, nonce=o, qop=auth"), None)

    assert 1 == len(begin(auth).fields)


def test_10_8_same_nonce_for_two_requests() -> None:
    """DIGEST-1: a server may give two requests the same nonce; the count goes on."""
    auth = DigestAuth("u", "p")
    one, two = begin(auth), begin(auth)
    for dialogue in (one, two):
        assert dialogue.answer(challenge("Digest realm=r, nonce=n, qop=auth"), None)

    assert ["00000001", "00000002"] == [parameters(dialogue)["nc"] for dialogue in (one, two)]


def test_10_8_counts_of_threads() -> None:
    """DIGEST-1: requests of several threads never have the same count."""
    auth = logged_in()
    start, found = threading.Barrier(8), []

    def sign() -> None:
        start.wait()
        found.extend(parameters(begin(auth))["nc"] for _ in range(50))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [f"{number:08x}" for number in range(2, 402)] == sorted(found)


def test_10_8_next_nonce() -> None:
    """RFC 7616, section 3.5: a nonce that the server announces is used from then on."""
    auth = logged_in()
    begin(auth).finish(response(("Authentication-Info", 'rspauth="x, y", nextnonce="next, one", qop=auth')))
    found = parameters(begin(auth))

    assert ("next, one", "00000001") == (found["nonce"], found["nc"])


def test_10_8_known_nonce_does_not_replace_a_later_one() -> None:
    """A request that began with an older nonce does not bring it back at its end."""
    auth = logged_in()
    slow = begin(auth)
    quick = begin(auth)
    assert quick.answer(challenge("Digest realm=r, nonce=later, qop=auth, stale=true"), None)
    quick.finish(response())
    slow.finish(response())

    assert "later" == parameters(begin(auth))["nonce"]


def test_10_8_auth_int_is_not_signed_unasked_without_a_body() -> None:
    """A body that can be read only once cannot be hashed, so the request waits to be asked."""
    auth = logged_in("Digest realm=r, nonce=n, qop=auth-int")

    assert 1 == len(begin(auth, body=None).fields)
    assert 2 == len(begin(auth).fields)


def test_10_8_memory_has_a_limit() -> None:
    """A server that gives a new nonce with every response does not fill the memory."""
    auth = DigestAuth("u", "p")
    for number in range(3 * digest.MAX_NONCES):
        dialogue = Dialogue(Responder(auth), subject_of()._replace(space=("http", f"h{number}", 80)), [])
        assert dialogue.answer(challenge(f"Digest nonce={number}"), None)
        dialogue.finish(response())

    assert digest.MAX_NONCES == len(auth._accepted) == len(auth._recent)


def test_14_4_proxies_have_their_own_fields() -> None:
    """Contract 14.4: a proxy announces its next nonce in its own field."""
    auth = DigestAuth("u", "p")
    head = ResponseHead("1.1", 407, "", Headers([("Proxy-Authenticate", "Digest nonce=n, qop=auth")]))
    dialogue = begin(auth, header="Proxy-Authorization", method="CONNECT", target="a.test:443")
    assert dialogue.answer(head, None)
    assert "a.test:443" == parameters(dialogue)["uri"]
    dialogue.finish(response(("Proxy-Authentication-Info", "nextnonce=m"), ("Authentication-Info", "nextnonce=o")))

    assert "m" == parameters(begin(auth, header="Proxy-Authorization"))["nonce"]


# The credentials


@pytest.mark.parametrize(("user", "password"), [(None, "p"), ("u", None), (1, "p"), ("u", ("p",))])
def test_10_8_credentials_of_the_wrong_type(user: Any, password: Any) -> None:
    """What is no text is a TypeError, at once."""
    with pytest.raises(TypeError, match="DigestAuth has a"):
        DigestAuth(user, password)


@pytest.mark.parametrize(("user", "password"), [("u\r\n", "s3cret"), (b"u", b"s3cret\0"), ("u\x7f", "s3cret")])
def test_16_3_credentials_with_control_characters(user: Any, password: Any) -> None:
    """Control characters are a ValueError, which shows neither."""
    with pytest.raises(ValueError, match="control character") as caught:
        DigestAuth(user, password)

    assert "s3cret" not in str(caught.value)


def test_16_3_nothing_shows_the_credentials() -> None:
    """Contract 16.3: neither the object nor what holds it shows user or password."""
    auth = DigestAuth("Mufasa", "s3cret")
    shown = repr(auth) + str(auth) + repr(Responder(auth)) + repr(begin(auth))

    assert "Mufasa" not in shown
    assert "s3cret" not in shown
