"""Hook: a dispatch queue and the loop that drains it; and which hook a new request gets.

Thread safety. `wakeup()` is called on any thread, and in a signal handler when a request is cancelled there; `drain()`
on the loop's thread. `_installed` is a single reference, read once by each constructor.
"""

from __future__ import annotations

import logging
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from urlrequest._dispatch import DispatchQueue, unhooked

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Hook", "current_hook", "install", "uninstall"]


class Hook(ABC):
    """Brings callbacks to the thread of an event loop (contract 8.4).

    For a loop of your own, implement `wakeup()`, and have the loop call `run()` on its thread afterwards.

    Attributes:
        budget: Time for callbacks in one go, in seconds; what is left waits for the next wake-up (contract 8.5).
    """

    budget: float = 0.008

    def __init__(self) -> None:
        self.queue = DispatchQueue(self._wake)
        self._is_lost = False

    @classmethod
    def detect(cls) -> Self | None:
        """Return a hook for this thread's or this process's loop when there is one; looks at imported modules only."""
        return None

    @abstractmethod
    def wakeup(self) -> None:
        """Make the loop call `run()` soon. Any thread; must not wait for the loop.

        Raises:
            Exception: The loop is gone; the events then wait for `wait()` or `urlrequest.drain()`.
        """

    def drain(self, budget: float | None = None) -> bool:
        """Run pending callbacks on this thread, which must be the loop's.

        Args:
            budget: Time to spend, in seconds; at least one event is delivered. None: all that is pending now.
        Returns:
            Whether something is still pending; `wakeup()` has been called for it.
        Raises:
            BaseException: What a callback raised; the other events stay pending.
        """
        return self.queue.drain(budget)

    def run(self) -> None:
        """Drain within the budget, for a loop to call: exceptions of callbacks go to `handle_exception()`."""
        try:
            self.drain(self.budget)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - no callback may end the loop
            self.handle_exception(error)

    def handle_exception(self, error: BaseException) -> None:
        """Report what a callback raised; override it for another way (contract 8.7)."""
        sys.excepthook(type(error), error, error.__traceback__)

    def close(self) -> None:
        """Give up the loop: events go to `wait()` and `urlrequest.drain()` from now on. Any thread."""
        self._is_lost = True
        self.queue.bequeath(unhooked)

    def _wake(self) -> None:
        try:
            self.wakeup()
        except Exception as error:  # noqa: BLE001 - every toolkit says in its own way that it has gone
            is_first, self._is_lost = not self._is_lost, True
            if is_first:
                logging.getLogger("urlrequest").warning(
                    "%s: the loop is gone (%s); callbacks wait for wait() or drain()", type(self).__name__, error
                )
            self.queue.bequeath(unhooked)


_installed: Hook | None = None


def check_hook(hook: object) -> None:
    """Raise TypeError for what is neither a hook nor None."""
    if hook is not None and not isinstance(hook, Hook):
        raise TypeError(f"hook is {type(hook).__name__}; a urlrequest.hooks.Hook is needed")


def install(hook: Hook | None = None) -> Hook | None:
    """Have all requests made from now on use a hook, whichever thread makes them (contract 8.1).

    Args:
        hook: The hook; None: the one that is detected now.
    Returns:
        The installed hook.
    Raises:
        TypeError: It is no hook.
    """
    global _installed
    check_hook(hook)
    _installed = hook
    return hook


def uninstall() -> None:
    """Undo `install()`: requests made from now on detect their loop again."""
    global _installed
    _installed = None


def current_hook() -> Hook | None:
    """The hook of a request that is made now on this thread and names none."""
    return _installed
