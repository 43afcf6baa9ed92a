"""The logger `urlrequest`. Importing `logging` takes 3 ms: it waits until there is something to log."""

from __future__ import annotations

import threading

__all__ = ["log", "report"]


def log(level: str, message: str, *arguments: object, exc_info: bool = False) -> None:
    """Log a message.

    What a filter or a handler of the application's raises goes to `threading.excepthook`: no request may fail of it.

    Args:
        level: "DEBUG", "WARNING" or "ERROR".
        exc_info: Add the exception that is being handled.
    """
    try:
        import logging
    except (ImportError, OSError):
        return  # no descriptor is left to read it with, or the interpreter ends: no request may fail of that
    number: int = getattr(logging, level)
    try:
        logging.getLogger("urlrequest").log(number, message, *arguments, exc_info=exc_info, stacklevel=2)
    except Exception as error:  # noqa: BLE001 - it may raise anything
        report(error, threading.current_thread())


def report(error: BaseException, thread: threading.Thread) -> None:
    """Tell of an error for which nobody waits, as of any thread's."""
    threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
