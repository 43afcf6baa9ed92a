"""InterimResponses: the responses with a status of 1xx that precede the final one (RFC 9110, section 15.2).

A server may send them while the request is still being sent, or after it. The sender passes over them and goes on. The
final response may begin that early, too. One below 300 is no reason to stop: the server sends the rest of it while it
reads the request, or afterwards, so the sender goes on and keeps what comes (contract 10.5). A refusal ends the
sending (RFC 9112, section 9.5). Either lies in `unread` then, where the reader begins. Both ask `pass_over()`.

Runs on the worker; the object belongs to one request.

Invariants:
    INTERIM-1  Sender and reader take the same bytes for interim responses: a whole head that `parse_head()` accepts,
               and that `pass_over()` counts. Whatever else comes, except a whole head of 2xx, ends the sending, and
               the reader judges it.
    INTERIM-2  The limits hold for a request: interim responses that came while it was being sent count for the reader.
"""

from __future__ import annotations

from time import monotonic

from urlrequest import errors
from urlrequest._http.framing import says_close
from urlrequest._http.response_head import END_OF_HEAD, MAX_HEAD_SIZE, parse_head
from urlrequest.errors import ContentTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._net.stream import NetworkStream

__all__ = ["CONTINUE_TIME", "MAX_EARLY_SIZE", "MAX_INTERIM", "InterimResponses"]

MAX_INTERIM = 16  # interim responses to one request
CONTINUE_TIME = 1.0  # seconds to wait for 100 Continue; then the body is sent all the same
MAX_EARLY_SIZE = 64 * 1024 * 1024  # bytes of a final response that are kept in memory while the request is being sent


class InterimResponses:
    """Passes over the interim responses to one request, and counts them.

    Attributes:
        head_limit: How large the next head may be, in bytes: the limit is for all heads of a request together.
        has_continue: A 100 Continue was among them: the server wants the body.
        is_overdue: No 100 Continue came in time, when it was waited for.
    """

    def __init__(self, peer: str, *, expects_continue: bool = True, is_login: bool = False) -> None:
        """Begin with a request.

        Args:
            expects_continue: The server is worth waiting for 100 Continue; False: it never sent one before.
            is_login: The connection logs in by the answer to a challenge, so it must outlive the challenge: all of the
                request is sent.
        """
        self._is_login = is_login
        self._continue_time = CONTINUE_TIME if expects_continue else 0.0
        self.is_overdue: bool = False
        self.head_limit: int = MAX_HEAD_SIZE
        self.has_continue: bool = False
        self._begun = b""  # the beginning of a head
        self._early: list[bytes] = []  # the final response, from its head on
        self._early_size = 0
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
            raise errors.ProtocolError(f"{self._peer} sent more than {MAX_INTERIM} interim responses")
        self._count += 1
        self.head_limit -= size
        self.has_continue = self.has_continue or head.status == 100
        return True

    @property
    def unread(self) -> bytes:
        """Bytes that came while the request was being sent and that are no whole interim response."""
        return b"".join(self._early) if self._early else self._begun

    @property
    def has_final(self) -> bool:
        """Whether the whole head of a final response below 300 has come."""
        return bool(self._early)

    def receive(self, octets: bytes) -> bool:
        """Take in what came while the request was being sent; b"": the server will send no more.

        Returns:
            Whether to stop sending: what lies in `unread` refuses the request, or is no response, or is all that comes.
        Raises:
            ContentTooLarge: So much of the final response has come that it cannot be kept.
        """
        if self._early:
            self._keep(octets)
            return not octets
        searched = max(0, len(self._begun) - 3)
        self._begun += octets
        while (end := END_OF_HEAD.search(self._begun, searched)) is not None:
            head = self._parse(self._begun[: end.end()])
            if head is None or head.status == 101 or (head.status >= 300 and not self._is_challenge(head)):
                return True
            if head.status >= 200:
                self._keep(self._begun)
                return not octets
            self._begun, searched = self._begun[end.end() :], 0
        if not octets or len(self._begun) > self.head_limit:
            return bool(self._begun)
        # The beginning of "HTTP/1.1 1" or "HTTP/1.1 2", as far as it has come; of a challenge, too.
        is_http = b"HTTP/1.".startswith(self._begun[:7]) and self._begun[8:9] in b" \t"
        status = self._begun[9:].lstrip(b" \t")[:1]
        return not (is_http and (status in {b"", b"1", b"2"} or (status == b"4" and self._is_login)))

    def _is_challenge(self, head: ResponseHead) -> bool:
        """Whether a response asks for credentials which the same connection must bring."""
        return self._is_login and head.status in {401, 407} and not says_close(head.headers.items())

    def _parse(self, block: bytes) -> ResponseHead | None:
        """Return the head, passed over if it is interim; None: the reader will raise an error about it."""
        if len(block) > self.head_limit:
            return None
        try:
            head = parse_head(block)
            self.pass_over(head, len(block))
        except errors.BaseProtocolError:
            return None  # the reader begins with the same bytes, and raises the same error
        return head

    def _keep(self, octets: bytes) -> None:
        self._early.append(octets)
        self._early_size += len(octets)
        if self._early_size > MAX_EARLY_SIZE:
            raise ContentTooLarge(f"{self._peer} sent more than {MAX_EARLY_SIZE} bytes before the request was sent")

    def await_continue(self, stream: NetworkStream) -> bool:
        """Wait for 100 Continue, but not for long: many servers never send it (RFC 9110, section 10.1.1).

        Returns:
            Whether to send the body; False: a refusal has come instead, or the end of the connection. A final response
            below 300 is none: some servers begin it before they ask for the body (measured: uvicorn).
        Raises:
            OSError: The connection broke. RequestCancelled, DeadlineExceeded, TimeoutError: From the scope.
        """
        until = monotonic() + self._continue_time
        while not self.has_final and (self._begun or not self.has_continue):
            octets = stream.receive() if self._begun else stream.receive_until(until)
            if octets is None:
                self.is_overdue = True
                return True
            if self.receive(octets) or not octets:
                return False
        return True
