"""The chart of the page of figures: `python -m tests.benchmarks.bench_chart docs/explanation/performance.md FILE.svg`.

It draws the tables of the page, so that page and chart always agree. It needs matplotlib.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

OURS = "urlrequest"
LEFT_OUT = {"raw socket", "curl (command)"}  # no libraries
COLOURS = {True: "#1f6feb", False: "#9aa4b2"}  # ours, and the others

# The table's section, its figure and its column; and what stands over the bars.
PANELS = [
    ("Small GETs one after the other", "requests/s", "http", "Small GETs, one after the other (requests/s)"),
    ("A body of ", "MB/s", "file, progress http", "1 GiB to a file, with progress (MB/s)"),
    ("1,000 GETs at once", "seconds", "http", "1,000 GETs at once (seconds, less is better)"),
]


def read_table(page: str, section: str, figure: str, column: str) -> dict[str, float]:
    """Return one column of a table: values by contender."""
    part = page.partition(f"### {section}")[2].partition("\n### ")[0].partition(f"**{figure}**")[2]
    rows = [line.strip("|").split("|") for line in part.strip().splitlines() if line.startswith("|")]
    end = next((number for number, row in enumerate(rows[2:], 2) if not row[0].strip()), len(rows))
    place = [cell.strip() for cell in rows[0]].index(column)
    values = {}
    for row in rows[2:end]:
        found = re.search(r"[\d.,]+", row[place])
        if found is not None:
            values[row[0].strip()] = float(found[0].replace(",", ""))
    return values


def written(value: float) -> str:
    """A value as it stands in the tables."""
    return f"{value:,.3f}" if value < 10 else f"{value:,.0f}"


def draw(page: str, target: Path) -> None:
    """Write the chart, an SVG file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "urlrequest"  # the same figures give the same file
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text
    mpl.rcParams["font.family"] = "sans-serif"
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(len(PANELS), 1, figsize=(7.5, 8.5), layout="constrained")
    for panel, (section, name, column, title) in zip(panels, PANELS, strict=True):
        values = {who: value for who, value in read_table(page, section, name, column).items() if who not in LEFT_OUT}
        names = sorted(values, key=lambda who: values[who], reverse=name == "seconds")
        bars = panel.barh(names, [values[who] for who in names], color=[COLOURS[who == OURS] for who in names])
        panel.bar_label(bars, [written(values[who]) for who in names], padding=3)
        panel.set_title(title, loc="left")
        panel.xaxis.set_visible(False)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]))
