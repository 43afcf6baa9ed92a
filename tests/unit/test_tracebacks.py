"""Notes on exceptions, and the places that they name."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

import pytest

from urlrequest._tracebacks import add_note, forget_variables, note_callback, place_of, trimmed


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


def fail() -> None:
    raise ValueError("what")


def caught(*notes: str) -> ValueError:
    """An exception with a traceback of two frames, both of this module, and these notes."""
    with pytest.raises(ValueError, match="what") as raised:
        fail()
    for note in notes:
        add_note(raised.value, note)
    return raised.value


def depth(error: BaseException) -> int:
    return len(list(traceback.walk_tb(error.__traceback__)))


def test_only_frames_of_the_library_go() -> None:
    """Frames of the program stay; those of the library that precede them go, where a callback has raised."""
    error = caught("in on_success of x")
    whole = depth(error)

    assert error is trimmed(error)
    assert whole == depth(error)


def test_the_last_frame_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception whose frames are all of the library keeps the innermost; one of the library itself keeps all."""
    monkeypatch.setattr("urlrequest._tracebacks._is_ours", lambda _: True)
    own, of_callback = caught("another note"), caught("in on_error of x")

    assert (2, 1) == (depth(trimmed(own)), depth(trimmed(of_callback)))


def test_note_of_a_callback() -> None:
    """It has the callback and the repr() of the request."""
    error = caught()
    note_callback(error, "request", "on_chunk")

    assert ["in on_chunk of 'request'"] == error.__notes__  # type: ignore[attr-defined]  # before Python 3.11


def raised_by(module: str, *arguments: object) -> BaseException:
    """The exception of a function of a module of that name, which calls its first argument or raises."""
    code = "def call(secret, inner=None, *more):\n    inner(secret, *more)\n    raise KeyError(secret)"
    names: dict[str, Any] = {"__name__": module}
    exec(code, names)  # noqa: S102 - a function of another module
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is
        names["call"]("s3cret", *arguments)
    return raised.value


def variables(error: BaseException) -> list[tuple[str, bool]]:
    """The modules of the frames of a traceback, and whether they have their variables."""
    return [(frame.f_globals["__name__"], bool(frame.f_locals)) for frame, _ in traceback.walk_tb(error.__traceback__)]


def test_16_3_the_library_forgets_its_variables() -> None:
    """Contract 16.3: frames of the library, and of Python's below them, have none; those of the program keep theirs."""
    ours = raised_by("urlrequest._http.x", json.loads)
    programs = raised_by("program", json.loads)
    for error in (ours, programs):
        forget_variables(error)

    assert {False} == {has for name, has in variables(ours) if name != __name__}
    assert {True} == {has for _, has in variables(programs)}


def test_16_3_causes_forget_theirs_too() -> None:
    """Contract 16.3: so do the exceptions that led to it; a circle of them ends."""
    first, second = raised_by("urlrequest.a"), raised_by("urlrequest.b")
    first.__cause__, second.__context__ = second, first
    forget_variables(first)

    assert {False} == {has for each in (first, second) for name, has in variables(each) if name != __name__}
