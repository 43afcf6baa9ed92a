"""QtHook: callbacks in Qt's event loop, through PySide6, PyQt6, PySide2 or PyQt5.

Whatever is done for each wake-up goes through `QMetaObject.invokeMethod()`, which posts an event or calls at once. On
Python 3.10 and 3.11, PySide6 6.12.0 takes a reference of None away with each method that returns nothing, and one of
True with each signal that is emitted; so postEvent(), `QTimer.start()` or a signal would end the process after some
thousand wake-ups (measured: 100 calls take 100 references, those of invokeMethod() none).

PySide6 makes its enumerations when they are first looked at, and a second thread that looks meanwhile gets an
AttributeError, or the process ends (measured with 6.11.3 and 6.12.0). So workers use what `__init__` has looked up.
"""

from __future__ import annotations

import sys
from functools import cache
from threading import get_ident
from typing import Any, ClassVar
from weakref import finalize, ref

from urlrequest.errors import HookError

from ._base import PAUSE_MS, YieldingHook, weak_callback

__all__ = ["QtHook"]

_BINDINGS = ("PySide6", "PyQt6", "PySide2", "PyQt5")


class QtHook(YieldingHook):
    """Runs callbacks on the thread of the QApplication, in its event loop and in those of dialogs.

    A wake-up is a posted event. What a callback raises goes to `sys.excepthook` and ends nothing; only SystemExit is
    passed on to Qt, which ends the process with it.
    """

    _seen: ClassVar[ref[Any] | None] = None  # the application at the last look of `find()`
    _propagated = (SystemExit,)  # on anything else, PyQt would abort the process

    def __init__(self) -> None:
        """Bind to the application of the binding that is imported.

        Raises:
            HookError: There is no application yet.
            ImportError: None of the bindings is imported.
        """
        super().__init__()
        self._core, application = _find_application()
        if self._core is None:
            raise ImportError(f"a QtHook needs one of the packages {', '.join(_BINDINGS)}, imported")
        if application is None:
            raise HookError("a QtHook needs a QApplication, and there is none yet")
        self._bridge = _bridge_class(self._core)(
            weak_callback(self._on_wakeup), weak_callback(self._resume), weak_callback(self._on_loop_end)
        )
        self._find_instance = self._core.QCoreApplication.instance
        self._invoke = self._core.QMetaObject.invokeMethod
        self._queued = self._core.Qt.ConnectionType.QueuedConnection
        self._direct = self._core.Qt.ConnectionType.DirectConnection
        self._bridge.moveToThread(application.thread())
        application.destroyed.connect(self._bridge.on_loop_end)
        finalize(self, _let_go, self._core, self._invoke, self._queued, self._bridge).atexit = False
        self._bind(application)

    @classmethod
    def detect(cls) -> QtHook | None:
        """Return the hook of the application, if there is one."""
        _, application = _find_application()
        return (cls._of(application) or cls()) if application is not None and cls._is_ours(application) else None

    @classmethod
    def find(cls, thread: int) -> QtHook | None:
        """Return the hook of an application that was there at the last look: a new one may still be in the making."""
        _, application = _find_application()
        before = None if cls._seen is None else cls._seen()
        cls._seen = None if application is None else ref(application)
        return super().find(thread) if application is not None and application is before else None

    def _home(self) -> int:
        is_here = self._core.QThread.currentThread() == self._loop.thread()
        return get_ident() if is_here else super()._home()

    def wakeup(self) -> None:
        """Post the event; HookError when the application is gone."""
        if self._find_instance() is not self._loop:
            raise HookError("the QApplication was destroyed")
        self._invoke(self._bridge, "on_wakeup", self._queued)

    def _begin_to_read(self) -> None:
        self._read_with(self._bridge.watch)

    def _pause(self) -> None:
        self._invoke(self._bridge.pause, "start", self._direct)


def _find_application() -> tuple[Any, Any]:
    """Return the QtCore in use, and the application."""
    core = None
    for binding in _BINDINGS:
        found: Any = sys.modules.get(f"{binding}.QtCore")
        if found is not None:
            core = found
            application = core.QCoreApplication.instance()
            if application is not None:
                return core, application
    return core, None


_dropped: list[Any] = []
"""Bridges whose hook was dropped on another thread than the application's, emptied; some hundred bytes each."""


def _let_go(core: Any, invoke: Any, queued: Any, bridge: Any) -> None:
    """Let a bridge be destroyed on the application's thread, as its hook is dropped. Any thread.

    A hook and its queue refer to each other, so the garbage collector drops them, on whatever thread it runs. PySide
    destroys the bridge there with its last reference; but there Qt cannot take the notifier out of the application's
    loop, which then reads from what is gone (measured with PySide6 6.12.0 and PyQt6: the process ends).
    """
    if core.QThread.currentThread() != bridge.thread():
        _dropped.append(bridge)
        invoke(bridge, "on_drop", queued)


@cache
def _bridge_class(core: Any) -> Any:
    """Return the class of objects that bring wake-ups to the application's thread."""
    slot = getattr(core, "Slot", None) or core.pyqtSlot

    class Bridge(core.QObject):  # type: ignore[misc]  # the binding is known at run time only
        def __init__(self, wakeup: Any, resume: Any, loop_end: Any) -> None:
            super().__init__()
            self._wakeup, self._resume, self._loop_end = wakeup, resume, loop_end
            self._call: Any = None
            self._notifier: Any = None
            self.pause = core.QTimer(self)
            self.pause.setSingleShot(True)
            self.pause.setInterval(PAUSE_MS)
            self.pause.timeout.connect(self.on_resume)

        def watch(self, descriptor: int, call: Any) -> None:
            """Call something whenever a descriptor is readable. On the application's thread, once."""
            self._call = call
            self._notifier = core.QSocketNotifier(descriptor, core.QSocketNotifier.Type.Read, self)
            self._notifier.activated.connect(self.on_readable)

        @slot()  # type: ignore[untyped-decorator]  # likewise
        def on_wakeup(self) -> None:
            self._wakeup()

        @slot()  # type: ignore[untyped-decorator]  # likewise
        def on_readable(self) -> None:
            self._call()

        @slot()  # type: ignore[untyped-decorator]  # likewise
        def on_resume(self) -> None:
            self._resume()

        @slot()  # type: ignore[untyped-decorator]  # likewise
        def on_loop_end(self) -> None:
            self._loop_end()

        @slot()  # type: ignore[untyped-decorator]  # likewise
        def on_drop(self) -> None:
            if self._notifier is not None:
                self._notifier.setEnabled(False)  # before its descriptor is closed
            self._call = self._notifier = None
            self.deleteLater()

    return Bridge
