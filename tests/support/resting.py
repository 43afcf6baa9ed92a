"""rest(): the moment in which all other threads sleep, for forks of C code, which the interpreter survives in no other.

The library's own code is not imported here: applications under uWSGI use this on the system's Python.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

__all__ = ["rest"]

LOOK_INTERVAL = 0.1  # seconds in which no thread runs


def rest() -> None:
    """Return once all other threads of this process sleep in the system, on Linux."""
    before: object = None
    while True:
        now = _switches()
        if now is not None and now == before:
            return
        before = now
        time.sleep(LOOK_INTERVAL)


def _switches() -> dict[str, str] | None:
    """How often each other thread has been switched to; None: one of them runs."""
    this, found = str(threading.get_native_id()), {}
    for task in Path("/proc/self/task").iterdir():
        if task.name != this:
            try:
                lines = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines() if ":" in line)
            except OSError:
                continue  # it has just ended
            if not lines["State"].strip().startswith("S"):
                return None
            found[task.name] = lines["voluntary_ctxt_switches"].strip()
    return found
