"""Notes on exceptions (which callback raised, where a request was made), and what their tracebacks hold.

It is loaded with the engine: an exception may come when the process has no descriptor left, or has given up its files.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType

__all__ = ["add_note", "forget_variables", "note_callback", "place_of", "shown", "trimmed"]

_CALLBACK = "in on_"  # how the note begins that names a callback


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an exception. Tracebacks show it from Python 3.11 on; before, pytest and our log lines do."""
    try:
        add = getattr(error, "add_note", None)
        if add is not None:
            add(note)
        else:
            error.__notes__ = [*getattr(error, "__notes__", ()), note]  # type: ignore[attr-defined]  # before Python 3.11
    except Exception:  # noqa: BLE001, S110 - an exception's class may refuse attributes
        pass


def note_callback(error: BaseException, request: object, name: str) -> None:
    """Note on an exception which callback of which request has raised it."""
    add_note(error, f"in {name} of {shown(request)}")


def shown(request: object) -> str:
    """The `repr()` of a request as it is now, for notes and log lines: a handler that keeps them keeps no request."""
    try:
        return repr(request)
    except Exception:  # noqa: BLE001 - that of a subclass may raise anything
        return f"a {type(request).__name__}"


def trimmed(error: BaseException) -> BaseException:
    """The same exception; if a callback has raised it, its traceback begins in the program, not in the library."""
    if any(str(note).startswith(_CALLBACK) for note in getattr(error, "__notes__", ())):
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None and _is_ours(trace):
            trace = trace.tb_next
        error.__traceback__ = trace
    return error


def forget_variables(error: BaseException) -> None:
    """Let the frames of the library in a traceback forget their variables, and those of what it calls in Python's own.

    There are passwords and bodies among them, and tools print the variables of tracebacks. The frames of the program
    (a callable for `auth`, a body that it yields) keep theirs.
    """
    seen: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or any(each is one for one in seen):
            continue
        seen.append(each)
        left += [each.__cause__, each.__context__]
        is_ours = False
        trace = each.__traceback__
        while trace is not None:
            is_ours = _is_ours(trace) or (is_ours and _is_pythons(trace))
            if is_ours:
                try:
                    trace.tb_frame.clear()
                except RuntimeError:
                    pass  # it still runs
            trace = trace.tb_next


def _is_pythons(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] in sys.stdlib_module_names


def _is_ours(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__")).startswith("urlrequest.")


def place_of(code: CodeType, instruction: int) -> str:
    """File, line and function of an instruction, given by its offset in bytes."""
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line is not None)
    return f"{code.co_filename}:{next(lines, code.co_firstlineno)}, in {code.co_name}"
