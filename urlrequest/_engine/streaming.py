"""Streaming: a final response whose content goes to the user piece by piece, as it comes (contract 17.2).

Such a body may last for hours, and say something every minute. While nothing comes its worker may leave it, if many
other requests need workers: it keeps its connection and its slot, another thread waits for all that were left (see
`_concurrency.watch`), and the next piece is for a worker again, which goes on here.

Runs on the worker.

Invariant:
    STREAMING-1  A worker leaves between two pieces only, when nothing that was received is left to be passed on. So
                 nothing is lost, and the timeout of the next piece counts from the moment when the wait for it began.
"""

from __future__ import annotations

from urlrequest._content.chunk_sink import ChunkSink
from urlrequest._delivery.events import answer_class

from .receive import Transfer, has_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urlrequest._delivery.events import Answer
    from urlrequest._net.cancel_scope import CancelScope

    from .exchange import Exchange
    from .observer import Observer
    from .plan import PreparedRequest

__all__ = ["Streaming"]

FAST = 64 * 1024  # bytes; a body that brings as much without a rest is about to bring more
PATIENCE = 0.005  # seconds for which a worker waits for more of it


class Streaming:
    """Content that is passed on as it comes.

    Attributes:
        exchange: Use it as a context manager around `go_on()`.
    """

    __slots__ = ("_observer", "_scope", "_sink", "_transfer", "exchange")

    def __init__(self, exchange: Exchange, prepared: PreparedRequest, scope: CancelScope, observer: Observer) -> None:
        """Begin with a response of which the head was received. Raises: As of `Transfer`."""
        observer.head_received(exchange.response.head)
        self.exchange = exchange
        self._scope = scope
        self._observer = observer
        checksum = prepared.checksum if has_content(exchange.response, prepared) else None
        self._sink = ChunkSink(observer.chunk_received, observer.chunks_passed, checksum)
        self._transfer = Transfer(exchange.response, self._sink, prepared, observer)

    def go_on(self) -> Answer | None:
        """Pass on what comes. Returns: The answer at the end; None: the worker is to leave.

        Raises:
            Exception: Whatever kept the content from being complete, or wanted.
        """
        observer, response = self._observer, self.exchange.response
        self.exchange.is_left = False
        began = observer.received
        is_over = False
        while not is_over:
            if observer.may_leave():
                is_fast = observer.received - began >= FAST
                if response.is_silent(PATIENCE if is_fast else 0.0):
                    self._sink.rest()
                    self.exchange.is_left = True
                    return None
            self._transfer.take_piece()
            is_over = response.is_complete
        self._transfer.finish()
        self._scope.check()
        self._sink.verify()
        head = response.head
        return answer_class(head.status)(head=head, content=b"", result=b"")

    @property
    def is_left(self) -> bool:
        """Whether a worker has left it, and none goes on with it."""
        return self.exchange.is_left

    def fileno(self) -> int:
        """The descriptor of the connection's socket."""
        return self.exchange.fileno()

    @property
    def waits_since(self) -> float:
        """When the wait for the next piece began, on `time.monotonic()`. Only while it is left."""
        return self.exchange.waits_since

    def close(self) -> None:
        """Close the connection of what was left."""
        self.exchange.close()
