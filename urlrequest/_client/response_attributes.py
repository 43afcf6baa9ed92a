"""Read-only attributes of a request: result, error, content, text, resp_*, history, timings, is_finished ...

Thread safety. All state is in the request's `Call`; each attribute reads one reference. The attributes of the outcome
are set before `is_finished`, those of the response's head before the first on_progress. The first thread that reads
`resp_headers` may set that reference again, to a copy; of two that do so in the same moment, the last one's stays.
"""

from __future__ import annotations

from urlrequest._concurrency.sync import fork_watch
from urlrequest._delivery.events import Success, answer_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest._http.headers import Headers
    from urlrequest._http.redirect import Hop

    from .call import Call

__all__ = ["ResponseAttributes"]


class _Alias:
    """Another name of an attribute (contract 1.4); a subclass may set an attribute of its own under this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, request: object, _: type | None = None) -> Any:
        return self if request is None else getattr(request, self._name)


class ResponseAttributes:
    """Attributes of the response and the outcome; most are set right before the terminal callback (contract 3.4)."""

    _urlrequest_call: Call

    _result = _Alias("result")
    _error = _Alias("error")
    _resp_headers = _Alias("resp_headers")
    _resp_status = _Alias("resp_status")

    @property
    def is_finished(self) -> bool:
        """Whether the outcome was published: True from the terminal callback on."""
        fork_watch.check()
        return self._urlrequest_call.lifecycle.is_finished

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel()` decided the outcome."""
        return self._urlrequest_call.lifecycle.is_cancelled

    @property
    def ok(self) -> bool:
        """Whether the request is finished, and was a success: its status is 2xx, or 101 (contract 11.8)."""
        call = self._urlrequest_call
        head = call.resp_head
        is_answered = call.lifecycle.is_finished and call.error is None and not call.lifecycle.is_cancelled
        return is_answered and head is not None and answer_class(head.status) is Success

    @property
    def timings(self) -> dict[str, float]:
        """Seconds spent in queue, dns, connect, tls, send, first_byte, total; only phases that happened."""
        return self._urlrequest_call.scope.timings.copy()

    @property
    def history(self) -> list[Hop]:
        """The redirects that were followed, with `url`, `status` and `headers` each."""
        return list(self._urlrequest_call.history)

    @property
    def result(self) -> Any:
        """The body as JSON, text or bytes (contract 4); None until the request is finished."""
        return self._urlrequest_call.result

    @property
    def error(self) -> BaseException | None:
        """The exception that ended the request; None before it is finished, and if there was no error."""
        return self._urlrequest_call.error

    @property
    def content(self) -> bytes | None:
        """The body's bytes, decompressed; None until the request is finished."""
        return self._urlrequest_call.content

    @property
    def text(self) -> str | None:
        """The body as text, whatever its type; None until the request is finished."""
        content = self._urlrequest_call.content
        if content is None:
            return None
        head = self._urlrequest_call.resp_head
        from urlrequest._content.text import decode_text

        text = decode_text(content, None if head is None else head.headers.get("Content-Type"))
        return text if isinstance(text, str) else content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the body as JSON, whatever its type.

        Raises:
            ValueError: It is not JSON, or there is no body yet.
        """
        content = self._urlrequest_call.content
        if content is None:
            raise ValueError(f"there is no body: {_why_no_body(self._urlrequest_call)}")
        from urlrequest._content.text import parse_json_body

        head = self._urlrequest_call.resp_head
        return parse_json_body(content, None if head is None else head.headers.get("Content-Type"))

    @property
    def resp_status(self) -> int | None:
        """The response's status code; None until the first callback."""
        head = self._urlrequest_call.resp_head
        return None if head is None else head.status

    @property
    def resp_reason(self) -> str | None:
        """The response's reason phrase; None until the first callback."""
        head = self._urlrequest_call.resp_head
        return None if head is None else head.reason

    @property
    def resp_headers(self) -> Headers | None:
        """The response's headers; None until the first callback."""
        call = self._urlrequest_call
        head = call.resp_head
        if head is None:
            return None
        if head.is_shared:  # the user may change them
            call.resp_head = head = head.own()
        return head.headers

    @property
    def resp_url(self) -> str | None:
        """The URL of the response, after redirects and without userinfo; None until the first callback."""
        target = self._urlrequest_call.resp_target
        return None if target is None else target.url


def _why_no_body(call: Call) -> str:
    if not call.lifecycle.is_finished:
        return "the request has not finished; wait() waits for it"
    return "the request was cancelled" if call.error is None else f"the request failed: {call.error}"
