"""Notes on exceptions: which callback raised, and where a request was made. Loaded by the first such exception."""

from __future__ import annotations

from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

__all__ = ["add_note", "place_of"]


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an exception. Tracebacks show it from Python 3.11 on; before, pytest and our log lines do."""
    with suppress(Exception):  # an exception's class may refuse attributes
        if hasattr(error, "add_note"):
            error.add_note(note)
        else:
            error.__notes__ = [*getattr(error, "__notes__", ()), note]  # type: ignore[attr-defined]  # before Python 3.11


def place_of(code: CodeType, instruction: int) -> str:
    """File, line and function of an instruction, given by its offset in bytes."""
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line is not None)
    return f"{code.co_filename}:{next(lines, code.co_firstlineno)}, in {code.co_name}"
