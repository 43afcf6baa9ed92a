"""Each hook's class, imported when it is first needed.

The imports are statements with literal names, one for each hook: PyInstaller and Nuitka put into a program what such
statements name, and nothing else.
"""

from __future__ import annotations

from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ._base import Hook

__all__ = ["HOOK_CLASSES", "hook_class"]


def _base() -> type[Hook]:
    from ._base import Hook

    return Hook


def _asyncio() -> type[Hook]:
    from ._asyncio import AsyncioHook

    return AsyncioHook


def _glib() -> type[Hook]:
    from ._glib import GLibHook

    return GLibHook


def _kivy() -> type[Hook]:
    from ._kivy import KivyHook

    return KivyHook


def _manual() -> type[Hook]:
    from ._manual import ManualHook

    return ManualHook


def _pygame() -> type[Hook]:
    from ._pygame import PygameHook

    return PygameHook


def _qt() -> type[Hook]:
    from ._qt import QtHook

    return QtHook


def _tk() -> type[Hook]:
    from ._tk import TkHook

    return TkHook


def _trio() -> type[Hook]:
    from ._trio import TrioHook

    return TrioHook


def _wx() -> type[Hook]:
    from ._wx import WxHook

    return WxHook


HOOK_CLASSES: dict[str, Callable[[], type[Hook]]] = {
    "AsyncioHook": _asyncio,
    "GLibHook": _glib,
    "Hook": _base,
    "KivyHook": _kivy,
    "ManualHook": _manual,
    "PygameHook": _pygame,
    "QtHook": _qt,
    "TkHook": _tk,
    "TrioHook": _trio,
    "WxHook": _wx,
}


@cache
def hook_class(name: str) -> type[Hook]:
    """Import a hook's module, and return the class.

    Raises:
        ModuleNotFoundError: The module, or the hook's toolkit, is missing.
    """
    found = HOOK_CLASSES[name]()
    found.__module__ = "urlrequest.hooks"  # where users find it
    return found
