"""Events of requests that found no loop: they go to the loop that appears later (contract 8.10).

A request may be made before its toolkit is imported, or its loop may have ended before the answer. Its events are in
`default_queue` then. While some are pending there, a thread looks for a loop, and gives them to its hook. A program
whose events do not stay there has no such thread.

Thread safety. All of it runs on that one thread, which `_detect` starts.
"""

from __future__ import annotations

from functools import cache
from time import monotonic

from urlrequest._concurrency.sync import Signal
from urlrequest._defaults import defaults
from urlrequest._delivery.queue import default_queue
from urlrequest._log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._delivery.queue import DispatchQueue, QueueEntry

    from ._base import Hook

__all__ = ["end", "reset_after_fork", "watch"]

# Seconds between two looks: an eighth of the time that was waited already, within these limits. So a callback is late
# by an eighth at the most, and a program that never gets a loop spends nothing that could be measured.
MIN_PAUSE, MAX_PAUSE = 0.05, 1.0
# A program that drains as often as this, in seconds, has a loop of its own, and keeps its events.
DRAIN_PERIOD = 1.0
# Seconds after which events that wait are worth a line in the log; a program that waits for its requests late gets it,
# too, so this is long.
PATIENCE = 30.0

_end = Signal()


def watch(find_hook: Callable[[int], Hook | None]) -> None:
    """Give the events in `default_queue` to loops that appear, until none is pending.

    Args:
        find_hook: Returns the hook for a request that was made on a thread, given by its ident; None: there is none.
    """

    def find_queue(entry: QueueEntry) -> DispatchQueue | None:
        hook = find_hook(entry.thread)
        return None if hook is None else hook.queue

    began, has_warned = monotonic(), False
    while default_queue.has_pending and defaults.detect_hook:
        if sleep(min(max(MIN_PAUSE, (monotonic() - began) / 8), MAX_PAUSE)):
            return
        if monotonic() - default_queue.drained_at > DRAIN_PERIOD:
            default_queue.give_away(find_queue)
            if not has_warned and monotonic() - began > PATIENCE:
                has_warned = True
                _warn()


def sleep(seconds: float) -> bool:
    """Sleep; whether the process ends."""
    return _end.wait(seconds)


def end() -> None:
    """End the thread. At the end of the process."""
    _end.notify()


def reset_after_fork() -> None:
    """Start afresh. In a forked child, where the thread does not live on."""
    global _end
    _end = Signal()


@cache
def _warn() -> None:
    """Log, once in the process, that callbacks may wait in vain: a loop of another thread cannot be found."""
    what = "the callbacks of %d requests wait: no event loop was found where they were made"
    log("WARNING", f"{what}; call wait() or drain(), or pass the hook of your loop (hook=)", default_queue.count)
