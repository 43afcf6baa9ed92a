"""send_with_body(): head and body out, in one piece if the body is small, else piece by piece, every byte counted.

Runs on the worker.

Invariant:
    WRITER-1  The server gets exactly as many bytes as Content-Length says, or the connection is closed: bytes beyond
              that would be taken for the next request.
"""

from __future__ import annotations

from collections.abc import Generator

from urlrequest import errors
from urlrequest._http.fields import all_values, first_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urlrequest._content.body import Body
    from urlrequest._http.fields import Fields
    from urlrequest._net.stream import NetworkStream

    from .interim import InterimResponses

__all__ = ["SMALL_BODY", "reported_parts", "send_with_body"]

SMALL_BODY = 64 * 1024  # bytes; a body up to this is sent in one piece with the head
REPORTED_SIZE = 64 * 1024  # bytes from one call of a body's `on_sent` to the next
LAST_CHUNK = b"0\r\n\r\n"  # with no trailers (RFC 9112, section 7.1)


def send_with_body(stream: NetworkStream, head: bytes, body: Body, fields: Fields, interim: InterimResponses) -> bool:
    """Send a request, and report to the body's `on_sent` how much of the body was sent.

    Args:
        interim: Takes in what the server sends meanwhile.
    Returns:
        Whether all of it was sent; False: the server has refused it before that, or sends no more.
    Raises:
        IncompleteContent: The body is not as long as its Content-Length says. OSError: The connection broke.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    said = first_value(fields, "content-length")
    declared = None if said is None else int(said)
    if declared is not None and body.length is not None and body.length <= SMALL_BODY:
        return _send_joined(stream, head, body, declared, interim)
    pieces = body.pieces()
    try:
        if not stream.send_all(head, on_received=interim.receive):
            return False
        if _expects_continue(fields) and not interim.await_continue(stream):
            return False
        body.is_begun = True
        if body.on_sent is None:
            return _send_parts(stream, pieces, declared, _report_nothing, interim)
        return _send_parts(stream, reported_parts(pieces), declared, body.on_sent, interim)
    finally:
        # The traceback of an error keeps this frame alive, and so the generator and the files that it has open.
        if isinstance(pieces, Generator):
            pieces.close()


def _send_joined(stream: NetworkStream, head: bytes, body: Body, declared: int, interim: InterimResponses) -> bool:
    body.is_begun = True
    content = b"".join(body.pieces())
    if len(content) != declared:  # a file has changed
        raise errors.IncompleteContent(f"req_body has {len(content)} bytes, not the {declared} of its Content-Length")
    report = body.on_sent or _report_nothing
    report(0, False)
    is_whole = stream.send_all(head + content, on_received=interim.receive)
    if is_whole:
        report(declared, True)
    return is_whole


def _send_parts(
    stream: NetworkStream,
    parts: Iterator[bytes | memoryview],
    declared: int | None,
    report: Callable[[int, bool], None],
    interim: InterimResponses,
) -> bool:
    sent = 0
    send, send_pieces, receive = stream.send_all, stream.send_pieces, interim.receive  # found once for all parts
    report(0, False)
    for part in parts:
        if not part:  # an empty chunk would be the last one
            continue
        sent += len(part)
        if declared is not None and sent > declared:
            raise errors.IncompleteContent(f"req_body has more than the {declared} bytes of its Content-Length")
        if not (send_pieces(_chunk(part), receive) if declared is None else send(part, receive)):
            return False
        report(sent, False)
    if declared is not None and sent < declared:
        raise errors.IncompleteContent(f"req_body ended after {sent} of the {declared} bytes of its Content-Length")
    if declared is None and not send(LAST_CHUNK, receive):
        return False
    report(sent, True)
    return True


def _report_nothing(sent: int, is_end: bool) -> None:
    """Stand in for `on_sent` where nobody asks for the progress of an upload."""


def reported_parts(pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Split pieces of a body into parts that are small enough to report the progress after each."""
    for piece in pieces:
        view = piece if len(piece) <= REPORTED_SIZE else memoryview(piece)
        for start in range(0, len(view), REPORTED_SIZE):
            yield view[start : start + REPORTED_SIZE]


def _expects_continue(fields: Fields) -> bool:
    return any(value.lower() == "100-continue" for value in all_values(fields, "expect"))


def _chunk(part: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bytes]:
    """The part as a chunk of the chunked transfer coding (RFC 9112, section 7.1), in pieces."""
    return b"%x\r\n" % len(part), part, b"\r\n"
