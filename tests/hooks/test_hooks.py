"""One suite for all loops: every case of `cases.py` on every loop of `loops.py`, with the real toolkits.

Each loop has a process of its own (`child.py`), of the Python that its toolkit is installed for. A toolkit that is
missing skips its cases, and fails them where the environment variable CI is set. At the end comes a table.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from hooks.cases import CASES
from hooks.children import Child, Missing, find_python
from hooks.loops import LOOPS
from support.programs import missing, virtual_screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.hooks

EVERYWHERE = {"asyncio", "trio", "own loop"}  # the other loops are toolkits' own


def marks_of(loop: str, case: str) -> list[pytest.MarkDecorator]:
    """What keeps a question from being asked on every machine."""
    marks = [pytest.mark.clock] if CASES[case].is_timed else []
    return marks if loop in EVERYWHERE else [*marks, pytest.mark.system]


# Loop by loop, so that each needs one process. What a loop lacks is not asked of it.
QUESTIONS = [
    pytest.param(loop, case, id=f"{loop}-{case}", marks=marks_of(loop, case))
    for loop in LOOPS
    for case in CASES
    if not LOOPS[loop].lacks.keys() & set(CASES[case].needs)
]


@pytest.fixture(scope="module")
def child_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Child]]:
    """The process of a loop, by its title."""
    children: dict[str, Child | Missing] = {}
    screens: list[str] = []

    def get(title: str) -> Child:
        if title not in children:
            for other in children.values():
                if isinstance(other, Child):
                    other.close()
            try:
                children[title] = make(title)
            except Missing as error:
                children[title] = error
        child = children[title]
        if isinstance(child, Missing):
            missing(str(child))
        return child

    def make(title: str) -> Child:
        loop = LOOPS[title]
        python = find_python(loop)
        if loop.display and not screens:
            screens.append(stack.enter_context(virtual_screen()))
        display = screens[0] if loop.display else None
        child = Child(loop, python, display, tmp_path_factory.mktemp("loop"))
        stack.callback(child.close)
        return child

    with ExitStack() as stack:
        yield get


@pytest.mark.parametrize(("title", "name"), QUESTIONS)
def test_8_hook(
    child_of: Callable[[str], Child], title: str, name: str, record_property: Callable[[str, object], None]
) -> None:
    """Contract 8: what the case of that name promises, on this loop."""
    case = CASES[name]
    answer = child_of(title).ask(name, says_close=case.says_close)
    record_property("hooks", [title, name, answer])

    if answer["status"] == "absent":
        pytest.skip(answer["reason"])
    assert "passed" == answer["status"], f"{case.check.__doc__}\n{answer['reason']}"


def test_there_are_forty_cases() -> None:
    """Every loop is asked forty things or more, and every case has its promise."""
    for loop in LOOPS:
        assert len([question for question in QUESTIONS if question.values[0] == loop]) >= 40
    assert [] == [name for name, case in CASES.items() if not case.check.__doc__]


def test_every_lack_has_its_reason() -> None:
    """What a loop lacks is something that a case asks for, with a reason."""
    asked = {need for case in CASES.values() for need in case.needs}

    for loop in LOOPS.values():
        assert asked >= loop.lacks.keys()
        assert all(loop.lacks.values())
