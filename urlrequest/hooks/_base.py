"""Hook: a dispatch queue and the loop that drains it.

Thread safety. `wakeup()` is called on any thread, and in a signal handler when a request is cancelled there; `run()`
and `drain()` on the loop's thread.

Invariants:
    H1  A hook keeps no loop alive, and `_hooks` keeps a hook as long as its loop lives: there is one for all requests
        of a loop, and none left when the loop has gone.
    H2  A loop that has gone is noticed by the wake-up that fails, and by its end where a wake-up was on its way. Either
        is told once, and the events go to `default_queue`.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from importlib import import_module
from weakref import WeakKeyDictionary, WeakMethod, ref

from urlrequest._delivery.queue import DispatchQueue, default_queue
from urlrequest._log import log
from urlrequest.errors import HookError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from typing_extensions import Self

__all__ = ["REST", "Hook", "YieldingHook", "toolkit", "weakly"]

REST = 1  # milliseconds for others between two budgets

_hooks: WeakKeyDictionary[Any, Hook] = WeakKeyDictionary()  # by loop


class Hook(ABC):
    """Brings callbacks to the thread of an event loop (contract 8.4).

    For a loop of your own, implement `wakeup()`, and have the loop call `run()` on its thread afterwards.

    Attributes:
        budget: Time for callbacks in one go, in seconds; what is left waits for the next wake-up (contract 8.5).
    """

    budget: float = 0.008
    _passing: ClassVar[tuple[type[BaseException], ...]] = (KeyboardInterrupt, SystemExit)  # what may leave `run()`

    def __init__(self) -> None:
        self.queue = DispatchQueue(self._wake)
        self._is_lost = False
        self._find_loop: Callable[[], Any] = lambda: None

    @classmethod
    def detect(cls) -> Self | None:
        """Return the hook of this thread's or this process's loop, if there is one; looks at imported modules only."""
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
        """Drain within the budget, for a loop to call: exceptions of callbacks go to `handle_exception()`.

        Raises:
            KeyboardInterrupt, SystemExit: A callback raised it, and the loop can carry it to its caller.
        """
        try:
            self.drain(self.budget)
        except self._passing:
            raise
        except BaseException as error:  # noqa: BLE001 - no callback may end the loop
            self._report(error)

    def _report(self, error: BaseException) -> None:
        try:
            self.handle_exception(error)
        except Exception:  # noqa: BLE001 - no callback may end the loop, nor what reports it
            log("ERROR", "%s.handle_exception() failed", type(self).__name__, exc_info=True)

    def handle_exception(self, error: BaseException) -> None:
        """Report what a callback raised; override it for another way (contract 8.7)."""
        sys.excepthook(type(error), error, error.__traceback__)

    def close(self) -> None:
        """Give up the loop: events go to `wait()` and `urlrequest.drain()` from now on. Any thread."""
        self._is_lost = True
        self.queue.forward_to(default_queue)

    def _wake(self) -> None:
        try:
            self.wakeup()
        except Exception as error:  # noqa: BLE001 - every toolkit says in its own way that it has gone
            is_first, self._is_lost = not self._is_lost, True
            if is_first:
                what = "%s: the loop is gone (%s); callbacks wait for wait() or drain()"
                log("WARNING", what, type(self).__name__, error)
            self.queue.forward_to(default_queue)

    # For the hooks of loops that are objects

    @property
    def is_lost(self) -> bool:
        """Whether the hook was closed or its loop has gone: its events go to `wait()` and `urlrequest.drain()`."""
        return self._is_lost

    @classmethod
    def _of(cls, loop: object) -> Self | None:
        """The hook that a loop has already."""
        hook = _hooks.get(loop)
        return hook if isinstance(hook, cls) and not hook.is_lost else None

    def _bind(self, loop: object) -> None:
        """Belong to a loop (H1). The first hook of a loop serves all its requests that name none."""
        self._find_loop = ref(loop, weakly(self._see_end))
        if self._of(loop) is None:
            _hooks[loop] = self

    @property
    def _loop(self) -> Any:
        """The loop.

        Raises:
            HookError: There is none any more.
        """
        loop = self._find_loop()
        if loop is None:
            raise HookError("it was destroyed")
        return loop

    def _see_end(self) -> None:
        """The loop has ended, or may have: `wakeup()` knows, if events wait for a wake-up that will not come (H2)."""
        if self.queue.has_pending:
            self._wake()


class YieldingHook(Hook):
    """A hook of a loop that serves wake-ups first, or in turns with timers.

    One that asks to be woken again whenever its budget is spent would hold up timers and redraws by several budgets
    (measured: a timer came two budgets late in asyncio and Qt, four in trio). So it leaves the loop to them first.
    """

    _pauses = False  # `_resume()` is on its way; belongs to the loop's thread

    def _come(self) -> None:
        """Run, for the loop to call after a wake-up; but not in a pause."""
        if self._pauses:
            return
        try:
            self.run()
        finally:
            if self.queue.has_pending and not self._pauses:  # a loop inside a callback may have begun a pause
                self._pauses = True
                self._pause()

    @abstractmethod
    def _pause(self) -> None:
        """Have the loop call `_resume()` when the others had their turn."""

    def _resume(self) -> None:
        self._pauses = False
        self._come()


def toolkit(module: str, package: str) -> Any:
    """Import a toolkit's module.

    Raises:
        ImportError: The package, as one installs it, is missing.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"this hook needs the package {package}: {error}", name=error.name) from error


def weakly(method: Callable[[], object]) -> Callable[..., None]:
    """Return a function that calls a bound method, with whatever arguments, while its object lives."""
    find = WeakMethod(method)

    def call(*_: object) -> None:
        found = find()
        if found is not None:
            found()

    return call
