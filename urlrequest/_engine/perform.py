"""perform(): the straight line of one request, hop by hop, from its options to its outcome.

It runs on the worker and knows neither threads nor callbacks: it tells an `Observer` what happens on the way, and
raises what goes wrong. The connection and the temporary file are released on every path.

Invariants:
    T1  Every octet of content is counted (see `_http1.response_reader`), and only a complete body is judged.
    T2  Nothing appears under file_path except by `FileSink.commit()`, and only after the observer agreed to it.
"""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPException

from urlrequest._content.checksum import compare_digest, new_digest
from urlrequest._content.codings import knows_codings
from urlrequest._content.sinks import MemorySink, Sink
from urlrequest._content.text import decode_text
from urlrequest._delivery.events import answer_class
from urlrequest._http.fields import without
from urlrequest._http.framing import content_length
from urlrequest._http.retry import back_off, is_worth_retrying, may_repeat, retry_after, wants_retry
from urlrequest.errors import RequestCancelled, TooManyRedirects

from .pool import Lease
from .prepare import PreparedRequest, prepare_redirected, prepare_request, request_line_and_fields
from .progress import ProgressMeter, SizeLimit, UploadMeter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from urlrequest._content.decoder import Decoder
    from urlrequest._content.file_sink import FileSink
    from urlrequest._delivery.events import Answer, ProgressRun
    from urlrequest._http.cookies import CookieStore
    from urlrequest._http.redirect import Hop, NextRequest
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http1.response_reader import ResponseLike
    from urlrequest._net.cancel_scope import CancelScope

    from .options import Options
    from .pool import Pool

    class Supplies(Protocol):
        """What requests of a session share."""

        pool: Pool  # where connections come from and go to
        cookie_store: CookieStore | None  # cookies of the session

    class Observer(Protocol):
        """Who is told what happens, on the worker: the request."""

        def connection_class(self, scheme: str) -> type:
            """The connection class for a scheme, or `UnsupportedScheme`."""
            ...

        def wants_progress(self) -> bool: ...
        def wants_upload_progress(self) -> bool: ...
        def wants_chunks(self) -> bool: ...
        def request_prepared(self, prepared: PreparedRequest) -> None: ...
        def redirect_followed(self, hop: Hop) -> None: ...
        def head_received(self, head: ResponseHead) -> None: ...
        def progress_made(self, run: ProgressRun) -> None: ...
        def chunk_received(self, octets: bytes) -> None: ...  # blocks while the user is behind
        def begin_commit(self) -> bool:
            """Whether a verified file may be put in its place: False when the request was cancelled."""
            ...

        def decode_result(self, result: Any, resp: Any) -> Any: ...


__all__ = ["perform"]

DISCARD_LIMIT = 16 * 1024  # octets of a body that nobody wants and that are read to keep the connection


def perform(options: Options, supplies: Supplies, scope: CancelScope, observer: Observer) -> Answer:
    """Carry out a request.

    Args:
        scope: Ends every wait when the request is cancelled or out of time.
    Returns:
        The complete response.
    Raises:
        RequestCancelled: It was cancelled. Exception: Anything that kept the response from being complete.
    """
    has_progress = observer.wants_progress() or observer.wants_chunks()
    prepared = prepare_request(options, has_progress=has_progress, connection_class_for=observer.connection_class)
    if prepared.body is not None and observer.wants_upload_progress():
        prepared.body.on_sent = UploadMeter(prepared.body.length, prepared.progress_interval, observer).report
    if prepared.file_path is None:
        return _fetch(prepared, None, options, supplies, scope, observer)
    with _open_file(prepared.file_path, prepared, scope) as file:
        prepared = prepared.replace(fields=[*prepared.fields, *file.range_fields()])
        return _fetch(prepared, file, options, supplies, scope, observer)


def _fetch(
    prepared: PreparedRequest,
    file: FileSink | None,
    options: Options,
    supplies: Supplies,
    scope: CancelScope,
    observer: Observer,
) -> Answer:
    """Go from hop to hop, up to the final response."""
    hops = 0
    while True:
        observer.request_prepared(prepared)
        lease, response = _exchange(prepared, supplies, scope)
        with lease:
            following = _find_redirect(prepared, response.head) if prepared.redirect_limit else None
            if following is None and (file is None or file.accepts(response.head)):
                return _finish(response, prepared, file, options, scope, observer)
            _discard(response)
        if following is None:
            prepared = prepared.replace(fields=without(prepared.fields, {"range", "if-range"}))
            continue
        if hops == prepared.redirect_limit:
            raise TooManyRedirects(f"{prepared.target} redirects again, after {hops} redirects; no more are allowed")
        hops += 1
        from urlrequest._http.redirect import Hop  # as in _find_redirect()

        observer.redirect_followed(Hop(prepared.target.url, response.head.status, response.head.headers))
        prepared = prepare_redirected(prepared, following, options, observer.connection_class(following.target.scheme))


def _open_file(path: str, prepared: PreparedRequest, scope: CancelScope) -> FileSink:
    """The sink for file_path; a part file that another request has, or that we did not make, is left alone."""
    if prepared.is_resumed:
        from urlrequest._content.resumable_file import ResumableFileSink  # few requests continue a download

        with suppress(OSError):  # what is wrong with the path itself, the other sink says
            return ResumableFileSink(path, prepared.checksum, prepared.target.url, scope.check)
    from urlrequest._content.file_sink import FileSink  # most requests write no file

    return FileSink(path, prepared.checksum)


def _find_redirect(prepared: PreparedRequest, head: ResponseHead) -> NextRequest | None:
    from urlrequest._http.redirect import find_redirect  # most requests follow none

    return find_redirect(prepared.method, prepared.target, head)


# Sending


def _exchange(prepared: PreparedRequest, supplies: Supplies, scope: CancelScope) -> tuple[Lease, ResponseLike]:
    """Lease a connection and send the request, again where it is worth it; the lease is the caller's to end."""
    for attempt in range(1, prepared.retries + 1):
        if not may_repeat(prepared.method, prepared.body):
            break
        try:
            lease, response = _exchange_once(prepared, supplies, scope)
        except Exception as error:
            pause = back_off(attempt)
            if not is_worth_retrying(error) or not _has_time_for(pause, scope):
                raise
        else:
            if not wants_retry(response.head):
                return lease, response
            asked = retry_after(response.head)
            pause = back_off(attempt) if asked is None else asked
            if not _has_time_for(pause, scope):
                return lease, response
            # What is wrong with an answer that is given up keeps nobody from asking again.
            with suppress(OSError, HTTPException), lease:
                _discard(response)
        scope.pause(pause)
    try:
        return _exchange_once(prepared, supplies, scope)
    except Exception as error:
        if prepared.retries and prepared.body is not None and not prepared.body.is_replayable:
            _add_note(error, "not tried again: the body can be read only once")
        raise


def _exchange_once(prepared: PreparedRequest, supplies: Supplies, scope: CancelScope) -> tuple[Lease, ResponseLike]:
    scope.check()
    lease = Lease(supplies.pool, prepared.route, scope)
    try:
        cookies = None if supplies.cookie_store is None else supplies.cookie_store.cookies_for(prepared.target)
        response = lease.exchange(prepared.method, *request_line_and_fields(prepared, cookies), prepared.body)
        if supplies.cookie_store is not None:
            supplies.cookie_store.store(prepared.target, response.head)
    except BaseException:
        lease.give_up()
        raise
    return lease, response


def _add_note(error: Exception, note: str) -> None:
    """Say more than an error of somebody else's does; tracebacks show it from Python 3.11 on."""
    add_note = getattr(error, "add_note", None)
    if add_note is not None:
        add_note(note)


def _has_time_for(pause: float, scope: CancelScope) -> bool:
    remaining = scope.deadline.remaining()
    return remaining is None or remaining > pause


def _discard(response: ResponseLike) -> None:
    """Read a small body that nobody wants, so that its connection can be used again; a large one is not worth it."""
    if response.expected is not None and response.expected <= DISCARD_LIMIT:
        while not response.is_complete:
            response.read_piece()


# Receiving


def _finish(
    response: ResponseLike,
    prepared: PreparedRequest,
    file: FileSink | None,
    options: Options,
    scope: CancelScope,
    observer: Observer,
) -> Answer:
    """Receive the final response, and make of it what the user asked for."""
    head = response.head
    observer.head_received(head)
    is_wanted = 200 <= head.status < 300
    has_content = is_wanted and _has_content(prepared.method, head.status)
    checksum = prepared.checksum if has_content else None
    content = result = b""
    if is_wanted and file is not None:
        _receive(response, file, prepared, observer, file.offset)
        scope.check()
        if has_content:
            if not observer.begin_commit():
                raise RequestCancelled("the request was cancelled")
            file.commit()
    elif is_wanted and observer.wants_chunks():
        from urlrequest._content.chunk_sink import ChunkSink  # few requests hand their body over as it arrives

        chunks = ChunkSink(observer.chunk_received, checksum)
        _receive(response, chunks, prepared, observer)
        scope.check()
        chunks.verify()
    else:
        content = _collect(response, prepared, observer)
        scope.check()
        if checksum is not None:
            digest = new_digest(checksum)
            digest.update(content)
            compare_digest(digest, checksum)
        result = _make_result(content, response, options, observer)
    return answer_class(head.status)(head=head, content=content, result=result)


def _has_content(method: str, status: int) -> bool:
    """Whether the response can have a body at all: without one, a file stays what it was (RFC 9110, section 6.4.1)."""
    return method != "HEAD" and status != 204


def _collect(response: ResponseLike, prepared: PreparedRequest, observer: Observer) -> bytes:
    """The whole content, in memory."""
    if not (prepared.max_size is not None or observer.wants_progress() or _is_coded(response, prepared)):
        whole = response.take_whole()
        if whole is not None:
            return whole
    with MemorySink() as memory:
        _receive(response, memory, prepared, observer)
        return memory.content()


def _is_coded(response: ResponseLike, prepared: PreparedRequest) -> bool:
    """Whether there are content codings to be undone."""
    codings = response.head.headers.get("Content-Encoding")
    return bool(codings) and prepared.decodes_content and knows_codings(codings)


def _receive(
    response: ResponseLike, sink: Sink, prepared: PreparedRequest, observer: Observer, offset: int = 0
) -> None:
    """Bring the whole content to the sink, and tell how far it is.

    Args:
        offset: Octets that are there already.
    """
    total = content_length(response.head)
    limit = SizeLimit(prepared.max_size)
    if response.expected is not None:
        limit.check(offset + response.expected)
    limit.add(offset)
    total = None if total is None else offset + total
    meter = ProgressMeter(prepared.chunk_size, total, prepared.progress_interval, observer, offset)
    if _is_coded(response, prepared):
        sink.expect(None)
        from urlrequest._content.decoder import Decoder  # many responses are not coded

        _receive_coded(response, Decoder(response.head.headers["Content-Encoding"]), sink, meter, limit)
    else:
        sink.expect(response.expected)
        _receive_plain(response, sink, meter, limit)
    meter.finish()


def _receive_plain(response: ResponseLike, sink: Sink, meter: ProgressMeter, limit: SizeLimit) -> None:
    piece = response.read_piece()  # as a rule what came along with the head
    limit.add(len(piece))
    sink.write(piece)
    meter.count(len(piece))
    while not response.is_complete:
        with sink.room() as room:
            count = response.read_into(room)
        limit.add(count)
        sink.filled(count)
        meter.count(count)


def _receive_coded(
    response: ResponseLike, decoder: Decoder, sink: Sink, meter: ProgressMeter, limit: SizeLimit
) -> None:
    while not response.is_complete:
        piece = response.read_piece()
        for part in decoder.decode(piece):
            limit.add(len(part))
            sink.write(part)
        meter.count(len(piece))
    for part in decoder.finish():
        limit.add(len(part))
        sink.write(part)


def _make_result(content: bytes, response: ResponseLike, options: Options, observer: Observer) -> Any:
    """What the user gets for a body in memory (contract 4.1 to 4.3)."""
    result = decode_text(content, response.head.headers.get("Content-Type"))
    if options.decode:
        return observer.decode_result(result, getattr(response, "wrapped", response))
    return result
