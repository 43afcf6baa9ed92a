"""Lines in the log for outcomes that nobody hears of, so that nothing passes in silence (contract 3.8, 3.9).

An error without a callback is logged. Repeats of a failure are counted for ten minutes, and the next line says how many
there were: a program that polls a server which is gone does not fill its log. A callback that nobody runs is logged
when a program takes `join()` for `wait()`.

Thread safety. Any thread may call these functions. `_failures` is used by single operations, which are atomic; two
threads at once may write one line too many.
"""

from __future__ import annotations

from itertools import count
from time import monotonic

from urlrequest._concurrency.sync import AtomicFlag
from urlrequest._http.redirect import redirect_hint
from urlrequest._log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest._delivery.events import Outcome
    from urlrequest._http.response_head import ResponseHead
    from urlrequest._http.target import Target

__all__ = ["log_unheard", "warn_of_join"]

QUIET_TIME = 600.0  # seconds after a line in which repeats are only counted
MAX_FAILURES = 256  # that are remembered; with one more, all are forgotten

_failures: dict[tuple[Any, ...], tuple[float, count[int]]] = {}
"""When each failure was logged last, and the counter of its repeats. A failure is a request and how it ended."""

_WITHOUT_FIGURES = str.maketrans("", "", "0123456789")

_has_warned_of_join = AtomicFlag()


def log_unheard(request: str, outcome: Outcome, head: ResponseHead | None, target: Target | None) -> None:
    """Log an error, failure or redirect for which there is no callback, at WARNING.

    Args:
        request: Its method and URL, without userinfo and query.
        head, target: Of the response, if there is one.
    """
    error = outcome.error
    status = None if head is None else head.status
    repeats = _count_repeats((request, outcome.callback, type(error), status, _reason(error)))
    if repeats is None:
        return
    end = f"(no {outcome.callback} callback" + (f"; {repeats} repeats were not logged)" if repeats else ")")
    if error is not None:
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        log("WARNING", f"%s failed: %s: %s%s {end}", request, type(error).__name__, error, notes)
    elif head is not None:
        hint = "" if target is None else redirect_hint(target, head)
        log("WARNING", f"%s: %s%s {end}", request, head.describe_status(), hint)


def _reason(error: BaseException | None) -> str:
    """What tells an error from others of its class: its text without figures, which differ from time to time."""
    try:
        return str(error).translate(_WITHOUT_FIGURES)
    except Exception:  # noqa: BLE001 - a class of the program may raise anything; `logging` copes with it
        return ""


def _count_repeats(failure: tuple[Any, ...]) -> int | None:
    """Count a failure: how many repeats were not logged, or None where this one is not to be logged either."""
    now = monotonic()
    known = _failures.get(failure)
    if known is not None:
        logged_at, counter = known
        repeats = next(counter)
        if now - logged_at < QUIET_TIME:
            return None
    else:
        repeats = 0
        if len(_failures) >= MAX_FAILURES:
            _failures.clear()
    _failures[failure] = (now, count())
    return repeats


def warn_of_join(request: object) -> None:
    """Log, once in a process, that a request was joined whose callbacks nobody runs."""
    if not _has_warned_of_join.test_and_set():
        from urlrequest._tracebacks import shown  # loaded with the engine

        log("WARNING", "join() runs no callbacks, so those of %s have not run: call wait() instead", shown(request))
