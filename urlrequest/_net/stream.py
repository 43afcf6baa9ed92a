"""NetworkStream: one connected socket, plain or TLS, that a request reads and writes.

The socket is non-blocking. Whenever a call on it would block, the worker sleeps in `CancelScope.wait()`, which ends
with the request (invariant N there). Everything here runs on the worker that has the connection; only it closes the
socket.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from time import monotonic

from .cancel_scope import READ, WRITE, is_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .cancel_scope import CancelScope

__all__ = ["NetworkStream"]

SEND_SIZE = 256 * 1024  # octets handed to the system at a time
RECEIVE_SIZE = 64 * 1024  # octets asked for when the size is not known
GATHER_SIZE = 512 * 1024  # octets of a body that are enough to be handed on
GATHER_TIME = 0.001  # seconds from one hand-over to the next, if that has less


class NetworkStream:
    """A socket as a request uses it.

    It has the few methods that `http.client` calls on a socket, so it can stand in a connection's `sock`.

    Attributes:
        scope: Whose cancel and time limits hold for the next wait; the connection sets it for each request.
        peer: Host and port, for messages.
        has_received: Something has come since the stream was told to expect an answer.
    """

    def __init__(self, sock: socket.socket, scope: CancelScope, peer: str) -> None:
        self.scope = scope
        self.peer = peer
        self._has_peer_finished = False
        self.has_received = False
        self._socket = sock
        self._is_tls = hasattr(sock, "pending")  # such a socket may hold bytes that the system does not know of
        self._expects_silence = False  # a request has just been sent: the answer cannot be here yet
        self._late_error: OSError | None = None
        self._handed_on = 0.0  # when `receive_into()` returned last

    def fileno(self) -> int:
        return self._socket.fileno()

    def getpeername(self) -> Any:
        return self._socket.getpeername()

    def close(self) -> None:
        self._socket.close()

    # Sending

    def send_all(
        self, octets: bytes | bytearray | memoryview, on_received: Callable[[bytes], bool] | None = None
    ) -> bool:
        """Send bytes.

        Args:
            on_received: Is called with what the peer sends meanwhile, b"" at the end of the stream; returns whether to
                stop sending (contract 10.5). None: nothing is received meanwhile.
        Returns:
            Whether all was sent; False: `on_received` has stopped it.
        Raises:
            OSError: The connection broke. RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
        """
        self._expects_silence = True
        sock = self._socket
        self.scope.check()
        rest: bytes | bytearray | memoryview = octets if len(octets) <= SEND_SIZE else memoryview(octets)
        while rest:
            try:
                sent = sock.send(rest if len(rest) <= SEND_SIZE else rest[:SEND_SIZE])
            except (BlockingIOError, ssl.SSLWantWriteError):
                wanted = WRITE
            except ssl.SSLWantReadError:
                wanted = READ
            else:
                if sent == len(rest):
                    break
                rest = memoryview(rest)[sent:]
                self.scope.check()
                continue
            # The end of the stream would be ready to be read for ever.
            interest = wanted | READ if on_received is not None and not self._has_peer_finished else wanted
            ready = self._wait(interest, "sending to")
            if on_received is not None and interest != wanted and ready & READ:
                received = self._receive_meanwhile()
                if received is not None and on_received(received):
                    return False
        return True

    sendall = send_all

    def _receive_meanwhile(self) -> bytes | None:
        """Return what has come, b"" at the end of the stream; None: only messages of TLS itself."""
        try:
            octets = self._socket.recv(RECEIVE_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        self.has_received = self.has_received or bool(octets)
        self._has_peer_finished = not octets  # it may still read; if it does not, the next send raises the error
        return octets

    # Receiving

    def receive(self, size: int = RECEIVE_SIZE) -> bytes:
        """Return the next octets, as soon as there are some; b"" at the end of the stream.

        Raises:
            OSError: The connection broke; over TLS also when it ended without notice (close_notify).
            RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
        """
        if self._expects_silence:
            # Sleep at once after a request: trying to read first would only cost a system call.
            self._expects_silence = False
            if not (self._is_tls and self._socket.pending()):  # type: ignore[attr-defined]  # an SSLSocket
                self._wait(READ, "waiting for an answer from")
        else:
            self.scope.check()
        if self._late_error is not None:
            self._raise_late_error()
        while True:
            try:
                octets = self._socket.recv(size)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(READ, "receiving from")
            except ssl.SSLWantWriteError:
                self._wait(WRITE, "receiving from")
            else:
                if octets:  # the end of the stream is no answer
                    self.has_received = True
                return octets

    def receive_into(self, room: memoryview) -> int:
        """Put the next octets into `room`; the number of octets, 0 at the end of the stream. Raises as `receive()`."""
        self.scope.check()
        if self._late_error is not None:
            self._raise_late_error()
        while True:
            try:
                received = self._socket.recv_into(room)
                break
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(READ, "receiving from")
            except ssl.SSLWantWriteError:
                self._wait(WRITE, "receiving from")
        if received:
            received = self._gather(room, received)
        self._handed_on = monotonic()
        return received

    def _gather(self, room: memoryview, received: int) -> int:
        """Receive more of what is here already, and without TLS of what comes in a moment.

        To hand octets to another thread costs as much as receiving 200 KiB (measured: 20 us), and what a call brings is
        a record of TLS, or what the system has just received.
        """
        enough = min(len(room), GATHER_SIZE)
        until = self._handed_on + GATHER_TIME  # a slow stream is handed on as it comes
        while received < enough:
            try:
                with room[received:] as rest:  # a view left in a traceback would keep the memory from being let go
                    count = self._socket.recv_into(rest)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if self._is_tls or monotonic() >= until:
                    break
                self._wait_for_more(enough - received, until)
                continue
            except OSError as error:
                self._late_error = error.with_traceback(None)
                break
            if not count:
                break  # it is told again
            received += count
        return received

    def _wait_for_more(self, octets: int, until: float) -> None:
        """Sleep until so many octets are here, or `until`; where the system cannot count them, until the first is."""
        self._wake_at(octets)
        try:
            self.scope.wait({self._socket.fileno(): READ}, until, "", is_pause=True)
        finally:
            self._wake_at(1)

    def _wake_at(self, octets: int) -> None:
        with suppress(OSError):  # Windows has no such option, and others refuse it when the peer has gone
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, octets)

    def _raise_late_error(self) -> None:
        """Raise what came behind octets that had to be handed on first: most systems tell of it only once."""
        error, self._late_error = self._late_error, None
        assert error is not None, "that is what it is called for"
        raise error

    def _wait(self, wanted: int, what: str) -> int:
        descriptor = self._socket.fileno()
        until = self.scope.step_end()
        while True:
            ready = self.scope.wait({descriptor: wanted}, until, f"{what} {self.peer}")
            if ready:
                return ready[descriptor]

    def receive_until(self, until: float) -> bytes | None:
        """As `receive()`; but None when nothing has come by then, where session tickets of TLS are nothing."""
        while True:
            try:
                octets = self._socket.recv(RECEIVE_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                wanted = READ
            except ssl.SSLWantWriteError:
                wanted = WRITE
            else:
                self.has_received = self.has_received or bool(octets)
                return octets
            if monotonic() >= until:
                return None
            self.scope.wait({self._socket.fileno(): wanted}, until, "100 Continue", is_pause=True)

    @property
    def tls_session(self) -> Any:
        """What a later connection may resume; None without TLS."""
        return getattr(self._socket, "session", None)

    def is_readable(self) -> bool:
        """Whether something has arrived, or the peer has closed: an idle connection like that is dead."""
        has_pending = self._is_tls and self._socket.pending() > 0  # type: ignore[attr-defined]  # an SSLSocket
        if not has_pending and not is_ready(self._socket.fileno()):
            return False
        if not self._is_tls:
            return True
        try:
            self._socket.recv(1)  # a session ticket of TLS 1.3 is no answer
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True
        return True
