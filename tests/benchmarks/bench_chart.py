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

# The table's section, its figure and its column; and what stands over the bars. Less is better where it says so.
PANELS = [
    ("Small GETs one after the other", "requests/s", "http", "Small GETs, one after the other (requests/s)"),
    (
        "Small GETs one after the other",
        "CPU us a request",
        "http",
        "Small GETs (CPU microseconds each, less is better)",
    ),
    ("A body of ", "MB/s", "file, progress http", "1 GiB to a file, with progress (MB/s)"),
    ("A body of ", "CPU s/GiB", "file, progress http", "1 GiB to a file (CPU seconds, less is better)"),
    ("1,000 GETs at once", "seconds", "http", "1,000 GETs at once (seconds, less is better)"),
    ("A body of ", "MiB of memory", "memory http", "1 GiB to memory (MiB taken, less is better)"),
]
COMMAND = "python -m tests.benchmarks"


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


def machine(page: str) -> str:
    """The machine of the tables: what stands over them, up to the contenders' versions."""
    return page.partition("<!-- BEGIN figures -->")[2].partition("###")[0].partition(";")[0].strip().replace("\n", " ")


def draw(page: str, target: Path) -> None:
    """Write the chart, an SVG file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "urlrequest"  # the same figures give the same file
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text
    mpl.rcParams["font.family"] = "sans-serif"
    from matplotlib import pyplot as plt

    figure, grid = plt.subplots(len(PANELS) // 2, 2, figsize=(13, 9.5), layout="constrained")
    for panel, (section, name, column, title) in zip(grid.flat, PANELS, strict=True):
        values = {who: value for who, value in read_table(page, section, name, column).items() if who not in LEFT_OUT}
        names = sorted(values, key=lambda who: values[who], reverse="less is better" in title)
        bars = panel.barh(names, [values[who] for who in names], color=[COLOURS[who == OURS] for who in names])
        panel.bar_label(bars, [written(values[who]) for who in names], padding=3)
        panel.set_title(title, loc="left")
        panel.xaxis.set_visible(False)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    figure.supxlabel(f"{COMMAND}: {machine(page)}", fontsize=8, color="#57606a", x=0.01, ha="left")
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]))
