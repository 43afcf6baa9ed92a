"""The aims: which ratios of an interleaved run say that the library is as fast as it wants to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .bench_report import Results

__all__ = ["aims"]

OURS = "urlrequest"
PURE_PYTHON = ("aiohttp", "urllib3", "httpx", "requests", "niquests", "requests-futures")


class Aim(NamedTuple):
    """How many times better ours has to be than somebody, at least.

    Attributes:
        case: Of ours; and of the others, if `beside` names no other one.
        against: The others; the best of those that took part counts.
    """

    scenario: str
    case: str
    figure: str
    against: tuple[str, ...]
    at_least: float
    beside: str = ""
    is_high_good: bool = False


def _loads(case: str, against: tuple[str, ...], at_least: float, beside: str = "") -> tuple[Aim, Aim]:
    return (
        Aim("download", case, "rate", against, at_least, beside, is_high_good=True),
        Aim("download", case, "cpu", against, at_least, beside),
    )


AIMS = (
    *_loads("sink, progress http", (OURS,), 0.9, beside="sink http"),
    *(aim for to in ("memory", "file") for aim in _loads(f"{to} https", ("pycurl (system)",), 0.95)),
    *(aim for to in ("memory", "file") for aim in _loads(f"{to} https", ("http.client",), 1.0)),
    *(Aim("coded", coding, "rate", PURE_PYTHON, 1.0, is_high_good=True) for coding in ("gzip", "br", "zstd")),
    *(Aim("coded", coding, "cpu", PURE_PYTHON, 1.0) for coding in ("gzip", "br", "zstd")),
    Aim("chunks", "http", "cpu", ("http.client",), 1 / 1.2),
    *(
        Aim("upload", f"{of} {scheme}", figure, PURE_PYTHON, 1.0, is_high_good=figure == "rate")
        for of in ("bytes", "file", "pieces", "form")
        for scheme in ("http", "https")
        for figure in ("rate", "cpu")
    ),
    *(Aim("bodies", scheme, figure, PURE_PYTHON, 1.0) for scheme in ("http", "https") for figure in ("seconds", "cpu")),
    Aim("import", "import", "used", ("http.client",), 1.0),
    Aim("import", "import", "cpu", ("http.client",), 1.0),
    Aim("first", "https", "total", ("http.client",), 1.0),
    Aim("first", "https", "request", ("http.client",), 1.0),
    Aim("first", "https", "cpu", ("http.client",), 1.0),
)


def aims(results: Results) -> Iterator[str]:
    """One line for each aim whose scenario was run: the ratio, what it should be at least, and who was the best."""
    for aim in AIMS:
        found = [
            (ratio, other)
            for other in aim.against
            if (ratio := results.ratio(aim.scenario, aim.case, aim.beside or aim.case, other, aim.figure)) is not None
        ]
        ratios = [(ratio if aim.is_high_good else 1 / ratio, other) for ratio, other in found if ratio > 0]
        if ratios:
            best, other = min(ratios)
            verdict = "met" if best >= aim.at_least else "MISSED"
            what = f"{aim.scenario} {aim.case}, {aim.figure}, beside {other} {aim.beside}".rstrip()
            yield f"{verdict:6} {best:6.2f} of {aim.at_least:.2f}  {what}"
