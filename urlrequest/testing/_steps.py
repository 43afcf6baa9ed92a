"""The steps of a script: what the server does on one connection, in order.

Each function returns a `Step` for `Server.play()`; the step runs on the connection's own thread. Once the client has
gone away, the steps that send or receive are passed over; `signal`, `wait_for` and `wait_closed` still run, so that a
test that waits for them does not wait in vain.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ._connection import ClientGone
from ._messages import read_head, read_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from ._script import Conversation

__all__ = [
    "Step",
    "close",
    "close_without_notify",
    "finish",
    "hold",
    "receive",
    "receive_head",
    "receive_some",
    "reset",
    "routes",
    "send",
    "signal",
    "start_tls",
    "trickle",
    "wait_closed",
    "wait_for",
]

Octets: TypeAlias = bytes | bytearray | memoryview | Iterable[bytes]


@dataclass(frozen=True)
class Step:
    """One step of a script; the functions of this module make them.

    Attributes:
        name: How it was written, for messages.
        run: What it does, on the connection's thread.
        needs_client: Whether it is passed over once the client has gone away.
    """

    name: str
    run: Callable[[Conversation], None]
    needs_client: bool = True

    def __repr__(self) -> str:
        return self.name


def send(octets: Octets) -> Step:
    r"""Send octets as they are: bytes, or an iterable of them, which may be endless.

    Example: ``server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))``; a flood:
    ``server.play(send(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")))``.
    """
    pieces = _pieces_of(octets)

    def run(conversation: Conversation) -> None:
        for piece in pieces:
            conversation.link.send(piece)

    return Step("send(...)", run)


def trickle(octets: Octets, piece: int = 1, pause: float = 0.0) -> Step:
    """Send octets in small segments.

    Example: ``server.play(trickle(REPLY, piece=3, pause=0.05))``.

    Args:
        octets: As for `send`.
        piece: Size of a segment, in octets.
        pause: Time after each segment, in seconds. Without a pause the client may find several segments at once.
    """
    if piece < 1:
        raise ValueError(f"piece is {piece}, not at least 1 octet")
    pieces = _pieces_of(octets)

    def run(conversation: Conversation) -> None:
        for part in pieces:
            for start in range(0, len(part), piece):
                conversation.link.send(part[start : start + piece])
                if pause > 0:
                    conversation.signals.pause(pause)

    return Step(f"trickle(..., piece={piece}, pause={pause})", run)


def receive() -> Step:
    """Read one more whole request and record it.

    Example, two replies on one connection: ``server.play(send(FIRST), receive(), send(SECOND))``.
    """

    def run(conversation: Conversation) -> None:
        request = read_request(conversation.link)
        if request is None:
            raise ClientGone("the client closed the connection instead of sending a request")
        conversation.record(request)

    return Step("receive()", run)


def receive_head() -> Step:
    """Read a request up to its blank line and record that; the body stays unread, and no 100 is sent.

    Example, an answer before the body: ``server.play(receive_head(), send(TOO_LARGE), hold(), read_request=False)``.
    """

    def run(conversation: Conversation) -> None:
        request = read_head(conversation.link)
        if request is None:
            raise ClientGone("the client closed the connection instead of sending a request")
        conversation.record(request)

    return Step("receive_head()", run)


def receive_some(size: int) -> Step:
    """Read and discard exactly so many octets.

    Example, a server that dies in the middle of an upload:
    ``server.play(receive_head(), receive_some(1000), reset(), read_request=False)``.
    """

    def run(conversation: Conversation) -> None:
        conversation.link.take(size)

    return Step(f"receive_some({size})", run)


def wait_for(name: str) -> Step:
    """Wait until the test calls ``server.signal(name)``, or another script signals it.

    Example: ``server.play(send(HEAD), wait_for("cancelled"), send(BODY))``.
    """

    def run(conversation: Conversation) -> None:
        conversation.signals.wait(name)

    return Step(f"wait_for({name!r})", run, needs_client=False)


def signal(name: str) -> Step:
    """Tell the test, which waits with ``server.wait(name)``, or another script that this step is reached.

    Example: ``server.play(send(HEAD), signal("head sent"), hold())``.
    """

    def run(conversation: Conversation) -> None:
        conversation.signals.set(name)

    return Step(f"signal({name!r})", run, needs_client=False)


def reset() -> Step:
    """Drop the connection with a TCP reset (RST).

    As the first step, with ``read_request=False``, it may come before the client has noticed that it is connected.

    Example: ``server.play(send(HALF_A_REPLY), reset())``.
    """
    return Step("reset()", lambda conversation: conversation.link.reset())


def finish() -> Step:
    """Close the sending side (FIN; over TLS a close_notify first); the connection can still receive.

    Example: ``server.play(send(REPLY), finish(), signal("sent"), wait_closed())``.
    """
    return Step("finish()", lambda conversation: conversation.link.finish())


def hold() -> Step:
    """Keep the connection open, reading and sending nothing, until the client or the server is closed.

    While unread octets wait, only Linux tells that the client has closed; elsewhere it then lasts until the server is
    closed.

    Example, a server that never answers: ``server.play(hold())``.
    """
    return Step("hold()", lambda conversation: conversation.link.wait_gone())


def start_tls(context: ssl.SSLContext) -> Step:
    r"""Perform a TLS handshake; a failure goes to ``server.tls_errors`` and counts as the client's leaving.

    Example, a proxy: ``server.play(send(b"HTTP/1.1 200 OK\r\n\r\n"), start_tls(context), receive(), send(REPLY))``.
    """
    return Step("start_tls(...)", lambda conversation: conversation.link.start_tls(context))


def close_without_notify() -> Step:
    r"""End a TLS connection with a TCP FIN but no close_notify, as a truncation does.

    Example: ``server.play(send(b"HTTP/1.1 200 OK\r\n\r\nhalf"), close_without_notify())``.
    """
    return Step("close_without_notify()", lambda conversation: conversation.link.finish_without_notify())


def close() -> Step:
    """Close the socket at once, as a process does that ends: with an RST where unread octets wait, else with a FIN.

    The end of a script does better: it sends a FIN and discards what still arrives, so that the client can read all.

    Example: ``server.play(receive_head(), send(TOO_LARGE), close(), read_request=False)``.
    """
    return Step("close()", lambda conversation: conversation.link.close())


def wait_closed(name: str = "closed") -> Step:
    """Discard what arrives until the client has closed its side, then signal `name`.

    Example: ``server.play(send(HEAD), wait_closed())``, and in the test ``request.cancel(); server.wait("closed", 1)``.
    """

    def run(conversation: Conversation) -> None:
        with suppress(ClientGone):  # A reset closes as well.
            conversation.link.discard()
        conversation.signals.set(name)

    return Step(f"wait_closed({name!r})", run, needs_client=False)


def routes() -> Step:
    """Answer requests from the server's routes until the client closes or a reply says so.

    Example, a proxy's tunnel with keep-alive: ``server.play(send(ESTABLISHED), start_tls(context), routes())``.
    """
    return Step("routes()", lambda conversation: conversation.answer())


def _pieces_of(octets: Octets) -> Iterable[bytes]:
    if isinstance(octets, (bytes, bytearray, memoryview)):
        return (bytes(octets),)
    return octets
