"""The logger `urlrequest`. `logging` takes 3 ms to import, so it is imported when there is something to log."""

from __future__ import annotations

import sys
import threading

__all__ = ["log", "report"]


def log(level: str, message: str, *arguments: object, exc_info: bool = False, source: str = "urlrequest") -> None:
    """Log a message.

    It begins with its source and a colon, as Kivy's messages do: Kivy's formatter makes a heading of what stands before
    the first colon, and so would tear a URL apart.

    An exception of the application's filter or handler goes to `threading.excepthook`, as no request may fail by it.

    Args:
        level: "DEBUG", "INFO", "WARNING" or "ERROR".
        exc_info: Add the exception that is being handled.
        source: The name of the request, for what only one request is concerned with.
    """
    try:
        import logging
    except (ImportError, OSError):
        return  # no descriptor is left, or the interpreter shuts down: no request may fail because of that
    number: int = getattr(logging, level)
    message = f"%s: {message}"
    shown = [each if isinstance(each, int | float) else _Printable(each) for each in (source, *arguments)]
    try:
        logging.getLogger("urlrequest").log(number, message, *shown, exc_info=exc_info, stacklevel=2)
    except Exception as error:  # noqa: BLE001 - it may raise anything
        report(error, threading.current_thread())


class _Printable:
    """A text, or what has one, without control characters: a server must not write on a terminal, or lines of its own.

    It is made text when it is formatted, by `logging`, which copes with a `str()` that raises.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        return _printable(str(self._value))

    def __repr__(self) -> str:
        return _printable(repr(self._value))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def report(error: BaseException, thread: threading.Thread) -> None:
    """Report an exception that no caller will get, through `threading.excepthook`.

    What that hook itself raises goes to `sys.excepthook`, as at the end of any thread: no worker may end because of it.
    """
    try:
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))
    except Exception as failure:  # noqa: BLE001 - it may raise anything
        sys.excepthook(type(failure), failure, failure.__traceback__)
