"""Fuzz targets: each takes any bytes, and fails where the code under test does more than it documents.

A target raises AssertionError, or whatever the code under test raises that it does not document. It is deterministic,
and its first bytes choose between variants, so that a fuzzer can reach all of them.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from support.grammar import literal_chunks, our_origin, whatwg_origin, with_known_letters
from support.messages import raw_deflate
from support.replies import REPLIES, TOKENS, Peer, run
from urlrequest import DigestAuth, Headers, Session
from urlrequest._content.decoder import Decoder
from urlrequest._content.multipart import make_multipart
from urlrequest._content.resumable_file import ResumableFileSink, part_paths
from urlrequest._content.text import decode_text, parse_json_body
from urlrequest._http.challenges import Dialogue, Responder, Subject, read_offers
from urlrequest._http.cookie import domain_matches
from urlrequest._http.cookie_file import read_cookies, write_json, write_netscape
from urlrequest._http.cookies import MAX_COOKIES, MAX_FIELD, MAX_OF_HOST, Cookies, received_cookies
from urlrequest._http.framing import body_framing, idle_time
from urlrequest._http.ranges import check_completeness, content_range, strong_validator
from urlrequest._http.redirect import find_redirect
from urlrequest._http.response_head import ResponseHead, parse_head
from urlrequest._http.retry import retry_after
from urlrequest._http.target import parse_target
from urlrequest._http1.response_reader import Response
from urlrequest.errors import (
    AuthenticationError,
    ContentDecodingError,
    ContentTooLarge,
    IncompleteContent,
    InvalidURL,
    ProtocolError,
    UnsafeRedirect,
)
from urlrequest.streams import EventReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["TARGETS", "WORDS", "Target"]

NOW = 1_700_000_000  # seconds since 1970
CONTROLS = frozenset(map(chr, [*range(0x20), 0x7F]))


class Target(NamedTuple):
    """What is fuzzed, and inputs to begin with."""

    run: Callable[[bytes], None]
    seeds: list[bytes]


def pieces_of(octets: bytes, size: int) -> Iterator[bytes]:
    yield from (octets[at : at + size] for at in range(0, len(octets), max(1, size)))


# Responses


class Stream:
    """A connection on which a server has sent something, and then closed; it comes in pieces of a size."""

    peer, cut, is_tls = "peer:80", None, False

    def __init__(self, octets: bytes, size: int) -> None:
        self._pieces = pieces_of(octets, size)
        self._held = b""

    def receive(self, size: int = 65536) -> bytes:
        octets = self._held or next(self._pieces, b"")
        self._held = octets[size:]
        return octets[:size]

    def receive_into(self, room: memoryview) -> int:
        octets = self.receive(len(room))
        room[: len(octets)] = octets
        return len(octets)


def outcome_of(octets: bytes, method: str, size: int) -> tuple[Any, ...]:
    """Head, content and state after it, or the kind of the error."""
    try:
        response = Response(Stream(octets, size), method)  # type: ignore[arg-type]  # as much of one as is used
        content = response.read()
    except (ProtocolError, IncompleteContent, ConnectionError) as error:
        return (type(error),)
    assert response.is_complete
    assert response.expected is None or len(content) == response.expected
    return response.head.status, response.getheaders(), content, response.is_reusable


def fuzz_response(octets: bytes) -> None:
    """However the network cuts a response, it means the same."""
    if not octets:
        return
    method = ("GET", "HEAD", "CONNECT", "POST")[octets[0] & 3]
    whole = outcome_of(octets[1:], method, len(octets))
    for size in (1, 2 + octets[0] % 37):
        parts = outcome_of(octets[1:], method, size)
        # What comes behind a response may not have come yet.
        assert whole == parts or whole[:3] == parts[:3] != whole[:1], (whole, parts)


def fuzz_head(octets: bytes) -> None:
    """A head is read or refused, and so is what it says; no part of it has the end of a line."""
    try:
        head = parse_head(octets + b"\r\n\r\n")
    except ProtocolError:
        return
    assert 100 <= head.status <= 999
    for text in (head.reason, *(text for pair in head.headers.items() for text in pair)):
        assert not {"\r", "\n", "\0"} & set(text)
    for method in ("GET", "HEAD"):
        with suppress(ProtocolError):
            framing = body_framing(head, method)
            assert framing.length is None or 0 <= framing.length < 10**18
    for asked in (None, "bytes=0-9", "bytes=5-"):
        with suppress(ProtocolError):
            check_completeness(head, asked)
    sent = content_range(head)
    assert sent is None or 0 <= sent.first <= sent.last
    validator = strong_validator(head)
    assert validator is None or not CONTROLS & set(validator) - {"\t"}
    pause = retry_after(head)
    assert pause is None or pause >= 0
    assert 0 <= idle_time(head.headers.get("Keep-Alive", ""), 60.0) <= 60


def fuzz_chunks(octets: bytes) -> None:
    """A chunked body has the content that the grammar gives it, or is an error."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    found = outcome_of(head + octets, "GET", 1 + len(octets) % 50)
    expected = literal_chunks(octets)
    assert (found[2] if len(found) > 1 else None) == expected, (found, expected)


# Codings

CODINGS = ["gzip", "deflate", "br", "zstd", "gzip, deflate", "br, gzip", "zstd, zstd", "deflate, deflate, deflate"]
MAX_DECODED = 32 * 1024 * 1024  # bytes: more than any input of a fuzzer may become


def decoded(coding: str, octets: bytes, size: int) -> Any:
    decoder = Decoder(coding)
    found = bytearray()
    try:
        for piece in pieces_of(octets, size):
            for part in decoder.decode(piece):
                assert len(part) <= 256 * 1024
                found += part
        for part in decoder.finish():
            found += part
    except (ContentDecodingError, ContentTooLarge) as error:
        return type(error)
    assert len(found) <= MAX_DECODED
    return bytes(found)


def fuzz_codings(octets: bytes) -> None:
    """However the network cuts an encoded body, it is decoded to the same, or refused."""
    if not octets:
        return
    coding = CODINGS[octets[0] % len(CODINGS)]
    assert decoded(coding, octets[1:], len(octets)) == decoded(coding, octets[1:], 1 + octets[0] // len(CODINGS))


def fuzz_text(octets: bytes) -> None:
    """A body of any type and charset is text or bytes, and JSON or a ValueError."""
    media_type, _, content = octets.partition(b"\n")
    said = media_type.decode("latin-1")
    assert isinstance(decode_text(content, said), str | bytes)
    with suppress(ValueError):
        parse_json_body(content, said)


# URLs

BASE = "http://base.test/folder/x?q"
REDIRECTED = ResponseHead("1.1", 302, "", Headers([]))


def fuzz_url(octets: bytes) -> None:
    """A URL is refused, or leads where a browser would go, with a request that is one."""
    text = octets.decode("utf-8", "surrogateescape")
    try:
        target = parse_target(text)
    except InvalidURL:
        return
    if target.scheme not in {"http", "https"}:
        return
    assert not (CONTROLS | {" ", "/", "@", "\\", "#", "?"}) & set(target.host), target.host
    assert target.path.isascii()
    assert target.path.startswith("/")
    assert not (CONTROLS | {" ", "#"}) & set(target.path)
    if "%" not in target.host:
        assert parse_target(target.url).origin == target.origin
    if text.lower().lstrip().startswith(("http://", "https://")):
        theirs = whatwg_origin(text)
        assert theirs is None or our_origin(target) == theirs, (our_origin(target), theirs)


def fuzz_location(octets: bytes) -> None:
    """A redirect is refused, or leads where a browser would go; what it takes along depends on that alone."""
    text = octets.decode("latin-1").strip(" \t")
    if not text or {"\r", "\n", "\0"} & set(text):
        return
    head = ResponseHead("1.1", 302, "", Headers([("Location", text)]))
    start = parse_target(BASE)
    try:
        following = find_redirect("POST", start, head)
    except (InvalidURL, UnsafeRedirect):
        return
    if following is None:
        return
    ours = our_origin(following.target)
    assert following.leaves_origin == (ours != our_origin(start))
    read = as_browsers_read(text)
    theirs = whatwg_origin(read, BASE)
    known = with_known_letters(read) if theirs is None else read
    if known != read:
        fuzz_location(known.encode())
        return
    assert ours == theirs, ours


def as_browsers_read(text: str) -> str:
    """The text of a field: browsers read its bytes as utf-8 where they can."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text


# Cookies

HOSTS = [
    "http://a.test/",
    "https://a.test/x/y",
    "http://b.a.test/",
    "https://127.0.0.1/",
    "http://[::1]/",
    "http://com",
    "http+unix://%2frun%2fsocket/",
]


def fuzz_cookies(octets: bytes) -> None:
    """Whatever servers set, no cookie goes to others, none adds to the field, and the limits hold."""
    cookies = Cookies()
    for line in octets.split(b"\n"):
        target = parse_target(HOSTS[line[0] % len(HOSTS)] if line else HOSTS[0])
        received = received_cookies(target, [line[1:].decode("latin-1")], NOW)
        for cookie in received:
            assert domain_matches(target.host, cookie.host)
            assert not cookie.secure or target.scheme == "https"
        before = {cookie for cookie in cookies.all(NOW) if cookie.secure}
        cookies.receive(received, NOW, is_secure=target.scheme == "https")
        assert target.scheme == "https" or before <= set(cookies.all(NOW))
    kept = cookies.all(NOW)
    assert len(kept) <= MAX_COOKIES
    assert kept == read_cookies(write_netscape(kept)) == read_cookies(write_json(kept))
    for url in HOSTS:
        target = parse_target(url)
        field = cookies.field_for(target, NOW) or ""
        assert len(field) <= MAX_FIELD
        assert not CONTROLS & set(field)
        sent = [tuple(pair.split("=", 1)) for pair in field.split("; ") if pair]
        own = [(each.name, each.value) for each in kept if domain_matches(target.host, each.host)]
        assert set(sent) <= set(own)
        assert len(own) <= MAX_OF_HOST * (target.host.count(".") + 1)
        assert target.scheme == "https" or not {(c.name, c.value) for c in kept if c.secure} & set(sent) - {
            (c.name, c.value) for c in kept if not c.secure
        }


def fuzz_cookie_file(octets: bytes) -> None:
    """A file of cookies is read or is a ValueError; what was read is written so that it is read again."""
    try:
        cookies = read_cookies(octets)
    except ValueError:
        return
    for cookie in cookies:
        assert not (CONTROLS | {";"}) & set(cookie.name + cookie.value)
        assert not (CONTROLS | {" "}) & set(cookie.domain + cookie.path)
        assert not {"#", "/", ";", "[", "]"} & set(cookie.domain)
    assert cookies == read_cookies(write_netscape(cookies))
    assert cookies == read_cookies(write_json(cookies))


# Ranges, events, forms, challenges


def fuzz_range(octets: bytes) -> None:
    """A Content-Range is in order, or is none; a part that was not asked for is refused."""
    said, _, length = octets.decode("latin-1").partition("\n")
    head = ResponseHead("1.1", 206, "", Headers([("Content-Range", said), ("Content-Length", length)]))
    sent = content_range(head)
    assert sent is None or (0 <= sent.first <= sent.last and (sent.total is None or sent.last < sent.total))
    try:
        check_completeness(head, "bytes=3-9")
    except ProtocolError:
        return
    assert sent is not None
    assert sent.first == 3
    assert sent.last == 9 or (sent.total is not None and sent.last == sent.total - 1 < 9)


def events_of(octets: bytes, size: int) -> Any:
    reader = EventReader(max_size=200)
    events: list[Any] = []
    try:
        for piece in pieces_of(octets, size):
            events += reader.feed(piece)
    except ContentTooLarge:
        return events
    return events, reader.last_id, reader.retry


def fuzz_events(octets: bytes) -> None:
    """However the network cuts a stream, it has the same events."""
    size = 1 + (octets[0] if octets else 0) % 9
    assert events_of(octets, size) == events_of(octets, 1)
    if isinstance(whole := events_of(octets, len(octets)), tuple):
        assert whole == events_of(octets, 1)


def fuzz_multipart(octets: bytes) -> None:
    """Whatever a form holds, another parser reads one part for each entry."""
    from werkzeug.formparser import parse_form_data

    # Browsers send a backslash as it is; the parser takes it for an escape.
    names = [line.decode("utf-8", "replace") for line in octets.replace(b"\\", b"").split(b"\xff")][:6]
    files = [(name, (name or "f", octets)) for name in names[::2]]
    fields = [(name, name) for name in names[1::2]]
    body = make_multipart(files, fields)
    sent = b"".join(bytes(piece) for piece in body.pieces())
    assert body.length == len(sent)
    _, values, uploads = parse_form_data(
        {
            "wsgi.input": io.BytesIO(sent),
            "CONTENT_TYPE": body.content_type,
            "CONTENT_LENGTH": str(len(sent)),
            "REQUEST_METHOD": "POST",
        }
    )
    assert len(list(values.items(multi=True))) == len(fields)
    assert len(list(uploads.items(multi=True))) == len(files)
    for upload in chain.from_iterable(uploads.listvalues()):  # `values()` leaves out all but the first of a name
        assert upload.stream.read() == octets
        upload.stream.close()


def fuzz_challenges(octets: bytes) -> None:
    """A challenge is answered by one field without secrets and control characters, or not at all."""
    values = [line.decode("latin-1") for line in octets.replace(b"\r", b"").replace(b"\0", b"").split(b"\n")]
    for offer in read_offers(values):
        assert offer.scheme == offer.scheme.lower()
    subject = Subject(("http", "a.test", 80), "GET", "http://a.test/x", "/x", "Authorization", lambda: iter([b""]))
    dialogue = Dialogue(Responder(DigestAuth("üser", 'pass"word')), subject, [("Host", "a.test")])
    head = ResponseHead("1.1", 401, "", Headers([("WWW-Authenticate", value) for value in values]))
    try:
        is_answered = dialogue.answer(head, None)
    except AuthenticationError:
        return
    except ValueError as error:  # what stands in quotes may be what no field may have
        assert "auth" in str(error)  # noqa: PT017  # a fuzzer has no pytest.raises
        return
    if is_answered:
        assert ["Host", "Authorization"] == [name for name, _ in dialogue.fields]
        answer = dialogue.fields[1][1]
        assert not {"\r", "\n", "\0"} & set(answer)
        assert 'pass"word' not in answer
        assert not answer.replace("\\\\", "").replace('\\"', "").count('"') % 2


# Parts of downloads, and the whole client

URL = "http://a.test/file"


def fuzz_sidecar(octets: bytes) -> None:
    """Whatever is written beside a part file: it describes the part, or the part is not continued."""
    folder = tempfile.mkdtemp()
    try:
        path = os.path.join(folder, "f")
        for name, content in zip(part_paths(path), (b"part", octets), strict=True):
            with open(name, "wb") as file:
                file.write(content)
        with ResumableFileSink(path, None, URL, int) as sink:
            fields = sink.range_fields()
            assert 0 <= sink.offset <= 4
            for _, value in fields:
                assert not CONTROLS & set(value)
                value.encode("latin-1")
            assert not fields or sink.offset
            head = ResponseHead("1.1", 200, "", Headers([("Content-Length", "0")]))
            assert sink.accepts(head)
            sink.commit()
        assert os.listdir(folder) == ["f"]
        assert os.path.getsize(path) == 0
    finally:
        shutil.rmtree(folder)


SEPARATOR = b"\xff\xfe--\xfe\xff"  # between the replies of one input
OPTIONS: list[dict[str, Any]] = [
    {},
    {"follow_redirects": True},
    {"method": "HEAD"},
    {"auth": DigestAuth("user", "password")},
    {"retries": 1, "req_headers": {"Range": "bytes=0-9"}},
    {"on_progress": lambda *_: None, "follow_redirects": True},
    {"on_chunk": lambda *_: None},
    {"expect_type": "text/*", "decode": False},
]


def fuzz_client(octets: bytes) -> None:
    """Whatever comes, there is one documented outcome."""
    if not octets:
        return
    peer = Peer(octets[1:].split(SEPARATOR)[:3])
    try:
        with Session(max_requests=1) as session:
            run(
                lambda url, **more: peer.request(url, session=session, **more),
                "http://a.test/",
                OPTIONS[octets[0] % len(OPTIONS)],
            )
    finally:
        peer.close()


# The table


def _encoded() -> list[bytes]:
    import gzip
    import zlib

    text = b"hello, world " * 9
    packed = [gzip.compress(text), zlib.compress(text), raw_deflate(text), zlib.compress(gzip.compress(text))]
    with suppress(ImportError):
        import brotli

        packed.append(brotli.compress(text))
    with suppress(ImportError):
        import zstandard

        packed.append(zstandard.compress(text))
    return [bytes([number]) + octets for octets in packed for number in range(len(CODINGS))]


HEADS = [octets.partition(b"\r\n\r\n")[0] for octets in REPLIES]
TARGETS: dict[str, Target] = {
    "response": Target(fuzz_response, [bytes([number % 4]) + octets for number, octets in enumerate(REPLIES)]),
    "head": Target(fuzz_head, HEADS),
    "chunks": Target(
        fuzz_chunks, [b"5;x=y\r\nhello\r\n0\r\nTrailer: z\r\n\r\n", b"0\r\n\r\n", b"1\r\na\r\n01\r\nb\r\n0 ;\r\n\r\n"]
    ),
    "codings": Target(fuzz_codings, _encoded()),
    "text": Target(
        fuzz_text,
        [
            b"text/plain; charset=utf-8\nh\xc3\xa4",
            b'application/json\n{"a": [1, 2.5, null]}',
            b"text/x; charset=gb2312\n\xff",
        ],
    ),
    "url": Target(
        fuzz_url,
        [
            b"http://user:pw@a.test:80/x?y#z",
            b"https://[::1]:443/",
            b"http://xn--bcher-kva.test/",
            "http://bücher/ß".encode(),
        ],
    ),
    "location": Target(fuzz_location, [b"/next?a=b#c", b"//a.test", b"http://a.test/", b"?x", b"..", b"http:80"]),
    "cookies": Target(
        fuzz_cookies,
        [
            b"\0a=b; Path=/; Max-Age=9\n\1c=d; Secure; Domain=.a.test\n\0a=c",
            b"\1__Host-x=y; Secure; Path=/\n\3id=1; Domain=0.0.1",
        ],
    ),
    "cookie_file": Target(
        fuzz_cookie_file,
        [
            b".a.test\tTRUE\t/\tFALSE\t0\tname\tvalue\n",
            b'{"cookies": [{"name": "a", "value": "b", "domain": "a.test"}]}',
            b'{"cookies": [{"name": "a", "value": "b", "domain": "#a.test"}]}',
            b"#HttpOnly_#a.test\tFALSE\t/\tFALSE\t0.5\tname\tvalue\n",
        ],
    ),
    "range": Target(fuzz_range, [b"bytes 3-9/20\n7", b"bytes 3-9/*\n", b"bytes */20\n"]),
    "events": Target(
        fuzz_events, [b"data: x\r\n\r\nid: 1\rdata: y\r\revent: z\nretry: 10\ndata\n\n", b"\xef\xbb\xbf: c\n"]
    ),
    "multipart": Target(fuzz_multipart, [b'a"b\xffc\r\nd\xff\xc3\xa4', b"a\xffb\xffa"]),
    "challenges": Target(
        fuzz_challenges,
        [
            b'Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256, Basic realm="b"',
            b"NTLM tok68==\nDigest nonce=x",
        ],
    ),
    "sidecar": Target(
        fuzz_sidecar,
        [b'{"url": "http://a.test/file", "validator": "\\"one\\"", "total": 9, "mode": 420, "modified": ""}', b"{}"],
    ),
    "client": Target(fuzz_client, [bytes([number]) + octets for number, octets in enumerate(REPLIES)]),
}
WORDS: list[bytes] = TOKENS
"""What inputs are often made of."""
