"""DigestAuth: Digest authentication (RFC 7616, and RFC 2069 where a server has no `qop`). Pure.

The password is never sent. The client proves with each request that it knows it, by a hash over the password, a nonce
of the server's, the method and the target.

A nonce serves until the server replaces it. A request that knows one is signed at once, without waiting to be asked.
So only the first request of a session is sent twice.

Thread safety. There is no lock, which a forked child could find held. Each use of the two tables of nonces is one
atomic operation of a dict, and each count is one of an `itertools.count`; all else of a nonce is set before it gets
into a table.

Invariants:
    DIGEST-1  No two requests have the same nonce and count, also when many run at once: a server may take the second
              one for a replay.
    DIGEST-2  A nonce is used unasked only after a server has accepted an answer with it.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import unicodedata
from contextlib import suppress
from urllib.parse import quote

from urlrequest.errors import AuthenticationError

from .challenges import CONTROLS, read_offers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .challenges import Challenge, Subject
    from .headers import Headers
    from .response_head import ResponseHead

__all__ = ["DigestAuth"]

MAX_NONCES = 64  # that an object remembers, and as many servers

_ALGORITHMS = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}  # RFC 7616 -> hashlib


class DigestAuth:
    """Credentials for Digest authentication; pass it as `auth`, or as `proxy_auth` for a proxy.

    One object may serve many requests, threads and servers; it remembers the nonce of each server. The password is
    sent to none of them.
    """

    is_connection_bound = False  # an answer holds for one request, not for the connection

    def __init__(self, user: str | bytes, password: str | bytes) -> None:
        """Keep the credentials.

        Raises:
            TypeError: They are not text or bytes. ValueError: One has a control character.
        """
        for text in (user, password):
            if not isinstance(text, str | bytes):
                raise TypeError(f"DigestAuth has a {type(text).__name__}; the user and the password must be text")
            if CONTROLS.search(text if isinstance(text, str) else text.decode("latin-1")):
                raise ValueError("DigestAuth has a user or a password with a control character")
        self._user, self._password = user, password
        self._accepted: dict[Any, _Nonce] = {}  # by space: the latest one that a server accepted
        self._recent: dict[Any, _Nonce] = {}  # by all that a challenge says

    def __repr__(self) -> str:
        return "<DigestAuth>"

    def answer_challenge(self, headers: Headers, challenge: Challenge) -> bool:
        """Add the answer to the headers; False if the server offers no Digest that is known here, or has refused it.

        The engine calls it, on the worker.
        """
        nonce, is_stale = self._find_nonce(challenge)
        state, subject = challenge.state, challenge.subject
        if nonce is None:
            return False
        if state.get("is_fresh") and not is_stale:  # the server has refused an answer to its own challenge
            self._accepted.pop(subject.space, None)
            return False
        if nonce.qop == "auth-int" and subject.pieces is None:
            raise AuthenticationError(
                f"{subject.url} wants a hash of the body with the credentials (qop=auth-int), but the body can be read "
                "only once"
            )
        state["nonce"], state["is_fresh"] = nonce, True
        self._sign(headers, subject, nonce)
        return True

    def sign_request(self, headers: Headers, subject: Subject, state: dict[Any, Any]) -> bool:
        """Add an answer that nobody has asked for, if a nonce is known; whether it did. The engine calls it."""
        # The one of this request, if it is sent again since somebody else has asked.
        nonce: _Nonce | None = state.get("nonce") or self._accepted.get(subject.space)
        if nonce is None or (nonce.qop == "auth-int" and subject.pieces is None):
            return False
        state["nonce"] = nonce
        self._sign(headers, subject, nonce)
        return True

    def learn_from(self, head: ResponseHead, subject: Subject, state: dict[Any, Any]) -> None:
        """Keep the nonce that a server has accepted, or the next one that it announces. The engine calls it."""
        nonce: _Nonce | None = state.get("nonce")
        if nonce is None or head.status in {401, 407}:
            return
        field = "Authentication-Info" if subject.header == "Authorization" else "Proxy-Authentication-Info"
        announced = read_offers([f"digest {head.headers.get(field, '')}"])
        following = announced[0].parameters.get("nextnonce") if announced else None
        if following is not None and following != nonce.value:
            nonce = nonce.replaced_by(following)
        elif not state.get("is_fresh"):  # it is known already, and another request may have learnt a later one
            return
        self._accepted.pop(subject.space, None)  # so that it is the latest again
        self._accepted[subject.space] = nonce
        _shorten(self._accepted)

    def _find_nonce(self, challenge: Challenge) -> tuple[_Nonce | None, bool]:
        """The nonce of the first challenge that can be answered (RFC 7616, section 3.7), or None.

        And whether the server says that it refused the last nonce only, and not the password.
        """
        for offer in challenge.offers:
            nonce = _read_nonce(offer.parameters) if offer.scheme == "digest" else None
            if nonce is not None:
                stale = offer.parameters.pop("stale", "")
                key = (challenge.subject.space, *sorted(offer.parameters.items()))
                nonce = self._recent.setdefault(key, nonce)  # several requests may get the same; its count goes on
                _shorten(self._recent)
                return nonce, stale.lower() == "true"
        return None, False

    def _sign(self, headers: Headers, subject: Subject, nonce: _Nonce) -> None:
        headers[subject.header] = _credentials(nonce, next(nonce.counts), self._user, self._password, subject)


def _shorten(table: dict[Any, _Nonce]) -> None:
    """Drop the oldest entry of a table that is too long."""
    if len(table) > MAX_NONCES:
        with suppress(RuntimeError):  # another thread has changed the table; the next one that comes drops an entry
            table.pop(next(iter(table)), None)


class _Nonce:
    """A nonce of a server, with what its challenge says.

    Attributes:
        counts: The count of the next use, one after the other.
        session: Nonce and cnonce that the key of a "-sess" algorithm is made with: those of the challenge, also after
            the server has announced another nonce (RFC 7616, section 3.4.2).
    """

    def __init__(self, value: str, qop: str, parameters: dict[str, str]) -> None:
        self.value = value
        self.qop = qop  # "auth", "auth-int", or "" by RFC 2069
        self.parameters = parameters
        self.cnonce = secrets.token_hex(16)
        self.session = (value, self.cnonce)
        self.counts = itertools.count(1)

    @property
    def algorithm(self) -> str:
        return self.parameters.get("algorithm", "MD5")

    @property
    def is_utf8(self) -> bool:
        return self.parameters.get("charset", "").lower() == "utf-8"

    @property
    def has_userhash(self) -> bool:
        return self.parameters.get("userhash", "").lower() == "true"

    def replaced_by(self, value: str) -> _Nonce:
        following = _Nonce(value, self.qop, self.parameters)
        following.session = self.session
        return following


def _read_nonce(parameters: dict[str, str]) -> _Nonce | None:
    """What a challenge says; None where it cannot be answered."""
    name = parameters.get("algorithm", "MD5").lower().removesuffix("-sess")
    if "nonce" not in parameters or name not in _ALGORITHMS or not _is_available(_ALGORITHMS[name]):
        return None
    offered = {qop.strip().lower() for qop in parameters.get("qop", "").split(",")} - {""}
    known = [qop for qop in ("auth", "auth-int") if qop in offered]
    if offered and not known:
        return None
    return _Nonce(parameters["nonce"], known[0] if known else "", parameters)


def _is_available(algorithm: str) -> bool:
    try:
        hashlib.new(algorithm, usedforsecurity=False)
    except ValueError:
        return False
    return True


def _credentials(nonce: _Nonce, count: int, user: str | bytes, password: str | bytes, subject: Subject) -> str:
    """The value of the Authorization field (RFC 7616, section 3.4)."""
    algorithm = nonce.algorithm.lower()
    # Fields are read and written as Latin-1, so this is what stands in them, byte by byte.
    name, secret, realm = _encode(user, nonce), _encode(password, nonce), _octets(nonce.parameters.get("realm", ""))
    hashed = _ALGORITHMS[algorithm.removesuffix("-sess")]

    def digest(*parts: bytes) -> bytes:
        return _digest(hashed, [b":".join(parts)])

    key = digest(name, realm, secret)
    if algorithm.endswith("-sess"):
        key = digest(key, *map(_octets, nonce.session))
    action = [_octets(subject.method), _octets(subject.target)]
    if nonce.qop == "auth-int":
        assert subject.pieces is not None, "who signs has looked"
        action.append(_digest(hashed, subject.pieces()))
    uses = [f"{count:08x}", nonce.cnonce, nonce.qop] if nonce.qop else []
    response = digest(key, *map(_octets, [nonce.value, *uses]), digest(*action))
    parameters = [
        _user_parameter(digest(name, realm) if nonce.has_userhash else name, nonce),
        f"realm={_quoted(_text(realm))}",
        f"nonce={_quoted(nonce.value)}",
        f"uri={_quoted(subject.target)}",
        *([f'cnonce="{nonce.cnonce}"', f"nc={count:08x}", f"qop={nonce.qop}"] if nonce.qop else []),
        f'response="{_text(response)}"',
    ]
    if "opaque" in nonce.parameters:
        parameters.append(f"opaque={_quoted(nonce.parameters['opaque'])}")
    if "algorithm" in nonce.parameters:
        parameters.append(f"algorithm={nonce.algorithm}")
    if nonce.has_userhash:
        parameters.append("userhash=true")
    return f"Digest {', '.join(parameters)}"


def _encode(text: str | bytes, nonce: _Nonce) -> bytes:
    if isinstance(text, bytes):
        return text
    return (unicodedata.normalize("NFC", text) if nonce.is_utf8 else text).encode()


def _user_parameter(name: bytes, nonce: _Nonce) -> str:
    """The user; by RFC 8187 where the server knows that form, since it knows `charset`, and the name is not ASCII."""
    if not name.isascii() and nonce.is_utf8:
        return f"username*=UTF-8''{quote(name, safe='')}"
    return f"username={_quoted(_text(name))}"


def _quoted(text: str) -> str:
    """A quoted-string (RFC 9110, section 5.6.4)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _octets(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _text(octets: bytes) -> str:
    return octets.decode("latin-1")


def _digest(algorithm: str, pieces: Iterable[bytes | memoryview]) -> bytes:
    """The hash in hexadecimal digits."""
    # The server chooses the algorithm; where MD5 is forbidden for other uses, this one must go on.
    state = hashlib.new(algorithm, usedforsecurity=False)
    for piece in pieces:
        state.update(piece)
    return state.hexdigest().encode()


DigestAuth.__module__ = "urlrequest"  # where users find it
