"""Notes on exceptions, and the places that they name."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from urlrequest._tracebacks import add_note, place_of


class WithoutNotes(Exception):
    """As an exception of Python 3.10: it has no method for notes."""

    def __getattribute__(self, name: str) -> Any:
        if name == "add_note":
            raise AttributeError(name)
        return super().__getattribute__(name)


class Closed(WithoutNotes):
    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(name)


@pytest.mark.parametrize("kind", [ValueError, WithoutNotes])
def test_notes_are_kept_on_every_python(kind: type[Exception]) -> None:
    """Each note is there, in order, also where exceptions have no method for it; the message stays."""
    error: Any = kind("what")
    add_note(error, "first")
    add_note(error, "second")

    assert (["first", "second"], "what") == (error.__notes__, str(error))


def test_an_exception_may_refuse_notes() -> None:
    """A class that takes no attributes costs the note, and nothing else."""
    error = Closed("what")
    add_note(error, "note")

    assert not hasattr(error, "__notes__")


def test_place_of_an_instruction() -> None:
    """File, line and function of the very call, of several lines too."""

    def make() -> tuple[Any, int, int]:
        frame = sys._getframe()
        line = frame.f_lineno + 3
        return (
            frame.f_code,
            sys._getframe().f_lasti,
            line,
        )

    code, instruction, line = make()

    assert f"{__file__}:{line}, in make" == place_of(code, instruction)
    assert f"{__file__}:{code.co_firstlineno}, in make" == place_of(code, 10**6)
