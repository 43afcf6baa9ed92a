"""Callbacks: the user's functions, which thread may replace them, and in which order they run.

Thread safety. Each attribute is one reference: any thread may replace it, the dispatch thread reads it when its event
is delivered. They run on the dispatch thread only, with no lock held that another thread waits for.
"""

from __future__ import annotations

from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from typing_extensions import Self

    from urlrequest._delivery.events import Outcome, ProgressRun
    from urlrequest._delivery.lifecycle import Lifecycle
    from urlrequest._delivery.mailbox import Mailbox

    from .argument_types import Ignored

__all__ = ["Callbacks", "drop_callbacks", "explain", "has_callback", "has_callbacks", "run_callbacks", "run_progress"]

_NAMES = (
    "on_success",
    "on_redirect",
    "on_failure",
    "on_error",
    "on_progress",
    "on_cancel",
    "on_finish",
    "on_upload_progress",
    "on_chunk",
)
# What is no callback for sure, but another argument in the wrong place: an URL, a body, headers.
_ARGUMENTS = (str, bytes, bytearray, dict, list, tuple, set)

# inspect.CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR: a call of such a function only makes an object.
_RUNS_LATER = 0x20 | 0x80 | 0x200
_NOT_PLAIN = "must be a plain function; it may create a task, or `await` the request in a coroutine instead"


class Callbacks:
    """The `on_*` attributes of a request (contract 3)."""

    on_success: Callable[[Self, Any], Ignored] | None = None
    on_redirect: Callable[[Self, Any], Ignored] | None = None
    on_failure: Callable[[Self, Any], Ignored] | None = None
    on_error: Callable[[Self, Any], Ignored] | None = None
    on_progress: Callable[[Self, int, int], Ignored] | None = None
    on_cancel: Callable[[Self], Ignored] | None = None
    on_finish: Callable[[Self], Ignored] | None = None
    on_upload_progress: Callable[[Self, int, int], Ignored] | None = None
    on_chunk: Callable[[Self, bytes], Ignored] | None = None

    def __init__(
        self,
        on_success: Callable[..., Any] | None,
        on_redirect: Callable[..., Any] | None,
        on_failure: Callable[..., Any] | None,
        on_error: Callable[..., Any] | None,
        on_progress: Callable[..., Any] | None,
        on_cancel: Callable[..., Any] | None,
        on_finish: Callable[..., Any] | None,
        on_upload_progress: Callable[..., Any] | None = None,
        on_chunk: Callable[..., Any] | None = None,
    ) -> None:
        """Keep the callbacks.

        Raises:
            TypeError: One of them is text, bytes or a collection (contract 2.3), unless it follows one that an event
                system has passed on; or a coroutine function or a generator function, of which a call runs nothing.
        """
        self.on_success, self.on_redirect, self.on_failure = on_success, on_redirect, on_failure
        self.on_error, self.on_cancel, self.on_finish = on_error, on_cancel, on_finish
        self.on_progress, self.on_upload_progress, self.on_chunk = on_progress, on_upload_progress, on_chunk
        given: tuple[Any, ...] = (
            on_success, on_redirect, on_failure, on_error, on_progress, on_cancel, on_finish, on_upload_progress,
            on_chunk,
        )  # fmt: skip
        if not any(given):
            return
        is_passed_on = False  # by an event system, as a widget that was ignored shows
        for name, callback in zip(_NAMES, given, strict=True):
            if not callback:
                continue
            if not callable(callback):
                _refuse(name, callback, is_passed_on=is_passed_on)
                is_passed_on = True
                delattr(self, name)
            else:
                code = getattr(callback, "__code__", None)
                if code is not None and getattr(code, "co_flags", 0) & _RUNS_LATER:
                    raise TypeError(f"{name} {_NOT_PLAIN}")


def _refuse(name: str, value: object, *, is_passed_on: bool) -> None:
    """Warn of what is no callback, and is ignored: event systems pass numbers and widgets on, as Kivy's Clock does.

    Args:
        is_passed_on: Whether it follows one of these: Kivy's properties pass on a widget, then a text or a list.
    Raises:
        TypeError: It is an argument in the wrong place.
    """
    import warnings  # hardly any program needs it

    what = f"{name} is {type(value).__name__}; a callable or None is needed"
    if isinstance(value, _ARGUMENTS) and not is_passed_on:
        raise TypeError(what)
    warnings.warn(f"{what}, and it is ignored", RuntimeWarning, stacklevel=4)


def has_callbacks(request: Any) -> bool:
    """Whether a request has any callback."""
    return (  # one by one: a loop takes three times as long (measured), and every request comes by here twice
        request.on_success is not None
        or request.on_redirect is not None
        or request.on_failure is not None
        or request.on_error is not None
        or request.on_progress is not None
        or request.on_cancel is not None
        or request.on_finish is not None
        or request.on_upload_progress is not None
        or request.on_chunk is not None
    )


def has_callback(request: Any, name: str) -> bool:
    """Whether a callback will run for an outcome: its own, given by name, or on_finish."""
    return bool(request.on_finish or getattr(request, name))


def run_progress(request: Any, run: ProgressRun, most: int, until: float | None, lifecycle: Lifecycle) -> int:
    """Run the request's callback for the events of a run, and return how many there were.

    A callback may replace the callback, cancel the request, or wait for it, which delivers the rest of the run in here.
    So the loop checks all of that before each event.
    """
    name, total = run.callback, run.total
    done = 0
    while run.count and done < most and not lifecycle.is_cancelled:
        current = run.first
        run.first += run.step
        run.count -= 1
        done += 1
        callback = getattr(request, name)
        if callback:
            try:
                callback(request, current, total)
            except BaseException as error:
                explain(error, request, name)
                raise
        if until is not None and monotonic() >= until:
            break
    return done


def run_callbacks(request: Any, outcome: Outcome, mailbox: Mailbox) -> None:
    """Run the outcome's callback, then on_finish, whatever the first one raises (contract 3.6).

    Args:
        mailbox: That of the request. It learns that the callbacks begin, so that none is lost and none runs twice.
    """
    name = outcome.callback
    callback = getattr(request, name) or None
    arguments = outcome.arguments()
    try:
        mailbox.is_ending = True  # no call from here to that of the callback, so Ctrl-C comes before both or within it
        if callback is not None:
            result = callback(request, *arguments)
            if result is not None:
                _refuse_coroutine(result, name)
    except BaseException as error:
        explain(error, request, name)
        raise
    finally:
        on_finish = request.on_finish
        if on_finish:
            try:
                on_finish(request)
            except BaseException as error:
                explain(error, request, "on_finish")
                raise


def _refuse_coroutine(result: object, name: str) -> None:
    """Refuse what a callback returned if it is a coroutine: nobody would run it.

    Raises:
        TypeError: It is one.
    """
    if hasattr(result, "cr_frame"):
        result.close()  # type: ignore[attr-defined]  # it is a coroutine; without this Python would warn as well
        raise TypeError(f"{name} {_NOT_PLAIN}")


def explain(error: BaseException, request: Any, name: str) -> None:
    """Note on an exception which callback of which request has raised it."""
    from urlrequest._tracebacks import note_callback  # few callbacks raise

    note_callback(error, request, name)


def drop_callbacks(request: Any) -> None:
    """Let go of all callbacks (contract 3.7)."""
    if has_callbacks(request):  # a subclass may refuse to be assigned to
        request.on_success = request.on_redirect = request.on_failure = request.on_error = request.on_progress = None
        request.on_cancel = request.on_finish = request.on_upload_progress = request.on_chunk = None
