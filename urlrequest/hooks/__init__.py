"""Hooks: how callbacks get to the thread of an event loop (contract 8).

A hook binds a dispatch queue to a loop. Each loop's hook lies in a module of its own, which is imported when it is
first asked for, so that this package imports no toolkit.
"""

from __future__ import annotations

from ._base import Hook, check_hook, current_hook, install, uninstall
from ._manual import ManualHook

__all__ = ["Hook", "ManualHook", "check_hook", "current_hook", "install", "uninstall"]
