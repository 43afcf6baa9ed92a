"""The loops under test, each behind the same few functions. No toolkit is imported before it is asked for.

All functions but `__init__` run on the loop's thread, which is the main thread of a child process (`child.py`).
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import time
import weakref
from abc import ABC, abstractmethod
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from urlrequest import hooks, install, uninstall

if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest.hooks import Hook


class Loop(ABC):
    """One kind of loop.

    Attributes:
        title: Its name in the table.
        modules: What has to be importable.
        system: It is Debian's package, for the system's Python.
        display: It needs an X server.
        is_detected: Requests detect its hook.
        carries: Whether SystemExit and KeyboardInterrupt of a callback leave `run()`; otherwise they are reported.
        owns_all_threads: Requests of all threads are its own, those of other loops too.
        exits: SystemExit of a callback ends the process, as it does from any callback of this toolkit.
        slow: Seconds from one look at the events to the next, where the loop has frames or polls.
        lacks: What it has not got, and so the cases that ask for it, with the reason.
    """

    title: ClassVar[str]
    modules: ClassVar[tuple[str, ...]] = ()
    system: ClassVar[bool] = False
    display: ClassVar[bool] = False
    is_detected: ClassVar[bool] = True
    carries: ClassVar[bool] = True
    exits: ClassVar[bool] = False
    owns_all_threads: ClassVar[bool] = False
    slow: ClassVar[float] = 0.0
    lacks: ClassVar[dict[str, str]] = {}
    environment: ClassVar[dict[str, str]] = {}

    report: Callable[[BaseException], object] = staticmethod(lambda error: None)  # given by the case

    def begin(self) -> None:  # noqa: B027 - not every loop has to
        """Make the loop, as at the start of a program."""

    def end(self) -> None:  # noqa: B027 - likewise
        """Undo `begin()`."""

    @abstractmethod
    def run(self, first: Callable[[], object] | None = None) -> None:
        """Call `first` in the loop, and run it until `stop()`."""

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """A timer of the toolkit's."""

    @abstractmethod
    def hook(self) -> Hook:
        """A hook as the user makes it."""

    def destroy(self) -> None:
        """Have the loop gone for good."""
        raise NotImplementedError

    def nest(self, is_over: Callable[[], bool]) -> None:
        """Run a loop inside a callback, a modal dialog where there are any, until `is_over`."""
        raise NotImplementedError

    def another(self) -> Loop:
        """Another loop of this kind, for another thread."""
        raise NotImplementedError


NO_NESTING = {"nesting": "runs no loop inside a callback"}
ONE_LOOP = {"another": "has one loop per process"}
SAME_THREAD_ONLY = {"other_thread_detection": "is found on its own thread only"}
FRAMES_ONLY = {"quick": "delivers once a frame"}
FRAME_LOOP = {"detection": "has no loop that could be found: the program calls the hook"}


class Asyncio(Loop):
    title = "asyncio"
    modules = ("asyncio",)
    lacks = NO_NESTING | SAME_THREAD_ONLY | {"early_detection": "a loop that does not run yet is no thread's loop"}

    def make(self) -> Any:
        import asyncio

        return asyncio.new_event_loop()

    def begin(self) -> None:
        self.loop = self.make()
        self.loop.set_exception_handler(lambda _, context: self.report(context["exception"]))

    def end(self) -> None:
        self.loop.close()

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.loop.call_soon(first)
        self.loop.run_forever()

    def stop(self) -> None:
        self.loop.stop()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        self.loop.call_later(seconds, call)

    def hook(self) -> Hook:
        return hooks.AsyncioHook(self.loop)

    def destroy(self) -> None:
        self.loop.close()

    def another(self) -> Loop:
        return type(self)()


class Uvloop(Asyncio):
    title = "uvloop"
    modules = ("uvloop",)

    def make(self) -> Any:
        import uvloop

        return uvloop.new_event_loop()


class Trio(Loop):
    title = "trio"
    modules = ("trio",)
    carries = False
    lacks = (
        NO_NESTING
        | SAME_THREAD_ONLY
        | {"timers": "has tasks instead, which wait for their own first turn besides"}
        | dict.fromkeys(["early_detection", "early_hook", "restart"], "a run is its own loop, from begin to end")
    )

    def run(self, first: Callable[[], object] | None = None) -> None:
        import trio

        self._is_over = trio.Event()  # before the run: a callback may come before the first step of `main()`

        async def main() -> None:
            if first is not None:
                first()
            await self._is_over.wait()

        trio.run(main)

    def stop(self) -> None:
        self._is_over.set()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        import trio

        async def wait() -> None:
            await trio.sleep(seconds)
            call()

        trio.lowlevel.spawn_system_task(wait)

    def hook(self) -> Hook:
        return hooks.TrioHook()

    def destroy(self) -> None:
        pass  # it went with the end of `run()`

    def another(self) -> Loop:
        return type(self)()


class Tk(Loop):
    title = "tk"
    modules = ("tkinter",)
    display = True
    lacks = ONE_LOOP

    def begin(self) -> None:
        import tkinter as tk

        self.root = tk.Tk()
        self.root.report_callback_exception = lambda kind, error, traceback: self.report(error)  # type: ignore[assignment]

    def end(self) -> None:
        import tkinter as tk

        with contextlib.suppress(tk.TclError):
            self.root.destroy()
        # Here and now: a worker that happened to collect the interpreter would abort the process.
        del self.root
        gc.collect()

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.root.after(0, first)
        self.root.mainloop()

    def stop(self) -> None:
        self.root.quit()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        self.root.after(round(seconds * 1000), call)

    def hook(self) -> Hook:
        return hooks.TkHook()

    def destroy(self) -> None:
        self.root.destroy()

    def nest(self, is_over: Callable[[], bool]) -> None:
        import tkinter as tk

        dialog = tk.Toplevel(self.root)
        dialog.transient(self.root)

        def look() -> None:
            if is_over():
                dialog.destroy()
            else:
                dialog.after(5, look)

        dialog.after(5, look)
        dialog.wait_window()


class TkUpdate(Tk):
    """A program that calls `update()` in a loop of its own."""

    title = "tk update()"
    slow = 0.002
    carries = False
    lacks = Tk.lacks | {"leaving": "Tk keeps what a callback raises until the next mainloop()"}

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.root.after(0, first)
        self.is_running = True
        while self.is_running:
            self.root.update()
            time.sleep(0.001)

    def stop(self) -> None:
        self.is_running = False


class TkPoll(Tk):
    """As on Windows, where Tk watches no descriptors."""

    title = "tk polling"
    slow = 0.06
    lacks = Tk.lacks | FRAMES_ONLY

    def begin(self) -> None:
        super().begin()
        hooks.TkHook._polls = True
        self.root.bind("<Destroy>", lambda event: None)  # an application's binding, which the hook must not need


class Qt(Loop):
    binding: ClassVar[str]
    carries = False
    exits = True
    lacks = ONE_LOOP
    environment = {"QT_QPA_PLATFORM": "offscreen"}  # noqa: RUF012 - never written
    app: Any = None

    def __init_subclass__(cls) -> None:
        cls.title = cls.binding
        cls.modules = (f"{cls.binding}.QtWidgets",)

    def _import(self, name: str) -> Any:
        from importlib import import_module

        return import_module(f"{self.binding}.{name}")

    def begin(self) -> None:
        self.core, self.widgets = self._import("QtCore"), self._import("QtWidgets")
        self.app = self.widgets.QApplication.instance() or self.widgets.QApplication([])
        self.app.setQuitOnLastWindowClosed(False)

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.core.QTimer.singleShot(0, first)
        self.app.exec()

    def stop(self) -> None:
        self.app.quit()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        self.core.QTimer.singleShot(round(seconds * 1000), call)

    def hook(self) -> Hook:
        return hooks.QtHook()

    def nest(self, is_over: Callable[[], bool]) -> None:
        dialog = self.widgets.QDialog()
        timer = self.core.QTimer()
        timer.timeout.connect(lambda: dialog.accept() if is_over() else None)
        timer.start(5)
        dialog.exec()
        timer.stop()


class PySide6(Qt):
    binding = "PySide6"

    def destroy(self) -> None:
        self.app.shutdown()
        self.app = None


class PyQt6(Qt):
    binding = "PyQt6"

    def destroy(self) -> None:
        from PyQt6 import sip

        sip.delete(self.app)
        self.app = None


class GLib(Loop):
    title = "GLib"
    modules = ("gi.repository.GLib",)
    system = True
    carries = False
    exits = True
    lacks = ONE_LOOP | {"destruction": "a main context is never destroyed while a hook has it"}

    def begin(self) -> None:
        from gi.repository import GLib as glib  # noqa: N813 - a module

        self.glib = glib
        self.main = glib.MainLoop()

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.later(0, first)
        self.main.run()

    def stop(self) -> None:
        self.main.quit()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        def once() -> bool:
            call()
            return False

        self.glib.timeout_add(round(seconds * 1000), once)

    def hook(self) -> Hook:
        return hooks.GLibHook()

    def nest(self, is_over: Callable[[], bool]) -> None:
        inner = self.glib.MainLoop()

        def look() -> bool:
            if is_over():
                inner.quit()
                return False
            return True

        self.glib.timeout_add(5, look)
        inner.run()


class Gtk3(GLib):
    title = "GTK 3"
    modules = ("gi.repository.Gtk",)
    display = True

    def begin(self) -> None:
        import gi

        gi.require_version("Gtk", "3.0")
        from gi.repository import Gtk

        super().begin()
        self.gtk = Gtk
        self.window = Gtk.Window()
        self.window.show_all()

    def end(self) -> None:
        self.window.destroy()

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.later(0, first)
        self.gtk.main()

    def stop(self) -> None:
        self.gtk.main_quit()

    def nest(self, is_over: Callable[[], bool]) -> None:
        dialog = self.gtk.Dialog(transient_for=self.window)

        def look() -> bool:
            if is_over():
                dialog.response(1)
                return False
            return True

        self.glib.timeout_add(5, look)
        dialog.run()
        dialog.destroy()


class Wx(Loop):
    title = "wx"
    modules = ("wx",)
    system = True
    display = True
    carries = False
    exits = True
    lacks = ONE_LOOP
    app: Any = None

    def begin(self) -> None:
        import wx

        self.wx = wx
        self.app = self.app or wx.App()
        self.app.SetExitOnFrameDelete(False)
        self.frame = wx.Frame(None)
        self.frame.Show()
        self.timers: list[Any] = []
        self.dialogs: list[Any] = []

    def end(self) -> None:
        if self.app:
            self.frame.Destroy()

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.wx.CallAfter(first)
        self.app.MainLoop()

    def stop(self) -> None:
        self.app.ExitMainLoop()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        self.timers.append(self.wx.CallLater(max(1, round(seconds * 1000)), call))

    def hook(self) -> Hook:
        return hooks.WxHook()

    def destroy(self) -> None:
        self.frame.Destroy()
        self.app.ProcessPendingEvents()
        self.app = None

    def nest(self, is_over: Callable[[], bool]) -> None:
        dialog = self.wx.Dialog(self.frame)
        self.dialogs.append(dialog)

        def look(event: object) -> None:
            if is_over() and dialog is self.dialogs[-1]:  # wx wants them closed in order
                dialog.EndModal(0)

        timer = self.wx.Timer(dialog)
        dialog.Bind(self.wx.EVT_TIMER, look, timer)
        timer.Start(5)
        dialog.ShowModal()
        timer.Stop()
        self.dialogs.pop()
        dialog.Destroy()


class Kivy(Loop):
    """Without a window: what Kivy needs is a listener."""

    title = "Kivy"
    modules = ("kivy.base",)
    owns_all_threads = True
    slow = 1 / 60
    lacks = ONE_LOOP | NO_NESTING | FRAMES_ONLY | {"destruction": "the Clock lasts as long as the process"}
    environment = {  # noqa: RUF012 - never written
        "KIVY_NO_ARGS": "1",
        "KIVY_NO_CONSOLELOG": "1",
        "KIVY_NO_FILELOG": "1",
    }

    def begin(self) -> None:
        from kivy import base, clock

        self.base, self.clock = base, clock.Clock
        base.EventLoop.status = "idle"  # as in a fresh process
        base.EventLoop.add_event_listener(self)

    def dispatch(self, *_: object) -> None:
        """Kivy's listeners have this."""

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.later(0, first)
        self.base.runTouchApp()

    def stop(self) -> None:
        self.base.stopTouchApp()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        self.clock.schedule_once(lambda dt: call(), seconds)

    def hook(self) -> Hook:
        return hooks.KivyHook()


class Frames(Loop):
    """A loop that the program has written itself."""

    is_detected = False
    lacks = ONE_LOOP | FRAME_LOOP | FRAMES_ONLY
    pause: ClassVar[float] = 0.001

    def begin(self) -> None:
        self.timers: list[tuple[float, int, Callable[[], object]]] = []
        self.numbers = count()
        self.hooks: weakref.WeakSet[Hook] = weakref.WeakSet()
        install(self.hook())

    def end(self) -> None:
        uninstall()

    @abstractmethod
    def make(self) -> Hook: ...

    def hook(self) -> Hook:
        hook = self.make()
        self.hooks.add(hook)
        return hook

    def run(self, first: Callable[[], object] | None = None) -> None:
        if first is not None:
            self.later(0, first)
        self.is_running = True
        while self.is_running:
            self.frame()

    def frame(self) -> None:
        time.sleep(self.pause)
        self.tick()

    def tick(self) -> None:
        for hook in list(self.hooks):
            hook.run()
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()

    def stop(self) -> None:
        self.is_running = False

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.numbers), call))

    def nest(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            self.frame()


class Manual(Frames):
    title = "own loop"
    slow = 0.002
    lacks = Frames.lacks | {"destruction": "ends with the program"}

    def make(self) -> Hook:
        return hooks.ManualHook()


class Pygame(Frames):
    title = "pygame"
    modules = ("pygame",)
    environment = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}  # noqa: RUF012 - never written

    def begin(self) -> None:
        import pygame

        self.pygame = pygame
        pygame.display.init()
        pygame.display.set_mode((64, 64))
        super().begin()

    def make(self) -> Hook:
        return hooks.PygameHook()

    def frame(self) -> None:
        left = self.timers[0][0] - time.monotonic() if self.timers else 1.0
        if left > 0:
            self.pygame.event.wait(max(1, round(left * 1000)))
        self.pygame.event.clear()
        self.tick()

    def destroy(self) -> None:
        self.pygame.quit()


LOOPS: dict[str, type[Loop]] = {
    loop.title: loop
    for loop in (
        Asyncio, Uvloop, Trio, Tk, TkUpdate, TkPoll, PySide6, PyQt6, GLib, Gtk3, Wx, Kivy, Pygame, Manual,
    )
}  # fmt: skip
