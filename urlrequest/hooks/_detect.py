"""Which hook a new request gets: the installed one, or that of the event loop that is detected (contract 8.1, 8.2).

Detection looks only at modules that the application has imported already. For a program without an event loop it costs
a few look-ups of names. Events of a request that found no loop go to one that appears later, see `_late`.

Thread safety. `_installed` is a single reference, read once by each constructor. `_start_watch()` may run in a signal
handler: it sets an `AtomicFlag`, and starts a thread without waiting for a lock.
"""

from __future__ import annotations

import sys
from _thread import start_new_thread
from functools import cache

from urlrequest._concurrency.sync import AtomicFlag, call_if_loaded, insist
from urlrequest._defaults import defaults
from urlrequest._delivery.queue import default_queue
from urlrequest._log import log

from ._classes import hook_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._base import Hook

__all__ = ["check_hook", "current_hook", "detect_hook", "install", "reset_after_fork", "uninstall"]

# A module that is imported wherever such an event loop can be. Kivy comes first: its programs rely on its thread
# (contract 8.2). Then come loops of this thread, then those of the process; GLib is last, since other toolkits on Linux
# run on top of it.
DETECTORS = {
    "kivy.clock": "KivyHook",
    "asyncio": "AsyncioHook",
    "trio": "TrioHook",
    "PySide6.QtCore": "QtHook",
    "PyQt6.QtCore": "QtHook",
    "PySide2.QtCore": "QtHook",
    "PyQt5.QtCore": "QtHook",
    "tkinter": "TkHook",
    "wx": "WxHook",
    "gi.repository.GLib": "GLibHook",
}

_installed: Hook | None = None
_is_watched = AtomicFlag()  # a thread looks for a loop that appears
_is_ending = False  # the process


def install(hook: Hook | None = None) -> Hook | None:
    """Make all requests from now on use a hook, whichever thread makes them (contract 8.1).

    Args:
        hook: The hook; None: the one that is detected now.
    Returns:
        The installed hook; None when none was given and none was found.
    Raises:
        TypeError: It is not a hook.
    """
    global _installed
    check_hook(hook)
    _installed = hook or detect_hook()
    return _installed


def uninstall() -> None:
    """Undo `install()`: requests made from now on detect their event loop again."""
    global _installed
    _installed = None


def check_hook(hook: object) -> Hook | None:
    """Check that a value is a hook or None, and return it.

    Raises:
        TypeError: It is neither.
    """
    from ._base import Hook  # programs without an event loop do not load it

    if hook is not None and not isinstance(hook, Hook):
        hint = f" (did you mean {hook.__name__}()?)" if isinstance(hook, type) and issubclass(hook, Hook) else ""
        raise TypeError(f"hook is {type(hook).__name__}; a urlrequest.hooks.Hook is needed{hint}")
    return hook


def current_hook() -> Hook | None:
    """Return the hook of a request that is made now on this thread and names none."""
    if _installed is not None:
        return _installed
    return detect_hook() if defaults.detect_hook else None


def detect_hook(thread: int | None = None) -> Hook | None:
    """Return the hook of the event loop that runs on this thread, or else of the process's GUI; None: there is none.

    Where other loops belong to the same thread, they get its wake-ups as well (HOOK-4).

    Args:
        thread: Ident of the thread that made a request earlier, when there was no loop; None: this one makes it now.
    """
    if sys.modules.keys().isdisjoint(DETECTORS):
        return None
    found: Hook | None = None
    for module in sorted(sys.modules.keys() & DETECTORS.keys(), key=list(DETECTORS).index):
        hook = _detect(DETECTORS[module], thread)
        if hook is None:
            continue
        if found is None:
            found = hook
        elif hook.queue.thread == found.queue.thread and hook is not found:
            found.pair_with(hook)
    return found


def _detect(name: str, thread: int | None) -> Hook | None:
    """Return the hook of a kind of loop, if there is such a loop; the arguments are as above."""
    try:
        hook = hook_class(name).detect() if thread is None else hook_class(name).find(thread)
    except Exception as error:  # noqa: BLE001 - another thread may still be importing it; no request may fail because of that
        _report_failure(name, error)
        return None
    if hook is not None and hook.queue.thread is None:
        hook.queue.serve_on(hook._home())  # noqa: SLF001 - of the same wing
    return hook


def find_hook(thread: int) -> Hook | None:
    """Return the hook for events of a request that a thread made when there was none; None: there still is none."""
    return _installed or detect_hook(thread)


def _report_failure(name: str, error: Exception) -> None:
    """Log that a hook could not be looked for; at WARNING where the program was built without a module of ours."""
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("urlrequest."):
        _warn_missing(name, str(error.name))
    else:
        log("DEBUG", "%s.detect() failed", name, exc_info=True)


@cache
def _warn_missing(name: str, module: str) -> None:
    """Log it, once."""
    what = "%s is not used, because the module %s is missing; include the whole package urlrequest in the program"
    log("WARNING", what, name, module)


def _start_watch() -> None:
    """Start the thread that looks for a loop, unless it runs. Any thread; never blocks."""
    if not defaults.detect_hook or _is_ending:
        default_queue.expect_wakeup()
    elif not _is_watched.test_and_set():
        try:
            start_new_thread(_watch, ())  # a `threading.Thread` takes locks when it starts
        except (RuntimeError, MemoryError):  # the system gives no more threads, or the interpreter shuts down
            _is_watched.clear()
            default_queue.expect_wakeup()


def _watch() -> None:
    is_possible = True
    try:
        is_possible = insist(_watch_to_the_end)
    finally:
        insist(_is_watched.clear)
        insist(default_queue.expect_wakeup)
        if is_possible and default_queue.has_pending:  # it came between the last look and the line above
            insist(_start_watch)


def _watch_to_the_end() -> bool:
    """Look for a loop until no event waits for one; False: the files of the library are out of reach."""
    try:
        from ._late import watch  # most programs have no events without a loop
    except ImportError:
        return False
    if not _is_ending:  # else the process has begun to end while the module was imported
        watch(find_hook)
    return True


def end_at_exit() -> None:
    """Leave the loops, and look for no other one: no callback runs any more. At the end of the process."""
    global _is_ending
    _is_ending = True
    call_if_loaded("hooks._late", "end")
    call_if_loaded("hooks._base", "close_all")


def is_watched() -> bool:
    """Whether a thread looks for a loop that appears."""
    return _is_watched.is_set()


def reset_after_fork() -> None:
    """Start afresh. In a forked child, where neither the thread nor the parent's loops live on (contract 8.12)."""
    global _installed, _is_ending
    _is_watched.clear()
    _installed, _is_ending = None, False
    for name in ("_late", "_base", "_tk", "_frames"):
        call_if_loaded(f"hooks.{name}", "reset_after_fork")


default_queue.call_when_pending(_start_watch)
