"""Hooks bring callbacks to the thread of an event loop (contract 8).

A hook binds a dispatch queue to an event loop. Each hook has a module of its own, which is imported when it is first
needed: so importing this package imports no toolkit, and a program without an event loop loads no hook.
"""

from __future__ import annotations

from ._classes import HOOK_CLASSES, hook_class
from ._detect import check_hook as check_hook
from ._detect import current_hook as current_hook
from ._detect import end_at_exit as end_at_exit
from ._detect import install, uninstall
from ._detect import is_watched as is_watched
from ._detect import reset_after_fork as reset_after_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._asyncio import AsyncioHook
    from ._base import Hook
    from ._glib import GLibHook
    from ._kivy import KivyHook
    from ._manual import ManualHook
    from ._pygame import PygameHook
    from ._qt import QtHook
    from ._tk import TkHook
    from ._trio import TrioHook
    from ._wx import WxHook

__all__ = [
    "AsyncioHook",
    "GLibHook",
    "Hook",
    "KivyHook",
    "ManualHook",
    "PygameHook",
    "QtHook",
    "TkHook",
    "TrioHook",
    "WxHook",
    "install",
    "uninstall",
]


def __getattr__(name: str) -> Any:
    if name in HOOK_CLASSES:
        return hook_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
