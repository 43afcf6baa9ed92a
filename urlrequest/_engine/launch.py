"""Launch: the way of a simple request that needs no worker as long as nothing uncommon happens.

`perform()` owns the rules of a request, and waits for each of its steps. A launch is what `perform()` does for a simple
request whose connection is at hand, without a wait: `launch()` takes one that is idle, or opens one to a server on this
machine, and sends the request by one call that does not block. `Launched.receive()` takes in what has come of the
response, and makes the answer of it if that is a *common* response. Everything else is declined, and `perform()` does
it: with the connection and what was received (`hand_over()`), or from the beginning.

Where no connection is at hand, a worker opens one, with all the waits that this takes, and sends the request over it.
If many requests are on their way, it does not wait for the response: `send_and_leave()` returns what a launch does.

Any thread may call this, one at a time: the one that has the connection.

Invariants:
    LAUNCH-1  Nothing is decided here that `perform()` decides otherwise: what is sent is what it would send, and a
              common response is one for which it has nothing to check, to repeat or to follow. The parsers are its own.
    LAUNCH-2  Nothing that was received is lost: what is handed over goes on with the same bytes, error and time limits.
"""

from __future__ import annotations

from functools import lru_cache
from time import monotonic

from urlrequest import errors
from urlrequest._content.text import BodyKind, decode_text_of, kind_of, load_json, parse_json
from urlrequest._defaults import defaults
from urlrequest._delivery.events import Success
from urlrequest._http.framing import body_framing, says_close
from urlrequest._http.request_head import encode_head
from urlrequest._http.response_head import END_OF_HEAD, ResponseHead, parse_head
from urlrequest._http1.connection import CLASSES, Connection
from urlrequest._http1.response_reader import find_chunks
from urlrequest._net import loopback

from .exchange import Lease, depends_on_files, kept_time, pool_key, send_ahead
from .options import SharedOptions
from .plan import request_line_and_fields
from .prepare import prepare_request
from .receive import is_coded, undone_codings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from urlrequest._delivery.events import Answer
    from urlrequest._net.cancel_scope import CancelScope

    from .observer import CookieStore, Observer, Shared
    from .options import Options

__all__ = ["Launched", "launch", "send_and_leave"]

MAX_SIZE = 64 * 1024  # bytes of a common response, its head included, and of its content after decoding
MAX_PIECES = 4  # receives until it is whole; one that drips is for a worker
MAX_CACHED_HEAD = 4096  # bytes; a longer head, and one that may hold a secret, is read each time
KEY_TIME = 0.1  # seconds until certificate files are looked at again; to do so takes 5 us, a tenth of a small request
MAX_DECLINED = 31  # requests of a URL that go to a worker after one whose response was not common

_CODINGS = frozenset({"gzip", "deflate", "br", "zstd"})  # a common response has one of them at the most


class Launched:
    """A request that was sent, and its connection.

    Attributes:
        descriptor: Of the connection's socket.
        is_common: What has come so far may be the beginning of a common response. False: `hand_over()` comes next.
        since: When the present wait for bytes began, on `time.monotonic()`.
    """

    __slots__ = (
        "_coding", "_connection", "_decodes", "_end", "_head", "_idle_time", "_is_left", "_key", "_kind", "_lease",
        "_observer", "_pieces", "_plan", "_received", "_scope", "_shared", "_start", "descriptor", "is_common", "since",
    )  # fmt: skip

    def __init__(
        self,
        connection: Connection,
        key: Hashable,
        plan: _Plan,
        shared: Shared,
        scope: CancelScope,
        observer: Observer,
        decodes: bool,
        lease: Lease | None = None,
    ) -> None:
        """Hold a connection.

        Args:
            key: What it is looked up by in the pool.
            plan: Of the request.
            decodes: A body of type application/json is to be parsed.
            lease: Where the connection is new; None: it was idle.
        """
        self._connection = connection
        self._key = key
        self._plan = plan
        self._shared = shared
        self._scope = scope
        self._observer = observer
        self._decodes = decodes
        self._lease = lease
        self._received = b""
        self._pieces = 0
        self._head: ResponseHead | None = None
        self._start, self._end = 0, -1  # of the content, within what was received; an end of -1: it comes in chunks
        self._coding: str | None = None  # of the content, that is to be undone
        self._is_left = False  # to the pool, which owns the connection then
        self._idle_time = 0.0  # seconds for which the server keeps the connection
        self._kind: BodyKind | None = None
        self.descriptor: int = connection.sock.fileno()
        self.is_common = True
        self.since = connection.sent_at

    def receive(self) -> Answer | None:
        """Take in what has come; return the answer once a common response is whole. None: see `is_common`."""
        stream = self._connection.sock
        while (octets := stream.receive_now()) is not None:
            self._pieces += 1
            self._received = self._received + octets if self._received else octets
            if octets and (self._head is not None or self._read_head()):
                if len(self._received) == self._end:
                    return self._make_answer(self._received[self._start :])
                if self._end < 0:
                    answer = self._answer_of_chunks()
                    if answer is not None:
                        return answer
                elif len(self._received) > self._end:
                    self.is_common = False  # the beginning of another response, which nobody has asked for
            if not octets or self._pieces == MAX_PIECES or len(self._received) > MAX_SIZE:
                self.is_common = False
            self.since = monotonic()
            if not self.is_common:
                return None
        if self._received and not stream.has_acknowledged:
            stream.acknowledge()
        return None

    def _read_head(self) -> bool:
        """Read the head once it is whole, and notify the observer; False: it is not, or it is not common."""
        end = END_OF_HEAD.search(self._received)
        if end is None:
            self.is_common = b"HTTP/1.".startswith(self._received[:7])
            return False
        start = end.end()
        block = self._received[:start]
        is_cached = start <= MAX_CACHED_HEAD and b"ookie" not in block
        found = _cached_head(block) if is_cached else _common_head(block)
        if found is None or (self._shared.cookie_store is not None and "Set-Cookie" in found[0].headers):
            self._decline()
            return False
        head, length, coding, self._kind, self._idle_time = found
        if coding is not None and is_coded(head, self._plan.prepared):
            if coding not in undone_codings:
                self.is_common = False
                return False
            self._coding = coding
        self._head, self._start, self._end = head, start, -1 if length is None else start + length
        self._scope.timings["first_byte"] = monotonic() - self._connection.sent_at
        self._observer.head_received(head)
        return True

    def _decline(self) -> None:
        """Leave the response to a worker, and so the next requests from their beginning."""
        self.is_common, self._plan.habit.declined = False, MAX_DECLINED

    def _answer_of_chunks(self) -> Answer | None:
        """The answer, once the last chunk is here. None: see `is_common`."""
        found = find_chunks(self._received, self._start) if len(self._received) <= MAX_SIZE else None
        if found is not None:
            chunks, end = found
            if end == len(self._received):
                return self._make_answer(b"".join(chunks))
            if end == -1 and self._pieces < MAX_PIECES:
                return None
        self._decline()
        return None

    def _make_answer(self, content: bytes) -> Answer | None:
        """The answer with the content that was received. None: it is not common after all."""
        head, kind, received = self._head, self._kind, len(content)
        assert head is not None, "the response is whole"
        assert kind is not None, "it came with the head"
        if self._coding is not None:
            decoded = _undo(self._coding, content)
            if decoded is None:
                self._decline()
                return None
            content = decoded
        result = decode_text_of(kind, content)
        if self._decodes and kind.is_json:
            try:
                result = parse_json(result)
            except ValueError:  # the worker makes the result; a user's thread may only have too little stack
                self._decline()
                return None
        self._observer.received = received
        return Success(head, content, result)  # by name it would cost a dictionary

    def give_back(self) -> None:
        """Leave the connection to the pool, after a common response."""
        if self._lease is not None:
            self._connection.was_answered()
            self._lease.end_wait(is_answered=True)
        self._is_left = True  # from here on Ctrl-C may find it in the pool
        if defaults.keep_alive:
            self._shared.pool.put(self._key, self._connection, self._idle_time, until=self._scope.deadline.at)
        else:
            self._connection.close()

    def hand_over(self) -> Lease:
        """Return the connection for `perform()`, which goes on with what was received."""
        self._connection.sock.unread(self._received, self.since)
        if self._lease is not None:
            return self._lease
        lease = Lease(self._shared, self._plan.prepared.route, self._scope, self._key, self._connection)
        lease.is_left = True
        return lease

    def close(self) -> None:
        """Close the connection, unless it was left to the pool: what the server sends on it is of no use any more."""
        if self._is_left:
            return
        if self._lease is not None:
            self._lease.end_wait(is_answered=False)
        self._connection.close()


def _common_head(block: bytes) -> tuple[ResponseHead, int | None, str | None, BodyKind, float] | None:
    """Head, length, coding, kind and idle time of a common response; None: it is not common.

    A length of None: the body comes in chunks.
    """
    try:
        head = parse_head(block)
        framing = body_framing(head, "GET")
    except errors.BaseProtocolError:
        return None  # the worker makes the error
    fields, length = head.headers, framing.length
    coding = fields.get("Content-Encoding")
    is_common = (
        200 <= head.status < 300
        and head.status not in {204, 205, 206}
        and framing.keeps_alive
        and (framing.is_chunked if length is None else length <= MAX_SIZE)
        and (coding is None or coding in _CODINGS)
        and fields.get("Content-Range") is None
    )
    if not is_common:
        return None
    return head.replace(is_shared=True), length, coding, kind_of(fields.get("Content-Type")), kept_time(head)


_cached_head = lru_cache(maxsize=64)(_common_head)  # servers send the same head for a second


def _undo(coding: str, content: bytes) -> bytes | None:
    """The content without its coding; None: it is large, or not in order."""
    from urlrequest._content.decoder import Decoder  # many responses are not coded

    pieces, room = [], MAX_SIZE
    try:
        decoder = Decoder(coding)
        for piece in decoder.decode(content):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                return None
        decoder.finish()
    except errors.ContentDecodingError:
        return None  # the worker makes the error
    return b"".join(pieces)


class _Plan:
    """A simple request, prepared.

    Attributes:
        head: What is sent if there are no cookies.
        key: Of connections in the pool, as of `pool_key()`.
        key_until: When that is to be made anew, as files may have changed, on `time.monotonic()`; None: never.
        keeps_connection: The request does not ask the server to close it.
        place: What is looked up in `loopback.servers`; empty where a connection takes more than to connect.
        habit: Of those who answer such requests.
    """

    __slots__ = ("habit", "head", "keeps_connection", "key", "key_until", "place", "prepared")

    def __init__(self, options: Options, *, has_progress: bool = False) -> None:
        """Prepare a request; `has_progress` as of `prepare_request()`. Raises: What is wrong with it."""
        load_json()  # whoever reads the response must not need a file for that
        self.prepared = prepare_request(options, has_progress=has_progress, connection_class_for=CLASSES.__getitem__)
        self.head = encode_head(self.prepared.method, *request_line_and_fields(self.prepared, None))
        self.keeps_connection = not says_close(self.prepared.fields)
        route = self.prepared.route
        is_direct = route.tls is None and route.proxy is None
        self.place: Any = (route.host, route.port, route.family) if is_direct else ()
        # Others may have another URL each time; they have the server in common.
        is_made_again = isinstance(options, SharedOptions)
        self.key_until: float | None = None
        self.renew_key()
        self.habit = _Habit() if is_made_again else _habit_of(self.key)

    def renew_key(self) -> None:
        """Make the key. Any thread. Raises OSError: A certificate file is missing."""
        route = self.prepared.route
        self.key = pool_key(route)
        if depends_on_files(route):
            self.key_until = monotonic() + KEY_TIME


class _Habit:
    """Whether responses are common.

    Attributes:
        declined: How many of the next requests are not launched. A hint: threads may overwrite each other's.
    """

    __slots__ = ("declined",)

    def __init__(self) -> None:
        self.declined = 0


@lru_cache(maxsize=256)
def _habit_of(key: Hashable) -> _Habit:  # noqa: ARG001 - the cache finds it by the key
    return _Habit()


def _find_plan(options: Options, shared: Shared, *, has_progress: bool = False) -> _Plan | None:
    """The plan of a simple request, which needs no worker by itself; None: it is none.

    Args:
        has_progress: As of `prepare_request()`.
    Raises:
        Exception: What is wrong with the request.
    """
    store = shared.cookie_store
    if not options.is_launchable or not defaults.keep_alive or (store is not None and not store.is_prompt):
        return None
    if isinstance(options, SharedOptions) and not has_progress:
        plan: _Plan = options.plan or _Plan(options)
        options.plan, options.target = plan, plan.prepared.target
    else:
        plan = _Plan(options, has_progress=has_progress)
    return plan if plan.keeps_connection else None


def launch(options: Options, shared: Shared, scope: CancelScope, observer: Observer) -> Launched | None:
    """Send a simple request at once, if a connection is at hand for it and the system takes the bytes; else None.

    Args:
        options: Those that are not `is_launchable` are for a worker.
        observer: Lets the classes of the library serve http and https.
    Raises:
        Exception: What is wrong with the request, or with the connection. `perform()` will find it, too.
    """
    plan = _find_plan(options, shared)
    if plan is None:
        return None
    if plan.habit.declined:
        plan.habit.declined -= 1
        return None
    if plan.key_until is not None and monotonic() >= plan.key_until:
        plan.renew_key()
    store = shared.cookie_store
    head = plan.head if store is None else _head_with_cookies(plan, store)
    connection = shared.pool.take(plan.key, None)
    if connection is None:
        is_at_hand = plan.place in loopback.servers
        return _launch_anew(plan, head, shared, scope, observer, options.decode) if is_at_hand else None
    is_sent = False
    try:
        connection.scope = scope
        is_sent = connection.send_now(plan.prepared.method, head)
    finally:
        if not is_sent:
            connection.close()
    if not is_sent:
        return None
    observer.request_prepared(plan.prepared)
    return Launched(connection, plan.key, plan, shared, scope, observer, options.decode)


def _head_with_cookies(plan: _Plan, store: CookieStore) -> bytes:
    cookies = store.cookies_for(plan.prepared.target)
    if cookies is None:
        return plan.head
    return encode_head(plan.prepared.method, *request_line_and_fields(plan.prepared, cookies))


def _launch_anew(
    plan: _Plan, head: bytes, shared: Shared, scope: CancelScope, observer: Observer, decodes: bool
) -> Launched | None:
    """As `launch()`, over a new connection to a server on this machine.

    Ctrl-C may come at any moment, also as this returns: the observer has the lease before there is anything to close,
    and closes it where nothing was launched.
    """
    lease = observer.begun = Lease(shared, plan.prepared.route, scope, plan.key, None)
    is_sent = False
    try:
        lease.connect_at_once()
        is_sent = lease.connection.send_now(plan.prepared.method, head)
    finally:
        if not is_sent:
            loopback.forget(*plan.place)
    if not is_sent:
        return None
    lease.is_left = True
    observer.request_prepared(plan.prepared)
    return Launched(lease.connection, plan.key, plan, shared, scope, observer, decodes, lease)


def send_and_leave(options: Options, shared: Shared, scope: CancelScope, observer: Observer) -> Launched | Lease | None:
    """Send a simple request on a worker, so that it need not wait for the response.

    Args:
        options: As of `launch()`.
    Returns:
        What `launch()` does; or the connection over which the request was not sent as a whole, for `perform()` to go on
        with. None: `perform()` does it all.
    """
    try:
        plan = _find_plan(options, shared, has_progress=observer.wants_chunks())
        if (
            plan is None
            or observer.connection_class(plan.prepared.target.scheme) is not plan.prepared.route.connection_class
        ):
            return None
        observer.request_prepared(plan.prepared)
        lease = send_ahead(plan.prepared, shared, scope)
    except Exception:  # noqa: BLE001 - `perform()` will find it, too
        return None
    if lease.send_error is not None:
        return lease
    try:
        launched = Launched(lease.connection, lease.key, plan, shared, scope, observer, options.decode, lease)
    except BaseException:  # no memory
        lease.close()
        raise
    launched.is_common = lease.connection.is_intact  # else the server has refused the request already
    return launched
