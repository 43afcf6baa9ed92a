"""Chunks, ranges and challenges against second implementations that follow the grammar by the letter."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.formparser import parse_form_data

from support.grammar import literal_chunks
from urlrequest import DigestAuth, Headers
from urlrequest._content.multipart import make_multipart
from urlrequest._http.challenges import Dialogue, Responder, Subject, read_offers
from urlrequest._http.ranges import check_completeness, content_range
from urlrequest._http.response_head import ResponseHead
from urlrequest._http1.response_reader import Response
from urlrequest._net.cancel_scope import CancelScope
from urlrequest._net.stream import NetworkStream
from urlrequest.errors import AuthenticationError, IncompleteContent, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Chunked coding (RFC 9112, section 7.1)


def our_chunks(octets: bytes) -> bytes | None:
    near, far = socket.socketpair()
    scope = CancelScope(timeout=20)
    with near, far:
        far.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + octets)
        far.shutdown(socket.SHUT_WR)
        near.setblocking(False)
        response = Response(NetworkStream(near, scope, "peer:80"), "GET")
        try:
            content = b""
            while not response.is_complete:
                content += response.read_piece()
        except (ProtocolError, IncompleteContent):
            return None
        finally:
            scope.release()
        return content


line_ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"", b" \r\n", b"\r\r\n"])
sizes = st.sampled_from(
    [b"0", b"1", b"5", b"05", b"A", b"a", b"000000000000005", b"0000000000000005", b"", b"-1", b"0x5", b"g"]
)
extensions = st.sampled_from([b""] * 5 + [b";x", b" ;x=y", b'\t; a="b"', b" ", b" x", b";\n", b";\r"])
contents = st.sampled_from([b"", b"h", b"hello", b"0123456789", b"\r\n", b"a\r\nb\r"])
chunk = st.tuples(sizes, extensions, line_ends, contents, line_ends).map(b"".join)
sound = st.binary(min_size=1, max_size=12).map(lambda data: b"%x\r\n%b\r\n" % (len(data), data))
trailers = st.sampled_from([b""] * 3 + [b"A: b\r\n", b"odd\r\n", b"A: b\n", b"\r"])
ends = st.tuples(st.sampled_from([b"0", b"00", b"0;x", b"0 "]), line_ends, trailers, line_ends).map(b"".join)
bodies = st.tuples(st.lists(sound | chunk, max_size=4).map(b"".join), ends | st.binary(max_size=6)).map(b"".join)


@given(bodies)
@example(b"5\r\nhello\r\n0\r\n\r\n")
def test_11_4_chunks_mean_what_the_grammar_says(octets: bytes) -> None:
    """Contract 11.4: a chunked body has the content that the grammar gives it, or is an error."""
    assert literal_chunks(octets) == our_chunks(octets)


# Content-Range (RFC 9110, section 14.4)

numbers = st.integers(0, 30).map(str) | st.sampled_from(["", "-1", "+1", "007", "9" * 19, "1_0", "\u0661", "*", " 1"])
range_texts = st.builds(
    "{}{}{}-{}/{}".format,
    st.sampled_from(["bytes", "Bytes", "items", ""]),
    st.sampled_from([" ", "  ", "", "="]),
    numbers,
    numbers,
    numbers,
) | st.text(max_size=12)


def response_of(status: int, *fields: tuple[str, str]) -> ResponseHead:
    return ResponseHead("1.1", status, "", Headers(list(fields)))


@given(range_texts, numbers, st.sampled_from(["bytes=0-9", "bytes=5-", "bytes=-5", "bytes=1-2,4-5", "x", None]))
def test_12_6_any_content_range_is_read_or_refused(text: str, length: str, asked: str | None) -> None:
    """Contract 12.6: what a Content-Range says is in order, or it is none; a part that was not asked for is refused."""
    head = response_of(206, ("Content-Range", text), ("Content-Length", length))
    try:
        sent = content_range(head)
        check_completeness(head, asked)
    except ProtocolError:
        return
    assert asked is not None
    if sent is not None:
        assert 0 <= sent.first <= sent.last
        assert sent.total is None or sent.last < sent.total
        if asked == "bytes=0-9":
            assert (sent.first, True) == (0, sent.last <= 9)


# Challenges (RFC 9110, section 11.6.1, and RFC 7616)

PARTS = st.sampled_from(
    ["Digest", "Basic", "digest ", " realm=", '"r"', "realm=r", ",", " ", ", ", "nonce=", '"n"', "nonce=n", "qop=",
    '"auth"',
     "qop=auth-int", "algorithm=", "MD5", "SHA-256-sess", "stale=true", "userhash=true", "charset=UTF-8", "=", '"',
     "\\", '"\\"',
     'opaque="o\\"', "\xe9", "tok68==", "domain=/", ";"]
)  # fmt: skip
challenge_texts = st.lists(
    PARTS | st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=3), max_size=14
)


@given(st.lists(challenge_texts.map("".join), max_size=3))
@example(['digest nonce=n, opaque="\x7f"'])
def test_10_8_any_challenge_is_answered_or_left(values: list[str]) -> None:
    """Contract 10.8: any text is read; an answer is one field, with quotes that close and no control characters."""
    offers = read_offers(values)
    assert all(offer.scheme == offer.scheme.lower() and " " not in offer.scheme for offer in offers)
    subject = Subject(("http", "a.test", 80), "GET", "http://a.test/x", "/x", "Authorization", lambda: iter([b""]))
    dialogue = Dialogue(Responder(DigestAuth("üser", 'pass"word')), subject, [("Host", "a.test")])
    try:
        is_answered = dialogue.answer(response_of(401, *(("WWW-Authenticate", value) for value in values)), None)
    except AuthenticationError:
        return
    if is_answered:
        assert ["Host", "Authorization"] == [name for name, _ in dialogue.fields]
        answer = dialogue.fields[1][1]
        assert answer.startswith("Digest ")
        assert not any(ord(character) < 0x20 or ord(character) == 0x7F for character in answer)
        assert not answer.replace("\\\\", "").replace('\\"', "").count('"') % 2
        assert 'pass"word' not in answer


# Forms with files (RFC 7578)

# Browsers send a backslash as it is; the parser takes it for an escape.
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\"), min_size=1, max_size=8)
files = st.lists(st.tuples(names, st.tuples(names, st.binary(max_size=40))), min_size=1, max_size=4)
form_fields = st.lists(st.tuples(names, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=3)


def escaped(name: str) -> str:
    """A name as browsers send it (WHATWG, multipart/form-data encoding algorithm), and as the parser undoes that."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace("%22", '"')


def parts_of(octets: bytes, content_type: str) -> Iterator[tuple[str, ...]]:
    environment = {
        "wsgi.input": io.BytesIO(octets), "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(octets)),
        "REQUEST_METHOD": "POST",
    }  # fmt: skip
    _, values, uploads = parse_form_data(environment)
    yield from sorted(("field", name, value) for name, value in values.items(multi=True))
    found = []
    for name, upload in uploads.items(multi=True):
        with upload.stream:
            found.append((name, str(upload.filename), upload.stream.read().hex()))
    yield from sorted(("file", *each) for each in found)


@given(files, form_fields)
def test_17_1_forms_are_read_as_they_were_given(
    given_files: list[tuple[str, tuple[str, bytes]]], given_fields: list[tuple[str, str]]
) -> None:
    """Contract 17.1: whatever names and contents a form has, another parser reads the same, and the length is right."""
    body = make_multipart(given_files, given_fields)
    octets = b"".join(bytes(piece) for piece in body.pieces())

    assert body.length == len(octets)
    assert body.content_type is not None
    expected = sorted(("field", escaped(name), value) for name, value in given_fields)
    uploads = sorted(("file", escaped(n), escaped(file), content.hex()) for n, (file, content) in given_files)
    assert [*expected, *uploads] == list(parts_of(octets, body.content_type))
