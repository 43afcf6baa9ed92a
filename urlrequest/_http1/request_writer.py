"""How a request with a body is sent: in one piece if it is small, else piece by piece, each of them counted.

Invariant:
    C   The server gets exactly as many octets as Content-Length says, or the connection breaks: what is too much would
        be taken for the next request.
"""

from __future__ import annotations

from collections.abc import Generator

from urlrequest._http.fields import first_value
from urlrequest.errors import IncompleteContent

from .response_reader import await_continue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest._content.body import Body
    from urlrequest._http.fields import Fields
    from urlrequest._net.stream import NetworkStream


__all__ = ["SMALL_BODY", "send_with_body"]

SMALL_BODY = 64 * 1024  # octets; a body up to this is sent in one piece with the head


def send_with_body(stream: NetworkStream, head: bytes, body: Body, fields: Fields) -> bool:
    """Send a whole message.

    Returns:
        Whether all of it was sent; False when an answer came first.
    Raises:
        IncompleteContent: The body is not as long as the fields say. OSError: The connection broke.
        RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
    """
    pieces = body.pieces()
    said = first_value(fields, "content-length")
    declared = None if said is None else int(said)
    if declared is not None and body.length is not None and body.length <= SMALL_BODY and not body.is_watched:
        content = b"".join(pieces)
        if len(content) != declared:  # a file has changed; what is too much would be taken for the next request
            raise IncompleteContent(f"req_body has {len(content)} octets, not the {declared} of its Content-Length")
        return stream.send_all(head + content, watch=True)
    try:
        if not stream.send_all(head, watch=True):
            return False
        if _expects_continue(fields) and not await_continue(stream):
            return False
        return _send_pieces(stream, pieces, declared)
    finally:
        # An error keeps this frame alive, and by that the files which the pieces come from.
        if isinstance(pieces, Generator):
            pieces.close()


def _send_pieces(stream: NetworkStream, pieces: Iterator[bytes | memoryview], declared: int | None) -> bool:
    sent = 0
    for piece in pieces if declared is not None else _chunked(pieces):
        sent += len(piece)
        if declared is not None and sent > declared:
            raise IncompleteContent(f"req_body has more than the {declared} octets of its Content-Length")
        if not stream.send_all(piece, watch=True):
            return False
    if declared is not None and sent < declared:
        raise IncompleteContent(f"req_body ended after {sent} of the {declared} octets of its Content-Length")
    return True


def _expects_continue(fields: Fields) -> bool:
    return any(name.lower() == "expect" and value.lower() == "100-continue" for name, value in fields)


def _chunked(pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The chunked transfer coding (RFC 9112, section 7.1)."""
    for piece in pieces:
        if piece:  # an empty chunk would be the last one
            yield b"".join((b"%x\r\n" % len(piece), piece, b"\r\n"))
    yield b"0\r\n\r\n"
