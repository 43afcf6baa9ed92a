"""Hook: binds a dispatch queue to the event loop that drains it.

Thread safety. `wakeup()` is called on any thread, and in a signal handler when a request is cancelled there; `run()`
and `drain()` are called on the loop's thread.

Invariants:
    HOOK-1  A hook keeps no loop alive, and `_hooks` keeps a hook as long as its loop lives: all requests of a loop
            share one hook, and none is left when the loop is gone.
    HOOK-2  A loop that is gone is noticed because a wake-up fails or is dropped, or because the loop reports its end
            while a wake-up is on its way. It is logged once, and the events go to `default_queue`.
    HOOK-3  A loop that stands still keeps what it is given. So `urlrequest.drain()` serves the hook of a detected loop,
            too, on the loop's thread.
    HOOK-4  Where several loops belong to one thread, one of them turns at a time, and nothing shows which: a window in
            `async def main()` or in a notebook's cell, asyncio.run() in a handler. So the hook that was found first is
            paired with the others: its wake-ups go to all, and the loop that turns first drains its queue. A loop that
            does not turn is given one wake-up, and no other one before it has taken that. When one of them is gone,
            its events go to another of them.
    HOOK-5  A forked child has copies of its parent's loops, which never turn there. So it leaves their hooks behind:
            what they have of it goes to `default_queue`, and a loop that has such a hook is not detected. A hook that
            has no loop, or is named again in the child, is the program's own business.
"""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from importlib import import_module
from weakref import WeakKeyDictionary, WeakMethod, WeakSet, ref

from urlrequest._concurrency.interest_list import new_interest_list
from urlrequest._concurrency.sync import AtomicFlag, snapshot
from urlrequest._delivery.queue import DispatchQueue, Relay, default_queue
from urlrequest._log import log
from urlrequest.errors import HookError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from typing_extensions import Self

__all__ = [
    "PAUSE_MS",
    "Hook",
    "ThreadHook",
    "YieldingHook",
    "close_all",
    "import_toolkit",
    "reset_after_fork",
    "weak_callback",
]

PAUSE_MS = 1  # milliseconds between two drains, so that timers and redraws run

_hooks: WeakKeyDictionary[Any, Hook] = WeakKeyDictionary()  # by loop
_all_hooks: WeakSet[Hook] = WeakSet()


class Hook(ABC):
    """Brings callbacks to the thread of an event loop (contract 8.4).

    For an event loop of your own, implement `wakeup()` so that the loop calls `run()` on its thread soon afterwards.

    Attributes:
        budget: Time for the callbacks of one `run()`, in seconds; the others wait for the next one (contract 8.5).
    """

    budget: float = 0.008
    _propagated: ClassVar[tuple[type[BaseException], ...]] = (KeyboardInterrupt, SystemExit)  # `run()` raises them
    _reports_always: ClassVar[bool] = False  # what its requests raise, whichever loop runs them

    def __init__(self) -> None:
        self.queue: DispatchQueue = DispatchQueue(self._wake)
        self._is_lost = False
        self._is_left_behind = False  # this is a forked child, and the loop is the parent's (HOOK-5)
        self._relays: tuple[_HookRelay, ...] = ()  # to the queues of the other loops of this thread
        self._is_running = False  # its loop has called `run()`; belongs to the loop's thread
        self._is_called = AtomicFlag()  # a wake-up is on its way; looked at only where there are other loops
        self._find_loop: Callable[[], Any] = lambda: None
        _all_hooks.add(self)

    def __repr__(self) -> str:
        state = (
            f"{self.queue.count} requests have pending callbacks"
            if not self._is_lost
            else "closed, or its loop is gone"
        )
        return f"<{type(self).__name__}: {state}>"

    @classmethod
    def detect(cls) -> Self | None:
        """Return the hook of this thread's or this process's event loop; None: there is none. Imports no toolkit."""
        return None

    @classmethod
    def find(cls, thread: int) -> Self | None:  # noqa: ARG003 - for hooks of loops that belong to a thread
        """Return the hook of an event loop that has appeared since a request was made (contract 8.10).

        Args:
            thread: Ident of the thread that made the request; it is not this one, which has no loop.
        """
        return cls.detect()

    @abstractmethod
    def wakeup(self) -> None:
        """Make the loop call `run()` soon. Any thread; must not wait for the loop.

        Raises:
            Exception: The loop is gone; from then on `wait()` and `urlrequest.drain()` run the callbacks.
        """

    def drain(self, budget: float | None = None) -> bool:
        """Run pending callbacks on this thread, which must be the loop's.

        Args:
            budget: Time to spend, in seconds; at least one event is delivered. None: all that is pending now.
        Returns:
            Whether callbacks are still pending; `wakeup()` has been called for them.
        Raises:
            BaseException: What a callback raised; the other events stay pending.
        """
        return self.queue.drain(budget)

    def run(self) -> None:
        """Run pending callbacks within the budget; for the event loop to call.

        Exceptions of callbacks go to `handle_exception()`.

        Raises:
            KeyboardInterrupt, SystemExit: A callback raised it, and the loop can pass it on to its caller.
        """
        self._is_called.clear()
        outer, self._is_running = self._is_running, True
        try:
            self.drain(self.budget)
        except self._propagated:
            raise
        except BaseException as error:  # noqa: BLE001 - no callback may end the loop
            self._report(error)
        finally:
            self._is_running = outer

    def _report(self, error: BaseException) -> None:
        from urlrequest._tracebacks import trimmed  # few callbacks raise

        try:
            self.handle_exception(trimmed(error))
        except Exception:  # noqa: BLE001 - neither a callback nor its report may end the loop
            log("ERROR", "%s.handle_exception() failed", type(self).__name__, exc_info=True)

    def handle_exception(self, error: BaseException) -> None:
        """Report what a callback raised, through `sys.excepthook` unless it is overridden (contract 8.7)."""
        sys.excepthook(type(error), error, error.__traceback__)

    def close(self) -> None:
        """Leave the event loop: from now on `wait()` and `urlrequest.drain()` run the callbacks. Any thread."""
        self._is_lost = True
        self._leave(default_queue)

    def pair_with(self, other: Hook) -> None:
        """Let another loop of the same thread drain this hook's queue as well (HOOK-4)."""
        if any(relay.target is other.queue for relay in self._relays):
            return
        relay = _HookRelay(self, other)
        self._relays += (relay,)
        if self.queue.has_pending:
            relay.enqueue()

    def _wake(self) -> None:
        for relay in self._relays:
            relay.enqueue()
        if self._relays and self._is_called.test_and_set():
            return
        try:
            self.wakeup()
        except MemoryError:  # the loop is still there; who announces an event tries again
            self._is_called.clear()
            raise
        except Exception as error:  # noqa: BLE001 - each toolkit raises something else when it is gone
            self._lose(error)

    def _lose(self, reason: object) -> None:
        """Give the events, present and future, to another queue: the loop is gone (HOOK-2)."""
        is_first, self._is_lost = not self._is_lost, True
        heirs = [relay.target for relay in self._relays if not relay.target.is_forwarded]
        if is_first and not heirs and self.queue.has_requests:
            what = "%s: the event loop is gone (%s); another loop, wait() or drain() runs the callbacks"
            log("INFO", what, type(self).__name__, reason)
        self._leave(*heirs, default_queue)

    def _leave(self, heir: DispatchQueue, *_: DispatchQueue) -> None:
        for relay in self._relays:
            relay.leave()
        self.queue.interest_list = None
        self.queue.forward_to(heir)

    def _home(self) -> int:
        """Ident of the thread that the loop runs on, for a hook that this thread has detected."""
        return threading.main_thread().ident or 0

    def leave_behind(self) -> None:
        """Have nothing to do with the loop. In a forked child, to which the parent's loop does not belong (HOOK-5)."""
        self._is_lost = self._is_left_behind = True
        self.queue.interest_list = None
        self.queue.reset_after_fork()
        self.queue.forward_to(default_queue)

    # For the hooks of loops that are objects

    @property
    def is_lost(self) -> bool:
        """Whether the hook was closed or its loop is gone: `wait()` and `urlrequest.drain()` run the callbacks then."""
        return self._is_lost

    @classmethod
    def _of(cls, loop: object) -> Self | None:
        """Return the hook that a loop has already."""
        hook = _hooks.get(loop)
        return hook if isinstance(hook, cls) and not hook.is_lost else None

    @classmethod
    def _is_ours(cls, loop: object) -> bool:
        """Whether a loop belongs to this process, and so can turn (HOOK-5)."""
        hook = _hooks.get(loop)
        return hook is None or not hook._is_left_behind  # noqa: SLF001 - its own class

    def _bind(self, loop: object) -> None:
        """Bind to a loop (HOOK-1). The first hook of a loop serves all its requests that name none."""
        self._find_loop = ref(loop, weak_callback(self._on_loop_end))
        if self._of(loop) is None:
            _hooks[loop] = self

    @property
    def _loop(self) -> Any:
        """The loop.

        Raises:
            HookError: It is gone.
        """
        loop = self._find_loop()
        if loop is None:
            raise HookError("it was destroyed")
        return loop

    def _on_loop_end(self) -> None:
        """Try a wake-up, which fails if the loop is gone, in case events wait for one that was lost (HOOK-2)."""
        self._is_called.clear()
        if self.queue.has_requests:
            self._wake()
        else:
            self._rest()

    def _on_drop(self) -> None:
        """Note that the loop has dropped a wake-up, which ends it: another one could be dropped in the same way."""
        if self.queue.has_requests:
            self._lose("it drops its calls")
        else:
            self._is_called.clear()
            self._rest()

    def _rest(self) -> None:
        """Be in no other loop's queue, and call the wake-up for the next event: the last one does not arrive."""
        for relay in self._relays:
            relay.leave()
        self.queue.expect_wakeup()


def close_all() -> None:
    """Leave all loops. At the end of the process, whose toolkits may have gone before it."""
    for hook in snapshot(_all_hooks):
        hook.close()


def reset_after_fork() -> None:
    """Leave the hooks of the parent's loops behind. In a forked child."""
    for hook in snapshot(_all_hooks):
        if hook.queue.thread is not None or hook._find_loop() is not None:  # noqa: SLF001 - of this module
            hook.leave_behind()


class _HookRelay(Relay):
    """Stands for all requests of a hook in the queue of another one."""

    __slots__ = ("_hook", "_other")

    def __init__(self, hook: Hook, other: Hook) -> None:
        super().__init__(hook.queue, other.queue)
        self._hook = hook
        self._other = other

    def deliver_batch(self, most: int, until: float | None) -> int:
        try:
            return super().deliver_batch(most, until)
        except self._other._propagated:  # noqa: SLF001 - of the same module
            raise
        except BaseException as error:
            if not (self._hook._reports_always and self._other._is_running):  # noqa: SLF001 - of the same module
                raise  # to the loop, or to a program that drains
            self._hook._report(error)  # noqa: SLF001 - of the same module
            return 1


class YieldingHook(Hook):
    """A hook of a loop that serves wake-ups before timers, or in turns with them.

    If it asked for the next wake-up as soon as its budget is spent, timers and redraws would be late by several budgets
    (measured: two budgets in asyncio and Qt, four in trio). So it pauses, and the loop serves them first.
    """

    _is_pausing = False  # the loop will call `_resume()`; belongs to the loop's thread
    _is_new = True  # the loop has called nothing yet; likewise

    def _on_wakeup(self) -> None:
        """Run, unless it is pausing; for the loop to call after a wake-up, or when responses have come."""
        if self._is_pausing:
            return
        if self._is_new:
            self._is_new = False
            self._begin_to_read()
        try:
            self.run()
        finally:
            if self.queue.has_pending and not self._is_pausing:  # a loop inside a callback may have begun a pause
                self._is_pausing = True
                self._pause()

    def _begin_to_read(self) -> None:
        """Let the loop read responses itself, by `_read_with()`, if it can watch a descriptor. On its thread, once."""

    def _read_with(self, watch: Callable[[int, Callable[..., None]], object]) -> None:
        """Let the loop read responses itself.

        Args:
            watch: Makes the loop call something whenever a descriptor is readable.
        """
        interest_list = new_interest_list(weak_callback(self._on_wakeup))
        if interest_list is None:
            return
        try:
            watch(interest_list.fileno(), interest_list.notify)
        except Exception:  # noqa: BLE001 - whatever keeps a loop from it, another thread reads
            return
        self.queue.interest_list = interest_list

    @abstractmethod
    def _pause(self) -> None:
        """Make the loop call `_resume()` when it has served timers and redraws."""

    def _resume(self) -> None:
        self._is_pausing = False
        self._on_wakeup()


def import_toolkit(module: str, package: str) -> Any:
    """Import a toolkit's module.

    Args:
        package: The name under which it is installed, for the message.
    Raises:
        ImportError: It is missing.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"this hook needs the package {package}: {error}", name=error.name) from error


def weak_callback(method: Callable[[], object]) -> Callable[..., None]:
    """Return a function that ignores its arguments, and calls a bound method as long as its object lives."""
    find = WeakMethod(method)

    def call(*_: object) -> None:
        found = find()
        if found is not None:
            found()

    return call


class ThreadHook(YieldingHook):
    """A hook of a loop that runs on any thread of the program, and is found by that thread."""

    def __init__(self, loop: Any) -> None:
        super().__init__()
        self._bind(loop)

    @classmethod
    @abstractmethod
    def _loop_on(cls, thread: int) -> Any:
        """Return the loop that runs on a thread, or None."""

    @classmethod
    def find(cls, thread: int) -> Self | None:
        """Return the hook of the loop that runs on a thread, or else on the main thread."""
        for home in (thread, threading.main_thread().ident or 0):
            loop = cls._loop_on(home)
            if loop is not None and cls._is_ours(loop):
                hook = cls._of(loop) or cls(loop)
                if hook.queue.thread is None:
                    hook.queue.serve_on(home)
                return hook
        return None

    def _home(self) -> int:
        return threading.get_ident()
