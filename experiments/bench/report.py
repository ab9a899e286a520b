"""What a measurement found, as text, JSON and SVG."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operations.console import table

from .plot import relative
from .rounds import Comparison


@dataclass(frozen=True)
class Report:
    """Each of `tables` begins with its heading. `chart` is SVG."""

    title: str
    tables: Sequence[Sequence[Sequence[str]]]
    figures: Mapping[str, Any] = field(default_factory=dict)
    chart: str = ""
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, title: str, *comparisons: Comparison, notes: Sequence[str] = ()) -> "Report":
        """The chart is of the first."""
        tables = [comparison.table for comparison in comparisons]
        figures = {f"{each.name} {each.unit}".strip(): each.as_json() for each in comparisons}
        return cls(title, tables, figures, relative(title, medians(comparisons[0]), comparisons[0].unit), notes)

    def text(self) -> str:
        return "\n\n".join([self.title, *map(table, self.tables), *self.notes]) + "\n"


def medians(comparison: Comparison) -> dict[str, dict[str, float]]:
    return {
        case: {side: comparison.spread(case, side).median for side in sides}
        for case, sides in comparison.figures.items()
    }


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": os.getloadavg()[0],
    }


def write_json(path: Path, reports: Mapping[str, Report]) -> None:
    found = {name: {"title": report.title, **report.figures} for name, report in reports.items()}
    path.write_text(json.dumps({"machine": machine(), "measurements": found}, indent=1) + "\n")


def write_charts(path: Path, reports: Mapping[str, Report]) -> None:
    """One file for one chart; several are told apart by the measurement's name."""
    charts = {name: report.chart for name, report in reports.items() if report.chart}
    for name, chart in charts.items():
        target = path if len(reports) == 1 else path.with_stem(f"{path.stem}-{name}")
        target.write_text(chart)
