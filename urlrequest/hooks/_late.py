"""Events of requests that found no loop: they go to the loop that appears later (contract 8.10).

A request may be made before its toolkit is imported, or its loop may have ended before the answer. Its events are in
`default_queue` then. While some are pending there, a thread looks for a loop, and gives them to its hook. A program
whose events do not stay there has no such thread.

Thread safety. All of it runs on that one thread, which `_detect` starts.
"""

from __future__ import annotations

from time import monotonic, sleep

from urlrequest._defaults import defaults
from urlrequest._delivery.queue import default_queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._delivery.queue import DispatchQueue, QueueEntry

    from ._base import Hook

__all__ = ["watch"]

# Seconds between two looks: an eighth of the time that was waited already, within these limits. So a callback is late
# by an eighth at the most, and a program that never gets a loop spends nothing that could be measured.
MIN_PAUSE, MAX_PAUSE = 0.05, 1.0
# A program that drains as often as this, in seconds, has a loop of its own, and keeps its events.
DRAIN_PERIOD = 1.0


def watch(find_hook: Callable[[int], Hook | None]) -> None:
    """Give the events in `default_queue` to loops that appear, until none is pending.

    Args:
        find_hook: Returns the hook for a request that was made on a thread, given by its ident; None: there is none.
    """

    def find_queue(entry: QueueEntry) -> DispatchQueue | None:
        hook = find_hook(entry.thread)
        return None if hook is None else hook.queue

    began = monotonic()
    while default_queue.has_pending and defaults.detect_hook:
        sleep(min(max(MIN_PAUSE, (monotonic() - began) / 8), MAX_PAUSE))
        if monotonic() - default_queue.drained_at > DRAIN_PERIOD:
            default_queue.give_away(find_queue)
