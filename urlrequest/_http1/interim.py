"""InterimResponses: the responses with a status of 1xx that precede the final one (RFC 9110, section 15.2).

A server may send them while the request is still being sent, or after it. The sender passes over them and goes on; it
stops only for the final response, which then lies in `unread`, where the reader begins. Both ask `pass_over()`.

Runs on the worker; the object belongs to one request.

Invariants:
    INTERIM-1  Sender and reader take the same bytes for interim responses: a whole head that `parse_head()` accepts,
               and that `pass_over()` counts. Whatever else comes ends the sending, and the reader judges it.
    INTERIM-2  The limits hold for a request: interim responses that came while it was being sent count for the reader.
"""

from __future__ import annotations

from time import monotonic

from urlrequest._http.response_head import END_OF_HEAD, MAX_HEAD_SIZE, parse_head
from urlrequest.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._net.stream import NetworkStream

__all__ = ["CONTINUE_TIME", "MAX_INTERIM", "InterimResponses"]

MAX_INTERIM = 16  # interim responses to one request
CONTINUE_TIME = 1.0  # seconds to wait for 100 Continue; then the body is sent all the same


class InterimResponses:
    """Passes over the interim responses to one request, and counts them.

    Attributes:
        head_limit: How large the next head may be, in bytes: the limit is for all heads of a request together.
        unread: Bytes that came while the request was being sent and that are no whole interim response.
        has_continue: A 100 Continue was among them: the server wants the body.
        is_overdue: No 100 Continue came in time, when it was waited for.
    """

    def __init__(self, peer: str, *, expects_continue: bool = True) -> None:
        """Begin with a request.

        Args:
            expects_continue: The server is worth waiting for 100 Continue; False: it never sent one before.
        """
        self._continue_time = CONTINUE_TIME if expects_continue else 0.0
        self.is_overdue = False
        self.head_limit = MAX_HEAD_SIZE
        self.unread = b""
        self.has_continue = False
        self._peer = peer
        self._count = 0

    def pass_over(self, head: ResponseHead, size: int) -> bool:
        """Count a head of `size` bytes, if it is that of an interim response.

        Returns:
            Whether it is; False: it is the head of the final response.
        Raises:
            ProtocolError: It is one more than a server may send.
        """
        # 101 is final: what follows it is another protocol (RFC 9110, section 15.2.2).
        if head.status >= 200 or head.status == 101:
            return False
        if self._count == MAX_INTERIM:
            raise ProtocolError(f"{self._peer} sent more than {MAX_INTERIM} interim responses")
        self._count += 1
        self.head_limit -= size
        self.has_continue = self.has_continue or head.status == 100
        return True

    def receive(self, octets: bytes) -> bool:
        """Take in what came while the request was being sent; b"": the server will send no more.

        Returns:
            Whether to stop sending: what lies in `unread` has begun to be something else than an interim response.
        """
        searched = max(0, len(self.unread) - 3)
        self.unread += octets
        while (end := END_OF_HEAD.search(self.unread, searched)) is not None:
            if not self._can_pass_over(self.unread[: end.end()]):
                return True
            self.unread, searched = self.unread[end.end() :], 0
        if not octets or len(self.unread) > self.head_limit:
            return bool(self.unread)
        # The beginning of "HTTP/1.1 1", as far as it has come.
        is_http = b"HTTP/1.".startswith(self.unread[:7]) and self.unread[8:9] in b" \t"
        return not (is_http and b"1".startswith(self.unread[9:].lstrip(b" \t")[:1]))

    def _can_pass_over(self, block: bytes) -> bool:
        try:
            return len(block) <= self.head_limit and self.pass_over(parse_head(block), len(block))
        except ProtocolError:
            return False  # the reader begins with the same bytes, and raises the same error

    def await_continue(self, stream: NetworkStream) -> bool:
        """Wait for 100 Continue, but not for long: many servers never send it (RFC 9110, section 10.1.1).

        Returns:
            Whether to send the body; False: the final response has come instead, or the end of the connection.
        Raises:
            OSError: The connection broke. RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
        """
        until = monotonic() + self._continue_time
        while self.unread or not self.has_continue:
            octets = stream.receive() if self.unread else stream.receive_until(until)
            if octets is None:
                self.is_overdue = True
                return True
            if self.receive(octets) or not octets:
                return False
        return True
