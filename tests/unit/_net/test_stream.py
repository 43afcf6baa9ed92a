"""NetworkStream: gathering and what may not be lost by it; what comes while sending."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from urlrequest._concurrency.deadline import Deadline
from urlrequest._net import stream as stream_module
from urlrequest._net.cancel_scope import READ, WRITE, CancelScope
from urlrequest._net.low_speed import SpeedLimit
from urlrequest._net.stream import NetworkStream
from urlrequest.errors import DeadlineExceeded, RequestCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class ScriptedSocket:
    """A socket that follows a script, one step a call. Its descriptor is always ready to be read."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.low_water_marks: list[int] = []
        self.acknowledgements = 0  # how often the system was asked for one
        self.refuses_options = False
        self.on_block: Callable[[], object] = lambda: None
        self._near, self._far = socket.socketpair()
        self._far.send(b"!")

    def fileno(self) -> int:
        return self._near.fileno()

    def calm(self) -> None:
        """Be ready to be read no more."""
        self._near.recv(1)

    def close(self) -> None:
        self._near.close()
        self._far.close()

    def _next(self) -> bytes:
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            self.on_block()
            raise step
        assert isinstance(step, bytes), step
        return step

    def recv_into(self, room: memoryview, _size: int) -> int:
        octets = self._next()
        room[: len(octets)] = octets
        return len(octets)

    def recv(self, _size: int) -> bytes:
        return self._next()

    def send(self, octets: bytes) -> int:
        self._next()
        return len(octets)

    def pending(self) -> int:
        return 0

    def setsockopt(self, level: int, option: int, octets: int) -> None:
        if (socket.IPPROTO_TCP, stream_module.QUICKACK) == (level, option):
            self.acknowledgements += octets
            return
        assert (socket.SOL_SOCKET, socket.SO_RCVLOWAT) == (level, option)
        if self.refuses_options:
            raise OSError(errno.ENOPROTOOPT, "there is no such option")
        self.low_water_marks.append(octets)


@pytest.fixture
def open_stream() -> Iterator[Callable[..., NetworkStream]]:
    """Make a stream of a script; it gathers, as over TLS."""
    streams = []

    def opened(*steps: Any, is_tls: bool = True) -> NetworkStream:
        sock: Any = ScriptedSocket(*steps)
        streams.append(NetworkStream(sock, CancelScope(), "host:80"))
        streams[-1].is_tls = is_tls
        return streams[-1]

    yield opened
    for stream in streams:
        stream.close()
        stream.scope.release()


def receive(stream: NetworkStream, size: int = 64) -> bytes:
    room = bytearray(size)
    with memoryview(room) as view:
        count = stream.receive_into(view)
    return bytes(room[:count])


@pytest.mark.skipif(stream_module.QUICKACK is None, reason="no such option")
def test_rest_of_a_response_is_asked_for(open_stream: Callable[..., NetworkStream]) -> None:
    """What has come is acknowledged at once when more of a response is waited for, once for each response."""
    rest = BlockingIOError(), b"rest", BlockingIOError()
    stream = open_stream(b"head", BlockingIOError(), b"body", BlockingIOError(), b"more", *rest)
    assert [b"head", b"body", b"more"] == [stream.receive() for _ in range(3)]
    assert 1 == stream._socket.acknowledgements  # type: ignore[attr-defined]  # a scripted one
    stream.has_acknowledged = False
    assert b"rest" == receive(stream)
    assert 2 == stream._socket.acknowledgements  # type: ignore[attr-defined]  # likewise


def test_whole_response_needs_no_acknowledgement(open_stream: Callable[..., NetworkStream]) -> None:
    """A response is waited for without asking for anything: nothing has come that could be acknowledged."""
    stream = open_stream(BlockingIOError(), b"response")
    assert b"response" == stream.receive()
    assert 0 == stream._socket.acknowledgements  # type: ignore[attr-defined]  # a scripted one


NOT_YET = [BlockingIOError(), ssl.SSLWantReadError(), ssl.SSLWantWriteError()]


@pytest.mark.parametrize("nothing", NOT_YET)
def test_what_is_there_is_gathered(open_stream: Callable[..., NetworkStream], nothing: Exception) -> None:
    """Contract 5.3: what lies ready is received in one go, up to the point where the next call would block."""
    stream = open_stream(b"ab", b"cd", nothing, b"never")
    assert b"abcd" == receive(stream)


def test_a_full_room_ends_it(open_stream: Callable[..., NetworkStream]) -> None:
    """Nothing is received beyond the room that was lent."""
    stream = open_stream(b"ab", b"cd", b"ef")
    assert b"abcd" == receive(stream, 4)
    assert b"ef" == receive(stream, 2)


def test_enough_is_enough(open_stream: Callable[..., NetworkStream], monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that never pauses is handed on all the same."""
    monkeypatch.setattr(stream_module, "GATHER_SIZE", 4)
    stream = open_stream(b"ab", b"cde", b"f", BlockingIOError())
    assert b"abcde" == receive(stream)
    assert b"f" == receive(stream)


def test_17_2_a_slow_stream_is_returned_at_as_it_comes(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 17.2: octets that come a while after the last ones wait for no others."""
    stream = open_stream(b"ab", BlockingIOError(), b"never", is_tls=False)
    stream._returned_at -= 1.0
    assert b"ab" == receive(stream)


@pytest.fixture
def long_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes in a moment comes within half a minute, so that no slow machine matters."""
    monkeypatch.setattr(stream_module, "GATHER_TIME", 30.0)


@pytest.mark.usefixtures("long_moment")
def test_a_fast_stream_is_gathered(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 5.3: without TLS, what comes in a moment after the last hand-over is handed on together."""
    stream = open_stream(b"ab", b"cd", BlockingIOError(), b"e", BlockingIOError(), b"fgh", is_tls=False)
    assert b"ab" == receive(stream, 2)
    assert b"cdefgh" == receive(stream, 6)


@pytest.mark.usefixtures("long_moment")
def test_a_wait_for_more_is_for_what_is_missing(open_stream: Callable[..., NetworkStream]) -> None:
    """Nobody is woken for less than what is waited for; afterwards for any octet again."""
    stream = open_stream(b"ab", b"cd", BlockingIOError(), b"efgh", is_tls=False)
    receive(stream, 2)
    receive(stream, 6)

    assert [4, 1] == stream._socket.low_water_marks  # type: ignore[attr-defined]  # a ScriptedSocket


@pytest.mark.usefixtures("long_moment")
def test_a_system_that_cannot_count(open_stream: Callable[..., NetworkStream]) -> None:
    """Where the option is refused, the first octet ends the wait, and no more is lost than time."""
    stream = open_stream(b"ab", b"cd", BlockingIOError(), b"ef", is_tls=False)
    stream._socket.refuses_options = True  # type: ignore[attr-defined]
    receive(stream, 2)
    assert b"cdef" == receive(stream, 4)


@pytest.mark.usefixtures("long_moment")
def test_7_1_a_cancel_while_more_is_awaited(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 7.1: a cancel ends this wait as any other, and the socket is left as it was."""
    stream = open_stream(b"ab", b"cd", BlockingIOError(), is_tls=False)
    receive(stream, 2)
    stream._socket.on_block = stream.scope.cancel  # type: ignore[attr-defined]
    with pytest.raises(RequestCancelled):
        receive(stream)

    assert 1 == stream._socket.low_water_marks[-1]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("long_moment")
def test_11_3_the_end_ends_the_wait_for_more() -> None:
    """Contract 11.3: a peer that closes is noticed at once, however much less it sent than was waited for."""
    near, far = socket.socketpair()
    near.setblocking(False)
    stream = NetworkStream(near, CancelScope(), "host:80")
    far.send(b"ab")
    assert b"ab" == receive(stream, 2)
    far.send(b"cd")
    closing = threading.Timer(0.05, far.close)
    closing.start()

    assert b"cd" == receive(stream)
    assert b"" == receive(stream)
    closing.join()
    stream.close()
    stream.scope.release()


def test_11_3_the_end_comes_after_what_was_gathered(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 11.3: the end of the stream is reported after the octets before it, by a call of its own."""
    stream = open_stream(b"ab", b"", b"")
    assert b"ab" == receive(stream)
    assert b"" == receive(stream)


@pytest.mark.parametrize("read", [receive, NetworkStream.receive], ids=["into", "new"])
def test_an_error_comes_after_what_was_gathered(
    open_stream: Callable[..., NetworkStream], read: Callable[[NetworkStream], bytes]
) -> None:
    """Octets that came before a reset are not lost, and the reset is not either, however the next are read."""
    stream = open_stream(b"ab", ConnectionResetError("reset"), b"cd", BlockingIOError(), is_tls=False)
    assert b"ab" == receive(stream)
    with pytest.raises(ConnectionResetError, match="reset"):
        read(stream)
    assert b"cd" == receive(stream, 2)  # it is reported once


def plain_error() -> ssl.SSLError:
    """What Python 3.11.2 raises when TLS is cut."""
    error = ssl.SSLError(1, "[SSL: UNEXPECTED_EOF_WHILE_READING] unexpected eof while reading")
    error.reason = "UNEXPECTED_EOF_WHILE_READING"
    return error


CUTS = {
    "3.11.7": ssl.SSLEOFError(8, "EOF occurred"),
    "3.11.2": plain_error(),
    "3.13": ConnectionResetError(104, "reset"),
}
READS: dict[str, Callable[[NetworkStream], bytes | None]] = {
    "into": receive,
    "new": NetworkStream.receive,
    "until": lambda stream: stream.receive_until(0.0),
    "meanwhile": NetworkStream._receive_meanwhile,
}


@pytest.mark.parametrize("error", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_11_3_a_cut_of_tls(
    open_stream: Callable[..., NetworkStream], read: Callable[[NetworkStream], bytes | None], error: OSError
) -> None:
    """STREAM-3: whatever error an interpreter has for a cut, the stream ends, and says by one type that it was cut."""
    stream = open_stream(error)

    assert stream.cut is None
    assert b"" == read(stream)
    assert ssl.SSLEOFError is type(stream.cut)
    assert "the TLS connection to host:80 ended without notice (close_notify)" in str(stream.cut)


@pytest.mark.parametrize("error", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("read", [receive, NetworkStream.receive], ids=["into", "new"])
def test_11_3_a_cut_of_tls_after_bytes(
    open_stream: Callable[..., NetworkStream], read: Callable[[NetworkStream], bytes], error: OSError
) -> None:
    """STREAM-1, STREAM-3: bytes that came before a cut are not lost, and the cut is not either."""
    stream = open_stream(b"ab", error)

    assert b"ab" == receive(stream)
    assert stream.cut is None
    assert b"" == read(stream)
    assert stream.cut is not None


def test_11_3_an_end_of_tls_is_no_cut(open_stream: Callable[..., NetworkStream]) -> None:
    """STREAM-3: after close_notify nothing was cut."""
    stream = open_stream(b"")

    assert b"" == receive(stream)
    assert stream.cut is None


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_16_3_other_errors_of_tls_name_the_peer(
    open_stream: Callable[..., NetworkStream], read: Callable[[NetworkStream], bytes | None]
) -> None:
    """Contract 16.1, 16.3: what is no cut stays the error that it is, and says from whom."""
    error = ssl.SSLError(1, "[SSL: SSLV3_ALERT_BAD_RECORD_MAC] bad record mac")
    with pytest.raises(ssl.SSLError, match=r"receiving from host:80: \[SSL: SSLV3_ALERT_BAD_RECORD_MAC\]") as caught:
        read(open_stream(error))

    assert error is caught.value


def test_a_late_error_holds_no_room(open_stream: Callable[..., NetworkStream]) -> None:
    """An error that is kept for later does not keep the sink's memory."""
    room = bytearray(8)
    stream = open_stream(b"ab", ConnectionResetError("reset"))
    with memoryview(room) as view:
        stream.receive_into(view)
    room.clear()  # BufferError while somebody has a view
    assert not room


# What comes while sending


# Whether anything comes


@pytest.fixture
def ends() -> Iterator[tuple[NetworkStream, socket.socket]]:
    """A stream, and the socket at its other end."""
    near, far = socket.socketpair()
    near.setblocking(False)
    stream = NetworkStream(near, CancelScope(timeout=5.0), "peer:80")
    yield stream, far
    stream.scope.release()
    stream.close()
    far.close()


def test_streaming_1_nothing_comes(ends: tuple[NetworkStream, socket.socket]) -> None:
    """STREAMING-1: the step has begun by then, and goes on for as long as nothing comes; what comes ends it."""
    stream, far = ends
    assert stream.is_silent(0.0)
    began = stream.waits_since
    assert began is not None
    assert stream.is_silent(0.001)
    assert began == stream.waits_since
    far.send(b"x")
    assert not stream.is_silent(0.0)
    assert b"x" == stream.receive()
    assert stream.waits_since is None
    assert stream.is_silent(0.0)
    assert stream.waits_since > began


def test_15_1_a_step_that_is_over_is_no_silence(ends: tuple[NetworkStream, socket.socket]) -> None:
    """Contract 15.1: who waits next raises the error."""
    stream, _ = ends
    assert stream.is_silent(0.0)
    assert stream.waits_since is not None
    stream.waits_since -= 5.0

    assert not stream.is_silent(0.0)
    with pytest.raises(TimeoutError, match=r"receiving from peer:80 timed out after 5 s"):
        stream.receive()


def test_15_1_a_step_ends_with_what_was_received(ends: tuple[NetworkStream, socket.socket]) -> None:
    """Contract 15.1: what a thread has waited before, for bytes that are here by now, does not count for the next."""
    stream, far = ends
    for receive_some in (stream.receive, lambda: stream.receive_into(memoryview(bytearray(10)))):
        stream.unread(b"", since=0.0)  # long ago
        far.send(b"x")
        receive_some()
        assert stream.waits_since is None


@pytest.mark.parametrize("reason", [RequestCancelled, DeadlineExceeded])
def test_7_4_silence_is_no_way_out(ends: tuple[NetworkStream, socket.socket], reason: type[Exception]) -> None:
    """Contract 7.4, 15.2: a request that is cancelled or out of time ends here."""
    stream, _ = ends
    if reason is RequestCancelled:
        stream.scope.cancel()
    else:
        stream.scope.deadline = Deadline(0.0)
    with pytest.raises(reason):
        stream.is_silent(0.0)


def test_15_6_a_speed_is_looked_after(ends: tuple[NetworkStream, socket.socket]) -> None:
    """Contract 15.6: a worker counts the seconds of a slow transfer, so it stays."""
    stream, _ = ends
    stream.scope.speed = SpeedLimit(1, 10.0)

    assert not stream.is_silent(0.0)


def test_the_end_is_no_silence(
    open_stream: Callable[..., NetworkStream], ends: tuple[NetworkStream, socket.socket]
) -> None:
    """The end of the stream comes like bytes, and so does an error that was kept for the next call."""
    stream, far = ends
    far.close()
    assert not stream.is_silent(0.0)
    late = open_stream(b"x", ConnectionResetError(errno.ECONNRESET, "reset"))
    receive(late)
    assert not late.is_silent(0.0)


def test_11_3_an_end_of_tls_that_was_read_is_no_silence(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 11.3: a close_notify that was read along with bytes makes the socket readable no more."""
    gathered = open_stream(b"x", b"", b"")
    assert b"x" == receive(gathered)
    gathered._socket.calm()  # type: ignore[attr-defined]  # a scripted one
    assert not gathered.is_silent(0.0)
    assert b"" == receive(gathered)


@pytest.mark.parametrize(
    "read",
    [
        NetworkStream._receive_meanwhile,
        NetworkStream.receive,
        NetworkStream.receive_now,
        lambda stream: stream.receive_until(inf),
    ],
    ids=["sending", "receive", "now", "until"],
)
def test_11_3_an_end_of_tls_that_came_early_is_no_silence(
    open_stream: Callable[..., NetworkStream], read: Callable[[NetworkStream], bytes | None]
) -> None:
    """Contract 11.3: likewise one that was read before the response was, or on another thread."""
    stream = open_stream(b"x", b"")
    assert b"x" == read(stream)
    assert b"" == read(stream)
    stream._socket.calm()  # type: ignore[attr-defined]  # a scripted one
    assert not stream.is_silent(0.0)


def test_11_3_an_end_of_tls_while_sending_is_not_waited_for(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 11.3: who reads on after a request, as in a body that was begun meanwhile, finds the end at once."""
    stream = open_stream(b"sent", b"")
    assert stream.send_all(b"request")
    assert b"" == stream._receive_meanwhile()
    stream._socket.calm()  # type: ignore[attr-defined]  # a scripted one
    stream._socket.steps.append(b"")  # type: ignore[attr-defined]  # likewise
    stream.scope.timeout = 0.0
    assert b"" == stream.receive()


# How much the system takes


class NarrowSocket:
    """A plain socket, or one that stands for TLS. The system takes so many bytes with each call; 0: it has no room.

    Attributes:
        taken: What each call has sent.
    """

    def __init__(self, sock: socket.socket, *room: int) -> None:
        self.room = list(room)
        self.taken: list[bytes] = []
        self._socket = sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, octets: bytes | memoryview) -> int:
        part = bytes(octets[: self.room.pop(0) if self.room else None])
        if not part:
            raise BlockingIOError
        self.taken.append(part)
        return len(part)

    def sendmsg(self, pieces: Sequence[bytes | memoryview]) -> int:
        return self.send(b"".join(pieces))


Narrow: TypeAlias = "Callable[..., tuple[NetworkStream, NarrowSocket, list[int]]]"


@pytest.fixture
def narrow(ends: tuple[NetworkStream, socket.socket], monkeypatch: pytest.MonkeyPatch) -> Narrow:
    """Makes a stream over a narrow socket; returns both, and what the stream waits for."""
    stream, waits = ends[0], list[int]()
    wait = stream._wait

    def noting(wanted: int, what: str) -> int:
        waits.append(wanted)
        return wait(wanted, what)

    def make(*room: int) -> tuple[NetworkStream, NarrowSocket, list[int]]:
        sock = NarrowSocket(stream._socket, *room)
        monkeypatch.setattr(stream, "_socket", sock)
        monkeypatch.setattr(stream, "_wait", noting)
        return stream, sock, waits

    return make


def test_a_system_that_has_taken_a_part_has_no_room(narrow: Narrow) -> None:
    """It is waited for, not asked again: that would cost a call and an exception."""
    stream, sock, waits = narrow(3, 1)

    assert stream.send_all(b"request")
    assert [b"req", b"u", b"est"] == sock.taken
    assert [WRITE, WRITE] == waits


def test_tls_takes_a_record_at_a_time(narrow: Narrow) -> None:
    """There may be room for the next one."""
    stream, sock, waits = narrow(3, 1)
    stream.is_tls = True

    assert stream.send_all(b"request")
    assert [b"req", b"u", b"est"] == sock.taken
    assert [] == waits


def test_a_large_piece_is_passed_on_in_parts(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be room for the next part as well."""
    monkeypatch.setattr(stream_module, "SEND_SIZE", 4)
    stream, sock, waits = narrow(4, 2)

    assert stream.send_all(b"a request")
    assert [b"a re", b"qu", b"est"] == sock.taken
    assert [WRITE] == waits


@pytest.mark.parametrize("taken", range(8))
def test_pieces_are_sent_as_one(narrow: Narrow, taken: int) -> None:
    """Wherever the system stops, the rest follows from there, and all is counted."""
    stream, sock, _ = narrow(taken)

    assert stream.send_pieces([b"3\r\n", memoryview(b"a"), b"bc"])
    assert b"3\r\nabc" == b"".join(sock.taken)
    assert 6 == stream.sent_size


def test_pieces_are_sent_by_one_call(narrow: Narrow) -> None:
    """Where the system has room for them, which it has nearly always."""
    stream, sock, waits = narrow()

    assert stream.send_pieces([b"3\r\n", b"abc", b"\r\n"])
    assert [b"3\r\nabc\r\n"] == sock.taken
    assert [] == waits


def test_pieces_are_joined_for_tls(ends: tuple[NetworkStream, socket.socket]) -> None:
    """It encrypts one after the other, and would send a record for each; an SSLSocket has the other method in vain."""

    class TlsSocket(NarrowSocket):
        def pending(self) -> int:
            return 0

        def sendmsg(self, pieces: Sequence[bytes | memoryview]) -> int:
            raise NotImplementedError

    sock: Any = TlsSocket(ends[1])
    stream = NetworkStream(sock, CancelScope(), "peer:443")

    assert stream.send_pieces([b"3\r\n", b"abc", b"\r\n"])
    assert [b"3\r\nabc\r\n"] == sock.taken


def test_7_1_pieces_of_a_cancelled_request(narrow: Narrow) -> None:
    """Contract 7.1: none is sent."""
    stream, sock, _ = narrow()
    stream.scope.cancel()
    with pytest.raises(RequestCancelled):
        stream.send_pieces([b"a", b"b"])

    assert [] == sock.taken


def test_10_5_pieces_after_a_refusal(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: a peer that takes all at once is listened to as well, from time to time."""
    monkeypatch.setattr(stream_module, "LOOK_INTERVAL", 0.0)
    stream, sock, _ = narrow()
    monkeypatch.setattr(stream, "_receive_meanwhile", lambda: b"no")

    assert stream.send_pieces([b"a", b"b"], lambda octets: octets == b"no")
    assert not stream.send_pieces([b"c", b"d"], lambda octets: octets == b"no")
    assert [b"ab"] == sock.taken


def test_10_5_a_refusal_between_pieces(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: what is left of them is not sent."""
    stream, sock, _ = narrow(2, 0)
    monkeypatch.setattr(stream, "_wait", lambda *_: READ)
    monkeypatch.setattr(stream, "_receive_meanwhile", lambda: b"no")

    assert not stream.send_pieces([b"a", b"b", b"c"], lambda octets: octets == b"no")
    assert [b"ab"] == sock.taken


def test_16_3_pieces_to_a_peer_that_has_gone(ends: tuple[NetworkStream, socket.socket]) -> None:
    """Contract 16.3: the error says who has gone."""
    stream, far = ends
    far.close()
    with pytest.raises(ConnectionError, match="sending to peer:80"):
        stream.send_pieces([b"a", b"b"])


def test_15_6_pieces_count_for_the_speed(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 15.6: they are bytes like others."""
    stream, _, _ = narrow(2)
    counted: list[int] = []
    monkeypatch.setattr(SpeedLimit, "count", lambda _, size: counted.append(size))
    stream.scope.speed = SpeedLimit(1, 10.0)
    stream.send_pieces([b"ab", b"c"])

    assert [2, 1] == counted


# What comes while sending


def never(octets: bytes) -> bool:
    """Never stop sending."""
    return False


def test_10_5_what_comes_meanwhile_is_handed_out(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 10.5: while the peer does not read, what it sends goes to the caller, who may stop the sending."""
    stream = open_stream(BlockingIOError(), b"first", BlockingIOError(), b"second", b"never")
    taken: list[bytes] = []

    def stop_at_second(octets: bytes) -> bool:
        taken.append(octets)
        return octets == b"second"

    assert not stream.send_all(b"request", stop_at_second)
    assert [b"first", b"second"] == taken
    assert stream.has_received


def test_10_5_sending_goes_on(open_stream: Callable[..., NetworkStream]) -> None:
    """Contract 10.5: as long as the caller does not stop it, everything is sent."""
    stream = open_stream(BlockingIOError(), b"first", b"")

    assert stream.send_all(b"request", never)


def test_sending_alone_receives_nothing(open_stream: Callable[..., NetworkStream]) -> None:
    """Without a caller that wants it, nothing is received while sending: it is there for the next receive()."""
    stream = open_stream(BlockingIOError(), b"")

    assert stream.send_all(b"request")
    assert not stream.has_received


@pytest.mark.parametrize("nothing", NOT_YET)
def test_messages_of_tls_are_nothing_that_came(open_stream: Callable[..., NetworkStream], nothing: Exception) -> None:
    """A session ticket makes the socket readable and holds no bytes for the caller."""
    stream = open_stream(BlockingIOError(), nothing, b"")
    taken: list[bytes] = []

    assert stream.send_all(b"request", lambda octets: bool(taken.append(octets)))
    assert [] == taken


def test_fault_34_the_end_is_handed_out_once(open_stream: Callable[..., NetworkStream]) -> None:
    """Fault 34: the end of the stream is reported once; after it only being able to send wakes the worker."""
    stream = open_stream(BlockingIOError(), b"", BlockingIOError(), b"")
    taken: list[bytes] = []
    waits: list[int] = []
    wait = stream._wait

    def noting(wanted: int, what: str) -> int:
        waits.append(wanted)
        return wait(wanted, what)

    stream._wait = noting  # type: ignore[method-assign]

    assert stream.send_all(b"request", lambda octets: bool(taken.append(octets)))
    assert [b""] == taken
    assert [READ | WRITE, WRITE] == waits


def test_10_5_the_sending_side_ends_after_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 10.5: a peer that is silent after it refused finds the end; what comes until then is returned."""
    monkeypatch.setattr(stream_module, "REFUSED_TIME", 0.0)
    near, far = socket.socketpair()
    with far:
        near.setblocking(False)
        stream = NetworkStream(near, CancelScope(), "peer:80")
        stream.send_all(b"request")
        stream.give_up_sending()
        thread = threading.Thread(target=lambda: far.sendall(far.recv(100) + far.recv(100) + b"!"))
        thread.start()

        assert b"request!" == stream.receive()
        thread.join()
        stream.close()


def test_10_5_the_end_for_a_peer_that_has_gone() -> None:
    """Contract 10.5: the sending side of a connection that is closed already is not worth an error."""
    near, far = socket.socketpair()
    stream = NetworkStream(near, CancelScope(), "peer:80")
    far.close()
    stream.end_sending()
    stream.end_sending()
    stream.close()
    stream.end_sending()


def test_fault_129_no_memory_for_a_session() -> None:
    """Fault 129: a session that cannot be copied is one less to resume, and no error of its request."""

    class Socket:
        def pending(self) -> int:
            return 0

        @property
        def session(self) -> None:
            raise ValueError("d2i() failed")

    stream = NetworkStream(Socket(), CancelScope(), "host:443")  # type: ignore[arg-type]

    assert stream.tls_session is None
