"""ResponseAttributes: what a request shows of its response and its outcome.

Thread safety. All is written by whoever delivers the outcome, the response's head first and `is_finished` (the
request's) last, and read by anybody; each attribute is a single reference.
"""

from __future__ import annotations

from urlrequest._content.text import decode_text, parse_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest._delivery.events import Outcome
    from urlrequest._http.headers import Headers
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http.target import Target

__all__ = ["ResponseAttributes"]


class ResponseAttributes:
    """The attributes of a request that are set in the same step that runs the callback (contract 3.4)."""

    _result: Any = None
    _error: BaseException | None = None
    _content: bytes | None = None
    _resp_head: ResponseHead | None = None
    _resp_target: Target | None = None

    def _publish_response(self, target: Target | None, head: ResponseHead | None) -> None:
        if head is not None:
            self._resp_target, self._resp_head = target, head

    def _publish_outcome(self, outcome: Outcome) -> None:
        self._content, self._result = outcome.content, outcome.result
        if outcome.error is not None:
            self._error = outcome.error

    @property
    def result(self) -> Any:
        """What came back (contract 4); None until the request is finished."""
        return self._result

    @property
    def error(self) -> BaseException | None:
        """What went wrong; None until the request is finished, and without an error."""
        return self._error

    @property
    def content(self) -> bytes | None:
        """The body's octets, content codings undone; None until the request is finished."""
        return self._content

    @property
    def text(self) -> str | None:
        """The body as text, whatever its type says; None until the request is finished."""
        if self._content is None:
            return None
        text = decode_text(self._content, self._content_type)
        return text if isinstance(text, str) else self._content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the body as JSON, whatever its type says.

        Raises:
            ValueError: It is no JSON, or there is no body yet.
        """
        if self._content is None:
            raise ValueError("there is no body")
        return parse_json(self._content)

    @property
    def resp_status(self) -> int | None:
        """The response's status code; None until the first callback."""
        return None if self._resp_head is None else self._resp_head.status

    @property
    def resp_reason(self) -> str | None:
        """The response's reason phrase; None until the first callback."""
        return None if self._resp_head is None else self._resp_head.reason

    @property
    def resp_headers(self) -> Headers | None:
        """The response's header fields; None until the first callback."""
        return None if self._resp_head is None else self._resp_head.headers

    @property
    def resp_url(self) -> str | None:
        """The URL that answered, without userinfo; None until the first callback."""
        return None if self._resp_target is None else self._resp_target.url

    @property
    def _content_type(self) -> str | None:
        return None if self._resp_head is None else self._resp_head.headers.get("Content-Type")
