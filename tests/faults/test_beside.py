"""The command that lets other clients meet the faults, `beside.py`, and the page that has its table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from faults import beside

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "reliability.md"
SHOWN = [
    "a body shorter than its length",
    "TLS is cut, a body without a length",
    "an idle connection is closed",
    "a file exists, the body is cut",
]


@pytest.mark.parametrize("fault", SHOWN)
def test_the_command_meets_a_fault(tmp_path: Path, fault: str) -> None:
    """A client in a process of its own meets a fault, and the table has a tick where the outcome is right."""
    (row,) = [row for row in beside.ROWS if row.fault == fault]

    assert "✓" == beside.Rig(tmp_path, details=False).cell(row, "urlrequest")


def test_what_is_wrong_has_a_word() -> None:
    """An outcome that is not right is named, whatever it is."""
    broken = beside.ROWS[0]
    file = next(row for row in beside.ROWS if row.is_file)
    idle = next(row for row in beside.ROWS if row.right == beside.WHOLE)

    assert "✓" == beside.verdict(broken, {"error": "OSError"})
    assert "**success**" == beside.verdict(broken, {"body": "hel"})
    assert "**hangs**" == beside.verdict(broken, {"error": "hangs"})
    assert "**replaced**" == beside.verdict(file, {"body": "hel"})
    assert "**gone**" == beside.verdict(file, {"body": "no file"})
    assert "error: OSError" == beside.verdict(idle, {"error": "OSError"})


def test_the_page_has_the_whole_table() -> None:
    """The page has each fault of the command, in its order, and a tick for each here."""
    lines = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert [(str(row.number), row.fault, "✓") for row in beside.ROWS] == lines


def test_the_table_goes_between_the_comments(tmp_path: Path) -> None:
    """What was between them goes, what is around them stays."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{beside.BEGIN}\nold\n{beside.END}\nafter\n", encoding="utf-8")
    beside.write_between(page, "new")

    assert f"before\n{beside.BEGIN}\n\nnew\n\n{beside.END}\nafter\n" == page.read_text(encoding="utf-8")
