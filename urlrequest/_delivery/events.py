"""What callbacks are run for: progress, chunks of a body, and the outcome of a request.

An outcome is made once, by the worker or the canceller, and never changed. It knows the name of its callback and the
arguments that follow the request (contract 3.2), so that delivery is one line.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from urlrequest._http.response_head import ResponseHead

__all__ = [
    "Answer",
    "Cancel",
    "Chunk",
    "Error",
    "Failure",
    "Outcome",
    "ProgressRun",
    "Redirect",
    "Success",
    "answer_class",
]


class ProgressRun:
    """Progress events at equal distances: first, first + step, ... One object stands for all events of a read.

    The worker never touches a run it has posted; delivering shortens it from the front.
    """

    __slots__ = ("count", "first", "is_upload", "step", "total")

    def __init__(self, first: int, step: int, count: int, total: int, *, is_upload: bool = False) -> None:
        self.first = first
        self.step = step
        self.count = count
        self.total = total
        self.is_upload = is_upload

    @property
    def callback(self) -> str:
        """The attribute of the request that holds the callback."""
        return "on_upload_progress" if self.is_upload else "on_progress"

    def first_events(self, count: int) -> ProgressRun:
        """So many of the run's events, from the front."""
        return ProgressRun(self.first, self.step, count, self.total, is_upload=self.is_upload)

    def last_event(self) -> ProgressRun:
        """The run's last event alone."""
        first = self.first + self.step * (self.count - 1)
        return ProgressRun(first, self.step, 1, self.total, is_upload=self.is_upload)


class Chunk:
    """A chunk of a body, for on_chunk."""

    __slots__ = ("chunk",)

    def __init__(self, chunk: bytes) -> None:
        self.chunk = chunk


class Outcome:
    """How a request ended.

    Attributes:
        callback: The attribute of the request that holds the callback.
        head: The response's head, or None when none was received.
        content: The body's bytes, or None when there was no complete body.
        result: What the user gets (contract 4), or None.
        error: What went wrong, or None.
    """

    __slots__ = ("content", "error", "head", "result")
    callback: ClassVar[str]

    def __init__(
        self,
        head: ResponseHead | None = None,
        content: bytes | None = None,
        result: Any = None,
        error: BaseException | None = None,
    ) -> None:
        self.head = head
        self.content = content
        self.result = result
        self.error = error

    def arguments(self) -> tuple[Any, ...]:
        """What the callback gets besides the request."""
        return ()


class Answer(Outcome):
    """A complete response, whatever its status."""

    __slots__ = ()

    def arguments(self) -> tuple[Any, ...]:
        return (self.result,)


class Success(Answer):
    __slots__ = ()
    callback = "on_success"


class Redirect(Answer):
    __slots__ = ()
    callback = "on_redirect"


class Failure(Answer):
    __slots__ = ()
    callback = "on_failure"


class Error(Outcome):
    """No complete response: `error` says why."""

    __slots__ = ()
    callback = "on_error"

    def arguments(self) -> tuple[Any, ...]:
        return (self.error,)


class Cancel(Outcome):
    __slots__ = ()
    callback = "on_cancel"


def answer_class(status: int) -> type[Answer]:
    """Return the class of the outcome, and so the callback, for a final status (contract 3.3)."""
    if 200 <= status < 300 or status == 101:
        return Success
    if 300 <= status < 400:
        return Redirect
    return Failure
