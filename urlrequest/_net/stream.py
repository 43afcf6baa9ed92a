"""NetworkStream: one connected socket, plain or TLS: bytes out, bytes in. It knows nothing of what they mean.

The socket does not block. When a call on it would, the worker sleeps in `CancelScope.wait()`, which ends with the
request (SCOPE-1). Everything here runs on the worker that has the connection, and only that worker closes the socket.

Invariants:
    STREAM-1  No byte that was received is lost: an error or the end of the stream that follows bytes is reported by
              the next call, after those bytes were returned.
    STREAM-2  A call returns as soon as there are bytes. It waits for more only without TLS, and for 1 ms at most.
    STREAM-3  Over TLS the stream has ended as the peer says (close_notify) or was cut; then `cut` is set before b"" is
              returned. It is the same on every Python and OpenSSL, whose errors for a cut differ.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from time import monotonic

from .cancel_scope import READ, WRITE, is_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .cancel_scope import CancelScope

__all__ = ["NetworkStream"]

SEND_SIZE = 1024 * 1024  # bytes passed to the system at a time; it takes as many as it has room for
RECEIVE_SIZE = 64 * 1024  # bytes asked for when the caller does not say how many
QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux
GATHER_SIZE = 512 * 1024  # bytes; `receive_into()` gathers no more
LOOK_INTERVAL = 0.1  # seconds of sending, after which it is looked whether something has come
REFUSED_TIME = 1.0  # seconds without a byte, after which a request that was refused is given up
GATHER_TIME = 0.001  # seconds since `receive_into()` returned last; it waits for more until then


class NetworkStream:
    """A socket as a request uses it.

    It has the few methods that `http.client` calls on a socket, so a connection can have it as its `sock`.

    Attributes:
        scope: Ends the waits: the cancel scope of the present request, which the connection sets.
        peer: Host and port, for messages.
        is_tls: Whether the socket speaks TLS.
        takes_pieces: Whether one call sends several pieces: TLS encrypts them one by one, and Windows has no such call.
        has_received: Whether any byte has come since this was set to False, which the connection does for each request.
        has_acknowledged: The system was asked to acknowledge what has come, since this was set to False likewise.
        sent_size: Bytes that were sent since this was set to 0, which the connection does for each request.
        waits_since: When the wait began with which the next receive goes on; None: it begins then. The connection sets
            it to None for each request.
        cut: Why the stream ended, if it was cut: only TLS tells that from an end. None: it was not.
    """

    has_received: bool
    has_acknowledged: bool

    def __init__(self, sock: socket.socket, scope: CancelScope, peer: str) -> None:
        self.scope = scope
        self.peer = peer
        self._has_peer_finished = False
        self.has_received = self.has_acknowledged = False
        self.sent_size: int = 0
        self.cut: ssl.SSLEOFError | None = None
        self._socket = sock
        self.is_tls: bool = hasattr(sock, "pending")  # such a socket may hold bytes that the system does not know of
        self.takes_pieces: bool = not self.is_tls and hasattr(sock, "sendmsg")
        self._expects_silence = False  # a request has just been sent: the response cannot be here yet
        self._looks_at: float | None = None  # when `send_all()` looks next for what has come; None: not known yet
        self._late_error: OSError | None = None  # came after bytes that had to be returned first
        self._gives_up_at: float | None = None  # when to end the sending side, on `time.monotonic()`
        self._returned_at = 0.0  # when `receive_into()` returned last
        self._unread = b""  # what the next `receive()` returns
        self.waits_since: float | None = None

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
            on_received: Is called now and then with what the peer sends meanwhile, b"" at the end of the stream, and
                returns whether to stop sending (contract 10.5). None: nothing is received meanwhile.
        Returns:
            Whether all was sent; False: `on_received` said stop.
        Raises:
            OSError: The connection broke. RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
        """
        self._looks_at = self._looks_at if self._expects_silence else None  # else a request begins
        self._expects_silence = True
        sock = self._socket
        self.scope.check()
        rest: bytes | bytearray | memoryview = octets if len(octets) <= SEND_SIZE else memoryview(octets)
        while rest:
            if on_received is not None and self._is_time_to_look() and self._is_stopped(on_received):
                return False
            piece = rest if len(rest) <= SEND_SIZE else rest[:SEND_SIZE]
            sent, wanted = 0, WRITE
            try:
                sent = sock.send(piece)
            except (BlockingIOError, ssl.SSLWantWriteError):
                pass
            except ssl.SSLWantReadError:
                wanted = READ
            except OSError as error:
                raise self._send_error(error) from None
            if sent:
                self._count_sent(sent)
                if sent == len(rest):
                    break
                rest = memoryview(rest)[sent:]
                self.scope.check()
                if sent == len(piece) or self.is_tls:
                    continue  # else the system has no room: to try again would cost a call and an exception
            # At its end the stream stays readable for ever, so waiting for that again would be a busy loop.
            interest = wanted | READ if on_received is not None and not self._has_peer_finished else wanted
            ready = self._wait(interest, "sending to")
            if on_received is not None and interest != wanted and ready & READ and self._is_stopped(on_received):
                return False
        return True

    sendall = send_all

    def send_pieces(
        self, pieces: Sequence[bytes | memoryview], on_received: Callable[[bytes], bool] | None = None
    ) -> bool:
        """Send some pieces one after the other, as `send_all()` sends one; without a copy where the system can do that.

        Args:
            pieces: Few, as one call to the system is to take them all.
        """
        if not self.takes_pieces:
            return self.send_all(b"".join(pieces), on_received)
        self.scope.check()
        if on_received is not None and self._is_time_to_look() and self._is_stopped(on_received):
            return False
        sent = 0
        try:
            sent = self._socket.sendmsg(pieces)
        except BlockingIOError:
            pass
        except OSError as error:
            raise self._send_error(error) from None
        self._count_sent(sent)
        if sent == sum(map(len, pieces)):
            return True
        for piece in pieces:
            if sent < len(piece) and not self.send_all(memoryview(piece)[sent:], on_received):
                return False
            sent = max(0, sent - len(piece))
        return True

    def _count_sent(self, size: int) -> None:
        self.sent_size += size
        if self.scope.speed is not None:
            self.scope.speed.count(size)

    def _is_time_to_look(self) -> bool:
        """Whether a peer that reads as quickly as we send, so that no send ever waits, may have said something."""
        now, looks_at = monotonic(), self._looks_at
        is_time = looks_at is not None and now >= looks_at
        if is_time or looks_at is None:
            self._looks_at = now + LOOK_INTERVAL
        return is_time and not self._has_peer_finished

    def _send_error(self, error: OSError) -> OSError:
        from .tls_errors import add_place  # few connections break

        return add_place(error, f"sending to {self.peer}, after {self.sent_size} bytes of the request")

    def _is_stopped(self, on_received: Callable[[bytes], bool]) -> bool:
        received = self._receive_meanwhile()
        return received is not None and on_received(received)

    def _receive_meanwhile(self) -> bytes | None:
        """Return what has come, b"" at the end of the stream; None: nothing but messages of TLS itself."""
        try:
            octets = self._socket.recv(RECEIVE_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            if not self.is_tls:
                raise self._send_error(error) from None
            self._end(error)
            octets = b""
        self.has_received = self.has_received or bool(octets)
        self._has_peer_finished = not octets  # it may still read; if not, the next send raises the error
        return octets

    def give_up_sending(self) -> None:
        """Send nothing more; when the peer is silent for a second, tell it so.

        Not at once: many servers drop the rest of their response when they find the end of what the client sends
        (asyncio closes such a connection by default).
        """
        timeout = self.scope.timeout
        self._gives_up_at = monotonic() + (REFUSED_TIME if timeout is None else min(REFUSED_TIME, timeout / 2))

    def end_sending(self) -> None:
        """Close the sending side: a server that reads a request to its end finds it (RFC 9112, section 9.5).

        Over TLS without close_notify, since a record may have been sent in part.
        """
        self._gives_up_at = None
        with suppress(OSError):  # the peer has closed already
            shut_down = getattr(self._socket, "end_sending", None)
            if shut_down is not None:
                shut_down()
            else:
                # The method of SSLSocket would also end the receiving.
                socket.socket.shutdown(self._socket, socket.SHUT_WR)

    # Without waiting

    def send_now(self, octets: bytes) -> bool:
        """Send bytes if the system takes them at once, in one call; False: it has not taken all of them.

        Raises:
            OSError: The connection broke.
        """
        self._expects_silence = True
        try:
            return self._socket.send(octets) == len(octets)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return False

    def receive_now(self) -> bytes | None:
        """Return the bytes that have come; None: none have. b"": the next `receive()` says what has happened."""
        try:
            octets = self._socket.recv(RECEIVE_SIZE)
            self._has_peer_finished = not octets
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            octets = b""
        except OSError as error:
            self._late_error = error.with_traceback(None)
            octets = b""
        if octets:
            self.has_received = True
        self._expects_silence = False  # a close_notify that was read makes the socket readable no more
        return octets

    def unread(self, octets: bytes, since: float) -> None:
        """Let the next `receive()` return bytes that were received before.

        Args:
            since: When the present wait began, on `time.monotonic()`: it is one step with what follows.
        """
        self._unread, self.waits_since = octets, since

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing comes within so many seconds. Then the step that waits for it has begun.

        Returns:
            False also where the next call is not to wait only: it finds the end, raises an error, or looks after a
            speed.
        Raises:
            RequestCancelled, DeadlineExceeded: From the scope.
        """
        scope, since = self.scope, self.waits_since or monotonic()
        scope.check()
        is_due = scope.timeout is not None and monotonic() >= since + scope.timeout
        if is_due or scope.speed is not None or self._late_error is not None or self._gives_up_at is not None:
            return False
        if self._has_peer_finished:  # a close_notify that was read makes the socket readable no more
            return False
        until = monotonic() + seconds
        descriptor = self._socket.fileno()
        while True:
            if (self.is_tls and self._socket.pending()) or is_ready(descriptor):  # type: ignore[attr-defined]  # as above
                return False
            if monotonic() >= until:
                self.waits_since = since
                return True
            scope.wait({descriptor: READ}, until, "", is_pause=True)

    # Receiving

    def receive(self, size: int = RECEIVE_SIZE) -> bytes:
        """Return the next bytes, as soon as there are any; b"" at the end of the stream.

        Raises:
            OSError: The connection broke; over TLS that is an end, see `cut`.
            RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
        """
        if self._expects_silence:
            # After a request, sleep at once: a recv() first would find nothing and cost a system call.
            self._expects_silence = False
            is_here = self.is_tls and self._socket.pending()  # type: ignore[attr-defined]  # an SSLSocket
            if not (is_here or self._has_peer_finished):
                self._wait(READ, "waiting for a response from")
        else:
            self.scope.check()
        if self._unread:
            octets, self._unread = self._unread, b""
            return octets
        while self._late_error is None:
            try:
                octets = self._socket.recv(size)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait_for_rest()
            except ssl.SSLWantWriteError:
                self._wait(WRITE, "receiving from")
            except OSError as error:
                self._end(error)
                return b""
            else:
                self.has_received = self.has_received or bool(octets)  # the end of the stream is no byte
                self._has_peer_finished = not octets
                self.waits_since = None  # the step is over
                if self.scope.speed is not None:
                    self.scope.speed.count(len(octets))
                return octets
        self._end_late()
        return b""

    def receive_into(self, room: memoryview) -> int:
        """Receive the next bytes into `room`, and return their number; 0 at the end of the stream.

        Raises:
            Exception: As `receive()`.
        """
        self.scope.check()
        if self._late_error is not None:
            self._end_late()
            return 0
        while True:
            try:
                received = self._socket.recv_into(room, len(room))  # an SSLSocket takes long to find the size
                break
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait_for_rest()
            except ssl.SSLWantWriteError:
                self._wait(WRITE, "receiving from")
            except OSError as error:
                self._end(error)
                return 0
        self.waits_since = None  # the step is over
        if received:
            received = self._gather(room, received)
            if self.scope.speed is not None:
                self.scope.speed.count(received)
        self._returned_at = monotonic()
        return received

    def _wait_for_rest(self) -> None:
        """Wait for more of a response, which may be held back until what has come is acknowledged.

        A server that sends head and body apart, with Nagle's algorithm, waits for that; and a system that expects to
        send on the same connection itself waits with it, some 40 ms (measured with gevent, WEBrick and http.server).
        """
        if self.has_received and not self.has_acknowledged:
            self.acknowledge()
        self._wait(READ, "receiving from")

    def acknowledge(self) -> None:
        """Ask the system to acknowledge at once what has come; see `_wait_for_rest()`."""
        self.has_acknowledged = True
        if QUICKACK is not None:
            with suppress(OSError):  # no connection over TCP
                self._socket.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)

    def _gather(self, room: memoryview, received: int) -> int:
        """Receive more of what is here already, and without TLS also of what comes in the next moment.

        One call brings little: a record of TLS, or what the system has just received. But to pass bytes on to another
        thread costs as much as receiving 200 KiB (measured: 20 us).
        """
        enough = min(len(room), GATHER_SIZE)
        until = self._returned_at + GATHER_TIME  # in the past for a slow stream, whose bytes are returned as they come
        while received < enough:
            try:
                with room[received:] as rest:  # a view that a traceback holds would keep the memory from being freed
                    count = self._socket.recv_into(rest, len(rest))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if self.is_tls or monotonic() >= until:
                    break
                self._wait_for_more(enough - received, until)
                continue
            except OSError as error:
                self._late_error = error.with_traceback(None)
                break
            if not count:
                self._has_peer_finished = True
                break  # the next call finds the end again
            received += count
        return received

    def _wait_for_more(self, octets: int, until: float) -> None:
        """Sleep until so many bytes are here, or `until`; where the system cannot count them, until the first is."""
        self._set_low_water_mark(octets)
        try:
            self.scope.wait({self._socket.fileno(): READ}, until, "", is_pause=True)
        finally:
            self._set_low_water_mark(1)

    def _set_low_water_mark(self, octets: int) -> None:
        """Let the socket count as readable only when so many bytes are here."""
        with suppress(OSError):  # Windows has no such option, and other systems refuse it once the peer has gone
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, octets)

    def _end_late(self) -> None:
        """As `_end()`, of the error that came after bytes which were returned first: most systems report it once."""
        error, self._late_error = self._late_error, None
        assert error is not None, "the caller has looked"
        self._end(error)

    def _end(self, error: OSError) -> None:
        """Note that TLS was cut, if that is what an error from receiving means; else raise it (STREAM-3)."""
        from .tls_errors import add_place, cut_error, is_cut, receive_error  # few connections break

        if not self.is_tls:
            raise add_place(error, f"receiving from {self.peer}")
        if not is_cut(error):
            raise receive_error(error, self.peer)
        self.cut = cut_error(error, f"the TLS connection to {self.peer}")

    def _wait(self, wanted: int, what: str) -> int:
        descriptor = self._socket.fileno()
        until = self.scope.step_end()
        if self.waits_since is not None:
            since, self.waits_since = self.waits_since, None
            until = None if self.scope.timeout is None else since + self.scope.timeout
        while True:
            if self._gives_up_at is not None:
                ready = self.scope.wait({descriptor: wanted}, self._gives_up_at, "", is_pause=True)
                if ready:
                    self.give_up_sending()
                    return ready[descriptor]
                if monotonic() < self._gives_up_at:
                    continue
                self.end_sending()
            step = f"{what} {self.peer}"
            if self.scope.speed is None:
                ready = self.scope.wait({descriptor: wanted}, until, step)
            else:
                ready = self.scope.wait_for_transfer({descriptor: wanted}, until, step)
            if ready:
                return ready[descriptor]

    def receive_until(self, until: float) -> bytes | None:
        """As `receive()`, but return None when nothing has come by `until`. Session tickets of TLS are nothing."""
        while True:
            try:
                octets = self._socket.recv(RECEIVE_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                wanted = READ
            except ssl.SSLWantWriteError:
                wanted = WRITE
            except OSError as error:
                self._end(error)
                return b""
            else:
                self.has_received = self.has_received or bool(octets)
                self._has_peer_finished = not octets
                return octets
            if monotonic() >= until:
                return None
            self.scope.wait({self._socket.fileno(): wanted}, until, "100 Continue", is_pause=True)

    def await_readable(self, until: float) -> bool:
        """Watch a connection that is idle: sleep until it is readable, or `until`; return whether it is.

        Raises:
            RequestCancelled, DeadlineExceeded: From the scope.
        """
        while not self.is_readable():
            if monotonic() >= until:
                return False
            self.scope.wait({self._socket.fileno(): READ}, until, "an idle connection", is_pause=True)
        return True

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate of the other side in DER; None without TLS."""
        read = getattr(self._socket, "getpeercert", None)
        certificate: bytes | None = None if read is None else read(True)
        return certificate

    @property
    def tls_session(self) -> Any:
        """The TLS session, which a later connection may resume; None without TLS, or without memory for a copy."""
        try:
            return getattr(self._socket, "session", None)
        except ValueError:  # "d2i() failed", which is what Python says then
            return None

    @property
    def is_tls_resumed(self) -> bool:
        """Whether the server has resumed the TLS session of an earlier connection."""
        return getattr(self._socket, "session_reused", None) is True

    def is_readable(self) -> bool:
        """Whether bytes have come or the peer has closed. A connection that is idle and readable cannot be used."""
        has_pending = self.is_tls and self._socket.pending() > 0  # type: ignore[attr-defined]  # an SSLSocket
        if not has_pending and not is_ready(self._socket.fileno()):
            return False
        if not self.is_tls:
            return True
        try:
            self._socket.recv(1)  # reads a session ticket of TLS 1.3, which is no byte for us
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True
        return True
