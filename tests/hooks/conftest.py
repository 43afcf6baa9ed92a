"""The screen for scripts, and the table of loops and cases at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def screen() -> Iterator[None]:
    """A screen for scripts that run in a process of their own; Qt does without."""
    from support.programs import virtual_screen

    with virtual_screen() as display, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", display)
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note an answer where the table is shown, whichever process asked for it."""
    from hooks.children import TABLE

    if report.when == "call":
        for name, value in report.user_properties:
            if name == "hooks":
                TABLE.note(*value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from hooks.children import TABLE

    if TABLE:
        terminalreporter.section("hooks: loop x case")
        for line in TABLE.lines():
            terminalreporter.write_line(line)
