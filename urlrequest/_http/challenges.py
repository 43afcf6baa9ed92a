"""Challenges: what a server or a proxy asks for with 401 or 407, and the dialogue about it (RFC 9110, section 11).

An `auth` object answers challenges if it has a method `answer_challenge(headers, challenge)`. It changes the headers of
the request and returns True, and then the request is sent again over the same connection; or it returns False, and the
response is the outcome. `DigestAuth` is such an object. Pure; loaded by the first request that has one.

Thread safety. A `Dialogue` belongs to one worker. An `auth` object may be shared by many requests, and guards itself.

Invariant:
    CHALLENGE-1  What an `auth` object sets is sent to the peer that asked, and to no other: a dialogue ends with its
                 hop, and the next origin gets neither the fields nor the object (contract 17.4).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .fields import CONTROL, TCHARS, read_fields
from .headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from .fields import Fields
    from .response_head import ResponseHead

__all__ = ["CONTROLS", "Challenge", "Dialogue", "Offer", "Responder", "Subject", "read_offers"]

MAX_ANSWERS = 6  # to one peer for one request; NTLM needs two, Kerberos up to three
MAX_OFFERS = 32  # of one response

CONTROLS = re.compile(CONTROL)

_GAP = re.compile(r"[\s,]*")
_SCHEME = re.compile(rf"({TCHARS})(?:[ \t]+|(?=,)|\Z)")
_TOKEN68 = re.compile(r"([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|\Z)")
_PARAMETER = re.compile(rf'({TCHARS})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"?|([^\s,"]*))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

# What says where the request goes and where it ends.
_FIXED_FIELDS = frozenset({"content-length", "host", "transfer-encoding"})


class Offer(NamedTuple):
    """One scheme of authentication that a server or a proxy accepts.

    Attributes:
        scheme: In lower case: "digest", "negotiate", "ntlm" ...
        token: What stands behind the scheme where it is one text, as with NTLM and Negotiate; "" where nothing does.
        parameters: What stands behind the scheme otherwise: names in lower case, values without quotation marks.
    """

    scheme: str
    token: str
    parameters: dict[str, str]


def read_offers(values: Iterable[str]) -> list[Offer]:
    """Read WWW-Authenticate or Proxy-Authenticate fields (RFC 9110, section 11.6.1).

    A field may have several challenges, and a comma stands between challenges as well as between parameters. So what
    follows a comma is a parameter if it has an "=", and else the next scheme. What is neither is passed over, and so is
    a parameter with a control character: it would stand in the answer.
    """
    offers: list[Offer] = []
    for value in values:
        at = 0
        while (at := _end(_GAP.match(value, at), at)) < len(value) and len(offers) <= MAX_OFFERS:
            at = _read_next(value, at, offers)
    return offers[:MAX_OFFERS]


def _end(found: re.Match[str] | None, at: int) -> int:
    return at if found is None else found.end()


def _read_next(value: str, at: int, offers: list[Offer]) -> int:
    """Read a parameter or the beginning of a challenge; where it ends."""
    parameter = _PARAMETER.match(value, at)
    if parameter is not None:
        name, quoted, plain = parameter.groups()
        if offers:
            text = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            if CONTROLS.search(text) is None:
                offers[-1].parameters.setdefault(name.lower(), text)
        return parameter.end()
    scheme = _SCHEME.match(value, at)
    if scheme is None:
        comma = value.find(",", at)
        return len(value) if comma < 0 else comma
    token = _TOKEN68.match(value, scheme.end())
    offers.append(Offer(scheme[1].lower(), "" if token is None else token[1], {}))
    return scheme.end() if token is None else token.end()


class Subject(NamedTuple):
    """What a request asks for, as far as its credentials depend on it.

    Attributes:
        space: Whose credentials they are: scheme, host and port of an origin, or those of a proxy.
        method, url: Of the request.
        target: What the answer names as the target: path and query, or host and port of a tunnel.
        header: The name of the field with the answer: Authorization or Proxy-Authorization.
        pieces: Returns the content of the request in pieces; None: it can be read only once.
    """

    space: tuple[str, str, int | None]
    method: str
    url: str
    target: str
    header: str
    pieces: Callable[[], Iterator[bytes | memoryview]] | None


class Challenge:
    """A response that asks for credentials, as `answer_challenge()` gets it.

    Attributes:
        status: 401 from a server, 407 from a proxy.
        headers: The headers of the response, a `Headers`.
        offers: What the server accepts, in its order, as `Offer`.
        header: The name of the header for the answer: "Authorization" or "Proxy-Authorization".
        method, url, target: Of the request; `target` is the path with the query, or host and port of a tunnel.
        number: How many answers came before, for this request: 0 for the first challenge.
        state: A dict for what the object must remember from one answer of this request to the next.
        peer_certificate: The certificate of the server in DER, for channel bindings; None without TLS.
    """

    status: int
    headers: Headers
    header: str
    method: str
    url: str
    target: str
    number: int
    state: dict[Any, Any]
    peer_certificate: bytes | None

    def __init__(
        self, subject: Subject, head: ResponseHead, number: int, state: dict[Any, Any], peer_certificate: bytes | None
    ) -> None:
        field = "WWW-Authenticate" if subject.header == "Authorization" else "Proxy-Authenticate"
        self.status, self.headers = head.status, head.headers
        self.offers: list[Offer] = read_offers(head.headers.get_all(field))
        self.header, self.method, self.url, self.target = subject.header, subject.method, subject.url, subject.target
        self.number, self.state, self.peer_certificate = number, state, peer_certificate
        self.subject = subject

    def find(self, scheme: str) -> Offer | None:
        """Return the first offer of a scheme, such as "NTLM"; None if the server does not accept it."""
        return next((offer for offer in self.offers if offer.scheme == scheme.lower()), None)


class Responder:
    """Holds an `auth` object that answers challenges. Two are equal if they hold the same object.

    So it can be part of what makes one connection different from another, whatever the object's class says of equality.
    """

    __slots__ = ("auth",)

    def __init__(self, auth: Any) -> None:
        self.auth = auth

    @property
    def is_connection_bound(self) -> bool:
        """Whether a connection over which it answered must not serve other requests: NTLM logs the connection in."""
        return bool(getattr(self.auth, "is_connection_bound", True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Responder) and other.auth is self.auth

    def __hash__(self) -> int:
        return id(self.auth)

    def __repr__(self) -> str:
        return f"<Responder of a {type(self.auth).__name__}>"


class Dialogue:
    """What one request and one peer say to each other about credentials.

    Attributes:
        fields: The header fields to send now.
    """

    def __init__(self, responder: Responder, subject: Subject, fields: Fields) -> None:
        """Begin a dialogue; what the `auth` object can say unasked is in `fields` then."""
        self._auth, self._subject = responder.auth, subject
        self._status = 401 if subject.header == "Authorization" else 407
        self._count = 0
        self._state: dict[Any, Any] = {}
        self.fields = fields
        self.sign()

    @property
    def has_answered(self) -> bool:
        """Whether the object has answered a challenge."""
        return self._count > 0

    def sign(self) -> None:
        """Let the object sign the request, if it can: whatever is sent needs a signature of its own."""
        sign = getattr(self._auth, "sign_request", None)
        if sign is not None:
            headers = Headers(self.fields)
            if sign(headers, self._subject, self._state):
                self.fields = self._checked(headers)

    def answer(self, head: ResponseHead, peer_certificate: bytes | None) -> bool:
        """Answer a response if it is a challenge; whether the request is to be sent again, with the new `fields`.

        Raises:
            ValueError, TypeError: The object has set what cannot be sent. Exception: Whatever it raises itself.
        """
        if head.status != self._status or self._count == MAX_ANSWERS:
            return False
        headers = Headers(self.fields)
        challenge = Challenge(self._subject, head, self._count, self._state, peer_certificate)
        if not self._auth.answer_challenge(headers, challenge):
            return False
        self._count += 1
        self.fields = self._checked(headers)
        return True

    def finish(self, head: ResponseHead) -> None:
        """Report the last response to the object, which may learn from it."""
        learn = getattr(self._auth, "learn_from", None)
        if learn is not None:
            learn(head, self._subject, self._state)

    def _checked(self, headers: Headers) -> Fields:
        fields, _ = read_fields(headers, "auth")
        if _fixed(fields) != _fixed(self.fields):
            raise ValueError("auth changed Host, Content-Length or Transfer-Encoding, which belong to the request")
        return fields


def _fixed(fields: Fields) -> set[tuple[str, str]]:
    return {(name.lower(), value) for name, value in fields if name.lower() in _FIXED_FIELDS}
