"""perform(): the straight line of one request, hop by hop, from its options to its outcome.

A *hop* is one request and its response; a redirect leads to another one. For each: `prepare` decides what is sent,
`exchange` sends it and reads the head of the response. `receive` takes the content of the last response, `streaming`
where the user gets it piece by piece.

It runs on the worker, and knows neither threads nor callbacks: it notifies an `Observer` of what happens on the way,
and raises what goes wrong. The connection and the temporary file are released on every path, but for a body that comes
piece by piece: while nothing comes the worker may leave it, and another one goes on with it.
"""

from __future__ import annotations

from contextlib import suppress

from urlrequest import errors
from urlrequest._http.fields import field_names, first_value, without
from urlrequest._http.retry import may_repeat, may_retry
from urlrequest.errors import ChecksumMismatch, TooManyRedirects, UnexpectedContentType

from .exchange import Lease, pause_after_break, send_request
from .prepare import prepare_redirected, prepare_request
from .receive import receive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urlrequest._content.file_sink import FileSink
    from urlrequest._delivery.events import Answer
    from urlrequest._http.redirect import NextRequest
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http1.response_reader import ResponseLike
    from urlrequest._net.cancel_scope import CancelScope

    from .exchange import Exchange
    from .observer import Observer, Shared
    from .options import Options
    from .plan import PreparedRequest
    from .streaming import Streaming

__all__ = ["perform"]

RANGE_FIELD = frozenset({"Content-Range", "content-range", "CONTENT-RANGE"})  # as servers spell it
# Statuses by which a server refuses a field of the request that is the library's own idea, not the user's: 417 (RFC
# 9110, section 10.1.1) and 406, which some servers send for an Accept-Encoding. Range is up to `ResumableFileSink`.
REFUSED_FIELDS = {417: "expect", 406: "accept-encoding"}


def perform(
    options: Options,
    shared: Shared,
    scope: CancelScope,
    observer: Observer,
    begun: Lease | Streaming | None = None,
) -> Answer | Streaming:
    """Carry out a request.

    Args:
        shared: What the request has in common with others of its session.
        scope: Ends every wait when the request is cancelled or out of time.
        begun: What to go on with: the connection of a plain request that has been sent already (see `launch`), or what
            this has returned before.
    Returns:
        The complete response; or what is to be gone on with, once its `fileno()` is readable.
    Raises:
        RequestCancelled: The request was cancelled. Exception: Whatever kept the response from being complete.
    """
    if begun is not None and not isinstance(begun, Lease):
        with begun.exchange:
            return begun.go_on() or begun
    has_progress = observer.wants_progress() or observer.wants_chunks()
    prepared = prepare_request(options, has_progress=has_progress, connection_class_for=observer.connection_class)
    if prepared.body is not None and observer.wants_upload_progress():
        from .progress import UploadMeter  # few requests report how far their sending is

        prepared.body.on_sent = UploadMeter(prepared.body.length, prepared.progress_interval, observer).report
    if prepared.low_speed is not None:
        from urlrequest._net.low_speed import SpeedLimit  # as above

        scope.speed = SpeedLimit(*prepared.low_speed)
    if prepared.file_path is None:
        return _follow(prepared, None, options, shared, scope, observer, begun)
    with _open_file(prepared.file_path, prepared, scope) as file:
        prepared = prepared.replace(fields=[*prepared.fields, *file.range_fields()])
        return _follow(prepared, file, options, shared, scope, observer)


def _follow(
    prepared: PreparedRequest,
    file: FileSink | None,
    options: Options,
    shared: Shared,
    scope: CancelScope,
    observer: Observer,
    lease: Lease | None = None,
) -> Answer | Streaming:
    """Go from hop to hop, and receive the final response."""
    hops = 0
    while True:
        outcome = _make_hop(prepared, file, options, shared, scope, observer, lease)
        lease = None
        if not isinstance(outcome, tuple):
            return outcome
        prepared, following, head = outcome
        if hops == prepared.redirect_limit:
            raise TooManyRedirects(f"{prepared.target} redirects again, after {hops} redirects; no more are allowed")
        hops += 1
        from urlrequest._http.redirect import Hop  # as in _find_redirect()

        observer.redirect_followed(Hop(prepared.target.url, head.status, head.headers))
        prepared = prepare_redirected(prepared, following, options, observer.connection_class(following.target.scheme))


def _make_hop(
    prepared: PreparedRequest,
    file: FileSink | None,
    options: Options,
    shared: Shared,
    scope: CancelScope,
    observer: Observer,
    lease: Lease | None,
) -> Answer | Streaming | tuple[PreparedRequest, NextRequest, ResponseHead]:
    """Send a request until its response is final, or redirects.

    It is sent again without a field of the library's own that the server refuses; and for the rest of a file, or for
    all of it, where the response is not what can be joined or breaks off.

    Returns:
        The final response, whole or left; or the request as it was sent last, what the redirect leads to, and the
        redirect's head.
    """
    breaks = 0
    while True:
        observer.request_prepared(prepared)
        with send_request(prepared, shared, scope, lease) as exchange:
            lease = None
            head = exchange.response.head
            following = _find_redirect(prepared, head) if prepared.redirect_limit else None
            if following is not None:
                exchange.discard_body()
                return prepared, following, head
            again = _without_refused(prepared, head) if head.status in REFUSED_FIELDS else None
            if again is not None:
                exchange.discard_body()
                prepared = again
                continue
            # Written out here, as most requests and responses have nothing to check.
            if prepared.expected_types or head.status == 206 or not RANGE_FIELD.isdisjoint(head.headers):
                _check_success(prepared, head, file, observer)
            if file is None:
                if observer.wants_chunks() and 200 <= head.status < 300:
                    return _stream(exchange, prepared, scope, observer)
                return receive(exchange.response, prepared, None, options, scope, observer)
            pause = 0.0
            if _accepts(file, head, observer):
                try:
                    return receive(exchange.response, prepared, file, options, scope, observer)
                except Exception as error:  # noqa: BLE001 - `_recover()` raises what is not mended
                    breaks += 1
                    pause = _recover(error, exchange.response, prepared, file, scope, breaks)
            else:
                exchange.discard_body()
        if pause:
            prepared = prepared.replace(retries=prepared.retries - 1)
            scope.pause(pause)
        rest = file.range_fields()  # none: all of the file is asked for
        prepared = prepared.replace(fields=[*without(prepared.fields, {"range", "if-range"}), *rest])


def _stream(
    exchange: Exchange, prepared: PreparedRequest, scope: CancelScope, observer: Observer
) -> Answer | Streaming:
    """Pass the content on to the user as it comes."""
    from .streaming import Streaming  # few requests hand their body over so

    streaming = Streaming(exchange, prepared, scope, observer)
    return streaming.go_on() or streaming


def _recover(
    error: Exception, response: ResponseLike, prepared: PreparedRequest, file: FileSink, scope: CancelScope, number: int
) -> float:
    """Make a file ready for another request, after an error while it was received.

    Args:
        number: How many errors there have been.
    Returns:
        Seconds to wait before the rest is requested, above 0; or 0.0: the whole is requested at once.
    Raises:
        Exception: The error, where another request cannot help.
    """
    if isinstance(error, ChecksumMismatch) and file.is_unproven:
        file.start_over()
        return 0.0
    can_retry = prepared.retries and may_retry(prepared.method, prepared.body, prepared.retry_rule)
    if isinstance(error, ChecksumMismatch) or response.is_complete or not can_retry:
        raise error
    pause = pause_after_break(error, number, prepared.retry_rule, scope)
    if not file.go_on():
        raise error
    return pause


def _check_success(prepared: PreparedRequest, head: ResponseHead, file: FileSink | None, observer: Observer) -> None:
    """Refuse a success that is not what was asked for, before it changes anything: a login page, or a part.

    Raises:
        UnexpectedContentType, ProtocolError: It is refused.
    """
    if not 200 <= head.status < 300 or head.status == 204:
        return
    from urlrequest._http.media_type import check_content_type  # few responses come here
    from urlrequest._http.ranges import check_completeness

    try:
        if prepared.expected_types:
            check_content_type(head, prepared.expected_types)
        # What answers a Range of ours, the file itself judges.
        if prepared.method != "HEAD" and (file is None or not file.offset):
            check_completeness(head, first_value(prepared.fields, "range"))
    except (UnexpectedContentType, errors.BaseProtocolError):
        observer.head_received(head)
        raise


def _accepts(file: FileSink, head: ResponseHead, observer: Observer) -> bool:
    """Whether the file can take the response; and tell why, where a download starts over."""
    is_accepted = file.accepts(head)
    if file.note:
        observer.download_noted(file.note)
        file.note = ""
    return is_accepted


def _without_refused(prepared: PreparedRequest, head: ResponseHead) -> PreparedRequest | None:
    """The request without the field that the server refuses; None where that is the user's, or cannot be left out.

    A server that refuses an expectation has not acted on the request; for other fields it may have.
    """
    name = REFUSED_FIELDS[head.status]
    if name not in prepared.own_fields or name not in field_names(prepared.fields):
        return None
    body = prepared.body
    if name == "expect":
        can_repeat = body is None or body.is_replayable or not body.is_begun
    else:
        can_repeat = may_repeat(prepared.method, body)
    if not can_repeat:
        return None
    again = prepared.replace(fields=without(prepared.fields, {name}))
    return again if again.signer is None else _sign_again(again)


def _sign_again(prepared: PreparedRequest) -> PreparedRequest:
    """Let a callable `auth` sign the request as it is now: what it has signed before was another one."""
    from urlrequest._http.auth import watched_auth  # few requests are signed
    from urlrequest._http.request_head import authorize

    names: set[str] = set()
    signer = watched_auth(prepared.signer, names)
    fields = authorize(without(prepared.fields, prepared.signed), signer, prepared.target)
    return prepared.replace(fields=fields, signed=frozenset(names), secrets=prepared.secrets | names)


def _open_file(path: str, prepared: PreparedRequest, scope: CancelScope) -> FileSink:
    """The sink for file_path; a partial file that another request uses, or that is not ours, is left alone."""
    if prepared.is_resumed:
        from urlrequest._content.resumable_file import ResumableFileSink  # few requests continue a download

        with suppress(OSError):  # the other sink reports what is wrong with the path itself
            key = prepared.resume_key or prepared.target.url
            return ResumableFileSink(path, prepared.checksum, key, scope.check)
    from urlrequest._content.file_sink import FileSink  # most requests write no file

    return FileSink(path, prepared.checksum)


def _find_redirect(prepared: PreparedRequest, head: ResponseHead) -> NextRequest | None:
    from urlrequest._http.redirect import find_redirect  # most requests follow none

    return find_redirect(prepared.method, prepared.target, head)
