"""The steps of a script: what the server does on one connection, in order.

Each function returns a `Step` for `Server.play()`; the step runs on the connection's own thread. Once the client has
gone away, the steps that send or receive are skipped; `signal`, `wait_for` and `wait_closed` still run, so that a test
which waits for them goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from ._connection import ClientGone
from ._messages import read_head, read_request
from ._script import Step

if TYPE_CHECKING:
    import ssl

    from ._script import ScriptPlayer

__all__ = [
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


def send(octets: Octets) -> Step:
    r"""Send bytes as they are, or an iterable of bytes, which may be endless.

    Example: ``server.play(send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))``; a flood:
    ``server.play(send(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")))``.
    """
    pieces = _pieces_of(octets)

    def run(player: ScriptPlayer) -> None:
        for piece in pieces:
            player.connection.send(piece)

    return Step("send(...)", run)


def trickle(octets: Octets, piece: int = 1, pause: float = 0.0) -> Step:
    """Send bytes in small segments.

    Example: ``server.play(trickle(REPLY, piece=3, pause=0.05))``.

    Args:
        octets: As for `send`.
        piece: Size of a segment, in bytes.
        pause: Time after each segment, in seconds. Without a pause the client may find several segments at once.
    """
    if piece < 1:
        raise ValueError(f"piece is {piece}; 1 byte or more is needed")
    pieces = _pieces_of(octets)

    def run(player: ScriptPlayer) -> None:
        for part in pieces:
            for start in range(0, len(part), piece):
                player.connection.send(part[start : start + piece])
                if pause > 0:
                    player.signals.pause(pause)

    return Step(f"trickle(..., piece={piece}, pause={pause})", run)


def receive() -> Step:
    """Receive one more whole request, and record it.

    Example, two replies on one connection: ``server.play(send(FIRST), receive(), send(SECOND))``.
    """

    def run(player: ScriptPlayer) -> None:
        request = read_request(player.connection, player.max_body)
        if request is None:
            raise ClientGone("the client closed the connection instead of sending a request")
        player.record(request)

    return Step("receive()", run)


def receive_head() -> Step:
    """Receive a request's head and record that; the body is not received, and no 100 is sent.

    Example, a response before the body: ``server.play(receive_head(), send(TOO_LARGE), hold(), read_request=False)``.
    """

    def run(player: ScriptPlayer) -> None:
        request = read_head(player.connection)
        if request is None:
            raise ClientGone("the client closed the connection instead of sending a request")
        player.record(request)

    return Step("receive_head()", run)


def receive_some(size: int) -> Step:
    """Receive and discard exactly so many bytes.

    Example, a server that dies in the middle of an upload:
    ``server.play(receive_head(), receive_some(1000), reset(), read_request=False)``.
    """

    def run(player: ScriptPlayer) -> None:
        player.connection.skip(size)

    return Step(f"receive_some({size})", run)


def wait_for(name: str) -> Step:
    """Wait until the test calls ``server.signal(name)``, or another script signals it.

    Example: ``server.play(send(HEAD), wait_for("cancelled"), send(BODY))``.
    """

    def run(player: ScriptPlayer) -> None:
        player.signals.wait(name)

    return Step(f"wait_for({name!r})", run, needs_client=False)


def signal(name: str) -> Step:
    """Signal to a test that waits with ``server.wait(name)``, or to another script, that this step is reached.

    Example: ``server.play(send(HEAD), signal("head sent"), hold())``.
    """

    def run(player: ScriptPlayer) -> None:
        player.signals.set(name)

    return Step(f"signal({name!r})", run, needs_client=False)


def reset() -> Step:
    """Close the connection with a TCP reset (RST).

    As the first step, with ``read_request=False``, it may come before the client has noticed that it is connected.

    Example: ``server.play(send(HALF_A_REPLY), reset())``.
    """
    return Step("reset()", lambda player: player.connection.reset())


def finish() -> Step:
    """Close the sending side (FIN; over TLS a close_notify first); the connection can still receive.

    Example: ``server.play(send(REPLY), finish(), signal("sent"), wait_closed())``.
    """
    return Step("finish()", lambda player: player.connection.finish())


def hold() -> Step:
    """Keep the connection open, and receive and send nothing, until the client or the server closes.

    While there are unread bytes, only Linux reports that the client has closed; elsewhere the step then lasts until the
    server is closed.

    Example, a server that never responds: ``server.play(hold())``.
    """
    return Step("hold()", lambda player: player.connection.wait_gone())


def start_tls(context: ssl.SSLContext) -> Step:
    r"""Perform a TLS handshake; a failure goes to ``server.tls_errors``, and the client counts as gone.

    Example, a proxy: ``server.play(send(b"HTTP/1.1 200 OK\r\n\r\n"), start_tls(context), receive(), send(REPLY))``.
    """
    return Step("start_tls(...)", lambda player: player.connection.start_tls(context))


def close_without_notify() -> Step:
    r"""End a TLS connection with a TCP FIN but no close_notify, as a truncation does.

    Example: ``server.play(send(b"HTTP/1.1 200 OK\r\n\r\nhalf"), close_without_notify())``.
    """
    return Step("close_without_notify()", lambda player: player.connection.finish_without_notify())


def close() -> Step:
    """Close the socket at once, as the end of a process does: with an RST if there are unread bytes, else with a FIN.

    The end of a script does better: it sends a FIN and discards what still arrives, so that the client can read all.

    Example: ``server.play(receive_head(), send(TOO_LARGE), close(), read_request=False)``.
    """
    return Step("close()", lambda player: player.connection.close())


def wait_closed(name: str = "closed") -> Step:
    """Discard what arrives until the client has closed its side, then signal `name`.

    Example: ``server.play(send(HEAD), wait_closed())``, and in the test ``request.cancel(); server.wait("closed", 1)``.
    """

    def run(player: ScriptPlayer) -> None:
        with suppress(ClientGone):  # a reset closes as well
            player.connection.discard()
        player.signals.set(name)

    return Step(f"wait_closed({name!r})", run, needs_client=False)


def routes() -> Step:
    """Respond to requests by the server's routes until the client closes, or a reply closes the connection.

    Example, a proxy's tunnel with keep-alive: ``server.play(send(ESTABLISHED), start_tls(context), routes())``.
    """
    return Step("routes()", lambda player: player.serve_routes())


def _pieces_of(octets: Octets) -> Iterable[bytes]:
    if isinstance(octets, (bytes, bytearray, memoryview)):
        return (bytes(octets),)
    return octets
