"""The chart of the page of figures."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "performance.md"
CHART = ROOT / "docs" / "pictures" / "performance.svg"


@pytest.fixture
def chart() -> Any:
    """The module that draws it, loaded from its file: the benchmarks are a package only for those who run them."""
    spec = importlib.util.spec_from_file_location("bench_chart", Path(__file__).with_name("bench_chart.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_chart_shows_the_figures_of_the_page(chart: Any) -> None:
    """Every bar of the chart has the figure of its table; after new figures it has to be drawn again."""
    page, drawn = PAGE.read_text(encoding="utf-8"), CHART.read_text(encoding="utf-8")
    for section, figure, column, title in chart.PANELS:
        values = chart.read_table(page, section, figure, column)

        assert "urlrequest" in values
        assert title in drawn
        missing = [
            who for who, value in values.items() if who not in chart.LEFT_OUT if chart.written(value) not in drawn
        ]
        assert [] == missing
