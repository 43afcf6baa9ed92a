"""The phases of a request, each as a scene in which it comes to a stop there and nowhere else."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from support.messages import chunked, reply
from support.servers import full_port
from urlrequest import UrlRequest
from urlrequest._net import cancel_scope
from urlrequest.testing import Server, hold, receive_head, send, signal, trickle, wait_closed, wait_for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import pytest
    from typing_extensions import Self

__all__ = ["PHASES", "Phase", "Scene"]

PATIENCE = 20.0  # seconds; only a failing test waits that long
SLOTS = 64  # requests that run at once
PAUSE = 0.01  # seconds between the octets of a trickle
# A TLS record of 16,384 octets that begins like the answer to a ClientHello.
RECORD = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"


class Scene:
    """The servers and patches of one test, and a look at what the worker waits for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, context: ssl.SSLContext, ca_file: str, *, is_tls: bool) -> None:
        self.monkeypatch = monkeypatch
        self.is_tls = is_tls
        self.ca_file = ca_file
        self.scheme = "https" if is_tls else "http"
        self._context = context
        self._stack = ExitStack()
        self._waits: list[str] = []
        self._waited = threading.Condition()
        self.closes = False  # the server signals when its client has closed
        self.server: Server

    def __enter__(self) -> Self:
        self.server = self._stack.enter_context(Server(tls=self._context if self.is_tls else None))
        wait = cancel_scope.CancelScope.wait

        def noting(scope: Any, interest: Any, until: Any, what: str, **more: Any) -> Any:
            with self._waited:
                self._waits.append(what)
                self._waited.notify_all()
            return wait(scope, interest, until, what, **more)

        self.monkeypatch.setattr(cancel_scope.CancelScope, "wait", noting)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self.monkeypatch.undo()

    def enter(self, context: Any) -> Any:
        return self._stack.enter_context(context)

    def at_end(self, call: Callable[..., object], *arguments: Any) -> None:
        self._stack.callback(call, *arguments)

    def play(self, *steps: Any, **options: Any) -> None:
        """Script the server, which signals when the client has closed."""
        self.closes = True
        self.server.play(*steps, signal("closed"), **options)

    def await_closed(self) -> None:
        """Return when the server has seen its client close, if it ever had one."""
        self.server.signal("over")
        if self.closes:
            self.server.wait("closed")

    def await_wait(self, what: str) -> None:
        """Return when a worker is about to wait for something."""
        with self._waited:
            assert self._waited.wait_for(lambda: any(what in wait for wait in self._waits), PATIENCE), self._waits


class Phase(NamedTuple):
    """How a request comes to a phase.

    Attributes:
        prepare: Sets the scene; returns the URL and the options.
        waits: What the worker then waits for; None: it waits for nothing.
        kinds: Plain, TLS or both.
        times_out: The `timeout` of a single step ends it too.
    """

    name: str
    prepare: Callable[[Scene], tuple[str, dict[str, Any]]]
    waits: str | None
    kinds: tuple[str, ...] = ("plain", "tls")
    times_out: bool = True


def queued(scene: Scene) -> tuple[str, dict[str, Any]]:
    busy = scene.enter(Server())
    for _ in range(SLOTS):
        busy.play(hold())
    fillers = [UrlRequest(busy.url) for _ in range(SLOTS)]

    def end() -> None:
        for filler in fillers:
            filler.cancel()
        for filler in fillers:
            filler.join(PATIENCE)

    scene.at_end(end)
    scene.server.respond("/", "hello")
    return scene.server.url, {}


def dns(scene: Scene) -> tuple[str, dict[str, Any]]:
    blocked = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> Any:
        blocked.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    scene.monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    scene.at_end(blocked.set)
    return f"{scene.scheme}://slow.test/", {}


def connect(scene: Scene) -> tuple[str, dict[str, Any]]:
    return f"{scene.scheme}://127.0.0.1:{scene.enter(full_port())}/", {}


def handshake(scene: Scene) -> tuple[str, dict[str, Any]]:
    return _mute_tls(scene, hold())


def handshake_trickle(scene: Scene) -> tuple[str, dict[str, Any]]:
    return _mute_tls(scene, trickle(repeat(RECORD), 1, PAUSE))


def _mute_tls(scene: Scene, *steps: Any) -> tuple[str, dict[str, Any]]:
    scene.server = scene.enter(Server())
    scene.play(*steps, read_request=False)
    return scene.server.url.replace("http:", "https:"), {}


def proxy(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(hold())
    return "https://origin.test/", {"proxy_host": "127.0.0.1", "proxy_port": scene.server.port}


def proxy_trickle(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(send(b"HTTP/1.1 200 OK\r\nX: "), trickle(repeat(b"a"), 1, PAUSE))
    return "https://origin.test/", {"proxy_host": "127.0.0.1", "proxy_port": scene.server.port}


def _play_unread(scene: Scene, *steps: Any) -> None:
    # The end of the stream comes behind what the system still has to send, so the server reads that in the end.
    scene.play(receive_head(), *steps, wait_for("over"), wait_closed(), read_request=False)


def sending(scene: Scene) -> tuple[str, dict[str, Any]]:
    _play_unread(scene, send(b"HTTP/1.1 100 Continue\r\n\r\n"))
    return scene.server.url, {"req_body": bytes(32 * 1024 * 1024)}


def sending_chunks(scene: Scene) -> tuple[str, dict[str, Any]]:
    _play_unread(scene)
    return scene.server.url, {"req_body": repeat(bytes(64 * 1024))}


def head(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(hold())
    return scene.server.url, {}


def head_trickle(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(send(b"HTTP/1.1 200 OK\r\nX: "), trickle(repeat(b"a"), 1, PAUSE))
    return scene.server.url, {}


def body(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(send(reply(length=20)), hold())
    return scene.server.url, {}


def body_trickle(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(send(reply(length=10**6)), trickle(repeat(b"a"), 1, PAUSE))
    return scene.server.url, {}


def chunks(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(send(chunked(b"5\r\nhello\r\n")), hold())
    return scene.server.url, {}


def chunk_trickle(scene: Scene) -> tuple[str, dict[str, Any]]:
    scene.play(send(chunked(b"5\r\nhello\r\n")), trickle(repeat(b"1\r\na\r\n"), 1, PAUSE))
    return scene.server.url, {}


PHASES = (
    Phase("queued", queued, None, times_out=False),
    Phase("dns", dns, "resolving"),
    Phase("connect", connect, "connecting to"),
    Phase("handshake", handshake, "TLS handshake", ("tls",)),
    Phase("handshake-trickle", handshake_trickle, "TLS handshake", ("tls",)),
    Phase("proxy", proxy, "waiting for a response", ("plain",)),
    Phase("proxy-trickle", proxy_trickle, "receiving from", ("plain",), times_out=False),
    Phase("sending", sending, "sending to"),
    Phase("sending-chunks", sending_chunks, "sending to"),
    Phase("head", head, "waiting for a response"),
    Phase("head-trickle", head_trickle, "receiving from", times_out=False),
    Phase("body", body, "receiving from"),
    Phase("body-trickle", body_trickle, "receiving from", times_out=False),
    Phase("chunks", chunks, "receiving from"),
    Phase("chunk-trickle", chunk_trickle, "receiving from", times_out=False),
)
