"""perform(): the straight line of one request, from its options to its outcome.

It runs on the worker and knows neither threads nor callbacks: what happens on the way is told to a `Witness`, what goes
wrong is raised. The socket and the temporary file are released on every path.

Invariants:
    T1  Every octet of content is counted (see `_response`), and only a complete body is judged.
    T2  Nothing appears under file_path except by `FileSink.commit()`, and only after the witness agreed to it.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from ._coding import Decoder, knows_codings
from ._events import ProgressRun, answer_class
from ._plan import Options, Plan, make_plan
from ._sink import FileSink, MemorySink, Sink
from ._text import decode_text
from .errors import RequestCancelled

if TYPE_CHECKING:
    from ._events import Answer
    from ._head import ResponseHead
    from ._pool import Pool
    from ._response import ResponseLike
    from ._waiter import Waiter

__all__ = ["Witness", "perform"]

_LENGTH = re.compile(r"[0-9]{1,18}")


class Witness(Protocol):
    """Who is told what happens, on the worker: the request."""

    def connection_class(self, scheme: str) -> type:
        """The connection class for a scheme, or `UnsupportedScheme`."""
        ...

    def wants_progress(self) -> bool: ...
    def see_plan(self, plan: Plan) -> None: ...
    def see_head(self, head: ResponseHead) -> None: ...
    def see_progress(self, run: ProgressRun) -> None: ...
    def begin_commit(self) -> bool:
        """Whether a verified file may be put in its place: False when the request was cancelled."""
        ...

    def decode_result(self, result: Any, resp: Any) -> Any: ...


def perform(options: Options, pool: Pool, waiter: Waiter, witness: Witness) -> Answer:
    """Carry out a request.

    Args:
        pool: Where connections come from and go to.
        waiter: Ends every wait when the request is cancelled or out of time.
    Returns:
        The complete response.
    Raises:
        RequestCancelled: It was cancelled. Exception: Anything that kept the response from being complete.
    """
    plan = make_plan(options, has_progress=witness.wants_progress(), connection_class_for=witness.connection_class)
    witness.see_plan(plan)
    with FileSink(plan.file_path) if plan.file_path is not None else nullcontext() as file:
        waiter.check()
        with pool.lease(plan.route, waiter) as connection:
            response = connection.exchange(plan.method, plan.form, plan.fields, plan.body)
            witness.see_head(response.head)
            memory = MemorySink()
            is_for_file = file is not None and 200 <= response.head.status < 300
            _receive(response, file if is_for_file and file is not None else memory, plan, witness)
        waiter.check()
        if is_for_file and file is not None and _has_content(plan.method, response.head.status):
            if not witness.begin_commit():
                raise RequestCancelled("the request was cancelled")
            file.commit()
    content = memory.content()
    result: Any = b"" if is_for_file else _make_result(content, response, options, witness)
    return answer_class(response.head.status)(head=response.head, content=content, result=result)


def _has_content(method: str, status: int) -> bool:
    """Whether the response can have a body at all: without one, a file stays what it was (RFC 9110, section 6.4.1)."""
    return method != "HEAD" and status != 204


def _receive(response: ResponseLike, sink: Sink, plan: Plan, witness: Witness) -> None:
    """Bring the whole content to the sink, and tell how far it is."""
    meter = _Meter(plan.chunk_size, _total(response.head), witness)
    codings = response.head.headers.get("Content-Encoding")
    if codings and plan.decodes_content and knows_codings(codings):
        sink.expect(None)
        _receive_coded(response, Decoder(codings), sink, meter)
    else:
        sink.expect(response.expected)
        _receive_plain(response, sink, meter)
    meter.finish()


def _receive_plain(response: ResponseLike, sink: Sink, meter: _Meter) -> None:
    piece = response.read_piece()  # as a rule what came along with the head
    sink.write(piece)
    meter.count(len(piece))
    while not response.is_complete:
        with sink.room() as room:
            count = response.read_into(room)
        sink.filled(count)
        meter.count(count)


def _receive_coded(response: ResponseLike, decoder: Decoder, sink: Sink, meter: _Meter) -> None:
    while not response.is_complete:
        piece = response.read_piece()
        for part in decoder.decode(piece):
            sink.write(part)
        meter.count(len(piece))
    for part in decoder.finish():
        sink.write(part)


def _total(head: ResponseHead) -> int:
    """What the server says the body has, in octets; -1 when it does not say (contract 5.1)."""
    value = head.headers.get("Content-Length", "")
    if "Transfer-Encoding" in head.headers or not _LENGTH.fullmatch(value):
        return -1
    return int(value)


class _Meter:
    """Counts a body's octets and tells of every chunk (contract 5.2).

    One run of events stands for all chunks that a read has completed, so that small chunks cost callbacks but no
    objects.
    """

    def __init__(self, chunk_size: int | None, total: int, witness: Witness) -> None:
        self._chunk_size = chunk_size
        self._total = total
        self._witness = witness
        self._received = 0
        self._told = 0
        self._tell(0, 1)

    def count(self, octets: int) -> None:
        self._received += octets
        size = self._chunk_size
        if size is not None and self._received - self._told >= size:
            chunks = (self._received - self._told) // size
            self._tell(self._told + size, chunks, size)
            self._told += chunks * size

    def finish(self) -> None:
        """Tell of the last, incomplete chunk, and of the end."""
        if self._received > self._told:
            self._tell(self._received, 1)
        self._tell(self._received, 1)

    def _tell(self, first: int, count: int, step: int = 0) -> None:
        if self._witness.wants_progress():
            self._witness.see_progress(ProgressRun(first, step, count, self._total))


def _make_result(content: bytes, response: ResponseLike, options: Options, witness: Witness) -> Any:
    """What the user gets for a body in memory (contract 4.1 to 4.3)."""
    result = decode_text(content, response.head.headers.get("Content-Type"))
    if options.decode:
        return witness.decode_result(result, getattr(response, "wrapped", response))
    return result
